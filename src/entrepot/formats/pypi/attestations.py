"""Attestations of files (PEP 740): taken in, kept byte for byte, given out as provenance.

They come with an upload, or from the index that a file is read through from.
Their shape is checked, and that each is about the very file it comes with; signatures are not verified here.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from entrepot.model.contents import FilePath
from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidMetadata
from entrepot.wire.call import decode_json, misshapen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.formats.pypi.rules import Filename

FIELD_SIZE: Final = 1024 * 1024
ATTESTATION_TYPE: Final = "application/vnd.entrepot.pypi.attestation.v1+json"
PROVENANCE_TYPE: Final = "application/vnd.pypi.integrity.v1+json"
_MAX_ATTESTATIONS: Final = 16
_SIZE: Final = 64 * 1024
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_MARK: Final = ".attestation."


class _Material(msgspec.Struct):
    """PEP 740, "Attestation objects": how to check who signed."""

    certificate: Annotated[str, msgspec.Meta(min_length=1)]
    transparency_entries: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1)]


class _Envelope(msgspec.Struct):
    """What was signed, and the signature."""

    statement: Annotated[str, msgspec.Meta(min_length=1)]
    signature: Annotated[str, msgspec.Meta(min_length=1)]


class _Attestation(msgspec.Struct):
    """PEP 740, "Attestation objects"."""

    version: Literal[1]
    verification_material: _Material
    envelope: _Envelope


class _Bundle(msgspec.Struct):
    """What one publisher attests. Who that is, is in the certificates, and there it can be verified."""

    attestations: list[msgspec.Raw]


class _Provenance(msgspec.Struct):
    """PEP 740, "Provenance objects"."""

    version: Literal[1]
    attestation_bundles: list[_Bundle]


class _Subject(msgspec.Struct):
    """What a statement is about."""

    name: str
    digest: dict[str, str]


class _Statement(msgspec.Struct):
    """An in-toto statement."""

    type: str = msgspec.field(name="_type")
    subject: list[_Subject]
    predicate_type: str = msgspec.field(name="predicateType")


def parse_attestations(text: str) -> list[bytes]:
    """The objects of the form's field, each as it was sent, with the shape that PEP 740 gives it.

    Raises `InvalidMetadata`, `Invalid`.
    """
    return _checked([bytes(each) for each in decode_json(text.encode(), list[msgspec.Raw])])


def read_provenance(content: bytes) -> list[bytes]:
    """The attestations in another index's provenance of a file, each as it was sent.

    Raises `InvalidMetadata`, `Invalid`.
    """
    provenance = decode_json(content, _Provenance)
    return _checked([bytes(each) for bundle in provenance.attestation_bundles for each in bundle.attestations])


def _checked(found: list[bytes]) -> list[bytes]:
    if not 0 < len(found) <= _MAX_ATTESTATIONS:
        raise InvalidMetadata("attestations", expected=f"1 to {_MAX_ATTESTATIONS}", actual=len(found))
    for each in found:
        if len(each) > _SIZE:
            raise InvalidMetadata("attestation", expected=f"at most {_SIZE} bytes", actual=len(each))
        _read(each)
    return found


def check_subjects(attestations: Sequence[bytes], filename: Filename, digest: Digest) -> None:
    """Raise `InvalidMetadata` unless each attestation is about the file."""
    for content in attestations:
        statement = _read_statement(_read(content).envelope.statement)
        about = [(subject.name, subject.digest.get("sha256")) for subject in statement.subject]
        if about != [(filename.text, digest.hex)]:
            raise InvalidMetadata(
                "attestation",
                expected=f"one subject, {filename.text} with sha256 {digest.hex}",
                actual=str(about)[:300],
            )


def _read(content: bytes) -> _Attestation:
    attestation = decode_json(content, _Attestation)
    for name, value in (
        ("certificate", attestation.verification_material.certificate),
        ("statement", attestation.envelope.statement),
        ("signature", attestation.envelope.signature),
    ):
        _decode(name, value)
    return attestation


def _decode(name: str, value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidMetadata(f"attestation, {name}", expected="base64") from None


def _read_statement(encoded: str) -> _Statement:
    try:
        statement = msgspec.json.decode(_decode("statement", encoded), type=_Statement)
    except msgspec.ValidationError as error:
        raise misshapen("statement", error) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMetadata("statement", expected="an in-toto statement in JSON") from error
    if statement.type != _STATEMENT:
        raise InvalidMetadata("statement", expected=_STATEMENT, actual=statement.type[:200])
    return statement


def path_of(filename: str, content: bytes) -> FilePath:
    """Where an attestation is in its release: beside its file, by its own digest, so that more can come."""
    return FilePath(f"{filename}{_MARK}{Digest.of(content).hex[:32]}")


def subject_of(path: str) -> str | None:
    """The file that the attestation at *path* is about; None for what is no attestation."""
    filename, mark, _ = path.rpartition(_MARK)
    return filename if mark else None


def provenance(attestations: Sequence[bytes]) -> bytes:
    """PEP 740, "Provenance objects". Who published is not claimed: only who holds a token here is known."""
    return msgspec.json.encode(
        {
            "version": 1,
            "attestation_bundles": [
                {
                    "publisher": {"kind": "Entrepot", "claims": None},
                    "attestations": [msgspec.Raw(each) for each in attestations],
                }
            ],
        }
    )

"""OpenPGP: signatures beside files (Maven's ``.asc``), and clear-signed lists of files (Helm's ``.prov``).

RFC 9580; checked by Sequoia, whose policy refuses weak hashes and keys. Only what it says was signed is looked at: text
around a clear-signed block is nobody's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pysequoia

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidEvidence, InvalidKey
from entrepot.trust.evidence import Acceptance, Claims, Verdict
from entrepot.trust.question import Unproven
from entrepot.trust.statement import StatementSubject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from entrepot.trust.evidence import Evidence
    from entrepot.trust.question import Accepted, Question

_CERTIFICATE_SIZE: Final = 1024 * 1024
_SIGNATURE_SIZE: Final = 1024 * 1024
_CLEAR_SIZE: Final = 4 * 1024 * 1024

# RFC 9580, section 7, "Cleartext Signature Framework".
_CLEAR: Final = re.compile(
    r"-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n"
    r"(?P<text>.*?)\r?\n(?P<signature>-----BEGIN PGP SIGNATURE-----.*?-----END PGP SIGNATURE-----)",
    re.DOTALL,
)
# A line of Helm's list: ``  chart-1.0.0.tgz: sha256:…``, the name perhaps in quotes.
_FILE: Final = re.compile(
    r"""\s+(?P<quote>["']?)(?P<name>[^"'\s:][^"':]*)(?P=quote):\s+(?P<digest>sha256:[0-9a-f]{64})\s*"""
)


@dataclass(frozen=True, slots=True)
class OpenPgpCertificate:
    """An OpenPGP certificate: a public key with its subkeys and names."""

    content: bytes
    fingerprint: str
    """Upper-case hexadecimal, as gpg prints it."""
    user_ids: tuple[str, ...] = ()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read one certificate, armoured or not; secret keys and revoked ones are refused. Raises `InvalidKey`."""
        if len(content) > _CERTIFICATE_SIZE:
            raise InvalidKey("OpenPGP certificate", expected=f"at most {_CERTIFICATE_SIZE} bytes", actual=len(content))
        try:
            found = pysequoia.Cert.split_bytes(content)
            whole = bytes(pysequoia.Tsk.from_bytes(content))
        except Exception as error:  # the library raises what it likes
            raise InvalidKey("OpenPGP certificate", expected="a public key block") from error
        if len(found) != 1:
            raise InvalidKey("OpenPGP certificate", expected="exactly one", actual=len(found))
        (certificate,) = found
        # The library writes a certificate without its secrets.
        if bytes(certificate) != whole:
            raise InvalidKey("OpenPGP certificate", expected="a public key, and not the secret one")
        if certificate.is_revoked:
            raise InvalidKey("OpenPGP certificate", expected="one that is not revoked")
        names = tuple(str(each) for each in certificate.user_ids)
        return cls(content, certificate.fingerprint.upper(), names)


# --- beside a file ---


def read_detached(evidence: Evidence) -> Claims:
    """Which key the signature says made it. Raises `InvalidEvidence`."""
    return _claims(evidence, _signature(evidence.content), ())


def verify_detached(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the file. Raises `InvalidEvidence`, `Unproven`."""
    file = evidence.payload
    if file is None:
        raise Unproven("the file that the signature is about is not at hand")
    question.subject.digest.verify(file)
    signature = _signature(evidence.content)
    return Verdict(_accept(question, file, signature))


# --- a list of files ---


def read_clear(evidence: Evidence) -> Claims:
    """Which files the document lists, and which key it says signed them. Raises `InvalidEvidence`."""
    text, signature = _split(evidence.content)
    listed = tuple(StatementSubject(name, {"sha256": digest.hex}) for name, digest in _files(text).items())
    return _claims(evidence, _signature(signature), listed)


def verify_clear(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the list that has the file. Raises `InvalidEvidence`, `Unproven`."""
    _split(evidence.content)
    signed: list[bytes] = []
    accepted = _accept(question, evidence.content, None, signed)
    name, digest = question.subject.name, question.subject.find("sha256")
    # Every signer signed the same text: there is one in the document.
    files = _files(_decode(signed[0]))
    if digest is None or digest not in files.values():
        raise Unproven(f"the list does not have a file with {question.subject.digest}")
    if name is not None and files.get(name) != digest:
        raise Unproven(f"the list does not have {name} with {digest}")
    return Verdict(accepted)


def _split(content: bytes) -> tuple[str, bytes]:
    """The text and the signature of a clear-signed document, which has nothing else."""
    if len(content) > _CLEAR_SIZE:
        raise InvalidEvidence("clear-signed document", expected=f"at most {_CLEAR_SIZE} bytes", actual=len(content))
    found = _CLEAR.fullmatch(_decode(content).strip())
    if found is None:
        raise InvalidEvidence("clear-signed document", expected="one signed message, and nothing around it")
    text = re.sub(r"(?m)^- ", "", found["text"])
    return text, found["signature"].encode()


def _files(text: str) -> Mapping[str, Digest]:
    """The files that the second part of Helm's document lists (https://helm.sh/docs/topics/provenance/)."""
    lines = text.replace("\r\n", "\n").split("\n")
    if "..." not in lines or "files:" not in lines[lines.index("...") :]:
        raise InvalidEvidence("provenance file", expected="a part with files: after a line with ...")
    rest = lines[lines.index("...") + 1 :]
    files: dict[str, Digest] = {}
    within = None
    for line in rest:
        if not line.strip():
            continue
        if line in ("files:", "images:"):
            within = line
            continue
        found = _FILE.fullmatch(line)
        if within is None or found is None or (within == "files:" and found["name"] in files):
            raise InvalidEvidence("provenance file", expected="each file once, with its sha256", actual=line[:200])
        if within == "files:":
            files[found["name"]] = Digest.parse(found["digest"])
    return files


# --- both ---


def _signature(content: bytes) -> pysequoia.Sig:
    if len(content) > _SIGNATURE_SIZE:
        raise InvalidEvidence("OpenPGP signature", expected=f"at most {_SIGNATURE_SIZE} bytes", actual=len(content))
    try:
        return pysequoia.Sig.from_bytes(content)
    except Exception as error:  # the library raises what it likes
        raise InvalidEvidence("OpenPGP signature", expected="a signature, armoured or not") from error


def _claims(evidence: Evidence, signature: pysequoia.Sig, subjects: tuple[StatementSubject, ...]) -> Claims:
    hint = signature.issuer_fingerprint or signature.issuer_key_id
    return Claims(
        evidence.kind,
        subjects=subjects,
        key_hints=(hint.upper(),) if hint else (),
        claimed_at=signature.created,
    )


def _accept(
    question: Question, content: bytes, signature: pysequoia.Sig | None, signed: list[bytes] | None = None
) -> Accepted:
    """The certificates whose keys signed; *signed* takes what they signed, where that is within the document."""
    accepted = []
    for signer in question.openpgp:
        certificate = pysequoia.Cert.from_bytes(signer.certificate.content)
        try:
            found = pysequoia.verify(bytes=content, store=lambda _, only=certificate: [only], signature=signature)
        except RuntimeError:
            # What the library raises where the signature is not this certificate's.
            continue
        keys = [each for each in found.valid_sigs if each.certificate.upper() == signer.certificate.fingerprint]
        if not keys:
            continue
        if signed is not None and found.bytes is not None:
            signed.append(found.bytes)
        claimed_at = None if signature is None else signature.created
        accepted.append(Acceptance(signer.id, keys[0].signing_key.upper(), claimed_at=claimed_at))
    if not accepted:
        raise Unproven("none of the OpenPGP certificates that are trusted here made the signature")
    return tuple(accepted)


def _decode(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidEvidence("clear-signed document", expected="UTF-8") from error

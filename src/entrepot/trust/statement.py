"""In-toto statements: what is said (a predicate) of which bytes (subjects).

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md; statements of version 0.1 have the same shape.
A document that two readers could read differently is refused: duplicate keys, numbers that are none, more than one
document.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.model.errors import InvalidEvidence
from entrepot.model.nul import has_nul

if TYPE_CHECKING:
    from typing import Self

    from entrepot.model.digest import Digest

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
"""The type of a statement in an envelope."""

STATEMENT_V1: Final = "https://in-toto.io/Statement/v1"
STATEMENT_V0_1: Final = "https://in-toto.io/Statement/v0.1"

_SIZE: Final = 16 * 1024 * 1024
_VALUES: Final = 1_000_000
"""How many values a document may have: each takes memory, however few bytes it was written with."""
_DEPTH: Final = 64
_SUBJECTS: Final = 10_000
_TEXT: Final = 4096
_ALGORITHMS: Final = ("sha256", "sha512")
"""What a subject is found by: algorithms whose digests nobody can make two documents for."""


@dataclass(frozen=True, slots=True)
class StatementSubject:
    """One thing that a statement is about."""

    name: str | None
    digests: Mapping[str, str]
    """Hexadecimal by algorithm, as written; many algorithms mean nothing here."""

    def is_about(self, digests: tuple[Digest, ...]) -> bool:
        """Whether it names the bytes that have all of *digests*.

        At least one of the algorithms that count must be here and agree, and none may disagree.
        """
        shared = [digest for digest in digests if digest.algorithm in self.digests and digest.algorithm in _ALGORITHMS]
        return bool(shared) and all(self.digests[digest.algorithm] == digest.hex for digest in shared)


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of what."""

    predicate_type: str
    subjects: tuple[StatementSubject, ...]
    predicate: Mapping[str, Any]
    content: bytes
    """The bytes that were signed."""

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a statement of version 1 or 0.1. Raises `InvalidEvidence`."""
        document = parse_json(content, "statement", size=_SIZE)
        if not isinstance(document, dict):
            raise InvalidEvidence("statement", expected="a JSON object")
        version = document.get("_type")
        if version not in (STATEMENT_V1, STATEMENT_V0_1):
            raise InvalidEvidence("statement, _type", expected=STATEMENT_V1, actual=str(version)[:200])
        predicate_type = document.get("predicateType")
        if not isinstance(predicate_type, str) or not 0 < len(predicate_type) <= _TEXT:
            raise InvalidEvidence("statement, predicateType", expected="a URI", actual=str(predicate_type)[:200])
        predicate = document.get("predicate")
        # Version 1: "OPTIONAL. Unset is treated the same as set-but-empty."
        if predicate is None:
            predicate = {}
        if not isinstance(predicate, dict):
            raise InvalidEvidence("statement, predicate", expected="a JSON object")
        return cls(predicate_type, _subjects(document.get("subject")), predicate, content)

    def find_subject(self, digests: tuple[Digest, ...]) -> StatementSubject | None:
        """The subject that names the bytes that have *digests*."""
        return next((subject for subject in self.subjects if subject.is_about(digests)), None)


def _subjects(found: object) -> tuple[StatementSubject, ...]:
    if not isinstance(found, list) or not 0 < len(found) <= _SUBJECTS:
        raise InvalidEvidence("statement, subject", expected=f"a list of 1 to {_SUBJECTS} subjects")
    return tuple(_subject(each) for each in found)


def _subject(found: object) -> StatementSubject:
    if not isinstance(found, dict):
        raise InvalidEvidence("statement, subject", expected="a JSON object with a digest")
    name, digests = found.get("name"), found.get("digest")
    if name is not None and (not isinstance(name, str) or len(name) > _TEXT):
        raise InvalidEvidence("statement, subject name", expected=f"at most {_TEXT} characters")
    if not isinstance(digests, dict) or not digests:
        raise InvalidEvidence("statement, subject digest", expected="digests by algorithm")
    if not all(isinstance(value, str) and 0 < len(value) <= _TEXT for value in digests.values()):
        raise InvalidEvidence("statement, subject digest", expected="texts")
    return StatementSubject(name or None, digests)


def parse_json(content: bytes, what: str, *, size: int = _SIZE) -> Any:
    """Read JSON that says one thing alone, whoever reads it.

    Raises `InvalidEvidence` for anything else: duplicate keys, NaN, NUL in a text, what is not UTF-8, what is too large or
    too deep.
    """
    if len(content) > size:
        raise InvalidEvidence(what, expected=f"at most {size} bytes", actual=len(content))
    # Each value but the first comes after one of these; those within texts are counted too, which harms nobody.
    if sum(content.count(mark) for mark in (b"[", b"{", b",")) > _VALUES:
        raise InvalidEvidence(what, expected=f"at most {_VALUES} values")
    try:
        # The first is strict about texts and numbers, the second sees keys that are there twice.
        msgspec.json.decode(content)
        document = json.loads(content.decode(), object_pairs_hook=_object)
    except RecursionError as error:
        raise InvalidEvidence(what, expected=f"at most {_DEPTH} levels") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidEvidence(what, expected="JSON", actual=str(error)[:200]) from error
    if has_nul(content):
        raise InvalidEvidence(what, expected="texts without NUL")
    _check_depth(document, what)
    return document


def decode_base64(value: object, what: str) -> bytes:
    """Read base64 in either alphabet (DSSE, envelope.md: readers accept both). Raises `InvalidEvidence`."""
    if not isinstance(value, str):
        raise InvalidEvidence(what, expected="base64")
    try:
        if "-" in value or "_" in value:
            return base64.b64decode(value, b"-_", validate=True)
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEvidence(what, expected="base64", actual=value[:100]) from error


def encode_base64(content: bytes) -> str:
    """Standard base64, as text."""
    return base64.b64encode(content).decode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _check_depth(document: object, what: str) -> None:
    """Refuse what is nested too deeply, without recursion: others will walk it."""
    level = [document]
    for _ in range(_DEPTH):
        level = [child for each in level for child in _children(each)]
        if not level:
            return
    raise InvalidEvidence(what, expected=f"at most {_DEPTH} levels")


def _children(value: object) -> list[Any]:
    """The objects and lists in a value."""
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in within if isinstance(child, dict | list)]

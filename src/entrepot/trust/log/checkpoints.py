"""Checkpoints (``c2sp.org/tlog-checkpoint``): how large the tree is and what its root is, signed."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from entrepot.model.errors import InvalidProof
from entrepot.trust.log.merkle import HASH_SIZE, MAX_SIZE
from entrepot.trust.log.notes import Note, NoteKey, NoteSigner, Signature, sign_note

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_HASH: Final = re.compile(r"[A-Za-z0-9+/]{43}=", re.ASCII)
_ORIGIN: Final = re.compile(r"[^\s+\x00-\x20]{1,255}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a tree."""

    origin: str
    """Which log: the address that it is read at, without scheme and without a slash at the end."""
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    """Lines of no meaning to us; other logs may have them."""

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a note's text. Raises `InvalidProof`."""
        origin, *rest = text.removesuffix("\n").split("\n")
        if not text.endswith("\n") or len(rest) < 2 or not all((origin, *rest)):  # noqa: PLR2004 (size and root)
            raise InvalidProof("a checkpoint", expected="three or more lines, none empty")
        size, root, *extensions = rest
        return cls(origin, parse_size(size), parse_hash(root), tuple(extensions))

    @classmethod
    def open(
        cls, content: bytes | Note, origin: str, keys: Sequence[NoteKey]
    ) -> tuple[Checkpoint, tuple[Signature, ...]]:
        """Read a signed checkpoint of a log, with those of its signatures that known keys made.

        One of *keys* must be the log's own, by the name of its origin, and must have signed.
        Raises `InvalidProof`.
        """
        note = content if isinstance(content, Note) else Note.parse(content)
        text, signatures = note.open(keys)
        found = cls.parse(text)
        if found.origin != origin:
            raise InvalidProof(found.origin[:300], expected=f"a checkpoint of {origin}")
        if not any(signature.name == origin for signature in signatures):
            raise InvalidProof(f"a checkpoint of {origin}", expected="a signature of the log itself")
        return found, signatures

    def __str__(self) -> str:
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    def sign(self, signers: Sequence[NoteSigner]) -> Note:
        """The checkpoint with a signature of each."""
        return sign_note(str(self), signers)


def check_origin(text: str) -> str:
    """*text*, when it can be a log's origin and its keys' name. Raises `InvalidProof`."""
    if not _ORIGIN.fullmatch(text):
        raise InvalidProof(text[:300], expected="a log's origin: no scheme, no spaces, no plus signs")
    return text


def parse_size(text: str) -> int:
    """A number of leaves: decimal, no leading zeroes. Raises `InvalidProof`."""
    if not _SIZE.fullmatch(text) or int(text) > MAX_SIZE:
        raise InvalidProof(text[:100], expected="a number of leaves")
    return int(text)


def parse_hash(text: str) -> bytes:
    """A hash in canonical base64. Raises `InvalidProof`."""
    value = b64decode(text) if _HASH.fullmatch(text) else b""
    if len(value) != HASH_SIZE or b64encode(value).decode() != text:
        raise InvalidProof(text[:100], expected="a SHA-256 in base64")
    return value

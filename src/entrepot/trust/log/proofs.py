"""Proofs that travel as a file (``c2sp.org/tlog-proof@v1``): an entry's place, its path and a checkpoint.

Whoever has the log's public key can check one without asking anybody.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from entrepot.model.errors import InvalidProof
from entrepot.trust.log.checkpoints import Checkpoint, parse_hash, parse_size
from entrepot.trust.log.merkle import MAX_PATH, check_inclusion, leaf_hash
from entrepot.trust.log.notes import MAX_NOTE, NoteKey, Signature

MAX_PROOF: Final = MAX_NOTE + 128 * 1024
"""Longer files are not read: a checkpoint, and a leaf in base64 beside it."""
_FIRST: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class LogProof:
    """That an entry is in a log, none of which was checked yet."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    """The signed checkpoint, as the log has published it."""
    extra: bytes | None = None
    """What goes along and is not signed; ours is the leaf itself, whose hash the proof is of."""

    @classmethod
    def parse(cls, content: bytes) -> LogProof:
        """Read a proof file. Raises `InvalidProof`."""
        head, mark, checkpoint = content[: MAX_PROOF + 1].partition(b"\n\n")
        if len(content) > MAX_PROOF or not mark:
            raise InvalidProof("a proof", expected=f"at most {MAX_PROOF} bytes: a head, an empty line, a checkpoint")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise InvalidProof("a proof", expected="a head in ASCII") from error
        if first != _FIRST:
            raise InvalidProof(first[:100], expected=_FIRST)
        extra = _parse_extra(lines.pop(0)) if lines and lines[0].startswith("extra ") else None
        if not lines or not lines[0].startswith("index "):
            raise InvalidProof("a proof", expected="a line with the index")
        index = parse_size(lines[0].removeprefix("index "))
        if len(lines) > MAX_PATH + 1:
            raise InvalidProof("a proof", expected=f"{MAX_PATH} hashes at most", actual=len(lines) - 1)
        return cls(index, tuple(parse_hash(line) for line in lines[1:]), checkpoint, extra)

    def __bytes__(self) -> bytes:
        lines = [_FIRST]
        if self.extra is not None:
            lines.append(f"extra {b64encode(self.extra).decode()}")
        lines += [f"index {self.index}", *(b64encode(value).decode() for value in self.path)]
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint

    def check(self, leaf: bytes, origin: str, keys: Sequence[NoteKey]) -> tuple[Checkpoint, tuple[Signature, ...]]:
        """Make sure that *leaf* is in the log, by a checkpoint that it has signed.

        Says which checkpoint, and who has signed it. Raises `InvalidProof`.
        """
        checkpoint, signatures = Checkpoint.open(self.checkpoint, origin, keys)
        check_inclusion(leaf_hash(leaf), self.index, checkpoint.size, path=self.path, root=checkpoint.root)
        return checkpoint, signatures


def _parse_extra(line: str) -> bytes:
    text = line.removeprefix("extra ")
    try:
        content = b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise InvalidProof(line[:100], expected="base64") from error
    if b64encode(content).decode() != text:
        raise InvalidProof(line[:100], expected="canonical base64")
    return content

"""What a log and its witness say to each other (``c2sp.org/tlog-witness``): ``add-checkpoint``.

A witness remembers one checkpoint of each log, and signs another only when it goes on from that one.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from entrepot.model.errors import InvalidProof, LogForked, LogInconsistent, LogMoved, LogUnknown, LogUnsigned
from entrepot.trust.log.checkpoints import Checkpoint, parse_hash, parse_size
from entrepot.trust.log.merkle import EMPTY_ROOT, MAX_PATH, check_consistency
from entrepot.trust.log.notes import MAX_NOTE, Note, NoteKey

MAX_REQUEST: Final = MAX_NOTE + 8 * 1024
"""Longer requests are not read."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to sign a checkpoint: where the witness stands, how the tree went on from there, and to what."""

    old_size: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    @classmethod
    def parse(cls, body: bytes) -> AddCheckpoint:
        """Read a request's body. Raises `InvalidProof`."""
        head, mark, checkpoint = body[: MAX_REQUEST + 1].partition(b"\n\n")
        if len(body) > MAX_REQUEST or not mark:
            raise InvalidProof("a request", expected="a size, hashes, an empty line and a checkpoint")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise InvalidProof("a request", expected="a head in ASCII") from error
        if not first.startswith("old ") or len(lines) > MAX_PATH:
            raise InvalidProof(first[:100], expected=f"old and a size, and {MAX_PATH} hashes at most")
        return cls(parse_size(first.removeprefix("old ")), tuple(parse_hash(line) for line in lines), checkpoint)

    def __bytes__(self) -> bytes:
        lines = [f"old {self.old_size}", *(b64encode(value).decode() for value in self.path)]
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint


def open_request(request: AddCheckpoint, logs: Mapping[str, Sequence[NoteKey]]) -> tuple[Checkpoint, Note]:
    """The checkpoint that a witness is asked to sign, when a log that it knows has signed it.

    Raises `InvalidProof` (400), `LogUnknown` (404), `LogUnsigned` (403).
    """
    note = Note.parse(request.checkpoint)
    # Only to find the keys by; it is believed below, when one of them has signed.
    origin = Checkpoint.parse(note.unchecked_text).origin
    keys = logs.get(origin)
    if keys is None:
        raise LogUnknown(origin[:255])
    try:
        checkpoint, _ = Checkpoint.open(note, origin, keys)
    except InvalidProof as error:
        raise LogUnsigned(origin) from error
    if request.old_size > checkpoint.size:
        raise InvalidProof(f"old {request.old_size}", expected=f"{checkpoint.size} at most")
    return checkpoint, note


def judge(request: AddCheckpoint, checkpoint: Checkpoint, seen: Checkpoint | None) -> None:
    """Whether a witness that has last *seen* that checkpoint may sign this one; else raise.

    To be asked in the transaction that remembers the new one: two requests must not be judged by one memory.
    Raises `LogMoved` (409, the size is to be told), `LogForked` (409), `LogInconsistent` (422).
    """
    size, root = (0, EMPTY_ROOT) if seen is None else (seen.size, seen.root)
    if request.old_size != size:
        raise LogMoved(checkpoint.origin, expected=size)
    if size == checkpoint.size and root != checkpoint.root:
        raise LogForked(checkpoint.origin)
    try:
        check_consistency(size, root, checkpoint.size, new_root=checkpoint.root, path=request.path)
    except InvalidProof as error:
        raise LogInconsistent(str(error)) from error

"""What the log says of a journal's entry: one JSON object that anybody can read, and check against the journal.

``{"actor":…,"at":…,"event":{…},"hash":…,"position":…}``, keys sorted, no spaces; ``event`` is byte for byte what was
appended, ``hash`` the journal's running hash, which covers this entry and all before it.
The entry at position *p* is leaf *p* - 1. An event that is too large for a leaf is named by ``event_digest`` and
``event_size`` instead (docs/decisions/0017-transparency-log.md).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from entrepot.model.events import Entry

MAX_LEAF: Final = 32 * 1024
"""Bundles have room for 65,535 bytes. Half of it leaves proof files, which carry the leaf in base64, lines of less than
64 KiB, which is the most that common readers of lines take."""

_ENCODER: Final = msgspec.json.Encoder()


class _Whole(msgspec.Struct, frozen=True):
    actor: str
    at: str
    event: msgspec.Raw
    hash: str
    position: int


class _Named(msgspec.Struct, frozen=True):
    actor: str
    at: str
    event_digest: str
    event_size: int
    hash: str
    position: int


def leaf_of(entry: Entry) -> bytes:
    """The leaf that stands for a journal's entry."""
    at = entry.at.isoformat(timespec="microseconds")
    if len(entry.content) <= MAX_LEAF:
        leaf = _ENCODER.encode(_Whole(entry.actor, at, msgspec.Raw(entry.content), entry.hash.hex(), entry.position))
        if len(leaf) <= MAX_LEAF:
            return leaf
    digest = f"sha256:{sha256(entry.content).hexdigest()}"
    named = _Named(entry.actor, at, digest, len(entry.content), entry.hash.hex(), entry.position)
    return _ENCODER.encode(named)

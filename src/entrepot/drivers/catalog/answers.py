"""What upstreams said, unpacked: as far as it is asked for again, and is still what is in the catalog."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An answer's content, and the hash that the catalog knows it by."""

    hash: bytes
    content: bytes


class Answers:
    """What was asked for last, by whom and what it is of, up to some bytes in all."""

    def __init__(self, size: int) -> None:
        """Keep at most *size* bytes, and the newest however large it is."""
        self._room = size
        self._known: OrderedDict[Hashable, Unpacked] = OrderedDict()

    def find(self, key: Hashable) -> Unpacked | None:
        """The content that was kept last."""
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
        return known

    def keep(self, key: Hashable, unpacked: Unpacked) -> None:
        """Keep it instead of what was kept of *key* before."""
        before = self._known.pop(key, None)
        self._room += 0 if before is None else len(before.content)
        self._known[key] = unpacked
        self._room -= len(unpacked.content)
        while self._room < 0 and len(self._known) > 1:
            _, oldest = self._known.popitem(last=False)
            self._room += len(oldest.content)

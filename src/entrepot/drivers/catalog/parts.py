"""What goes with an artifact when it leaves its package: what nobody would ever look for again without it.

A person who deletes an artifact takes along what refers to it; retention, by which nothing is left unnamed, also what it
contains. What has a name of its own, is cleared or protected stays, and so does what that needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog.statements import load
from entrepot.model.digest import Digest
from entrepot.model.reference import is_fallback

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PARTS: Final = load("parts")
MOST_PARTS: Final = 1_000


class Parts:
    """What the rows of ``list_parts`` say of one artifact."""

    def __init__(self, blob: int, rows: Iterable[tuple[Any, ...]]) -> None:
        """Read those about the artifact in the row *blob*; what has a name or is cleared stays."""
        self._blob = blob
        self._parts: dict[int, tuple[Digest, list[int], list[int]]] = {}
        for part, digest, names, holders, subjects, cleared in rows:
            named = any(not is_fallback(name) for name in msgspec.json.decode(names, type=list[str]))
            if not named and not cleared:
                self._parts[part] = Digest.parse(digest), msgspec.json.decode(holders), msgspec.json.decode(subjects)

    @property
    def digests(self) -> Sequence[Digest]:
        """Those that may go, as far as is known by now, in the order in which they came."""
        return [digest for digest, *_ in self._parts.values()]

    def keep(self, kept: Digest) -> None:
        """Let one stay: something protects it."""
        self._parts = {part: row for part, row in self._parts.items() if row[0] != kept}

    def settle(self) -> Sequence[Digest]:
        """Those that go: nothing that stays needs them."""
        while True:
            going = self._parts.keys() | {self._blob}
            stay = [
                part
                for part, (_, *needing) in self._parts.items()
                if any(not going.issuperset(each) for each in needing)
            ]
            if not stay:
                return self.digests
            for part in stay:  # And so does all that it contains.
                del self._parts[part]

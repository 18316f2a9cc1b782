"""Notes of what is pulled, kept in memory by whoever answers until they are written (`entrepot.operations.pulls`).

Nobody who pulls waits for it: a note is an entry in a table.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from entrepot.ports.pulls import Pull

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId

_HOUR: Final = timedelta(hours=1)
_MOST: Final = 50_000
"""Notes of one process: written ones, so that they are not written again, and new ones."""


class PullNotes:
    """What one process has seen pulled."""

    def __init__(self) -> None:
        self._noted: OrderedDict[tuple[PackageId, Digest], datetime] = OrderedDict()
        self._new: dict[tuple[PackageId, Digest], Pull] = {}
        self.missed = 0
        """How many were not noted because there was no room: nothing was written for long."""

    def note(self, package: PackageId, digest: Digest, actor: str, at: datetime) -> None:
        """Somebody gets an artifact or a file."""
        key = (package, digest)
        last = self._noted.get(key)
        if last is not None and at - last < _HOUR:
            return
        if len(self._new) >= _MOST:
            self.missed += 1
            return
        self._noted[key] = at
        self._new[key] = Pull(package, digest, actor, at)
        if len(self._noted) > _MOST:
            self._noted.popitem(last=False)

    def take(self, limit: int) -> Sequence[Pull]:
        """Some of what is new, to be written."""
        keys = list(self._new)[:limit]
        return [self._new.pop(key) for key in keys]

    def give_back(self, pulls: Sequence[Pull]) -> None:
        """They could not be written."""
        for pull in pulls:
            self._new.setdefault((pull.package, pull.digest), pull)

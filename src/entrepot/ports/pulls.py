"""What is used: when an artifact was pulled last, by whom, and on which days before; an area of the catalog.

It is written down late, by the hour and without an event: to read is no change, and nobody who reads shall wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId


@dataclass(frozen=True, slots=True)
class Pull:
    """Somebody got an artifact or a file of one."""

    package: PackageId
    digest: Digest
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Pulled:
    """What is known of an artifact's pulls."""

    at: datetime
    """The last one, to the hour."""
    actor: str
    days: tuple[int, ...]
    """On which days it was pulled, counted back from the last one: 0 is that day itself."""


class Pulls(Protocol):
    """What was pulled."""

    async def find(self, package: PackageId, digest: Digest) -> Pulled | None:
        """What is known of an artifact's pulls; None where there were none."""

    async def find_start(self) -> datetime | None:
        """Since when pulls are written down; None for as long as there has been anything to pull."""


class PullChanges(Protocol):
    """What a change may do."""

    def find_last(self, package: PackageId, digest: Digest) -> datetime | None:
        """When an artifact was pulled last; None where it was not."""

    def keep(self, pulls: Sequence[Pull]) -> None:
        """Write down what was pulled: of an artifact, of what contains it, and of those that a file belongs to.

        What is not in its package any more is left out.
        """

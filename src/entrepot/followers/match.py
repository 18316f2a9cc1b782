"""Compares what is in new artifacts with what is known to be bad, as soon as it is known what is in them.

What is let into a channel has its findings stated, signed by the registry.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.followers.follower import caller_of, package_of
from entrepot.model.digest import Digest
from entrepot.model.errors import Conflict, Denied, NotFound, Unavailable
from entrepot.model.events import ClearanceOpened
from entrepot.operations.match import match_new_components
from entrepot.operations.state_findings import state_findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.events import Entry
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry


@dataclass(frozen=True, slots=True)
class Match:
    """Implements `entrepot.followers.follower.Follower`.

    Whatever happened may have brought components: those that nobody compared yet are found by their numbers.
    """

    name: str = "match"

    async def handle(self, registry: Registry, entries: Sequence[Entry]) -> None:
        """Compare all components that are new, and state what is found in what was cleared."""
        await match_new_components(registry)
        cleared: dict[tuple[PackageId, Digest], None] = {}
        for entry in entries:
            match entry.event:
                case ClearanceOpened(namespace=str(namespace), package=str(path), digest=digest):
                    cleared[package_of(namespace, path), Digest.parse(digest)] = None
        for package, artifact in cleared:
            # What nobody can say, without a key or before everything is compared, is not said; what is gone neither.
            with suppress(Conflict, Denied, NotFound, Unavailable):
                await state_findings(registry, caller_of(self), package, artifact, renew=False)

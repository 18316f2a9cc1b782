"""Searches what comes for secrets, so that whoever published one by mistake hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.followers.follower import caller_of, package_of
from entrepot.model.digest import Digest
from entrepot.model.events import ArtifactPublished
from entrepot.operations.search_secrets import search_published

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.events import Entry
    from entrepot.operations.registry import Registry


@dataclass(frozen=True, slots=True)
class Secrets:
    """Idempotent: what was searched is not searched again, and what was told is not told again."""

    name: str = "secrets"

    async def handle(self, registry: Registry, entries: Sequence[Entry]) -> None:
        """Search every artifact that came, each once."""
        places = {
            (package_of(entry.event.namespace, entry.event.package), Digest.parse(entry.event.digest)): None
            for entry in entries
            if isinstance(entry.event, ArtifactPublished) and entry.event.namespace and entry.event.package
        }
        await search_published(registry, caller_of(self), list(places))


SECRETS = Secrets()

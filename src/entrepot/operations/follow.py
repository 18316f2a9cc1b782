"""How far the followers of the journal are, and waiting for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.errors import Unavailable
from entrepot.model.position import START
from entrepot.operations import access

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.position import Position
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_LOOK_SECONDS: Final = 0.02

FOLLOWERS: Final = ("transparency", "inventory", "verify", "verify-again", "match", "secrets", "doors")
"""All of them, for who need not load what they do (`entrepot.followers.ALL`)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a follower is."""

    follower: str
    position: Position
    behind: int
    """Entries that it has not dealt with."""


async def list_progress(registry: Registry, caller: Caller) -> Sequence[Progress]:
    """How far each follower is. Raises what `access.require_anywhere` raises."""
    access.require_anywhere(caller, Action.AUDIT)
    end, _ = await registry.catalog.head()
    cursors = await registry.catalog.cursors.list()
    return [Progress(follower, position, max(0, end - position)) for follower, position in cursors.items()]


async def introduce(registry: Registry, followers: Collection[str] = FOLLOWERS) -> None:
    """Let the followers be known before the first of them has read: whoever waits for them then knows for whom."""
    known = await registry.catalog.cursors.list()
    missing = [follower for follower in followers if follower not in known]

    def change(transaction: Transaction) -> None:
        for follower in missing:
            transaction.cursors.move(follower, START)

    if missing:
        await registry.catalog.write(change)


async def wait_for(registry: Registry, followers: Collection[str], position: Position, *, seconds: float) -> None:
    """Return once each of the followers has dealt with all entries up to *position*.

    Raises `Unavailable` when they have not after *seconds*.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while behind := await _behind(registry, followers, position):
        if asyncio.get_running_loop().time() >= deadline:
            raise Unavailable(f"{', '.join(behind)}: not yet at position {position}", after=1)
        await asyncio.sleep(_LOOK_SECONDS)


async def _behind(registry: Registry, followers: Collection[str], position: Position) -> list[str]:
    cursors = await registry.catalog.cursors.list()
    return [follower for follower in followers if cursors.get(follower, 0) < position]

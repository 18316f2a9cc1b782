"""Is the world sound? Every invariant, asked of what is stored.

The rows answer for themselves (`Catalog.violations`); here the bytes are compared with the rows (I1) and the journal
with its hashes (I5, I6) and with the log that was made of it (I12).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.model.blob import BlobState
from entrepot.model.errors import Corrupt
from entrepot.model.events import GENESIS, chain
from entrepot.model.position import START
from entrepot.operations.log import check_log
from entrepot.operations.scrub import read_blobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import BlobRow

INVARIANTS = {
    "I1": "A present blob has durable bytes that hash to its digest.",
    "I2": "An artifact's links are present members of the package it enters.",
    "I3": "A reference names an artifact that is a member of its own package.",
    "I4": "A sealed version never changes, an open one only gains files, and a version's name is never reused.",
    "I5": "Every accepted change has exactly one event, in the same transaction, appended last.",
    "I6": "A reader that has seen position n never later finds a new event before it.",
    "I7": "No byte is served but through a membership that the caller may read.",
    "I8": "Deletion runs the other way: references, memberships, artifacts, blobs, bytes.",
    "I9": "Nothing reachable is condemned, nothing that runs or is held leaves its package; a referrer lives as long as "
    "its subject.",
    "I10": "Followers change the registry only by calling operations; each is idempotent.",
    "I11": "An index document is a function of package and view at its revision.",
    "I12": "The signed checkpoint is of the tree that is kept, and that tree is of the journal as it was appended.",
    "I13": "A namespace is charged once for each blob that its packages have, or that lies in its trash, and its account is "
    "the sum of that.",
    "I14": "What was erased is nowhere: no bytes of it are here, and when it is done no package has it.",
}
"""What `check` promises, by number; docs/design/invariants.md says why and how each is kept."""

_PAGE = 1_000
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that is not as it must be."""

    invariant: str
    problem: str


async def check(registry: Registry, *, read_bytes: bool = False) -> list[Violation]:
    """Every violation of every invariant. *read_bytes* reads each blob again instead of asking its size alone."""
    found = [Violation(*violation) for violation in await registry.catalog.violations()]
    blobs = _reread_blobs(registry) if read_bytes else _size_blobs(registry)
    found += [Violation("I1", problem) async for problem in blobs]
    found += [violation async for violation in _check_journal(registry)]
    problem = await check_log(registry)
    if problem is not None:
        found.append(Violation("I12", problem))
    return found


async def _reread_blobs(registry: Registry) -> AsyncIterator[str]:
    async for blob in read_blobs(registry):
        if blob.problem is not None:
            yield f"{blob.digest}: {blob.problem}"


async def _size_blobs(registry: Registry) -> AsyncIterator[str]:
    after = 0
    while True:
        page, after = await registry.catalog.iter_stored(after=after, limit=_PAGE)
        if not page:
            return
        # Of a store that is far away many are asked for at once; nothing is read.
        for start in range(0, len(page), _AT_ONCE):
            for problem in await asyncio.gather(
                *(_size_problem(registry, blob) for blob in page[start : start + _AT_ONCE])
            ):
                if problem is not None:
                    yield problem


async def _size_problem(registry: Registry, blob: BlobRow) -> str | None:
    actual = await registry.store(blob.tier).size(blob.digest, generation=blob.generation)
    if actual == blob.size:
        return None
    # It may have gone elsewhere in the meantime.
    placed = await registry.catalog.tiers.find(blob.digest)
    if placed is None or placed.state not in {BlobState.PRESENT, BlobState.DAMAGED}:
        return None
    if (placed.tier, placed.generation) != (blob.tier, blob.generation):
        actual = await registry.store(placed.tier).size(blob.digest, generation=placed.generation)
    if actual is None:
        return f"{blob.digest}: its bytes are not in the blob store"
    return None if actual == blob.size else f"{blob.digest}: has {actual} bytes, {blob.size} were promised"


async def _check_journal(registry: Registry) -> AsyncIterator[Violation]:
    position, previous = START, GENESIS
    while True:
        try:
            page = await registry.catalog.list_entries(after=position, limit=_PAGE)
        except Corrupt as error:
            yield Violation("I5", str(error))
            return
        if not page:
            return
        for entry in page:
            if entry.position != position + 1:
                yield Violation("I6", f"position {position} is followed by {entry.position}")
            expected = chain(previous, entry.position, entry.at, actor=entry.actor, content=entry.content)
            if entry.hash != expected:
                yield Violation("I5", f"entry {entry.position} is not what was appended")
            position, previous = entry.position, entry.hash

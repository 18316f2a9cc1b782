"""Giving up bytes that nobody can reach: the collection area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import Statement, load
from entrepot.drivers.catalog.tiers import TIERS, SqlTierChanges
from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.names import ReferenceName
from entrepot.model.position import Position
from entrepot.model.tier import Tier
from entrepot.ports.collection import Amount, Garbage, KnownBlob, Loose, Place, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import PackageId

COLLECTION: Final = load("collection")


class SqlCollection:
    """Implements `entrepot.ports.collection.Collection`."""

    def __init__(self, questions: Questions, aside: Questions) -> None:
        """Ask *questions*, and *aside* what looks at a stretch of everything."""
        self._questions = questions
        self._aside = aside

    async def find_generation(self, digest: Digest) -> int:
        """Under which generation bytes of this name are kept, or will be."""
        row = await self._questions.one(COLLECTION.find_generation, digest=str(digest))
        return 0 if row is None else int(row[0])

    async def find(self, digest: Digest) -> KnownBlob | None:
        """What is known of a blob; None when its name never came up."""
        row = await self._questions.one(COLLECTION.find_state, digest=str(digest))
        if row is None:
            return None
        state, size, generation, condemned_at, tier, erased = row
        return KnownBlob(BlobState(state), size, generation, _time(condemned_at), Tier(tier), bool(erased))

    async def list_unreachable(self, *, after: int, limit: int) -> tuple[Sequence[Unreachable], int | None]:
        """The unreachable ones among the next *limit* blobs, and where to go on; None at the end."""
        last = await self._number(COLLECTION.last_blob)
        found = await self._aside.all(COLLECTION.list_unreachable, after=after, upto=after + limit)
        page = [Unreachable(Digest.parse(digest), size) for digest, size in found]
        return page, after + limit if after + limit < last else None

    async def list_condemned(self, *, before: datetime | None = None, limit: int) -> Sequence[Unreachable]:
        """What is condemned, the longest first; with *before*, what was by then."""
        until = None if before is None else rows.time_text(before)
        found = await self._questions.all(COLLECTION.list_condemned, before=until, limit=limit)
        return [Unreachable(Digest.parse(digest), size, _time(at)) for digest, size, at in found]

    async def measure_condemned(self) -> Amount:
        """How much is condemned."""
        count, size, _ = await self._questions.one(COLLECTION.measure_condemned) or (0, 0, None)
        return Amount(count, size)

    async def list_garbage(self, *, at: datetime, limit: int) -> Sequence[Garbage]:
        """What was given up, may not be deleted yet, and is not left alone then for those who may still be reading it."""
        found = await self._questions.all(COLLECTION.list_garbage, at=rows.time_text(at), limit=limit)
        return [Garbage(Digest.parse(digest), generation, size, Tier(tier)) for digest, generation, size, tier in found]

    async def list_places_left(self, digest: Digest) -> Sequence[Garbage]:
        """Where bytes of this name were given up that are not deleted yet."""
        found = await self._questions.all(COLLECTION.list_places_left, digest=str(digest))
        return [Garbage(digest, generation, size, Tier(tier)) for generation, size, tier in found]

    async def measure_garbage(self) -> Amount:
        """How much that is."""
        count, size = await self._questions.one(COLLECTION.measure_garbage) or (0, 0)
        return Amount(count, size)

    async def list_loose(self, *, after: int, until: Position, limit: int) -> tuple[Sequence[Loose], int | None]:
        """The loose ones among the next *limit* memberships that began by *until*, and where to go on."""
        last = await self._number(COLLECTION.last_membership)
        found = await self._aside.all(COLLECTION.list_loose, after=after, upto=after + limit, until=until)
        page = [
            Loose(rows.package_id(owner, format_, name), Digest.parse(digest), size)
            for owner, format_, name, digest, size in found
        ]
        return page, after + limit if after + limit < last else None

    async def find_position(self, time: datetime) -> Position:
        """Where the journal stood at a time."""
        return Position(await self._number(COLLECTION.position_at, time=rows.time_text(time)))

    async def find_generations(self, digests: Sequence[Digest]) -> Mapping[Digest, KnownBlob]:
        """What is known of each of some blobs."""
        texts = rows.json_list(str(digest) for digest in digests)
        return {
            Digest.parse(digest): KnownBlob(BlobState(state), size, generation, tier=Tier(tier))
            for digest, generation, state, size, tier in await self._questions.all(
                COLLECTION.known_generations, digests=texts
            )
        }

    async def list_places(self, digest: Digest, *, limit: int) -> Sequence[Place]:
        """The packages that have a blob, the earliest first."""
        found = await self._questions.all(COLLECTION.explain, digest=str(digest), limit=limit)
        return [
            Place(rows.package_id(owner, format_, name), role == "artifact", Position(since))
            for owner, format_, name, role, since in found
        ]

    async def list_names(self, package: PackageId, digest: Digest, *, limit: int) -> Sequence[ReferenceName]:
        """The names that mean an artifact in a package, in byte order."""
        found = await self._questions.all(COLLECTION.names, **identity(package), digest=str(digest), limit=limit)
        return [ReferenceName(name) for (name,) in found]

    async def list_holders(self, package: PackageId, digest: Digest, *, limit: int) -> Sequence[Digest]:
        """The artifacts of a package that link a blob, the earliest first."""
        found = await self._questions.all(COLLECTION.holders, **identity(package), digest=str(digest), limit=limit)
        return [Digest.parse(holder) for (holder,) in found]

    async def _number(self, statement: Statement, **parameters: object) -> int:
        row = await self._questions.one(statement, **parameters)
        return 0 if row is None else int(row[0])


class SqlCollectionChanges:
    """Implements `entrepot.ports.collection.CollectionChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def condemn(self, digest: Digest) -> bool:
        """Let a blob wait to be given up; False when somebody has it, or it waits already."""
        now = rows.time_text(self._session.now)
        return self._session.run(COLLECTION.condemn, digest=str(digest), now=now) > 0

    def give_up(self, digest: Digest, *, before: datetime) -> bool:
        """Give up a blob that was condemned by *before*; False when somebody has it again, or it was not."""
        row = self._session.one(TIERS.find_row, digest=str(digest))
        until, now = rows.time_text(before), rows.time_text(self._session.now)
        if row is None or not self._session.run(COLLECTION.give_up, digest=str(digest), before=until, now=now):
            return False
        blob, size, _, tier, generation, _ = row
        tiers = SqlTierChanges(self._session)
        tiers.leave(blob, digest, size)
        if not self._session.run(COLLECTION.give_up_content, blob=blob):
            tiers.give_up(digest, Tier(tier), generation, size)
        return True

    def pause(self, holder: str, until: datetime) -> None:
        """Have nothing given up until then, or longer, where *holder* says so again."""
        self._session.run(COLLECTION.pause, holder=holder, until=rows.time_text(until))

    def is_paused(self, holder: str) -> bool:
        """Whether what *holder* has asked for still holds."""
        return (
            self._session.one(COLLECTION.find_pause, holder=holder, now=rows.time_text(self._session.now)) is not None
        )

    def resume(self, holder: str | None = None) -> None:
        """End the pause of *holder*, or every one."""
        self._session.run(COLLECTION.resume, holder=holder)

    def disown(self, digest: Digest, generation: int, size: int, *, tier: Tier = Tier.HOT) -> bool:
        """Give up bytes in the blob store that no row names; False when one does, so that they may be in use."""
        self._session.run(COLLECTION.disown, digest=str(digest), generation=generation, size=size)
        tiers = SqlTierChanges(self._session)
        if not tiers.disown(digest, tier, generation):
            return False
        tiers.give_up(digest, tier, generation, size)
        return True

    def forget_garbage(self, garbage: Garbage) -> None:
        """Its bytes are deleted."""
        self._session.run(COLLECTION.forget_garbage, digest=str(garbage.digest), generation=garbage.generation)


def _time(text: str | None) -> datetime | None:
    return None if text is None else rows.parse_time(text)

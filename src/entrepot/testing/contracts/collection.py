"""What every catalog promises of giving up bytes (`entrepot.ports.collection`)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.errors import Unavailable
from entrepot.model.position import Position
from entrepot.ports.collection import Amount, Garbage, KnownBlob, Loose, Place, Unreachable
from entrepot.testing.contracts.catalog import API, BYTES, NAME

if TYPE_CHECKING:
    from entrepot.ports.catalog import Catalog
    from entrepot.testing.builders import StoppedClock
    from entrepot.testing.contracts.catalog import Filling

SIZE = len(BYTES)


class CollectionContract:
    """To be inherited by a test class that has the fixtures ``catalog``, ``fill`` and ``clock``."""

    async def test_what_no_package_has_is_unreachable(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob()
        assert await catalog.collection.list_unreachable(after=0, limit=100) == ([], None)

        await fill.remove(NAME, artifact=False)

        assert await catalog.collection.list_unreachable(after=0, limit=100) == ([Unreachable(NAME, SIZE)], None)

    async def test_unreachable_blobs_are_looked_for_stretch_by_stretch(self, catalog: Catalog, fill: Filling) -> None:
        contents = [bytes([number]) for number in range(7)]
        for content in contents:
            await fill.remove(await fill.blob(content=content), artifact=False)

        found, after = [], 0
        while True:
            page, following = await catalog.collection.list_unreachable(after=after, limit=3)
            found += [each.digest for each in page]
            if following is None:
                break
            after = following

        assert found == [Digest.of(content) for content in contents]

    async def test_only_what_nobody_has_is_condemned(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob()
        assert not await catalog.write(lambda change: change.collection.condemn(NAME))

        await fill.remove(NAME, artifact=False)

        assert await catalog.write(lambda change: change.collection.condemn(NAME))
        assert not await catalog.write(lambda change: change.collection.condemn(NAME))
        assert await catalog.collection.measure_condemned() == Amount(1, SIZE)

    async def test_bringing_condemned_bytes_again_revives_them(self, catalog: Catalog, fill: Filling) -> None:
        await self._condemn(catalog, fill)

        await fill.blob(inline=False)

        assert await catalog.collection.find(NAME) == KnownBlob(BlobState.PRESENT, SIZE, 0)
        assert await catalog.collection.measure_condemned() == Amount(0, 0)

    async def test_what_is_condemned_is_given_up_when_it_has_waited(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await self._condemn(catalog, fill)
        then = clock.now()

        early = await catalog.write(lambda change: change.collection.give_up(NAME, before=then - timedelta(seconds=1)))
        assert await catalog.collection.list_condemned(before=then, limit=9) == [Unreachable(NAME, SIZE, then)]
        late = await catalog.write(lambda change: change.collection.give_up(NAME, before=then))

        assert (early, late) == (False, True)
        assert await catalog.collection.find(NAME) == KnownBlob(BlobState.ABSENT, SIZE, 1)
        assert await catalog.collection.list_garbage(at=clock.now(), limit=9) == [Garbage(NAME, 0, SIZE)]

    async def test_nothing_is_given_up_while_somebody_has_asked_for_a_pause(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await self._condemn(catalog, fill)
        then = clock.now()
        await catalog.write(lambda change: change.collection.pause("one", then + timedelta(minutes=10)))
        await catalog.write(lambda change: change.collection.pause("other", then + timedelta(minutes=5)))

        paused = await catalog.write(lambda change: change.collection.give_up(NAME, before=then))
        await catalog.write(lambda change: change.collection.resume("other"))
        still = await catalog.write(lambda change: change.collection.give_up(NAME, before=then))
        clock.advance(minutes=10)
        ended = await catalog.write(lambda change: change.collection.is_paused("one"))
        after = await catalog.write(lambda change: change.collection.give_up(NAME, before=then))

        assert (paused, still, ended, after) == (False, False, False, True)

    async def test_every_pause_can_be_ended_at_once(self, catalog: Catalog, clock: StoppedClock) -> None:
        until = clock.now() + timedelta(minutes=10)
        await catalog.write(lambda change: change.collection.pause("one", until))
        await catalog.write(lambda change: change.collection.pause("other", until))

        before = await catalog.write(lambda change: change.collection.is_paused("other"))
        await catalog.write(lambda change: change.collection.resume())

        assert before
        assert not await catalog.write(lambda change: change.collection.is_paused("other"))

    async def test_bytes_in_the_catalog_are_gone_at_once(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await self._condemn(catalog, fill, inline=True)

        await catalog.write(lambda change: change.collection.give_up(NAME, before=clock.now()))

        assert await catalog.collection.list_garbage(at=clock.now(), limit=9) == []
        assert await catalog.write(lambda change: change.find_content(NAME)) is None

    async def test_what_was_kept_under_a_generation_that_was_given_up_is_not_announced(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await self._condemn(catalog, fill)
        await catalog.write(lambda change: change.collection.give_up(NAME, before=clock.now()))

        with pytest.raises(Unavailable):
            await catalog.write(lambda change: change.keep_blob(NAME, SIZE, None, generation=0))
        await catalog.write(lambda change: change.keep_blob(NAME, SIZE, None, generation=1))

        assert await catalog.collection.find(NAME) == KnownBlob(BlobState.PRESENT, SIZE, 1)
        assert await catalog.collection.find_generation(NAME) == 1

    async def test_strays_are_disowned_unless_a_row_leads_to_them(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        stray = Digest.of(b"stray")
        assert await catalog.write(lambda change: change.collection.disown(stray, 0, 5))
        await fill.blob(inline=False)
        assert not await catalog.write(lambda change: change.collection.disown(NAME, 0, SIZE))

        await fill.remove(NAME, artifact=False)
        await catalog.write(lambda change: change.collection.condemn(NAME))
        assert not await catalog.write(lambda change: change.collection.disown(NAME, 0, SIZE))
        await catalog.write(lambda change: change.collection.give_up(NAME, before=clock.now()))

        assert await catalog.write(lambda change: change.collection.disown(NAME, 0, SIZE))
        assert {each.digest for each in await catalog.collection.list_garbage(at=clock.now(), limit=9)} == {stray, NAME}
        assert await catalog.collection.find_generation(stray) == 1

    async def test_deleted_garbage_is_forgotten(self, catalog: Catalog, fill: Filling, clock: StoppedClock) -> None:
        await self._condemn(catalog, fill)
        await catalog.write(lambda change: change.collection.give_up(NAME, before=clock.now()))
        assert await catalog.collection.measure_garbage() == Amount(1, SIZE)

        await catalog.write(lambda change: change.collection.forget_garbage(Garbage(NAME, 0, SIZE)))

        assert await catalog.collection.measure_garbage() == Amount(0, 0)

    async def test_a_blob_that_no_artifact_links_is_loose(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await fill.blob()
        then, _ = await catalog.head()
        clock.advance(hours=1)
        await fill.blob(content=b"later")

        found, _ = await catalog.collection.list_loose(after=0, until=then, limit=100)

        assert found == [Loose(API, NAME, SIZE)]

    async def test_where_the_journal_stood_is_found_by_time(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        times = []
        for number in range(9):
            await fill.blob(content=bytes([number]))
            times.append((clock.now(), (await catalog.head())[0]))
            clock.advance(minutes=1)

        assert await catalog.collection.find_position(times[0][0] - timedelta(days=1)) == Position(0)
        for time, position in times:
            assert await catalog.collection.find_position(time + timedelta(seconds=30)) == position

    async def test_all_who_have_a_blob_are_told(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob()
        position, _ = await catalog.head()

        assert await catalog.collection.list_places(NAME, limit=9) == [Place(API, is_artifact=False, since=position)]

    @staticmethod
    async def _condemn(catalog: Catalog, fill: Filling, *, inline: bool = False) -> None:
        await fill.blob(inline=inline)
        await fill.remove(NAME, artifact=False)
        await catalog.write(lambda change: change.collection.condemn(NAME))

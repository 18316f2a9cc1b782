"""What every catalog promises of the rounds over all blobs (`entrepot.ports.scrubs`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from entrepot.model.tier import Tier
from entrepot.ports.scrubs import Damaged, ScrubRound
from entrepot.testing.contracts.catalog import API, BYTES, NAME, OTHER

if TYPE_CHECKING:
    from entrepot.ports.catalog import Catalog
    from entrepot.testing.builders import StoppedClock
    from entrepot.testing.contracts.catalog import Filling

_NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class ScrubsContract:
    """To be inherited by a test class that has the fixtures ``catalog``, ``fill`` and ``clock``."""

    async def test_before_the_first_there_is_no_round(self, catalog: Catalog) -> None:
        assert await catalog.scrubs.find() is None

    async def test_a_round_is_where_it_was_kept_last(self, catalog: Catalog) -> None:
        begun = ScrubRound(began_at=_NOON)
        done = replace(
            begun,
            after="sha256:ff",
            blobs=3,
            size=2**40,
            damaged=1,
            ended_at=_NOON + timedelta(days=1),
            last_ended_at=_NOON + timedelta(days=1),
        )

        await catalog.write(lambda change: change.scrubs.keep(begun))
        first = await catalog.scrubs.find()
        await catalog.write(lambda change: change.scrubs.keep(done))

        assert first == begun
        assert await catalog.scrubs.find() == done

    async def test_reading_again_is_no_event(self, catalog: Catalog) -> None:
        before = await catalog.head()

        await catalog.write(lambda change: change.scrubs.keep(ScrubRound(began_at=_NOON)))

        assert await catalog.head() == before

    async def test_what_is_damaged_is_known_until_it_is_sound_again(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await fill.blob()
        await catalog.write(lambda change: change.damage_blob(NAME))
        await catalog.write(lambda change: change.scrubs.note_damage(NAME, "rot"))
        await catalog.write(lambda change: change.scrubs.note_attempt(NAME, "nobody"))

        known = Damaged(
            NAME,
            len(BYTES),
            Tier.HOT,
            0,
            inline=True,
            problem="rot",
            found_at=clock.now(),
            tries=1,
            tried_at=clock.now(),
            outcome="nobody",
        )
        assert await catalog.scrubs.list_damaged(limit=9) == [known]
        assert await catalog.scrubs.find_damaged(NAME) == known
        assert await catalog.scrubs.count_unrepaired() == 1
        assert await catalog.scrubs.is_damaged(API, NAME)
        assert not await catalog.scrubs.is_damaged(OTHER, NAME)
        assert [invariant for invariant, _ in await catalog.violations()] == ["I1"]

        await fill.blob()

        assert await catalog.scrubs.list_damaged(limit=9) == []
        assert await catalog.scrubs.count_unrepaired() == 0
        assert await catalog.violations() == []

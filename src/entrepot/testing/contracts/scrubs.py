"""What every catalog promises of the rounds over all blobs (`entrepot.ports.scrubs`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from entrepot.ports.scrubs import ScrubRound

if TYPE_CHECKING:
    from entrepot.ports.catalog import Catalog

_NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class ScrubsContract:
    """To be inherited by a test class that has the fixture ``catalog``."""

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

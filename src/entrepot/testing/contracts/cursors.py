"""What every catalog promises of the followers' cursors (`entrepot.ports.cursors`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.position import START, Position

if TYPE_CHECKING:
    from entrepot.ports.catalog import Catalog


class CursorsContract:
    """To be inherited by a test class that has the fixture ``catalog``."""

    async def test_a_follower_that_never_read_stands_at_the_start(self, catalog: Catalog) -> None:
        assert await catalog.cursors.find("sbom") == START
        assert await catalog.cursors.list() == {}

    async def test_a_cursor_is_where_it_was_moved_last(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.cursors.move("sbom", Position(7)))
        await catalog.write(lambda change: change.cursors.move("log", Position(9)))
        await catalog.write(lambda change: change.cursors.move("sbom", Position(3)))

        assert await catalog.cursors.find("sbom") == 3
        assert await catalog.cursors.list() == {"log": 9, "sbom": 3}

    async def test_moving_a_cursor_is_no_event(self, catalog: Catalog) -> None:
        before = await catalog.head()

        await catalog.write(lambda change: change.cursors.move("sbom", Position(1)))

        assert await catalog.head() == before

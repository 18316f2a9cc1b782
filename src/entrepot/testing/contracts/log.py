"""What every catalog promises of the transparency log (`entrepot.ports.log`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from entrepot.ports.log import LogHead, Seen

if TYPE_CHECKING:
    from entrepot.ports.catalog import Catalog, Transaction

_AT: Final = datetime(2026, 1, 31, 12, 30, 15, 123456, tzinfo=UTC)
_HEAD: Final = LogHead(3, b"r" * 32, b"note", b"h" * 32, _AT)
_SEEN: Final = Seen("registry.example.com/log", 7, b"s" * 32, b"its note", _AT)


class LogContract:
    """To be inherited by a test class that has the fixture ``catalog``."""

    async def test_before_its_first_checkpoint_a_log_has_nothing(self, catalog: Catalog) -> None:
        assert await catalog.log.head() is None
        assert await catalog.log.find_tiles([(0, 0), (1, 0)]) == {}
        assert await catalog.log.list_seen() == []
        assert await catalog.write(lambda change: change.log.head()) is None

    async def test_tiles_come_with_their_checkpoint(self, catalog: Catalog) -> None:
        tiles = {(0, 0): b"a" * 96, (63, 2**40): b"b" * 32}

        await catalog.write(lambda change: change.log.extend(_HEAD, tiles))

        assert await catalog.log.head() == _HEAD
        assert await catalog.write(lambda change: change.log.head()) == _HEAD
        assert await catalog.log.find_tiles([(0, 0), (63, 2**40), (0, 1)]) == tiles

    async def test_a_longer_tile_replaces_the_shorter(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.log.extend(_HEAD, {(0, 0): b"a" * 96}))

        await catalog.write(lambda change: change.log.extend(replace(_HEAD, size=4), {(0, 0): b"a" * 128}))

        assert await catalog.log.find_tiles([(0, 0)]) == {(0, 0): b"a" * 128}

    async def test_a_change_that_fails_leaves_neither_tiles_nor_checkpoint(self, catalog: Catalog) -> None:
        def fail(change: Transaction) -> None:
            change.log.extend(_HEAD, {(0, 0): b"a" * 96})
            raise LookupError

        with pytest.raises(LookupError):
            await catalog.write(fail)

        assert await catalog.log.head() is None
        assert await catalog.log.find_tiles([(0, 0)]) == {}

    async def test_a_log_never_shrinks(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.log.extend(_HEAD, {(0, 0): b"a" * 96}))

        with pytest.raises(Exception, match="never shrinks"):
            await catalog.write(lambda change: change.log.extend(replace(_HEAD, size=2), {}))

        assert await catalog.log.head() == _HEAD

    async def test_of_each_log_the_last_that_was_seen_is_remembered(self, catalog: Catalog) -> None:
        other = replace(_SEEN, origin="other.example.com/log")
        await catalog.write(lambda change: change.log.see(other))
        await catalog.write(lambda change: change.log.see(_SEEN))
        await catalog.write(lambda change: change.log.see(replace(_SEEN, size=9)))

        assert await catalog.log.list_seen() == [other, replace(_SEEN, size=9)]
        assert await catalog.write(lambda change: change.log.seen(_SEEN.origin)) == replace(_SEEN, size=9)
        assert await catalog.write(lambda change: change.log.seen("unknown")) is None

    async def test_extending_the_log_is_no_event(self, catalog: Catalog) -> None:
        before = await catalog.head()

        await catalog.write(lambda change: change.log.extend(_HEAD, {(0, 0): b"a" * 96}))

        assert await catalog.head() == before

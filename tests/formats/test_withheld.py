"""What was deleted or blocked here does not come again from upstreams, whatever format it is of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from entrepot.model.block import BlockKind
from entrepot.model.errors import ReferenceUnknown, TombstoneUnknown
from entrepot.model.names import FormatName, PackageId, ReferenceName, parse_namespace
from entrepot.model.upstream import UpstreamRules
from entrepot.operations.block import block, release
from entrepot.operations.check import check
from entrepot.operations.delete import delete_version
from entrepot.operations.readmit import readmit
from entrepot.operations.upstreams import add_upstream
from entrepot.operations.why import why
from entrepot.testing.builders import ADMINISTRATOR, World, open_world
from entrepot.testing.elsewhere import Elsewhere, elsewhere
from tests.formats.peers import ONE, PEERS, TWO, Peer

pytestmark = [
    pytest.mark.usefixtures("socket_enabled"),
    pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.format),
]


@dataclass(frozen=True, slots=True)
class Place:
    """A registry that reads through to another one, both versions of which it has fetched."""

    world: World
    client: httpx.AsyncClient
    peer: Peer
    other: Elsewhere

    @property
    def package(self) -> PackageId:
        format = FormatName(self.peer.format)
        return PackageId(
            parse_namespace("acme"), format, self.world.registry.formats[format].normalize(self.peer.package)
        )

    def name(self, version: str) -> ReferenceName:
        return self.world.registry.formats[self.package.format].parse_version(self.peer.written(version))

    async def seen(self) -> list[str]:
        """The versions that are listed, each of which can be had, and no other can."""
        self.world.clock.advance(hours=1)
        index = await self.client.get(self.peer.index)
        listed = [version for version in (ONE, TWO) if version in index.text and index.status_code == 200]
        for version in (ONE, TWO):
            had = await self._is_had(version)
            assert had == (version in listed), (version, listed)
        return listed

    async def _is_had(self, version: str) -> bool:
        if self.peer.before is not None and (await self.client.get(self.peer.before(version))).status_code != 200:
            return False
        file = await self.client.get(self.peer.file(version))
        await self.world.registry.flights.landed()
        assert file.status_code in (200, 403, 404), file.text
        return file.status_code == 200 and file.content == self.peer.content(version)


@pytest.fixture
async def place(tmp_path: Path, peer: Peer) -> AsyncIterator[Place]:
    async with elsewhere() as other, open_world(tmp_path) as world:
        await world.namespace("acme")
        async with world.client(await world.token("reader")) as client:
            peer.offer(other, (ONE, TWO))
            rules = UpstreamRules(refresh=timedelta(seconds=1))
            await add_upstream(world.registry, ADMINISTRATOR, peer.upstream(other.url, private=True, rules=rules))
            made = Place(world, client, peer, other)
            assert await made.seen() == [ONE, TWO]
            yield made
            assert await check(world.registry) == []


async def test_a_version_that_was_deleted_does_not_come_again_before_somebody_readmits_it(place: Place) -> None:
    registry, one = place.world.registry, place.name(ONE)

    await delete_version(registry, ADMINISTRATOR, place.package, one)
    asked = place.other.asked[place.peer.file_there(ONE)]
    after, asked_after = await place.seen(), place.other.asked[place.peer.file_there(ONE)]
    with pytest.raises(ReferenceUnknown, match="readmit"):
        await why(registry, ADMINISTRATOR, place.package, one)
    await readmit(registry, ADMINISTRATOR, place.package, one)

    assert after == [TWO]
    assert asked_after == asked
    assert await place.seen() == [ONE, TWO]
    with pytest.raises(TombstoneUnknown):
        await readmit(registry, ADMINISTRATOR, place.package, one)


async def test_a_version_that_is_blocked_is_in_no_index_and_is_not_fetched_again(place: Place) -> None:
    registry, one = place.world.registry, place.name(ONE)

    await block(registry, ADMINISTRATOR, place.package, one, kind=BlockKind.QUARANTINED, reason="it phones home")
    asked = place.other.asked[place.peer.file_there(ONE)]
    after, asked_after = await place.seen(), place.other.asked[place.peer.file_there(ONE)]
    await release(registry, ADMINISTRATOR, place.package, one)

    assert after == [TWO]
    assert asked_after == asked
    assert await place.seen() == [ONE, TWO]

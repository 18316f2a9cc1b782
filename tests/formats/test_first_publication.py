"""Who publishes a name for the first time looks it up first, perhaps while the upstream is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from entrepot.drivers.fetch.http import HttpFetcher
from entrepot.drivers.fetch.pace import Pace
from entrepot.drivers.fetch.proxies import Proxies
from entrepot.model.upstream import UpstreamRules
from entrepot.operations.upstreams import add_upstream
from entrepot.testing.builders import ADMINISTRATOR, World, open_world
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere
from tests.formats.peers import ONE, PEERS, Peer

pytestmark = pytest.mark.usefixtures("socket_enabled")


def of(*formats: str) -> pytest.MarkDecorator:
    """With a registry of each of these formats behind ours."""
    return pytest.mark.parametrize(
        "peer", [peer for peer in PEERS if peer.format in formats], ids=lambda peer: peer.format
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    fetcher = HttpFetcher(proxies=Proxies.read({}), pace=Pace(attempts=1))
    async with open_world(tmp_path, fetcher=fetcher) as made:
        await made.namespace("acme")
        yield made
    await fetcher.aclose()


@pytest.fixture
async def other(world: World, peer: Peer) -> AsyncIterator[Elsewhere]:
    async with elsewhere() as registry:
        upstream = peer.upstream(registry.url, private=True, rules=UpstreamRules())
        await add_upstream(world.registry, ADMINISTRATOR, upstream)
        yield registry


async def answered(world: World, role: str, peer: Peer, **headers: str) -> int:
    async with world.client(await world.token(role)) as client:
        return (await client.get(peer.index, headers=headers)).status_code


@of("cargo", "maven", "npm")
async def test_who_may_publish_a_name_is_told_that_nothing_is_there_while_its_upstream_fails(
    world: World, other: Elsewhere, peer: Peer
) -> None:
    other.says[peer.index_there] = Said(b"sorry", status=503)

    assert await answered(world, "publisher", peer) == 404
    assert await answered(world, "reader", peer) == 502


@of("cargo", "maven", "npm")
async def test_who_may_publish_a_name_does_not_wait_for_an_upstream_that_is_silent(
    world: World, other: Elsewhere, peer: Peer
) -> None:
    gate = asyncio.Event()
    other.says[peer.index_there] = Said(b"late", gate=gate)

    told = await answered(world, "publisher", peer)

    assert told == 404
    assert not gate.is_set()
    gate.set()
    await world.registry.flights.landed()


@of("cargo", "maven", "npm")
async def test_what_an_upstream_once_said_counts_for_who_may_publish_too(
    world: World, other: Elsewhere, peer: Peer
) -> None:
    peer.offer(other, (ONE,))
    before = await answered(world, "reader", peer)
    other.says[peer.index_there] = Said(b"sorry", status=503)
    world.clock.advance(hours=1)

    assert (before, await answered(world, "publisher", peer)) == (200, 200)


@of("npm")
async def test_npm_says_when_it_wants_to_install_and_is_told_of_the_failure(
    world: World, other: Elsewhere, peer: Peer
) -> None:
    other.says[peer.index_there] = Said(b"sorry", status=503)

    assert await answered(world, "publisher", peer, **{"npm-command": "install"}) == 502
    assert await answered(world, "publisher", peer, **{"npm-command": "publish"}) == 404

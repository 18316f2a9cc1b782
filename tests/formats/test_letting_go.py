"""What came from elsewhere and nobody asks for any more goes, in every format; what somebody asks for comes again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.model.access import Role
from entrepot.model.digest import Digest
from entrepot.model.names import NamespaceName, View
from entrepot.model.retention import NameKind, Retention, RetentionRule
from entrepot.model.upstream import UpstreamRules
from entrepot.operations.check import check
from entrepot.operations.pulls import write_pulls
from entrepot.operations.retain import set_retention
from entrepot.operations.upstreams import add_upstream
from entrepot.schedules.collect import COLLECT
from entrepot.schedules.retain import GO_ON, RETAIN
from entrepot.testing.builders import ADMINISTRATOR, Image, World, image, open_world
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere
from tests.formats.peers import ONE, PEERS, TWO, Peer

pytestmark = pytest.mark.usefixtures("socket_enabled")

ACME = NamespaceName("acme")
USED = RetentionRule("used", kinds=tuple(NameKind), pulled_within=timedelta(days=30))

Cache = tuple[World, httpx.AsyncClient, Elsewhere]


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    """A registry that keeps of others what was pulled within a month."""
    blobs = FileBlobStore(tmp_path / "blobs", threads=1)
    async with elsewhere() as other, open_world(tmp_path, blobs=blobs) as world:
        await world.namespace("acme")
        await set_retention(world.registry, ADMINISTRATOR, ACME, Retention((USED,), automatic=True))
        async with world.client(await world.token(Role.ADMINISTRATOR, None)) as client:
            yield world, client, other
        assert await check(world.registry, read_bytes=True) == []
    blobs.close()


async def days_pass(world: World, days: int) -> None:
    """Let time pass, and all that runs by itself run at the end of it."""
    await world.registry.flights.landed()
    await write_pulls(world.registry)
    world.clock.advance(days=days)
    for schedule in (RETAIN, GO_ON, COLLECT):
        await schedule.run(world.registry)


async def offer(cache: Cache, peer: Peer, *versions: str) -> None:
    world, _, other = cache
    peer.offer(other, versions)
    await add_upstream(world.registry, ADMINISTRATOR, peer.upstream(other.url, private=True, rules=UpstreamRules()))


async def pull(cache: Cache, peer: Peer, version: str) -> None:
    _, client, _ = cache
    for path in (peer.index, *([] if peer.before is None else [peer.before(version)]), peer.file(version)):
        assert (await client.get(path)).status_code == 200, path


async def kept(cache: Cache, peer: Peer) -> int:
    """How many versions are here."""
    world, _, _ = cache
    rules = world.registry.formats[peer.upstream("http://localhost", private=True, rules=UpstreamRules()).format]
    of_package = [
        row.id for row in await world.catalog.list_packages(namespace=ACME, format=rules.format, after=None, limit=10)
    ]
    return sum([len(await world.catalog.list_references(View(ACME), each, limit=10)) for each in of_package])


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.format)
async def test_what_nobody_asks_for_any_more_goes_and_comes_again_when_somebody_does(cache: Cache, peer: Peer) -> None:
    """Users' thread 15: no expiry and no collection at all, so that the disk of a cache grows for ever.

    Found here: once its manifest was given up, a version of several files did not come file by file any more.
    """
    world, _, other = cache
    await offer(cache, peer, ONE, TWO)
    await pull(cache, peer, ONE)
    await pull(cache, peer, TWO)
    await days_pass(world, 20)
    await pull(cache, peer, TWO)

    await days_pass(world, 20)
    left = await kept(cache, peer)
    asked = other.asked[peer.file_there(ONE)]
    for _ in range(2):
        await days_pass(world, 9)
    await pull(cache, peer, ONE)

    assert left == 1
    assert other.asked[peer.file_there(ONE)] == asked + 1


def offer_image(other: Elsewhere, tag: str, built: Image) -> None:
    for reference in (tag, built.digest):
        headers = {"content-type": built.artifact.media_type}
        other.says[f"/v2/api/manifests/{reference}"] = Said(built.content, headers=headers)
    for blob in built.blobs:
        other.says[f"/v2/api/blobs/{Digest.of(blob)}"] = Said(blob)


async def pull_image(client: httpx.AsyncClient, tag: str, built: Image) -> list[int]:
    asked = [f"/v2/acme/api/manifests/{tag}", *(f"/v2/acme/api/blobs/{Digest.of(blob)}" for blob in built.blobs)]
    return [(await client.get(path)).status_code for path in asked]


async def test_what_leaves_a_cache_takes_nothing_with_it_that_another_image_has(cache: Cache) -> None:
    """Users' thread 5: what had run out took blobs along that other cached images still used."""
    world, client, other = cache
    [oci] = [peer for peer in PEERS if peer.format == "oci"]
    await offer(cache, oci)
    base = b"base " * 100
    old, new = image(base, b"old " * 100), image(base, b"new " * 100)
    for tag, built in (("old", old), ("new", new)):
        offer_image(other, tag, built)
        assert set(await pull_image(client, tag, built)) == {200}
    await days_pass(world, 20)
    assert set(await pull_image(client, "new", new)) == {200}

    await days_pass(world, 20)
    for _ in range(2):
        assert set(await pull_image(client, "new", new)) == {200}
        await days_pass(world, 9)
    other.says.clear()

    assert set(await pull_image(client, "new", new)) == {200}
    assert await kept(cache, oci) == 1
    assert not [each async for each in world.registry.blobs.kept() if each.digest == Digest.of(old.blobs[-1])]


async def test_what_is_here_is_not_fetched_again_however_often_it_is_mirrored(cache: Cache) -> None:
    """Users' thread 75: each full replication took longer than the last."""
    world, client, other = cache
    [oci] = [peer for peer in PEERS if peer.format == "oci"]
    await offer(cache, oci)
    asked: list[int] = []
    for number in range(5):
        built = image(b"layer %d " % number * 50)
        offer_image(other, f"v{number}", built)
        before = sum(other.asked.values())
        for every in range(number + 1):
            assert set(await pull_image(client, f"v{every}", image(b"layer %d " % every * 50))) == {200}
        await world.registry.flights.landed()
        asked.append(sum(other.asked.values()) - before)

    # Each time what is new: a manifest by its tag, its config and its layer.
    assert max(asked[1:]) <= asked[0]


async def test_one_tag_that_fails_takes_nothing_from_those_that_worked(cache: Cache) -> None:
    """Users' thread 83: one failed tag rolled the repository back, and deleted the tags that had worked."""
    world, client, other = cache
    [oci] = [peer for peer in PEERS if peer.format == "oci"]
    await offer(cache, oci)
    good, bad = image(b"good " * 50), image(b"bad " * 50)
    offer_image(other, "good", good)
    offer_image(other, "bad", bad)
    assert set(await pull_image(client, "good", good)) == {200}
    other.says[f"/v2/api/blobs/{Digest.of(bad.blobs[-1])}"] = Said(status=500)

    answers = await pull_image(client, "bad", bad)
    await world.registry.flights.landed()
    other.says.clear()

    assert answers[-1] != 200
    assert set(await pull_image(client, "good", good)) == {200}


async def test_who_gets_nothing_is_told_why(cache: Cache) -> None:
    """Users' thread 76: replication failed with no reason given; the disk of the other side was full."""
    _, client, other = cache
    [oci] = [peer for peer in PEERS if peer.format == "oci"]
    await offer(cache, oci)
    built = image(b"layer " * 50)
    offer_image(other, "1.0", built)
    why = {"errors": [{"code": "UNKNOWN", "message": "no inodes are left"}]}
    other.says["/v2/api/manifests/1.0"] = Said(httpx.Response(200, json=why).content, status=507)

    answer = await client.get("/v2/acme/api/manifests/1.0")

    assert answer.status_code in (502, 503, 504)
    assert "507" in answer.text
    assert other.url in answer.text


async def test_what_a_model_is_cannot_be_overwritten_under_its_name(cache: Cache) -> None:
    """Users' thread 28: registered models could be overwritten, which is very dangerous for whoever deploys them."""
    _, client, _ = cache
    model = "/files/acme/fraud-model/3/model.safetensors"
    assert (await client.put(model, content=b"weights " * 50)).status_code == 201

    answers = [
        await client.put(model, content=b"other weights " * 50),
        await client.put(model, content=b"other weights " * 50, headers={"if-match": "*"}),
        await client.delete(model),
    ]

    assert all(answer.status_code in (405, 409) for answer in answers), [answer.status_code for answer in answers]
    assert (await client.get(model)).content == b"weights " * 50

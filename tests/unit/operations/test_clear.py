from __future__ import annotations

import pytest

from entrepot.model.access import ANONYMOUS, Caller
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    ChannelUnknown,
    ClearanceUnknown,
    Denied,
    Unauthenticated,
    VersionSealed,
)
from entrepot.model.names import ReferenceName, View, parse_channel
from entrepot.operations.browse import list_clearances
from entrepot.operations.check import check
from entrepot.operations.clear import close_clearance, open_clearance
from entrepot.operations.resolve import find_blob, resolve
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, index, package, referrer

API, PROD = package("acme/api"), parse_channel("prod")
THROUGH = View.parse("acme.prod")
CONSUMER = caller("reader", "acme.prod")
BUILT = image(b"layer")


async def test_what_is_cleared_is_read_through_the_channel(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0", "latest")

    assert await open_clearance(world.registry, ADMINISTRATOR, API, PROD, BUILT.digest, reason="approved")

    found = await resolve(world.registry, CONSUMER, THROUGH, API, name=ReferenceName("latest"))
    assert found.content == BUILT.content
    assert (await find_blob(world.registry, CONSUMER, THROUGH, API, Digest.of(b"layer"))).size == 5
    assert await check(world.registry) == []


async def test_clearing_again_is_no_event(world: World) -> None:
    await world.push("acme/api", BUILT)
    await open_clearance(world.registry, ADMINISTRATOR, API, PROD, BUILT.digest)
    before = await world.events()

    assert not await open_clearance(world.registry, ADMINISTRATOR, API, PROD, BUILT.digest)

    assert await world.events() == before


async def test_clearing_seals_the_versions_of_what_is_cleared(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0", "latest", sealed=False)

    await open_clearance(world.registry, ADMINISTRATOR, API, PROD, BUILT.digest)

    with pytest.raises(VersionSealed):
        await world.push("acme/api", image(b"layer", b"more"), "1.0", sealed=False)
    await world.push("acme/api", image(b"other"), "latest")
    assert await check(world.registry) == []


async def test_a_tag_that_moves_on_shows_nothing_until_that_is_cleared_too(world: World) -> None:
    await world.push("acme/api", BUILT, "latest")
    await world.clear("acme/api", BUILT.digest)

    other = await world.push("acme/api", image(b"other"), "latest")

    assert await world.catalog.find_artifact(THROUGH, API, name=ReferenceName("latest")) is None
    await world.clear("acme/api", other.digest)
    found = await resolve(world.registry, CONSUMER, THROUGH, API, name=ReferenceName("latest"))
    assert found.digest == other.digest


async def test_closing_hides_everything_again_and_stays_on_record(world: World) -> None:
    listed = index(BUILT)
    await world.push("acme/api", listed)
    await world.push("acme/api", referrer(BUILT))
    await world.clear("acme/api", listed.digest)

    await close_clearance(world.registry, ADMINISTRATOR, API, PROD, listed.digest, reason="a flaw")

    assert await world.catalog.find_package(THROUGH, API) is None
    assert await list_clearances(world.registry, ADMINISTRATOR, API) == []
    (past,) = await list_clearances(world.registry, ADMINISTRATOR, API, history=True)
    assert past.until_position == (await world.catalog.head())[0]
    assert (await world.events())[-2:] == ["clearance.opened", "clearance.closed"]
    assert await check(world.registry) == []


async def test_what_is_not_cleared_is_not_closed(world: World) -> None:
    await world.push("acme/api", index(BUILT))
    await world.clear("acme/api", index(BUILT).digest)

    for digest in (BUILT.digest, Digest.of(b"unknown")):
        with pytest.raises(ClearanceUnknown):
            await close_clearance(world.registry, ADMINISTRATOR, API, PROD, digest)


async def test_only_an_artifact_is_cleared_and_only_for_a_channel(world: World) -> None:
    await world.push("acme/api", BUILT)

    with pytest.raises(ArtifactUnknown):
        await open_clearance(world.registry, ADMINISTRATOR, API, PROD, Digest.of(b"layer"))
    with pytest.raises(ArtifactUnknown):
        await open_clearance(world.registry, ADMINISTRATOR, package("acme/unknown"), PROD, BUILT.digest)
    with pytest.raises(ChannelUnknown):
        await open_clearance(world.registry, ADMINISTRATOR, API, parse_channel("moon"), BUILT.digest)
    assert (await world.events()).count("clearance.opened") == 0


@pytest.mark.parametrize(
    ("by", "error"),
    [
        (ANONYMOUS, Unauthenticated),
        (caller("maintainer"), Denied),
        (caller("promoter"), Denied),
        (caller("administrator", "zeta"), Denied),
        (caller("administrator", pattern="api*"), Denied),
    ],
)
async def test_an_administrator_decides(world: World, by: Caller, error: type[Exception]) -> None:
    await world.push("acme/api", BUILT)

    with pytest.raises(error):
        await open_clearance(world.registry, by, API, PROD, BUILT.digest)
    with pytest.raises(error):
        await close_clearance(world.registry, by, API, PROD, BUILT.digest)

from __future__ import annotations

import pytest

from entrepot.model.access import ANONYMOUS, Caller
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    Denied,
    PackageUnknown,
    Unauthenticated,
    VersionExists,
)
from entrepot.model.names import ReferenceName, View
from entrepot.operations.browse import list_references
from entrepot.operations.tag import tag
from entrepot.testing.builders import World, caller, image, package

API, ALL, LATEST = package("acme/api"), View.parse("acme"), ReferenceName("latest")
PUBLISHER = caller("publisher")
ONE, TWO = image(b"one"), image(b"two")


async def test_an_artifact_that_is_there_gets_another_name(world: World) -> None:
    await world.push("acme/api", ONE, "1.0")

    await tag(world.registry, PUBLISHER, API, ONE.digest, LATEST)

    found = await list_references(world.registry, PUBLISHER, ALL, API, limit=10)
    assert [(reference.name, reference.digest) for reference in found] == [("1.0", ONE.digest), ("latest", ONE.digest)]
    before = await world.events()
    await tag(world.registry, PUBLISHER, API, ONE.digest, LATEST)
    assert await world.events() == before


async def test_the_namespaces_rules_hold(world: World) -> None:
    await world.push("acme/api", ONE, "1.0")
    await world.push("acme/api", TWO)

    with pytest.raises(VersionExists):
        await tag(world.registry, PUBLISHER, API, TWO.digest, ReferenceName("1.0"))


@pytest.mark.parametrize("digest", [Digest.of(b"never seen"), Digest.of(b"one")])
async def test_only_an_artifact_of_the_package_is_named(world: World, digest: Digest) -> None:
    await world.push("acme/api", ONE)
    await world.push("acme/other", TWO)

    for unknown in (digest, TWO.digest):
        with pytest.raises(ArtifactUnknown):
            await tag(world.registry, PUBLISHER, API, unknown, LATEST)


async def test_what_is_published_names_the_packages_of_other_formats(world: World) -> None:
    files = package("acme/tool", format="generic")

    with pytest.raises(Denied):
        await tag(world.registry, PUBLISHER, files, ONE.digest, LATEST)


@pytest.mark.parametrize(
    ("by", "error"),
    [(ANONYMOUS, Unauthenticated), (caller("reader"), Denied), (caller("publisher", "zeta"), PackageUnknown)],
)
async def test_who_may_not_publish_names_nothing(world: World, by: Caller, error: type[Exception]) -> None:
    await world.push("acme/api", ONE)

    with pytest.raises(error):
        await tag(world.registry, by, API, ONE.digest, LATEST)

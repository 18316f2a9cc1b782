from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from entrepot.model.access import ANONYMOUS, Caller
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    BlobUnknown,
    Denied,
    PackageUnknown,
    Protected,
    ReferenceUnknown,
    RegistryError,
    Unauthenticated,
)
from entrepot.model.names import ReferenceName, View, parse_channel
from entrepot.operations.check import check
from entrepot.operations.clear import close_clearance
from entrepot.operations.delete import delete_artifact, delete_blob, delete_reference, delete_version
from entrepot.operations.hold import place_hold
from entrepot.operations.publish import Draft, publish
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, index, package, referrer

API, ALL = package("acme/api"), View.parse("acme")
MAINTAINER = caller("maintainer")
BUILT = image(b"layer")
LAYER = Digest.of(b"layer")
LATEST, VERSION = ReferenceName("latest"), ReferenceName("1.0")

DELETIONS: list[Callable[[World, Caller], Awaitable[None]]] = [
    lambda world, by: delete_reference(world.registry, by, API, LATEST),
    lambda world, by: delete_version(world.registry, by, API, VERSION),
    lambda world, by: delete_artifact(world.registry, by, API, BUILT.digest),
    lambda world, by: delete_blob(world.registry, by, API, Digest.of(b"loose")),
]
NAMES = ["tag", "version", "artifact", "blob"]


@pytest.fixture
async def filled(world: World) -> World:
    await world.push("acme/api", BUILT, "1.0", "latest")
    await world.push_blob(API, b"loose")
    return world


async def names(world: World) -> list[str]:
    return [reference.name for reference in await world.catalog.list_references(ALL, API, limit=100)]


@pytest.mark.parametrize("delete", DELETIONS, ids=NAMES)
async def test_a_deletion_is_one_event_and_leaves_a_sound_registry(
    filled: World, delete: Callable[[World, Caller], Awaitable[None]]
) -> None:
    before = len(await filled.events())

    await delete(filled, MAINTAINER)

    assert len(await filled.events()) == before + 1
    assert await check(filled.registry) == []
    with pytest.raises((ReferenceUnknown, BlobUnknown)):
        await delete(filled, MAINTAINER)


@pytest.mark.parametrize("delete", DELETIONS, ids=NAMES)
@pytest.mark.parametrize(
    ("by", "error"),
    [
        (ANONYMOUS, Unauthenticated),
        (caller("publisher"), Denied),
        (caller("maintainer", "acme.prod"), PackageUnknown),
        (caller("maintainer", pattern="other*"), PackageUnknown),
    ],
)
async def test_who_may_not_delete_is_refused(
    filled: World, delete: Callable[[World, Caller], Awaitable[None]], by: Caller, error: type[RegistryError]
) -> None:
    with pytest.raises(error):
        await delete(filled, by)

    assert await names(filled) == ["1.0", "latest"]


@pytest.mark.parametrize("delete", DELETIONS, ids=NAMES)
async def test_nothing_is_deleted_of_a_package_that_is_not_there(
    world: World, delete: Callable[[World, Caller], Awaitable[None]]
) -> None:
    with pytest.raises(PackageUnknown):
        await delete(world, MAINTAINER)


async def test_deleting_a_name_leaves_the_artifact_and_its_other_names(filled: World) -> None:
    await delete_reference(filled.registry, MAINTAINER, API, LATEST)

    assert await names(filled) == ["1.0"]
    assert await filled.catalog.find_artifact(ALL, API, digest=BUILT.digest) is not None


async def test_deleting_an_artifact_ends_all_its_names(filled: World) -> None:
    other = await filled.push("acme/api", image(b"other"), "2.0")

    await delete_artifact(filled.registry, MAINTAINER, API, BUILT.digest)

    assert await names(filled) == ["2.0"]
    assert await filled.catalog.find_artifact(ALL, API, digest=BUILT.digest) is None
    assert await filled.catalog.find_artifact(ALL, API, digest=other.digest) is not None
    entries = await filled.catalog.list_entries(after=(await filled.catalog.head())[0] - 1, limit=1)  # type: ignore[arg-type]
    assert entries[0].event.references == ("1.0", "latest")  # type: ignore[attr-defined]


async def test_deleting_a_version_takes_its_artifact_along(filled: World) -> None:
    await delete_version(filled.registry, MAINTAINER, API, VERSION)

    assert await names(filled) == []
    assert await filled.catalog.find_artifact(ALL, API, digest=BUILT.digest) is None


async def test_a_tag_is_no_version_to_be_deleted(filled: World) -> None:
    with pytest.raises(ReferenceUnknown):
        await delete_version(filled.registry, MAINTAINER, API, LATEST)


async def test_a_deleted_artifact_stays_in_other_packages(filled: World) -> None:
    await filled.push("acme/other", BUILT)

    await delete_artifact(filled.registry, MAINTAINER, API, BUILT.digest)

    assert await filled.catalog.find_artifact(ALL, package("acme/other"), digest=BUILT.digest) is not None


async def test_what_refers_to_it_goes_along(filled: World) -> None:
    """Users' thread 16: half of an index is referrers of what was deleted long ago."""
    signature = await filled.push("acme/api", referrer(BUILT))
    countersignature = await filled.push("acme/api", referrer(signature))

    await delete_artifact(filled.registry, MAINTAINER, API, BUILT.digest)

    for gone in (signature, countersignature):
        assert await filled.catalog.find_artifact(ALL, API, digest=gone.digest) is None
    assert await check(filled.registry) == []


async def test_a_referrer_that_has_a_name_or_is_held_stays(filled: World) -> None:
    named = await filled.push("acme/api", referrer(BUILT), "sbom")
    held = await filled.push("acme/api", referrer(BUILT, "application/vnd.example.report"))
    await place_hold(filled.registry, ADMINISTRATOR, API, held.digest, reason="audit")

    await delete_artifact(filled.registry, MAINTAINER, API, BUILT.digest)

    for kept in (named, held):
        assert await filled.catalog.find_artifact(ALL, API, digest=kept.digest) is not None


async def test_what_an_index_contains_stays_when_it_goes(filled: World) -> None:
    """Users' thread 3: what is deleted takes the children of multi-arch indexes along."""
    listed = await filled.push("acme/api", index(BUILT))
    signature = await filled.push("acme/api", referrer(listed))
    of_child = await filled.push("acme/api", referrer(BUILT))

    await delete_artifact(filled.registry, MAINTAINER, API, listed.digest)

    assert await filled.catalog.find_artifact(ALL, API, digest=signature.digest) is None
    for kept in (BUILT, of_child):
        assert await filled.catalog.find_artifact(ALL, API, digest=kept.digest) is not None


# --- what is needed stays (I2) ---


@pytest.mark.parametrize("content", [b"layer", b"{}"], ids=["layer", "config"])
async def test_a_blob_that_an_artifact_needs_stays(filled: World, content: bytes) -> None:
    with pytest.raises(Protected):
        await delete_blob(filled.registry, MAINTAINER, API, Digest.of(content))

    await delete_artifact(filled.registry, MAINTAINER, API, BUILT.digest)
    await delete_blob(filled.registry, MAINTAINER, API, Digest.of(content))


async def test_what_an_index_contains_stays(filled: World) -> None:
    listed = await filled.push("acme/api", index(BUILT))

    with pytest.raises(Protected):
        await delete_artifact(filled.registry, MAINTAINER, API, BUILT.digest)

    await delete_artifact(filled.registry, MAINTAINER, API, listed.digest)
    await delete_artifact(filled.registry, MAINTAINER, API, BUILT.digest)
    assert await check(filled.registry) == []


async def test_an_artifact_that_another_one_has_as_a_layer_stays(filled: World) -> None:
    """It was deleted, because only manifests were looked for that an index contains; its layer then was missing (I2)."""
    outer = image(BUILT.content)
    await publish(filled.registry, MAINTAINER, API, Draft(outer.artifact))

    with pytest.raises(Protected):
        await delete_artifact(filled.registry, MAINTAINER, API, BUILT.digest)

    await filled.push_blob(API, BUILT.content)
    await delete_artifact(filled.registry, MAINTAINER, API, BUILT.digest)
    assert await check(filled.registry) == []


async def test_an_artifact_is_no_blob_to_be_deleted(filled: World) -> None:
    with pytest.raises(BlobUnknown):
        await delete_blob(filled.registry, MAINTAINER, API, BUILT.digest)

    assert await filled.catalog.find_artifact(ALL, API, digest=BUILT.digest) is not None


async def test_a_blob_is_no_artifact_to_be_deleted(filled: World) -> None:
    with pytest.raises(ArtifactUnknown):
        await delete_artifact(filled.registry, MAINTAINER, API, LAYER)


# --- what is cleared stays (I9) ---


async def test_what_a_channel_shows_stays_until_its_clearance_is_closed(filled: World) -> None:
    listed = index(BUILT)
    signature = referrer(BUILT)
    await filled.push("acme/api", listed, "2.0")
    await filled.push("acme/api", signature)
    await filled.clear("acme/api", listed.digest)

    for digest in (listed.digest, BUILT.digest, signature.digest):
        with pytest.raises(Protected):
            await delete_artifact(filled.registry, MAINTAINER, API, digest)
    for name in ("1.0", "2.0"):
        with pytest.raises(Protected):
            await delete_reference(filled.registry, MAINTAINER, API, ReferenceName(name))
        with pytest.raises(Protected):
            await delete_version(filled.registry, MAINTAINER, API, ReferenceName(name))
    with pytest.raises(Protected):
        await delete_blob(filled.registry, MAINTAINER, API, LAYER)
    await delete_reference(filled.registry, MAINTAINER, API, LATEST)

    await close_clearance(filled.registry, ADMINISTRATOR, API, parse_channel("prod"), listed.digest)
    for digest in (listed.digest, signature.digest, BUILT.digest):
        await delete_artifact(filled.registry, MAINTAINER, API, digest)
    assert await check(filled.registry) == []

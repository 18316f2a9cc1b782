"""Taking out of the trash for good what was deleted."""

from __future__ import annotations

import pytest

from entrepot.model.access import Role
from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, Denied, PackageUnknown, Protected, ReferenceUnknown
from entrepot.model.names import ReferenceName, parse_namespace
from entrepot.operations.check import check
from entrepot.operations.delete import delete_artifact
from entrepot.operations.purge import Purged, purge
from entrepot.operations.restore import list_trash, restore
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, index, package, referrer
from entrepot.testing.memory import MemoryBlobStore

API, OTHER, ACME = package("acme/api"), package("acme/other"), parse_namespace("acme")
ONE = ReferenceName("1.0")
LARGE = b"large " * 100
BUILT = image(LARGE)
SIGNATURE = referrer(BUILT)
OF_BUILT = len(LARGE) + len(BUILT.content)


@pytest.fixture
async def deleted(world: World) -> World:
    """An image was deleted, with its signature."""
    await world.push(API, BUILT, "1.0")
    await world.push(API, SIGNATURE)
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    return world


async def state(world: World, digest: Digest) -> BlobState | None:
    found = await world.catalog.collection.find(digest)
    return None if found is None else found.state


async def test_what_is_purged_is_gone_at_once_with_what_left_with_it(deleted: World) -> None:
    found = await purge(deleted.registry, ADMINISTRATOR, API, ONE)

    assert found == Purged(BUILT.digest, blobs=4, size=OF_BUILT + len(b"{}") + len(SIGNATURE.content))
    for digest in (BUILT.digest, SIGNATURE.digest, Digest.of(LARGE), Digest.of(b"{}")):
        assert await state(deleted, digest) is BlobState.ABSENT
    assert isinstance(deleted.registry.blobs, MemoryBlobStore)
    assert await deleted.registry.blobs.size(Digest.of(LARGE)) is None
    assert await list_trash(deleted.registry, ADMINISTRATOR, ACME, limit=10) == []
    account = await deleted.catalog.usage.find(ACME)
    assert account is not None
    assert account.size == 0
    assert (await deleted.events())[-1] == "artifact.purged"
    assert await check(deleted.registry, read_bytes=True) == []


async def test_what_is_purged_cannot_be_had_back(deleted: World) -> None:
    await purge(deleted.registry, ADMINISTRATOR, API, BUILT.digest)

    with pytest.raises(ArtifactUnknown):
        await restore(deleted.registry, ADMINISTRATOR, API, ONE)


async def test_purging_again_is_no_event(deleted: World) -> None:
    await purge(deleted.registry, ADMINISTRATOR, API, BUILT.digest)
    before = await deleted.events()

    assert await purge(deleted.registry, ADMINISTRATOR, API, BUILT.digest) == Purged(BUILT.digest)
    assert await deleted.events() == before


async def test_what_others_have_keeps_its_bytes_and_is_not_to_be_had_back_all_the_same(deleted: World) -> None:
    await deleted.push(OTHER, BUILT, "1.0")

    found = await purge(deleted.registry, ADMINISTRATOR, API, BUILT.digest)

    assert found == Purged(BUILT.digest, blobs=1, size=len(SIGNATURE.content))
    with pytest.raises(ArtifactUnknown):
        await restore(deleted.registry, ADMINISTRATOR, API, BUILT.digest)
    assert await list_trash(deleted.registry, ADMINISTRATOR, ACME, limit=10) == []
    assert await check(deleted.registry, read_bytes=True) == []


async def test_what_others_may_have_back_stays_for_them(deleted: World) -> None:
    shared = image(LARGE, b"more")
    await deleted.push(OTHER, shared, "2.0")
    await delete_artifact(deleted.registry, ADMINISTRATOR, OTHER, shared.digest)

    await purge(deleted.registry, ADMINISTRATOR, API, BUILT.digest)
    await restore(deleted.registry, ADMINISTRATOR, OTHER, shared.digest)

    assert await state(deleted, Digest.of(LARGE)) is BlobState.PRESENT
    assert await check(deleted.registry, read_bytes=True) == []


async def test_what_comes_again_and_is_deleted_again_is_in_the_trash_again(deleted: World) -> None:
    await purge(deleted.registry, ADMINISTRATOR, API, BUILT.digest)
    await deleted.push(API, BUILT, "1.0")
    await delete_artifact(deleted.registry, ADMINISTRATOR, API, BUILT.digest)

    back = await restore(deleted.registry, ADMINISTRATOR, API, ONE)

    assert back.digest == BUILT.digest
    assert await check(deleted.registry, read_bytes=True) == []


async def test_what_an_index_contained_stays_when_that_is_purged(world: World) -> None:
    listed = await world.push(API, index(BUILT), "list")
    await delete_artifact(world.registry, ADMINISTRATOR, API, listed.digest)

    found = await purge(world.registry, ADMINISTRATOR, API, listed.digest)

    assert found == Purged(listed.digest, blobs=1, size=len(listed.content))
    assert await check(world.registry, read_bytes=True) == []


async def test_what_an_index_in_the_trash_contains_keeps_its_bytes_for_it(world: World) -> None:
    listed = await world.push(API, index(BUILT), "list")
    for each in (listed, BUILT):
        await delete_artifact(world.registry, ADMINISTRATOR, API, each.digest)

    found = await purge(world.registry, ADMINISTRATOR, API, BUILT.digest)
    await restore(world.registry, ADMINISTRATOR, API, listed.digest)

    assert found == Purged(BUILT.digest)
    assert await state(world, Digest.of(LARGE)) is BlobState.PRESENT
    assert await check(world.registry, read_bytes=True) == []


async def test_what_is_there_is_deleted_before_it_is_purged(world: World) -> None:
    await world.push(API, BUILT, "1.0")

    with pytest.raises(Protected):
        await purge(world.registry, ADMINISTRATOR, API, ONE)


async def test_to_delete_is_not_to_purge(deleted: World) -> None:
    with pytest.raises(Denied):
        await purge(deleted.registry, caller(Role.MAINTAINER), API, ONE)
    with pytest.raises(Denied):
        await purge(deleted.registry, caller(Role.CUSTODIAN), API, ONE)


async def test_what_never_was_there_is_not_purged(deleted: World) -> None:
    with pytest.raises(ReferenceUnknown):
        await purge(deleted.registry, ADMINISTRATOR, API, ReferenceName("2.0"))
    with pytest.raises(ArtifactUnknown):
        await purge(deleted.registry, ADMINISTRATOR, API, Digest.of(b"never"))
    with pytest.raises(PackageUnknown):
        await purge(deleted.registry, ADMINISTRATOR, package("acme/nothing"), ONE)

"""Erasing: bytes are here no more, whoever had them, and nobody brings them again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from entrepot.model.access import Role
from entrepot.model.deployment import Particulars, Place
from entrepot.model.digest import Digest
from entrepot.model.erasure import EVERYBODYS
from entrepot.model.errors import (
    BlobErased,
    Denied,
    Erased,
    ErasedForGood,
    ErasureUnknown,
    Invalid,
    InvalidEvidence,
    PlanOutdated,
    Protected,
    ReferenceUnknown,
)
from entrepot.model.names import ReferenceName, View, parse_namespace
from entrepot.model.protection import ProtectionKind
from entrepot.model.upload import UploadId
from entrepot.operations import erase as erasing
from entrepot.operations.check import check
from entrepot.operations.collect import collect
from entrepot.operations.delete import delete_artifact
from entrepot.operations.deploy import record_deployment
from entrepot.operations.erase import (
    continue_erasures,
    erase,
    find_erasure,
    lift_erasure,
    list_erasures,
    plan_erasure,
)
from entrepot.operations.hold import lift_hold, place_hold, take_lease
from entrepot.operations.resolve import find_blob, resolve
from entrepot.operations.restore import list_trash, restore
from entrepot.operations.upload import add_blob
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, index, open_world, package, referrer, stream
from entrepot.testing.memory import MemoryBlobStore
from entrepot.trust.erasure import Tombstone
from entrepot.trust.log.merkle import check_consistency
from entrepot.trust.signing import LocalKey

API, OTHER, THIRD = package("acme/api"), package("acme/other"), package("zeta/api")
ALL = View.parse("acme")
ONE = ReferenceName("1.0")
SECRET, HARMLESS = b"secret " * 100, b"harmless " * 100
LEAK = Digest.of(SECRET)
BUILT = image(SECRET, HARMLESS, config=b'{"a": 1}')
SIGNATURE = referrer(BUILT)
INNOCENT = image(HARMLESS)
KEY = LocalKey.generate()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An image with a secret in it, its signature, and another image with a layer of it."""
    async with open_world(tmp_path, signing=KEY) as world:
        await world.namespace()
        await world.push(API, BUILT, "1.0", "latest")
        await world.push(API, SIGNATURE)
        await world.push(OTHER, INNOCENT, "1.0")
        yield world


async def erased(world: World, target: Digest = LEAK, **more: bool) -> set[Digest]:
    found = await erase(world.registry, ADMINISTRATOR, target, reason="a key got out", **more)
    return {part.digest for part in found.extent.parts}


async def is_kept(world: World, content: bytes) -> bool:
    assert isinstance(world.registry.blobs, MemoryBlobStore)
    return await world.registry.blobs.size(Digest.of(content)) is not None


# --- what goes ---


async def test_bytes_are_gone_at_once_with_what_is_nothing_without_them_and_what_refers_to_that(world: World) -> None:
    gone = await erased(world)

    config = Digest.of(BUILT.blobs[0])
    assert gone == {LEAK, BUILT.digest, config, SIGNATURE.digest}
    assert not await is_kept(world, SECRET)
    assert await is_kept(world, HARMLESS)
    for content in (BUILT.content, SIGNATURE.content, BUILT.blobs[0]):
        assert (await world.catalog.collection.find_generations([Digest.of(content)]))[
            Digest.of(content)
        ].state == "absent"
    assert await check(world.registry, read_bytes=True) == []


async def test_who_may_read_there_is_told_that_it_was_erased(world: World) -> None:
    await erased(world)

    for asked in ({"name": ONE}, {"name": ReferenceName("latest")}, {"digest": BUILT.digest}):
        with pytest.raises(Erased):
            await resolve(world.registry, ADMINISTRATOR, ALL, API, **asked)  # type: ignore[arg-type]
    with pytest.raises(BlobErased):
        await find_blob(world.registry, ADMINISTRATOR, ALL, API, LEAK)
    with pytest.raises(ReferenceUnknown):
        await resolve(world.registry, ADMINISTRATOR, ALL, OTHER, digest=BUILT.digest)
    with pytest.raises(ReferenceUnknown):
        await resolve(world.registry, ADMINISTRATOR, ALL, API, name=ReferenceName("2.0"))


async def test_a_channel_tells_only_of_what_was_cleared_for_it(world: World) -> None:
    await world.push(API, image(b"other"), "2.0")
    await world.clear("acme/api", image(b"other").digest)
    await world.push(API, image(b"third secret"), "3.0")
    await world.clear("acme/api", image(b"third secret").digest)
    prod = View.parse("acme.prod")
    await erased(world)
    await erased(world, image(b"third secret").digest)

    with pytest.raises(ReferenceUnknown):
        await resolve(world.registry, ADMINISTRATOR, prod, API, name=ONE)
    with pytest.raises(Erased):
        await resolve(world.registry, ADMINISTRATOR, prod, API, name=ReferenceName("3.0"))
    assert (await resolve(world.registry, ADMINISTRATOR, prod, API, name=ReferenceName("2.0"))).digest
    assert await check(world.registry) == []


async def test_an_artifact_goes_with_all_that_only_it_has_and_what_others_have_stays(world: World) -> None:
    gone = await erased(world, BUILT.digest)

    assert gone == {LEAK, BUILT.digest, Digest.of(BUILT.blobs[0]), SIGNATURE.digest}
    assert await is_kept(world, HARMLESS)
    assert (await resolve(world.registry, ADMINISTRATOR, ALL, OTHER, name=ONE)).digest == INNOCENT.digest


async def test_an_index_goes_with_its_part_and_its_other_parts_stay(world: World) -> None:
    neighbour = image(b"neighbour")
    listed = index(BUILT, neighbour)
    await world.push(API, listed, "2.0")

    gone = await erased(world)

    assert listed.digest in gone
    assert neighbour.digest not in gone
    assert (await resolve(world.registry, ADMINISTRATOR, ALL, API, digest=neighbour.digest)).digest == neighbour.digest
    assert await check(world.registry, read_bytes=True) == []


async def test_an_index_that_is_erased_goes_with_its_parts_that_have_no_name_of_their_own(world: World) -> None:
    neighbour = image(b"neighbour")
    await world.push(API, index(BUILT, neighbour), "2.0")

    gone = await erased(world, index(BUILT, neighbour).digest)

    assert {neighbour.digest, Digest.of(b"neighbour")} <= gone
    assert not {BUILT.digest, LEAK} & gone  # It is 1.0, too.
    assert await check(world.registry, read_bytes=True) == []


async def test_it_goes_from_every_package_of_every_namespace_and_from_the_trash(world: World) -> None:
    await world.namespace("zeta")
    await world.push(THIRD, BUILT, "1.0")
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)

    await erased(world)

    assert await list_trash(world.registry, ADMINISTRATOR, parse_namespace("acme"), limit=9) == []
    for view, place in ((ALL, API), (View.parse("zeta"), THIRD)):
        with pytest.raises(Erased):
            await resolve(world.registry, ADMINISTRATOR, view, place, name=ONE)
    with pytest.raises(Erased):
        await restore(world.registry, ADMINISTRATOR, API, ONE)
    assert await check(world.registry, read_bytes=True) == []


async def test_each_package_has_an_event_of_its_own_and_the_last_one_seals_it(world: World) -> None:
    await world.namespace("zeta")
    await world.push(THIRD, BUILT, "1.0")
    before = await world.events()

    await erased(world)

    assert (await world.events())[len(before) :] == [
        "bytes.erased",
        "artifacts.erased",
        "artifacts.erased",
        "erasure.sealed",
    ]


async def test_what_was_erased_is_no_event_when_it_is_erased_again(world: World) -> None:
    await erased(world)
    before = await world.events()

    await erased(world)
    await erased(world, BUILT.digest)
    assert await continue_erasures(world.registry) == 0

    assert await world.events() == before


async def test_what_is_a_part_of_nearly_everything_is_not_erased(world: World) -> None:
    for content in (b"{}", b""):
        with pytest.raises(Invalid):
            await erase(world.registry, ADMINISTRATOR, Digest.of(content), reason="tidy")
    await world.push(OTHER, image(b"alone"), "alone")
    assert Digest.of(b"{}") not in await erased(world, image(b"alone").digest)


# --- and does not come back ---


async def test_nobody_brings_it_again(world: World) -> None:
    await erased(world)

    for content in (SECRET, BUILT.blobs[0]):
        with pytest.raises(ErasedForGood):
            await world.push_blob(OTHER, content)
    with pytest.raises(ErasedForGood):
        await world.push(OTHER, BUILT, "2.0")
    assert [each async for each in world.registry.blobs.stages()] == []
    assert not await is_kept(world, SECRET)
    assert await check(world.registry, read_bytes=True) == []


async def test_nor_by_the_name_that_another_algorithm_gives_it(world: World) -> None:
    other = Digest.of(SECRET, "sha512")
    await world.namespace("zeta")
    content = stream(SECRET)
    await add_blob(world.registry, ADMINISTRATOR, THIRD, expected=other, content=content, size=len(SECRET))

    await erased(world)

    with pytest.raises(BlobErased):
        await find_blob(world.registry, ADMINISTRATOR, View.parse("zeta"), THIRD, other)
    with pytest.raises(ErasedForGood):
        await add_blob(world.registry, ADMINISTRATOR, API, expected=other, content=stream(SECRET), size=len(SECRET))
    assert [each async for each in world.registry.blobs.kept() if each.digest in {LEAK, other}] == []
    assert await check(world.registry, read_bytes=True) == []


async def test_what_never_was_here_can_be_kept_from_coming(world: World) -> None:
    await erased(world, Digest.of(b"a list of customers"))

    with pytest.raises(ErasedForGood):
        await world.push_blob(API, b"a list of customers")


async def test_what_was_erased_by_mistake_may_come_again(world: World) -> None:
    await erased(world)
    for digest in (LEAK, BUILT.digest, Digest.of(BUILT.blobs[0])):
        await lift_erasure(world.registry, ADMINISTRATOR, digest, reason="it was revoked long ago")

    await world.push(API, BUILT, "1.0")

    assert (await resolve(world.registry, ADMINISTRATOR, ALL, API, name=ONE)).digest == BUILT.digest
    assert await check(world.registry, read_bytes=True) == []
    with pytest.raises(ErasureUnknown):
        await lift_erasure(world.registry, ADMINISTRATOR, LEAK, reason="again")


# --- what keeps it ---


async def test_a_hold_keeps_it_also_behind_more_leases_than_anybody_is_told_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "_REASONS", 1)
    await take_lease(world.registry, ADMINISTRATOR, API, BUILT.digest, reason="busy", ttl=timedelta(hours=1))
    await place_hold(world.registry, ADMINISTRATOR, API, BUILT.digest, reason="evidence", legal=True)

    with pytest.raises(Protected, match="legal hold"):
        await erased(world)


async def test_a_hold_keeps_it_and_whoever_may_lift_it_may_overrule_it(world: World) -> None:
    hold = await place_hold(world.registry, ADMINISTRATOR, API, BUILT.digest, reason="evidence", legal=True)

    with pytest.raises(Protected, match="evidence"):
        await erased(world)
    assert await is_kept(world, SECRET)
    await erased(world, despite_holds=True)

    assert not await is_kept(world, SECRET)
    assert await check(world.registry) == []
    await lift_hold(world.registry, ADMINISTRATOR, hold.id)
    assert await check(world.registry) == []


async def test_what_runs_is_erased_and_the_plan_tells_of_it(world: World) -> None:
    where = Place(parse_namespace("acme"), "prod", "payments")
    await record_deployment(world.registry, ADMINISTRATOR, API, BUILT.digest, place=where, particulars=Particulars())
    plan = await plan_erasure(world.registry, ADMINISTRATOR, LEAK)

    await erased(world)

    assert [each.kind for each in plan.protections] == [ProtectionKind.DEPLOYED]
    assert plan.holds == ()
    assert await check(world.registry) == []


async def test_a_plan_is_applied_as_it_was_or_not_at_all(world: World) -> None:
    plan = await plan_erasure(world.registry, ADMINISTRATOR, LEAK)
    await world.push(OTHER, image(SECRET), "2.0")

    with pytest.raises(PlanOutdated):
        await erase(world.registry, ADMINISTRATOR, LEAK, reason="a key got out", fingerprint=plan.extent.fingerprint)
    plan = await plan_erasure(world.registry, ADMINISTRATOR, LEAK)
    await erase(world.registry, ADMINISTRATOR, LEAK, reason="a key got out", fingerprint=plan.extent.fingerprint)

    assert not await is_kept(world, SECRET)


async def test_what_comes_to_speak_of_it_goes_too_and_outdates_no_plan(world: World) -> None:
    plan = await plan_erasure(world.registry, ADMINISTRATOR, LEAK)
    told = referrer(BUILT, config=b'{"found out": "by the registry itself"}')
    await world.push(API, told)

    found = await erase(
        world.registry, ADMINISTRATOR, LEAK, reason="a key got out", fingerprint=plan.extent.fingerprint
    )

    assert {told.digest, *map(Digest.of, told.blobs)} - EVERYBODYS <= {part.digest for part in found.extent.parts}
    assert await check(world.registry, read_bytes=True) == []


async def test_what_speaks_of_it_under_a_name_of_its_own_outdates_a_plan(world: World) -> None:
    plan = await plan_erasure(world.registry, ADMINISTRATOR, LEAK)
    await world.push(API, referrer(BUILT, config=b'{"found out": "by somebody"}'), "report")

    with pytest.raises(PlanOutdated):
        await erase(world.registry, ADMINISTRATOR, LEAK, reason="a key got out", fingerprint=plan.extent.fingerprint)


async def test_nothing_is_erased_without_a_reason(world: World) -> None:
    for reason in ("", "  ", "x" * 1_001):
        with pytest.raises(Invalid):
            await erase(world.registry, ADMINISTRATOR, LEAK, reason=reason)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
async def test_only_administrators_erase(world: World, role: Role) -> None:
    for who in (caller(role), caller(role, None), caller(Role.ADMINISTRATOR)):
        with pytest.raises(Denied):
            await plan_erasure(world.registry, who, LEAK)
        with pytest.raises(Denied):
            await erase(world.registry, who, LEAK, reason="a key got out")


# --- what is left to say ---


async def test_the_tombstone_proves_who_erased_what_and_that_the_journal_goes_on_from_what_it_was(world: World) -> None:
    await world.settle()
    seen = await world.catalog.log.head()

    erasure = await erase(world.registry, ADMINISTRATOR, LEAK, reason="a key got out")

    assert erasure.tombstone is not None
    found = Tombstone.open(erasure.tombstone, [LocalKey.generate().public_key, KEY.public_key])
    assert (found.target, found.actor, found.reason) == (LEAK, ADMINISTRATOR.name, "a key got out")
    assert set(found.digests) == {part.digest for part in erasure.extent.parts}
    growth = found.growth
    assert growth is not None
    assert seen is not None
    assert (growth.old_size, growth.old_root) == (seen.size, seen.root)
    assert growth.size >= erasure.position
    check_consistency(seen.size, seen.root, growth.size, new_root=growth.root, path=growth.path)
    with pytest.raises(InvalidEvidence):
        Tombstone.open(erasure.tombstone, [LocalKey.generate().public_key])
    with pytest.raises(InvalidEvidence):
        Tombstone.open(erasure.tombstone.replace(b'"payload": "e', b'"payload": "f'), [KEY.public_key])


async def test_a_tombstone_is_shown_to_who_audits_and_is_not_there_for_others(world: World) -> None:
    erasure = await erase(world.registry, ADMINISTRATOR, LEAK, reason="a key got out")

    for who in (ADMINISTRATOR, caller(Role.AUDITOR, None), caller(Role.AUDITOR)):
        assert await find_erasure(world.registry, who, BUILT.digest) == erasure
    for who in (caller(Role.MAINTAINER), caller(Role.AUDITOR, "zeta")):
        with pytest.raises(ErasureUnknown) as hidden:
            await find_erasure(world.registry, who, LEAK)
        with pytest.raises(ErasureUnknown) as unknown:
            await find_erasure(world.registry, who, Digest.of(b"never here"))
        assert str(hidden.value).replace(str(LEAK), "") == str(unknown.value).replace(str(Digest.of(b"never here")), "")
    assert await list_erasures(world.registry, ADMINISTRATOR, limit=9) == [erasure]
    with pytest.raises(Denied):
        await list_erasures(world.registry, caller(Role.AUDITOR), limit=9)


async def test_what_was_found_out_by_reading_it_is_known_no_more(world: World) -> None:
    await world.push(
        API, image(b"AKIAIOSFODNN7EXAMPLE " * 50, annotations={"org.opencontainers.image.title": "leak"}), "9.0"
    )
    await world.settle()
    leak = image(b"AKIAIOSFODNN7EXAMPLE " * 50, annotations={"org.opencontainers.image.title": "leak"})

    await erased(world, leak.digest)

    tables = {
        "annotation": "blob_id",
        "component_use": "blob_id",
        "licence_use": "blob_id",
        "sbom": "subject_id",
        "found_secret": "blob_id",
        "secret_search": "blob_id",
        "secret_notice": "blob_id",
        "attestation": "subject_id",
        "report": "subject_id",
        "content": "blob_id",
    }
    for table, column in tables.items():
        left = world.catalog._reader.execute(
            f"SELECT count(*) FROM {table} WHERE {column} IN (SELECT blob_id FROM erased_blob)"  # noqa: S608
        ).fetchone()
        assert left == (0,), table


async def test_a_channel_is_not_left_with_what_went(world: World) -> None:
    await world.clear("acme/api", BUILT.digest)

    await erased(world)

    with pytest.raises(Erased):
        await resolve(world.registry, ADMINISTRATOR, View.parse("acme.prod"), API, name=ONE)
    assert await check(world.registry) == []


async def test_nothing_of_it_is_left_in_the_files_of_the_catalog(world: World) -> None:
    small = b"a secret that is small enough for the catalog"
    for number in range(20):
        await world.push(API, image(small, b"%d" % number), f"3.{number}")

    await erased(world, Digest.of(small))

    left = [path.name for path in world.folder.glob("catalog.sqlite*") if small in path.read_bytes()]
    assert left == []


async def test_what_somebody_brought_in_the_last_moment_is_deleted_without_delay(world: World) -> None:
    """Whoever had asked where to put it before it was erased may put it there after that; nobody is ever told of it."""
    await erased(world)
    stage = UploadId("0b8f7e5c-6a0e-4c38-9a55-3a4b4f0f7a41")
    await world.registry.blobs.append(stage, stream(SECRET), at=0, limit=len(SECRET), algorithm="sha256")
    await world.registry.blobs.keep(stage, LEAK, generation=0)

    await collect(world.registry)

    assert [each.digest async for each in world.registry.blobs.kept() if each.digest == LEAK] == []

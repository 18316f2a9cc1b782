"""How much a namespace may take up."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from entrepot.model.access import Role
from entrepot.model.digest import Digest
from entrepot.model.errors import Denied, Invalid, NamespaceUnknown, QuotaExceeded
from entrepot.model.names import NamespaceName, ReferenceName, View
from entrepot.model.usage import Account, Quota
from entrepot.operations.check import check
from entrepot.operations.collect import collect
from entrepot.operations.delete import delete_artifact
from entrepot.operations.mount import mount
from entrepot.operations.quota import remove_quota, set_quota
from entrepot.operations.restore import restore
from entrepot.operations.sweep import sweep
from entrepot.operations.upload import add_chunk, begin_upload, finish_upload
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, package, stream

ACME, ZETA = NamespaceName("acme"), NamespaceName("zeta")
API, OTHER, THERE = package("acme/api"), package("acme/other"), package("zeta/api")
LARGE = b"large " * 100
BUILT = image(LARGE)


async def limit(world: World, size: int | None = None, *, versions: int | None = None) -> None:
    await set_quota(world.registry, ADMINISTRATOR, ACME, Quota(size, versions))


async def account(world: World, namespace: NamespaceName = ACME) -> Account:
    found = await world.catalog.usage.find(namespace)
    assert found is not None
    return found


async def never(at_most: int = 0) -> object:
    """Content that fails the test when more of it is read."""
    raise AssertionError(at_most)
    yield b""  # type: ignore[unreachable]


async def test_a_quota_is_set_and_taken_back_with_an_event_each(world: World) -> None:
    before = await world.events()

    await limit(world, 100)
    await limit(world, 100)
    found = await remove_quota(world.registry, ADMINISTRATOR, ACME)
    await remove_quota(world.registry, ADMINISTRATOR, ACME)

    assert found.quota is None
    assert (await world.events())[len(before) :] == ["quota.set", "quota.removed"]
    assert await check(world.registry) == []


async def test_who_governs_a_namespace_does_not_raise_its_quota(world: World) -> None:
    with pytest.raises(Denied):
        await set_quota(world.registry, caller(Role.MAINTAINER), ACME, Quota(size=1))
    with pytest.raises(Denied):
        await remove_quota(world.registry, caller(Role.MAINTAINER), ACME)


async def test_what_is_no_quota_is_refused(world: World) -> None:
    with pytest.raises(Invalid):
        Quota()
    with pytest.raises(Invalid):
        Quota(size=-1)
    with pytest.raises(NamespaceUnknown):
        await set_quota(world.registry, ADMINISTRATOR, NamespaceName("nowhere"), Quota(size=1))


async def test_a_namespace_takes_up_as_much_as_it_may_and_not_a_byte_more(world: World) -> None:
    """Users' thread 78: a quota of bytes for each namespace."""
    await limit(world, len(LARGE))

    await world.push_blob(API, LARGE)
    with pytest.raises(QuotaExceeded):
        await world.push_blob(API, b"x")

    assert (await account(world)).size == len(LARGE)
    assert await check(world.registry, read_bytes=True) == []


async def test_a_manifest_counts_too(world: World) -> None:
    await limit(world, len(LARGE) + len(b"{}") + len(BUILT.content) - 1)

    with pytest.raises(QuotaExceeded):
        await world.push(API, BUILT, "1.0")

    assert await world.catalog.find_artifact(View(ACME), API, name=ReferenceName("1.0")) is None


async def test_what_is_known_not_to_fit_is_refused_before_a_byte_is_read(world: World) -> None:
    await limit(world, 100)
    upload = await begin_upload(world.registry, ADMINISTRATOR, API)

    with pytest.raises(QuotaExceeded):
        await add_chunk(world.registry, upload, never(), size=101)  # type: ignore[arg-type]
    with pytest.raises(QuotaExceeded):
        await finish_upload(
            world.registry,
            ADMINISTRATOR,
            upload,
            expected=Digest.of(LARGE),
            content=never(),  # type: ignore[arg-type]
            size=len(LARGE),
        )


async def test_what_comes_without_its_size_is_read_only_as_far_as_there_is_room(world: World) -> None:
    await limit(world, 100)
    upload = await begin_upload(world.registry, ADMINISTRATOR, API)

    with pytest.raises(QuotaExceeded):
        await add_chunk(world.registry, upload, stream(*[b"0123456789"] * 11))


async def test_nothing_is_begun_where_nothing_fits(world: World) -> None:
    await limit(world, 0)

    with pytest.raises(QuotaExceeded):
        await begin_upload(world.registry, ADMINISTRATOR, API)


async def test_what_the_namespace_has_already_adds_nothing_and_is_taken(world: World) -> None:
    await world.push_blob(API, LARGE)
    await world.push_blob(API, b"small")
    await limit(world, 1)

    await world.push_blob(OTHER, LARGE)
    await world.push_blob(OTHER, b"small")
    mounted = await mount(world.registry, ADMINISTRATOR, package("acme/third"), Digest.of(LARGE), source=None)

    assert mounted
    assert (await account(world)).size == len(LARGE) + len(b"small")


async def test_to_mount_what_is_another_namespaces_costs_as_much_as_to_send_it(world: World) -> None:
    await world.namespace("zeta")
    await world.push_blob(THERE, LARGE)
    await limit(world, len(LARGE) - 1)

    with pytest.raises(QuotaExceeded):
        await mount(world.registry, ADMINISTRATOR, API, Digest.of(LARGE), source=None)

    assert (await account(world)).size == 0


async def test_two_at_once_cannot_both_take_the_last_place(world: World) -> None:
    await limit(world, 150)
    contents = [bytes([number]) * 100 for number in range(8)]

    outcomes = await asyncio.gather(*(world.push_blob(API, each) for each in contents), return_exceptions=True)

    assert sum(isinstance(outcome, QuotaExceeded) for outcome in outcomes) == 7
    assert (await account(world)).size == 100


async def test_what_failed_and_what_was_abandoned_is_never_counted(world: World) -> None:
    """Users' thread 77: failed pushes count against the quota, and it is wrong after a collection."""
    await limit(world, 1_000)
    await add_chunk(world.registry, await begin_upload(world.registry, ADMINISTRATOR, API), stream(LARGE))
    broken = await begin_upload(world.registry, ADMINISTRATOR, API)
    with pytest.raises(Invalid):
        await finish_upload(
            world.registry,
            ADMINISTRATOR,
            broken,
            expected=Digest.of(b"another"),
            content=stream(LARGE),
            size=len(LARGE),
        )

    before = await account(world)
    world.clock.advance(days=2)
    await sweep(world.registry)
    await collect(world.registry)

    assert before.size == (await account(world)).size == 0
    assert await check(world.registry, read_bytes=True) == []


async def test_the_numbers_follow_what_is_deleted_restored_and_collected(world: World) -> None:
    """Users' thread 77: the quota is wrong after a collection."""
    await world.push(API, BUILT, "1.0")
    whole = await account(world)

    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    deleted = await account(world)
    world.clock.advance(days=2)
    await collect(world.registry)
    waiting = await account(world)
    await restore(world.registry, ADMINISTRATOR, API, BUILT.digest)
    restored = await account(world)
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    for _ in range(2):
        world.clock.advance(days=8)
        await collect(world.registry)
        assert await check(world.registry, read_bytes=True) == []
    gone = await account(world)

    assert (whole.size, whole.trash_size, whole.versions) == (
        len(LARGE) + len(b"{}") + len(BUILT.content),
        0,
        1,
    )
    assert (deleted.size, deleted.trash_size, deleted.versions) == (whole.size, len(BUILT.content), 0)
    assert (waiting.size, waiting.trash_size) == (whole.size, whole.size)
    assert restored == whole
    assert gone == Account(ACME)


async def test_shared_blobs_are_charged_once_and_said_to_be_shared(world: World) -> None:
    """Users' thread 77: shared blobs are charged to every project again."""
    await world.namespace("zeta")
    await world.push(API, BUILT, "1.0", "1.1")
    await world.push(OTHER, BUILT, "2.0")
    alone = await account(world)

    await world.push(THERE, BUILT, "1.0")

    whole = len(LARGE) + len(b"{}") + len(BUILT.content)
    assert (alone.size, alone.unique_size) == (whole, whole)
    assert [(each.size, each.unique_size) for each in (await account(world), await account(world, ZETA))] == [
        (whole, 0),
        (whole, 0),
    ]


async def test_versions_are_limited_and_tags_are_not(world: World) -> None:
    await limit(world, versions=1)

    await world.push(API, BUILT, "1.0", "latest")
    await world.push(API, BUILT, "1.0", "newest")
    with pytest.raises(QuotaExceeded):
        await world.push(OTHER, BUILT, "2.0")

    assert (await account(world)).versions == 1


async def test_what_was_deleted_does_not_come_back_where_its_place_was_taken(world: World) -> None:
    await limit(world, versions=1)
    await world.push(API, BUILT, "1.0")
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    await world.push(OTHER, BUILT, "2.0")

    with pytest.raises(QuotaExceeded):
        await restore(world.registry, ADMINISTRATOR, API, BUILT.digest)


async def test_a_quota_below_what_is_there_takes_nothing_away_and_lets_nothing_in(world: World) -> None:
    await world.push(API, BUILT, "1.0")

    await limit(world, 1)
    with pytest.raises(QuotaExceeded):
        await world.push_blob(API, b"more")

    assert await world.catalog.find_artifact(View(ACME), API, name=ReferenceName("1.0")) is not None


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE account SET bytes = bytes + 1", "its charges come to"),
        ("UPDATE account SET unique_bytes = 0", "unique"),
        ("UPDATE account SET versions = 7", "versions"),
        ("UPDATE charge SET members = members + 1", "is charged for"),
        ("DELETE FROM account", "has no account"),
    ],
)
async def test_numbers_that_drifted_are_found(world: World, statement: str, problem: str) -> None:
    await world.push(API, BUILT, "1.0")
    with closing(sqlite3.connect(world.folder / "catalog.sqlite")) as connection, connection:
        connection.execute(statement)

    found = await check(world.registry)

    assert {violation.invariant for violation in found} == {"I13"}
    assert any(problem in violation.problem for violation in found)

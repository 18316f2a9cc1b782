from __future__ import annotations

from dataclasses import replace

import pytest

from entrepot.model.access import ANONYMOUS, Action, Caller, Permit
from entrepot.model.digest import Digest
from entrepot.model.errors import Denied, InsufficientScope, NamespaceUnknown, PackageUnknown, Unauthenticated
from entrepot.model.names import PackageId, View
from entrepot.operations.check import check
from entrepot.operations.delete import delete_blob
from entrepot.operations.mount import mount
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, package

API, HERE, THERE = package("acme/api"), package("acme/new"), package("zeta/secret")
NAME = Digest.of(b"content")
ACME = caller("publisher")
BOTH = replace(
    ACME, rights=replace(ACME.rights, layers=((*ACME.rights.layers[0], *caller("reader", "zeta").rights.layers[0]),))
)


@pytest.fixture
async def filled(world: World) -> World:
    await world.namespace("zeta")
    await world.namespace("open", public=True)
    await world.push_blob(API, b"content")
    await world.push_blob(THERE, b"secret")
    return world


def at(where: PackageId, view: str | None = None) -> tuple[View, PackageId]:
    return View.parse(view or where.namespace), where


async def has(world: World, digest: Digest, where: PackageId = HERE) -> bool:
    return await world.catalog.find_blob(View(where.namespace), where, digest) is not None


async def test_a_blob_is_mounted_from_where_it_is_said_to_be(filled: World) -> None:
    before = len(await filled.events())

    assert await mount(filled.registry, ACME, HERE, NAME, source=at(API))

    assert await has(filled, NAME)
    (entry,) = await filled.catalog.list_entries(after=before, limit=10)  # type: ignore[arg-type]
    assert entry.event.mounted_from == "acme/oci/api"  # type: ignore[attr-defined]
    assert entry.event.size == 7  # type: ignore[attr-defined]
    assert await check(filled.registry) == []


async def test_mounting_again_is_no_event(filled: World) -> None:
    await mount(filled.registry, ACME, HERE, NAME, source=at(API))
    before = await filled.events()

    assert await mount(filled.registry, ACME, HERE, NAME, source=at(API))

    assert await filled.events() == before


async def test_a_blob_is_mounted_from_anywhere_that_the_caller_may_read(filled: World) -> None:
    assert await mount(filled.registry, ACME, HERE, NAME, source=None)
    assert await mount(filled.registry, BOTH, HERE, Digest.of(b"secret"), source=None)
    await filled.push_blob("open/api", b"public")
    assert await mount(filled.registry, ACME, HERE, Digest.of(b"public"), source=None)


async def test_a_digest_that_is_only_known_is_not_readable_by_naming_it(filled: World) -> None:
    """What the caller may not read answers like what is not there."""
    secret, nothing = Digest.of(b"secret"), Digest.of(b"nothing")

    answers = [
        await mount(filled.registry, ACME, HERE, digest, source=source)
        for digest in (secret, nothing)
        for source in (at(THERE), at(package("zeta/nothing")), at(package("nobody/nothing")), None)
    ]

    assert answers == [False] * 8
    assert not await has(filled, secret)


async def test_a_public_blob_is_mounted_by_anybody_who_may_publish(filled: World) -> None:
    await filled.push_blob("open/api", b"public")

    assert await mount(filled.registry, ACME, HERE, Digest.of(b"public"), source=at(package("open/api")))


async def test_through_a_channel_only_what_is_cleared_is_mounted(filled: World) -> None:
    built = await filled.push("acme/api", image(b"layer"))
    consumer = replace(
        ACME,
        rights=replace(
            ACME.rights,
            layers=((*caller("publisher", "open").rights.layers[0], *caller("reader", "acme.prod").rights.layers[0]),),
        ),
    )
    there, layer = package("open/mirror"), Digest.of(b"layer")

    assert not await mount(filled.registry, consumer, there, layer, source=at(API, "acme.prod"))
    assert not await mount(filled.registry, consumer, there, layer, source=at(API))
    await filled.clear("acme/api", built.digest)
    assert await mount(filled.registry, consumer, there, layer, source=at(API, "acme.prod"))
    assert not await mount(filled.registry, consumer, there, NAME, source=at(API, "acme.prod"))


async def test_what_has_just_left_its_package_is_not_mounted(filled: World) -> None:
    await delete_blob(filled.registry, ADMINISTRATOR, API, NAME)

    assert not await mount(filled.registry, ACME, HERE, NAME, source=at(API))
    assert not await mount(filled.registry, ACME, HERE, NAME, source=None)


@pytest.mark.parametrize(
    ("by", "error"),
    [(ANONYMOUS, Unauthenticated), (caller("reader"), Denied), (caller("publisher", "zeta"), PackageUnknown)],
)
async def test_who_may_not_publish_mounts_nothing(filled: World, by: Caller, error: type[Exception]) -> None:
    with pytest.raises(error):
        await mount(filled.registry, by, HERE, NAME, source=at(API))


async def test_nothing_is_mounted_into_a_namespace_that_is_not_there(filled: World) -> None:
    with pytest.raises(NamespaceUnknown):
        await mount(filled.registry, ADMINISTRATOR, package("nobody/api"), NAME, source=at(API))


def with_access_token(holder: Caller, *permits: Permit) -> Caller:
    return replace(holder, rights=holder.rights.narrowed(permits), unscoped=holder.rights)


PUSH = frozenset({Action.READ, Action.PUBLISH})


async def test_an_access_token_must_name_the_source(filled: World) -> None:
    asked = with_access_token(BOTH, Permit(PUSH, View.parse("acme"), HERE.name))

    with pytest.raises(InsufficientScope):
        await mount(filled.registry, asked, HERE, Digest.of(b"secret"), source=at(THERE))
    assert not await mount(filled.registry, asked, HERE, Digest.of(b"nothing"), source=at(THERE))

    wider = with_access_token(
        BOTH,
        Permit(PUSH, View.parse("acme"), HERE.name),
        Permit(frozenset({Action.READ}), View.parse("zeta"), THERE.name),
    )
    assert await mount(filled.registry, wider, HERE, Digest.of(b"secret"), source=at(THERE))


async def test_without_a_source_the_holders_own_rights_count(filled: World) -> None:
    asked = with_access_token(ACME, Permit(PUSH, View.parse("acme"), HERE.name))

    assert await mount(filled.registry, asked, HERE, NAME, source=None)
    assert not await mount(filled.registry, asked, HERE, Digest.of(b"secret"), source=None)

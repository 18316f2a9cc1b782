from __future__ import annotations

import pytest

from entrepot.model.access import ANONYMOUS, Allowance, Caller, PrincipalKind, Role
from entrepot.model.errors import (
    Denied,
    GrantUnknown,
    InsufficientScope,
    Invalid,
    NamespaceUnknown,
    NameTaken,
    PrincipalUnknown,
    Protected,
    Unauthenticated,
)
from entrepot.model.names import PackagePattern, PrincipalName, View, parse_channel, parse_namespace
from entrepot.model.namespace import DEFAULT_CHANNELS
from entrepot.model.position import START
from entrepot.operations.check import check
from entrepot.operations.govern import create_namespace, read_namespace, set_channels, set_namespace
from entrepot.operations.grant import (
    add_grant,
    create_principal,
    disable_principal,
    list_grants,
    list_principals,
    remove_grant,
)
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image

ACME, NOBODY = parse_namespace("acme"), parse_namespace("nobody")
ALL, PROD = View.parse("acme"), View.parse("acme.prod")
MAINTAINER, STRANGER = caller("maintainer"), caller("reader", "zeta")
ALICE = PrincipalName("alice")
READER = Allowance(Role.READER, ALL)


@pytest.fixture
async def known(world: World) -> World:
    """A registry that knows alice."""
    await create_principal(world.registry, ADMINISTRATOR, ALICE, PrincipalKind.USER)
    return world


async def last(world: World) -> object:
    return (await world.catalog.list_entries(after=START, limit=1000))[-1].event


# --- namespaces ---


async def test_a_namespace_is_made_once(world: World) -> None:
    made = await create_namespace(world.registry, ADMINISTRATOR, parse_namespace("new"), public=True)

    assert made == await read_namespace(world.registry, ANONYMOUS, made.name)
    with pytest.raises(NameTaken):
        await create_namespace(world.registry, ADMINISTRATOR, made.name, public=False)
    assert await world.events() == ["namespace.created", "namespace.created"]


async def test_a_namespace_is_not_called_like_a_format(world: World) -> None:
    for name in world.registry.formats:
        with pytest.raises(NameTaken):
            await create_namespace(world.registry, ADMINISTRATOR, parse_namespace(name), public=False)


@pytest.mark.parametrize(
    ("by", "error"), [(ANONYMOUS, Unauthenticated), (MAINTAINER, Denied), (caller("administrator"), Denied)]
)
async def test_an_administrator_of_everything_makes_namespaces_and_principals(
    world: World, by: Caller, error: type[Exception]
) -> None:
    for make in (
        create_namespace(world.registry, by, parse_namespace("new"), public=False),
        create_namespace(world.registry, by, ACME, public=False),
        create_principal(world.registry, by, ALICE, PrincipalKind.USER),
        disable_principal(world.registry, by, ALICE),
    ):
        with pytest.raises(error):
            await make


async def test_a_private_namespace_is_for_those_who_may_do_anything_in_it(world: World) -> None:
    for by in (MAINTAINER, caller("reader", pattern="team/*"), caller("reader", "acme.prod"), ADMINISTRATOR):
        assert (await read_namespace(world.registry, by, ACME)).name == "acme"
    for name in (ACME, NOBODY):
        with pytest.raises(NamespaceUnknown) as refused:
            await read_namespace(world.registry, STRANGER, name)
        assert refused.value.subject == name
        with pytest.raises(Unauthenticated):
            await read_namespace(world.registry, ANONYMOUS, name)


async def test_what_is_not_said_of_a_namespace_stays(world: World) -> None:
    await set_namespace(world.registry, MAINTAINER, ACME, public=True)
    await set_namespace(world.registry, MAINTAINER, ACME, movable=[PackagePattern("latest")])
    await set_namespace(world.registry, MAINTAINER, ACME, versions=[PackagePattern("r-*")])

    found = await read_namespace(world.registry, ANONYMOUS, ACME)

    assert found.public
    assert found.rules.movable == (PackagePattern("latest"),)
    assert found.rules.versions == (PackagePattern("r-*"),)
    assert found.revision == (await world.catalog.head())[0] == 4
    assert await check(world.registry) == []


async def test_changing_nothing_is_no_event(world: World) -> None:
    before = await read_namespace(world.registry, MAINTAINER, ACME)

    assert await set_namespace(world.registry, MAINTAINER, ACME) == before
    assert await set_namespace(world.registry, MAINTAINER, ACME, public=False, versions=[]) == before
    assert await set_channels(world.registry, MAINTAINER, ACME, DEFAULT_CHANNELS) == before

    assert await world.events() == ["namespace.created"]


async def test_channels_are_replaced(world: World) -> None:
    channels = [parse_channel(name) for name in ("qa", "prod")]

    changed = await set_channels(world.registry, MAINTAINER, ACME, channels)

    assert changed == await read_namespace(world.registry, MAINTAINER, ACME)
    assert changed.channels == ("qa", "prod")
    assert (await world.events())[-1] == "channels.changed"
    assert await check(world.registry) == []


async def test_a_channel_that_shows_something_stays(world: World) -> None:
    built = await world.push("acme/api", image(b"layer"))
    await world.clear("acme/api", built.digest)

    with pytest.raises(Protected):
        await set_channels(world.registry, MAINTAINER, ACME, [parse_channel("dev")])

    assert (await read_namespace(world.registry, MAINTAINER, ACME)).channels == DEFAULT_CHANNELS


@pytest.mark.parametrize("channels", [["prod", "prod"], [f"c{number}" for number in range(21)]])
async def test_channels_are_few_and_each_once(world: World, channels: list[str]) -> None:
    with pytest.raises(Invalid):
        await set_channels(world.registry, MAINTAINER, ACME, [parse_channel(channel) for channel in channels])


@pytest.mark.parametrize(
    ("by", "name", "error"),
    [
        (ANONYMOUS, ACME, Unauthenticated),
        (ANONYMOUS, NOBODY, Unauthenticated),
        (STRANGER, ACME, NamespaceUnknown),
        (STRANGER, NOBODY, NamespaceUnknown),
        (caller("publisher"), ACME, Denied),
        (caller("maintainer", pattern="team/*"), ACME, Denied),
        (caller("maintainer", "acme.prod"), ACME, Denied),
        (ADMINISTRATOR, NOBODY, NamespaceUnknown),
    ],
)
async def test_who_does_not_govern_changes_nothing(world: World, by: Caller, name: str, error: type[Exception]) -> None:
    namespace = parse_namespace(name)

    with pytest.raises(error):
        await set_namespace(world.registry, by, namespace, public=True)
    with pytest.raises(error):
        await set_channels(world.registry, by, namespace, [])

    assert await world.events() == ["namespace.created"]


async def test_a_public_namespace_is_governed_by_those_who_may(world: World) -> None:
    await set_namespace(world.registry, MAINTAINER, ACME, public=True)

    with pytest.raises(Unauthenticated):
        await set_namespace(world.registry, ANONYMOUS, ACME, public=False)
    with pytest.raises(Denied):
        await set_namespace(world.registry, STRANGER, ACME, public=False)


# --- principals and grants ---


async def test_somebody_is_made_known_once_and_disabled_once(known: World) -> None:
    with pytest.raises(NameTaken):
        await create_principal(known.registry, ADMINISTRATOR, ALICE, PrincipalKind.ROBOT)

    assert await disable_principal(known.registry, ADMINISTRATOR, ALICE)
    assert not await disable_principal(known.registry, ADMINISTRATOR, ALICE)
    with pytest.raises(PrincipalUnknown):
        await disable_principal(known.registry, ADMINISTRATOR, PrincipalName("bob"))
    assert await known.events() == ["namespace.created", "principal.created", "principal.disabled"]
    ((alice, disabled),) = await list_principals(known.registry, caller("auditor", None))
    assert (alice.name, disabled) == (ALICE, True)


@pytest.mark.parametrize(("by", "error"), [(ANONYMOUS, Unauthenticated), (caller("auditor"), Denied)])
async def test_principals_are_listed_for_an_auditor_of_everything(
    world: World, by: Caller, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await list_principals(world.registry, by)


async def test_a_role_is_given_and_taken_once(known: World) -> None:
    given = [await add_grant(known.registry, MAINTAINER, ALICE, READER) for _ in "12"]
    await remove_grant(known.registry, MAINTAINER, ALICE, READER)
    with pytest.raises(GrantUnknown):
        await remove_grant(known.registry, MAINTAINER, ALICE, READER)

    assert given == [True, False]
    assert (await known.events())[2:] == ["grant.added", "grant.removed"]
    event = await last(known)
    assert (event.principal, event.role, event.view, event.pattern) == ("alice", "reader", "acme", "*")  # type: ignore[attr-defined]
    assert await check(known.registry) == []


@pytest.mark.parametrize(
    "allowance",
    [
        Allowance(Role.AUDITOR, ALL),
        Allowance(Role.ADMINISTRATOR, ALL),
        Allowance(Role.READER),
        Allowance(Role.READER, View.parse("zeta")),
    ],
)
async def test_nobody_gives_or_takes_what_they_may_not_do(known: World, allowance: Allowance) -> None:
    await add_grant(known.registry, ADMINISTRATOR, ALICE, Allowance(Role.AUDITOR, ALL))

    with pytest.raises(Denied):
        await add_grant(known.registry, MAINTAINER, ALICE, allowance)
    with pytest.raises(Denied):
        await remove_grant(known.registry, MAINTAINER, ALICE, allowance)


async def test_who_governs_a_channel_gives_it_and_nothing_wider(known: World) -> None:
    by = caller("maintainer", "acme.prod")

    assert await add_grant(known.registry, by, ALICE, Allowance(Role.READER, PROD))
    with pytest.raises(Denied):
        await add_grant(known.registry, by, ALICE, READER)


@pytest.mark.parametrize("by", [caller("maintainer", pattern="team/*"), caller("publisher")])
async def test_who_governs_less_than_a_namespace_gives_nothing(known: World, by: Caller) -> None:
    with pytest.raises(Denied):
        await add_grant(known.registry, by, ALICE, Allowance(Role.READER, ALL, PackagePattern("team/a")))


async def test_grants_are_of_somebody_who_is_known_and_somewhere_that_is_there(known: World) -> None:
    with pytest.raises(PrincipalUnknown):
        await add_grant(known.registry, ADMINISTRATOR, PrincipalName("bob"), READER)
    with pytest.raises(NamespaceUnknown):
        await add_grant(known.registry, ADMINISTRATOR, ALICE, Allowance(Role.READER, View.parse("nobody")))
    with pytest.raises(Unauthenticated):
        await add_grant(known.registry, ANONYMOUS, ALICE, READER)


async def test_grants_are_seen_by_whom_they_concern(known: World) -> None:
    await known.namespace("zeta")
    zeta = Allowance(Role.READER, View.parse("zeta"))
    everywhere = Allowance(Role.AUDITOR)
    for allowance in (READER, zeta, everywhere):
        await add_grant(known.registry, ADMINISTRATOR, ALICE, allowance)

    async def seen(by: Caller) -> list[Allowance]:
        return [grant.allowance for grant in await list_grants(known.registry, by)]

    assert await seen(caller("auditor", None)) == [READER, zeta, everywhere]
    assert await seen(MAINTAINER) == [READER]
    assert await seen(caller("reader", "zeta", name="alice")) == [READER, zeta, everywhere]
    with pytest.raises(Denied):
        await seen(caller("publisher"))
    with pytest.raises(Unauthenticated):
        await seen(ANONYMOUS)
    of_bob = await list_grants(known.registry, ADMINISTRATOR, principal=PrincipalName("bob"))
    assert of_bob == []


async def test_an_access_token_governs_nothing(world: World) -> None:
    scoped = Caller(MAINTAINER.principal, MAINTAINER.rights.narrowed(()), unscoped=MAINTAINER.rights)

    with pytest.raises(InsufficientScope):
        await add_grant(world.registry, scoped, ALICE, READER)

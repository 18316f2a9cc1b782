from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from entrepot.model.access import (
    ANONYMOUS,
    Action,
    Allowance,
    Caller,
    PrincipalKind,
    Rights,
    Role,
    TokenSecret,
)
from entrepot.model.errors import (
    Denied,
    Invalid,
    InvalidName,
    NamespaceUnknown,
    NameTaken,
    TokenUnknown,
    Unauthenticated,
)
from entrepot.model.names import PackageName, PackagePattern, PrincipalName, View, parse_principal
from entrepot.model.position import START
from entrepot.operations.grant import create_principal, disable_principal, list_grants
from entrepot.operations.token import (
    ADMINISTRATOR as FIRST,
)
from entrepot.operations.token import (
    create_first_token,
    create_token,
    list_tokens,
    recover_administrator,
    revoke_token,
)
from entrepot.testing.builders import ADMINISTRATOR, World, caller

ACME, API = View.parse("acme"), PackageName("api")
READER = Allowance(Role.READER, ACME)


async def present(world: World, secret: TokenSecret) -> Caller:
    """Who comes with a token, as the gate sees them."""
    credential = await world.catalog.find_credential(secret.hash)
    assert credential is not None
    return Caller(
        credential.principal,
        Rights((credential.grants, *credential.scopes)),
        credential.token_id,
        credential.expires_at,
    )


async def mint(
    world: World, by: Caller, allowance: Allowance = READER, name: str = "robot", hours: float | None = None
) -> tuple[Caller, str]:
    """A new token's holder, and its id."""
    ttl = None if hours is None else timedelta(hours=hours)
    row, secret = await create_token(world.registry, by, PrincipalName(name), allowance, ttl=ttl)
    return await present(world, secret), row.id


# --- a robot's ---


async def test_who_governs_gives_a_robot_a_token_and_a_role_of_its_own(world: World) -> None:
    maintainer = caller("maintainer")

    robot, _ = await mint(world, maintainer, Allowance(Role.PUBLISHER, ACME, PackagePattern("team-*")))

    assert (robot.name, robot.principal and robot.principal.kind) == ("robot", PrincipalKind.ROBOT)
    assert robot.rights.allows(Action.PUBLISH, ACME, PackageName("team-a"))
    assert not robot.rights.allows(Action.PUBLISH, ACME, API)
    assert (await world.events())[-1] == "token.created"


async def test_a_robots_token_outlives_who_made_it(world: World) -> None:
    maintainer, maintainers = await mint(world, ADMINISTRATOR, Allowance(Role.MAINTAINER, ACME), "maintainer")
    robot, _ = await mint(world, maintainer)

    await revoke_token(world.registry, ADMINISTRATOR, maintainers)

    assert await world.catalog.find_credential_by_id(robot.token_id or "") is not None


async def test_several_tokens_of_one_robot_each_have_their_scope(world: World) -> None:
    reader, _ = await mint(world, ADMINISTRATOR, READER, "ci")
    publisher, _ = await mint(world, ADMINISTRATOR, Allowance(Role.PUBLISHER, ACME), "ci")

    assert reader.name == publisher.name
    assert not (await present_again(world, reader)).rights.allows(Action.PUBLISH, ACME, API)
    assert publisher.rights.allows(Action.PUBLISH, ACME, API)


async def present_again(world: World, known: Caller) -> Caller:
    credential = await world.catalog.find_credential_by_id(known.token_id or "")
    assert credential is not None
    return replace(known, rights=Rights((credential.grants, *credential.scopes)))


async def test_a_person_is_no_robot(world: World) -> None:
    await create_principal(world.registry, ADMINISTRATOR, PrincipalName("alice"), PrincipalKind.USER)

    with pytest.raises(NameTaken):
        await mint(world, ADMINISTRATOR, READER, "alice")


async def test_a_scope_of_single_actions_gives_no_wider_role_than_its_maker_has(world: World) -> None:
    """Once a maintainer could make a robot that was an administrator, by asking for one that only reads."""
    maintainer, _ = await mint(world, ADMINISTRATOR, Allowance(Role.MAINTAINER, ACME), "maintainer")
    narrow = Allowance(Role.ADMINISTRATOR, ACME, only=frozenset({Action.READ}))

    holder, _ = await mint(world, maintainer, narrow)

    assert holder.name == "maintainer"
    assert {action for action in Action if holder.rights.allows(action, ACME, API)} == {Action.READ}
    roles = {grant.allowance.role for grant in await list_grants(world.registry, ADMINISTRATOR)}
    assert Role.ADMINISTRATOR not in roles


async def test_a_robots_grant_is_the_whole_role_and_its_token_only_what_was_asked(world: World) -> None:
    robot, _ = await mint(world, ADMINISTRATOR, Allowance(Role.MAINTAINER, ACME, only=frozenset({Action.READ})))

    assert {action for action in Action if robot.rights.allows(action, ACME, API)} == {Action.READ}


# --- one's own ---


async def test_anybody_may_make_a_narrower_token_of_their_own(world: World) -> None:
    publisher, parent = await mint(world, ADMINISTRATOR, Allowance(Role.PUBLISHER, ACME), "publisher")

    own, _ = await mint(world, publisher, READER, "laptop")

    assert own.name == "publisher"
    assert {action for action in Action if own.rights.allows(action, ACME, API)} == {Action.READ}
    await revoke_token(world.registry, ADMINISTRATOR, parent)
    assert await world.catalog.find_credential_by_id(own.token_id or "") is None


@pytest.mark.parametrize(
    "wider",
    [
        Allowance(Role.MAINTAINER, ACME),
        Allowance(Role.PUBLISHER),
        Allowance(Role.READER, View.parse("zeta")),
        Allowance(Role.READER),
        Allowance(Role.AUDITOR, ACME),
    ],
)
async def test_nobody_hands_on_what_they_may_not_do(world: World, wider: Allowance) -> None:
    await world.namespace("zeta")
    publisher, _ = await mint(world, ADMINISTRATOR, Allowance(Role.PUBLISHER, ACME), "publisher")

    with pytest.raises(Denied):
        await mint(world, publisher, wider)


async def test_a_narrowed_token_makes_no_wider_one(world: World) -> None:
    publisher, _ = await mint(world, ADMINISTRATOR, Allowance(Role.PUBLISHER, ACME), "publisher")
    narrow, _ = await mint(world, publisher, Allowance(Role.PUBLISHER, ACME, PackagePattern("team-*")), "narrow")

    with pytest.raises(Denied):
        await mint(world, narrow, Allowance(Role.PUBLISHER, ACME))
    with pytest.raises(Denied):
        await mint(world, narrow, Allowance(Role.READER, ACME, PackagePattern("*")))
    narrower, _ = await mint(world, narrow, Allowance(Role.READER, ACME, PackagePattern("team-a")))
    assert not narrower.rights.allows(Action.READ, ACME, PackageName("team-b"))


async def test_a_token_for_a_channel_makes_none_for_the_namespace(world: World) -> None:
    consumer, _ = await mint(world, ADMINISTRATOR, Allowance(Role.READER, View.parse("acme.prod")), "consumer")

    with pytest.raises(Denied):
        await mint(world, consumer, READER)
    await mint(world, consumer, Allowance(Role.READER, View.parse("acme.prod")))


async def test_a_narrowed_token_ends_no_later_than_the_one_it_came_from(world: World) -> None:
    brief, _ = await mint(world, ADMINISTRATOR, Allowance(Role.PUBLISHER, ACME), "brief", hours=1)

    longer, _ = await mint(world, brief, READER, hours=5)
    shorter, _ = await mint(world, brief, READER, hours=0.5)
    endless, _ = await mint(world, brief, READER)

    assert longer.token_expires_at == endless.token_expires_at == brief.token_expires_at
    assert shorter.token_expires_at == world.clock.now() + timedelta(hours=0.5)


async def test_without_a_token_nobody_gets_one(world: World) -> None:
    for asks in (ANONYMOUS, replace(ADMINISTRATOR, token_id=None)):
        with pytest.raises(Unauthenticated):
            await mint(world, asks)


@pytest.mark.parametrize("seconds", [0, -1, 0.5])
async def test_a_token_lives_at_least_a_second(world: World, seconds: float) -> None:
    with pytest.raises(Invalid):
        await mint(world, ADMINISTRATOR, hours=seconds / 3600)


async def test_a_token_is_for_a_namespace_that_is_there(world: World) -> None:
    with pytest.raises(NamespaceUnknown):
        await mint(world, ADMINISTRATOR, Allowance(Role.READER, View.parse("nobody")))

    assert await world.events() == ["namespace.created"]


# --- listing and revoking ---


async def test_an_auditor_sees_every_token_and_others_those_that_they_may_revoke(world: World) -> None:
    await world.namespace("zeta")
    one, one_id = await mint(world, ADMINISTRATOR, READER, "one")
    _, own = await mint(world, one, READER, "own")
    _, two = await mint(world, ADMINISTRATOR, Allowance(Role.READER, View.parse("zeta")), "two")

    async def seen(asks: Caller) -> set[str]:
        return {token.id for token in await list_tokens(world.registry, asks)}

    assert await seen(caller("auditor", None)) == await seen(ADMINISTRATOR) == {one_id, own, two}
    assert await seen(one) == {one_id, own}
    assert await seen(caller("maintainer")) == {one_id, own}
    assert await seen(caller("maintainer", "zeta")) == {two}
    assert await seen(caller("reader")) == set()
    with pytest.raises(Unauthenticated):
        await list_tokens(world.registry, ANONYMOUS)


async def test_a_narrowed_token_ends_neither_the_one_it_came_from_nor_its_siblings(world: World) -> None:
    first, first_id = await mint(world, ADMINISTRATOR, Allowance(Role.PUBLISHER, ACME), "ci")
    narrow, narrow_id = await mint(world, first, READER, "narrow")
    _, sibling = await mint(world, first, READER, "sibling")
    _, other = await mint(world, ADMINISTRATOR, READER, "ci")

    for target in (first_id, sibling, other):
        with pytest.raises(TokenUnknown):
            await revoke_token(world.registry, narrow, target)
    assert await revoke_token(world.registry, narrow, narrow_id)
    assert await revoke_token(world.registry, first, sibling)


async def test_an_auditor_sees_what_only_others_may_revoke(world: World) -> None:
    _, target = await mint(world, ADMINISTRATOR)

    with pytest.raises(TokenUnknown):
        await revoke_token(world.registry, caller("auditor", None), target)
    with pytest.raises(TokenUnknown):
        await revoke_token(world.registry, ADMINISTRATOR, "unknown")


async def test_revoking_is_one_event(world: World) -> None:
    _, target = await mint(world, ADMINISTRATOR)

    assert await revoke_token(world.registry, ADMINISTRATOR, target)
    assert not await revoke_token(world.registry, ADMINISTRATOR, target)

    assert await world.events() == ["namespace.created", "token.created", "token.revoked"]


# --- the first ---


async def test_the_first_token_is_made_once_and_kept_before_it_is_good(world: World) -> None:
    kept: list[TokenSecret] = []

    made = await create_first_token(world.registry, kept.append)

    assert made is not None
    assert kept == [made]
    first = await present(world, made)
    assert all(first.rights.allows(action) for action in Action)
    assert await create_first_token(world.registry, kept.append) is None
    assert len(kept) == 1


async def test_when_the_first_token_cannot_be_kept_there_is_none(world: World) -> None:
    def refuse(_: TokenSecret) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        await create_first_token(world.registry, refuse)

    assert await world.catalog.list_principals() == []
    assert await create_first_token(world.registry, lambda _: None) is not None


async def test_a_lost_first_token_is_replaced(world: World) -> None:
    lost = await create_first_token(world.registry, lambda _: None)
    assert lost is not None

    found = await present(world, await recover_administrator(world.registry))

    assert found.name == FIRST
    assert all(found.rights.allows(action) for action in Action)
    assert (await world.catalog.list_entries(after=START, limit=10))[-1].actor == "operator"


async def test_an_administrator_who_was_disabled_is_recovered_too(world: World) -> None:
    await create_first_token(world.registry, lambda _: None)
    await disable_principal(world.registry, ADMINISTRATOR, FIRST)

    found = await present(world, await recover_administrator(world.registry))

    assert found.rights.allows(Action.ADMINISTER)


@pytest.mark.parametrize(
    "name", ["anonymous", "collect", "entrepot", "operator", "recall", "repair", "retain", "scrub", "tier"]
)
def test_nobody_is_called_like_those_whom_the_journal_names_without_asking(name: str) -> None:
    with pytest.raises(InvalidName):
        parse_principal(name)

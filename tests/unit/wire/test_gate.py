from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from entrepot.drivers.catalog.sqlite import SqliteCatalog
from entrepot.model.access import ANONYMOUS, Action, Allowance, Role
from entrepot.model.errors import RateLimited, Unauthenticated
from entrepot.model.names import PackageName, PrincipalName, View
from entrepot.operations.govern import create_namespace
from entrepot.operations.grant import disable_principal, remove_grant
from entrepot.operations.token import create_token, list_tokens, revoke_token
from entrepot.ports.catalog import Credential
from entrepot.ports.epochs import ACCESS
from entrepot.testing.builders import ADMINISTRATOR, World
from entrepot.wire.gate import ACCESS_TOKEN_SECONDS, Gate
from entrepot.wire.throttle import Throttle

KEY = b"a key of more than thirty-two bytes"
HOME = "192.0.2.1"
ACME = View.parse("acme")
API = PackageName("team/api")


class Counting:
    """The catalog, as far as the gate needs it, and how often it was asked."""

    def __init__(self, catalog: SqliteCatalog) -> None:
        self._catalog = catalog
        self.asked = 0

    async def find_credential(self, secret_hash: bytes) -> Credential | None:
        self.asked += 1
        return await self._catalog.find_credential(secret_hash)

    async def find_credential_by_id(self, token_id: str) -> Credential | None:
        self.asked += 1
        return await self._catalog.find_credential_by_id(token_id)


@pytest.fixture
def catalog(world: World) -> Counting:
    return Counting(world.catalog)


@pytest.fixture
def gate(world: World, catalog: Counting, tmp_path: Path) -> Iterator[Gate]:
    throttle = Throttle(tmp_path / "tries", lambda: world.clock.now().timestamp(), failures=3, window_seconds=60)
    return Gate(catalog, world.clock, world.epochs, throttle, secret=KEY)  # type: ignore[arg-type]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# --- the registry's own tokens ---


async def test_without_credentials_the_caller_is_anonymous(gate: Gate) -> None:
    assert await gate.identify(None, HOME) is ANONYMOUS
    assert await gate.identify("", HOME) is ANONYMOUS


async def test_every_scheme_carries_the_same_token(world: World, gate: Gate) -> None:
    token = await world.token("reader")

    for header in (
        f"Bearer {token}",
        f"bearer  {token} ",
        basic("anybody", token),
        basic("__token__", token),
        basic(token, ""),
        basic("", token),
        token,
        f"Token {token}".removeprefix("Token "),
    ):
        caller = await gate.identify(header, HOME)

        assert caller.name == "reader-robot", header
        assert caller.rights.allows(Action.READ, ACME, API)
        assert not caller.rights.allows(Action.PUBLISH, ACME, API)
        assert caller.unscoped is None


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Basic",
        "Basic !!!",
        "Basic é",
        "Basic YWJj",
        "Basic \xff\xfe",
        "Basic /w==",
        "Basic Og==",
        "Digest username=x",
        "Bearer not.a.token",
        "Bearer é",
        "Bearer ent_usr_short",
        "Bearer ent_usr_" + "0" * 36,
        "Bearer ent_xxx_" + "0" * 30 + "000000",
        "ent_",
        "Bearer " + "x" * 20_000,
        basic("user", "hunter2"),
    ],
)
async def test_what_is_no_token_is_refused(gate: Gate, header: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await gate.identify(header, HOME)

    assert "hunter2" not in str(refused.value)


async def test_a_refused_token_is_not_repeated(world: World, gate: Gate) -> None:
    token = await world.token("reader")
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")

    with pytest.raises(Unauthenticated) as refused:
        await gate.identify(f"Bearer {wrong}", HOME)

    assert wrong not in str(refused.value)
    assert token[8:30] not in repr(refused.value)


async def test_a_caller_who_was_known_moments_ago_is_not_looked_up_again(
    world: World, gate: Gate, catalog: Counting
) -> None:
    header = f"Bearer {await world.token('reader')}"

    first, second = await gate.identify(header, HOME), await gate.identify(header, HOME)

    assert first is second
    assert catalog.asked == 1


async def test_revoking_takes_effect_at_once(world: World, gate: Gate) -> None:
    header = f"Bearer {await world.token('reader')}"
    caller = await gate.identify(header, HOME)

    await revoke_token(world.registry, ADMINISTRATOR, caller.token_id or "")

    with pytest.raises(Unauthenticated):
        await gate.identify(header, HOME)


async def test_disabling_somebody_takes_effect_at_once(world: World, gate: Gate) -> None:
    header = f"Bearer {await world.token('reader')}"
    await gate.identify(header, HOME)

    await disable_principal(world.registry, ADMINISTRATOR, PrincipalName("reader-robot"))

    with pytest.raises(Unauthenticated):
        await gate.identify(header, HOME)


async def test_taking_a_grant_takes_effect_at_once(world: World, gate: Gate) -> None:
    header = f"Bearer {await world.token('reader')}"
    await gate.identify(header, HOME)

    await remove_grant(world.registry, ADMINISTRATOR, PrincipalName("reader-robot"), Allowance(Role.READER, ACME))

    assert not (await gate.identify(header, HOME)).rights.allows(Action.READ, ACME, API)


async def test_a_token_ends_when_its_time_is_over_also_when_it_is_remembered(world: World, gate: Gate) -> None:
    _, secret = await create_token(
        world.registry, ADMINISTRATOR, PrincipalName("brief"), Allowance(Role.READER, ACME), ttl=timedelta(hours=1)
    )
    await gate.identify(f"Bearer {secret.text}", HOME)

    world.clock.advance(minutes=59)
    await gate.identify(f"Bearer {secret.text}", HOME)
    world.clock.advance(minutes=1)

    with pytest.raises(Unauthenticated):
        await gate.identify(f"Bearer {secret.text}", HOME)


async def test_while_access_is_being_changed_nothing_is_remembered(world: World, gate: Gate, catalog: Counting) -> None:
    header = f"Bearer {await world.token('reader')}"
    await gate.identify(header, HOME)

    world.epochs.begin([ACCESS])
    await gate.identify(header, HOME)
    await gate.identify(header, HOME)
    world.epochs.end([ACCESS])
    await gate.identify(header, HOME)

    assert catalog.asked == 4


async def test_what_is_remembered_is_bounded(world: World, gate: Gate, catalog: Counting) -> None:
    token = await world.token("reader")
    for number in range(4_200):
        await gate.identify(basic(str(number), token), HOME)

    await gate.identify(basic("4199", token), HOME)
    assert catalog.asked == 4_200
    await gate.identify(basic("0", token), HOME)
    assert catalog.asked == 4_201


# --- the throttle ---


async def test_who_fails_too_often_has_to_wait(world: World, gate: Gate) -> None:
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await gate.identify("Bearer wrong", HOME)

    with pytest.raises(RateLimited) as refused:
        await gate.identify("Bearer wrong", HOME)
    assert 0 < refused.value.after <= 60

    with pytest.raises(Unauthenticated):
        await gate.identify("Bearer wrong", "192.0.2.2")
    world.clock.advance(seconds=refused.value.after)
    with pytest.raises(Unauthenticated):
        await gate.identify("Bearer wrong", HOME)


async def test_a_bad_neighbour_stops_nobody_whose_credentials_are_good(world: World, gate: Gate) -> None:
    header = f"Bearer {await world.token('reader')}"
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await gate.identify("Bearer wrong", HOME)

    assert (await gate.identify(header, HOME)).name == "reader-robot"


# --- access tokens ---


async def issue(world: World, gate: Gate, role: str = "maintainer", *permits: tuple[View, str, list[str]]) -> str:
    caller = await gate.identify(f"Bearer {await world.token(role)}", HOME)
    wanted = [(view, PackageName(name), words) for view, name, words in permits]
    return gate.issue(caller, "entrepot", wanted).text


async def test_an_access_token_allows_what_it_was_asked_for_and_nothing_else(world: World, gate: Gate) -> None:
    token = await issue(world, gate, "maintainer", (ACME, API, ["pull"]))

    caller = await gate.identify(f"Bearer {token}", HOME)

    assert caller.name == "maintainer-robot"
    assert caller.rights.allows(Action.READ, ACME, API)
    assert caller.rights.allows(Action.READ, View.parse("acme.prod"), API)
    for action in set(Action) - {Action.READ}:
        assert not caller.rights.allows(action, ACME, API)
    assert not caller.rights.allows(Action.READ, ACME, PackageName("other"))
    assert not caller.rights.allows(Action.READ, ACME)
    assert not caller.rights.allows(Action.READ)
    assert caller.unscoped is not None
    assert caller.unscoped.allows(Action.DELETE, ACME, API)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pull"], {Action.READ}),
        (["push"], {Action.PUBLISH, Action.OVERWRITE}),
        (["pull", "push"], {Action.READ, Action.PUBLISH, Action.OVERWRITE}),
        (["delete"], {Action.DELETE}),
        (["*"], {Action.READ, Action.PUBLISH, Action.OVERWRITE, Action.DELETE}),
        (["fly", "pull"], {Action.READ}),
        ([], set()),
    ],
)
async def test_dockers_words_stand_for_these_actions(
    world: World, gate: Gate, words: list[str], expected: set[Action]
) -> None:
    token = await issue(world, gate, "maintainer", (ACME, API, words))

    caller = await gate.identify(f"Bearer {token}", HOME)

    assert {action for action in Action if caller.rights.allows(action, ACME, API)} == expected


async def test_an_access_token_never_allows_more_than_the_token_it_came_from(world: World, gate: Gate) -> None:
    token = await issue(world, gate, "reader", (ACME, API, ["pull", "push", "delete", "*"]))

    caller = await gate.identify(f"Bearer {token}", HOME)

    assert {action for action in Action if caller.rights.allows(action, ACME, API)} == {Action.READ}


async def test_an_anonymous_access_token_is_nobodys(gate: Gate) -> None:
    token = gate.issue(ANONYMOUS, "entrepot", [(ACME, API, ["pull"])]).text

    caller = await gate.identify(f"Bearer {token}", HOME)

    assert caller.principal is None
    assert caller.unscoped is not None
    assert not caller.rights.allows(Action.READ, ACME, API)


async def test_an_access_token_ends_soon(world: World, gate: Gate) -> None:
    token = await issue(world, gate, "reader", (ACME, API, ["pull"]))
    await gate.identify(f"Bearer {token}", HOME)

    world.clock.advance(seconds=ACCESS_TOKEN_SECONDS)

    with pytest.raises(Unauthenticated):
        await gate.identify(f"Bearer {token}", HOME)


async def test_an_access_token_ends_with_the_token_it_came_from(world: World, gate: Gate) -> None:
    _, secret = await create_token(
        world.registry, ADMINISTRATOR, PrincipalName("brief"), Allowance(Role.READER, ACME), ttl=timedelta(minutes=1)
    )
    holder = await gate.identify(f"Bearer {secret.text}", HOME)
    token = gate.issue(holder, "entrepot", [(ACME, API, ["pull"])]).text

    assert (await gate.identify(f"Bearer {token}", HOME)).token_expires_at == holder.token_expires_at
    world.clock.advance(minutes=1)
    with pytest.raises(Unauthenticated):
        await gate.identify(f"Bearer {token}", HOME)


async def test_revoking_a_token_ends_its_access_tokens_at_once(world: World, gate: Gate) -> None:
    token = await issue(world, gate, "reader", (ACME, API, ["pull"]))
    caller = await gate.identify(f"Bearer {token}", HOME)

    await revoke_token(world.registry, ADMINISTRATOR, caller.token_id or "")

    with pytest.raises(Unauthenticated):
        await gate.identify(f"Bearer {token}", HOME)


def forged(claims: dict[str, Any], *, key: bytes = KEY, algorithm: str | None = "HS256") -> str:
    return jwt.encode(claims, key if algorithm else None, algorithm=algorithm)


async def test_a_forged_access_token_is_refused(world: World, gate: Gate) -> None:
    good = await issue(world, gate, "maintainer", (ACME, API, ["pull"]))
    claims = jwt.decode(
        good,
        KEY,
        algorithms=["HS256"],
        audience="entrepot",
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    await gate.identify(f"Bearer {forged(claims)}", HOME)
    world.clock.advance(seconds=61)

    head, body, signature = good.split(".")
    for number, token in enumerate(
        (
            forged(claims, key=b"another key of more than thirty-two bytes"),
            forged(claims, algorithm=None),
            forged(claims, key=KEY * 2, algorithm="HS512"),
            forged({**claims, "iss": "somebody else"}),
            forged({key: value for key, value in claims.items() if key != "access"}),
            forged({key: value for key, value in claims.items() if key != "tid"}),
            forged({key: value for key, value in claims.items() if key != "exp"}),
            forged({**claims, "tid": "00000000-0000-4000-8000-000000000000"}),
            forged({**claims, "access": [{"type": "repository", "name": "No!/x", "actions": ["pull"]}]}),
            forged({**claims, "access": 7}),
            f"{head}.{body}.{signature[:-4]}",
            f"{head}.{body}.",
            f"{head}.{body}",
        )
    ):
        with pytest.raises(Unauthenticated):
            await gate.identify(f"Bearer {token}", f"192.0.2.{number}")


async def test_an_access_token_is_no_password(world: World, gate: Gate) -> None:
    token = await issue(world, gate, "reader", (ACME, API, ["pull"]))

    with pytest.raises(Unauthenticated):
        await gate.identify(basic("user", token), HOME)


# --- over the wire ---


async def test_an_access_token_gets_no_wider_one(world: World) -> None:
    """Otherwise one for a single package, found in a build's log, would be good for all of them, and for ever."""
    token = await world.token("maintainer")
    async with world.client(token) as client:
        narrow = (await client.get("/token?scope=repository:acme/team/api:pull")).json()["token"]

    async with world.client(narrow) as client:
        asked = await client.get("/token?scope=repository:acme/other:push")
    async with world.client() as client:
        posted = [
            await client.post("/token", data={"grant_type": "password", "username": "x", "password": narrow}),
            await client.post("/token", data={"grant_type": "refresh_token", "refresh_token": narrow}),
        ]

    assert [answer.status_code for answer in (asked, *posted)] == [401, 401, 401]


async def test_an_access_token_neither_lists_nor_revokes_tokens(world: World, gate: Gate) -> None:
    caller = await gate.identify(f"Bearer {await issue(world, gate, 'maintainer', (ACME, API, ['pull']))}", HOME)

    with pytest.raises(Unauthenticated):
        await list_tokens(world.registry, caller)
    with pytest.raises(Unauthenticated):
        await revoke_token(world.registry, caller, caller.token_id or "")


async def test_a_namespace_that_is_new_is_seen_by_who_may_everything(world: World, gate: Gate) -> None:
    header = f"Bearer {await world.token('administrator', None)}"
    caller = await gate.identify(header, HOME)

    await create_namespace(world.registry, caller, View.parse("new").namespace, public=False)

    assert (await gate.identify(header, HOME)).rights.allows(Action.READ, View.parse("new"), API)

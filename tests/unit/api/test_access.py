from __future__ import annotations

import base64

import pytest

from entrepot.model.names import PackageName, View
from tests.unit.api.world import World


async def test_whoami_tells_nobody_that_they_are_nobody(world: World) -> None:
    answer = await world.ask("GET", "/api/v1/whoami", token=None)

    assert answer.json == {"principal": None, "kind": None, "token_id": None, "expires_at": None, "allowances": [[]]}
    assert answer.headers["cache-control"] == "no-store"


async def test_whoami_tells_a_robot_what_it_may_do(world: World) -> None:
    await world.namespace()
    token = await world.token("reader", "acme.prod", "team-*", name="deployer", ttl_seconds=3600)

    me = (await world.ask("GET", "/api/v1/whoami", token=token)).json

    right = {"role": "reader", "actions": ["read"], "view": "acme.prod", "pattern": "team-*"}
    assert (me["principal"], me["kind"]) == ("deployer", "robot")
    assert me["allowances"] == [[right], [right]]
    assert me["expires_at"].startswith("2026-01-31T13:00")


async def test_a_token_is_taken_as_the_password_of_basic_too(world: World) -> None:
    credentials = base64.b64encode(f"__token__:{world.admin}".encode()).decode()

    answer = await world.ask("GET", "/api/v1/whoami", token=None, headers={"authorization": f"Basic {credentials}"})

    assert answer.json["principal"] == "administrator"


async def test_whoami_tells_what_an_access_token_is_for(world: World) -> None:
    await world.namespace()
    await world.image("1.0")
    caller = await world.app.gate.identify(f"Bearer {world.admin}", "127.0.0.1")
    access = world.app.gate.issue(caller, "entrepot", [(View.parse("acme"), PackageName("api"), ["pull"])])

    me = (await world.ask("GET", "/api/v1/whoami", token=access.text)).json
    covered = await world.ask("GET", "/api/v1/packages/acme/oci/api", token=access.text)
    beyond = await world.ask("GET", "/api/v1/packages/acme/oci/web", token=access.text)

    assert me["principal"] == "administrator"
    assert me["allowances"][1] == [{"role": None, "actions": ["read"], "view": "acme", "pattern": "api"}]
    assert (covered.status, beyond.status, beyond.code) == (200, 401, "insufficient-scope")


async def test_credentials_that_are_not_valid_are_refused(world: World) -> None:
    answer = await world.ask("GET", "/api/v1/namespaces", token="ent_bot_" + "0" * 36)

    assert (answer.status, answer.code) == (401, "unauthenticated")


# --- principals ---


async def test_principals_are_made_known_listed_and_disabled(world: World) -> None:
    created = await world.ask("POST", "/api/v1/principals", {"name": "ada@acme", "kind": "user"})
    await world.ask("POST", "/api/v1/principals", {"name": "builder", "kind": "robot"})
    disabled = await world.ask("POST", "/api/v1/principals/builder/disable")
    again = await world.ask("POST", "/api/v1/principals/builder/disable")
    listed = await world.ask("GET", "/api/v1/principals")

    assert (created.status, disabled.status, again.status) == (201, 204, 204)
    assert created.json == {"name": "ada@acme", "kind": "user", "disabled": False}
    assert listed.items == [
        created.json,
        {"name": "administrator", "kind": "user", "disabled": False},
        {"name": "builder", "kind": "robot", "disabled": True},
    ]


async def test_a_disabled_principals_tokens_stop_at_once(world: World) -> None:
    await world.namespace()
    token = await world.token("reader", name="reader")
    before = await world.ask("GET", "/api/v1/namespaces/acme", token=token)

    await world.ask("POST", "/api/v1/principals/reader/disable")
    after = await world.ask("GET", "/api/v1/namespaces/acme", token=token)

    assert (before.status, after.status) == (200, 401)


async def test_pages_of_principals_join_to_the_whole(world: World) -> None:
    for name in ("bob", "ada", "cyd"):
        await world.ask("POST", "/api/v1/principals", {"name": name, "kind": "user"})

    first = (await world.ask("GET", "/api/v1/principals?limit=3")).json
    second = (await world.ask("GET", f"/api/v1/principals?limit=3&after={first['next']}")).json

    assert [item["name"] for item in first["items"] + second["items"]] == ["ada", "administrator", "bob", "cyd"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "administrator", "kind": "user"}, 409),
        ({"name": "Bob", "kind": "user"}, 400),
        ({"name": "bob", "kind": "ghost"}, 400),
        ({"name": "bob"}, 400),
        ({"name": "bob", "kind": "user", "admin": True}, 400),
        ([], 400),
    ],
)
async def test_a_principal_that_cannot_be_is_refused(world: World, body: object, status: int) -> None:
    answer = await world.ask("POST", "/api/v1/principals", body)

    assert answer.status == status


async def test_nobody_disables_whom_nobody_knows(world: World) -> None:
    answer = await world.ask("POST", "/api/v1/principals/ghost/disable")

    assert (answer.status, answer.code) == (404, "principal-unknown")


async def test_only_who_administers_makes_principals_and_only_auditors_list_them(world: World) -> None:
    await world.namespace()
    maintainer = await world.token("maintainer")
    auditor = await world.token("auditor", None)

    for token, status in ((None, 401), (maintainer, 403), (auditor, 403)):
        made = await world.ask("POST", "/api/v1/principals", {"name": "bob", "kind": "user"}, token=token)
        stopped = await world.ask("POST", "/api/v1/principals/administrator/disable", token=token)
        assert (made.status, stopped.status) == (status, status)
    assert (await world.ask("GET", "/api/v1/principals", token=maintainer)).status == 403
    assert (await world.ask("GET", "/api/v1/principals", token=auditor)).status == 200


# --- grants ---


async def test_a_grant_is_given_once_and_taken_once(world: World) -> None:
    await world.namespace()
    await world.ask("POST", "/api/v1/principals", {"name": "ada", "kind": "user"})
    grant = {"principal": "ada", "role": "publisher", "view": "acme", "pattern": "team-*"}
    address = "/api/v1/grants?principal=ada&role=publisher&view=acme&pattern=team-*"

    given = await world.ask("POST", "/api/v1/grants", grant)
    again = await world.ask("POST", "/api/v1/grants", grant)
    listed = await world.ask("GET", "/api/v1/grants?principal=ada")
    taken = await world.ask("DELETE", address)
    gone = await world.ask("DELETE", address)

    assert (given.status, again.status, taken.status) == (201, 200, 204)
    assert listed.items == [grant]
    assert (gone.status, gone.code) == (404, "grant-unknown")
    assert (await world.ask("GET", "/api/v1/grants?principal=ada")).items == []


async def test_a_grant_without_a_view_is_for_everywhere(world: World) -> None:
    await world.ask("POST", "/api/v1/principals", {"name": "ada", "kind": "user"})

    given = await world.ask("POST", "/api/v1/grants", {"principal": "ada", "role": "auditor"})
    taken = await world.ask("DELETE", "/api/v1/grants?principal=ada&role=auditor")

    assert given.json == {"principal": "ada", "role": "auditor", "view": None, "pattern": "*"}
    assert taken.status == 204


async def test_a_misspelt_parameter_does_not_take_another_grant(world: World) -> None:
    await world.namespace()
    await world.ask("POST", "/api/v1/principals", {"name": "ada", "kind": "user"})
    await world.ask("POST", "/api/v1/grants", {"principal": "ada", "role": "reader"})

    answer = await world.ask("DELETE", "/api/v1/grants?principal=ada&role=reader&veiw=acme")

    assert (answer.status, answer.code) == (400, "invalid")
    assert "veiw" in answer.json["detail"]
    assert len((await world.ask("GET", "/api/v1/grants?principal=ada")).items) == 1


async def test_an_empty_view_is_not_everywhere(world: World) -> None:
    await world.ask("POST", "/api/v1/principals", {"name": "ada", "kind": "user"})
    await world.ask("POST", "/api/v1/grants", {"principal": "ada", "role": "reader"})

    answer = await world.ask("DELETE", "/api/v1/grants?principal=ada&role=reader&view=")

    assert (answer.status, answer.code) == (400, "invalid-name")
    assert len((await world.ask("GET", "/api/v1/grants?principal=ada")).items) == 1


@pytest.mark.parametrize(
    ("grant", "status"),
    [
        ({"principal": "ghost", "role": "reader", "view": "acme"}, 404),
        ({"principal": "administrator", "role": "reader", "view": "ghost"}, 404),
        ({"principal": "administrator", "role": "king", "view": "acme"}, 400),
        ({"principal": "administrator", "role": "reader", "view": "acme/x"}, 400),
        ({"principal": "administrator", "role": "reader", "pattern": ""}, 400),
        ({"principal": "administrator", "role": "reader", "pattern": "x" * 257}, 400),
        ({"principal": "", "role": "reader"}, 400),
        ({"principal": "administrator", "role": "reader", "view": ""}, 400),
    ],
)
async def test_a_grant_that_cannot_be_is_refused(world: World, grant: object, status: int) -> None:
    await world.namespace()

    answer = await world.ask("POST", "/api/v1/grants", grant)

    assert answer.status == status


async def test_nobody_grants_more_than_they_may_do(world: World) -> None:
    await world.namespace()
    await world.namespace("other")
    maintainer = await world.token("maintainer", name="ada")

    def grant(role: str, view: str | None) -> object:
        return {"principal": "ada", "role": role, "view": view}

    assert (await world.ask("POST", "/api/v1/grants", grant("publisher", "acme"), token=maintainer)).status == 201
    for beyond in (grant("administrator", "acme"), grant("reader", "other"), grant("reader", None)):
        assert (await world.ask("POST", "/api/v1/grants", beyond, token=maintainer)).status == 403


async def test_grants_are_listed_to_whom_they_concern(world: World) -> None:
    await world.namespace()
    await world.namespace("other")
    maintainer = await world.token("maintainer", name="ada")
    await world.token("reader", "other", name="bob")
    publisher = await world.token("publisher", name="cyd")

    seen = await world.ask("GET", "/api/v1/grants", token=maintainer)
    own = await world.ask("GET", "/api/v1/grants", token=publisher)

    assert [item["principal"] for item in seen.items] == ["ada", "cyd"]
    assert [item["principal"] for item in own.items] == ["cyd"]
    assert (await world.ask("GET", "/api/v1/grants", token=None)).status == 401
    assert len((await world.ask("GET", "/api/v1/grants")).items) == 4


async def test_pages_of_grants_join_to_the_whole(world: World) -> None:
    await world.namespace()
    for pattern in ("a", "b", "c", "d"):
        await world.ask("POST", "/api/v1/grants", {"principal": "administrator", "role": "reader", "pattern": pattern})

    first = (await world.ask("GET", "/api/v1/grants?limit=3")).json
    second = (await world.ask("GET", f"/api/v1/grants?limit=3&after={first['next']}")).json

    assert [item["pattern"] for item in first["items"] + second["items"]] == ["*", "a", "b", "c", "d"]


async def test_a_grant_that_is_taken_stops_at_once(world: World) -> None:
    await world.namespace()
    token = await world.token("reader", name="bob")
    before = await world.ask("GET", "/api/v1/namespaces/acme", token=token)

    await world.ask("DELETE", "/api/v1/grants?principal=bob&role=reader&view=acme")
    after = await world.ask("GET", "/api/v1/namespaces/acme", token=token)

    assert (before.status, after.status) == (200, 404)


# --- tokens ---


async def test_a_token_shows_its_secret_once(world: World) -> None:
    await world.namespace()

    minted = await world.ask(
        "POST", "/api/v1/tokens", {"name": "deployer", "role": "reader", "view": "acme.prod", "ttl_seconds": 60}
    )
    listed = await world.ask("GET", "/api/v1/tokens")

    token = minted.json
    assert minted.status == 201
    assert minted.headers["cache-control"] == "no-store"
    assert token["token"].startswith("ent_bot_")
    assert token["principal"] == "deployer"
    assert token["token"] not in listed.content.decode()
    (shown,) = (item for item in listed.items if item["id"] == token["id"])
    assert shown["scope"] == [{"role": "reader", "actions": ["read"], "view": "acme.prod", "pattern": "*"}]
    assert (shown["label"], shown["parent"], shown["revoked"]) == ("deployer", None, False)
    assert shown["expires_at"] == token["expires_at"]


async def test_the_administrators_first_token_has_no_scope(world: World) -> None:
    (first,) = (await world.ask("GET", "/api/v1/tokens")).items

    assert first["principal"] == "administrator"
    assert first["scope"] is None
    assert first["expires_at"] is None


async def test_a_token_can_be_narrowed_to_single_actions(world: World) -> None:
    await world.namespace()
    token = await world.token("publisher", actions=["publish"])
    await world.image("1.0")

    me = (await world.ask("GET", "/api/v1/whoami", token=token)).json
    read = await world.ask("GET", "/api/v1/packages/acme/oci/api", token=token)

    assert me["allowances"][1][0]["actions"] == ["publish"]
    assert read.status == 404


async def test_an_expired_token_is_refused(world: World) -> None:
    await world.namespace()
    token = await world.token("reader", ttl_seconds=10)
    before = await world.ask("GET", "/api/v1/namespaces/acme", token=token)

    for _ in range(10):
        world.clock.now()
    after = await world.ask("GET", "/api/v1/namespaces/acme", token=token)

    assert (before.status, after.status) == (200, 401)


async def test_a_token_mints_a_narrower_one_that_ends_with_it(world: World) -> None:
    await world.namespace()
    wide = await world.token("publisher", name="ci")
    wide_id = (await world.ask("GET", "/api/v1/whoami", token=wide)).json["token_id"]
    minted = await world.ask("POST", "/api/v1/tokens", {"name": "step", "role": "reader", "view": "acme"}, token=wide)
    narrow = minted.json["token"]
    before = await world.ask("GET", "/api/v1/namespaces/acme", token=narrow)

    await world.ask("DELETE", f"/api/v1/tokens/{wide_id}")
    after = await world.ask("GET", "/api/v1/namespaces/acme", token=narrow)

    assert (minted.status, minted.json["principal"]) == (201, "ci")
    assert (before.status, after.status) == (200, 401)


async def test_no_token_mints_a_wider_one(world: World) -> None:
    await world.namespace()
    await world.namespace("other")
    token = await world.token("publisher", pattern="team-*")

    for body in (
        {"name": "x", "role": "maintainer", "view": "acme", "pattern": "team-*"},
        {"name": "x", "role": "reader", "view": "acme"},
        {"name": "x", "role": "reader", "view": "other", "pattern": "team-*"},
        {"name": "x", "role": "reader", "pattern": "team-*"},
    ):
        answer = await world.ask("POST", "/api/v1/tokens", body, token=token)
        assert (answer.status, answer.code) == (403, "denied")


async def test_nobody_mints_a_token_without_credentials(world: World) -> None:
    answer = await world.ask("POST", "/api/v1/tokens", {"name": "x", "role": "reader"}, token=None)

    assert (answer.status, answer.code) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"ttl_seconds": 0}, 400),
        ({"ttl_seconds": -5}, 400),
        ({"ttl_seconds": 10**30}, 400),
        ({"ttl_seconds": 1.5}, 400),
        ({"ttl_seconds": "60"}, 400),
        ({"name": "Not A Name"}, 400),
        ({"name": "administrator"}, 409),
        ({"view": "ghost"}, 404),
        ({"view": ""}, 400),
        ({"actions": []}, 400),
        ({"actions": ["dance"]}, 400),
    ],
)
async def test_a_token_that_cannot_be_is_refused(world: World, more: dict[str, object], status: int) -> None:
    answer = await world.ask("POST", "/api/v1/tokens", {"name": "robot", "role": "reader", **more})

    assert answer.status == status
    assert len((await world.ask("GET", "/api/v1/tokens")).items) == 1


async def test_a_revoked_token_stops_at_once_and_is_listed_as_such(world: World) -> None:
    await world.namespace()
    token = await world.token("reader")
    token_id = (await world.ask("GET", "/api/v1/whoami", token=token)).json["token_id"]

    revoked = await world.ask("DELETE", f"/api/v1/tokens/{token_id}")
    again = await world.ask("DELETE", f"/api/v1/tokens/{token_id}")
    after = await world.ask("GET", "/api/v1/whoami", token=token)

    assert (revoked.status, again.status, after.status) == (204, 204, 401)
    (shown,) = (item for item in (await world.ask("GET", "/api/v1/tokens")).items if item["id"] == token_id)
    assert shown["revoked"] is True


async def test_a_token_that_the_caller_may_not_revoke_is_unknown(world: World) -> None:
    await world.namespace()
    mine, other = await world.token("reader", name="mine"), await world.token("reader", name="other")
    other_id = (await world.ask("GET", "/api/v1/whoami", token=other)).json["token_id"]

    foreign = await world.ask("DELETE", f"/api/v1/tokens/{other_id}", token=mine)
    absent = await world.ask("DELETE", "/api/v1/tokens/ghost", token=mine)

    assert (foreign.status, absent.status) == (404, 404)
    assert foreign.json["detail"].replace(other_id, "") == absent.json["detail"].replace("ghost", "")
    assert (await world.ask("GET", "/api/v1/whoami", token=other)).status == 200


async def test_pages_of_tokens_join_to_the_whole_in_the_order_of_their_making(world: World) -> None:
    await world.namespace()
    for name in ("c", "a", "b"):
        await world.token("reader", name=name)

    first = (await world.ask("GET", "/api/v1/tokens?limit=2")).json
    second = (await world.ask("GET", f"/api/v1/tokens?limit=2&after={first['next']}")).json

    labels = [item["label"] for item in first["items"] + second["items"]]
    assert labels == ["administrator", "c", "a", "b"]
    assert second["next"] is None

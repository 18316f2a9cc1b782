"""Logging in and out, tokens, profiles, search and advisories: what is no package's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.formats.generic.served import Answer
from tests.formats.npm.served import REGISTRY, Npm, answered

TOKENS = "/-/npm/v1/tokens"


async def log_in(npm: Npm, password: object, *, view: str = "acme", user: str = "me") -> Answer:
    document = {"_id": f"org.couchdb.user:{user}", "name": user, "password": password, "type": "user", "roles": []}
    return await npm.ask(
        "PUT", f"/npm/{view}/-/user/org.couchdb.user:{user}", by=None, body=json.dumps(document).encode()
    )


async def ask_as(npm: Npm, token: str, method: str, path: str, body: bytes = b"") -> Answer:
    headers = {"authorization": f"Bearer {token}"}
    return await npm.ask(method, REGISTRY + path, by=None, body=body, headers=headers)


async def test_ping_answers_anybody(npm: Npm) -> None:
    assert (await npm.read("/-/ping?write=true", by=None)).json == {}


async def test_whoami_says_whose_token_it_is(npm: Npm) -> None:
    assert (await npm.read("/-/whoami", by="reader")).json == {"username": "reader"}
    assert (await npm.read("/-/whoami", by=None)).status == 401


@pytest.mark.parametrize(
    ("role", "may_publish"), [("publisher", True), ("maintainer", True), ("administrator", True), ("reader", False)]
)
async def test_a_login_gives_a_token_of_its_own_that_can_do_no_more(npm: Npm, role: str, may_publish: bool) -> None:
    password = await npm.token(role)

    answer = await log_in(npm, password, user="somebody")
    token = answer.json["token"]

    assert answer.status == 201
    assert token != password
    assert (await ask_as(npm, token, "GET", "/-/whoami")).json == {"username": role}
    assert (await ask_as(npm, token, "PUT", "/tool", b"{}")).status == (400 if may_publish else 403)
    assert (await ask_as(npm, token, "PUT", "/tool".replace("acme", "other"), b"{}")).status in (400, 403)
    grants = await npm.registry.catalog.list_grants()
    assert {grant.principal for grant in grants} == {role}


async def test_a_login_makes_no_robot_and_hands_on_no_right_to_govern(npm: Npm) -> None:
    token = (await log_in(npm, await npm.token("administrator"))).json["token"]

    outside = await npm.ask("GET", "/npm/other/x", by=None, headers={"authorization": f"Bearer {token}"})

    assert outside.status == 404
    assert [principal.name for principal, _ in await npm.registry.catalog.list_principals()] == ["administrator"]


async def test_a_login_through_a_channel_only_reads_it(npm: Npm) -> None:
    token = (await log_in(npm, await npm.token("consumer"), view="acme.prod")).json["token"]
    headers = {"authorization": f"Bearer {token}"}

    assert (await npm.ask("GET", "/npm/acme.prod/-/whoami", by=None, headers=headers)).status == 200
    assert (await npm.ask("GET", "/npm/acme/tool", by=None, headers=headers)).status == 404


@pytest.mark.parametrize("password", ["", "wrong", "ent_bot_" + "0" * 36, "a.b.c", "ent_", "é", "x" * 20_000])
async def test_a_login_with_another_password_is_refused(npm: Npm, password: str) -> None:
    answer = await log_in(npm, password)

    assert answer.status == 401
    if len(password) > 5:
        assert password not in answered(answer)["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"password": 7}', b'"x"'])
async def test_a_login_that_is_no_form_is_refused(npm: Npm, body: bytes) -> None:
    answer = await npm.ask("PUT", f"{REGISTRY}/-/user/org.couchdb.user:me", by=None, body=body)

    assert answer.status == 400


async def test_a_page_to_log_in_with_is_not_there_so_that_clients_ask_for_a_password(npm: Npm) -> None:
    answer = await npm.ask("POST", f"{REGISTRY}/-/v1/login", by=None, body=b"{}")

    assert answer.status == 404
    assert "password" in answered(answer)["error"]


async def test_a_logout_ends_the_session_and_not_the_token_that_began_it(npm: Npm) -> None:
    password = await npm.token("publisher")
    session = (await log_in(npm, password)).json["token"]

    answer = await ask_as(npm, session, "DELETE", f"/-/user/token/{session}")

    assert answer.status == 200
    assert (await ask_as(npm, session, "GET", "/-/whoami")).status == 401
    assert (await ask_as(npm, password, "GET", "/-/whoami")).status == 200


async def test_the_log_shows_no_token_that_is_in_a_path(npm: Npm) -> None:
    lines: list[Mapping[str, Any]] = []
    npm.app._options = replace(npm.app._options, log_request=lines.append)
    session = (await log_in(npm, await npm.token("publisher"))).json["token"]
    made = (await npm.ask("POST", REGISTRY + TOKENS, body=b"{}")).json["token"]

    await ask_as(npm, session, "DELETE", f"/-/user/token/{session}")
    await npm.ask("DELETE", f"{REGISTRY}{TOKENS}/token/{made}")

    assert [line["operation"] for line in lines] == ["login", "create_token", "logout", "revoke_token"]
    assert not any(secret in str(line) for line in lines for secret in (session, made))


async def test_tokens_are_made_listed_and_revoked(npm: Npm) -> None:
    password = await npm.token("publisher")
    body = f'{{"password": "{password}", "readonly": true, "cidr_whitelist": [], "expires": 30}}'.encode()

    made = await npm.ask("POST", REGISTRY + TOKENS, body=body)
    listed = (await npm.read(TOKENS, by="publisher")).json
    reading = await ask_as(npm, made.json["token"], "PUT", "/tool", b"{}")
    revoked = await npm.ask("DELETE", f"{REGISTRY}{TOKENS}/token/{made.json['key']}")
    again = await npm.ask("DELETE", f"{REGISTRY}{TOKENS}/token/{made.json['key']}")

    assert (made.status, made.json["readonly"]) == (201, True)
    assert made.json["expiry"].startswith("2026-02-01")
    assert listed["total"] == 2
    assert {token["name"]: token["readonly"] for token in listed["objects"]} == {"npm-token": True, "publisher": False}
    assert all(password not in str(token) for token in listed["objects"])
    assert (reading.status, revoked.status, again.status) == (403, 204, 404)
    assert (await ask_as(npm, made.json["token"], "GET", "/-/whoami")).status == 401


async def test_a_token_is_revoked_by_its_text_too(npm: Npm) -> None:
    made = (await npm.ask("POST", REGISTRY + TOKENS, body=b"{}")).json

    revoked = await npm.ask("DELETE", f"{REGISTRY}{TOKENS}/token/{made['token']}")

    assert revoked.status == 204


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"password": "wrong"}, 401),
        ({"cidr_whitelist": ["10.0.0.0/8"]}, 400),
        ({"expires": 0}, 400),
        ({"expires": 10**9}, 400),
        ({"expires": "soon"}, 400),
        ([], 400),
    ],
)
async def test_a_token_that_cannot_be_made_is_refused(npm: Npm, form: Any, status: int) -> None:
    assert (await npm.send(TOKENS, form, method="POST")).status == status


async def test_anothers_token_is_not_ones_password(npm: Npm) -> None:
    form = {"password": await npm.token("reader")}

    assert (await npm.send(TOKENS, form, method="POST")).status == 401


async def test_nobody_has_no_tokens_and_no_profile(npm: Npm) -> None:
    for method, path in [("GET", TOKENS), ("POST", TOKENS), ("GET", "/-/npm/v1/user"), ("POST", "/-/npm/v1/user")]:
        assert (await npm.ask(method, REGISTRY + path, by=None, body=b"{}")).status == 401


async def test_a_profile_is_a_name_and_cannot_be_changed(npm: Npm) -> None:
    profile = await npm.read("/-/npm/v1/user", by="reader")
    change = await npm.send("/-/npm/v1/user", {"email": "a@example.com"}, method="POST")

    assert profile.json["name"] == "reader"
    assert change.status == 403


# --- search ---


async def search(npm: Npm, query: str, **options: Any) -> Any:
    answer = await npm.read(f"/-/v1/search?{query}", **options)
    assert answer.status == 200, answer
    return answer.json


async def found(npm: Npm, query: str, **options: Any) -> list[str]:
    return [each["package"]["name"] for each in (await search(npm, query, **options))["objects"]]


async def test_search_finds_by_name_description_and_keywords(npm: Npm) -> None:
    await npm.publish("hammer", description="drives Nails", keywords=["steel", "hand"])
    await npm.publish("@acme/hammer-kit", version="2.0.0", description="all of it")
    await npm.publish("saw")

    assert await found(npm, "text=hammer") == ["hammer", "@acme/hammer-kit"]
    assert await found(npm, "text=nails+drives") == ["hammer"]
    assert await found(npm, "text=keywords:steel,wood") == ["hammer"]
    assert await found(npm, "text=scope:acme") == ["@acme/hammer-kit"]
    assert await found(npm, "text=is:unstable+saw") == ["saw"]
    assert await found(npm, "text=drill") == []
    [kit] = (await search(npm, "text=hammer-kit"))["objects"]
    assert (kit["package"]["version"], kit["package"]["scope"]) == ("2.0.0", "acme")
    assert kit["package"]["maintainers"] == [{"username": "publisher"}]


async def test_search_has_pages_of_a_bounded_size(npm: Npm) -> None:
    for number in range(25):
        await npm.publish(f"tool-{number:02}")

    first = await search(npm, "text=tool")
    rest = await search(npm, "text=tool&from=20&size=20")
    everything = await search(npm, "text=tool&size=100000")
    beyond = await search(npm, "text=tool&from=1000")

    assert (len(first["objects"]), first["total"], first["time"]) == (20, 25, "2026-01-02T03:04:05.000Z")
    assert len(rest["objects"]) == 5
    assert len(everything["objects"]) == 25
    assert beyond["objects"] == []


@pytest.mark.parametrize("query", ["", "size=5", "text=a&size=many", "text=a&from=-1", "text=" + "a" * 2_000])
async def test_a_search_for_nothing_that_can_be_read_is_refused(npm: Npm, query: str) -> None:
    assert (await npm.read(f"/-/v1/search?{query}")).status == 400


async def test_search_finds_what_the_view_shows_and_the_caller_may_read(npm: Npm) -> None:
    await npm.publish("hammer")
    await npm.publish("hammer-two")
    await npm.clear("hammer", "1.0.0")

    assert await found(npm, "text=hammer", view="acme.prod", by="consumer") == ["hammer"]
    assert (await npm.read("/-/v1/search?text=hammer", by="stranger")).status == 404
    assert (await npm.read("/-/v1/search?text=hammer", by=None)).status == 401


# --- advisories ---


async def test_an_audit_finds_nothing(npm: Npm) -> None:
    bulk = await npm.send("/-/npm/v1/security/advisories/bulk", {"tool": ["1.0.0"]}, method="POST")
    quick = await npm.send("/-/npm/v1/security/audits/quick", {}, method="POST")

    assert (bulk.status, bulk.json) == (200, {})
    assert (quick.status, quick.json["advisories"]) == (200, {})

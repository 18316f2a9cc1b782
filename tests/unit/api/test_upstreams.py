from __future__ import annotations

import logging
from base64 import b64encode
from typing import Any

import pytest

from entrepot.testing.elsewhere import Said, elsewhere
from tests.unit.api.world import World

UPSTREAMS = "/api/v1/namespaces/acme/upstreams"
PUBLIC = f"{UPSTREAMS}/oci/public"
BASIC = {"user": "ci", "password": "hunter2 secret"}
TOKEN = {"token": "s3cret-token"}


async def test_a_new_upstream_is_shown_whole_but_for_its_credentials(world: World) -> None:
    await world.namespace()

    added = await world.ask(
        "POST",
        UPSTREAMS,
        {"format": "cargo", "name": "public", "url": "HTTPS://Registry.example.com/cargo/", "credentials": TOKEN},
    )

    assert added.status == 201
    assert added.json == {
        "namespace": "acme",
        "format": "cargo",
        "name": "public",
        "url": "https://registry.example.com/cargo",
        "private": False,
        "allow": [],
        "block": [],
        "exempt": [],
        "cooldown_seconds": 0,
        "refresh_seconds": 300,
        "has_credentials": True,
    }
    assert (await world.ask("GET", f"{UPSTREAMS}/cargo/public")).json == added.json


async def test_upstreams_are_listed_by_format_in_the_order_in_which_they_are_asked_and_by_pages(world: World) -> None:
    await world.namespace()
    for name in ("zebra", "ant", "mole"):
        await world.upstream(name)
    await world.upstream("other", format="cargo")

    first = await world.ask("GET", f"{UPSTREAMS}?limit=3")
    second = await world.ask("GET", f"{UPSTREAMS}?limit=3&after={first.json['next']}")
    images = await world.ask("GET", f"{UPSTREAMS}?format=oci")

    listed = [(each["format"], each["name"]) for each in first.items + second.items]
    assert listed == [("cargo", "other"), ("oci", "zebra"), ("oci", "ant"), ("oci", "mole")]
    assert second.json["next"] is None
    assert [each["name"] for each in images.items] == ["zebra", "ant", "mole"]


async def test_a_namespace_without_upstreams_lists_none(world: World) -> None:
    await world.namespace()

    assert (await world.ask("GET", UPSTREAMS)).json == {"items": [], "next": None}


async def test_what_is_changed_is_changed_and_nothing_else(world: World) -> None:
    await world.namespace()
    added = await world.upstream(block=["pkg:oci/evil"], cooldown_seconds=60, credentials=BASIC)

    first = await world.ask("PATCH", PUBLIC, {"allow": ["pkg:oci/lib*", "pkg:oci/tool@1.*"], "refresh_seconds": 0})
    second = await world.ask("PATCH", PUBLIC, {"block": [], "cooldown_seconds": 604_800, "exempt": ["pkg:oci/fix"]})

    assert first.json == {**added, "allow": ["pkg:oci/lib*", "pkg:oci/tool@1.*"], "refresh_seconds": 0}
    assert second.json == {**first.json, "block": [], "cooldown_seconds": 604_800, "exempt": ["pkg:oci/fix"]}
    assert (await world.ask("GET", PUBLIC)).json == second.json


async def test_changing_nothing_is_no_event(world: World) -> None:
    await world.namespace()
    added = await world.upstream(credentials=TOKEN)
    before = (await world.ask("GET", "/api/v1/journal")).items

    same = await world.ask("PATCH", PUBLIC, {"url": added["url"], "block": []})

    assert same.json == added
    assert (await world.ask("GET", "/api/v1/journal")).items == before


async def test_a_removed_upstream_is_unknown(world: World) -> None:
    await world.namespace()
    await world.upstream()

    removed = await world.ask("DELETE", PUBLIC)

    assert removed.status == 204
    for method, path in (("GET", PUBLIC), ("PATCH", PUBLIC), ("DELETE", PUBLIC), ("POST", f"{PUBLIC}/test")):
        answer = await world.ask(method, path, {} if method == "PATCH" else None)
        assert (answer.status, answer.code) == (404, "upstream-unknown")


async def test_a_name_is_taken_once_for_each_format(world: World) -> None:
    await world.namespace()
    await world.upstream()
    await world.upstream(format="cargo")

    body = {"format": "oci", "name": "public", "url": "https://other.example.com"}
    answer = await world.ask("POST", UPSTREAMS, body)

    assert (answer.status, answer.code) == (409, "name-taken")


# --- what is refused ---


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        ({"url": "ftp://registry.example.com"}, "invalid", "http:// or https://"),
        ({"url": "https://registry.example.com/?key=1"}, "invalid", "and nothing else"),
        ({"url": "registry.example.com"}, "invalid", "http:// or https://"),
        ({"name": "Not A Name"}, "invalid-name", "lower-case letters"),
        ({"format": "nothing"}, "invalid", "a format: "),
        ({"allow": ["lib"]}, "invalid", "a package URL"),
        ({"allow": ["pkg:npm/lib"]}, "invalid", "pkg:oci/"),
        ({"block": "pkg:oci/lib"}, "invalid", "`array`"),
        ({"exempt": ["pkg:oci/lib"] * 501}, "invalid", "500"),
        ({"cooldown_seconds": -1}, "invalid", ">= 0"),
        ({"cooldown_seconds": 2**63}, "invalid", "<="),
        ({"cooldown_seconds": "7d"}, "invalid", "`int`"),
        ({"refresh_seconds": 0.5}, "invalid", "`int`"),
        ({"private": None}, "invalid", "`bool`"),
        ({"credentials": {}}, "invalid", "`token`"),
        ({"credentials": {"user": "ci"}}, "invalid", "`password`"),
        ({"credentials": BASIC | TOKEN}, "invalid", "`password`"),
        ({"credentials": {"user": "c:i", "password": "x"}}, "invalid", "no colon"),
        ({"credentials": {"token": ""}}, "invalid", "visible"),
        ({"cooldown": 7}, "invalid", "cooldown"),
    ],
    ids=str,
)
async def test_what_makes_no_upstream_is_refused_and_says_what_was_expected(
    world: World, wrong: dict[str, Any], code: str, said: str
) -> None:
    await world.namespace()
    body = {"format": "oci", "name": "public", "url": "https://registry.example.com", **wrong}

    added = await world.ask("POST", UPSTREAMS, body)

    assert (added.status, added.code) == (400, code)
    assert said in added.json["detail"]
    assert (await world.ask("GET", UPSTREAMS)).items == []


async def test_a_change_that_is_not_well_formed_changes_nothing(world: World) -> None:
    await world.namespace()
    added = await world.upstream()

    for wrong in ({"url": "nowhere", "block": []}, {"name": "other"}, {"url": None}, {"credentials": "secret"}):
        answer = await world.ask("PATCH", PUBLIC, wrong)
        assert (answer.status, answer.code) == (400, "invalid"), wrong

    assert (await world.ask("GET", PUBLIC)).json == added


async def test_who_governs_has_upstreams_and_who_reads_sees_them(world: World) -> None:
    await world.namespace()
    maintainer, reader = await world.token("maintainer"), await world.token("reader")
    body = {"format": "oci", "name": "public", "url": "https://registry.example.com"}

    added = await world.ask("POST", UPSTREAMS, body, token=maintainer)
    seen = await world.ask("GET", UPSTREAMS, token=reader)

    assert added.status == 201
    assert seen.items == [added.json]
    for method, path, sent in (
        ("POST", UPSTREAMS, {**body, "name": "other"}),
        ("PATCH", PUBLIC, {"cooldown_seconds": 60}),
        ("DELETE", PUBLIC, None),
        ("POST", f"{PUBLIC}/test", None),
    ):
        refused = await world.ask(method, path, sent, token=reader)
        nobody = await world.ask(method, path, sent, token=None)
        assert (refused.status, refused.code) == (403, "denied")
        assert (nobody.status, nobody.code) == (401, "unauthenticated")


async def test_a_private_address_is_for_who_administers_the_registry(world: World) -> None:
    await world.namespace()
    maintainer = await world.token("maintainer")
    body = {"format": "oci", "name": "inside", "url": "http://10.0.0.7", "private": True}

    refused = await world.ask("POST", UPSTREAMS, body, token=maintainer)
    added = await world.ask("POST", UPSTREAMS, body)
    moved = await world.ask("PATCH", f"{UPSTREAMS}/oci/inside", {"url": "http://10.0.0.8"}, token=maintainer)

    assert (refused.status, refused.code) == (403, "denied")
    assert "administer" in refused.json["detail"]
    assert added.json["private"] is True
    assert (moved.status, moved.code) == (403, "denied")


# --- credentials ---


async def test_credentials_are_given_kept_and_forgotten(world: World) -> None:
    await world.namespace()
    await world.upstream()

    states = [
        (await world.ask("PATCH", PUBLIC, change)).json["has_credentials"]
        for change in (
            {"credentials": BASIC},
            {"cooldown_seconds": 60},
            {"credentials": None},
            {"credentials": TOKEN},
            {"url": "https://other.example.com"},
            {"url": "https://third.example.com", "credentials": TOKEN},
        )
    ]

    assert states == [True, True, False, True, False, True]


@pytest.mark.parametrize("credentials", [BASIC, TOKEN], ids=["user", "token"])
async def test_credentials_are_in_no_answer_log_or_event(
    world: World, credentials: dict[str, str], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    await world.namespace()
    private = [value for name, value in credentials.items() if name != "user"]
    private += [b64encode(b"ci:hunter2 secret").decode()]
    broken = {"credentials": {**credentials, "extra": private[0]}}
    body = {"format": "oci", "name": "public", "url": "https://127.0.0.1", "credentials": credentials}

    answers = [
        await world.ask("POST", UPSTREAMS, {**body, **broken}),
        await world.ask("POST", UPSTREAMS, {**body, "credentials": {"token": f"{private[0]}\r\nx: y"}}),
        await world.ask("POST", UPSTREAMS, {**body, "credentials": private[0]}),
        await world.ask("POST", UPSTREAMS, {**body, "url": f"https://ci:{private[0]}@registry.example.com"}),
        await world.ask("POST", UPSTREAMS, body),
        await world.ask("POST", UPSTREAMS, body),
        await world.ask("PATCH", PUBLIC, {"credentials": credentials}),
        await world.ask("GET", PUBLIC),
        await world.ask("GET", UPSTREAMS),
        await world.ask("POST", f"{PUBLIC}/test"),
        await world.ask("GET", "/api/v1/journal"),
        await world.ask("DELETE", PUBLIC),
    ]

    assert [answer.status for answer in answers] == [400, 400, 400, 400, 201, 409, 200, 200, 200, 200, 200, 204]
    printed = capsys.readouterr()
    told = [answer.content.decode() for answer in answers] + [printed.out, printed.err, caplog.text]
    entries = await world.registry.catalog.list_entries(after=0, limit=100)  # type: ignore[arg-type]
    told += [entry.content.decode() for entry in entries]
    assert not [text for text in told if any(secret in text for secret in private)]


# --- trying one ---


@pytest.mark.usefixtures("socket_enabled")
async def test_an_upstream_that_is_tried_says_how_it_went(world: World) -> None:
    await world.namespace()
    maintainer = await world.token("maintainer")
    async with elsewhere() as other:
        other.says["/v2/"] = Said(b"{}")
        await world.upstream(url=other.url, private=True, credentials=BASIC)

        tried = await world.ask("POST", f"{PUBLIC}/test", token=maintainer)

    assert (tried.json["status"], tried.json["problem"]) == (200, None)
    assert tried.json["seconds"] > 0


@pytest.mark.usefixtures("socket_enabled")
async def test_an_upstream_that_asks_for_credentials_is_tried_with_them(world: World) -> None:
    await world.namespace()
    maintainer = await world.token("maintainer")
    async with elsewhere() as other:
        other.says["/v2/"] = Said(b"", status=401, headers={"www-authenticate": 'Basic realm="other"'})
        await world.upstream(url=other.url, private=True, credentials=BASIC)

        tried = await world.ask("POST", f"{PUBLIC}/test", token=maintainer)

    assert other.requests[-1]["authorization"] == f"Basic {b64encode(b'ci:hunter2 secret').decode()}"
    assert tried.json["problem"] == "it refuses the credentials"


async def test_an_upstream_that_cannot_be_asked_says_why_not(world: World) -> None:
    await world.namespace()
    await world.upstream(url="https://127.0.0.1:5000/x")

    tried = await world.ask("POST", f"{PUBLIC}/test")

    assert tried.status == 200
    assert tried.json["status"] is None
    assert "public addresses" in tried.json["problem"]

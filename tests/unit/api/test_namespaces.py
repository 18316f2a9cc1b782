from __future__ import annotations

import pytest

from tests.unit.api.world import World


async def test_a_new_namespace_is_shown_whole(world: World) -> None:
    created = await world.ask("POST", "/api/v1/namespaces", {"name": "acme"})

    assert created.status == 201
    assert created.json == {
        "name": "acme",
        "public": False,
        "movable": ["*"],
        "versions": [],
        "channels": ["dev", "staging", "prod"],
        "reserved": [],
        "rollbacks": 3,
        "revision": 2,
    }
    assert (await world.ask("GET", "/api/v1/namespaces/acme")).json == created.json


async def test_a_namespace_can_be_created_once(world: World) -> None:
    await world.namespace()

    answer = await world.ask("POST", "/api/v1/namespaces", {"name": "acme"})

    assert (answer.status, answer.code) == (409, "name-taken")


@pytest.mark.parametrize("name", ["oci", "generic"])
async def test_no_namespace_is_called_like_a_format(world: World, name: str) -> None:
    answer = await world.ask("POST", "/api/v1/namespaces", {"name": name})

    assert (answer.status, answer.code) == (409, "name-taken")


@pytest.mark.parametrize("name", ["", "Acme", "acme.prod", "acme--x", "-acme", "ac me", "acme\u0000", "acmé"])
async def test_a_name_that_is_not_well_formed_is_refused(world: World, name: str) -> None:
    answer = await world.ask("POST", "/api/v1/namespaces", {"name": name})

    assert (answer.status, answer.code) == (400, "invalid-name")
    assert "lower-case letters" in answer.json["expected"]


async def test_a_name_that_is_too_long_is_refused(world: World) -> None:
    answer = await world.ask("POST", "/api/v1/namespaces", {"name": "a" * 64})

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.json["expected"] == "`str` of length <= 63"


async def test_only_who_administers_creates_a_namespace(world: World) -> None:
    await world.namespace()
    maintainer = await world.token("maintainer", None)

    refused = await world.ask("POST", "/api/v1/namespaces", {"name": "other"}, token=maintainer)
    unknown = await world.ask("POST", "/api/v1/namespaces", {"name": "other"}, token=None)

    assert (refused.status, refused.code) == (403, "denied")
    assert (unknown.status, unknown.code) == (401, "unauthenticated")
    assert unknown.headers["www-authenticate"].startswith('Basic realm="Entrepot"')


async def test_changing_one_rule_leaves_the_others(world: World) -> None:
    await world.namespace()

    await world.ask("PATCH", "/api/v1/namespaces/acme", {"movable": ["latest", "main-*"]})
    await world.ask("PATCH", "/api/v1/namespaces/acme", {"versions": ["release-*"]})
    changed = await world.ask("PATCH", "/api/v1/namespaces/acme", {"public": True})

    assert changed.json["movable"] == ["latest", "main-*"]
    assert changed.json["versions"] == ["release-*"]
    assert changed.json["public"] is True
    assert (await world.ask("GET", "/api/v1/namespaces/acme")).json == changed.json


async def test_changing_nothing_is_no_event(world: World) -> None:
    await world.namespace()
    before = await world.ask("GET", "/api/v1/namespaces/acme")

    changed = await world.ask("PATCH", "/api/v1/namespaces/acme", {})

    assert changed.json == before.json
    assert (await world.ask("GET", "/api/v1/journal?after=2")).items == []


@pytest.mark.parametrize(
    "body",
    [
        {"public": None},
        {"public": "yes"},
        {"movable": "*"},
        {"movable": [""]},
        {"colour": 1},
        {"movable": ["*"] * 101},
        {"movable": [], "reserved": ["acme-*"]},
        {"movable": [], "reserved": ["pkg:nothing/acme-*"]},
        {"movable": [], "reserved": ["pkg:npm/@acme/*@1.0"]},
        {"movable": [], "reserved": ["pkg:npm/@acme/*"] * 501},
    ],
)
async def test_a_change_that_is_not_well_formed_is_refused(world: World, body: object) -> None:
    await world.namespace()

    answer = await world.ask("PATCH", "/api/v1/namespaces/acme", body)

    assert answer.status == 400
    assert (await world.ask("GET", "/api/v1/namespaces/acme")).json["movable"] == ["*"]


async def test_a_refused_shape_says_where_it_is_wrong_and_what_was_expected(world: World) -> None:
    answer = await world.ask("POST", "/api/v1/namespaces", {"name": 7})

    assert answer.code == "invalid"
    assert "body.name" in answer.json["detail"]
    assert (answer.json["expected"], answer.json["actual"]) == ("`str`", "`int`")


async def test_reserved_names_are_replaced_and_are_what_upstreams_are_not_asked_for(world: World) -> None:
    await world.namespace()

    await world.ask("PATCH", "/api/v1/namespaces/acme", {"reserved": ["pkg:npm/@acme/*", "pkg:pypi/Acme_Tool"]})
    changed = await world.ask("PATCH", "/api/v1/namespaces/acme", {"public": True})

    assert changed.json["reserved"] == ["pkg:npm/@acme/*", "pkg:pypi/acme-tool"]
    assert (await world.ask("GET", "/api/v1/namespaces/acme")).json == changed.json
    cleared = await world.ask("PATCH", "/api/v1/namespaces/acme", {"reserved": []})
    assert cleared.json["reserved"] == []


async def test_channels_are_replaced_in_order(world: World) -> None:
    await world.namespace()

    answer = await world.ask("PUT", "/api/v1/namespaces/acme/channels", {"channels": ["edge", "prod", "dev"]})

    assert answer.json["channels"] == ["edge", "prod", "dev"]
    assert (await world.ask("GET", "/api/v1/namespaces/acme")).json == answer.json


async def test_a_channel_that_clears_something_stays(world: World) -> None:
    await world.namespace()
    image = await world.image("1.0")
    await world.ask("PUT", f"/api/v1/packages/acme/oci/api/-/clearances/prod/{image.digest}")

    answer = await world.ask("PUT", "/api/v1/namespaces/acme/channels", {"channels": ["dev"]})

    assert (answer.status, answer.code) == (403, "protected")
    assert "prod" in answer.json["detail"]
    assert (await world.ask("GET", "/api/v1/namespaces/acme")).json["channels"] == ["dev", "staging", "prod"]


@pytest.mark.parametrize("channels", [["dev", "dev"], ["Dev"], ["acme.prod"], [f"c{n}" for n in range(21)], [1]])
async def test_channels_that_are_not_well_formed_are_refused(world: World, channels: list[object]) -> None:
    await world.namespace()

    answer = await world.ask("PUT", "/api/v1/namespaces/acme/channels", {"channels": channels})

    assert answer.status == 400


async def test_who_governs_a_namespace_changes_it_and_who_reads_it_does_not(world: World) -> None:
    await world.namespace()
    maintainer, publisher = await world.token("maintainer"), await world.token("publisher")

    allowed = await world.ask("PATCH", "/api/v1/namespaces/acme", {"movable": ["latest"]}, token=maintainer)
    refused = await world.ask("PATCH", "/api/v1/namespaces/acme", {"movable": ["*"]}, token=publisher)
    channels = await world.ask("PUT", "/api/v1/namespaces/acme/channels", {"channels": []}, token=publisher)

    assert allowed.status == 200
    assert (refused.status, channels.status) == (403, 403)
    assert (await world.ask("GET", "/api/v1/namespaces/acme")).json["movable"] == ["latest"]


async def test_namespaces_are_listed_in_pages_as_far_as_the_caller_may_know(world: World) -> None:
    for name in ("beta", "alpha", "gamma", "delta"):
        await world.namespace(name, public=name == "delta")
    reader = await world.token("reader", "gamma.prod")

    async def names(target: str, token: str | None) -> list[str]:
        return [item["name"] for item in (await world.ask("GET", target, token=token)).items]

    assert await names("/api/v1/namespaces", "") == ["alpha", "beta", "delta", "gamma"]
    assert await names("/api/v1/namespaces", reader) == ["delta", "gamma"]
    assert await names("/api/v1/namespaces", None) == ["delta"]


async def test_pages_of_namespaces_join_to_the_whole(world: World) -> None:
    names = [f"team-{letter}" for letter in "abcde"]
    for name in names:
        await world.namespace(name)

    found: list[str] = []
    after = ""
    while True:
        page = (await world.ask("GET", f"/api/v1/namespaces?limit=2&after={after}")).json
        found += [item["name"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
        assert len(page["items"]) == 2

    assert found == names


async def test_a_namespace_that_has_not_changed_is_not_sent_again(world: World) -> None:
    await world.namespace()
    first = await world.ask("GET", "/api/v1/namespaces/acme")
    known = {"if-none-match": first.headers["etag"]}

    unchanged = await world.ask("GET", "/api/v1/namespaces/acme", headers=known)
    await world.ask("PUT", "/api/v1/namespaces/acme/channels", {"channels": ["prod"]})
    changed = await world.ask("GET", "/api/v1/namespaces/acme", headers=known)

    assert unchanged.status == 304
    assert changed.status == 200
    assert changed.json["channels"] == ["prod"]
    assert changed.headers["etag"] != first.headers["etag"]

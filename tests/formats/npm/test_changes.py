"""What is changed of versions that are there: deprecations, dist-tags, and versions that are taken back."""

from __future__ import annotations

from typing import Any

import pytest

from entrepot.followers import catch_up
from entrepot.followers.inventory import INVENTORY
from entrepot.model.names import ReferenceName
from entrepot.operations.mark import yank
from tests.formats.generic.served import ADMINISTRATOR
from tests.formats.npm.served import REGISTRY, Npm, answered, package_id

TAGS = "/-/package/tool/dist-tags"


async def deprecations(npm: Npm, name: str = "tool") -> dict[str, str | None]:
    versions = (await npm.packument(name))["versions"]
    return {version: said.get("deprecated") for version, said in versions.items()}


# --- deprecation ---


async def test_deprecation_is_said_and_taken_back(npm: Npm) -> None:
    await npm.publish()
    await npm.publish(version="1.1.0")
    packument = await npm.packument()
    packument["versions"]["1.0.0"]["deprecated"] = "use 1.1.0"

    said = await npm.send("/tool", packument, by="maintainer")
    deprecated = await deprecations(npm)
    packument = await npm.packument()
    packument["versions"]["1.0.0"]["deprecated"] = ""
    taken_back = await npm.send("/tool", packument, by="maintainer")

    assert (said.status, taken_back.status) == (201, 201)
    assert deprecated == {"1.0.0": "use 1.1.0", "1.1.0": None}
    assert await deprecations(npm) == {"1.0.0": None, "1.1.0": None}


async def test_deprecation_leaves_alone_what_the_client_only_sends_back(npm: Npm) -> None:
    await npm.publish()
    await npm.publish(version="1.1.0")
    await yank(npm.registry, ADMINISTRATOR, package_id("tool"), ReferenceName("1.0.0"), reason="broken")
    packument = await npm.packument()
    packument["versions"]["1.1.0"]["deprecated"] = "old"
    before = len(await npm.events())

    await npm.send("/tool", packument, by="maintainer")

    assert (await npm.events())[before:] == ["version.deprecated"]
    assert await deprecations(npm) == {"1.0.0": "yanked: broken", "1.1.0": "old"}


async def test_a_packument_that_was_read_before_another_change_is_refused(npm: Npm) -> None:
    await npm.publish()
    stale = await npm.packument()
    await npm.publish(version="1.1.0")

    answer = await npm.send("/tool", stale, by="maintainer")

    assert answer.status == 409
    assert "has changed" in answered(answer)["error"]


@pytest.mark.parametrize("reason", [7, [], "x" * 5_000])
async def test_a_reason_is_some_text(npm: Npm, reason: object) -> None:
    await npm.publish()
    document = {"name": "tool", "versions": {"1.0.0": {"deprecated": reason}}}

    assert (await npm.send("/tool", document, by="maintainer")).status == 400


async def test_deprecating_needs_the_right_to(npm: Npm) -> None:
    await npm.publish()
    document = {"name": "tool", "versions": {"1.0.0": {"deprecated": "old"}}}

    assert [(await npm.send("/tool", document, by=who)).status for who in ("publisher", "reader", None)] == [
        403,
        403,
        401,
    ]
    assert await deprecations(npm) == {"1.0.0": None}


async def test_a_star_is_taken_politely_and_not_kept(npm: Npm) -> None:
    await npm.publish()
    before = await npm.events()

    answer = await npm.send("/tool", {"_id": "tool", "name": "tool", "users": {"me": True}})

    assert answer.status == 201
    assert await npm.events() == before


# --- dist-tags ---


async def tags(npm: Npm) -> Any:
    return (await npm.read(TAGS)).json


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_tag_moves_to_any_version(npm: Npm, method: str) -> None:
    await npm.publish()
    await npm.publish(version="2.0.0")

    answers = [
        await npm.send(f"{TAGS}/{tag}", version, method=method)
        for tag, version in [("stable", "2.0.0"), ("stable", "1.0.0"), ("latest", "1.0.0"), ("latest", "1.0.0")]
    ]

    assert [answer.status for answer in answers] == [201] * 4
    assert await tags(npm) == {"latest": "1.0.0", "stable": "1.0.0"}
    assert (await npm.read("/tool/stable")).json["version"] == "1.0.0"


async def test_a_published_version_takes_the_tag_it_is_published_under(npm: Npm) -> None:
    await npm.publish(version="2.0.0")
    await npm.publish(version="1.5.0", tag="old")

    assert await tags(npm) == {"latest": "2.0.0", "old": "1.5.0"}


async def test_a_tag_is_removed_and_latest_is_not(npm: Npm) -> None:
    await npm.publish(tag="beta")
    await npm.publish(version="2.0.0")

    removed = await npm.ask("DELETE", f"{REGISTRY}{TAGS}/beta", by="maintainer")
    again = await npm.ask("DELETE", f"{REGISTRY}{TAGS}/beta", by="maintainer")
    latest = await npm.ask("DELETE", f"{REGISTRY}{TAGS}/latest", by="maintainer")
    version = await npm.ask("DELETE", f"{REGISTRY}{TAGS}/1.0.0", by="maintainer")

    assert (removed.status, again.status, latest.status, version.status) == (200, 404, 403, 400)
    assert await tags(npm) == {"latest": "2.0.0"}
    assert list((await npm.packument())["versions"]) == ["1.0.0", "2.0.0"]


@pytest.mark.parametrize(
    ("tag", "body", "status"),
    [
        ("next", "9.9.9", 404),
        ("next", "latest", 400),
        ("next", 7, 400),
        ("next", {"a": "b"}, 400),
        ("1.x", "1.0.0", 400),
        ("v2", "1.0.0", 400),
        ("a%20b", "1.0.0", 400),
    ],
)
async def test_a_tag_means_a_version_that_is_there(npm: Npm, tag: str, body: object, status: int) -> None:
    await npm.publish()
    before = await npm.events()

    answer = await npm.send(f"{TAGS}/{tag}", body)

    assert answer.status == status
    assert await npm.events() == before


async def test_tags_of_what_is_not_there_or_not_ones_own_do_not_move(npm: Npm) -> None:
    await npm.publish()

    assert (await npm.send("/-/package/other/dist-tags/next", "1.0.0")).status == 404
    assert (await npm.send(f"{TAGS}/next", "1.0.0", by="reader")).status == 403
    assert (await npm.send(f"{TAGS}/next", "1.0.0", by=None)).status == 401
    assert (await npm.ask("DELETE", f"{REGISTRY}{TAGS}/next", by="publisher")).status == 403
    assert (await npm.send("/-/package/@acme%2ftool/dist-tags/next", "1.0.0")).status == 404


# --- taking back ---


async def unpublish(npm: Npm, version: str, *, by: str = "maintainer", latest: str | None = None) -> list[int]:
    """What ``npm unpublish tool@version`` sends."""
    packument = await npm.packument()
    revision = packument["_rev"]
    del packument["versions"][version]
    packument["dist-tags"] = {"latest": latest} if latest else {}
    first = await npm.send(f"/tool/-rev/{revision}", packument, by=by)
    if first.status >= 400:
        return [first.status]
    revision = (await npm.packument())["_rev"]
    second = await npm.ask("DELETE", f"{REGISTRY}/tool/-/tool-{version}.tgz/-rev/{revision}", by=by)
    return [first.status, second.status]


async def test_a_version_is_taken_back_and_its_number_stays_used(npm: Npm) -> None:
    await npm.publish()
    await npm.publish(version="1.1.0")

    answers = await unpublish(npm, "1.1.0", latest="1.0.0")

    assert answers == [201, 200]
    packument = await npm.packument()
    assert list(packument["versions"]) == ["1.0.0"]
    assert packument["dist-tags"] == {"latest": "1.0.0"}
    assert (await npm.read("/tool/-/tool-1.1.0.tgz")).status == 404
    assert (await npm.publish(version="1.1.0", description="another")).status == 409
    assert await npm.violations() == []


async def test_a_version_that_was_taken_back_comes_back_only_as_it_was(npm: Npm) -> None:
    await npm.publish()
    await npm.publish(version="1.1.0")
    await unpublish(npm, "1.1.0")

    assert (await npm.publish(version="1.1.0")).status == 201
    assert list((await npm.packument())["versions"]) == ["1.0.0", "1.1.0"]


async def test_tags_whose_version_goes_point_where_the_client_says(npm: Npm) -> None:
    await npm.publish()
    await npm.publish(version="1.1.0", tag="other")
    await npm.publish(version="1.2.0")

    await unpublish(npm, "1.2.0", latest="1.0.0")

    assert await tags(npm) == {"latest": "1.0.0", "other": "1.1.0"}


async def test_a_package_is_taken_back_whole(npm: Npm) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        await npm.publish(version=version)
    revision = (await npm.packument())["_rev"]

    answer = await npm.ask("DELETE", f"{REGISTRY}/tool/-rev/{revision}", by="maintainer")

    assert answer.status == 200
    assert [(await npm.read(path)).status for path in ("/tool", "/tool/latest", TAGS)] == [404] * 3
    assert (await npm.read("/-/v1/search?text=tool")).json["objects"] == []
    assert (await npm.publish(description="another")).status == 409


async def test_a_tarball_is_taken_back_with_its_version(npm: Npm) -> None:
    await npm.publish()
    await npm.publish(version="1.1.0")
    path = f"{REGISTRY}/tool/-/tool-1.0.0.tgz/-rev/{(await npm.packument())['_rev']}"

    first = await npm.ask("DELETE", path, by="maintainer")
    unknown = await npm.ask("DELETE", path.replace("tool-1.0.0", "other-1.0.0"), by="maintainer")

    assert (first.status, unknown.status) == (200, 404)
    assert list((await npm.packument())["versions"]) == ["1.1.0"]


async def test_nothing_goes_that_the_client_has_not_seen(npm: Npm) -> None:
    await npm.publish()
    seen = await npm.packument()
    await npm.publish(version="1.1.0")
    path = f"/tool/-rev/{seen['_rev']}"

    answers = [
        await npm.send(path, {"name": "tool", "versions": {}}, by="maintainer"),
        await npm.ask("DELETE", REGISTRY + path, by="maintainer"),
        await npm.ask("DELETE", f"{REGISTRY}/tool/-/tool-1.0.0.tgz/-rev/{seen['_rev']}", by="maintainer"),
        await npm.ask("DELETE", f"{REGISTRY}/tool/-rev/undefined", by="maintainer"),
        await npm.ask("DELETE", f"{REGISTRY}/tool/-rev/999999999999-0", by="maintainer"),
    ]

    assert [answer.status for answer in answers] == [409] * 5
    assert list((await npm.packument())["versions"]) == ["1.0.0", "1.1.0"]


async def test_what_follows_from_a_publication_does_not_come_between_a_client_and_what_it_has_read(npm: Npm) -> None:
    await npm.publish()
    await npm.publish(version="1.1.0")
    await npm.publish(version="1.2.0")
    seen = await npm.packument()
    await catch_up(npm.registry, [INVENTORY])
    told = await npm.packument()
    less = {**seen, "versions": {key: said for key, said in seen["versions"].items() if key != "1.2.0"}}
    path = f"/tool/-rev/{seen['_rev']}"

    answers = [
        await npm.send("/tool", seen, by="maintainer"),
        await npm.send(path, less, by="maintainer"),
        await npm.send(path, seen, by="maintainer"),
    ]

    assert told["_rev"] != seen["_rev"]
    assert told | {"_rev": seen["_rev"]} == seen
    assert [answer.status for answer in answers] == [201, 201, 409]


async def test_taking_back_needs_the_right_to(npm: Npm) -> None:
    await npm.publish()
    revision = (await npm.packument())["_rev"]

    for who, status in [("publisher", 403), ("reader", 403), ("stranger", 404), (None, 401)]:
        whole = await npm.ask("DELETE", f"{REGISTRY}/tool/-rev/{revision}", by=who)
        one = await npm.send(f"/tool/-rev/{revision}", {"name": "tool", "versions": {}}, by=who)
        file = await npm.ask("DELETE", f"{REGISTRY}/tool/-/tool-1.0.0.tgz/-rev/{revision}", by=who)
        assert [whole.status, one.status, file.status] == [status] * 3
    assert list((await npm.packument())["versions"]) == ["1.0.0"]


async def test_nothing_goes_while_a_channel_needs_any_of_it(npm: Npm) -> None:
    await npm.publish()
    await npm.publish(version="1.1.0")
    await npm.clear("tool", "1.1.0")
    revision = (await npm.packument())["_rev"]

    whole = await npm.ask("DELETE", f"{REGISTRY}/tool/-rev/{revision}", by="maintainer")
    both = await npm.send(f"/tool/-rev/{revision}", {"name": "tool", "versions": {}}, by="maintainer")

    assert (whole.status, both.status) == (403, 403)
    assert "tool@1.1.0" in answered(whole)["error"]
    assert list((await npm.packument())["versions"]) == ["1.0.0", "1.1.0"]


async def test_owners_are_not_changed_by_a_package(npm: Npm) -> None:
    await npm.publish()
    revision = (await npm.packument())["_rev"]
    document = {"_id": "tool", "name": "tool", "_rev": revision, "maintainers": [{"name": "me"}]}

    answer = await npm.send(f"/tool/-rev/{revision}", document, by="maintainer")

    assert answer.status == 403
    assert "grants" in answered(answer)["error"]


# --- who may ---


async def test_collaborators_are_what_the_grants_say(npm: Npm) -> None:
    await npm.publish()
    for role in ("reader", "maintainer", "stranger", "consumer"):
        await npm.token(role)

    found = await npm.read("/-/package/tool/collaborators", by="maintainer")
    own = await npm.read("/-/package/tool/collaborators", by="reader")

    assert found.json == {"maintainer": "write", "publisher": "write", "reader": "read"}
    assert own.json == {"reader": "read"}


async def test_access_is_the_namespaces(npm: Npm) -> None:
    await npm.publish()

    visible = await npm.read("/-/package/tool/visibility")
    same = await npm.send("/-/package/tool/access", {"access": "restricted"}, method="POST")
    other = await npm.send("/-/package/tool/access", {"access": "public"}, method="POST")
    factor = await npm.send("/-/package/tool/access", {"publish_requires_tfa": True}, method="POST")
    reader = await npm.send("/-/package/tool/access", {"access": "restricted"}, method="POST", by="reader")

    assert visible.json == {"public": False}
    assert [answer.status for answer in (same, other, factor, reader)] == [200, 403, 403, 403]

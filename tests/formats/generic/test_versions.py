"""Listings, and what is said of a version: sealed, yanked, cleared, deleted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from entrepot.model.artifact import IMAGE_MANIFEST, Artifact
from entrepot.model.digest import Digest
from entrepot.model.names import ReferenceName, View, parse_channel
from entrepot.operations.clear import close_clearance, open_clearance
from entrepot.operations.publish import Draft, publish
from entrepot.operations.upload import StoredBlob
from tests.formats.generic.served import ADMINISTRATOR, TOOL, Cut, Served, serve

NAMESPACE = "/files/acme/"
PACKAGE = "/files/acme/tool/"
VERSION = "/files/acme/tool/1.0/"
PROD = parse_channel("prod")


async def put(served: Served, *paths: str, version: str = VERSION) -> None:
    for path in paths:
        assert (await served.put(version + path, path.encode())).status == 201


async def mark(served: Served, query: str, *, by: str = "maintainer", body: bytes = b"", version: str = VERSION) -> int:
    return (await served.ask("POST", f"{version}?{query}", by=by, body=body)).status


# --- listings ---


async def test_a_version_lists_its_files_by_path(served: Served) -> None:
    await put(served, "b", "a/b", "a.b")

    listed = await served.get(VERSION)

    assert listed.json == {
        "package": "tool",
        "version": "1.0",
        "digest": listed.json["digest"],
        "sealed": False,
        "yanked": None,
        "deprecated": None,
        "annotations": {},
        "files": [
            {
                "path": path,
                "digest": str(Digest.of(path.encode())),
                "size": len(path),
                "media_type": "application/octet-stream",
            }
            for path in ("a.b", "a/b", "b")
        ],
    }


async def test_a_package_lists_its_versions_and_a_namespace_its_packages(served: Served) -> None:
    for version in ("1.10", "1.9", "2.0-rc.1+build"):
        await put(served, "file", version=f"{PACKAGE}{version}/")
    await put(served, "file", version="/files/acme/another/1.0/")
    await mark(served, "yank", body=b'{"reason": "broken"}', version=f"{PACKAGE}1.9/")
    await mark(served, "seal", version=f"{PACKAGE}1.10/")

    package = (await served.get(PACKAGE)).json
    namespace = (await served.get(NAMESPACE)).json

    assert [(each["version"], each["sealed"], each["yanked"]) for each in package["versions"]] == [
        ("1.10", True, None),
        ("1.9", False, "broken"),
        ("2.0-rc.1+build", False, None),
    ]
    assert [each["name"] for each in namespace["packages"]] == ["another", "tool"]
    assert namespace["namespace"] == "acme"
    assert namespace["packages"][1]["revision"] == package["revision"]


@pytest.mark.parametrize("target", [NAMESPACE, PACKAGE, VERSION])
async def test_a_listing_may_be_asked_for_without_its_last_slash(served: Served, target: str) -> None:
    await put(served, "file")

    assert (await served.get(target[:-1])).body == (await served.get(target)).body


@pytest.mark.parametrize("target", [NAMESPACE, PACKAGE, VERSION])
async def test_a_listing_is_sent_again_only_when_it_changed(served: Served, target: str) -> None:
    await put(served, "file")
    before = await served.get(target)

    same = await served.get(target, headers={"If-None-Match": before.headers["etag"]})
    await put(served, "another")
    after = await served.get(target, headers={"If-None-Match": before.headers["etag"]})

    assert (same.status, same.body, same.headers["etag"]) == (304, b"", before.headers["etag"])
    assert (after.status, after.body != before.body) == (200, True)
    assert before.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("target", [PACKAGE, VERSION])
async def test_the_tag_of_a_listing_is_the_package_s_revision(served: Served, target: str) -> None:
    await put(served, "file")
    row = (await served.get(NAMESPACE)).json["packages"][0]

    assert (await served.get(target)).headers["etag"] == f'"{row["revision"]}"'


@pytest.mark.parametrize("verb", ["seal", "yank"])
async def test_a_mark_is_a_change(served: Served, verb: str) -> None:
    await put(served, "file")
    etag = (await served.get(VERSION)).headers["etag"]

    await mark(served, verb)

    assert (await served.get(VERSION, headers={"If-None-Match": etag})).status == 200


async def test_a_long_list_comes_in_pages(served: Served) -> None:
    for number in range(5):
        await put(served, "file", version=f"{PACKAGE}1.{number}/")
        await put(served, "file", version=f"/files/acme/tool{number}/1.0/")

    for target, key, name in ((PACKAGE, "versions", "version"), (NAMESPACE, "packages", "name")):
        whole = (await served.get(target)).json
        pages: list[list[str]] = []
        after: str | None = ""
        while after is not None:
            page = (await served.get(f"{target}?limit=2&after={after}")).json
            pages.append([each[name] for each in page[key]])
            after = page["next"]
        assert [each for page in pages for each in page] == [each[name] for each in whole[key]]
        assert {len(page) for page in pages} <= {1, 2}
        assert whole["next"] is None


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "1e9", "", "9" * 30])
async def test_a_page_is_not_longer_than_a_page(served: Served, limit: str) -> None:
    await put(served, "file")

    assert (await served.get(f"{PACKAGE}?limit={limit}")).status == 400


async def test_a_namespace_lists_what_the_caller_may_read(tmp_path: Path) -> None:
    async with serve(tmp_path, public=True) as served:
        await put(served, "file")

        assert (await served.get(NAMESPACE, by=None)).json["packages"][0]["name"] == "tool"
        assert (await served.get(NAMESPACE, by="stranger")).json["packages"][0]["name"] == "tool"


async def test_a_namespace_that_is_not_for_the_caller_is_like_none(served: Served) -> None:
    await put(served, "file")

    hidden = await served.get(NAMESPACE, by="stranger")
    absent = await served.get("/files/nobody/", by="stranger")

    assert hidden.status == absent.status == 404
    assert hidden.body.replace(b"acme", b"nobody") == absent.body


async def test_an_empty_namespace_has_no_packages(served: Served) -> None:
    assert (await served.get(NAMESPACE)).json == {"namespace": "acme", "packages": [], "next": None}


# --- sealed ---


async def test_a_sealed_version_takes_no_more(served: Served) -> None:
    await put(served, "file")

    assert await mark(served, "seal", by="publisher") == 204

    another = await served.put(f"{VERSION}another", b"content")
    said = await served.put(f"{VERSION}file", b"file", headers={"Entrepot-Annotations": '{"a": "b"}'})
    assert (another.status, another.code) == (409, "version-sealed")
    assert (said.status, said.code) == (409, "version-sealed")
    assert (await served.put(f"{VERSION}file", b"file")).status == 200
    assert (await served.put(f"{VERSION}file", b"other")).status == 409
    assert (await served.get(VERSION)).json["sealed"] is True
    assert await served.events() == ["artifact.published", "version.sealed"]


async def test_a_sealed_version_refuses_before_the_bytes_are_read(served: Served) -> None:
    await put(served, "file")
    await mark(served, "seal")

    assert (await served.put(f"{VERSION}another", [Cut])).status == 409


async def test_to_seal_twice_is_no_change(served: Served) -> None:
    await put(served, "file")

    assert [await mark(served, "seal"), await mark(served, "seal")] == [204, 204]
    assert await served.events() == ["artifact.published", "version.sealed"]


# --- yanked ---


async def test_a_yanked_version_still_downloads_and_says_why(served: Served) -> None:
    await put(served, "file")

    assert await mark(served, "yank", body='{"reason": "löscht alles"}'.encode()) == 204

    assert (await served.get(VERSION)).json["yanked"] == "löscht alles"
    assert (await served.get(f"{VERSION}file")).body == b"file"
    assert await mark(served, "unyank") == 204
    assert (await served.get(VERSION)).json["yanked"] is None
    assert await served.events() == ["artifact.published", "version.yanked", "version.unyanked"]


async def test_a_yank_needs_no_reason(served: Served) -> None:
    await put(served, "file")

    assert await mark(served, "yank") == 204
    assert (await served.get(VERSION)).json["yanked"] == ""


async def test_what_was_said_of_a_version_holds_when_it_grows(served: Served) -> None:
    await put(served, "file")
    await mark(served, "yank", body=b'{"reason": "broken"}')

    await put(served, "another")

    listed = (await served.get(VERSION)).json
    assert (listed["yanked"], len(listed["files"])) == ("broken", 2)


@pytest.mark.parametrize(
    "body", [b"broken", b"[]", b'{"reason": 1}', b'{"reason": "\\ud800"}', json.dumps({"reason": "x" * 1001}).encode()]
)
async def test_a_reason_that_cannot_be_read_is_an_error(served: Served, body: bytes) -> None:
    await put(served, "file")

    assert await mark(served, "yank", body=body) == 400
    assert (await served.get(VERSION)).json["yanked"] is None


@pytest.mark.parametrize("query", ["", "x", "seal&yank", "yank&unyank", "SEAL"])
async def test_one_thing_is_said_at_a_time(served: Served, query: str) -> None:
    await put(served, "file")

    assert await mark(served, query) == 400
    assert await served.events() == ["artifact.published"]


@pytest.mark.parametrize("query", ["seal", "yank", "unyank"])
async def test_nothing_is_said_of_what_is_not_there(served: Served, query: str) -> None:
    await put(served, "file")

    assert await mark(served, query, version=f"{PACKAGE}2.0/") == 404
    assert await mark(served, query, version="/files/acme/other/1.0/") == 404


# --- who may ---


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("GET", f"{VERSION}file", {"reader", "publisher", "promoter", "maintainer", "auditor", "administrator"}),
        ("GET", VERSION, {"reader", "publisher", "promoter", "maintainer", "auditor", "administrator"}),
        ("PUT", f"{VERSION}another", {"publisher", "maintainer", "administrator"}),
        ("POST", f"{VERSION}another?upload", {"publisher", "maintainer", "administrator"}),
        ("POST", f"{VERSION}?seal", {"publisher", "maintainer", "administrator"}),
        ("POST", f"{VERSION}?yank", {"maintainer", "administrator"}),
        ("POST", f"{VERSION}?unyank", {"maintainer", "administrator"}),
        ("DELETE", VERSION, {"maintainer", "administrator"}),
    ],
)
@pytest.mark.parametrize(
    "by", ["reader", "publisher", "promoter", "maintainer", "auditor", "administrator", "stranger", "consumer", None]
)
async def test_each_may_do_what_their_role_is_for(
    served: Served, method: str, target: str, allowed: set[str], by: str | None
) -> None:
    await put(served, "file")

    status = (await served.ask(method, target, by=by, body=b"content" if method == "PUT" else b"")).status

    if by in allowed:
        assert status < 300
    else:
        # Who may read is told that they may not; who may not is told that there is nothing.
        assert status == {None: 401, "stranger": 404, "consumer": 404}.get(by, 403)


# --- views ---


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "/files/acme.prod/tool/1.0/another"),
        ("POST", "/files/acme.prod/tool/1.0/another?upload"),
        ("POST", "/files/acme.prod/tool/1.0/?seal"),
        ("DELETE", "/files/acme.prod/tool/1.0/"),
    ],
)
async def test_a_channel_s_view_is_read_only(served: Served, method: str, target: str) -> None:
    await put(served, "file")

    answer = await served.ask(method, target, by="administrator")

    assert (answer.status, answer.code) == (403, "read-only")


async def test_a_channel_s_view_shows_what_is_cleared(served: Served) -> None:
    await put(served, "file")
    await put(served, "file", version=f"{PACKAGE}2.0/")
    await put(served, "file", version="/files/acme/another/1.0/")
    digest = Digest.parse((await served.get(VERSION)).json["digest"])

    before = [
        (await served.get(target.replace("acme", "acme.prod"))).status for target in (VERSION, PACKAGE, NAMESPACE)
    ]
    await open_clearance(served.registry, ADMINISTRATOR, TOOL, PROD, digest)

    assert before == [404, 404, 200]
    for by in ("reader", "consumer"):
        assert (await served.get("/files/acme.prod/tool/1.0/file", by=by)).body == b"file"
        assert (await served.get("/files/acme.prod/tool/1.0/", by=by)).json["sealed"] is True
        assert (await served.get("/files/acme.prod/tool/2.0/file", by=by)).status == 404
        versions = (await served.get("/files/acme.prod/tool/", by=by)).json["versions"]
        packages = (await served.get("/files/acme.prod/", by=by)).json["packages"]
        assert [each["version"] for each in versions] == ["1.0"]
        assert [each["name"] for each in packages] == ["tool"]
    assert (await served.get(f"{VERSION}file", by="consumer")).status == 404
    assert (await served.get(NAMESPACE, by="consumer")).json["packages"] == []


async def test_what_is_not_cleared_any_more_is_not_shown(served: Served) -> None:
    await put(served, "file")
    digest = Digest.parse((await served.get(VERSION)).json["digest"])
    await open_clearance(served.registry, ADMINISTRATOR, TOOL, PROD, digest)
    etag = (await served.get("/files/acme.prod/tool/1.0/")).headers["etag"]

    await close_clearance(served.registry, ADMINISTRATOR, TOOL, PROD, digest)

    assert (await served.get("/files/acme.prod/tool/1.0/", headers={"If-None-Match": etag})).status == 404
    assert (await served.get("/files/acme.prod/tool/1.0/file")).status == 404
    assert (await served.get("/files/acme.prod/")).json["packages"] == []


async def test_a_channel_that_the_namespace_does_not_have_is_unknown(served: Served) -> None:
    answer = await served.get("/files/acme.nowhere/")

    assert (answer.status, answer.code) == (404, "channel-unknown")


# --- deleted ---


async def test_a_deleted_version_is_gone_with_its_files(served: Served) -> None:
    await put(served, "a", "b")
    await put(served, "a", version=f"{PACKAGE}2.0/")

    assert (await served.ask("DELETE", VERSION, by="maintainer")).status == 204

    assert (await served.get(VERSION)).status == 404
    assert (await served.get(f"{VERSION}a")).status == 404
    assert [each["version"] for each in (await served.get(PACKAGE)).json["versions"]] == ["2.0"]
    assert (await served.get(f"{PACKAGE}2.0/a")).body == b"a"
    assert (await served.ask("DELETE", VERSION, by="maintainer")).status == 404
    assert await served.violations() == []


async def test_a_package_without_a_version_is_not_listed(served: Served) -> None:
    await put(served, "a")
    await served.ask("DELETE", VERSION, by="maintainer")

    assert (await served.get(NAMESPACE)).json["packages"] == []


async def test_the_name_of_a_deleted_version_stays_used_up(served: Served) -> None:
    await put(served, "a", "b")
    await served.ask("DELETE", VERSION, by="maintainer")

    for path, content in (("a", b"a"), ("b", b"b"), ("a", b"other"), ("c", b"c")):
        answer = await served.put(VERSION + path, content)
        assert (answer.status, answer.code) == (409, "version-exists")
    assert (await served.get(VERSION)).status == 404
    assert await served.violations() == []


async def test_a_deleted_version_may_come_back_as_it_was(served: Served) -> None:
    await put(served, "a")
    digest = (await served.get(VERSION)).json["digest"]
    await served.ask("DELETE", VERSION, by="maintainer")

    assert (await served.put(f"{VERSION}a", b"a")).status == 201

    assert (await served.get(VERSION)).json["digest"] == digest
    assert (await served.put(f"{VERSION}b", b"b")).status == 201
    assert await served.violations() == []


async def test_a_version_that_was_sealed_comes_back_sealed(served: Served) -> None:
    await put(served, "a")
    await mark(served, "seal")
    await served.ask("DELETE", VERSION, by="maintainer")

    assert (await served.put(f"{VERSION}a", b"a")).status == 201

    assert (await served.get(VERSION)).json["sealed"] is True
    assert (await served.put(f"{VERSION}b", b"b")).status == 409
    assert await served.violations() == []


async def test_what_is_cleared_is_not_deleted(served: Served) -> None:
    await put(served, "a")
    digest = Digest.parse((await served.get(VERSION)).json["digest"])
    await open_clearance(served.registry, ADMINISTRATOR, TOOL, PROD, digest)

    answer = await served.ask("DELETE", VERSION, by="administrator")

    assert (answer.status, answer.code) == (403, "protected")
    assert (await served.get(f"{VERSION}a")).body == b"a"


async def test_two_versions_with_the_same_files_are_two_artifacts(served: Served) -> None:
    await put(served, "a")
    await put(served, "a", version=f"{PACKAGE}2.0/")

    digests = {each["digest"] for each in (await served.get(PACKAGE)).json["versions"]}

    assert len(digests) == 2


# --- what else a package may hold ---


def foreign() -> Artifact:
    """An artifact that is not made of files: a signature, say."""
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "size": 2, "digest": str(Digest.of(b"{}"))}
    manifest = {"schemaVersion": 2, "artifactType": "application/vnd.example", "config": config, "layers": []}
    return Artifact.parse(json.dumps(manifest).encode(), IMAGE_MANIFEST)


async def publish_foreign(served: Served, draft: Draft) -> None:
    empty = StoredBlob(Digest.of(b"{}"), 2, b"{}")
    await publish(served.registry, ADMINISTRATOR, TOOL, replace(draft, blobs=(empty,)))


async def test_a_version_that_is_not_made_of_files_shows_none_and_takes_none(served: Served) -> None:
    await publish_foreign(served, Draft(foreign(), version=ReferenceName("1.0"), sealed=False))

    assert (await served.get(VERSION)).code == "reference-unknown"
    assert (await served.get(f"{VERSION}file")).code == "reference-unknown"
    assert (await served.put(f"{VERSION}file", b"file")).code == "version-exists"


async def test_a_tag_does_not_become_a_version(served: Served) -> None:
    await put(served, "file")
    version = await served.registry.catalog.find_artifact(View(TOOL.namespace), TOOL, name=ReferenceName("1.0"))
    assert version is not None
    tagged = Draft(Artifact.parse(version.content, version.media_type), tags=(ReferenceName("latest"),))
    await publish(served.registry, ADMINISTRATOR, TOOL, tagged)

    answer = await served.put(f"{PACKAGE}latest/another", b"another")

    assert (answer.status, answer.code) == (409, "name-taken")
    assert [each["version"] for each in (await served.get(PACKAGE)).json["versions"]] == ["1.0"]
    assert await served.violations() == []

"""What other registries' published tests ask of an npm registry, asked of ours.

The cases are Gitea's (``tests/integration/api_packages_npm_test.go``) and pulp_npm's
(``pulp_npm/tests/functional/api``: ``test_npm_publish.py``, ``test_upload.py``, ``test_rbac.py``,
``test_download_content.py``); each test names its own.
Theirs that are not here are asserted in the files beside this one: a conflict in npm's words, one version by its tag,
sums, whoami.
Where they expect something else than we do, the test says why.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.formats.npm.packages import dist, publication, tarball
from tests.formats.npm.served import REGISTRY, Npm

NAME = "@scope/test-package"
VERSION = "1.0.1-pre"
TAGS = f"/-/package/{NAME.replace('/', '%2F')}/dist-tags"
DESCRIBED: dict[str, Any] = {
    "description": "Test Description",
    "author": {"name": "Somebody"},
    "bin": {"cli": "./cli.sh"},
    "repository": {"type": "git", "url": "https://git.example.com/test.git"},
}


async def uploaded(npm: Npm, version: str = VERSION) -> bytes:
    """The tarball of Gitea's package, which has been published."""
    content = tarball(NAME, version, **DESCRIBED)
    assert (await npm.publish(NAME, version, content=content, said=DESCRIBED)).status == 201
    return content


# --- Gitea, TestPackageNpm ---


async def test_a_prerelease_of_a_scoped_package_is_described_whole(npm: Npm) -> None:
    """Gitea, "Upload" and "PackageMetadata": the root repeats what the latest version says."""
    content = await uploaded(npm)

    packument = await npm.packument(NAME.replace("/", "%2F"))

    version = packument["versions"][VERSION]
    assert (packument["_id"], packument["name"], packument["dist-tags"]) == (NAME, NAME, {"latest": VERSION})
    assert {key: packument[key] for key in ("description", "author", "repository")} == {
        key: DESCRIBED[key] for key in ("description", "author", "repository")
    }
    assert (version["_id"], version["name"]) == (f"{NAME}@{VERSION}", NAME)
    assert {key: version[key] for key in DESCRIBED} == DESCRIBED
    assert {key: version["dist"][key] for key in ("shasum", "integrity")} == {
        key: dist(content)[key] for key in ("shasum", "integrity")
    }
    assert version["dist"]["tarball"] == f"http://registry.example.com{REGISTRY}/{NAME}/-/test-package-{VERSION}.tgz"


async def test_an_attachment_need_not_say_its_length_or_type(npm: Npm) -> None:
    """Gitea, "Upload": the attachment is its data alone."""
    document = publication(NAME, VERSION)
    [attachment] = document["_attachments"].values()
    del attachment["length"], attachment["content_type"]

    assert (await npm.send(f"/{NAME}", document)).status == 201


async def test_the_same_version_again_is_no_error_if_it_is_the_same_content(npm: Npm) -> None:
    """Gitea, "UploadExists", answers 409 to the same bytes; pulp_npm, "duplicate is idempotent", takes them.

    Publishing again what is there succeeds in every protocol of ours, so that a broken build can be run again; npm
    itself asks before it publishes, and other content is 409.
    """
    await uploaded(npm)
    events = await npm.events()

    again = await npm.publish(NAME, VERSION, content=tarball(NAME, VERSION, **DESCRIBED))
    other = await npm.publish(NAME, VERSION, description="another")

    assert (again.status, other.status) == (201, 409)
    assert await npm.events() == events


async def test_a_tarball_is_where_the_packument_says_and_nowhere_else(npm: Npm) -> None:
    """Gitea, "Download": a path with the version as a folder too is its own; clients follow ``dist.tarball``."""
    content = await uploaded(npm)
    escaped = NAME.replace("/", "%2F")

    found = await npm.read(f"/{escaped}/-/test-package-{VERSION}.tgz")
    within = await npm.read(f"/{escaped}/-/{VERSION}/test-package-{VERSION}.tgz")

    assert (found.status, found.body) == (200, content)
    assert within.status == 404


@pytest.mark.parametrize(
    ("tag", "version", "status"),
    [
        ("1.0", VERSION, 400),
        ("v1.0", VERSION, 400),
        ("release", "1.2.0", 404),
        ("latest", VERSION, 201),
        ("release", VERSION, 201),
    ],
)
async def test_a_tag_is_no_version_and_means_one(npm: Npm, tag: str, version: str, status: int) -> None:
    """Gitea, "AddTag": 201 where it says 200; npm takes both, and the public registry says 201."""
    await uploaded(npm)

    answer = await npm.send(f"{TAGS}/{tag}", version)

    assert answer.status == status


async def test_a_tag_cannot_mean_what_is_no_whole_version(npm: Npm) -> None:
    """Gitea, "AddTag", answers 404 to a tag for 1.2: that is no version of anything, and we say so."""
    await uploaded(npm)

    assert (await npm.send(f"{TAGS}/release", "1.2")).status == 400


async def test_tags_are_listed_and_in_the_packument(npm: Npm) -> None:
    """Gitea, "ListTags" and "PackageMetadataDistTags"."""
    await uploaded(npm)
    await npm.send(f"{TAGS}/release", VERSION)

    expected = {"latest": VERSION, "release": VERSION}
    assert (await npm.read(TAGS)).json == expected
    assert (await npm.packument(NAME))["dist-tags"] == expected


@pytest.mark.parametrize(("tag", "status"), [("v1.0", 400), ("1.0", 400), ("dummy", 404), ("release", 200)])
async def test_a_tag_that_goes_has_been_there(npm: Npm, tag: str, status: int) -> None:
    """Gitea, "DeleteTag", answers 200 for a tag that is not there; npm's client then says that it removed it."""
    await uploaded(npm)
    await npm.send(f"{TAGS}/release", VERSION)

    answer = await npm.ask("DELETE", f"{REGISTRY}{TAGS}/{tag}", by="maintainer")

    assert answer.status == status


@pytest.mark.parametrize(
    ("query", "total", "names"),
    [
        ("text=&from=0&size=0", 1, []),
        ("text=&from=0&size=10", 1, [NAME]),
        ("text=gitea&from=0&size=10", 0, []),
        ("text=test&from=0&size=10", 1, [NAME]),
        ("text=test&from=1&size=10", 1, []),
    ],
)
async def test_a_search_says_how_many_there_are_and_gives_a_page(
    npm: Npm, query: str, total: int, names: list[str]
) -> None:
    """Gitea, "Search". It takes a size of 0 for none said; to us it is a page of nothing, and still the total."""
    await uploaded(npm)

    found = (await npm.read(f"/-/v1/search?{query}")).json

    assert found["total"] == total
    assert [each["package"]["name"] for each in found["objects"]] == names


async def test_nothing_is_taken_back_with_a_made_up_revision(npm: Npm) -> None:
    """Gitea, "Delete", takes any word for the revision.

    What clients send is the one that they have read; another means that they have not seen what they take away.
    """
    await uploaded(npm)
    file = f"/{NAME}/-/test-package-{VERSION}.tgz/-rev/dummy"

    for path in (f"/{NAME}/-rev/dummy", file):
        assert (await npm.ask("DELETE", REGISTRY + path, by=None)).status == 401
        assert (await npm.ask("DELETE", REGISTRY + path, by="maintainer")).status == 409
    assert (await npm.ask("PUT", f"{REGISTRY}/{NAME}/-rev/dummy", by=None, body=b"{}")).status == 401
    assert VERSION in (await npm.packument(NAME))["versions"]


async def test_versions_go_one_by_one_and_then_the_package(npm: Npm) -> None:
    """Gitea, "Delete/Version" and "Delete/Full"."""
    await uploaded(npm)
    await uploaded(npm, f"{VERSION}-dummy")

    async def delete(path: str) -> int:
        revision = (await npm.packument(NAME))["_rev"]
        return (await npm.ask("DELETE", f"{REGISTRY}/{NAME}{path}/-rev/{revision}", by="maintainer")).status

    one = await delete(f"/-/test-package-{VERSION}.tgz")
    left = list((await npm.packument(NAME))["versions"])
    rest = await delete("")

    assert (one, left, rest) == (200, [f"{VERSION}-dummy"], 200)
    assert (await npm.read(f"/{NAME}")).status == 404


# --- pulp_npm ---


def by_pulp(name: str, version: str, content: bytes) -> dict[str, Any]:
    """A publication as yarn sends it: the attachment without the scope, and a tarball's path for all of ``dist``."""
    file = f"{name.rpartition('/')[2]}-{version}.tgz"
    return {
        "_id": name,
        "name": name,
        "dist-tags": {"latest": version},
        "versions": {version: {"name": name, "version": version, "dist": {"tarball": f"{name}/-/{file}"}}},
        "_attachments": {
            file: {
                "content_type": "application/octet-stream",
                "data": base64.b64encode(content).decode(),
                "length": len(content),
            }
        },
    }


@pytest.mark.parametrize("name", ["test-publish", "@scope/my-lib"])
async def test_an_attachments_name_need_not_have_the_scope(npm: Npm, name: str) -> None:
    """pulp_npm, "publish unscoped", "publish scoped" and "publish multiple versions"; sent twice, "is idempotent"."""
    for version in ("1.0.0", "2.0.0", "2.0.0"):
        content = tarball(name, version)
        answer = await npm.send(f"/{name.replace('/', '%2F')}", by_pulp(name, version, content))
        assert answer.status == 201

    versions = (await npm.packument(name))["versions"]
    assert list(versions) == ["1.0.0", "2.0.0"]
    assert versions["2.0.0"]["dist"]["tarball"].endswith(f"/npm/acme/{name}/-/{name.rpartition('/')[2]}-2.0.0.tgz")


async def test_nothing_is_published_where_nothing_is(npm: Npm) -> None:
    """pulp_npm, "publish without repository": a namespace that does not exist is not there, 404 for its 400."""
    await npm.publish()
    events = await npm.events()

    body = json.dumps(by_pulp("tool", "1.0.0", tarball())).encode()
    answers = [await npm.ask("PUT", "/npm/nowhere/tool", by=by, body=body) for by in ("administrator", "publisher")]

    assert [answer.status for answer in answers] == [404, 404]
    assert await npm.events() == events


@pytest.mark.parametrize("known", [False, True], ids=["of a new package", "of a known package"])
async def test_a_body_without_attachments_publishes_nothing(npm: Npm, known: bool) -> None:
    """pulp_npm, "missing attachments".

    Such a body is how ``npm deprecate`` asks: for a package that is not there it is 404, where Pulp says 400.
    """
    if known:
        await npm.publish()
    events = await npm.events()
    document = {"name": "tool", "versions": {"2.0.0": {"name": "tool", "version": "2.0.0"}}}

    answer = await npm.send("/tool", document, by="maintainer")

    assert answer.status == (400 if known else 404)
    assert await npm.events() == events


async def test_the_name_in_the_address_is_the_bodys_and_the_tarballs(npm: Npm) -> None:
    """pulp_npm, "name mismatch"; and "explicit name and version", which there overrule the tarball's.

    What is installed is what is inside, so that nothing outside overrules it.
    """
    in_body = by_pulp("wrong-body-name", "1.0.0", tarball("wrong-body-name"))
    inside = by_pulp("tool", "9.9.9", tarball("inner-name", "0.0.1"))

    answers = [await npm.send("/tool", document) for document in (in_body, inside)]

    assert [answer.status for answer in answers] == [400, 400]
    assert await npm.events() == []


@pytest.mark.parametrize("by", ["reader", None])
async def test_ping_is_an_empty_object_for_anybody(npm: Npm, by: str | None) -> None:
    """pulp_npm, "ping" and "ping unauthenticated"."""
    answer = await npm.read("/-/ping", by=by)

    assert (answer.status, answer.json) == (200, {})


async def test_a_path_that_is_no_package_is_not_found(npm: Npm) -> None:
    """pulp_npm, "wrong package name": two words that name nothing."""
    assert (await npm.read("/somewhere/something")).status == 404

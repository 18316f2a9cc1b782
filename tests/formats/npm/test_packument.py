"""What clients read: packuments in both forms, single versions, tarballs; through views, and rendered once."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from entrepot.formats.npm import hosted
from entrepot.formats.npm.routes import prefers_abbreviated
from entrepot.model.names import ReferenceName
from entrepot.operations.mark import yank
from tests.formats.generic.served import ADMINISTRATOR
from tests.formats.npm.packages import dist, tarball
from tests.formats.npm.served import REGISTRY, Npm, answered, package_id, serve

INSTALL = "application/vnd.npm.install-v1+json"
NPM_ASKS = f"{INSTALL}; q=1.0, application/json; q=0.8, */*"
TARBALL = "/tool/-/tool-1.0.0.tgz"


async def test_the_full_packument_says_all(npm: Npm) -> None:
    content = tarball(description="first", files={"package/README.md": b"# Tool"})
    await npm.publish(content=content, said={"description": "first", "license": "MIT"})
    npm.clock.pass_by(timedelta(days=1))
    await npm.publish(version="1.1.0-rc.1", tag="next", keywords=["a"])

    packument = await npm.packument()

    version = packument["versions"].pop("1.0.0")
    signatures = version["dist"].pop("signatures")
    assert list(packument["versions"]) == ["1.1.0-rc.1"]
    assert {key: value for key, value in packument.items() if key not in ("versions", "_rev")} == {
        "_id": "tool",
        "name": "tool",
        "dist-tags": {"latest": "1.0.0", "next": "1.1.0-rc.1"},
        "time": {
            "created": "2026-01-02T03:04:05.000Z",
            "modified": "2026-01-03T03:04:05.000Z",
            "1.0.0": "2026-01-02T03:04:05.000Z",
            "1.1.0-rc.1": "2026-01-03T03:04:05.000Z",
        },
        "maintainers": [{"name": "publisher", "email": ""}],
        "users": {},
        "description": "first",
        "license": "MIT",
        "readme": "# Tool",
        "readmeFilename": "README.md",
    }
    assert version == {
        "name": "tool",
        "version": "1.0.0",
        "description": "first",
        "license": "MIT",
        "_id": "tool@1.0.0",
        "_npmUser": {"name": "publisher", "email": ""},
        "maintainers": [{"name": "publisher", "email": ""}],
        "dist": {
            **dist(content),
            "tarball": "http://registry.example.com/npm/acme/tool/-/tool-1.0.0.tgz",
            "fileCount": 2,
            "unpackedSize": version["dist"]["unpackedSize"],
        },
    }
    assert len(signatures) == 1


async def test_the_abbreviated_packument_says_what_an_installation_needs(npm: Npm) -> None:
    await npm.publish(
        "@acme/tool", dependencies={"a": "1"}, devDependencies={"b": "2"}, description="long", scripts={"test": "x"}
    )

    answer = await npm.read("/@acme%2ftool", accept=NPM_ASKS)

    assert answer.headers["content-type"] == INSTALL
    assert answer.headers["vary"] == "accept"
    assert set(answer.json) == {"name", "modified", "dist-tags", "versions"}
    version = answer.json["versions"]["1.0.0"]
    assert set(version) == {"name", "version", "dependencies", "devDependencies", "dist"}
    assert version["dist"]["tarball"] == "http://registry.example.com/npm/acme/@acme/tool/-/tool-1.0.0.tgz"


@pytest.mark.parametrize(
    ("accept", "abbreviated"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        (INSTALL, True),
        (NPM_ASKS, True),
        (f"application/json; q=1.0, {INSTALL}; q=0.9, */*", False),
        (f"{INSTALL};q=0", False),
        (f"{INSTALL};q=0.5, application/json;q=0.4", True),
        (f"{INSTALL}; q=nan", False),
        (f"{INSTALL}; q=9", False),
        (f" {INSTALL.upper()} ", True),
        (",;;,;q=", False),
    ],
)
def test_the_short_form_is_for_who_asks_for_it(accept: str | None, abbreviated: bool) -> None:
    assert prefers_abbreviated(accept) is abbreviated


async def test_each_form_has_an_entity_tag_of_its_own_that_moves_with_the_package(npm: Npm) -> None:
    await npm.publish()
    full = (await npm.read("/tool")).headers["etag"]
    short = (await npm.read("/tool", accept=INSTALL)).headers["etag"]

    unchanged = await npm.read("/tool", if_none_match=full)
    other_form = await npm.read("/tool", accept=INSTALL, if_none_match=full)
    await npm.publish(version="1.1.0")
    changed = await npm.read("/tool", if_none_match=full)

    assert full != short
    assert (unchanged.status, other_form.status, changed.status) == (304, 200, 200)


async def test_head_says_what_get_would(npm: Npm) -> None:
    await npm.publish()

    for path in ("/tool", "/tool/1.0.0", TARBALL, "/-/ping"):
        get = await npm.read(path)
        head = await npm.ask("HEAD", REGISTRY + path, by="reader")

        assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


@pytest.mark.parametrize("wanted", ["1.0.0", "latest", "1.0.0+build"])
async def test_one_version_is_found_by_number_and_by_tag(npm: Npm, wanted: str) -> None:
    await npm.publish()

    answer = await npm.read(f"/tool/{wanted}")

    assert (answer.json["_id"], answer.headers["content-type"]) == ("tool@1.0.0", "application/json")


async def test_what_is_not_there_is_said_so_in_npms_form(npm: Npm) -> None:
    await npm.publish()

    missing = [
        "/other",
        "/tool/2.0.0",
        "/tool/next",
        "/tool/a%0ab",
        "/tool/-/tool-2.0.0.tgz",
        "/tool/-/other-1.0.0.tgz",
    ]
    missing += ["/other/-/other-1.0.0.tgz", "/-/package/other/dist-tags", "/-/nothing", "/@acme/tool/1.0.0"]
    for path in missing:
        answer = await npm.read(path)
        assert (answer.status, bool(answered(answer)["error"])) == (404, True), path


@pytest.mark.parametrize("name", ["_x", "@x", "x@y", "-", "node_modules", "a%20b", "%2e%2e"])
async def test_what_is_no_name_is_a_bad_request(npm: Npm, name: str) -> None:
    assert (await npm.read(f"/{name}")).status == 400


async def test_a_package_is_concealed_from_who_may_not_read_it(npm: Npm) -> None:
    await npm.publish()

    for path in ("/tool", "/tool/1.0.0", TARBALL, "/-/package/tool/dist-tags", "/-/package/tool/visibility"):
        stranger = await npm.read(path, by="stranger")
        absent = await npm.read(path.replace("tool", "none"), by="stranger")
        nobody = await npm.read(path, by=None)
        assert (stranger.status, nobody.status) == (404, 401), path
        assert stranger.body.replace(b"tool", b"none") == absent.body


async def test_a_public_namespace_is_read_by_anybody(tmp_path: Path) -> None:
    async with serve(tmp_path, public=True) as npm:
        await npm.publish()

        for path in ("/tool", TARBALL, "/-/v1/search?text=tool"):
            assert (await npm.read(path, by=None)).status == 200


# --- tarballs ---


async def test_a_tarball_is_immutable_and_can_be_read_in_parts(npm: Npm) -> None:
    content = tarball()
    await npm.publish(content=content)

    whole = await npm.read(TARBALL)
    part = await npm.read(TARBALL, range="bytes=5-9")
    unchanged = await npm.read(TARBALL, if_none_match=whole.headers["etag"])
    beyond = await npm.read(TARBALL, range="bytes=99999999-")

    assert whole.body == content
    assert whole.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert whole.headers["content-type"] == "application/octet-stream"
    assert (part.status, part.body) == (206, content[5:10])
    assert (unchanged.status, beyond.status) == (304, 416)


async def test_a_tarball_is_found_with_the_scope_in_its_name_too(npm: Npm) -> None:
    content = tarball("@acme/tool")
    await npm.publish("@acme/tool", content=content)

    for path in ("/@acme/tool/-/tool-1.0.0.tgz", "/@acme%2ftool/-/@acme/tool-1.0.0.tgz"):
        assert (await npm.read(path)).body == content


# --- latest ---


@pytest.mark.parametrize(
    ("versions", "latest"),
    [
        (["1.0.0-a", "1.0.0-b"], "1.0.0-b"),
        (["2.0.0-rc.1", "1.0.0", "1.10.0", "1.9.0"], "1.10.0"),
    ],
)
async def test_without_the_tag_latest_is_the_highest_version(npm: Npm, versions: list[str], latest: str) -> None:
    for version in versions:
        await npm.publish(version=version, tag="other")

    assert (await npm.packument())["dist-tags"] == {"other": versions[-1], "latest": latest}


# --- views ---


async def test_a_channels_view_shows_what_is_cleared(npm: Npm) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        await npm.publish(version=version)
    nothing = await npm.read("/tool", view="acme.prod", by="consumer")
    await npm.clear("tool", "1.0.0")
    await npm.clear("tool", "1.1.0")

    cleared = await npm.packument(view="acme.prod", by="consumer")
    tarballs = [
        (await npm.read(f"/tool/-/tool-{version}.tgz", view="acme.prod", by="consumer")).status
        for version in ("1.1.0", "2.0.0")
    ]

    assert nothing.status == 404
    assert list(cleared["versions"]) == ["1.0.0", "1.1.0"]
    assert cleared["dist-tags"] == {"latest": "1.1.0"}
    assert cleared["versions"]["1.0.0"]["dist"]["tarball"].startswith("http://registry.example.com/npm/acme.prod/")
    assert tarballs == [200, 404]
    assert (await npm.read("/tool/2.0.0", view="acme.prod", by="consumer")).status == 404
    assert (await npm.read("/tool", by="consumer")).status == 404


# --- signatures ---


async def test_signatures_verify_with_the_keys_that_are_served(npm: Npm) -> None:
    await npm.publish("@acme/tool")

    [key] = (await npm.read("/-/npm/v1/keys", by=None)).json["keys"]
    found = (await npm.packument("@acme/tool"))["versions"]["1.0.0"]["dist"]

    [signature] = found["signatures"]
    assert signature["keyid"] == key["keyid"]
    assert (key["keytype"], key["expires"]) == ("ecdsa-sha2-nistp256", None)
    public = load_der_public_key(base64.b64decode(key["key"]))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    message = f"@acme/tool@1.0.0:{found['integrity']}".encode()
    public.verify(base64.b64decode(signature["sig"]), message, ec.ECDSA(SHA256()))


async def test_a_document_is_the_same_whoever_renders_it(npm: Npm) -> None:
    await npm.publish()
    first = (await npm.read("/tool")).body
    npm.app._documents._known.clear()

    again = (await npm.read("/tool")).body

    assert again == first


# --- marks, and effort ---


async def test_a_yanked_version_is_deprecated_to_npm(npm: Npm) -> None:
    await npm.publish()
    await npm.publish(version="1.1.0")
    await yank(npm.registry, ADMINISTRATOR, package_id("tool"), ReferenceName("1.0.0"), reason="broken")
    await yank(npm.registry, ADMINISTRATOR, package_id("tool"), ReferenceName("1.1.0"))

    versions = (await npm.read("/tool", accept=INSTALL)).json["versions"]

    assert [version["deprecated"] for version in versions.values()] == ["yanked: broken", "yanked"]


async def test_a_package_of_many_versions_is_read_once_for_each_revision(
    npm: Npm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patch in range(30):
        await npm.publish(version=f"1.0.{patch}")
    reads = 0
    read = hosted.read_package

    async def counted(*arguments: object) -> object:
        nonlocal reads
        reads += 1
        return await read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(hosted, "read_package", counted)

    for _ in range(20):
        assert len((await npm.read("/tool", accept=INSTALL)).json["versions"]) == 30

    assert reads == 1


async def test_what_is_published_is_in_the_very_next_answer(npm: Npm) -> None:
    for patch in range(10):
        await npm.publish(version=f"1.0.{patch}")

        assert f"1.0.{patch}" in json.loads((await npm.read("/tool")).body)["versions"]

"""``npm publish``: what is taken, what is refused, and that nothing of what is refused stays."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from entrepot.formats.npm.metadata import KIND
from entrepot.model.names import View
from entrepot.operations.read_package import read_package
from tests.formats.generic.served import ACME, ADMINISTRATOR, Cut
from tests.formats.npm.packages import attached, bundle, dist, packed, publication, tarball
from tests.formats.npm.served import REGISTRY, Npm, answered, package_id


async def refused(npm: Npm, document: object, *, status: int = 400, path: str = "/tool") -> str:
    """What is said of a publication that must not happen; and that nothing of it did."""
    answer = await npm.send(path, document)
    assert answer.status == status, answer
    assert await npm.events() == []
    assert await npm.staged() == []
    assert [kept.digest async for kept in npm.registry.blobs.kept()] == []
    return str(answered(answer)["error"])


@pytest.mark.parametrize("size", [0, 100_000], ids=["small", "large"])
@pytest.mark.parametrize("name", ["tool", "@acme/tool", "JSONStream", "-x"])
async def test_a_published_tarball_is_what_is_installed(npm: Npm, name: str, size: int) -> None:
    content = tarball(name, files={"package/data": os.urandom(size)})

    answer = await npm.publish(name, content=content)
    packument = await npm.packument(name)
    url = packument["versions"]["1.0.0"]["dist"]["tarball"]
    downloaded = await npm.get(url.removeprefix("http://registry.example.com"))

    assert (answer.status, answer.json["ok"], answer.json["id"]) == (201, True, name)
    assert downloaded.body == content
    assert packument["_rev"] == answer.json["rev"]
    assert await npm.violations() == []


@pytest.mark.parametrize("path", ["/@acme%2ftool", "/@acme%2Ftool", "/@acme/tool", "/%40acme%2ftool"])
async def test_a_scoped_name_is_the_same_in_every_encoding(npm: Npm, path: str) -> None:
    answer = await npm.send(path, publication("@acme/tool"))

    assert answer.status == 201
    assert (await npm.packument("@acme/tool"))["name"] == "@acme/tool"
    assert (await npm.read(path)).status == 200


async def test_the_same_bytes_again_change_nothing(npm: Npm) -> None:
    first = await npm.publish(description="a tool")
    events = await npm.events()

    again = await npm.publish(description="a tool", said={"gitHead": "abc"})

    assert (again.status, again.json) == (201, first.json)
    assert await npm.events() == events


async def test_other_bytes_are_a_conflict_in_npms_words(npm: Npm) -> None:
    await npm.publish()
    before = await npm.packument()

    answer = await npm.publish(description="another")

    assert answer.status == 409
    assert answered(answer)["error"] == "You cannot publish over the previously published versions: 1.0.0."
    assert await npm.packument() == before


async def test_build_metadata_makes_no_other_version(npm: Npm) -> None:
    await npm.publish()

    answer = await npm.publish(version="1.0.0+build.7")

    assert answer.status == 409


async def test_the_attachment_may_come_first(npm: Npm) -> None:
    document = publication()
    turned = dict(reversed(document.items()))

    assert (await npm.send("/tool", turned)).status == 201


async def test_a_body_without_length_is_taken_as_it_comes(npm: Npm) -> None:
    body = json.dumps(publication(content=tarball(files={"package/data": os.urandom(5_000)}))).encode()

    answer = await npm.put(f"{REGISTRY}/tool", [body[start : start + 777] for start in range(0, len(body), 777)])

    assert answer.status == 201


async def test_a_body_that_breaks_off_leaves_nothing(npm: Npm) -> None:
    body = json.dumps(publication(content=tarball(files={"package/data": os.urandom(5_000)}))).encode()

    answer = await npm.put(f"{REGISTRY}/tool", [body[:4_000], Cut])

    assert answer.status == 0
    assert await npm.staged() == []
    assert await npm.events() == []


async def test_what_decides_over_an_installation_comes_from_inside_the_tarball(npm: Npm) -> None:
    inside: dict[str, Any] = {
        "dependencies": {"good": "^1.0.0"},
        "bin": "cli.js",
        "scripts": {"postinstall": "node x"},
        "engines": {"node": ">=20"},
        "os": ["linux"],
        "bundledDependencies": ["good"],
        "peerDependencies": ["not", "an", "object"],
    }
    outside = {"dependencies": {"evil": "*"}, "scripts": {}, "optionalDependencies": {"evil": "*"}, "bin": {}}
    content = tarball("@acme/tool", **inside)

    await npm.publish("@acme/tool", content=content, said={**outside, "gitHead": "abc"})

    version = (await npm.packument("@acme/tool"))["versions"]["1.0.0"]
    assert version["dependencies"] == {"good": "^1.0.0"}
    assert version["bin"] == {"tool": "cli.js"}
    assert version["scripts"] == {"postinstall": "node x"}
    assert version["bundleDependencies"] == ["good"]
    assert version["hasInstallScript"] is True
    assert version["gitHead"] == "abc"
    assert "optionalDependencies" not in version
    assert "peerDependencies" not in version


@pytest.mark.parametrize(
    ("files", "manifest", "found"),
    [
        ({}, {}, {}),
        ({"package/binding.gyp": b"{}"}, {}, {"hasInstallScript": True}),
        ({"package/binding.gyp": b"{}"}, {"gypfile": False}, {}),
        ({"package/npm-shrinkwrap.json": b"{}"}, {}, {"_hasShrinkwrap": True}),
        ({"package/deep/binding.gyp": b"{}"}, {}, {}),
    ],
)
async def test_files_that_npm_looks_for_are_found(
    npm: Npm, files: dict[str, bytes], manifest: dict[str, Any], found: dict[str, bool]
) -> None:
    await npm.publish(content=tarball(files=files, **manifest))

    version = (await npm.read("/tool", accept="application/vnd.npm.install-v1+json")).json["versions"]["1.0.0"]
    assert {key: version[key] for key in ("hasInstallScript", "_hasShrinkwrap") if key in version} == found


async def test_the_readme_inside_is_the_packages(npm: Npm) -> None:
    await npm.publish(content=tarball(files={"package/readme.md": b"# Tool\n", "package/docs/README.md": b"other"}))

    packument = await npm.packument()

    assert (packument["readme"], packument["readmeFilename"]) == ("# Tool\n", "readme.md")


# --- what is not what it says ---


async def test_the_name_and_version_inside_are_those_outside(npm: Npm) -> None:
    other_name = publication(content=tarball("other"))
    other_version = publication(content=tarball(version="2.0.0"))

    assert '"tool"' in await refused(npm, other_name)
    assert "1.0.0" in await refused(npm, other_version)


async def test_a_version_inside_may_be_written_loosely(npm: Npm) -> None:
    answer = await npm.publish(content=tarball(version=" v1.0.0+build"))

    assert answer.status == 201


@pytest.mark.parametrize(
    "said",
    [
        {"shasum": "0" * 40},
        {"shasum": 5},
        {"integrity": "sha512-AAAA"},
        {"integrity": "sha512"},
        {"integrity": ""},
        {"integrity": 7},
        {"integrity": dist(tarball("other"))["integrity"]},
        {"integrity": f"{dist(tarball())['integrity']} sha1-AAAA"},
    ],
)
async def test_sums_that_are_not_the_tarballs_are_refused(npm: Npm, said: dict[str, Any]) -> None:
    large = tarball(files={"package/data": os.urandom(5_000)})

    error = await refused(npm, publication(content=large, said={"dist": said}))

    assert "does not have the digest" in error


@pytest.mark.parametrize("length", [0, 1, "many", 1e99, -1, [], 10**40])
async def test_a_length_that_is_not_the_attachments_is_refused(npm: Npm, length: object) -> None:
    document = publication()
    document["_attachments"]["tool-1.0.0.tgz"]["length"] = length

    assert "length" in await refused(npm, document)


async def test_a_publication_need_not_say_sums(npm: Npm) -> None:
    document = publication()
    del document["versions"]["1.0.0"]["dist"]
    del document["_attachments"]["tool-1.0.0.tgz"]["length"]

    assert (await npm.send("/tool", document)).status == 201
    assert (await npm.packument())["versions"]["1.0.0"]["dist"]["integrity"] == dist(tarball())["integrity"]


def without(key: str) -> dict[str, Any]:
    document = publication()
    del document[key]
    return document


@pytest.mark.parametrize(
    "document",
    [
        [],
        "text",
        7,
        {},
        without("name"),
        without("versions"),
        publication(changes={"name": "other"}),
        publication(changes={"name": 7}),
        publication(changes={"versions": {}}),
        publication(changes={"versions": []}),
        publication(changes={"versions": {"1.0.0": "text"}}),
        publication(changes={"versions": {"not a version": {}}}),
        publication(changes={"versions": {"1.0.0": {}, "2.0.0": {}}}),
        publication(changes={"dist-tags": {"latest": "2.0.0"}}),
        publication(changes={"dist-tags": {"1.x": "1.0.0"}}),
        publication(changes={"dist-tags": {"a b": "1.0.0"}}),
        publication(changes={"dist-tags": {"latest": 1}}),
        publication(changes={"_attachments": {"a.tgz": {}}}),
        publication(changes={"_attachments": {"a.tgz": attached(tarball()), "b.tgz": attached(tarball())}}),
        publication(changes={"_attachments": {"a.tgz": attached(tarball()), "b.txt": {}}}),
        publication(changes={"_attachments": {"a.sigstore": {"data": "{}"}}}),
        publication(said={"name": "other"}),
        publication(said={"version": "2.0.0"}),
        publication(version="1.0"),
        publication(content=b""),
        publication(content=b"text"),
        publication(content=packed({})),
        publication(content=packed({"package/index.js": b""})),
        publication(content=packed({"package/package.json": b"{"})),
        publication(content=packed({"package/package.json": b"[]"})),
        publication(content=packed({"package/package.json": b"{}"})),
        publication(content=packed({"package.json": b'{"name":"tool","version":"1.0.0"}'})),
        publication(content=packed({"package/package.json": b"[" * 100_000})),
        publication(content=packed({"package/package.json": b'{"a":' + b"9" * 100_000 + b"}"})),
        publication(content=packed({"../package.json": b'{"name":"tool","version":"1.0.0"}'})),
        publication(content=packed({f"{x}/package.json": b'{"name":"tool","version":"1.0.0"}' for x in "ab"})),
        publication(content=tarball()[:-10]),
        publication(content=tarball() + b"behind"),
    ],
)
async def test_what_is_no_publication_is_refused_and_leaves_nothing(npm: Npm, document: object) -> None:
    await refused(npm, document)


async def test_a_version_without_its_tarball_is_no_publication(npm: Npm) -> None:
    assert "no such package" in await refused(npm, publication(changes={"_attachments": {}}), status=404)
    await npm.publish()
    before = await npm.events()

    answer = await npm.publish(version="2.0.0", changes={"_attachments": {}}, by="maintainer")

    assert answer.status == 400
    assert "tarball of 2.0.0" in answered(answer)["error"]
    assert await npm.events() == before


async def test_a_manifest_of_great_size_is_refused(npm: Npm) -> None:
    large = tarball(files={"package/data": os.urandom(5_000)})

    await refused(npm, publication(content=large, said={"exports": "x" * 300_000}), status=413)


async def test_a_package_json_of_great_size_is_refused(npm: Npm) -> None:
    await refused(npm, publication(content=tarball(description="x" * 2_000_000)))


# --- who may ---


async def test_whoever_may_not_publish_is_told_before_the_body_is_read(npm: Npm) -> None:
    reader = await npm.publish(by="reader")
    nobody = await npm.publish(by=None)
    stranger = await npm.publish(by="stranger")

    assert (reader.status, nobody.status, stranger.status) == (403, 401, 404)
    assert nobody.headers["www-authenticate"].startswith("Bearer ")
    assert answered(nobody)["error"].startswith("Credentials are needed")
    assert await npm.events() == []


async def test_a_channels_view_takes_nothing(npm: Npm) -> None:
    for method, path in [("PUT", "/tool"), ("PUT", "/tool/-rev/1-0"), ("DELETE", "/tool/-rev/1-0")]:
        answer = await npm.ask(method, f"/npm/acme.prod{path}", by="maintainer", body=b"{}")
        assert answer.status == 403, answer


# --- provenance ---


def with_bundle(text: object, content: bytes, name: str = "tool") -> dict[str, Any]:
    document = publication(name, content=content)
    kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
    document["_attachments"][f"{name}-1.0.0.sigstore"] = {"content_type": kind, "data": text, "length": 1}
    return document


@pytest.mark.parametrize("name", ["tool", "@acme/tool"])
async def test_a_bundle_is_kept_and_served_as_it_came(npm: Npm, name: str) -> None:
    content = tarball(name)
    text = bundle(name, "1.0.0", content)

    answer = await npm.send(f"/{name}", with_bundle(text, content, name))
    found = (await npm.packument(name))["versions"]["1.0.0"]["dist"]["attestations"]
    path = found["url"].removeprefix("http://registry.example.com")
    attestations = (await npm.get(path)).json["attestations"]
    doubled = await npm.get(REGISTRY + path)

    assert answer.status == 201
    assert found["provenance"] == {"predicateType": "https://slsa.dev/provenance/v1"}
    assert attestations == [{"predicateType": "https://slsa.dev/provenance/v1", "bundle": json.loads(text)}]
    assert doubled.json["attestations"] == attestations


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        7,
        None,
        '{"dsseEnvelope": {"payload": "no base64"}}',
        '{"dsseEnvelope": {"payload": "e30="}}',
        bundle("tool", "1.0.0", b"another tarball"),
    ],
)
async def test_a_bundle_that_is_not_about_the_tarball_is_refused(npm: Npm, text: object) -> None:
    large = tarball(files={"package/data": os.urandom(5_000)})

    await refused(npm, with_bundle(text, large))


async def test_a_bundle_of_great_size_is_refused(npm: Npm) -> None:
    assert (await npm.send("/tool", with_bundle("x" * 70_000, tarball()))).status == 413


async def test_a_version_without_a_bundle_has_no_attestations(npm: Npm) -> None:
    await npm.publish()

    assert (await npm.read("/-/npm/v1/attestations/tool@1.0.0")).status == 404
    assert (await npm.read("/-/npm/v1/attestations/tool@2.0.0")).status == 404
    assert (await npm.read("/-/npm/v1/attestations/other@1.0.0")).status == 404
    assert (await npm.read("/-/npm/v1/attestations/tool")).status == 400


async def test_a_version_is_an_artifact_with_its_files(npm: Npm) -> None:
    content = tarball()
    await npm.send("/tool", with_bundle(bundle("tool", "1.0.0", content), content))

    stored = await read_package(npm.registry, ADMINISTRATOR, View(ACME), package_id("tool"), KIND)

    [version] = stored.versions
    assert version.sealed
    assert list(version.contents.files) == ["tool-1.0.0.sigstore", "tool-1.0.0.tgz"]
    assert version.metadata["publisher"] == "publisher"

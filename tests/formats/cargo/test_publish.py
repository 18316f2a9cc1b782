"""Publishing: https://doc.rust-lang.org/cargo/reference/registry-web-api.html#publish

Cases that say "cargo" come from what cargo's own test suite (publish.rs, alt_registry.rs) expects of a registry.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
from collections.abc import AsyncIterator
from typing import Any

import pytest

from entrepot.operations.check import check
from tests.formats.cargo.conftest import Cargo, detail
from tests.formats.cargo.crates import Needs, crate, frame, packed


async def test_a_crate_is_published_and_comes_back_as_it_was(cargo: Cargo) -> None:
    made = crate("hello", "1.0.0", description="Says hello")

    answer = await cargo.publish(made)
    got = await cargo.get("api/v1/crates/hello/1.0.0/download")

    assert answer.status_code == 200
    # cargo publish.rs: these three lists are what it prints as warnings.
    assert answer.json() == {"warnings": {"invalid_categories": [], "invalid_badges": [], "other": []}}
    assert got.content == made.crate
    assert [violation async for violation in violations(cargo)] == []


async def violations(cargo: Cargo) -> AsyncIterator[object]:
    for violation in await check(cargo.world.registry, read_bytes=True):
        yield violation


async def test_the_same_crate_again_changes_nothing(cargo: Cargo) -> None:
    made = crate()
    await cargo.publish(made)
    before = await cargo.world.events()

    answer = await cargo.publish(made)

    assert answer.status_code == 200
    assert await cargo.world.events() == before


async def test_other_bytes_under_a_used_version_are_refused(cargo: Cargo) -> None:
    # cargo publish.rs: a version that is there already is an error that names it.
    await cargo.publish(crate("hello", "1.0.0"))

    answer = await cargo.publish(crate("hello", "1.0.0", description="other"))

    assert answer.status_code == 409
    assert "hello@1.0.0" in detail(answer)


async def test_versions_that_differ_in_build_metadata_alone_are_one_version(cargo: Cargo) -> None:
    # The Cargo Book, "Index Format": a version must be unique without its build metadata.
    await cargo.publish(crate("hello", "1.0.0+first"))

    answer = await cargo.publish(crate("hello", "1.0.0+second"))

    assert answer.status_code == 409
    assert [line["vers"] for line in await cargo.index("he/ll/hello")] == ["1.0.0+first"]


@pytest.mark.parametrize("other", ["Hello-World", "hello_world", "HELLO-WORLD"])
async def test_another_spelling_of_a_name_that_is_taken_is_refused(cargo: Cargo, other: str) -> None:
    # The Cargo Book, "Index Format": names that differ in case or in - and _ collide.
    await cargo.publish(crate("hello-world", "1.0.0"))

    answer = await cargo.publish(crate(other, "2.0.0"))

    assert answer.status_code == 409
    assert "hello-world" in detail(answer)


async def test_a_name_keeps_the_spelling_that_it_was_published_in(cargo: Cargo) -> None:
    await cargo.publish(crate("Hello_World", "1.0.0"))

    (line,) = await cargo.index("he/ll/hello_world")

    assert line["name"] == "Hello_World"
    assert (await cargo.get("he/ll/hello-world")).status_code == 404
    assert (await cargo.get("api/v1/crates/Hello_World/1.0.0/download")).status_code == 200


@pytest.mark.parametrize("name", ["", "1st", "-a", "_a", "a" * 65, "a.b", "a/b", "ünï", "con", "NUL", "a b", "a\n"])
async def test_a_name_that_is_none_is_refused(cargo: Cargo, name: str) -> None:
    answer = await cargo.publish(crate("hello"), name=name)

    assert answer.status_code == 400
    assert "crate's name" in detail(answer)


@pytest.mark.parametrize(
    "version", ["", "1", "1.0", "v1.0.0", "1.0.0-", "01.0.0", "1.0.0-01", "1.0.0 ", "9" * 30 + ".0.0"]
)
async def test_a_version_that_is_none_is_refused(cargo: Cargo, version: str) -> None:
    answer = await cargo.publish(crate("hello"), vers=version)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": "hullo"}, "hullo"),
        ({"vers": "1.0.1"}, "1.0.1"),
        ({"links": "git2"}, "package.links"),
        ({"features": {"extra": []}}, "features.extra"),
        ({"deps": []}, "dependency serde"),
        ({"deps": [Needs("serde", "1.1").announced()]}, "dependency serde"),
        ({"deps": [Needs("serde", optional=True).announced()]}, "dependency serde"),
        ({"deps": [Needs("serde", kind="dev").announced()]}, "dependency serde"),
        ({"deps": [Needs("serde", package="evil").announced()]}, "dependency serde"),
    ],
)
async def test_what_is_announced_must_be_what_is_in_the_crate(
    cargo: Cargo, changes: dict[str, Any], where: str
) -> None:
    answer = await cargo.publish(crate("hello", "1.0.0", Needs("serde")), **changes)

    assert answer.status_code == 400
    assert where in detail(answer)
    assert "artifact.published" not in await cargo.world.events()


@pytest.mark.parametrize(
    "needs",
    [
        Needs("serde", "1.0"),
        Needs("serde", ">=1, <2"),
        Needs("serde", "=1.2.3-rc.1"),
        Needs("serde", "*"),
        Needs("cc", kind="build"),
        Needs("rand", kind="dev"),
        Needs("windows", target='cfg(target_os = "windows")'),
        Needs("libc", target="x86_64-unknown-linux-gnu", kind="build"),
        Needs("json", package="serde_json", optional=True, default_features=False, features=["std", "raw"]),
        Needs("_private", package="public"),
    ],
    ids=str,
)
async def test_every_kind_of_dependency_is_accepted(cargo: Cargo, needs: Needs) -> None:
    # cargo publish.rs and features.rs: every shape that it sends.
    assert (await cargo.publish(crate("hello", "1.0.0", needs))).status_code == 200


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"deps": [{"name": "a/b", "version_req": "^1"}]}, "dependency a/b"),
        ({"deps": [{"name": "serde", "version_req": "^1", "explicit_name_in_toml": "a b"}]}, "dependency a b"),
        ({"deps": [{"name": "serde", "version_req": "newest"}]}, "newest"),
        ({"deps": [{"name": "serde", "version_req": "^1", "features": ["a b"]}]}, "feature a b"),
        ({"deps": [{"name": "serde", "version_req": "^1", "target": ""}]}, "target"),
        ({"deps": [{"name": "serde", "version_req": "^1", "target": "a\nb"}]}, "target"),
        ({"deps": [{"name": "serde", "version_req": "^1", "registry": "a b"}]}, "registry"),
        ({"deps": [{"name": "serde", "version_req": "^1", "kind": "other"}]}, "kind"),
        ({"deps": [{"name": "serde"}]}, "version_req"),
        ({"features": {"a/b": []}}, "feature a/b"),
        ({"features": {"a": ["b c"]}}, "b c in the feature a"),
        ({"links": ""}, "links"),
    ],
)
async def test_an_announcement_that_the_index_could_not_say_is_refused(
    cargo: Cargo, changes: dict[str, Any], named: str
) -> None:
    answer = await cargo.publish(crate("hello", "1.0.0"), **changes)

    assert answer.status_code == 400
    assert named in detail(answer)


async def test_a_manifest_of_the_first_cargos_is_read(cargo: Cargo) -> None:
    manifest = '[project]\nname = "hello"\nversion = "1.0.0"\n[dependencies.serde]\nversion = "1.0"\n'
    made = crate(
        "hello", "1.0.0", Needs("serde", default_features=False), manifest=manifest + "default_features = false"
    )

    assert (await cargo.publish(made)).status_code == 200


async def test_what_is_no_commit_is_not_taken_for_one(cargo: Cargo) -> None:
    await cargo.publish(crate("hello", "1.0.0", files={".cargo_vcs_info.json": b"{"}))
    await cargo.publish(crate("hello", "1.0.1", files={".cargo_vcs_info.json": b'{"git":{"sha1":"main"}}'}))

    async with cargo.world.client(await cargo.world.token("reader", name="oci")) as client:
        for version in ("1.0.0", "1.0.1"):
            manifest = (await client.get(f"/v2/acme/cargo/hello/manifests/{version}")).json()
            assert "annotations" not in manifest


async def test_a_platform_may_be_written_in_another_way_inside(cargo: Cargo) -> None:
    # Cargo prints a platform before it announces it, and keeps in the manifest what the author wrote.
    made = crate("hello", "1.0.0", Needs("libc", target="cfg(any(unix,windows,))"))
    announced = [{**made.announcement["deps"][0], "target": "cfg(any(unix, windows))"}]

    assert (await cargo.publish(made, deps=announced)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\x00\x00", 400),
        (b"\xff\xff\xff\xff", 413),
        (frame(b"", b""), 400),
        (frame(b"{}", b""), 400),
        (frame(b"[]", b"crate"), 400),
        (frame(b"{" * 100_000, b"crate"), 400),
        (frame(b'{"name":"a","vers":"1.0.0"}', b""), 400),
        (frame(b'{"name":"a","vers":"1.0.0"}', b"not a crate"), 400),
        (frame(b'{"name":"a","vers":"1.0.0"}', b"crate")[:-1], 400),
        (frame(b'{"name":"a","vers":"1.0.0"}', b"crate") + b"!", 400),
        (frame(b'{"name":"a","vers":"1.0.0"}', b"")[:-4] + b"\xff\xff\xff\xff", 413),
    ],
)
async def test_a_body_that_is_no_publish_request_is_refused(cargo: Cargo, body: bytes, status: int) -> None:
    answer = await cargo.send(body)

    assert answer.status_code == status
    assert detail(answer)


@pytest.mark.parametrize("cut", [1, 3, 4, 200, -1])
async def test_a_body_of_unknown_length_that_ends_too_early_stores_nothing(cargo: Cargo, cut: int) -> None:
    whole = crate().body()

    async def pieces() -> AsyncIterator[bytes]:
        yield whole[:cut]

    answer = await cargo.send(pieces())

    assert answer.status_code == 400
    assert "artifact.published" not in await cargo.world.events()


async def test_a_body_in_single_bytes_is_read_like_any_other(cargo: Cargo) -> None:
    made = crate()

    async def pieces() -> AsyncIterator[bytes]:
        for byte in made.body():
            yield bytes([byte])

    assert (await cargo.send(pieces())).status_code == 200
    assert (await cargo.get("api/v1/crates/hello/1.0.0/download")).content == made.crate


def link(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type = kind
    info.linkname = "/etc/passwd"
    return info


_CARGO_TOML = b'[package]\nname = "hello"\nversion = "1.0.0"\n'


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({}, "Cargo.toml"),
        ({"hello-1.0.0/src/lib.rs": b""}, "Cargo.toml"),
        ({"Cargo.toml": _CARGO_TOML}, "hello-1.0.0/"),
        ({"hello-1.0.1/Cargo.toml": _CARGO_TOML}, "hello-1.0.0/"),
        ({"hello-1.0.0/Cargo.toml": _CARGO_TOML, "evil.sh": b"#!"}, "evil.sh"),
        ({"hello-1.0.0/Cargo.toml": _CARGO_TOML, "hello-1.0.0/../../evil": b"#!"}, "evil"),
        ({"hello-1.0.0/Cargo.toml": _CARGO_TOML, "/etc/evil": b"#!"}, "/etc/evil"),
        ({"hello-1.0.0/Cargo.toml": _CARGO_TOML, "hello-1.0.0/cargo.TOML": _CARGO_TOML}, "cargo.TOML"),
        ({"hello-1.0.0/Cargo.toml": _CARGO_TOML, "hello-1.0.0/link": link(tarfile.SYMTYPE)}, "hello-1.0.0/link"),
        ({"hello-1.0.0/Cargo.toml": _CARGO_TOML, "hello-1.0.0/link": link(tarfile.LNKTYPE)}, "hello-1.0.0/link"),
        ({"hello-1.0.0/Cargo.toml": _CARGO_TOML, "hello-1.0.0/pipe": link(tarfile.FIFOTYPE)}, "hello-1.0.0/pipe"),
        ({"hello-1.0.0/Cargo.toml": b"\xff"}, "Cargo.toml"),
        ({"hello-1.0.0/Cargo.toml": b"a = ["}, "Cargo.toml"),
        ({"hello-1.0.0/Cargo.toml": b"a = " + b"[" * 100_000}, "Cargo.toml"),
        ({"hello-1.0.0/Cargo.toml": b"a = " + b"9" * 100_000}, "Cargo.toml"),
        ({"hello-1.0.0/Cargo.toml": b"[" + b"a." * 100_000 + b"a]"}, "Cargo.toml"),
        ({"hello-1.0.0/Cargo.toml": b"#" * (512 * 1024 + 1)}, "Cargo.toml"),
        ({"hello-1.0.0/Cargo.toml": b"[package]\nname = 1\n"}, "Cargo.toml.package.name (expected `str`, got `int`)"),
        ({"hello-1.0.0/Cargo.toml": b"[package]\n"}, "Cargo.toml"),
        ({"hello-1.0.0/Cargo.toml": _CARGO_TOML + b"[dependencies]\na = { workspace = true, version = 1 }\n"}, "a"),
    ],
)
async def test_a_crate_that_is_not_what_cargo_packs_is_refused_by_name(
    cargo: Cargo, members: dict[str, bytes | tarfile.TarInfo], named: str
) -> None:
    announcement = b'{"name":"hello","vers":"1.0.0","deps":[],"features":{}}'

    answer = await cargo.send(frame(announcement, packed(members)))

    assert answer.status_code == 400
    assert named in detail(answer)
    assert "artifact.published" not in await cargo.world.events()


async def test_a_tar_that_is_not_compressed_is_no_crate(cargo: Cargo) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w"):
        pass

    answer = await cargo.send(frame(b'{"name":"hello","vers":"1.0.0"}', out.getvalue()))

    assert answer.status_code == 400
    assert "gzip" in detail(answer)


async def test_a_bomb_is_refused_before_it_is_unpacked(cargo: Cargo) -> None:
    members = {"hello-1.0.0/Cargo.toml": _CARGO_TOML, "hello-1.0.0/zeros": bytes(70 * 1024 * 1024)}

    answer = await cargo.send(frame(b'{"name":"hello","vers":"1.0.0"}', packed(members)))

    assert answer.status_code == 400
    assert "unpacked" in detail(answer)


async def test_a_crate_is_an_artifact_that_says_where_it_comes_from(cargo: Cargo) -> None:
    commit = hashlib.sha1(b"commit", usedforsecurity=False).hexdigest()
    made = crate(
        license="MIT",
        repository="https://git.example.com/hello",
        files={".cargo_vcs_info.json": f'{{"git":{{"sha1":"{commit}"}}}}'.encode()},
    )
    await cargo.publish(made)

    async with cargo.world.client(await cargo.world.token("reader", name="oci")) as client:
        manifest = (await client.get("/v2/acme/cargo/hello/manifests/1.0.0")).json()
        (layer,) = manifest["layers"]
        blob = await client.get(f"/v2/acme/cargo/hello/blobs/{layer['digest']}")

    assert manifest["artifactType"] == "application/vnd.entrepot.cargo.v1"
    assert layer["annotations"] == {"org.opencontainers.image.title": "hello-1.0.0.crate"}
    assert blob.content == made.crate
    assert manifest["annotations"] == {
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.source": "https://git.example.com/hello",
        "org.opencontainers.image.licenses": "MIT",
    }


async def test_of_two_crates_under_one_version_at_the_same_time_one_is_published(cargo: Cargo) -> None:
    await cargo.get("config.json", by="publisher")
    first, second = crate(description="first"), crate(description="second")

    answers = await asyncio.gather(cargo.publish(first), cargo.publish(second))
    (line,) = await cargo.index("he/ll/hello")

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    winner = first if answers[0].status_code == 200 else second
    assert line["cksum"] == hashlib.sha256(winner.crate).hexdigest()


async def test_versions_published_at_the_same_time_are_all_in_the_index(cargo: Cargo) -> None:
    await cargo.get("config.json", by="publisher")

    await asyncio.gather(*(cargo.publish(crate("hello", f"1.0.{number}")) for number in range(10)))

    assert {line["vers"] for line in await cargo.index("he/ll/hello")} == {f"1.0.{number}" for number in range(10)}


async def test_a_channel_s_view_takes_no_crates(cargo: Cargo) -> None:
    answer = await cargo.send(crate().body(), view="acme.prod")

    assert answer.status_code == 403
    assert "read-only" in detail(answer)


@pytest.mark.parametrize(("by", "status"), [(None, 401), ("reader", 403), ("publisher", 200), ("maintainer", 200)])
async def test_who_may_publish(cargo: Cargo, by: str | None, status: int) -> None:
    # cargo publish.rs, registry_auth.rs: no token, and one that is not enough.
    assert (await cargo.publish(crate(), by=by)).status_code == status


async def test_a_crate_that_was_deleted_comes_back_only_as_it_was(cargo: Cargo) -> None:
    made = crate()
    await cargo.publish(made)
    async with cargo.world.client(await cargo.world.token("maintainer", name="m")) as client:
        manifest = await client.get("/v2/acme/cargo/hello/manifests/1.0.0")
        digest = manifest.headers["docker-content-digest"]
        assert (await client.delete(f"/v2/acme/cargo/hello/manifests/{digest}")).status_code == 202

    other = await cargo.publish(crate(description="other"))
    same = await cargo.publish(made)

    assert (other.status_code, same.status_code) == (409, 200)

"""What is exported comes into another registry as it was, whatever format it is of, and nothing else does."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import pytest

from entrepot.model.access import Role
from entrepot.model.errors import ArtifactUnknown, Invalid, InvalidArchive, InvalidBundle, InvalidDigest, RegistryError
from entrepot.model.names import View
from entrepot.model.upstream import UpstreamRules
from entrepot.operations.check import check
from entrepot.operations.export import export, parse_wanted
from entrepot.operations.import_bundle import import_bundle
from entrepot.operations.upstreams import add_upstream
from entrepot.testing.builders import ADMINISTRATOR, World, image, index, open_world, referrer
from entrepot.testing.elsewhere import elsewhere
from entrepot.trust.signing import LocalKey
from tests.formats.peers import ONE, PEERS, Peer

KEY = LocalKey.generate()
LAYER = b"layer " * 100
BUILT = image(LAYER)
TOLD = referrer(BUILT)
COMMIT = {"org.opencontainers.image.revision": "4f2c1e0"}


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[World]:
    """A registry that no line leads to."""
    (tmp_path / "inside").mkdir()
    async with open_world(tmp_path / "inside") as world:
        await world.namespace("acme")
        yield world


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "outside").mkdir()
    async with open_world(tmp_path / "outside", signing=KEY) as world:
        await world.namespace("acme")
        yield world


async def bundle_of(world: World, *what: str, view: str | None = None) -> bytes:
    file = io.BytesIO()
    inside = None if view is None else View.parse(view)
    await export(world.registry, ADMINISTRATOR, [parse_wanted(each, inside) for each in what], file)
    return file.getvalue()


async def bring(world: World, bundle: bytes) -> None:
    await import_bundle(world.registry, ADMINISTRATOR, io.BytesIO(bundle), [KEY.public_key])


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.format)
async def test_a_version_of_any_format_is_served_as_it_was(outside: World, inside: World, peer: Peer) -> None:
    async with elsewhere() as other:
        peer.offer(other, (ONE,))
        await add_upstream(
            outside.registry, ADMINISTRATOR, peer.upstream(other.url, private=True, rules=UpstreamRules())
        )
        async with outside.client(await outside.token(Role.ADMINISTRATOR, None)) as client:
            for path in (peer.index, *([] if peer.before is None else [peer.before(ONE)]), peer.file(ONE)):
                assert (await client.get(path)).status_code == 200
            await outside.registry.flights.landed()
            before = (await client.get(peer.file(ONE))).content
    bundle = await bundle_of(outside, "acme")

    await bring(inside, bundle)
    async with inside.client(await inside.token(Role.ADMINISTRATOR, None)) as client:
        index_page, file = await client.get(peer.index), await client.get(peer.file(ONE))

    assert index_page.status_code == 200
    assert peer.written(ONE) in index_page.text
    assert file.content == before
    assert await check(inside.registry) == []


async def test_an_image_comes_with_what_it_contains_and_what_refers_to_it(outside: World, inside: World) -> None:
    await outside.push("acme/api", index(BUILT), "1.0", "latest")
    await outside.push("acme/api", TOLD)
    await outside.settle()
    bundle = await bundle_of(outside, "acme/api:1.*")

    await bring(inside, bundle)
    before = await inside.events()
    await bring(inside, bundle)
    async with inside.client(await inside.token(Role.READER)) as client:
        names = (await client.get("/v2/acme/api/tags/list")).json()["tags"]
        manifest = await client.get("/v2/acme/api/manifests/1.0")
        told = (await client.get(f"/v2/acme/api/referrers/{BUILT.digest}")).json()["manifests"]
        proofs = (await client.get(f"/v2/acme/api/referrers/{index(BUILT).digest}")).json()["manifests"]

    assert names == ["1.0"]
    assert manifest.content == index(BUILT).content
    assert [each["digest"] for each in told] == [str(TOLD.digest)]
    assert [each["artifactType"] for each in proofs] == ["application/vnd.c2sp.tlog-proof"]
    assert [each for each in (await inside.events())[len(before) :] if each != "token.created"] == []
    assert await check(inside.registry) == []


async def test_a_channel_is_what_is_cleared_for_it(outside: World) -> None:
    other = image(b"other " * 100)
    await outside.push("acme/api", BUILT, "1.0")
    await outside.push("acme/api", other, "2.0")
    await outside.clear("acme/api", BUILT.digest)

    bundle = await bundle_of(outside, "acme.prod")
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        members = archive.getnames()

    assert f"blobs/sha256/{BUILT.digest.hex}" in members
    assert f"blobs/sha256/{other.digest.hex}" not in members


async def test_what_there_is_nothing_of_is_said(outside: World) -> None:
    await outside.push("acme/api", BUILT, "1.0")

    with pytest.raises(ArtifactUnknown):
        await bundle_of(outside, "acme/api:2.*")


def members_of(bundle: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        found = {member.name: archive.extractfile(member) for member in archive}
        return {name: file.read() for name, file in found.items() if file is not None}


def named(bundle: bytes) -> set[str]:
    """What the bundle's artifacts are called."""
    described = json.loads(members_of(bundle)["index.json"])["manifests"]
    called = (each["annotations"].get("org.opencontainers.image.ref.name") for each in described)
    return {each for each in called if each is not None}


@pytest.fixture
async def several(outside: World) -> World:
    """Two namespaces with packages of one name and others; one commit is in both."""
    await outside.namespace("zeta")
    await outside.push("acme/api", image(b"api " * 100, annotations=COMMIT), "1.0")
    await outside.push("acme/api", image(b"api later " * 100), "1.1", "latest")
    await outside.push("acme/web", image(b"web " * 100), "1.0")
    await outside.push("zeta/api", image(b"zeta " * 100, annotations=COMMIT), "1.0")
    return outside


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("pkg:oci/api", {"acme/api:1.0", "acme/api:1.1", "acme/api:latest", "zeta/api:1.0"}),
        ("pkg:oci/api@1.0", {"acme/api:1.0", "zeta/api:1.0"}),
        ("pkg:oci/*@1.*", {"acme/api:1.0", "acme/api:1.1", "acme/web:1.0", "zeta/api:1.0"}),
        ("pkg:oci/api@<1.1", {"acme/api:1.0", "zeta/api:1.0"}),
        ("pkg:oci/*@>1.0,<=1.1", {"acme/api:1.1"}),
        ("commit:4f2c", {"acme/api:1.0", "zeta/api:1.0"}),
    ],
)
async def test_package_urls_and_searches_name_what_is_in_every_namespace(
    several: World, what: str, found: set[str]
) -> None:
    assert named(await bundle_of(several, what)) == found


@pytest.mark.parametrize("what", ["pkg:oci/api", "commit:4f2c"])
async def test_a_view_bounds_what_a_package_url_or_a_search_names(several: World, what: str) -> None:
    await several.clear("acme/api", image(b"api " * 100, annotations=COMMIT).digest)

    assert named(await bundle_of(several, what, view="zeta")) == {"zeta/api:1.0"}
    assert named(await bundle_of(several, what, view="acme.prod")) == {"acme/api:1.0"}


@pytest.mark.parametrize("what", ["zeta/api:1.0", "acme.prod/api", "zeta"])
async def test_what_names_another_view_than_the_one_that_bounds_all_is_refused(several: World, what: str) -> None:
    with pytest.raises(Invalid, match=what):
        await bundle_of(several, "acme/web", what, view="acme")


async def test_several_are_one_bundle_and_each_of_it_is_there_once(several: World, inside: World) -> None:
    await inside.namespace("zeta")
    bundle = await bundle_of(several, "pkg:oci/api@1.0", "commit:4f2c1e0", "acme/api:1.*", "acme/web")

    await bring(inside, bundle)

    assert named(bundle) == {"acme/api:1.0", "acme/api:1.1", "acme/web:1.0", "zeta/api:1.0"}
    assert len(members_of(bundle)) == bundle.count(b"ustar")
    assert await check(inside.registry, read_bytes=True) == []


@pytest.mark.parametrize("what", ["pkg:oci/none", "pkg:oci/api@9", "commit:0000", "acme/none"])
async def test_a_part_of_what_is_wanted_that_is_nothing_is_named(several: World, what: str) -> None:
    with pytest.raises(ArtifactUnknown, match=what):
        await bundle_of(several, "acme/api", what)


# --- hostile ---


def changed(bundle: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """The bundle with other members."""
    members = members_of(bundle)
    change(members)
    return packed(members.items())


def packed(members: Iterable[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return file.getvalue()


def lie(members: dict[str, bytes]) -> None:
    document = json.loads(members["index.json"])
    document["manifests"][-1]["annotations"]["dev.entrepot.name"] = "9.9"
    members["index.json"] = json.dumps(document).encode()


def blob(members: dict[str, bytes]) -> str:
    return next(name for name, content in members.items() if content == LAYER)


HOSTILE: dict[str, Callable[[dict[str, bytes]], object]] = {
    "another name": lie,
    "other bytes": lambda members: members.update({blob(members): b"lay3r " * 100}),
    "more bytes": lambda members: members.update({blob(members): LAYER * 2}),
    "a blob that is missing": lambda members: members.pop(blob(members)),
    "a blob that nobody links": lambda members: members.update({f"blobs/sha256/{'0' * 64}": b"0"}),
    "a path that leads out": lambda members: members.update({"../../etc/passwd": b"root"}),
    "a path that is none of a layout": lambda members: members.update({"blobs/sha256/../x": b"x"}),
    "no seal": lambda members: members.pop("entrepot-seal.json"),
    "no index": lambda members: members.pop("index.json"),
    "a seal that is none": lambda members: members.update({"entrepot-seal.json": b"[]"}),
    "an index that is none": lambda members: members.update({"index.json": b"[" * 100_000}),
}


@pytest.mark.parametrize("harm", HOSTILE)
async def test_a_bundle_that_somebody_changed_is_refused(outside: World, inside: World, harm: str) -> None:
    await outside.push("acme/api", BUILT, "1.0")
    bundle = changed(await bundle_of(outside, "acme"), HOSTILE[harm])

    with pytest.raises((InvalidBundle, InvalidArchive, InvalidDigest)):
        await bring(inside, bundle)

    assert "artifact.published" not in await inside.events()
    assert await check(inside.registry) == []


def damage(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


async def test_whatever_part_is_changed_left_out_or_added_is_named_and_nothing_is_written(
    outside: World, inside: World
) -> None:
    await outside.push("acme/api", index(BUILT), "1.0")
    await outside.push("acme/api", TOLD)
    await outside.settle()
    bundle = await bundle_of(outside, "acme")
    parts = members_of(bundle)
    before = await inside.catalog.head()

    async def refused(part: str, harmed: bytes) -> None:
        with pytest.raises((InvalidBundle, InvalidArchive, InvalidDigest)) as caught:
            await bring(inside, harmed)
        assert part.rpartition("/")[2].removesuffix(".json") in str(caught.value), part
        assert await inside.catalog.head() == before

    for part, content in parts.items():
        await refused(part, packed({**parts, part: damage(content)}.items()))
        await refused(part, packed((name, each) for name, each in parts.items() if name != part))
        await refused(part, packed([*parts.items(), (part, content)]))
    await refused("0" * 64, packed([*parts.items(), (f"blobs/sha256/{'0' * 64}", b"")]))
    await refused("notes", packed([*parts.items(), ("notes", b"")]))
    await outside.push("acme/web", BUILT, "1.0")
    other = members_of(await bundle_of(outside, "acme"))
    await refused("index.json", packed({**parts, "index.json": other["index.json"]}.items()))
    await refused("index.json", packed({**parts, "entrepot-seal.json": other["entrepot-seal.json"]}.items()))

    dry = await import_bundle(inside.registry, ADMINISTRATOR, io.BytesIO(bundle), [KEY.public_key], dry_run=True)
    assert await inside.catalog.head() == before
    assert dry == await import_bundle(inside.registry, ADMINISTRATOR, io.BytesIO(bundle), [KEY.public_key])


async def test_a_bundle_that_ends_early_is_refused_wherever_it_ends(outside: World, inside: World) -> None:
    await outside.push("acme/api", BUILT, "1.0")
    bundle = await bundle_of(outside, "acme")

    for end in range(0, len(bundle) - 1024, 700):
        with pytest.raises(RegistryError):
            await bring(inside, bundle[:end])

    assert "artifact.published" not in await inside.events()
    await bring(inside, bundle)
    assert await check(inside.registry) == []


async def test_a_bundle_that_another_registry_has_sealed_is_not_believed(outside: World, inside: World) -> None:
    await outside.push("acme/api", BUILT, "1.0")
    bundle = await bundle_of(outside, "acme")

    with pytest.raises(InvalidBundle, match="a seal by"):
        await import_bundle(inside.registry, ADMINISTRATOR, io.BytesIO(bundle), [LocalKey.generate().public_key])


async def test_a_bundle_that_is_a_bomb_is_refused(outside: World, inside: World) -> None:
    await outside.push("acme/api", BUILT, "1.0")
    bundle = gzip.compress(await bundle_of(outside, "acme") + bytes(50_000_000))

    with pytest.raises(InvalidArchive):
        await bring(inside, bundle)

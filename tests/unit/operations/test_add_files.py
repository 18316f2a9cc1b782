from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import pytest

from entrepot.model.contents import Contents, FilePath, Kind
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    Denied,
    DigestMismatch,
    InvalidMetadata,
    NameTaken,
    PackageUnknown,
    TooLarge,
    VersionExists,
    VersionSealed,
)
from entrepot.model.names import FormatName, ReferenceName, View, parse_channel, parse_namespace
from entrepot.model.upstream import Upstream, parse_upstream_name
from entrepot.operations.add_files import Addition, Metadata, NewFile, add_files
from entrepot.operations.check import check
from entrepot.operations.clear import open_clearance
from entrepot.operations.delete import delete_version
from entrepot.operations.fetch_file import caller_of
from entrepot.operations.mark import deprecate, seal, yank
from entrepot.operations.read_package import StoredPackage, read_package
from entrepot.operations.readmit import readmit
from entrepot.operations.receive_file import receive_file
from entrepot.operations.registry import Limits
from entrepot.operations.upload import StoredBlob
from entrepot.testing.builders import ADMINISTRATOR, World, caller, package, stream

CRATE = Kind.of("crate")
LIB = package("acme/lib", format="crate")
ALL, PROD = View.parse("acme"), View.parse("acme.prod")
PUBLISHER, READER = caller("publisher"), caller("reader")
UPSTREAM = caller_of(
    Upstream(
        parse_namespace("acme"), FormatName("crate"), parse_upstream_name("public"), "https://registry.example.com"
    )
)
ONE, TWO = ReferenceName("1.0"), ReferenceName("2.0")


def blob(content: bytes) -> StoredBlob:
    return StoredBlob(Digest.of(content), len(content), content)


def described(**facts: Any) -> Mapping[str, Any]:
    return facts


def adding(
    *names: str, version: ReferenceName = ONE, content: bytes | None = None, sealed: bool = False, tags: str = ""
) -> Addition:
    """Files called *names*, whose names go into the version's metadata, too."""

    def describe(before: Metadata | None) -> Metadata:
        known = [] if before is None else before["names"]
        return {"names": sorted({*known, *names})}

    files = tuple(NewFile(FilePath(name), "text/plain", blob(content or name.encode())) for name in names)
    return Addition(version, files, describe, sealed=sealed, tags=tuple(ReferenceName(tag) for tag in tags.split()))


async def look(world: World, view: View = ALL) -> StoredPackage:
    return await read_package(world.registry, READER, view, LIB, CRATE)


async def test_a_version_is_what_was_added_and_what_is_known_of_it(world: World) -> None:
    added = await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a", "b", sealed=True))

    [version] = (await look(world)).versions
    assert version.name == ONE
    assert version.digest == added.artifact
    assert list(version.contents.files) == ["a", "b"]
    assert version.metadata == {"names": ["a", "b"]}
    assert version.sealed
    assert version.published_at == world.clock.now()
    assert added.files == {"a", "b"}


async def test_a_version_grows_and_so_does_what_is_known_of_it(world: World) -> None:
    await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a"))
    first = world.clock.now()
    world.clock.advance(hours=1)
    added = await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("b"))

    found = await look(world)
    [version] = found.versions
    assert version.metadata == {"names": ["a", "b"]}
    assert version.published_at == first
    assert added.files == {"b"}
    assert found.times[Digest.of(b"a")] == first
    assert found.times[Digest.of(b"b")] == world.clock.now()
    assert await check(world.registry) == []


async def test_two_writers_at_once_lose_nothing(world: World) -> None:
    await asyncio.gather(
        *(add_files(world.registry, PUBLISHER, LIB, CRATE, adding(f"file-{number}")) for number in range(20))
    )

    [version] = (await look(world)).versions
    assert len(version.contents.files) == 20
    assert len(version.metadata["names"]) == 20


async def test_the_same_files_again_change_nothing_and_are_no_event(world: World) -> None:
    first = await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a", "b", sealed=True))
    position, _ = await world.registry.catalog.head()

    again = await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("b", sealed=True))

    assert again.artifact == first.artifact
    assert again.files == frozenset()
    assert (await world.registry.catalog.head())[0] == position


async def test_other_bytes_under_a_used_name_are_refused_and_nothing_of_the_others_stays(world: World) -> None:
    await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a"))

    with pytest.raises(VersionExists):
        await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("new", "a", content=b"other"))

    [version] = (await look(world)).versions
    assert list(version.contents.files) == ["a"]


async def test_a_sealed_version_takes_no_more(world: World) -> None:
    await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a"))
    await seal(world.registry, PUBLISHER, LIB, ONE)

    with pytest.raises(VersionSealed):
        await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("b"))


async def test_a_deleted_version_comes_back_only_as_it_was(world: World) -> None:
    await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a", sealed=True))
    await delete_version(world.registry, ADMINISTRATOR, LIB, ONE)

    with pytest.raises(VersionExists):
        await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a", content=b"other", sealed=True))
    await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a"))

    [version] = (await look(world)).versions
    assert version.sealed


@pytest.mark.parametrize("sealed", [False, True], ids=["open", "sealed"])
async def test_a_deleted_version_of_several_files_is_not_published_again_file_by_file(
    world: World, *, sealed: bool
) -> None:
    await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a"))
    await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("b", sealed=sealed))
    [whole] = (await look(world)).versions
    await delete_version(world.registry, ADMINISTRATOR, LIB, ONE)

    for other in (adding("a"), adding("b"), adding("c"), adding("a", content=b"other"), adding("a", "b", "c")):
        with pytest.raises(VersionExists):
            await add_files(world.registry, PUBLISHER, LIB, CRATE, other)
    await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a", "b", sealed=sealed))

    [back] = (await look(world)).versions
    assert (back.digest, back.sealed) == (whole.digest, sealed)
    assert await check(world.registry) == []


@pytest.mark.parametrize("sealed", [False, True], ids=["open", "sealed"])
async def test_a_readmitted_version_of_several_files_comes_back_file_by_file(world: World, *, sealed: bool) -> None:
    await add_files(world.registry, UPSTREAM, LIB, CRATE, adding("a", "b"))
    if sealed:
        await seal(world.registry, PUBLISHER, LIB, ONE)
    await delete_version(world.registry, ADMINISTRATOR, LIB, ONE)
    await readmit(world.registry, ADMINISTRATOR, LIB, ONE)

    for other in (adding("c"), adding("a", content=b"other"), adding("a", "c")):
        with pytest.raises(VersionExists):
            await add_files(world.registry, UPSTREAM, LIB, CRATE, other)
    await add_files(world.registry, UPSTREAM, LIB, CRATE, adding("b"))
    for other in (adding("c"), adding("a", content=b"other")):
        with pytest.raises(VersionExists):
            await add_files(world.registry, UPSTREAM, LIB, CRATE, other)
    [half] = (await look(world)).versions
    await add_files(world.registry, UPSTREAM, LIB, CRATE, adding("a"))

    [whole] = (await look(world)).versions
    assert [list(half.contents.files), sorted(whole.contents.files)] == [["b"], ["a", "b"]]
    assert (half.sealed, whole.sealed) == (False, sealed)
    assert await check(world.registry) == []


async def test_a_format_s_tags_move_without_the_right_to_overwrite(world: World) -> None:
    first = await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a", tags="stable next"))
    second = await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("b", version=TWO, tags="next"))

    assert (await look(world)).tags == {"stable": first.artifact, "next": second.artifact}


async def test_a_tag_and_a_version_are_not_one_name(world: World) -> None:
    await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a", tags="2.0"))

    with pytest.raises(NameTaken):
        await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("b", version=TWO))


async def test_what_another_kind_of_artifact_is_called_is_taken_and_not_listed(world: World) -> None:
    await add_files(world.registry, PUBLISHER, LIB, Kind.of("wheel"), adding("a"))

    with pytest.raises(VersionExists):
        await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("b"))
    assert (await look(world)).versions == []


async def test_versions_come_in_the_order_in_which_they_were_published(world: World) -> None:
    for name in ("2.0", "10.0", "1.0"):
        await add_files(world.registry, PUBLISHER, LIB, CRATE, adding(f"a-{name}", version=ReferenceName(name)))
        world.clock.advance(seconds=1)

    assert [version.name for version in (await look(world)).versions] == ["2.0", "10.0", "1.0"]


async def test_every_version_is_read_however_many_there_are(world: World) -> None:
    names = [f"1.{number}" for number in range(1_001)]
    for start in range(0, len(names), 100):
        await asyncio.gather(
            *(
                add_files(
                    world.registry, PUBLISHER, LIB, CRATE, adding("a", version=ReferenceName(name), tags=f"t-{name}")
                )
                for name in names[start : start + 100]
            )
        )

    found = await look(world)

    assert {version.name for version in found.versions} == set(names)
    assert len(found.tags) == len(names)


async def test_a_channel_s_view_shows_what_is_cleared(world: World) -> None:
    cleared = await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a", tags="latest"))
    await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("b", version=TWO, tags="next"))
    with pytest.raises(PackageUnknown):
        await look(world, PROD)

    await open_clearance(world.registry, ADMINISTRATOR, LIB, parse_channel("prod"), cleared.artifact)

    found = await look(world, PROD)
    assert [version.name for version in found.versions] == [ONE]
    assert found.tags == {"latest": cleared.artifact}
    assert found.revision == (await look(world)).revision, "a clearance touches the package"


async def test_marks_are_read_with_the_version(world: World) -> None:
    await add_files(world.registry, PUBLISHER, LIB, CRATE, adding("a"))
    await yank(world.registry, ADMINISTRATOR, LIB, ONE, reason="broken")
    await deprecate(world.registry, ADMINISTRATOR, LIB, ONE, reason="old")

    [version] = (await look(world)).versions

    assert (version.yanked, version.deprecated) == ("broken", "old")


async def test_a_version_has_so_many_files_and_so_much_to_say(world: World) -> None:
    registry = replace(world.registry, limits=Limits(files_per_version=2, manifest_size=2_000))

    with pytest.raises(TooLarge):
        await add_files(registry, PUBLISHER, LIB, CRATE, adding("a", "b", "c"))
    with pytest.raises(TooLarge):
        await add_files(registry, PUBLISHER, LIB, CRATE, Addition(ONE, (), lambda _: described(text="x" * 2_000)))


async def test_who_may_not_publish_adds_nothing(world: World) -> None:
    with pytest.raises(Denied):
        await add_files(world.registry, READER, LIB, CRATE, adding("a"))


def test_a_manifest_of_another_kind_holds_no_files_of_ours() -> None:
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.example",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(b"{}")), "size": 2},
            "layers": [],
        }
    )

    assert Contents.read(manifest.encode(), CRATE) is None


# --- looking into files ---


def first_byte(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(1)


def refuse(file: BinaryIO) -> None:
    raise InvalidMetadata(file.read(5).decode(), expected="something else")


@pytest.mark.parametrize("size", [5, 100], ids=["small", "large"])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_file_is_looked_into_before_it_is_kept(world: World, size: int, *, announced: bool) -> None:
    content = b"x" * size

    kept, found = await receive_file(
        world.registry, PUBLISHER, LIB, stream(content), first_byte, size=size if announced else None
    )

    assert found == b"x"
    assert (kept.digest, kept.size) == (Digest.of(content), size)
    assert [stage async for stage in world.registry.blobs.stages()] == []


@pytest.mark.parametrize("size", [5, 100], ids=["small", "large"])
async def test_nothing_of_a_file_that_is_refused_stays(world: World, size: int) -> None:
    content = b"x" * size

    with pytest.raises(InvalidMetadata):
        await receive_file(world.registry, PUBLISHER, LIB, stream(content), refuse, size=size)

    assert [stage async for stage in world.registry.blobs.stages()] == []
    assert [kept.digest async for kept in world.registry.blobs.kept()] == []


async def test_other_bytes_than_the_client_says_are_not_looked_into(world: World) -> None:
    with pytest.raises(DigestMismatch):
        await receive_file(
            world.registry, PUBLISHER, LIB, stream(b"x" * 100), refuse, expected=Digest.of(b"y"), size=100
        )

"""A bundle is written durably, whole or not at all, and never by mistake in the place of another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from entrepot.app.bundles import export_bundle, import_file
from entrepot.app.parts import open_registry
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, Conflict, InvalidBundle
from entrepot.model.names import ReferenceName, View, parse_namespace
from entrepot.operations.check import check
from entrepot.operations.export import Wanted
from entrepot.operations.govern import create_namespace
from entrepot.operations.publish import Draft, publish
from entrepot.operations.resolve import resolve
from entrepot.operations.upload import add_blob
from entrepot.settings import Settings
from entrepot.testing.builders import ADMINISTRATOR, image, package, stream

API = package("acme/api")
LAYER = b"layer " * 20_000
BUILT = image(LAYER)


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """An installation with one image."""
    settings = Settings(data=str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    async with open_registry(settings) as registry:
        for name in ("acme", "inside"):
            await create_namespace(registry, ADMINISTRATOR, parse_namespace(name), public=False)
        for blob in BUILT.blobs:
            expected, content = Digest.of(blob), stream(blob)
            await add_blob(registry, ADMINISTRATOR, API, expected=expected, content=content, size=len(blob))
        await publish(registry, ADMINISTRATOR, API, Draft(BUILT.artifact, tags=(ReferenceName("1.0"),)))
    return settings


async def test_what_was_exported_is_imported(settings: Settings, tmp_path: Path) -> None:
    made = await export_bundle(settings, [Wanted.parse("acme")], tmp_path / "all.tar")
    done = await import_file(settings, tmp_path / "all.tar", [], parse_namespace("inside"))

    assert (made.names, done.names) == (1, 1)
    async with open_registry(settings) as registry:
        there = package("inside/api")
        found = await resolve(registry, ADMINISTRATOR, View.parse("inside"), there, name=ReferenceName("1.0"))
        assert found.content == BUILT.content
        assert await check(registry, read_bytes=True) == []


async def test_a_pipe_is_refused_since_it_can_be_read_only_once(settings: Settings, tmp_path: Path) -> None:
    out, into = os.pipe()
    os.close(into)

    with pytest.raises(InvalidBundle, match="read twice"):
        await import_file(settings, Path(f"/dev/fd/{out}"), [], parse_namespace("inside"))

    os.close(out)


async def test_another_bundle_is_not_replaced_unless_that_is_wanted(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "all.tar"
    path.write_bytes(b"the last one")

    with pytest.raises(Conflict, match="is there already"):
        await export_bundle(settings, [Wanted.parse("acme")], path)
    before = path.read_bytes()
    await export_bundle(settings, [Wanted.parse("acme")], path, overwrite=True)

    assert before == b"the last one"
    assert (await import_file(settings, path, [], parse_namespace("inside"))).names == 1


async def test_what_fails_leaves_what_was_there_and_nothing_else(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "all.tar"
    path.write_bytes(b"the last one")

    with pytest.raises(ArtifactUnknown):
        await export_bundle(settings, [Wanted.parse("acme/other")], path, overwrite=True)

    assert path.read_bytes() == b"the last one"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["all.tar", "data"]


async def test_an_artifact_is_exported_by_its_digest(settings: Settings, tmp_path: Path) -> None:
    """Nobody may have a name for it; it comes without one."""
    made = await export_bundle(settings, [Wanted.parse(f"acme/api@{BUILT.digest}")], tmp_path / "one.tar")
    await import_file(settings, tmp_path / "one.tar", [], parse_namespace("inside"))

    assert (made.names, made.artifacts - made.proofs) == (0, 1)
    async with open_registry(settings) as registry:
        found = await resolve(registry, ADMINISTRATOR, View.parse("inside"), package("inside/api"), digest=BUILT.digest)
    assert found.content == BUILT.content


async def test_a_digest_that_no_package_has_is_nothing(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ArtifactUnknown):
        await export_bundle(settings, [Wanted.parse(f"acme@{Digest.of(b'other')}")], tmp_path / "none.tar")

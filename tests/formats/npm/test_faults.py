"""A process that dies at any step of a change leaves a sound registry, and the client's next attempt succeeds."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from entrepot.model.errors import RegistryError, StorageFull, StorageReadOnly
from tests.formats.generic.test_faults import Crash, Steps
from tests.formats.npm.packages import bundle, publication, tarball
from tests.formats.npm.served import REGISTRY, Npm, serve

CONTENTS = pytest.mark.parametrize("size", [0, 5_000], ids=["small", "large"])


def content_of(size: int) -> bytes:
    return tarball("@acme/tool", "1.1.0", files={"package/data": os.urandom(size)})


async def publish(npm: Npm, content: bytes) -> int:
    """With provenance, so that there are two files."""
    document = publication("@acme/tool", "1.1.0", content=content)
    document["_attachments"]["@acme/tool-1.1.0.sigstore"] = {"data": bundle("@acme/tool", "1.1.0", content)}
    return (await npm.send("/@acme%2ftool", document)).status


async def unpublish(npm: Npm) -> int:
    packument = await npm.read("/tool", by="maintainer")
    if packument.status != 200:
        return packument.status
    return (await npm.ask("DELETE", f"{REGISTRY}/tool/-rev/{packument.json['_rev']}", by="maintainer")).status


async def until_it_is_through(
    npm: Npm, change: Callable[[], Awaitable[int]], check: Callable[[], Awaitable[None]]
) -> int:
    """Let *change* die at its first step, its second and so on, and *check* each time; how many steps it has."""
    sound = npm.registry
    crashes = 0
    while True:
        steps = Steps(crashes + 1, Crash())
        npm.app.registry = replace(sound, catalog=steps.around(sound.catalog), blobs=steps.around(sound.blobs))
        try:
            await change()
        except Crash:
            crashes += 1
        else:
            return crashes
        finally:
            npm.app.registry = sound

        assert await npm.violations() == [], f"after crash {crashes}"
        await check()


@CONTENTS
async def test_a_crash_at_any_step_of_publishing_leaves_all_or_nothing(npm: Npm, size: int) -> None:
    content = content_of(size)
    await npm.publish("@acme/tool")

    async def check() -> None:
        versions = (await npm.packument("@acme/tool"))["versions"]
        file = await npm.read("/@acme/tool/-/tool-1.1.0.tgz")
        assert file.status == (200 if "1.1.0" in versions else 404)
        assert file.status == 404 or file.body == content
        assert "1.0.0" in versions

    crashes = await until_it_is_through(npm, lambda: publish(npm, content), check)

    assert crashes >= 8
    assert await publish(npm, content) == 201
    assert (await npm.read("/@acme/tool/-/tool-1.1.0.tgz")).body == content
    assert (await npm.packument("@acme/tool"))["dist-tags"] == {"latest": "1.1.0"}
    assert await npm.violations() == []


async def test_a_crash_at_any_step_of_taking_back_leaves_whole_versions(npm: Npm) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        await npm.publish(version=version)

    async def check() -> None:
        packument = await npm.read("/tool")
        for version in packument.json["versions"] if packument.status == 200 else ():
            assert (await npm.read(f"/tool/-/tool-{version}.tgz")).status == 200

    crashes = await until_it_is_through(npm, lambda: unpublish(npm), check)

    assert crashes >= 8
    assert (await npm.read("/tool")).status == 404
    assert await npm.violations() == []


@CONTENTS
@pytest.mark.parametrize(("failure", "status"), [(StorageFull("disk"), 507), (StorageReadOnly("disk"), 503)])
async def test_a_disk_that_fails_at_any_step_is_said_and_got_over(
    tmp_path: Path, blob_folder: Path, size: int, failure: RegistryError, status: int
) -> None:
    content = content_of(size)
    async with serve(tmp_path, blob_folder=blob_folder) as npm:
        sound = npm.registry
        failures = 0
        while True:
            steps = Steps(failures + 1, failure)
            npm.app.registry = replace(sound, catalog=steps.around(sound.catalog), blobs=steps.around(sound.blobs))
            answered = await publish(npm, content)
            npm.app.registry = sound
            if answered != status:
                break
            failures += 1
            assert await npm.violations() == [], f"after failure {failures}"

        assert failures >= 8
        assert answered == 201
        assert (await npm.read("/@acme/tool/-/tool-1.1.0.tgz")).body == content

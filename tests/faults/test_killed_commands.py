"""`backup`, `backup prune`, `recover` and `import`, killed at any step: nothing is lost, and doing it again does it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from entrepot.app import backups
from entrepot.app.parts import CATALOG_FILE, RECOVERING_FILE, SIGNING_KEY_FILE, log_identity, open_registry
from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.signing_key import open_signing_key
from entrepot.model.errors import Conflict
from entrepot.model.names import View
from entrepot.model.position import START
from entrepot.operations.backup import list_backups
from entrepot.operations.check import check
from entrepot.operations.erase import erase
from entrepot.operations.export import export, parse_wanted
from entrepot.settings import Settings
from entrepot.testing.builders import ADMINISTRATOR, World, image, index, open_world, package, referrer
from tests.faults import killing

pytestmark = pytest.mark.timeout(7200 if killing.LONG else 900)

ALL, API = View.parse("acme"), package("acme/api")
FIRST, SECOND, BANNED = image(b"first " * 100), image(b"second " * 20_000), image(b"banned " * 20_000)


@asynccontextmanager
async def filled(data: Path) -> AsyncIterator[World]:
    """What is in a data directory as a server leaves it, to be added to."""
    data.mkdir(exist_ok=True)
    blobs, log = FileBlobStore(data / "blobs"), log_identity(Settings(data=str(data)))
    signing = open_signing_key("", default=data / SIGNING_KEY_FILE, public_key=None)
    try:
        async with open_world(data, blobs=blobs, log=log, signing=signing) as world:
            yield world
    finally:
        blobs.close()


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """A data directory, with an image."""
    async with filled(tmp_path / "data") as world:
        await world.namespace()
        await world.push("acme/api", index(FIRST), "1.0")
        await world.push("acme/api", referrer(FIRST))
        await world.push("acme/api", BANNED, "0.9")
        await world.settle()
    return tmp_path


@pytest.fixture
async def twice(home: Path) -> Path:
    """Two backups of it, and between them something came and something was erased."""
    await killing.back_up(home / "data", home / "backups")
    async with filled(home / "data") as world:
        await world.push("acme/api", SECOND, "2.0")
        await erase(world.registry, ADMINISTRATOR, BANNED.digest, reason="a court said so")
        await world.settle()
    await killing.back_up(home / "data", home / "backups")
    return home


@contextmanager
def attempt(home: Path) -> Iterator[Path]:
    """All of it, to be killed in."""
    there = home / "attempt"
    shutil.copytree(home, there, ignore=shutil.ignore_patterns("attempt*"))
    try:
        yield there
    finally:
        shutil.rmtree(there)


def ten_minutes_pass(target: Path) -> None:
    """Nobody waits any longer for who was killed in a place for backups."""
    for path in (target / "working").glob("[!.]*"):
        path.write_text("2020-01-01T00:00:00+00:00")


async def verified(target: Path) -> list[int]:
    """The positions of the backups that are there, each of which is whole."""
    async with backups.open_backups(str(target)) as store:
        made = [backup async for _, backup in list_backups(store)]
        for backup in made:
            assert (await backups.verify(store, backup)).problems == []
    return [int(backup.manifest.position) for backup in made]


async def events(data: Path) -> list[str]:
    async with open_registry(Settings(data=str(data))) as registry:
        assert await check(registry, read_bytes=True) == []
        return [entry.event.type for entry in await registry.catalog.list_entries(after=START, limit=1_000)]


@pytest.mark.parametrize("earlier", [False, True], ids=["full", "incremental"])
async def test_a_backup_that_was_killed_takes_none_and_the_next_one_is_whole(home: Path, earlier: bool) -> None:
    if earlier:
        await killing.back_up(home / "data", home / "backups")
        async with filled(home / "data") as world:
            await world.push("acme/api", SECOND, "2.0")
    before = await verified(home / "backups") if earlier else []
    with attempt(home) as there:
        steps = killing.steps_of(home, killing.back_up, there / "data", there / "backups")

    for step in killing.some_of(steps):
        with attempt(home) as there:
            killing.kill_at(step, killing.back_up, there / "data", there / "backups")
            if earlier:
                assert (await verified(there / "backups"))[: len(before)] == before, step

            await killing.back_up(there / "data", there / "backups")

            after = await verified(there / "backups")
            assert after[: len(before)] == before, step
            assert len(after) > len(before), step
            assert "dev.entrepot.backup.made.v1" in await events(there / "data"), step


async def test_what_a_killed_prune_has_left_is_whole_and_the_next_one_ends_it(twice: Path) -> None:
    *_, last = await verified(twice / "backups")
    with attempt(twice) as there:
        steps = killing.steps_of(twice, killing.prune, there / "backups")
        kept = sorted(path.name for path in (there / "backups" / "blobs" / "sha256").rglob("*") if path.is_file())

    for step in killing.some_of(steps):
        with attempt(twice) as there:
            killing.kill_at(step, killing.prune, there / "backups")
            assert last in await verified(there / "backups"), step
            ten_minutes_pass(there / "backups")

            await killing.prune(there / "backups")

            files = (path for path in (there / "backups" / "blobs" / "sha256").rglob("*") if path.is_file())
            assert sorted(path.name for path in files) == kept, step
            await killing.back_up(there / "data", there / "backups")
            assert (await verified(there / "backups"))[0] == last, step


async def test_a_recovery_that_was_killed_is_not_served_until_it_was_gone_on_with(twice: Path) -> None:
    first, _ = await verified(twice / "backups")
    with attempt(twice) as there:
        steps = killing.steps_of(twice, killing.recover, there / "new", there / "backups", first)
        whole = await events(there / "new")

    for step in killing.some_of(steps):
        with attempt(twice) as there:
            new = there / "new"
            killing.kill_at(step, killing.recover, new, there / "backups", first)
            if (new / RECOVERING_FILE).exists():
                with pytest.raises(Conflict, match="run `entrepot recover` again"):
                    await events(new)
                await killing.recover(new, there / "backups", first)
            elif not (new / CATALOG_FILE).exists():
                await killing.recover(new, there / "backups", first)

            assert await events(new) == whole, step
            async with open_registry(Settings(data=str(new))) as registry:
                assert await registry.catalog.find_artifact(ALL, API, digest=BANNED.digest) is None, step
                assert await registry.catalog.find_artifact(ALL, API, digest=FIRST.digest) is not None, step


async def test_an_import_that_was_killed_leaves_nothing_half_and_is_done_again(home: Path) -> None:
    bundle = home / "bundle.tar"
    async with filled(home / "data") as world:
        with bundle.open("wb") as file:
            await export(world.registry, ADMINISTRATOR, [parse_wanted("acme", None)], file)
        assert world.registry.signing is not None
        key = world.registry.signing.public_key.pem
    async with filled(home / "inside") as world:
        await world.namespace()
    with attempt(home) as there:
        steps = killing.steps_of(home, killing.bring, there / "inside", bundle, key)
        whole = await events(there / "inside")

    for step in killing.some_of(steps):
        with attempt(home) as there:
            killing.kill_at(step, killing.bring, there / "inside", bundle, key)
            assert [each for each in await events(there / "inside") if each not in whole] == [], step

            await killing.bring(there / "inside", bundle, key)

            assert await events(there / "inside") == whole, step

"""Old backups go with what no other needs: whatever is interrupted, and never what one that stays is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from entrepot.app import backups as installed
from entrepot.drivers.backups.folder import FolderBackups
from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.catalog.snapshots import FileSnapshot, SqliteSnapshots
from entrepot.model.digest import Digest
from entrepot.model.errors import BackupUnknown, InvalidBackup, Unavailable
from entrepot.operations.backup import BackedUp, back_up, list_backups
from entrepot.operations.backup_shift import Work, at_work
from entrepot.operations.collect import collect
from entrepot.operations.delete import delete_artifact
from entrepot.operations.erase import erase
from entrepot.operations.prune_backups import Keep, Pruned, prune_backups
from entrepot.settings import Settings
from entrepot.testing.builders import ADMINISTRATOR, World, image, open_world, package
from entrepot.testing.faults import Crash, Faults, FaultyBlobStore
from entrepot.trust.backup import SealedBackup
from entrepot.trust.signing import LocalKey

API = package("acme/api")
CONTENTS = [b"layer %d " % number * 100 for number in range(4)]
DIGESTS = [Digest.of(content) for content in CONTENTS]
KEY = LocalKey.generate()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "data").mkdir()
    blobs = FileBlobStore(tmp_path / "data" / "blobs")
    async with open_world(tmp_path / "data", blobs=blobs, signing=KEY) as world:
        await world.namespace()
        yield world
    blobs.close()


@pytest.fixture
def store(tmp_path: Path) -> FolderBackups:
    return FolderBackups(tmp_path / "backups", new=True)


async def backed_up(world: World, store: FolderBackups) -> BackedUp:
    snapshots = SqliteSnapshots(world.folder / "catalog.sqlite", world.folder / "backup")
    return await back_up(world.registry, store, snapshots)


async def backed_up_often(world: World, store: FolderBackups) -> list[SealedBackup]:
    """Four backups, a day apart, each with one image: the one before was given up."""
    made = []
    for number, content in enumerate(CONTENTS):
        built = image(content)
        await world.push("acme/api", built, f"1.{number}")
        made.append((await backed_up(world, store)).backup)
        await delete_artifact(world.registry, ADMINISTRATOR, API, built.digest)
        for days in (40, 8, 8):  # Until it may not be had back, is condemned, and is given up.
            world.clock.advance(days=days)
            await collect(world.registry)
    return made


async def prune(world: World, store: FolderBackups, keep: Keep, *, dry_run: bool = False) -> Pruned:
    @asynccontextmanager
    async def open_catalog(backup: SealedBackup) -> AsyncIterator[FileSnapshot]:
        async with installed.open_snapshot(store, backup, world.folder / "pruning") as (_, snapshot):
            assert isinstance(snapshot, FileSnapshot)
            yield snapshot

    return await prune_backups(store, world.clock, open_catalog, keep, dry_run=dry_run)


async def there(store: FolderBackups) -> list[Digest]:
    return [found.digest async for _, found in list_backups(store)]


async def kept_blobs(store: FolderBackups) -> set[Digest]:
    return {each.digest async for each in store.blobs.kept()}


async def assert_whole(store: FolderBackups) -> None:
    async for _, backup in list_backups(store):
        assert (await installed.verify(store, backup)).problems == []


async def test_the_last_ones_stay_whole_and_what_no_other_needs_goes(world: World, store: FolderBackups) -> None:
    made = await backed_up_often(world, store)
    before = await kept_blobs(store)

    done = await prune(world, store, Keep(last=2))

    assert done.kept == made[2:]
    assert done.removed == made[:2]
    assert await there(store) == [each.digest for each in made[2:]]
    gone = before - await kept_blobs(store)
    assert set(DIGESTS[:2]) <= gone
    assert not set(DIGESTS[2:]) & gone
    assert done.blobs == len(gone)
    assert done.size > len(CONTENTS[0]) + len(CONTENTS[1])
    await assert_whole(store)


async def test_those_of_the_last_days_stay(world: World, store: FolderBackups) -> None:
    made = await backed_up_often(world, store)

    done = await prune(world, store, Keep(within=timedelta(days=120)))

    assert done.kept == made[2:]
    await assert_whole(store)


async def test_either_rule_keeps(world: World, store: FolderBackups) -> None:
    made = await backed_up_often(world, store)

    done = await prune(world, store, Keep(last=3, within=timedelta(days=120)))

    assert done.kept == made[1:]


async def test_the_last_one_stays_however_old_it_is(world: World, store: FolderBackups) -> None:
    made = await backed_up_often(world, store)
    world.clock.advance(days=1_000)

    done = await prune(world, store, Keep(within=timedelta(days=1)))

    assert done.kept == made[-1:]
    assert await there(store) == [made[-1].digest]
    await assert_whole(store)


async def test_the_next_backup_goes_on_from_what_stayed(world: World, store: FolderBackups) -> None:
    made = await backed_up_often(world, store)
    await prune(world, store, Keep(last=1))

    again = await backed_up(world, store)

    assert (
        again.backup.manifest.catalog.packs[: len(made[-1].manifest.catalog.packs)] == made[-1].manifest.catalog.packs
    )
    await assert_whole(store)


async def test_what_would_go_can_be_asked_for_and_stays(world: World, store: FolderBackups) -> None:
    made = await backed_up_often(world, store)
    before = await kept_blobs(store)

    would = await prune(world, store, Keep(last=1), dry_run=True)
    after, still = await kept_blobs(store), await there(store)
    done = await prune(world, store, Keep(last=1))

    assert after == before
    assert still == [each.digest for each in made]
    assert done.removed == would.removed
    # What the catalogs of those that go are made of counts with them.
    assert (would.blobs, would.size) == (done.blobs, done.size)


async def test_nothing_goes_when_one_that_is_to_stay_cannot_be_read(world: World, store: FolderBackups) -> None:
    made = await backed_up_often(world, store)
    before = await kept_blobs(store)
    pack = made[-1].manifest.catalog.packs[0]
    Path(store.blobs.locate(pack.name)).write_bytes(b"x" * pack.size)

    with pytest.raises(InvalidBackup):
        await prune(world, store, Keep(last=1))

    assert await there(store) == [each.digest for each in made]
    assert await kept_blobs(store) == before


async def test_nothing_goes_while_there_is_a_manifest_that_nobody_can_read(world: World, store: FolderBackups) -> None:
    await backed_up_often(world, store)
    await store.add("99999999999999999999-0", b"garbage")
    before = await kept_blobs(store)

    with pytest.raises(InvalidBackup):
        await prune(world, store, Keep(last=1))

    assert await kept_blobs(store) == before


async def test_where_no_backup_is_nothing_goes(world: World, store: FolderBackups) -> None:
    with pytest.raises(BackupUnknown):
        await prune(world, store, Keep(last=1))


async def test_what_was_erased_is_gone_for_good_when_the_backups_from_before_are(
    world: World, store: FolderBackups
) -> None:
    await world.push("acme/api", image(CONTENTS[0]), "1.0")
    await backed_up(world, store)
    await erase(world.registry, ADMINISTRATOR, DIGESTS[0], reason="a key got out")
    last = (await backed_up(world, store)).backup

    await prune(world, store, Keep(last=1))

    assert DIGESTS[0] not in await kept_blobs(store)
    assert await there(store) == [last.digest]
    assert last.manifest.erased


# --- who else is at work ---


async def test_nothing_goes_while_a_backup_is_made_and_none_is_made_meanwhile(
    world: World, store: FolderBackups
) -> None:
    await backed_up_often(world, store)

    async with at_work(store, world.clock, Work.BACKUP):
        with pytest.raises(Unavailable, match="backup-"):
            await prune(world, store, Keep(last=1))
    async with at_work(store, world.clock, Work.PRUNE):
        with pytest.raises(Unavailable, match="prune-"):
            await backed_up(world, store)
        with pytest.raises(Unavailable, match="prune-"):
            await prune(world, store, Keep(last=1))

    assert len(await there(store)) == len(CONTENTS)
    assert await store.announced() == {}


async def test_a_backup_that_is_pruned_while_it_is_recovered_is_not_taken_for_damaged(
    world: World, store: FolderBackups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = (await backed_up_often(world, store))[0]
    erased = installed.making.find_erased

    async def find_erased_late(*arguments: Any) -> Any:
        """It is found, and its catalog read; then somebody else removes it."""
        await prune(world, store, Keep(last=1))
        return await erased(*arguments)

    monkeypatch.setattr(installed.making, "find_erased", find_erased_late)
    with pytest.raises(BackupUnknown):
        await installed.recover(Settings(data=str(tmp_path / "new")), store, first, passphrase=None, new_keys=True)

    assert not (tmp_path / "new" / installed.CATALOG_FILE).exists()


async def test_several_backups_may_be_made_at_once(world: World, store: FolderBackups) -> None:
    async with at_work(store, world.clock, Work.BACKUP), at_work(store, world.clock, Work.BACKUP):
        assert len(await store.announced()) == 2


async def test_who_was_killed_is_not_waited_for_and_cannot_go_on(world: World, store: FolderBackups) -> None:
    await backed_up_often(world, store)
    async with at_work(store, world.clock, Work.BACKUP) as stopped:
        world.clock.advance(minutes=11)
        await prune(world, store, Keep(last=1))

        with pytest.raises(Unavailable, match="begin anew"):
            await stopped.renew()

    assert len(await there(store)) == 1


async def test_who_was_stopped_while_removing_removes_nothing_more(world: World, store: FolderBackups) -> None:
    async with at_work(store, world.clock, Work.PRUNE) as shift:
        world.clock.advance(minutes=6)
        await shift.require()
        world.clock.advance(minutes=11)

        with pytest.raises(Unavailable, match="begin anew"):
            await shift.require()


# --- what was interrupted ---


class _Mortal(FolderBackups):
    """A place whose every removal may be the last thing that is done."""

    def __init__(self, root: Path, faults: Faults) -> None:
        super().__init__(root)
        self._faults = faults
        self.blobs = FaultyBlobStore(self.blobs, faults)  # type: ignore[assignment]  # as good a store

    async def remove(self, name: str) -> None:
        await self._faults.around("remove", lambda: super(_Mortal, self).remove(name))


async def test_wherever_it_is_killed_what_stays_is_whole_and_the_next_run_ends_it(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    made = await backed_up_often(world, store)
    at = removed = 0
    while True:
        at += 1
        before = len(await kept_blobs(store))
        faults = Faults(at=at)
        try:
            await prune(world, _Mortal(tmp_path / "backups", faults), Keep(last=2))
        except Crash:
            await assert_whole(store)
            assert {each.digest for each in made[2:]} <= set(await there(store))
            removed += before - len(await kept_blobs(store))
            continue
        break

    assert at > 10
    assert removed > 0
    assert await there(store) == [each.digest for each in made[2:]]
    assert (await prune(world, store, Keep(last=2))).blobs == 0
    assert not set(DIGESTS[:2]) & await kept_blobs(store)
    await assert_whole(store)

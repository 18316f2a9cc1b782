"""All that is here, somewhere else and back: while it is used, again and again, and from what was damaged or cut short."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from entrepot import followers
from entrepot.app import backups as installed
from entrepot.app.parts import open_registry
from entrepot.drivers.backups.folder import FolderBackups
from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.blobs.packed import PackedStore
from entrepot.drivers.catalog.snapshots import FileSnapshot, SqliteSnapshots
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    BackupUnknown,
    Conflict,
    Erased,
    InvalidBackup,
    InvalidKey,
    InvalidProof,
    LogForked,
    Unavailable,
)
from entrepot.model.names import ReferenceName, View
from entrepot.model.position import START
from entrepot.model.tier import Tier
from entrepot.operations.backup import BackedUp, back_up, find_backup, list_backups
from entrepot.operations.check import check
from entrepot.operations.collect import collect, delete_garbage
from entrepot.operations.delete import delete_artifact
from entrepot.operations.erase import erase
from entrepot.operations.log import prove_consistency
from entrepot.operations.read_blob import read_blob
from entrepot.operations.resolve import find_blob, resolve
from entrepot.operations.restore import restore
from entrepot.operations.scrub import scrub
from entrepot.operations.tier import list_placements, move_artifact
from entrepot.settings import Settings
from entrepot.testing.builders import ADMINISTRATOR, World, image, index, open_world, package, referrer
from entrepot.testing.faults import Crash, Faults, FaultyBlobStore
from entrepot.trust.backup import SealedBackup
from entrepot.trust.log.merkle import check_consistency
from entrepot.trust.signing import LocalKey

API = package("acme/api")
ALL = View.parse("acme")
DAY = timedelta(days=1)
LARGE, OTHER = b"large " * 100, b"other " * 100
BUILT, LATER = image(LARGE), image(OTHER)
KEY = LocalKey.generate()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A registry that keeps files, with an image that is signed."""
    (tmp_path / "data").mkdir()
    blobs = FileBlobStore(tmp_path / "data" / "blobs")
    async with open_world(tmp_path / "data", blobs=blobs, signing=KEY) as world:
        await world.namespace()
        await world.push("acme/api", index(BUILT), "1.0")
        await world.push("acme/api", referrer(BUILT))
        await world.settle()
        yield world
    blobs.close()


@pytest.fixture
def store(tmp_path: Path) -> FolderBackups:
    return FolderBackups(tmp_path / "backups", new=True)


def snapshots_of(world: World) -> SqliteSnapshots:
    return SqliteSnapshots(world.folder / "catalog.sqlite", world.folder / "backup")


async def backed_up(world: World, store: FolderBackups) -> BackedUp:
    return await back_up(world.registry, store, snapshots_of(world))


async def recovered(tmp_path: Path, store: FolderBackups, backup: SealedBackup, name: str = "new") -> Settings:
    """An installation that was made of a backup; its log has other keys than a world's, which are in no file."""
    settings = Settings(data=str(tmp_path / name), log_origin="registry.example.com/log")
    await installed.recover(settings, store, backup, passphrase=None, new_keys=True)
    return settings


def path_of(store: FolderBackups, digest: Digest) -> Path:
    return Path(store.blobs.locate(digest))


# --- there and back ---


async def test_everything_comes_back(world: World, store: FolderBackups, tmp_path: Path) -> None:
    made = await backed_up(world, store)

    settings = await recovered(tmp_path, store, made.backup)

    async with open_registry(settings) as registry:
        assert await check(registry, read_bytes=True) == []
        found = await resolve(registry, ADMINISTRATOR, ALL, API, name=ReferenceName("1.0"))
        assert found.content == index(BUILT).content
        page = await registry.catalog.list_referrers(ALL, API, BUILT.digest, artifact_type=None, after="", limit=10)
        assert [each.digest for each in page] == [referrer(BUILT).digest]
        entries = await registry.catalog.list_entries(after=made.backup.manifest.position, limit=10)
    assert entries[0].event.type == "dev.entrepot.registry.recovered.v1"


async def test_the_log_goes_on_from_the_same_tree(world: World, store: FolderBackups, tmp_path: Path) -> None:
    made = await backed_up(world, store)
    before = await world.catalog.log.head()
    settings = await recovered(tmp_path, store, made.backup)

    async with open_registry(settings) as registry:
        await followers.catch_up(registry)
        proof = await prove_consistency(registry, ADMINISTRATOR, before.size)
        after = await registry.catalog.log.head()

    assert made.backup.manifest.log.size == before.size
    assert after.size > before.size
    check_consistency(before.size, before.root, after.size, new_root=after.root, path=proof.path)


async def test_the_journal_says_that_a_backup_was_made(world: World, store: FolderBackups) -> None:
    made = await backed_up(world, store)

    assert (await world.events())[-1] == "backup.made"
    assert made.backup.manifest.position == (await world.catalog.head())[0] - 1


async def test_a_second_backup_writes_only_what_is_new(world: World, store: FolderBackups) -> None:
    first = await backed_up(world, store)
    again = await backed_up(world, store)
    await world.push("acme/api", LATER, "2.0")

    third = await backed_up(world, store)

    assert (first.new_blobs, again.new_blobs, third.new_blobs) == (1, 0, 1)
    assert again.new_size < first.new_size / 4
    assert third.backup.manifest.blobs == 2
    assert third.backup.manifest.catalog.packs[:2] == again.backup.manifest.catalog.packs[:2]


async def test_every_position_that_was_backed_up_can_be_had_back(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    positions = []
    for number in range(4):
        await world.push("acme/api", image(b"layer %d" % number * 50), f"3.{number}")
        positions.append((await backed_up(world, store)).backup.manifest.position)

    for number, position in enumerate(positions):
        backup = await find_backup(store, position)
        settings = await recovered(tmp_path, store, backup, f"at-{position}")
        async with open_registry(settings) as registry:
            names = [each.name for each in await registry.catalog.list_references(ALL, API, limit=10)]
            assert await check(registry, read_bytes=True) == []
        assert sorted(names) == ["1.0", *(f"3.{each}" for each in range(number + 1))]


async def test_a_position_that_was_not_backed_up_is_named_with_its_neighbours(
    world: World, store: FolderBackups
) -> None:
    position = (await backed_up(world, store)).backup.manifest.position

    with pytest.raises(BackupUnknown, match=f"such as \\[{position}\\]"):
        await find_backup(store, position + 1)


async def test_the_trash_comes_back_too(world: World, store: FolderBackups, tmp_path: Path) -> None:
    """Users' threads 20 and 21: what was deleted can be restored, also from what was backed up after that."""
    await world.push("acme/api", LATER, "2.0")
    await delete_artifact(world.registry, ADMINISTRATOR, API, LATER.digest)
    world.clock.advance(days=2)
    await collect(world.registry)
    made = await backed_up(world, store)
    settings = await recovered(tmp_path, store, made.backup)

    async with open_registry(settings) as registry:
        await restore(registry, ADMINISTRATOR, API, ReferenceName("2.0"))
        found = await resolve(registry, ADMINISTRATOR, ALL, API, name=ReferenceName("2.0"))
        broken = await check(registry, read_bytes=True)

    assert found.digest == LATER.digest
    assert broken == []


async def test_what_was_erased_does_not_come_back_with_a_backup_from_before(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    """As long as a later backup in the same place knows of it; an erasure that was lifted is none."""
    await world.push("acme/api", LATER, "2.0")
    await erase(world.registry, ADMINISTRATOR, Digest.of(b"never mind"), reason="a mistake")
    before = await backed_up(world, store)
    await erase(world.registry, ADMINISTRATOR, Digest.of(OTHER), reason="a key got out")
    await backed_up(world, store)

    settings = await recovered(tmp_path, store, before.backup)

    async with open_registry(settings) as registry:
        assert await check(registry, read_bytes=True) == []
        with pytest.raises(Erased):
            await resolve(registry, ADMINISTRATOR, ALL, API, name=ReferenceName("2.0"))
        assert await registry.blobs.size(Digest.of(OTHER)) is None
        assert (await resolve(registry, ADMINISTRATOR, ALL, API, name=ReferenceName("1.0"))).digest
        again, erasure = await registry.catalog.erasures.list(after=START, limit=9)
    assert again.target == Digest.of(b"never mind")
    assert "an older backup had it" in erasure.reason
    assert erasure.sealed_position is not None


# --- with a cold tier ---


@pytest.fixture
async def tiered(tmp_path: Path) -> AsyncIterator[World]:
    """A registry with a hot and a cold store; of its two images the first is cold, and takes up less there."""
    stores = [FileBlobStore(tmp_path / "data" / name) for name in ("blobs", "cold")]
    async with open_world(tmp_path / "data", blobs=stores[0], cold=PackedStore(stores[1]), signing=KEY) as world:
        await world.namespace()
        await world.push("acme/api", BUILT, "1.0")
        await world.push("acme/api", LATER, "2.0")
        await move_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest, Tier.COLD)
        world.clock.advance(days=30)
        await delete_garbage(world.registry)
        yield world
    for store in stores:
        store.close()


async def tiers_of(world: World) -> dict[Digest, Tier]:
    placed = [await list_placements(world.registry, ADMINISTRATOR, API, each.digest) for each in (BUILT, LATER)]
    return {each.digest: each.tier for some in placed for each in some}


async def test_what_is_cold_is_saved_and_comes_back_hot(tiered: World, store: FolderBackups, tmp_path: Path) -> None:
    """Also into an installation that has no cold tier; the rules let it go cold again where there is one."""
    assert await tiers_of(tiered) == {Digest.of(LARGE): Tier.COLD, Digest.of(OTHER): Tier.HOT}
    assert await tiered.registry.blobs.size(Digest.of(LARGE)) is None
    made = await backed_up(tiered, store)

    settings = await recovered(tmp_path, store, made.backup)

    assert made.backup.manifest.missing == ()
    async with open_registry(settings) as registry:
        assert await check(registry, read_bytes=True) == []
        assert await registry.catalog.tiers.list_cold(limit=9) == []
        found = await find_blob(registry, ADMINISTRATOR, ALL, API, Digest.of(LARGE))
        assert b"".join([piece async for piece in read_blob(registry, found)]) == LARGE


@pytest.mark.parametrize("where", [Tier.HOT, Tier.COLD])
async def test_what_moves_between_the_tiers_while_it_is_saved_is_saved(
    tiered: World, store: FolderBackups, tmp_path: Path, where: Tier
) -> None:
    async def move() -> None:
        for each in (BUILT, LATER):
            await move_artifact(tiered.registry, ADMINISTRATOR, API, each.digest, where)

    made = await back_up(tiered.registry, store, Meanwhile(snapshots_of(tiered), move))
    settings = await recovered(tmp_path, store, made.backup)

    assert set((await tiers_of(tiered)).values()) == {where}
    assert made.backup.manifest.missing == ()
    async with open_registry(settings) as registry:
        assert await check(registry, read_bytes=True) == []


# --- while everybody goes on ---


@dataclass
class Meanwhile:
    """Snapshots with something that happens right after each of them."""

    snapshots: SqliteSnapshots
    happens: Callable[[], Awaitable[object]]

    @asynccontextmanager
    async def take(self) -> AsyncIterator[FileSnapshot]:
        async with self.snapshots.take() as snapshot:
            await self.happens()
            yield snapshot


async def test_nothing_is_given_up_while_it_is_copied(world: World, store: FolderBackups, tmp_path: Path) -> None:
    await delete_artifact(world.registry, ADMINISTRATOR, API, index(BUILT).digest)
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    world.clock.advance(days=2)
    await collect(world.registry)
    world.clock.advance(days=8)

    async def collects() -> None:
        assert (await collect(world.registry)).given_up.count == 0

    made = await back_up(world.registry, store, Meanwhile(snapshots_of(world), collects))

    assert made.new_blobs == 1
    assert (await collect(world.registry)).given_up.count > 0


async def test_what_is_published_meanwhile_is_in_the_next_one(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    async def publishes() -> None:
        await world.push("acme/api", LATER, "2.0")

    made = await back_up(world.registry, store, Meanwhile(snapshots_of(world), publishes))
    settings = await recovered(tmp_path, store, made.backup)

    async with open_registry(settings) as registry:
        assert await check(registry, read_bytes=True) == []
        assert [each.name for each in await registry.catalog.list_references(ALL, API, limit=10)] == ["1.0"]


async def test_what_is_erased_by_force_meanwhile_is_in_no_backup(world: World, store: FolderBackups) -> None:
    await world.push("acme/api", LATER, "2.0")
    await delete_artifact(world.registry, ADMINISTRATOR, API, LATER.digest)
    world.clock.advance(days=2)
    await collect(world.registry)
    world.clock.advance(days=8)
    erased = []

    async def erases() -> None:
        if not erased:
            await world.catalog.write(lambda transaction: transaction.collection.resume())
            erased.append(await collect(world.registry))
            await world.catalog.write(lambda transaction: transaction.collection.pause("again", transaction.now + DAY))

    with suppress(Unavailable):  # Its own pause is gone, which it notices at its end.
        await back_up(world.registry, store, Meanwhile(snapshots_of(world), erases))

    assert erased[0].given_up.count > 0
    assert await store.blobs.size(Digest.of(OTHER)) is None


async def test_a_backup_that_was_stopped_for_too_long_does_not_end_well(world: World, store: FolderBackups) -> None:
    async def sleeps() -> None:
        world.clock.advance(hours=1)

    with pytest.raises(Unavailable, match="begin anew"):
        await back_up(world.registry, store, Meanwhile(snapshots_of(world), sleeps))

    assert await store.list() == []


async def test_two_backups_of_one_installation_do_not_meet(world: World, store: FolderBackups, tmp_path: Path) -> None:
    async def again() -> None:
        with pytest.raises(Conflict, match="another backup"):
            await backed_up(world, FolderBackups(tmp_path / "elsewhere", new=True))

    await back_up(world.registry, store, Meanwhile(snapshots_of(world), again))

    assert len(await store.list()) == 1


# --- what was interrupted ---


async def test_wherever_the_backup_is_killed_there_is_a_whole_one_or_none(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    at = 0
    while True:
        at += 1
        faults = Faults(at=at)
        faulty = replace_blobs(FolderBackups(tmp_path / "backups"), faults)
        try:
            await backed_up(world, faulty)
        except Crash:
            assert await store.list() == [], at
            continue
        break
    (backup,) = [found async for _, found in list_backups(store)]
    verified = await installed.verify(store, backup)

    assert at > 10
    assert verified.problems == []


def replace_blobs(store: FolderBackups, faults: Faults) -> FolderBackups:
    store.blobs = FaultyBlobStore(store.blobs, faults)  # type: ignore[assignment]
    return store


async def test_a_backup_that_was_killed_does_not_stop_the_collector_for_long(world: World) -> None:
    await delete_artifact(world.registry, ADMINISTRATOR, API, index(BUILT).digest)
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    world.clock.advance(days=2)
    await collect(world.registry)
    world.clock.advance(days=8)
    until = world.clock.now() + timedelta(minutes=10)
    await world.catalog.write(lambda transaction: transaction.collection.pause("backup:killed", until))

    during = await collect(world.registry)
    world.clock.advance(minutes=11)
    after = await collect(world.registry)

    assert during.given_up.count == 0
    assert after.given_up.count > 0


class Going:
    """A blob store that is away after a catalog and one blob were read."""

    def __init__(self, blobs: FileBlobStore) -> None:
        self._blobs = blobs
        self._reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)

    async def read(self, digest: Digest) -> AsyncIterator[bytes]:
        self._reads += 1
        if self._reads > 3:
            raise Unavailable("the disk with the backups")
        async for piece in self._blobs.read(digest):
            yield piece


async def test_a_recovery_that_was_interrupted_goes_on(world: World, store: FolderBackups, tmp_path: Path) -> None:
    await world.push("acme/api", LATER, "2.0")
    made = await backed_up(world, store)
    settings = Settings(data=str(tmp_path / "new"))
    going = FolderBackups(tmp_path / "backups")
    going.blobs = Going(going.blobs)  # type: ignore[assignment]

    with pytest.raises(Unavailable):
        await installed.recover(settings, going, made.backup, passphrase=None, new_keys=True)
    with pytest.raises(Conflict, match="being brought back"):
        async with open_registry(settings):
            pass
    with pytest.raises(Conflict, match="another backup"):
        await installed.recover(settings, store, (await backed_up(world, store)).backup, passphrase=None)
    await installed.recover(settings, store, made.backup, passphrase=None, new_keys=True)

    async with open_registry(settings) as registry:
        assert await check(registry, read_bytes=True) == []


async def test_a_recovery_that_was_killed_while_it_said_so_is_begun_again(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    made = await backed_up(world, store)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".recovering-k3x0ah5w").write_bytes(b"sha256:")

    settings = await recovered(tmp_path, store, made.backup)

    assert list((tmp_path / "new").glob(".recovering*")) == []
    async with open_registry(settings) as registry:
        assert await check(registry, read_bytes=True) == []


async def test_what_is_not_empty_is_never_written_over(world: World, store: FolderBackups, tmp_path: Path) -> None:
    made = await backed_up(world, store)
    before = sorted(world.folder.rglob("*"))

    with pytest.raises(Conflict, match="must be empty"):
        await installed.recover(Settings(data=str(world.folder)), store, made.backup, passphrase=None, new_keys=True)
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "1.jpg").touch()
    with pytest.raises(Conflict, match="folder of their own"):
        FolderBackups(tmp_path / "photographs", new=True)

    assert sorted(world.folder.rglob("*")) == before


# --- what others have seen ---


async def seen_now(world: World) -> bytes:
    await world.settle()
    head = await world.catalog.log.head()
    assert head is not None
    return head.note


async def test_a_log_that_others_have_seen_further_goes_on_under_another_name_alone(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    made = await backed_up(world, store)
    await world.push("acme/api", LATER, "2.0")
    seen = await seen_now(world)
    settings = Settings(data=str(tmp_path / "new"), log_origin="registry.example.com/log")

    with pytest.raises(LogForked, match="log_origin"):
        await installed.recover(settings, store, made.backup, passphrase=None, new_keys=True, seen=seen)
    assert not (tmp_path / "new" / "catalog.sqlite").exists()
    other = msgspec.structs.replace(settings, log_origin="registry.example.com/log-2")
    done = await installed.recover(other, store, made.backup, passphrase=None, new_keys=True, seen=seen)

    assert done.log_origin == "registry.example.com/log-2"


async def test_a_log_that_nobody_has_seen_further_goes_on_as_it_is(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    seen = await seen_now(world)
    await world.push("acme/api", LATER, "2.0")
    await world.settle()
    made = await backed_up(world, store)
    settings = Settings(data=str(tmp_path / "new"), log_origin="registry.example.com/log")

    done = await installed.recover(settings, store, made.backup, passphrase=None, new_keys=True, seen=seen)

    assert done.log_origin == "registry.example.com/log"


async def test_a_checkpoint_that_the_log_did_not_sign_is_refused(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    made = await backed_up(world, store)
    seen = (await seen_now(world)).replace(b"\n", b"1\n", 1)

    with pytest.raises(InvalidProof):
        await installed.recover(
            Settings(data=str(tmp_path / "new")), store, made.backup, passphrase=None, new_keys=True, seen=seen
        )


async def test_a_new_disk_counts_as_empty(world: World, tmp_path: Path) -> None:
    for name in ("disk", "new"):
        (tmp_path / name / "lost+found").mkdir(parents=True)
    store = FolderBackups(tmp_path / "disk", new=True)
    made = await backed_up(world, store)

    settings = await recovered(tmp_path, store, made.backup)

    async with open_registry(settings) as registry:
        assert await check(registry, read_bytes=True) == []


# --- what is damaged ---


async def test_a_damaged_blob_keeps_nothing_else_from_being_saved(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    await world.push("acme/api", LATER, "2.0")
    Path(world.registry.blobs.locate(Digest.of(OTHER))).write_bytes(b"rot")
    made = await backed_up(world, store)

    assert [each.digest for each in made.backup.manifest.missing] == [str(Digest.of(OTHER))]
    settings = await recovered(tmp_path, store, made.backup)
    async with open_registry(settings) as registry:
        found = await check(registry, read_bytes=True)

    assert {each.invariant for each in found} == {"I1"}
    assert all(str(Digest.of(OTHER)) in each.problem for each in found)


async def test_what_rots_after_it_was_backed_up_is_mended_by_recovering(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    await backed_up(world, store)
    Path(world.registry.blobs.locate(Digest.of(LARGE))).write_bytes(b"rot")
    assert [each.digest async for each in scrub(world.registry) if each.problem] == [Digest.of(LARGE)]

    made = await backed_up(world, store)
    settings = await recovered(tmp_path, store, made.backup)

    assert made.backup.manifest.missing == ()
    async with open_registry(settings) as registry:
        assert await check(registry, read_bytes=True) == []
        assert (await registry.catalog.storage())["damaged"] == 0


async def test_a_blob_that_rots_in_the_backup_costs_that_blob_alone(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    made = await backed_up(world, store)
    path_of(store, Digest.of(LARGE)).write_bytes(b"r" * len(LARGE))

    verified = await installed.verify(store, made.backup)
    settings = Settings(data=str(tmp_path / "new"))
    done = await installed.recover(settings, store, made.backup, passphrase=None, new_keys=True)

    assert verified.problems == [f"{Digest.of(LARGE)}: is not what it was"]
    assert done.blobs.lost == [Digest.of(LARGE)]


@pytest.mark.parametrize("harm", ["cut", "changed", "gone"])
@pytest.mark.parametrize("part", ["pack", "index"])
async def test_a_catalog_that_is_not_what_was_signed_is_refused(
    world: World, store: FolderBackups, tmp_path: Path, part: str, harm: str
) -> None:
    made = await backed_up(world, store)
    catalog = made.backup.manifest.catalog
    path = path_of(store, (catalog.packs[0] if part == "pack" else catalog.index).name)
    content = path.read_bytes()
    match harm:
        case "cut":
            path.write_bytes(content[:-100])
        case "changed":
            path.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
        case "gone":
            path.unlink()

    verified = await installed.verify(store, made.backup)
    with pytest.raises(InvalidBackup):
        await recovered(tmp_path, store, made.backup)

    assert len(verified.problems) == 1
    assert not (tmp_path / "new" / "catalog.sqlite").exists()


@pytest.mark.parametrize(
    "lie",
    [
        lambda text: text.replace('"position":', '"position":1'),
        lambda text: text.replace('"format":1', '"format":2'),
        lambda text: text.replace("sha256:", "sha256:../../", 1),
        lambda text: text[: len(text) // 2],
        lambda _: "[]",
        lambda _: '{"format":1}',
    ],
)
async def test_a_manifest_that_somebody_wrote_is_refused(
    world: World, store: FolderBackups, lie: Callable[[str], str]
) -> None:
    await backed_up(world, store)
    (name,) = await store.list()
    path = store._manifests / name
    document = json.loads(path.read_bytes())
    document["payload"] = b64encode(lie(b64decode(document["payload"]).decode()).encode()).decode()
    path.write_bytes(json.dumps(document).encode())

    with pytest.raises(InvalidBackup):
        await find_backup(store)


async def test_a_backup_of_somebody_else_is_not_believed(world: World, store: FolderBackups) -> None:
    await backed_up(world, store)

    found = await find_backup(store, key=KEY.public_key)
    with pytest.raises(InvalidBackup, match="a signature of"):
        await find_backup(store, key=LocalKey.generate().public_key)

    assert found.key == KEY.public_key


async def test_a_backup_that_a_newer_program_made_is_refused_before_anything_is_written(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    """Users' thread 82: there is a way back, and what is none says so at once."""
    made = await backed_up(world, store)
    catalog = msgspec.structs.replace(made.backup.manifest.catalog, schema=9_999)
    manifest = msgspec.structs.replace(made.backup.manifest, catalog=catalog)

    with pytest.raises(InvalidBackup, match="newer Entrepot"):
        await recovered(tmp_path, store, replace(made.backup, manifest=manifest))

    assert not (tmp_path / "new").exists() or not any((tmp_path / "new").iterdir())


# --- keys ---


async def test_without_the_logs_keys_nothing_is_recovered_by_itself(
    world: World, store: FolderBackups, tmp_path: Path
) -> None:
    made = await backed_up(world, store)

    with pytest.raises(InvalidKey, match="those that it was signed with"):
        await installed.recover(Settings(data=str(tmp_path / "new")), store, made.backup, passphrase=None)

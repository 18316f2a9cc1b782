"""Backups of an installation, and installations from backups; for commands."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.app.blobs import open_blobs
from entrepot.app.migrations import fill_database, require_empty_database
from entrepot.app.object_storage import open_objects
from entrepot.app.parts import (
    CATALOG_FILE,
    LOG_KEYS_FILE,
    RECOVERING_FILE,
    SIGNING_KEY_FILE,
    log_identity,
    log_keys_path,
    open_registry,
)
from entrepot.drivers.backups.folder import NEW_DISK, FolderBackups
from entrepot.drivers.catalog.migrate import migrations
from entrepot.drivers.catalog.snapshots import FileSnapshot, PostgresSnapshots, SqliteSnapshots, prepare_file
from entrepot.drivers.clock import SystemClock
from entrepot.drivers.private_file import make_private_file
from entrepot.drivers.scratch import scratch_folder
from entrepot.model.errors import Conflict, Corrupt, InvalidBackup, InvalidKey
from entrepot.operations import backup as making
from entrepot.operations.backup import BackedUp
from entrepot.operations.backup_pages import verified, write_catalog
from entrepot.operations.log import sign_again
from entrepot.operations.prune_backups import Keep, Pruned, prune_backups
from entrepot.operations.recover import RecoveredBlobs, go_on, recover_blobs, require_no_blobs, require_not_seen_further
from entrepot.operations.verify_backup import find_problems
from entrepot.settings import OBJECT_STORAGE
from entrepot.trust.passphrase import decrypt, encrypt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.ports.backups import BackupStore, CatalogSnapshot, Snapshots
    from entrepot.settings import Settings
    from entrepot.trust.backup import SealedBackup
    from entrepot.trust.keys import PublicKey

_FOLDER: Final = "backup"
"""Of the data directory: where the catalog's copy is while it is read."""
_KEY_FILES: Final = (SIGNING_KEY_FILE, LOG_KEYS_FILE)
_KEYS_SIZE: Final = 1024 * 1024


@asynccontextmanager
async def open_backups(target: str, *, new: bool = False) -> AsyncIterator[BackupStore]:
    """The backups in a folder, or in object storage; *new* takes a folder that is empty, or makes it.

    Raises `BackupUnknown`, `Conflict`, `Invalid`.
    """
    with scratch_folder("spool") as spool:
        if target.startswith(OBJECT_STORAGE):
            from entrepot.drivers.backups.objects import ObjectBackups  # noqa: PLC0415 - with its library

            store: ObjectBackups | FolderBackups = ObjectBackups(open_objects(target), spool)
        else:
            store = FolderBackups(Path(target), new=new)
        with closing(store):
            yield store


async def back_up(settings: Settings, target: str, *, passphrase: bytes | None) -> BackedUp:
    """Make a backup. With a *passphrase* the private keys of the data directory are in it, encrypted."""
    keys = None if passphrase is None else await asyncio.to_thread(_encrypted_keys, settings, passphrase)
    async with open_backups(target, new=True) as store, open_registry(settings) as registry:
        return await making.back_up(registry, store, _snapshots(settings), keys=keys)


def _snapshots(settings: Settings) -> Snapshots:
    folder = settings.data_path / _FOLDER
    if settings.database:
        return PostgresSnapshots(settings.database, folder)
    return SqliteSnapshots(settings.data_path / CATALOG_FILE, folder)


def _encrypted_keys(settings: Settings, passphrase: bytes) -> bytes:
    files = {SIGNING_KEY_FILE: settings.data_path / SIGNING_KEY_FILE, LOG_KEYS_FILE: log_keys_path(settings)}
    found = {name: path.read_text() for name, path in files.items() if path.exists()}
    return encrypt(msgspec.json.encode(found), passphrase)


@dataclass(frozen=True, slots=True)
class Recovered:
    """An installation that is what it was."""

    backup: SealedBackup
    blobs: RecoveredBlobs
    seconds: float
    log_origin: str
    """What the log is called by the settings."""


async def recover(
    settings: Settings,
    store: BackupStore,
    backup: SealedBackup,
    *,
    passphrase: bytes | None,
    new_keys: bool = False,
    seen: bytes | None = None,
) -> Recovered:
    """Make an installation of a backup, where the settings say, and where nothing is.

    Its log goes on with the keys that are in the backup, or that were put into the data directory before; *new_keys*
    makes others. *seen* is the last checkpoint of the log that somebody else has: one that the backup does not lead to
    is not gone back behind under the log's name.
    Interrupted, it can be begun again.
    Raises `BackupUnknown` when it is pruned meanwhile, `Conflict`, `LogForked`, `InvalidBackup`, `InvalidKey`, `InvalidProof`, `Unavailable`.
    """
    began = time.monotonic()
    data = settings.data_path
    if backup.manifest.catalog.schema > (known := len(migrations())):
        actual = backup.manifest.catalog.schema
        raise InvalidBackup("the catalog", expected=f"schema {known} or older: use a newer Entrepot", actual=actual)
    goes_on = backup.manifest.log is None or settings.log_origin in {"", backup.manifest.log.origin}
    if seen is not None and goes_on:
        require_not_seen_further(backup, seen)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    await _claim(settings, backup)
    if not new_keys:
        await _place_keys(settings, store, backup, passphrase)
    folder = data / _FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # What an earlier attempt left.
    async with open_snapshot(store, backup, folder) as (file, snapshot):
        with closing(open_blobs(settings)) as blobs:
            erased = await making.find_erased(store, backup)
            without = {digest for erasure in erased for digest in erasure.names}
            recovered = await recover_blobs(store, snapshot, blobs, SystemClock(), without=without)
            if recovered.lost:
                # Unless somebody prunes meanwhile, who may take it where we may only read.
                await making.require_there(store, backup)
        await asyncio.to_thread(_place_catalog, settings, file)
    async with open_registry(settings, recovering=True) as registry:
        await go_on(registry, backup, recovered, erased)
        if new_keys:
            await sign_again(registry)
        origin = "" if registry.log is None else registry.log.origin
    for path in _claims(data):
        path.unlink()
    (data / RECOVERING_FILE).unlink()
    _sync(data)
    return Recovered(backup, recovered, time.monotonic() - began, origin)


@asynccontextmanager
async def open_snapshot(
    store: BackupStore, backup: SealedBackup, folder: Path
) -> AsyncIterator[tuple[Path, CatalogSnapshot]]:
    """The catalog of a backup, put together in a new folder for as long as the block lasts. Raises `InvalidBackup`."""
    os.mkdir(folder, 0o700)  # noqa: PTH102 - nothing else waits, here or below
    try:
        file = folder / CATALOG_FILE
        with file.open("w+b") as writing:
            await write_catalog(store.blobs, backup.manifest.catalog, writing)
            os.fsync(writing.fileno())
        with closing(FileSnapshot(file)) as snapshot:
            yield file, snapshot
    finally:
        shutil.rmtree(folder)


async def prune(target: str, keep: Keep, *, key: PublicKey | None = None, dry_run: bool = False) -> Pruned:
    """Remove old backups, and what no other needs. Raises `BackupUnknown`, `InvalidBackup`, `Unavailable`."""
    with scratch_folder("prune") as folder:
        async with open_backups(target) as store:

            @asynccontextmanager
            async def open_catalog(backup: SealedBackup) -> AsyncIterator[CatalogSnapshot]:
                async with open_snapshot(store, backup, folder / _FOLDER) as (_, snapshot):
                    yield snapshot

            return await prune_backups(store, SystemClock(), open_catalog, keep, key=key, dry_run=dry_run)


async def _claim(settings: Settings, backup: SealedBackup) -> None:
    """Make sure that nothing is where the backup goes, unless an earlier attempt left it. Raises `Conflict`."""
    data = settings.data_path
    marker = data / RECOVERING_FILE
    if marker.exists():
        begun = marker.read_text().strip()
        if begun != str(backup.digest):
            raise Conflict(f"{data} holds a part of another backup, {begun}: go on with that one, or empty it")
        return
    nobodys = {*_KEY_FILES, NEW_DISK, *(path.name for path in _claims(data))}
    there = sorted(path.name for path in data.iterdir() if path.name not in nobodys)
    if there:
        raise Conflict(f"{data} has {there[0]} in it: it must be empty")
    if settings.database:
        await asyncio.to_thread(require_empty_database, settings)
    if settings.blobs:
        with closing(open_blobs(settings)) as blobs:
            await require_no_blobs(blobs)
    make_private_file(marker, f"{backup.digest}\n".encode())


def _claims(data: Path) -> list[Path]:
    """The marker as it was being written by attempts that were killed in that moment."""
    return list(data.glob(f".{RECOVERING_FILE}-*"))


async def _place_keys(settings: Settings, store: BackupStore, backup: SealedBackup, passphrase: bytes | None) -> None:
    """Put the keys where they were, and make sure that the log's are those that it was signed with."""
    data, sealed = settings.data_path, backup.manifest.keys
    if passphrase is not None:
        if sealed is None:
            raise InvalidKey("passphrase", expected="none: there are no keys in the backup")
        if sealed.size > _KEYS_SIZE:
            raise InvalidBackup("the keys", expected=f"at most {_KEYS_SIZE} bytes", actual=sealed.size)
        content = b"".join([piece async for piece in verified(store.blobs, sealed)])
        found = msgspec.json.decode(await asyncio.to_thread(decrypt, content, passphrase), type=dict[str, str])
        for name in _KEY_FILES:
            if name in found:
                path = log_keys_path(settings) if name == LOG_KEYS_FILE else data / name
                make_private_file(path, found[name].encode())
    log = backup.manifest.log
    if log is None:
        return
    if not log_keys_path(settings).exists():
        where = "give the passphrase" if sealed is not None else f"put them at {log_keys_path(settings)}"
        raise InvalidKey("the log's keys", expected=f"those that it was signed with: {where}, or ask for new ones")
    now = log_identity(msgspec.structs.replace(settings, log_origin=log.origin))
    if not {str(key) for key in now.keys} & set(log.keys):
        raise InvalidKey("the log's keys", expected=" or ".join(log.keys), actual=" and ".join(map(str, now.keys)))


def _place_catalog(settings: Settings, file: Path) -> None:
    """Put the catalog where it is used, whole or not at all, unless an earlier attempt did."""
    prepare_file(file)
    if settings.database:
        try:
            require_empty_database(settings)
        except Conflict:
            return  # `go_on` looks whether it is the right one.
        fill_database(settings, file)
        return
    target = settings.data_path / CATALOG_FILE
    if not target.exists():
        file.rename(target)
        _sync(settings.data_path)


@dataclass(frozen=True, slots=True)
class VerifiedBackup:
    """A backup that was read again."""

    backup: SealedBackup
    problems: list[str]
    """Why it is not whole; none when it is."""
    seconds: float


async def verify(store: BackupStore, backup: SealedBackup) -> VerifiedBackup:
    """Read all that a backup is made of, and compare every digest. Raises `Unavailable`."""
    began = time.monotonic()
    problems = []
    try:
        with scratch_folder("verify") as folder:
            async with open_snapshot(store, backup, folder / _FOLDER) as (_, snapshot):
                problems = [problem async for problem in find_problems(store, backup, snapshot)]
    except (InvalidBackup, Corrupt) as error:
        problems = [str(error)]
    return VerifiedBackup(backup, problems, time.monotonic() - began)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)

"""One backup, whatever it is of, wherever it is kept and wherever it is recovered to: databases and object stores that are real."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from entrepot.app import backups
from entrepot.app.parts import open_registry
from entrepot.model.digest import Digest
from entrepot.model.errors import Conflict
from entrepot.model.names import ReferenceName, View, parse_namespace
from entrepot.operations.backup import find_backup
from entrepot.operations.check import check
from entrepot.operations.govern import create_namespace
from entrepot.operations.log import grow_log
from entrepot.operations.prune_backups import Keep
from entrepot.operations.publish import Draft, publish
from entrepot.operations.registry import Registry
from entrepot.operations.resolve import resolve
from entrepot.operations.upload import add_blob
from entrepot.settings import Settings
from entrepot.testing.builders import ADMINISTRATOR, Image, image, package, referrer, stream
from tests.object_servers import ObjectServer
from tests.postgresql import Cluster

API = package("acme/api")
ALL = View.parse("acme")
LARGE = b"large " * 20_000
BUILT = image(LARGE)
PASSPHRASE = b"correct horse battery staple"


@dataclass(frozen=True)
class Places:
    """Folders, databases and buckets of a test."""

    folder: Path
    cluster: Cluster
    server: ObjectServer

    def small(self, name: str) -> Settings:
        return Settings(data=str(self.folder / name), log_origin="registry.example.com/log")

    def large(self, name: str) -> Settings:
        return Settings(
            data=str(self.folder / name),
            database=self.cluster.create(),
            blobs=self.server.address(f"{self.folder.name}/{name}"),
            log_origin="registry.example.com/log",
        )


@pytest.fixture
def places(tmp_path: Path, cluster: Cluster, versitygw_server: ObjectServer) -> Places:
    return Places(tmp_path, cluster, versitygw_server)


async def push(registry: Registry, built: Image, *tags: str) -> None:
    for blob in built.blobs:
        content = stream(blob)
        await add_blob(registry, ADMINISTRATOR, API, expected=Digest.of(blob), content=content, size=len(blob))
    await publish(registry, ADMINISTRATOR, API, Draft(built.artifact, tags=tuple(map(ReferenceName, tags))))


async def furnish(settings: Settings) -> None:
    async with open_registry(settings) as registry:
        await create_namespace(registry, ADMINISTRATOR, parse_namespace("acme"), public=False)
        await push(registry, BUILT, "1.0")
        await push(registry, referrer(BUILT))
        await grow_log(registry)


@pytest.mark.parametrize(
    ("source", "kept_in", "target"),
    [("small", "folder", "large"), ("large", "bucket", "small"), ("large", "bucket", "large")],
)
async def test_everything_goes_from_any_size_to_any_other(
    places: Places, source: str, kept_in: str, target: str
) -> None:
    before, after = getattr(places, source)("old"), getattr(places, target)("new")
    kept = str(places.folder / "kept") if kept_in == "folder" else places.server.address(f"{places.folder.name}/kept")
    await furnish(before)

    await backups.back_up(before, kept, passphrase=PASSPHRASE)
    async with open_registry(before) as registry:
        await push(registry, image(b"later " * 20_000), "2.0")
        head = await registry.catalog.head()
    made = await backups.back_up(before, kept, passphrase=PASSPHRASE)
    async with backups.open_backups(kept) as store:
        backup = await find_backup(store)
        verified = await backups.verify(store, backup)
        await backups.recover(after, store, backup, passphrase=PASSPHRASE)
        with pytest.raises(Conflict, match="must be empty"):
            await backups.recover(after, store, backup, passphrase=PASSPHRASE)

    assert (made.new_blobs, made.backup.manifest.blobs) == (1, 2)
    assert made.backup.manifest.position == head[0]
    assert verified.problems == []
    async with open_registry(after) as registry:
        assert await check(registry, read_bytes=True) == []
        found = await resolve(registry, ADMINISTRATOR, ALL, API, name=ReferenceName("1.0"))
        assert found.content == BUILT.content
        await push(registry, image(b"after that " * 20_000), "3.0")
        await grow_log(registry)
        assert await check(registry) == []


async def test_neither_a_database_nor_a_bucket_that_is_in_use_is_recovered_into(places: Places) -> None:
    source = places.small("old")
    await furnish(source)
    await backups.back_up(source, str(places.folder / "kept"), passphrase=PASSPHRASE)
    used = places.large("used")
    await furnish(used)
    empty = places.large("empty")

    async with backups.open_backups(str(places.folder / "kept")) as store:
        backup = await find_backup(store)
        for settings, said in (
            (Settings(data=str(places.folder / "a"), database=used.database, blobs=empty.blobs), "the target has rows"),
            (Settings(data=str(places.folder / "b"), database=empty.database, blobs=used.blobs), "the blob store has"),
        ):
            with pytest.raises(Conflict, match=said):
                await backups.recover(settings, store, backup, passphrase=PASSPHRASE)

    async with open_registry(used) as registry:
        assert await check(registry, read_bytes=True) == []
    with psycopg.connect(empty.database) as connection:
        assert connection.execute("SELECT count(*) FROM namespace").fetchone() == (0,)


async def test_old_backups_go_from_a_bucket_too(places: Places) -> None:
    source, kept = places.small("old"), places.server.address(f"{places.folder.name}/kept")
    await furnish(source)
    first = await backups.back_up(source, kept, passphrase=PASSPHRASE)
    async with open_registry(source) as registry:
        await push(registry, image(b"later " * 20_000), "2.0")
    last = await backups.back_up(source, kept, passphrase=PASSPHRASE)

    done = await backups.prune(kept, Keep(last=1))
    again = await backups.prune(kept, Keep(last=1))

    assert (done.kept, done.removed) == ([last.backup], [first.backup])
    assert done.blobs > 0
    assert (again.blobs, again.removed) == (0, [])
    async with backups.open_backups(kept) as store:
        assert (await backups.verify(store, await find_backup(store))).problems == []
        assert await store.announced() == {}

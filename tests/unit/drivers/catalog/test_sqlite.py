from __future__ import annotations

import asyncio
import errno
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import pytest

from entrepot.drivers.catalog.failures import translated
from entrepot.drivers.catalog.sqlite import SqliteCatalog
from entrepot.drivers.catalog.statements import Statement
from entrepot.model.digest import Digest
from entrepot.model.errors import Corrupt, StorageFull, StorageReadOnly, Unavailable
from entrepot.model.events import NamespaceCreated
from entrepot.model.names import NamespaceName
from entrepot.model.namespace import Namespace
from entrepot.model.position import START
from entrepot.ports.catalog import Transaction
from entrepot.testing.builders import World, image, package
from entrepot.testing.contracts.catalog import ALL, API, BYTES, NAME, Filling, added


@pytest.fixture
async def catalog(world: World) -> SqliteCatalog:
    return world.catalog


@pytest.fixture
async def traced(catalog: SqliteCatalog) -> AsyncIterator[list[str]]:
    """What the writer executes."""
    statements: list[str] = []
    catalog._writer.set_trace_callback(statements.append)
    yield statements
    catalog._writer.set_trace_callback(None)


def keep(content: bytes) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        digest = Digest.of(content)
        transaction.keep_blob(digest, len(content), content)
        transaction.add_blob_member(API, digest)
        transaction.append("tester", added(API, digest))

    return change


# --- one writer, many changes ---


async def test_changes_that_come_together_share_a_commit(catalog: SqliteCatalog, traced: list[str]) -> None:
    await asyncio.gather(*(catalog.write(keep(bytes([number, 0]))) for number in range(200)))

    assert traced.count("COMMIT") <= 10
    assert (await catalog.head())[0] == 201


async def test_a_lone_change_has_a_commit_of_its_own(catalog: SqliteCatalog, traced: list[str]) -> None:
    for number in range(5):
        await catalog.write(keep(bytes([number])))

    assert traced.count("COMMIT") == 5


async def test_a_change_that_breaks_a_rule_of_the_schema_fails_alone(catalog: SqliteCatalog) -> None:
    fill = Filling(catalog)
    await fill.principal()
    token = await fill.token(b"secret")

    outcomes = await asyncio.gather(
        catalog.write(keep(b"one")),
        catalog.write(lambda transaction: transaction.add_token(token, b"another secret")),
        catalog.write(keep(b"two")),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), sqlite3.IntegrityError, type(None)]
    assert (await catalog.head())[0] == 3


async def test_a_change_that_ends_an_iteration_by_mistake_keeps_nobody_waiting(catalog: SqliteCatalog) -> None:
    def change(_: Transaction) -> object:
        return next(iter(()))

    outcomes = await asyncio.gather(
        catalog.write(change), catalog.write(keep(b"one")), catalog.write(change), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [RuntimeError, type(None), RuntimeError]


async def test_what_looks_at_much_and_finds_little_holds_nobody_up(catalog: SqliteCatalog) -> None:
    much = Statement(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n"
    )
    looking, answered = asyncio.ensure_future(catalog._aside.all(much)), 0
    while not looking.done():
        await catalog.head()
        answered += 1
        await asyncio.sleep(0)

    assert await looking == [(3_000_000,)]
    assert answered > 1


async def test_closing_waits_for_what_is_being_written(world: World) -> None:
    catalog = SqliteCatalog(world.folder / "catalog.sqlite", clock=world.clock, epochs=world.epochs, durable=False)
    writing = [asyncio.ensure_future(catalog.write(keep(bytes([number, 1])))) for number in range(100)]
    await asyncio.sleep(0)

    await catalog.close()

    assert all(each.done() for each in writing)
    assert (await world.catalog.head())[0] == 101


_WRITER = """
import asyncio, sys
from pathlib import Path
from entrepot.testing.builders import open_world
from entrepot.testing.contracts.catalog import Filling
from entrepot.model.errors import NameTaken
from tests.unit.drivers.catalog.test_sqlite import keep

async def main(folder, name):
    async with open_world(folder) as world:
        def failing(transaction):
            keep(b"never")(transaction)
            raise NameTaken
        for start in range(0, 40, 10):
            await asyncio.gather(
                *(world.catalog.write(keep(f"{name} {number}".encode())) for number in range(start, start + 10)),
                world.catalog.write(failing),
                return_exceptions=True,
            )

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


async def test_processes_take_turns_and_leave_no_gaps(world: World) -> None:
    writers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", _WRITER, world.folder, name) for name in ("a", "b")
    ]
    for number in range(40):
        await world.catalog.write(keep(f"c {number}".encode()))

    assert [await writer.wait() for writer in writers] == [0, 0]
    entries = await world.catalog.list_entries(after=START, limit=1_000)
    assert [entry.position for entry in entries] == list(range(1, 122))
    assert await world.catalog.violations() == []


# --- caches ---


class Recorder:
    """Epochs that write down when they are told what."""

    def __init__(self, log: list[str], fails: OSError | None = None) -> None:
        self._log = log
        self._fails = fails
        self.begun = asyncio.Event()

    def slot_of(self, namespace: str) -> int:
        return 1 + len(namespace)

    def read(self, slot: int) -> int:
        return 0

    def observe(self, *slots: int) -> tuple[tuple[int, int], ...] | None:
        return ()

    def recover(self) -> None:
        self._log.append("recover")

    def begin(self, slots: Iterable[int]) -> None:
        self._log.append(f"begin {sorted(slots)}")
        self.begun.set()
        if self._fails is not None:
            raise self._fails

    def end(self, slots: Iterable[int]) -> None:
        self._log.append(f"end {sorted(slots)}")


def recorded(world: World, log: list[str], fails: OSError | None = None) -> SqliteCatalog:
    catalog = SqliteCatalog(
        world.folder / "catalog.sqlite", clock=world.clock, epochs=Recorder(log, fails), durable=False
    )
    catalog._writer.set_trace_callback(log.append)
    return catalog


async def test_caches_end_around_the_commit(world: World) -> None:
    log: list[str] = []
    catalog = recorded(world, log)

    await catalog.write(keep(b"one"))

    assert log[-3:] == ["begin [5]", "COMMIT", "end [5]"]
    await catalog.close()


async def test_without_room_for_the_epochs_nothing_is_committed(world: World) -> None:
    log: list[str] = []
    catalog = recorded(world, log, OSError(errno.ENOSPC, "no room"))

    with pytest.raises(StorageFull):
        await catalog.write(keep(b"one"))

    assert "COMMIT" not in log
    assert log[-1] == "ROLLBACK"
    assert (await catalog.head())[0] == 1
    await catalog.close()


async def test_caches_stay_ended_until_the_commit_is_over_whoever_is_cancelled(world: World) -> None:
    log: list[str] = []
    catalog, released = recorded(world, log), threading.Event()
    catalog._committer.submit(released.wait)
    writing = asyncio.ensure_future(catalog.write(keep(b"one")))
    await catalog._epochs.begun.wait()  # type: ignore[attr-defined]

    assert catalog._drain is not None
    catalog._drain.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    before = list(log)
    released.set()
    await asyncio.wait([catalog._drain])

    assert before[-1] == "begin [5]"
    assert log[-2:] == ["COMMIT", "end [5]"]
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    catalog._drain = None
    await catalog.close()


# --- what the disk does ---


async def test_a_full_disk_refuses_and_later_takes_again(catalog: SqliteCatalog) -> None:
    (pages,) = catalog._writer.execute("PRAGMA page_count").fetchone()
    catalog._writer.execute(f"PRAGMA max_page_count = {pages + 2}")

    outcomes = await asyncio.gather(
        *(catalog.write(keep(bytes([number]) * 20_000)) for number in range(5)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {StorageFull}
    assert (await catalog.head())[0] == 1
    assert await catalog.violations() == []

    catalog._writer.execute("PRAGMA max_page_count = 1073741823")
    await catalog.write(keep(bytes(20_000)))
    assert (await catalog.head())[0] == 2


_FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from entrepot.model.errors import StorageFull, Unavailable
from entrepot.testing.builders import open_world
from tests.unit.drivers.catalog.test_sqlite import keep

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    async with open_world(Path(sys.argv[1])) as world:
        await world.catalog.write(keep(b"before"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_400_000, resource.RLIM_INFINITY))
        done = failed = 0
        for number in range(40):
            try:
                await world.catalog.write(keep(bytes([number]) * 50_000))
                done += 1
            except (StorageFull, Unavailable):
                failed += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await world.catalog.write(keep(bytes(60_000)))
        position, _ = await world.catalog.head()
        print(done > 0, failed > 0, position == done + 3, await world.catalog.violations())

asyncio.run(main())
"""


async def test_what_was_acknowledged_before_the_disk_was_full_is_there_after(world: World) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _FULL, world.folder, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()

    assert said.split() == [b"True", b"True", b"True", b"[]"]


async def test_a_database_that_somebody_else_holds_is_unavailable_for_now(catalog: SqliteCatalog, world: World) -> None:
    catalog._writer.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(world.folder / "catalog.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Unavailable):
        await catalog.write(keep(b"one"))

    other.execute("ROLLBACK")
    await catalog.write(keep(b"one"))
    other.close()


def test_a_disk_that_takes_no_writes_is_said_so(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "file").execute("CREATE TABLE t (x)").connection.close()
    connection = sqlite3.connect(f"file:{tmp_path / 'file'}?mode=ro", uri=True)

    with pytest.raises(StorageReadOnly), translated():
        connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(StorageReadOnly), translated():
        sqlite3.connect(tmp_path / "no" / "such" / "folder").execute("CREATE TABLE t (x)")

    connection.close()


def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"not a database" * 1_000)
    connection = sqlite3.connect(tmp_path / "file")

    with pytest.raises(Corrupt), translated():
        connection.execute("SELECT * FROM t")

    connection.close()


def test_a_statement_that_is_wrong_stays_a_bug() -> None:
    connection = sqlite3.connect(":memory:")

    with pytest.raises(sqlite3.OperationalError, match="no such table"), translated():
        connection.execute("SELECT * FROM t")

    connection.close()


# --- opening ---


async def test_a_secret_is_made_once_for_the_installation(world: World) -> None:
    other = SqliteCatalog(world.folder / "catalog.sqlite", clock=world.clock, epochs=world.epochs, durable=False)

    assert other.secret("one") == world.catalog.secret("one") != world.catalog.secret("two")
    assert len(world.catalog.secret("one")) == 32
    await other.close()


async def test_readers_cannot_write(catalog: SqliteCatalog) -> None:
    with pytest.raises(sqlite3.OperationalError):
        catalog._reader.execute("DELETE FROM blob")


async def test_the_journal_cannot_be_rewritten(catalog: SqliteCatalog) -> None:
    for statement in ("UPDATE event SET actor = 'somebody else'", "DELETE FROM event"):
        with pytest.raises(sqlite3.IntegrityError, match="cannot be rewritten"):
            catalog._writer.execute(statement)


async def test_a_durable_catalog_waits_for_the_disk(world: World) -> None:
    durable = SqliteCatalog(world.folder / "catalog.sqlite", clock=world.clock, epochs=world.epochs)

    assert durable._writer.execute("PRAGMA synchronous").fetchone() == (2,)
    await durable.close()


async def test_damage_to_the_file_is_told_apart_from_a_bug(world: World) -> None:
    for number in range(50):
        await world.catalog.write(keep(bytes([number]) * 5_000))
    world.catalog._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = world.folder / "catalog.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)
    other = sqlite3.connect(path)

    with pytest.raises(Corrupt), translated():
        other.execute("SELECT count(*) FROM blob").fetchall()

    other.close()


async def test_annotations_of_any_text_are_stored(world: World) -> None:
    pushed = image(b"layer", annotations={"org.opencontainers.image.title": "a\x00b 😀 " + "x" * 10_000})

    await world.push("acme/api", pushed, "1.0")

    found = await world.catalog.find_details(ALL, package("acme/api"), pushed.digest)
    assert found is not None
    assert found.summary.annotations == pushed.artifact.annotations


async def test_what_nobody_has_kept_cannot_enter_a_package(catalog: SqliteCatalog) -> None:
    with pytest.raises(RuntimeError, match="never kept"):
        await catalog.write(lambda transaction: transaction.add_blob_member(API, NAME))

    assert await catalog.find_blob(ALL, API, Digest.of(BYTES)) is None


async def test_a_namespace_and_its_first_event_come_together(catalog: SqliteCatalog) -> None:
    def change(transaction: Transaction) -> None:
        transaction.add_namespace(Namespace(NamespaceName("new")))
        transaction.append("tester", NamespaceCreated(namespace="new"))

    await catalog.write(change)

    found = await catalog.find_namespace(NamespaceName("new"))
    assert found is not None
    assert found.revision == (await catalog.head())[0]

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from entrepot.drivers.blobs import files
from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.model.digest import Digest
from entrepot.model.errors import StorageFull, StorageReadOnly, Unavailable, UploadUnknown
from entrepot.testing.builders import stream
from entrepot.testing.contracts.blobs import HELLO, LARGE, NAME, PLENTY, Gate, keep, new_stage, read


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], FileBlobStore]]:
    """Opens stores on the same folder, as several processes do."""
    stores: list[FileBlobStore] = []

    def open_store() -> FileBlobStore:
        stores.append(FileBlobStore(tmp_path / "blobs"))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], FileBlobStore]) -> FileBlobStore:
    return opened()


async def test_a_blob_is_a_file_that_can_be_located(store: FileBlobStore) -> None:
    digest = await keep(store)

    assert Path(store.locate(digest)).read_bytes() == HELLO


async def test_locating_does_not_ask_whether_it_is_there(store: FileBlobStore) -> None:
    assert not Path(store.locate(NAME)).exists()


async def test_what_was_kept_is_there_for_the_next_process(opened: Callable[[], FileBlobStore]) -> None:
    digest = await keep(opened(), LARGE)

    assert await read(opened(), digest) == LARGE


async def test_a_first_start_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "sha256" / "00").mkdir(parents=True)
    (tmp_path / "sha512").mkdir()

    store = FileBlobStore(tmp_path)

    assert await read(store, await keep(store)) == HELLO
    assert len(list((tmp_path / "sha256").iterdir())) == len(list((tmp_path / "sha512").iterdir())) == 256
    store.close()


async def test_a_stage_that_was_kept_before_the_lock_came_is_not_written_to(
    opened: Callable[[], FileBlobStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, stage = opened(), new_stage()
    await store.append(stage, stream(HELLO), at=0, limit=PLENTY)
    kept, flock = Path(store.locate(NAME)), files.fcntl.flock

    def flock_after_another_process_kept_it(descriptor: int, operation: int) -> None:
        (tmp_path / "blobs" / "staging" / stage).rename(kept)
        monkeypatch.setattr(files.fcntl, "flock", flock)
        flock(descriptor, operation)

    monkeypatch.setattr(files.fcntl, "flock", flock_after_another_process_kept_it)
    with pytest.raises(UploadUnknown):
        await store.append(stage, stream(b"garbage"), at=5, limit=PLENTY)

    assert kept.read_bytes() == HELLO


async def test_a_new_stage_of_the_same_name_and_size_is_not_called_by_the_old_ones_hash(
    opened: Callable[[], FileBlobStore],
) -> None:
    one, other, stage = opened(), opened(), new_stage()
    await one.append(stage, stream(HELLO), at=0, limit=PLENTY)
    await other.discard(stage)
    await other.append(stage, stream(b"jello"), at=0, limit=PLENTY)

    assert await one.digest(stage) == Digest.of(b"jello")


@pytest.mark.parametrize("cancellations", [1, 2])
async def test_a_cancelled_append_lets_go_of_the_file_only_when_its_thread_has_ended(
    store: FileBlobStore, monkeypatch: pytest.MonkeyPatch, cancellations: int
) -> None:
    writing, released, write = threading.Event(), threading.Event(), os.write

    def slow_write(descriptor: int, content: bytes) -> int:
        writing.set()
        released.wait()
        return write(descriptor, content)

    stage = new_stage()
    monkeypatch.setattr(files.os, "write", slow_write)
    appending = asyncio.ensure_future(store.append(stage, stream(LARGE, LARGE), at=0, limit=PLENTY))
    await asyncio.to_thread(writing.wait)
    for _ in range(cancellations):
        appending.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    let_go = appending.done()
    released.set()

    assert not let_go
    with pytest.raises(asyncio.CancelledError):
        await appending
    assert await store.staged_size(stage) % len(LARGE) == 0
    assert await store.staged_size(stage) > 0


async def test_what_a_killed_process_left_unfinished_is_no_blob(opened: Callable[[], FileBlobStore]) -> None:
    store, gate = opened(), Gate(LARGE, b"the rest")
    writing = asyncio.ensure_future(store.append(new_stage(), gate.content(), at=0, limit=PLENTY))
    await gate.reached.wait()

    assert [kept.digest async for kept in opened().kept()] == []
    writing.cancel()


async def test_a_probe_leaves_nothing(store: FileBlobStore) -> None:
    await store.probe()

    assert [stage async for stage, _ in store.stages()] == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ENOSPC", StorageFull),
        ("EDQUOT", StorageFull),
        ("EFBIG", StorageFull),
        ("EROFS", StorageReadOnly),
        ("EIO", Unavailable),
        ("EMFILE", Unavailable),
    ],
)
async def test_what_the_disk_refuses_is_said_in_our_words(
    store: FileBlobStore, monkeypatch: pytest.MonkeyPatch, code: str, error: type[Exception]
) -> None:
    stage = new_stage()
    await store.append(stage, stream(b"he"), at=0, limit=PLENTY)

    def refuse(*_: object) -> int:
        raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "write", refuse)
        with pytest.raises(error):
            await store.append(stage, stream(b"llo"), at=2, limit=PLENTY)
        patched.undo()
        patched.setattr(files.os, "fdatasync", refuse)
        with pytest.raises(error):
            await store.keep(stage, Digest.of(b"he"))

    assert await store.size(Digest.of(b"he")) is None
    await store.append(stage, stream(b"llo"), at=2, limit=PLENTY)
    assert await store.keep(stage, NAME) == 5


async def test_what_nobody_foresaw_stays_what_it_is(store: FileBlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "a bug of ours")

    monkeypatch.setattr(files.os, "write", refuse)
    with pytest.raises(OSError, match="a bug of ours"):
        await store.append(new_stage(), stream(HELLO), at=0, limit=PLENTY)


_FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.model.digest import Digest
from entrepot.model.errors import StorageFull
from entrepot.model.upload import UploadId
from entrepot.testing.builders import stream

async def main():
    store = FileBlobStore(Path(sys.argv[1]))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
    content = bytes(5_000_000)
    try:
        await store.append(UploadId("one"), stream(content), at=0, limit=2**40)
    except StorageFull:
        held = await store.staged_size(UploadId("one"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await store.append(UploadId("one"), stream(content[held:]), at=held, limit=2**40)
    print(held, await store.keep(UploadId("one"), Digest.of(content)))
    store.close()

asyncio.run(main())
"""


def test_when_there_is_room_again_an_upload_goes_on_where_the_disk_was_full(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FULL, tmp_path], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["3000000", "5000000"]


async def test_a_stage_that_another_process_writes_to_is_waited_for(opened: Callable[[], FileBlobStore]) -> None:
    writer, asked = opened(), opened()
    stage, gate = new_stage(), Gate(b"he", b"llo")
    writing = asyncio.ensure_future(writer.append(stage, gate.content(), at=0, limit=10))
    await gate.reached.wait()

    asking = asyncio.ensure_future(asked.settle(stage))
    asyncio.get_running_loop().call_soon(gate.opened.set)

    assert await asking == 5
    assert await writing == 5


async def test_patience_with_another_process_ends(
    opened: Callable[[], FileBlobStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_PATIENCE", 0.0)
    writer, asked = opened(), opened()
    stage, gate = new_stage(), Gate(b"he", b"llo")
    writing = asyncio.ensure_future(writer.append(stage, gate.content(), at=0, limit=10))
    await gate.reached.wait()

    assert await asked.settle(stage) == 0, "what is not written yet has not come"

    gate.opened.set()
    assert await writing == 5

"""A node that is killed between any two requests to an object store, and a store that fails some of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import pytest

from entrepot.drivers.blobs import object_store, receiving, retrying
from entrepot.drivers.blobs.hedging import HedgedObjects
from entrepot.drivers.blobs.object_store import ObjectBlobStore
from entrepot.drivers.blobs.objects import Objects
from entrepot.drivers.blobs.parts import SMALLEST_PART
from entrepot.drivers.blobs.retrying import Patience, RetryingObjects
from entrepot.model.digest import Digest
from entrepot.model.errors import StorageFull, Unavailable
from entrepot.testing.builders import stream
from entrepot.testing.contracts.blobs import HELLO, LARGE, PLENTY, keep, new_stage, read
from entrepot.testing.faults import Crash, Faults
from tests.object_servers import ObjectServer

CONTENT = (LARGE * 3)[:7_000_000]
NAME = Digest.of(CONTENT)
ACKNOWLEDGED = CONTENT[:100_000]
PIECES = [CONTENT[at : at + 100_000] for at in range(100_000, len(CONTENT), 100_000)]
LONG = os.environ.get("ENTREPOT_TEST_LONG") == "1"
STEP = 1 if LONG else 6
"""Of how many requests one is the last: each costs a second."""
_UNCOUNTED = ("now", "close")


class Around:
    """An object store whose every request goes through *around*."""

    def __init__(self, objects: Objects, around: Callable[[str, Callable[[], Any]], Any]) -> None:
        self._objects = objects
        self._around = around

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._objects, name)
        if name in _UNCOUNTED:
            return method
        return lambda *arguments, **more: self._around(name, lambda: method(*arguments, **more))


def close(answer: Any) -> None:
    """End the connection of an answer that nobody gets."""
    if hasattr(answer, "close"):
        answer.close()


def killed_at(number: int) -> tuple[Faults, Callable[[str, Callable[[], Any]], Any]]:
    faults, lock = Faults(at=number), threading.Lock()

    def reach(call: str) -> None:
        with lock:  # Parts are copied by several threads.
            faults.reach(call)

    def around(name: str, request: Callable[[], Any]) -> Any:
        reach(f"before {name}")
        result = request()
        try:
            reach(f"after {name}")
        except Crash:
            close(result)
            raise
        return result

    return faults, around


@pytest.fixture(
    params=[
        "versitygw",
        pytest.param(
            "azurite",
            marks=[
                pytest.mark.long,
                pytest.mark.skipif(not LONG, reason="another store: ENTREPOT_TEST_LONG=1"),
                pytest.mark.timeout(1800),  # It kills a hundred times, and this store is slow.
            ],
        ),
    ]
)
def server(request: pytest.FixtureRequest) -> ObjectServer:
    running: ObjectServer = request.getfixturevalue(f"{request.param}_server")
    return running


@pytest.fixture
def objects(server: ObjectServer) -> Objects:
    return server.objects(str(uuid4()))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[Any], ObjectBlobStore]]:
    stores: list[ObjectBlobStore] = []

    def open_store(objects: Any) -> ObjectBlobStore:
        stores.append(ObjectBlobStore(objects, tmp_path / "spool", threads=4))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


async def test_a_node_killed_between_any_two_requests_loses_nothing_acknowledged_and_leaves_nothing_hidden(
    server: ObjectServer,
    objects: Objects,
    opened: Callable[[Any], ObjectBlobStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_store, "_PATIENCE", 0.0)
    monkeypatch.setattr(object_store, "_AT_ONCE", 1)
    monkeypatch.setattr(receiving, "part_size", lambda _: SMALLEST_PART)
    fresh = opened(objects)
    calls: list[str] = []
    for number in count(1, STEP):
        stage = new_stage()
        await fresh.append(stage, stream(ACKNOWLEDGED), at=0, limit=PLENTY)
        faults, around = killed_at(number)
        doomed = opened(Around(objects, around))
        try:
            await doomed.append(stage, stream(*PIECES), at=100_000, limit=PLENTY)
            await doomed.keep(stage, NAME)
        except Crash:
            calls.append(faults.calls[-1])
        else:
            break

        where = f"killed at {number}, {calls[-1]}"
        size = await fresh.size(NAME)
        assert size in {None, len(CONTENT)}, where
        if size is None:
            held = await fresh.settle(stage)
            assert held >= len(ACKNOWLEDGED), where
            await fresh.append(stage, stream(CONTENT[held:]), at=held, limit=PLENTY)
            await fresh.keep(stage, NAME)
        assert await fresh.verify(NAME), where

        for left in [left async for left, _ in fresh.stages()]:
            await fresh.settle(left)
            await fresh.discard(left)
        assert [left async for left, _ in fresh.stages()] == [], where
        assert len(objects.list("").objects) == 1, where
        await fresh.remove(NAME)

    assert len(calls) * STEP > 30
    copied = "after add_copy" if server.copies_parts else "before add_copy"
    assert STEP > 1 or {"after add", copied, "before complete", "after complete"} < set(calls)


async def test_requests_that_fail_now_and_then_are_not_noticed(
    objects: Objects, opened: Callable[[Any], ObjectBlobStore]
) -> None:
    failing = iter(count())

    def around(name: str, request: Callable[[], Any]) -> Any:
        number = next(failing)
        if number % 3 == 0:
            raise Unavailable("before it was sent")
        result = request()
        if number % 3 == 1:
            close(result)
            raise Unavailable(f"the answer to {name} was lost")
        return result

    patience = Patience(total_seconds=60, first_seconds=0.001, longest_seconds=0.01)
    store = opened(RetryingObjects(Around(objects, around), patience))  # type: ignore[arg-type]

    digest = await keep(store, CONTENT)

    assert await store.size(digest) == len(CONTENT)
    assert await read(store, digest) == CONTENT
    assert [left async for left, _ in opened(objects).stages() if not left.startswith(".")] == []


def full_file(**_: object) -> BinaryIO:
    """What is written to it is found to have no room when it is written out."""
    return Path("/dev/full").open("r+b")


async def test_a_node_without_room_of_its_own_says_so_however_late_its_disk_tells(
    objects: Objects, opened: Callable[[Any], ObjectBlobStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, stage = opened(objects), new_stage()
    for at, piece in ((0, HELLO[:2]), (2, HELLO[2:])):  # Two parts, to be made one.
        await store.append(stage, stream(piece), at=at, limit=PLENTY)

    with monkeypatch.context() as patched:
        patched.setattr(object_store, "TemporaryFile", full_file)
        with pytest.raises(StorageFull):
            await store.keep(stage, Digest.of(HELLO))
        with pytest.raises(StorageFull):
            await store.examine(stage, lambda file: file.read())

    assert await store.keep(stage, Digest.of(HELLO)) == len(HELLO)


async def test_what_fails_for_long_is_said_in_bounded_time_and_then_at_once(
    objects: Objects, opened: Callable[[Any], ObjectBlobStore]
) -> None:
    asked = []

    def around(name: str, request: Callable[[], Any]) -> Any:
        asked.append(name)
        raise Unavailable("away")

    patience = Patience(total_seconds=0.2, first_seconds=0.01, longest_seconds=0.02)
    store = opened(RetryingObjects(Around(objects, around), patience))  # type: ignore[arg-type]

    with pytest.raises(Unavailable):
        await store.size(Digest.of(HELLO))
    first = len(asked)
    with pytest.raises(Unavailable):
        await store.size(Digest.of(HELLO))

    assert first > 2
    assert len(asked) == first + 1


def test_a_store_that_says_nothing_is_asked_by_one_at_a_time_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_SILENT", -1.0)
    asked: list[str] = []
    is_asked, answer = threading.Event(), threading.Event()

    class Silent:
        def stat(self, key: str) -> None:
            asked.append(key)
            if key == "first":
                raise Unavailable("no answer")
            is_asked.set()
            assert answer.wait(60)

    store = RetryingObjects(Silent(), Patience(total_seconds=0.0))  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        store.stat("first")
    finding_out = threading.Thread(target=store.stat, args=("second",))
    finding_out.start()
    assert is_asked.wait(60)
    with pytest.raises(Unavailable) as refused:
        store.stat("third")
    answer.set()
    finding_out.join()
    store.stat("fourth")

    assert asked == ["first", "second", "fourth"]
    assert refused.value.after == 1


async def test_nothing_is_listed_at_the_start_nor_by_who_reads(
    objects: Objects, opened: Callable[[Any], ObjectBlobStore]
) -> None:
    """Users' thread 79: a registry took minutes to start over a bucket, because it looked at what is in it."""
    digest = await keep(opened(objects), LARGE)
    asked = []

    def around(name: str, request: Callable[[], Any]) -> Any:
        asked.append(name)
        return request()

    store = opened(Around(objects, around))
    await store.honours_conditions()
    await store.probe()
    await store.size(digest)
    await read(store, digest)

    assert asked == ["put", "put", "delete", "put", "delete", "stat", "open"]


async def test_a_read_that_is_cut_goes_on_where_it_was(
    objects: Objects, opened: Callable[[Any], ObjectBlobStore]
) -> None:
    digest = await keep(opened(objects), LARGE)

    class Cut:
        """Gives a piece, and ends."""

        def __init__(self, reader: Any) -> None:
            self._reader = reader
            self._given = False

        def read(self, size: int, /) -> bytes:
            if self._given:
                raise Unavailable("cut")
            self._given = True
            return bytes(self._reader.read(size))

        def close(self) -> None:
            self._reader.close()

    def around(name: str, request: Callable[[], Any]) -> Any:
        return Cut(request()) if name == "open" else request()

    store = opened(Around(objects, around))

    assert await read(store, digest, 5) == LARGE[5:]
    assert await store.verify(digest)


def test_a_read_that_does_not_begin_is_asked_for_again_and_one_in_ten_at_most(objects: Objects) -> None:
    objects.put("slow", HELLO)
    released, asked = threading.Event(), []

    def around(name: str, request: Callable[[], Any]) -> Any:
        asked.append(name)
        if len(asked) == 1:
            released.wait()
        return request()

    hedged = HedgedObjects(Around(objects, around), after_seconds=0.01)  # type: ignore[arg-type]

    reader = hedged.open("slow")

    assert reader.read(10) == HELLO
    assert asked == ["open", "open"]
    released.set()
    hedged.close()

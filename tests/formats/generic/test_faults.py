"""A process that dies at any step of an upload leaves a sound registry, and the client's next attempt succeeds."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from entrepot.model.errors import RegistryError, StorageFull, StorageReadOnly
from tests.formats.generic.served import Served, serve

VERSION = "/files/acme/tool/1.0/"
FILE = f"{VERSION}file"
LARGE = bytes(range(256)) * 4


class Crash(BaseException):
    """The end of the process: no handler tidies up."""


class Steps:
    """Counts the calls of ports, each before it begins and after it is done, and fails at one of them."""

    def __init__(self, at: int, failure: BaseException) -> None:
        self._at = at
        self._failure = failure
        self.count = 0

    def step(self) -> None:
        self.count += 1
        if self.count == self._at:
            raise self._failure

    def around(self, port: Any) -> Any:
        return _Watched(port, self)


class _Watched:
    def __init__(self, port: Any, steps: Steps) -> None:
        self._port = port
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def watched(*arguments: Any, **options: Any) -> Any:
            self._steps.step()
            result = await method(*arguments, **options)
            self._steps.step()
            return result

        return watched


async def put_whole(served: Served, content: bytes) -> int:
    return (await served.put(FILE, content)).status


async def put_chunked(served: Served, content: bytes) -> int:
    return (await served.put(FILE, [content[:300], content[300:]])).status


async def put_in_session(served: Served, content: bytes) -> int:
    answer = await served.ask("POST", f"{FILE}?upload")
    session = answer.headers.get("location", "").removeprefix("http://registry.example.com")
    if answer.status == 202:
        answer = await served.ask("PATCH", session, body=content)
    if answer.status == 202:
        answer = await served.put(session, b"")
    return answer.status


Put = Callable[[Served, bytes], Awaitable[int]]
WAYS = pytest.mark.parametrize("put", [put_whole, put_chunked, put_in_session])
CONTENTS = pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])


@WAYS
@CONTENTS
async def test_a_crash_at_any_step_loses_nothing_that_was_acknowledged(
    served: Served, put: Put, content: bytes
) -> None:
    sound = served.registry
    await served.put(f"{VERSION}before", b"content")
    crashes = 0
    while True:
        steps = Steps(crashes + 1, Crash())
        served.app.registry = replace(sound, catalog=steps.around(sound.catalog), blobs=steps.around(sound.blobs))
        try:
            status = await put(served, content)
        except Crash:
            crashes += 1
        else:
            assert status == (201 if crashes == 0 else status)
            break
        finally:
            served.app.registry = sound

        assert await served.violations() == [], f"after crash {crashes}"
        got = await served.get(FILE)
        assert got.status in (200, 404)
        assert got.status == 404 or got.body == content
        assert (await served.get(f"{VERSION}before")).body == b"content"

    assert crashes >= 6
    assert await put(served, content) in (200, 201)
    assert (await served.get(FILE)).body == content
    assert await served.violations() == []


@WAYS
@CONTENTS
@pytest.mark.parametrize(("failure", "status"), [(StorageFull("disk"), 507), (StorageReadOnly("disk"), 503)])
async def test_a_disk_that_fails_at_any_step_is_said_and_got_over(
    tmp_path: Path, blob_folder: Path, put: Put, content: bytes, failure: RegistryError, status: int
) -> None:
    async with serve(tmp_path, blob_folder=blob_folder) as served:
        sound = served.registry
        failures = 0
        while True:
            steps = Steps(failures + 1, failure)
            served.app.registry = replace(sound, catalog=steps.around(sound.catalog), blobs=steps.around(sound.blobs))
            answered = await put(served, content)
            served.app.registry = sound
            if answered != status:
                break
            failures += 1
            assert await served.violations() == [], f"after failure {failures}"

        assert failures >= 6
        assert answered in (200, 201)
        assert (await served.get(FILE)).body == content

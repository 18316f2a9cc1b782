"""Files over real connections."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from entrepot.wire.server import ClientDisconnected, FileTooShort, Limits, sendfile
from entrepot.wire.server.sendfile import FileSlice
from tests.unit.wire.server.serving import (
    PATIENCE,
    App,
    Client,
    Receive,
    Scope,
    Send,
    Served,
    answer,
    eventually,
    request,
)

SIZES = [0, 1, 4096, 128 * 1024, 128 * 1024 + 1, 512 * 1024, 512 * 1024 + 1, 5_000_000]


@pytest.fixture(scope="module")
def content() -> bytes:
    return random.Random(7).randbytes(5_000_000)


def sender(path: Path, *, headers: list[tuple[bytes, bytes]] = [], **fields: Any) -> App:  # noqa: B006
    """An application that answers with a file."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.pathsend", "path": str(path), **fields})

    return app


def big_file(tmp_path: Path, size: int = 64 << 20) -> Path:
    """A file that no socket's buffer holds, of nothing."""
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(size)
    return path


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_whole_and_the_connection_goes_on(tmp_path: Path, content: bytes, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(content[:size])

    with Served(sender(path)) as server, server.connect() as client:
        for _ in range(3):
            response = client.get()

            assert response.body == content[:size]
            assert response.headers["content-length"] == str(size)


@pytest.mark.parametrize("count", [0, 10, 200_000, 3_000_000])
def test_a_slice_of_a_file_comes_as_asked(tmp_path: Path, content: bytes, count: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    length = [(b"content-length", b"%d" % count)]

    with Served(sender(path, headers=length, offset=1234, count=count)) as server, server.connect() as client:
        assert client.get().body == content[1234 : 1234 + count]


def test_head_tells_of_a_file_without_sending_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with Served(sender(path)) as server, server.connect() as client:
        response = client.get(method="HEAD")

        assert response.headers["content-length"] == str(len(content))
        assert client.get().body == content


def test_a_request_behind_a_file_waits_for_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    file = sender(path)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/file":
            await file(scope, receive, send)
        else:
            await answer(send, b"next")

    with Served(app) as server, server.connect() as client:
        client.send(request("/file"), request("/next"), request("/file"))

        assert [client.read().body for _ in range(3)] == [content, b"next", content]


def test_an_answer_before_a_file_goes_out_before_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    file = sender(path)
    large = bytes(4 << 20)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/file":
            await file(scope, receive, send)
        else:
            await answer(send, large)  # stays in the transport's buffer, because the client does not read yet

    with Served(app) as server, server.connect() as client:
        client.send(request("/large"), request("/file"))
        eventually(lambda: any(c.transport.get_write_buffer_size() for c in server.connections))

        assert client.read().body == large
        assert client.read().body == content


def test_a_file_that_is_gone_can_be_answered_otherwise(tmp_path: Path) -> None:
    file = sender(tmp_path / "none")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await file(scope, receive, send)
        except FileNotFoundError:
            await answer(send, b"gone", 404)

    with Served(app) as server, server.connect() as client:
        assert client.get().status == 404
        assert client.get().body == b"gone"


def test_a_file_that_is_gone_is_an_error_if_nobody_cares(tmp_path: Path) -> None:
    with Served(sender(tmp_path / "none")) as server, server.connect() as client:
        assert client.get().status == 500


def test_a_file_shorter_than_asked_is_known_before_anything_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    raised: list[FileTooShort] = []
    file = sender(path, offset=2, count=4)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await file(scope, receive, send)
        except FileTooShort as error:
            raised.append(error)
            await answer(send, b"", 500)

    with Served(app) as server, server.connect() as client:
        assert client.get().status == 500
    assert (raised[0].path, raised[0].expected, raised[0].actual) == (str(path), 6, 5)


@pytest.mark.parametrize("length", [b"4", b"6"])
def test_a_file_of_another_length_than_the_head_promises_is_not_sent(tmp_path: Path, length: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")

    with Served(sender(path, headers=[(b"content-length", length)])) as server, server.connect() as client:
        assert client.get().status == 500


def test_a_file_that_shrinks_while_it_is_sent_ends_the_connection(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = big_file(tmp_path)

    with Served(sender(path)) as server, server.connect() as client:
        client.send(request())
        client.read_head()
        os.truncate(path, 1000)
        got = client.read_to_end()

    assert len(got) < 64 << 20
    assert "FileTooShort" in caplog.text


def test_a_client_that_leaves_in_the_middle_is_noticed_and_nothing_is_left_open(tmp_path: Path) -> None:
    path = big_file(tmp_path)
    raised = threading.Event()
    file = sender(path)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await file(scope, receive, send)
        except ClientDisconnected:
            raised.set()

    with Served(app) as server:
        before = open_files()
        for hard in (False, True):
            raised.clear()
            with server.connect() as client:
                client.send(request())
                client.read_exactly(100_000)
                if hard:
                    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert raised.wait(PATIENCE)
        eventually(lambda: open_files() <= before)


def test_a_client_that_takes_nothing_is_given_up_and_the_application_is_told(tmp_path: Path) -> None:
    path = big_file(tmp_path)
    raised = threading.Event()
    file = sender(path)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await file(scope, receive, send)
        except ClientDisconnected:
            raised.set()

    with Served(app, limits=Limits(stall_seconds=0.2)) as server, server.connect() as client:
        client.send(request())
        client.read_head()

        assert raised.wait(PATIENCE)
        assert len(client.read_to_end()) < 64 << 20
        eventually(lambda: not server.connections)


def test_a_client_that_takes_a_little_now_and_then_gets_the_file(tmp_path: Path) -> None:
    path = big_file(tmp_path, 24 << 20)

    with Served(sender(path), limits=Limits(stall_seconds=1)) as server, server.connect() as client:
        client.send(request())
        client.read_head()
        begun, taken = monotonic(), 0
        pause = threading.Event()
        while monotonic() < begun + 2:
            taken += len(client.read_exactly(100_000))
            pause.wait(0.05)

        assert len(client.read_exactly((24 << 20) - taken)) == (24 << 20) - taken


def test_clients_that_take_nothing_do_not_keep_others_from_their_files(tmp_path: Path) -> None:
    path = big_file(tmp_path)

    with Served(sender(path)) as server:
        idlers = [server.connect() for _ in range(3 * 8)]  # thrice as many as there are threads
        for idler in idlers:
            idler.send(request())
        with server.connect() as client:
            assert len(client.get().body) == 64 << 20
        for idler in idlers:
            idler.socket.close()


def test_many_transfers_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer gives its thread to another that waits for one, and goes on later."""
    monkeypatch.setattr(sendfile, "_TURN_SIZE", 1 << 20)
    path = big_file(tmp_path, 12 << 20)
    sizes: list[int] = []

    with Served(sender(path)) as server:

        def fetch() -> None:
            with server.connect() as client:
                sizes.append(len(client.get().body))

        fetching = [threading.Thread(target=fetch) for _ in range(2 * 8)]
        for thread in fetching:
            thread.start()
        for thread in fetching:
            thread.join(PATIENCE)

    assert sizes == [12 << 20] * 16


def test_a_shutdown_waits_for_a_file(tmp_path: Path) -> None:
    path = big_file(tmp_path)

    with Served(sender(path)) as server, server.connect() as client:
        client.send(request())
        client.read_head()
        server.shut_down()

        assert len(client.read_to_end()) == 64 << 20


def test_a_transfer_that_is_cancelled_ends_with_its_connection(tmp_path: Path) -> None:
    path = big_file(tmp_path, 1 << 30)

    with Served(sender(path)) as server:
        before = open_files()
        client = server.connect()
        client.send(request())
        client.read_head()

        async def cancel() -> None:
            tasks = list(server.state.tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

        server.run(cancel())
        assert len(client.read_to_end()) < 1 << 30
        client.socket.close()
        eventually(lambda: open_files() <= before)


def test_a_file_may_not_follow_a_body_nor_come_in_chunks(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")

    async def mixed(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})
        with pytest.raises(RuntimeError):
            await send({"type": "http.response.pathsend", "path": str(path)})
        await send({"type": "http.response.body"})

    with Served(mixed) as server, server.connect() as client:
        assert client.get().body == b"some"
    with Served(sender(path, headers=[(b"transfer-encoding", b"chunked")])) as server, server.connect() as client:
        assert client.get().status == 500


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_over_tls_too(
    tmp_path: Path,
    content: bytes,
    size: int,
    certificate: Callable[[], tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content[:size])
    theirs, ours = certificate()

    with Served(sender(path), tls=theirs) as server:
        connected = ours.wrap_socket(socket.create_connection(server.address, PATIENCE), server_hostname="localhost")
        with Client(connected) as client:
            for _ in range(2):
                assert client.get().body == content[:size]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], tuple[ssl.SSLContext, ssl.SSLContext]]:
    """Contexts of a server and of a client that trusts it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, and without it there is no certificate to test TLS with")
    folder = tmp_path_factory.mktemp("tls")
    made = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    named = ["-keyout", "key", "-out", "crt", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*made, *named], cwd=folder, check=True, capture_output=True)

    def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
        theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        theirs.load_cert_chain(folder / "crt", folder / "key")
        return theirs, ssl.create_default_context(cafile=str(folder / "crt"))

    return contexts


def test_whether_a_file_is_in_memory_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with FileSlice(str(path), 10, 1000) as some:
        try:
            os.preadv(some.file, [bytearray(1)], 0, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                pytest.skip("the file system cannot tell, as tmpfs")
        assert some.is_cached()
        assert bytes(some.read_cached() or b"") == content[10:1010]


@pytest.mark.parametrize("size", [10_000, 300_000, 5_000_000])
def test_a_file_that_is_not_in_memory_comes_whole_too(tmp_path: Path, content: bytes, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(content[:size])
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    with Served(sender(path)) as server, server.connect() as client:
        assert client.get().body == content[:size]


@pytest.mark.parametrize("size", [10_000, 300_000])
def test_a_disk_is_not_waited_for_on_the_event_loop(
    tmp_path: Path,
    content: bytes,
    size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether the kernel has dropped a file is its own affair, so here it is made to say that it has."""

    def not_in_memory(*_: object) -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "preadv", not_in_memory)
    path = tmp_path / "file"
    path.write_bytes(content[:size])

    with Served(sender(path)) as server, server.connect() as client:
        assert client.get().body == content[:size]
        # The pool notes a thread after it has started it, by when the client may have everything.
        eventually(lambda: len(server.protocols.files.threads._threads) > 0)


def test_a_file_that_shrinks_before_it_is_read_is_too_short(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))

    with FileSlice(str(path)) as content:
        os.truncate(path, 500)
        with pytest.raises(FileTooShort):
            content.read(0, 1000)


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with Served(sender(tmp_path)) as server, server.connect() as client:
        assert client.get().status == 500

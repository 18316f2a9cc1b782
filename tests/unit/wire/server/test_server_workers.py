"""Real servers in processes of their own: one worker, several, their ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.wire.server.serving import PATIENCE, eventually

APPLICATION = """
    import asyncio, logging, os
    from pathlib import Path
    from entrepot.wire.server import CacheTicket, Epochs, FrontCache, Service

    BIG = Path(__file__).with_name("big")

    def make(fails=None):
        logging.basicConfig(level="INFO")
        if fails == "factory":
            raise RuntimeError("the factory fails")
        epochs = Epochs(Path(__file__).with_name("epochs"))

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                if fails == "startup":
                    await send({"type": "lifespan.startup.failed", "message": "the startup fails"})
                    return
                await send({"type": "lifespan.startup.complete"})
                await receive()
                Path(__file__).with_name(f"ended-{os.getpid()}").touch()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send_response(scope, send)

        async def send_response(scope, send):
            if scope["path"] == "/big":
                await send({"type": "http.response.start", "status": 200})
                await send({"type": "http.response.pathsend", "path": str(BIG)})
                return
            if scope["path"] == "/stuck":
                await asyncio.Event().wait()
            body = str(os.getpid()).encode()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": body})

        leaving = Path(__file__).with_name(f"leaving-{os.getpid()}").touch
        return Service(app, cache=FrontCache(epochs), on_leaving=leaving)

    def prepare(fails=None):
        if fails == "first":
            raise ValueError("what comes first fails")
        if fails == "first without a word":
            os._exit(7)
        Path(__file__).with_name(f"first-{os.getpid()}").touch()

    async def work(fails=None):
        mark = Path(__file__).with_name(f"beside-{os.getpid()}")
        mark.touch()
        try:
            await asyncio.Event().wait()
        finally:
            mark.rename(mark.with_name(f"tidied-{os.getpid()}"))
"""

MAIN = """
    import logging, sys
    from entrepot.wire.server import Limits, ServeOptions, StartFailed, bind, run

    def main():
        logging.basicConfig(level="INFO")
        options = ServeOptions(
            workers=int(sys.argv[1]),
            graceful_seconds=float(sys.argv[2]),
            drain_seconds=float(sys.argv[5]),
            server_header="tested",
            beside=sys.argv[4] or None,
            first="application:prepare",
        )
        fails = sys.argv[3] or None
        try:
            run("application:make", bind("127.0.0.1:0"), options, arguments=(fails,), on_ready=ready)
        except (StartFailed, ValueError) as error:
            print("failed:", error, flush=True)
            sys.exit(1)
        print("ended", flush=True)

    def ready(urls):
        print("ready", *urls, flush=True)

    if __name__ == "__main__":
        main()
"""


class Running:
    """A server process, and what it says."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.port = 0

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def wait_until_ready(self) -> None:
        """Learn where it answers."""
        line = self.line()
        assert line.startswith("ready http://127.0.0.1:"), line
        self.port = int(line.rpartition(":")[2])

    def get(self, path: str = "/") -> bytes:
        """Ask it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def wait_until_answered_by(self, workers: int) -> None:
        """Ask until so many processes have answered: one that is told to end before that has nothing to leave."""
        answered: set[int] = set()
        while len(answered) < workers:
            answered.add(int(self.get()))

    def workers(self) -> set[int]:
        """The processes that answer, as far as asking often shows."""
        return {int(self.get()) for _ in range(30)}

    def children(self) -> set[int]:
        """The processes that it started and that live."""
        found = set()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                command, fields = (
                    (entry / "cmdline").read_bytes(),
                    (entry / "stat").read_text().rpartition(")")[2].split(),
                )
                if int(fields[1]) == self.process.pid and fields[0] != "Z" and b"spawn_main" in command:
                    found.add(int(entry.name))
        return found

    def errors(self) -> str:
        """What it logged."""
        return (self.folder / "log").read_text()


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    workers: int = 1,
    graceful_seconds: float = 10,
    drain_seconds: float = 0,
    fails: str = "",
    beside: str = "",
) -> Iterator[Running]:
    (folder / "application.py").write_text(textwrap.dedent(APPLICATION))
    (folder / "main.py").write_text(textwrap.dedent(MAIN))
    with (folder / "big").open("wb") as big:
        big.truncate(64 << 20)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, str(folder / "main.py")),
                *(str(workers), str(graceful_seconds), fails, beside, str(drain_seconds)),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    server = Running(process, folder)
    try:
        yield server
    finally:
        children = server.children()
        process.kill()
        process.communicate()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_leaves_answers_until_balancers_had_time_to_look_elsewhere(tmp_path: Path, workers: int) -> None:
    """Users' thread 82: an upgrade without downtime."""
    with running(tmp_path, workers=workers, drain_seconds=600) as server:
        server.wait_until_ready()
        server.wait_until_answered_by(workers)

        server.process.terminate()
        while len(list(tmp_path.glob("leaving-*"))) < workers:
            assert server.process.poll() is None
        answers = [server.get("/") for _ in range(3)]
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", "/big")
        ends = connection.getresponse().getheader("connection")
        connection.close()

        assert all(int(answer) for answer in answers)
        assert ends == "close"


def test_a_server_that_has_left_returns(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, drain_seconds=0.2) as server:
        server.wait_until_ready()
        server.wait_until_answered_by(2)

        server.process.terminate()

        assert server.line() == "ended"
        assert server.process.wait(PATIENCE) == 0
        assert len(list(tmp_path.glob("leaving-*"))) == 2


@pytest.mark.parametrize(
    ("workers", "number"),
    [(1, signal.SIGTERM), (1, signal.SIGINT), (3, signal.SIGTERM)],
    ids=["one, told by a program", "one, told by a person", "three"],
)
def test_a_server_says_when_it_can_answer_and_returns_when_it_is_told_to(
    tmp_path: Path,
    workers: int,
    number: signal.Signals,
) -> None:
    with running(tmp_path, workers=workers) as server:
        server.wait_until_ready()
        answered = server.workers()
        server.process.send_signal(number)

        assert server.line() == "ended"
        assert server.process.wait(PATIENCE) == 0
        ended = {int(path.name.partition("-")[2]) for path in tmp_path.glob("ended-*")}
    assert len(ended) == workers
    assert answered <= ended


def test_workers_share_the_connections(tmp_path: Path) -> None:
    with running(tmp_path, workers=2) as server:
        server.wait_until_ready()
        children = server.children()

        assert len(children) == 2
        eventually(lambda: server.workers() == children)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_transfer_is_finished_before_the_end(tmp_path: Path, workers: int) -> None:
    with running(tmp_path, workers=workers) as server:
        server.wait_until_ready()
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as connection:
            connection.request("GET", "/big")
            response = connection.getresponse()
            size = len(response.read(1000))
            server.process.terminate()
            eventually(lambda: server.errors().count("Shutting down") == workers)
            with pytest.raises(ConnectionError):
                server.get()
            size += len(response.read())

        assert size == 64 << 20
        assert server.line() == "ended"


@pytest.mark.parametrize("workers", [1, 2])
def test_what_does_not_finish_in_time_is_cut(tmp_path: Path, workers: int) -> None:
    with running(tmp_path, workers=workers, graceful_seconds=0.5) as server:
        server.wait_until_ready()
        bodies: list[bytes] = []
        waiting = threading.Thread(target=lambda: bodies.append(server.get("/stuck")))
        waiting.start()
        eventually(lambda: len(established(server.port)) > 0)
        server.process.terminate()

        assert server.line() == "ended"
        waiting.join(PATIENCE)
        assert bodies[0].startswith(b"503 Service Unavailable")


def established(port: int) -> list[str]:
    """Connections to *port* that somebody has accepted."""
    suffix = f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [line for line in lines if line.split()[1].endswith(suffix) and line.split()[3] == "01"]


def test_a_worker_that_dies_is_followed_by_another(tmp_path: Path) -> None:
    with running(tmp_path, workers=2) as server:
        server.wait_until_ready()
        eventually(lambda: len(server.children()) == 2)
        before = server.children()
        victim = min(before)
        os.kill(victim, signal.SIGKILL)

        eventually(lambda: victim not in server.children())
        eventually(lambda: int(server.get()) not in before)
        assert f"worker {victim} ended with status -9" in server.errors()
        server.process.terminate()
        assert server.line() == "ended"


@pytest.mark.parametrize(("workers", "fails"), [(1, "factory"), (1, "startup"), (2, "startup")])
def test_a_server_that_cannot_start_says_so_and_ends(tmp_path: Path, workers: int, fails: str) -> None:
    with running(tmp_path, workers=workers, fails=fails) as server:
        line = server.line()

        assert not line.startswith("ready")
        assert server.process.wait(PATIENCE) == 1
        assert f"the {fails} fails" in server.errors()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_comes_first_is_done_once_and_who_looks_after_workers_has_not_loaded_it(
    tmp_path: Path, workers: int
) -> None:
    with running(tmp_path, workers=workers) as server:
        server.wait_until_ready()

        [first] = [int(path.name.partition("-")[2]) for path in tmp_path.glob("first-*")]
        assert (first == server.process.pid) == (workers == 1)
        assert first not in server.children()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_whose_first_step_fails_says_why_and_ends(tmp_path: Path, workers: int) -> None:
    with running(tmp_path, workers=workers, fails="first") as server:
        assert server.line() == "failed: what comes first fails"
        assert server.process.wait(PATIENCE) == 1


def test_a_first_step_that_ends_without_a_word_is_no_start(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, fails="first without a word") as server:
        assert server.line() == "failed: what comes before serving ended with status 7"
        assert server.process.wait(PATIENCE) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_beside_the_workers_is_followed_by_another_and_ends_with_the_server(
    tmp_path: Path, workers: int
) -> None:
    with running(tmp_path, workers=workers, beside="application:work") as server:
        server.wait_until_ready()
        eventually(lambda: len(beside(tmp_path)) == 1)
        [victim] = beside(tmp_path)
        os.kill(victim, signal.SIGKILL)

        eventually(lambda: len(beside(tmp_path)) == 2)
        [fresh] = beside(tmp_path) - {victim}
        assert "application:work ended with status -9" in server.errors()
        server.process.terminate()
        assert server.line() == "ended"
        assert (tmp_path / f"tidied-{fresh}").exists()


def test_a_process_beside_the_workers_does_not_outlive_a_server_that_was_killed(tmp_path: Path) -> None:
    with running(tmp_path, beside="application:work") as server:
        server.wait_until_ready()
        eventually(lambda: len(beside(tmp_path)) == 1)
        [process] = beside(tmp_path)
        server.process.kill()

        eventually(lambda: not Path(f"/proc/{process}").exists())


def beside(folder: Path) -> set[int]:
    """The processes that began to work beside the workers and have not tidied up."""
    return {int(path.name.partition("-")[2]) for path in folder.glob("beside-*")}


def test_workers_do_not_outlive_their_supervisor(tmp_path: Path) -> None:
    with running(tmp_path, workers=2) as server:
        server.wait_until_ready()
        children = server.children()
        server.process.kill()

        eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def test_a_person_who_is_tired_of_waiting_ends_it(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, graceful_seconds=60) as server:
        server.wait_until_ready()

        def ask() -> None:
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                server.get("/stuck")

        waiting = threading.Thread(target=ask)
        waiting.start()
        eventually(lambda: len(established(server.port)) > 0)
        server.process.send_signal(signal.SIGINT)
        eventually(lambda: "Shutting down" in server.errors())
        server.process.send_signal(signal.SIGINT)

        assert server.process.wait(PATIENCE) == 0
        waiting.join(PATIENCE)

"""The loads: requests by wrk, large transfers over a few connections, pushes by several clients at once.

Each is bounded in count or time, checks what is answered, and says how long it took and what the server spent.
"""

from __future__ import annotations

import math
import multiprocessing
import re
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Protocol

import tools
from bench.connection import Connection, UnexpectedAnswer, request_head, target_of
from bench.content import MANIFEST_TYPE, Blob, Image
from bench.scale import KIB
from bench.subjects import Subject
from bench.subjects.subject import with_digest

LEAST_CPU_SECONDS = 0.01  # the kernel counts in hundredths

_SPARE_SECONDS = 60
_TASKS_SECONDS = 600
_TURNS = 1  # answers to each connection, at least
_LONGEST_SECONDS = 8
_REST_SECONDS = 20
_HEAD_SIZE = 16 * KIB


@dataclass(slots=True)
class Cost:
    """What some work took: *done* units of it, in so much time, at so much processor time of the server."""

    done: float = 0
    seconds: float = 0
    cpu_seconds: float = 0

    @property
    def rate(self) -> float:
        return self.done / self.seconds

    @property
    def per_cpu_second(self) -> float:
        return self.done / max(self.cpu_seconds, LEAST_CPU_SECONDS)

    @property
    def cpu_per_unit(self) -> float:
        return self.cpu_seconds / self.done


@contextmanager
def costing(subject: Subject) -> Iterator[Cost]:
    """Time the block and count the processor time that *subject* spends meanwhile."""
    cost = Cost()
    cpu = subject.cpu_seconds()
    start = time.perf_counter()
    yield cost
    cost.seconds = cost.seconds or time.perf_counter() - start
    cost.cpu_seconds = subject.cpu_seconds() - cpu


@dataclass(frozen=True, slots=True)
class Requests:
    """One request asked over and over on several connections."""

    target: str
    headers: dict[str, str]
    method: str = "GET"

    def run(self, subject: Subject, seconds: float, connections: int) -> Cost:
        """Ask for *seconds*, or longer until there are enough answers to count.

        Raises `UnexpectedAnswer` unless every answer is a 200.
        """
        while True:
            cost = self._run_once(subject, seconds, connections)
            if cost.done >= connections * _TURNS:
                return cost
            if seconds >= _LONGEST_SECONDS:
                if not cost.done:
                    raise UnexpectedAnswer(f"{subject.name}: {self.target}: nothing in {seconds} seconds")
                return cost
            seconds *= 4

    def warm(self, subject: Subject, seconds: float, connections: int) -> None:
        """Ask for *seconds*, and count nothing."""
        self._run_once(subject, seconds, connections)

    def _run_once(self, subject: Subject, seconds: float, connections: int) -> Cost:
        if self.method == "HEAD":
            return self._run_heads(subject, seconds, connections)
        command = [
            str(tools.path("wrk")),
            "--threads=1",
            f"--connections={connections}",
            f"--duration={math.ceil(seconds)}s",
        ]
        command.append(f"--timeout={_SPARE_SECONDS}s")  # an answer that takes its time is no error
        for name, value in self.headers.items():
            command += ["--header", f"{name}: {value}"]
        command.append(subject.url + self.target)
        with costing(subject) as cost:
            output = _output_of(command, seconds)
        report = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", output)
        if report is None or re.search(r"Non-2xx|Socket errors", output):
            raise UnexpectedAnswer(f"{subject.name}: {self.target}:\n{output}")
        cost.done = int(report[1])
        cost.seconds = float(report[2]) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[report[3]]
        _let_rest(subject)
        return cost

    def _run_heads(self, subject: Subject, seconds: float, connections: int) -> Cost:
        """As `run`; wrk waits for the body that the answer to a HEAD announces and does not have."""
        request = request_head(self.method, self.target, self.headers)
        sockets = [socket.create_connection(subject.address, _SPARE_SECONDS) for _ in range(connections)]
        pending = {each.fileno(): b"" for each in sockets}
        by_descriptor = {each.fileno(): each for each in sockets}
        done = 0
        with select.epoll() as poll, costing(subject) as cost:
            start = time.perf_counter()
            for each in sockets:
                poll.register(each, select.EPOLLIN)
                each.sendall(request)
            while (elapsed := time.perf_counter() - start) < seconds:
                for descriptor, _ in poll.poll(_SPARE_SECONDS):
                    answer = pending[descriptor] + by_descriptor[descriptor].recv(_HEAD_SIZE)
                    if not answer.endswith(b"\r\n\r\n") and answer:
                        pending[descriptor] = answer
                    elif not answer.startswith(b"HTTP/1.1 200 "):
                        raise UnexpectedAnswer(f"{subject.name}: HEAD {self.target}: {answer.decode(errors='replace')}")
                    else:
                        pending[descriptor] = b""
                        done += 1
                        by_descriptor[descriptor].sendall(request)
            cost.done, cost.seconds = done, elapsed
        for each in sockets:
            each.close()
        return cost


def _output_of(command: list[str], seconds: float) -> str:
    """What wrk prints, which counts whole seconds, and ends earlier when it is interrupted."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            return process.communicate(timeout=seconds if seconds % 1 else seconds + _SPARE_SECONDS)[0]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            return process.communicate()[0]


def _let_rest(subject: Subject) -> None:
    """Return when *subject* is done with the requests that nobody waits for any more: the next one is not to pay."""
    deadline = time.monotonic() + _REST_SECONDS
    before = -1.0
    while (now := subject.cpu_seconds()) > before and time.monotonic() < deadline:
        before = now
        time.sleep(0.03)


def read(subject: Subject, asked: Requests) -> bytes:
    """What *subject* answers, once."""
    with subject.connect() as connection:
        return connection.exchange(request_head(asked.method, asked.target, asked.headers), 200).body


def download(subject: Subject, target: str, headers: dict[str, str], streams: int) -> Cost:
    """Read *target* on *streams* connections at once; the unit is a gigabyte (10⁹ bytes)."""
    request = request_head("GET", target, headers)
    sizes: list[int] = []
    connections = [subject.connect() for _ in range(streams)]
    threads = [
        threading.Thread(target=lambda each=connection: sizes.append(each.download(request)[0]))
        for connection in connections
    ]
    with costing(subject) as cost:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for connection in connections:
        connection.close()
    if len(sizes) != streams:
        raise UnexpectedAnswer(f"{subject.name}: {target} was not read by every stream")
    cost.done = sum(sizes) / 1e9
    return cost


@dataclass(frozen=True, slots=True)
class Push:
    """An image, and all but the upload locations of the requests that push it."""

    probes: tuple[bytes, ...]
    session: bytes
    blobs: tuple[Blob, ...]
    upload_headers: dict[str, str]
    manifest: bytes

    @classmethod
    def of(cls, repository: str, tag: str, image: Image, headers: dict[str, str]) -> Push:
        put = request_head(
            "PUT",
            f"/v2/{repository}/manifests/{tag}",
            headers | {"Content-Type": MANIFEST_TYPE},
            len(image.manifest),
        )
        return cls(
            tuple(request_head("HEAD", f"/v2/{repository}/blobs/{blob.digest}", headers) for blob in image.blobs),
            request_head("POST", f"/v2/{repository}/blobs/uploads/", headers, 0),
            image.blobs,
            headers | {"Content-Type": "application/octet-stream"},
            put + image.manifest,
        )

    def run(self, connection: Connection) -> None:
        """Push as clients do: is each blob there? if not, a session and its bytes; then the manifest."""
        for probe, blob in zip(self.probes, self.blobs, strict=True):
            connection.exchange(probe, 404)
            session = connection.exchange(self.session, 202)
            target = with_digest(target_of(session.headers[b"location"]), blob.digest)
            connection.exchange(request_head("PUT", target, self.upload_headers, blob.size) + blob.tail, 201)
        connection.exchange(self.manifest, 201)


class Task(Protocol):
    """One thing that a client does on its connection, and checks."""

    def run(self, connection: Connection) -> None: ...


def together(subject: Subject, clients: Sequence[Sequence[Task]]) -> Cost:
    """Let each client, a process with one connection, do its tasks, all at the same time; the unit is a task.

    Raises `UnexpectedAnswer` if any of them met one.
    """
    context = multiprocessing.get_context("fork")  # so that the prepared requests and connections are simply there
    barrier = context.Barrier(len(clients) + 1)
    reports: Queue[tuple[float, float] | str] = context.Queue()
    connections = [subject.connect() for _ in clients]
    workers = [
        context.Process(target=_client, args=(connection, tasks, barrier, reports))
        for connection, tasks in zip(connections, clients, strict=True)
    ]
    for worker in workers:
        worker.start()
    with costing(subject) as cost:
        barrier.wait(_SPARE_SECONDS)
        results = [reports.get(timeout=_TASKS_SECONDS) for _ in workers]
    for worker, connection in zip(workers, connections, strict=True):
        worker.join()
        connection.close()
    times = [result for result in results if not isinstance(result, str)]
    if len(times) != len(clients):
        raise UnexpectedAnswer(f"{subject.name}: {next(result for result in results if isinstance(result, str))}")
    cost.seconds = max(end for _, end in times) - min(start for start, _ in times)
    cost.done = sum(map(len, clients))
    return cost


def _client(
    connection: Connection,
    tasks: Sequence[Task],
    barrier: Barrier,
    reports: Queue[tuple[float, float] | str],
) -> None:
    barrier.wait(_SPARE_SECONDS)
    start = time.monotonic()
    try:
        for task in tasks:
            task.run(connection)
        reports.put((start, time.monotonic()))
    except Exception as error:  # noqa: BLE001 (it is told to the parent, which raises)
        reports.put(f"{type(error).__name__}: {error}")

"""Plain files in and out, beside nginx: its static files for reading, its WebDAV module for writing.

nginx neither checks who writes, nor hashes, nor flushes what it is given.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from bench import machine
from bench.connection import Connection, request_head
from bench.content import Blob
from bench.load import Requests, costing, download, together
from bench.scale import KIB, Scale, size_text
from bench.session import ENTREPOT, NGINX, Group, Session, rounds, warm
from bench.subjects import Subject
from bench.works.uploads import LIMIT, measured_limit

_PLACE = "/files/bench/tool"
_FILE_SIZE = 4 * KIB
_CREATED = (200, 201, 204)


@dataclass(frozen=True, slots=True)
class Put:
    """A small file to write, as a whole request."""

    request: bytes

    def run(self, connection: Connection) -> None:
        connection.exchange(self.request, *_CREATED)


def works(scale: Scale) -> Sequence[str]:
    return [_small_get(), _large_get(scale), _small_put(scale), _large_put(scale)]


def run(session: Session, wanted: Sequence[str]) -> None:
    scale = session.scale
    with session.subjects(ENTREPOT, NGINX) as subjects:
        if (work := _small_get()) in wanted:
            _get_small(session, subjects, work)
        if (work := _large_get(scale)) in wanted:
            _get_large(session, subjects, work)
        if (work := _small_put(scale)) in wanted:
            _put_small(session, subjects, work)
        if (work := _large_put(scale)) in wanted:
            _put_large(session, subjects, work)


def _get_small(session: Session, subjects: Sequence[Subject], work: str) -> None:
    scale = session.scale
    per_cpu = session.row(work, "requests/CPU-s", "higher", {NGINX: 0.5})
    rate = session.row(work, "requests/s", "higher")
    target = f"{_PLACE}/1.0.0/small.bin"
    content = Blob.of(os.urandom(_FILE_SIZE))
    for subject in subjects:
        _put(subject, target, content)
    requests = {subject.name: Requests(target, subject.headers("")) for subject in subjects}
    warm(session, subjects, requests)
    for subject in rounds(subjects, scale.rounds, work):
        cost = requests[subject.name].run(subject, scale.load_seconds, scale.connections)
        per_cpu.record(subject.name, cost.per_cpu_second)
        rate.record(subject.name, cost.rate)


def _get_large(session: Session, subjects: Sequence[Subject], work: str) -> None:
    rate = session.row(work, "GB/s", "higher", {NGINX: 1.0})
    cpu = session.row(work, "CPU-s/GB", "lower")
    target = f"{_PLACE}/1.0.0/large.bin"
    content = session.payload(session.scale.large_size).blob()
    for subject in subjects:
        _put(subject, target, content)
        download(subject, target, subject.headers(""), 1)  # warm
    for subject in rounds(subjects, session.scale.transfer_rounds, work):
        cost = download(subject, target, subject.headers(""), 1)
        rate.record(subject.name, cost.rate)
        cpu.record(subject.name, cost.cpu_per_unit)


def _put_small(session: Session, subjects: Sequence[Subject], work: str) -> None:
    scale = session.scale
    rate = session.row(work, "files/s", "higher")
    per_cpu = session.row(work, "files/CPU-s", "higher")
    for subject in rounds(subjects, scale.rounds, work):
        clients = [
            [
                _small_file(subject, f"{_PLACE}/{os.urandom(6).hex()}/{client}.bin")
                for _ in range(scale.files_per_client)
            ]
            for client in range(scale.clients)
        ]
        os.sync()
        cost = together(subject, clients)
        rate.record(subject.name, cost.rate)
        per_cpu.record(subject.name, cost.per_cpu_second)


def _put_large(session: Session, subjects: Sequence[Subject], work: str) -> None:
    rate = session.row(work, "GB/s", "higher", {LIMIT: 0.5})
    cpu = session.row(work, "CPU-s/GB", "lower")
    for turn, subject in enumerate(rounds(subjects, session.scale.transfer_rounds, work)):
        if subject is subjects[0]:
            rate.record(LIMIT, measured_limit(session))
        content = session.payload(session.scale.large_size).blob()
        with costing(subject) as cost:
            _put(subject, f"{_PLACE}/2.0.{turn}/large.bin", content)
        cost.done = content.size / 1e9
        rate.record(subject.name, cost.rate)
        cpu.record(subject.name, cost.cpu_per_unit)
        machine.flush(subject.data)
        machine.drop_cache(subject.data)


def _put(subject: Subject, target: str, content: Blob) -> None:
    with subject.connect() as connection:
        connection.upload(request_head("PUT", target, subject.headers(""), content.size), content, *_CREATED)


def _small_file(subject: Subject, target: str) -> Put:
    content = os.urandom(_FILE_SIZE)
    return Put(request_head("PUT", target, subject.headers(""), len(content)) + content)


def _small_get() -> str:
    return f"file GET {size_text(_FILE_SIZE)}"


def _large_get(scale: Scale) -> str:
    return f"file GET {size_text(scale.large_size)}"


def _small_put(scale: Scale) -> str:
    return f"file PUT {size_text(_FILE_SIZE)}, {scale.clients} clients"


def _large_put(scale: Scale) -> str:
    return f"file PUT {size_text(scale.large_size)}"


GROUP = Group(works, run)

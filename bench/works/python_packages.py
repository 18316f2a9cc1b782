"""Python packages: the pages that every installer asks for first, and small uploads by several clients at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from bench.connection import Connection, request_head
from bench.content import Wheel
from bench.load import Requests, together
from bench.scale import Scale
from bench.session import ENTREPOT, NGINX, PYPIRON, PYPISERVER, Group, Session, rounds, warm
from bench.subjects import Nginx, PythonIndex, Subject
from bench.subjects.pypi import SIMPLE_JSON

_BARS = {PYPIRON: 1.0, PYPISERVER: 50.0, NGINX: 0.5}
_UPLOADERS = 4


@dataclass(frozen=True, slots=True)
class Upload:
    """A wheel to upload, as a whole request."""

    request: bytes

    def run(self, connection: Connection) -> None:
        connection.exchange(self.request, 200)


def works(scale: Scale) -> Sequence[str]:
    return [*(_page(count) for count in scale.page_files), _uploads()]


def _page(files: int) -> str:
    return f"project page of {files:,} files"


def _uploads() -> str:
    return f"upload of small wheels, {_UPLOADERS} clients"


def run(session: Session, wanted: Sequence[str]) -> None:
    with session.indexes(ENTREPOT, PYPIRON, PYPISERVER) as indexes, session.subjects(NGINX) as static:
        for count in session.scale.page_files:
            if _page(count) in wanted:
                _ask(session, indexes, [each for each in static if isinstance(each, Nginx)], count)
        if _uploads() in wanted:
            _upload(session, [index for index in indexes if index.name != PYPISERVER])


def _ask(session: Session, indexes: list[PythonIndex], static: list[Nginx], count: int) -> None:
    """nginx serves the very page that we do, as a file."""
    scale, work, project = session.scale, _page(count), f"measured{count}"
    wheels = [Wheel.of(project, f"1.{number}") for number in range(count)]
    requests: dict[str, Requests] = {}
    for index in indexes:
        index.store_wheels(wheels)
        headers = index.headers("") | {"Accept": f"{SIMPLE_JSON}, text/html;q=0.1"}
        requests[index.name] = Requests(index.project_page(project), headers)
    page = _read(next(index for index in indexes if index.name == ENTREPOT), requests[ENTREPOT])
    for server in static:
        server.store_page(f"/simple/{project}.json", page)
        requests[server.name] = Requests(f"/simple/{project}.json", {})
    per_cpu = session.row(work, "requests/CPU-s", "higher", _BARS)
    rate = session.row(work, "requests/s", "higher")
    subjects: list[Subject] = [*indexes, *static]
    warm(session, subjects, requests)
    for subject in rounds(subjects, scale.rounds, work):
        cost = requests[subject.name].run(subject, scale.load_seconds, scale.connections)
        per_cpu.record(subject.name, cost.per_cpu_second)
        rate.record(subject.name, cost.rate)


def _read(index: PythonIndex, asked: Requests) -> bytes:
    with index.connect() as connection:
        return connection.exchange(request_head("GET", asked.target, asked.headers), 200).body


def _upload(session: Session, indexes: list[PythonIndex]) -> None:
    scale, work = session.scale, _uploads()
    rate = session.row(work, "uploads/s", "higher", {PYPIRON: 1.0})
    per_cpu = session.row(work, "uploads/CPU-s", "higher")
    for turn, index in enumerate(rounds(indexes, scale.rounds, work)):
        clients = [
            [
                Upload(index.upload(Wheel.of(f"wheel{turn}_{client}_{number}", "1.0")))
                for number in range(scale.files_per_client)
            ]
            for client in range(_UPLOADERS)
        ]
        os.sync()  # what others have left unwritten is not this one's to wait for
        cost = together(index, clients)
        rate.record(index.name, cost.rate)
        per_cpu.record(index.name, cost.per_cpu_second)


GROUP = Group(works, run)

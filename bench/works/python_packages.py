"""Python packages: the pages that every installer asks for first, their files, and small uploads by several clients."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from bench.connection import Connection, UnexpectedAnswer
from bench.load import Requests, read, together
from bench.packages import Wheel
from bench.scale import KIB, MIB, Scale, size_text
from bench.session import DEVPI, ENTREPOT, NGINX, PYPIRON, PYPISERVER, Group, Session, ask, rounds, say
from bench.subjects import Nginx, PythonIndex, Subject
from bench.subjects.pypi import PAGE_ACCEPTED

_PAGE_BARS = {PYPIRON: 1.0, DEVPI: 50.0, PYPISERVER: 50.0, NGINX: 0.5}
_FILE_BARS = {64 * KIB: {NGINX: 0.4}, MIB: {NGINX: 0.8}}  # in between is what no cache or table holds
_UPLOAD_BARS = {PYPIRON: 1.0, DEVPI: 20.0}
_UPLOADERS = 4
_FILES_PER_VERSION = 10


@dataclass(frozen=True, slots=True)
class Upload:
    """A wheel to upload, as a whole request."""

    request: bytes

    def run(self, connection: Connection) -> None:
        connection.exchange(self.request, 200)


def works(scale: Scale) -> Sequence[str]:
    pages = (_page(count) for count in scale.page_files)
    return [*pages, *(_download(size) for size in scale.package_sizes), _uploads()]


def _page(files: int) -> str:
    return f"project page of {files:,} files"


def _download(size: int) -> str:
    return f"download of a wheel of {size_text(size)}"


def _uploads() -> str:
    return f"upload of small wheels, {_UPLOADERS} clients"


def run(session: Session, wanted: Sequence[str]) -> None:
    with session.indexes(ENTREPOT, PYPIRON, DEVPI, PYPISERVER) as indexes, session.static() as static:
        for count in session.scale.page_files:
            if _page(count) in wanted:
                _ask_pages(session, indexes, static, count)
        for size in session.scale.package_sizes:
            if _download(size) in wanted:
                _ask_files(session, indexes, static, size)
        if _uploads() in wanted:
            _upload(session, [index for index in indexes if index.name != PYPISERVER])


def _ask_pages(session: Session, indexes: list[PythonIndex], static: list[Nginx], count: int) -> None:
    """nginx serves the very page that we do, as a file."""
    project = f"measured{count}"
    wheels = [
        Wheel.of(project, f"1.{number // _FILES_PER_VERSION}", build=number % _FILES_PER_VERSION)
        for number in range(count)
    ]
    requests: dict[str, Requests] = {}
    for index in indexes:
        say(f"{_page(count)}: filling {index.name}")
        index.store_wheels(wheels)
        requests[index.name] = Requests(index.project_page(project), index.headers("") | {"Accept": PAGE_ACCEPTED})
    page = read(next(index for index in indexes if index.name == ENTREPOT), requests[ENTREPOT])
    for server in static:
        server.store_file(f"/simple/{project}.json", page)
        requests[server.name] = Requests(f"/simple/{project}.json", {})
    ask(session, _page(count), [*indexes, *static], requests, _PAGE_BARS)


def _ask_files(session: Session, indexes: list[PythonIndex], static: list[Nginx], size: int) -> None:
    wheel = Wheel.of(f"weighed{size}", "1.0", size)
    requests: dict[str, Requests] = {}
    for index in indexes:
        index.store_wheels([wheel])
        requests[index.name] = Requests(index.file_target(wheel), index.headers(""))
    for server in static:
        server.store_file(f"/packages/{wheel.filename}", wheel.content)
        requests[server.name] = Requests(f"/packages/{wheel.filename}", {})
    subjects: list[Subject] = [*indexes, *static]
    for subject in subjects:
        if read(subject, requests[subject.name]) != wheel.content:
            raise UnexpectedAnswer(f"{subject.name} returned other bytes than were uploaded")
    ask(session, _download(size), subjects, requests, _FILE_BARS.get(size, {}), bars_are_of_rate=True)


def _upload(session: Session, indexes: list[PythonIndex]) -> None:
    scale, work = session.scale, _uploads()
    rate = session.row(work, "uploads/s", "higher", _UPLOAD_BARS)
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

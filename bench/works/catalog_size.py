"""The same requests on a catalog of a million artifacts as on one of a thousand.

Both servers are asked for the same number of different things, so that their caches help both alike.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from bench.catalog import TAGS_PER_PACKAGE, commit, fill, repository, tag
from bench.connection import Connection, UnexpectedAnswer, request_head
from bench.content import MANIFEST_TYPE, small_image
from bench.load import Push, Task
from bench.scale import Scale
from bench.session import ENTREPOT, Group, Session, say
from bench.subjects import Entrepot
from bench.subjects.entrepot import SCRIPT

_SLOWER_AT_MOST = 1.3
_P95_AT_MOST_MS = 20.0
_START_AT_MOST_SECONDS = 2.0
_CHECKED_A_SECOND_AT_LEAST = 20_000.0
_PAGE = 100
_FEW = 10
_SAMPLE = 1000  # places that are looked at, in the small catalog all there are
_PROBE_SECONDS = 15
_LEAST_PROBES = 3
_SEED = 20  # the same places in every run


@dataclass(frozen=True, slots=True)
class Catalog:
    """A filled catalog: how many artifacts, and where."""

    artifacts: int
    data: Path

    @property
    def name(self) -> str:
        return f"{self.artifacts:,} artifacts"

    def places(self) -> list[tuple[int, int]]:
        """Pairs of package and tag, of packages spread over the whole catalog: as many in a large one as in a small."""
        packages = self.artifacts // TAGS_PER_PACKAGE
        chosen = random.Random(_SEED).sample(range(packages), min(_SAMPLE // TAGS_PER_PACKAGE, packages))
        return [(package, number) for package in chosen for number in range(TAGS_PER_PACKAGE)]


def works(scale: Scale) -> Sequence[str]:
    return [_title(probe, scale.many_artifacts) for probe in (_START, *_PROBES, _CHECK)]


def run(session: Session, wanted: Sequence[str]) -> None:
    scale = session.scale
    with TemporaryDirectory(dir=session.home, prefix="catalogs-") as home:
        catalogs = [Catalog(count, Path(home, str(count))) for count in (scale.few_artifacts, scale.many_artifacts)]
        for catalog in catalogs:
            make(catalog, session.catalogs)
        few, many = catalogs
        for _ in range(scale.transfer_rounds):
            for catalog in catalogs:
                _visit(session, catalog, wanted, few, many)


def make(catalog: Catalog, ready: Path | None) -> None:
    """Copy the catalog from where it is *ready*, or fill a new one."""
    if ready is not None and (source := ready / str(catalog.artifacts)).exists():
        say(f"copying {source}")
        shutil.copytree(source, catalog.data)
    else:
        say(f"filling a catalog with {catalog.name}")
        fill(catalog.data, catalog.artifacts, lambda count, seconds: say(f"{count:,} after {seconds:,.0f} s"))


def _visit(session: Session, catalog: Catalog, wanted: Sequence[str], few: Catalog, many: Catalog) -> None:
    """Start a server on *catalog*, ask it everything that is wanted, stop it."""
    name = ENTREPOT if catalog is many else few.name
    bars = {few.name: 1 / _SLOWER_AT_MOST}
    say(f"asking the catalog of {catalog.name}")
    with (
        TemporaryDirectory(dir=session.home, prefix="log-") as home,
        Entrepot(Path(home), session.workers, catalog.data) as subject,
    ):
        session.report.versions.setdefault(subject.name, subject.version())
        if (work := _title(_START, many.artifacts)) in wanted:
            session.row(work, "s", "lower", limit=_START_AT_MOST_SECONDS).record(name, subject.start_seconds)
        for probe, prepare in _PROBES.items():
            if (work := _title(probe, many.artifacts)) not in wanted:
                continue
            places = random.choices(catalog.places(), k=session.scale.probes)
            tasks = [prepare(*place, subject.headers("")) for place in places]
            with subject.connect() as connection:
                times = _times(connection, tasks)
            session.row(work, "ms, median", "lower", bars).record(name, median(times))
            limit = _P95_AT_MOST_MS if probe in _LISTS else None
            session.row(work, "ms, p95", "lower", limit=limit).record(name, quantiles(times, n=20)[-1])
        work = _title(_CHECK, many.artifacts)
        if catalog is many and work in wanted:
            row = session.row(work, "artifacts/s", "higher", limit=_CHECKED_A_SECOND_AT_LEAST)
            row.record(name, catalog.artifacts / _check_seconds(catalog))


def _check_seconds(catalog: Catalog) -> float:
    """How long every invariant of a catalog takes, beside the server that serves it."""
    start = time.perf_counter()
    subprocess.run([SCRIPT, "check", "--data", catalog.data], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _times(connection: Connection, tasks: Sequence[Task]) -> list[float]:
    """The milliseconds that each task took, of as many as there is time for."""
    times: list[float] = []
    deadline = time.perf_counter() + _PROBE_SECONDS
    for task in tasks:
        start = time.perf_counter()
        if start > deadline and len(times) >= _LEAST_PROBES:
            break
        task.run(connection)
        times.append((time.perf_counter() - start) * 1000)
    return times


@dataclass(frozen=True, slots=True)
class Question:
    """A request whose answer is there, and has something in it."""

    request: bytes

    def run(self, connection: Connection) -> None:
        if not connection.exchange(self.request, 200).body:
            raise UnexpectedAnswer(f"{self.request.decode()}: an empty answer")


def _pull(package: int, number: int, headers: dict[str, str]) -> Task:
    target = f"/v2/{repository(package)}/manifests/{tag(number)}"
    return Question(request_head("GET", target, headers | {"Accept": MANIFEST_TYPE}))


def _push(package: int, number: int, headers: dict[str, str]) -> Task:
    del number
    image = small_image()
    return Push.of(repository(package), f"build-{image.digest[-12:]}", image, headers)


def _list_tags(package: int, number: int, headers: dict[str, str]) -> Task:
    del number
    return Question(request_head("GET", f"/v2/{repository(package)}/tags/list?n={_PAGE}", headers))


def _list_packages(package: int, number: int, headers: dict[str, str]) -> Task:
    del number
    # So few that a page is as full in the small catalog as in the large one.
    return Question(request_head("GET", f"/v2/_catalog?n={_FEW}&last={repository(package)}", headers))


def _search_name(package: int, number: int, headers: dict[str, str]) -> Task:
    del number
    return Question(request_head("GET", f"/api/v1/search?q={repository(package).rpartition('/')[2]}", headers))


def _search_commit(package: int, number: int, headers: dict[str, str]) -> Task:
    revision = commit(package * TAGS_PER_PACKAGE + number)
    return Question(request_head("GET", f"/api/v1/search?q=commit:{revision[:12]}", headers))


_PROBES: dict[str, Callable[[int, int, dict[str, str]], Task]] = {
    "pull by tag": _pull,
    "tag list": _list_tags,
    "catalog page": _list_packages,
    "search by name": _search_name,
    "search by commit": _search_commit,
    "push": _push,
}
_LISTS = ("tag list", "catalog page", "search by name", "search by commit")
_START = "start-up"
_CHECK = "check of everything"


def _title(probe: str, artifacts: int) -> str:
    return f"{probe} at {artifacts:,} artifacts"


GROUP = Group(works, run)

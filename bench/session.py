"""One run of the benchmarks: its scale, its temporary directory, its report, and the subjects it may use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import tools
from bench.content import Payload
from bench.load import Requests
from bench.results import Better, Report, Row
from bench.scale import Scale
from bench.subjects import (
    Devpi,
    Distribution,
    Entrepot,
    ImageStore,
    Nginx,
    NodeRegistry,
    Pypiron,
    Pypiserver,
    PythonIndex,
    Subject,
    Verdaccio,
    Zot,
)
from bench.tokens import TokenSigner

S = TypeVar("S", bound=Subject)

ENTREPOT = "entrepot"
DISTRIBUTION = "distribution"
ZOT = "zot"
ZOT_DURABLE = "zot (commit)"
NGINX = "nginx"
PYPIRON = "pypiron"
PYPISERVER = "pypiserver"
DEVPI = "devpi"
VERDACCIO = "verdaccio"
WITHOUT_FOLLOWERS = "entrepot without followers"
UPSTREAM = "upstream"  # what is read through to, asked directly


@dataclass
class Session:
    """What every work is given."""

    home: Path
    scale: Scale
    report: Report
    workers: int
    cores: int
    catalogs: Path | None = None  # where catalogs that were filled before are, each named by its size
    _payloads: dict[int, Payload] = field(default_factory=dict)

    @cached_property
    def signer(self) -> TokenSigner:
        return TokenSigner(self.home)

    def payload(self, size: int) -> Payload:
        """A file of *size*, made once for the run."""
        if size not in self._payloads:
            self._payloads[size] = Payload(self.home / f"payload-{size}", size)
        return self._payloads[size]

    def row(
        self, work: str, unit: str, better: Better, bars: Mapping[str, float] | None = None, limit: float | None = None
    ) -> Row:
        """The row of *work*; at a scale whose figures mean nothing it has no bars."""
        if not self.scale.bars:
            bars, limit = None, None
        return self.report.add(Row(work, unit, better, bars or {}, limit))

    def subjects(self, *names: str) -> AbstractContextManager[list[ImageStore]]:
        """The named servers of images, running, each on data of its own that is gone afterwards."""
        return self._running(names, self._image_store)

    def indexes(self, *names: str, upstream: str | None = None) -> AbstractContextManager[list[PythonIndex]]:
        """The named indexes of Python packages, likewise; with an *upstream* they read through to that."""
        return self._running(names, lambda name, home: self._python_index(name, home, upstream))

    def node_registries(self, *names: str, upstream: str | None = None) -> AbstractContextManager[list[NodeRegistry]]:
        """The named registries of npm's clients, likewise."""
        return self._running(names, lambda name, home: self._node_registry(name, home, upstream))

    def static(self) -> AbstractContextManager[list[Nginx]]:
        """nginx, if it is here."""
        return self._running((NGINX,), lambda _, home: Nginx(home, self.cores))

    def entrepot(self) -> AbstractContextManager[list[Entrepot]]:
        """Ours alone, for what no peer has."""
        return self._running((ENTREPOT,), lambda _, home: Entrepot(home, self.workers))

    def entrepots(self) -> AbstractContextManager[list[Entrepot]]:
        """Ours as it is, and without what follows from changes."""
        return self._running(
            (ENTREPOT, WITHOUT_FOLLOWERS),
            lambda name, home: Entrepot(home, self.workers, followers=name == ENTREPOT),
        )

    def program(self, name: str) -> Path | None:
        """Where a client is; none when it is missing, and the report says so."""
        try:
            return tools.path(name)
        except tools.ToolMissing as missing:
            self.leave_out(name, missing)
            return None

    @contextmanager
    def _running(self, names: Sequence[str], make: Callable[[str, Path], S]) -> Iterator[list[S]]:
        """A peer whose program is missing is left out, and the report says so."""
        with ExitStack() as stack:
            running: list[S] = []
            for name in names:
                home = Path(stack.enter_context(TemporaryDirectory(dir=self.home, prefix=f"{name.split()[0]}-")))
                try:
                    subject = make(name, home)
                    self.report.versions[subject.name] = subject.version()
                except tools.ToolMissing as missing:
                    self.leave_out(name, missing)
                    continue
                stack.enter_context(subject)
                running.append(subject)
            yield running

    def leave_out(self, name: str, missing: tools.ToolMissing) -> None:
        """Say that something is not measured, because a program is not here."""
        if str(missing) not in self.report.missing:
            self.report.missing.append(str(missing))
            say(f"{name} is left out: {missing}")

    def _image_store(self, name: str, home: Path) -> ImageStore:
        match name:
            case "entrepot":
                return Entrepot(home, self.workers)
            case "distribution":
                return Distribution(home, self.signer)
            case "zot":
                return Zot(home, self.signer)
            case "zot (commit)":
                return Zot(home, self.signer, durable=True)
            case "nginx":
                return Nginx(home, self.cores)
        raise LookupError(name)

    def _python_index(self, name: str, home: Path, upstream: str | None) -> PythonIndex:
        match name:
            case "entrepot":
                return Entrepot(home, self.workers, upstream=("pypi", upstream) if upstream else None)
            case "pypiron":
                return Pypiron(home)
            case "pypiserver":
                return Pypiserver(home)
            case "devpi":
                return Devpi(home, upstream)
        raise LookupError(name)

    def _node_registry(self, name: str, home: Path, upstream: str | None) -> NodeRegistry:
        match name:
            case "entrepot":
                return Entrepot(home, self.workers, upstream=("npm", upstream) if upstream else None)
            case "verdaccio":
                return Verdaccio(home, upstream)
        raise LookupError(name)


@dataclass(frozen=True, slots=True)
class Group:
    """Works that share a set of running servers: their names at a scale, and what does those that are wanted."""

    works: Callable[[Scale], Sequence[str]]
    run: Callable[[Session, Sequence[str]], None]


def rounds(subjects: Iterable[S], count: int, work: str) -> Iterator[S]:
    """Each subject in turn, *count* times over."""
    subjects = list(subjects)
    for turn in range(1, count + 1):
        for subject in subjects:
            say(f"{work}: round {turn} of {count}, {subject.name}")
            yield subject


def warm(session: Session, subjects: Iterable[Subject], requests: Mapping[str, Requests]) -> None:
    """Ask every subject its requests for a while before they are counted."""
    if session.scale.warm_seconds:
        for subject in subjects:
            requests[subject.name].warm(subject, session.scale.warm_seconds, session.scale.connections)


def ask(
    session: Session,
    work: str,
    subjects: Sequence[Subject],
    requests: Mapping[str, Requests],
    bars: Mapping[str, float],
    *,
    bars_are_of_rate: bool = False,
) -> None:
    """Have each subject answer its requests, round by round: what that costs, and how many there are in a second."""
    per_cpu_bars, rate_bars = ({}, bars) if bars_are_of_rate else (bars, {})
    per_cpu = session.row(work, "requests/CPU-s", "higher", per_cpu_bars)
    rate = session.row(work, "requests/s", "higher", rate_bars)
    warm(session, subjects, requests)
    for subject in rounds(subjects, session.scale.rounds, work):
        cost = requests[subject.name].run(subject, session.scale.load_seconds, session.scale.connections)
        per_cpu.record(subject.name, cost.per_cpu_second)
        rate.record(subject.name, cost.rate)


def say(sentence: str) -> None:
    """Tell whoever waits what is going on."""
    print(f"bench: {sentence}", file=sys.stderr, flush=True)

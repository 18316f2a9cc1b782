"""Many nodes over PostgreSQL and S3: one beside distribution on the same bucket, and two beside one.

All of them share the cores of one machine with the database, the object store and who asks. So what two nodes do in a
second beside one says more about the machine than about them, and stands there as it was read; what holds elsewhere is
what a request costs the nodes, and so how many more they answer with as many cores more. What changes is one after
another for all nodes, in the database: there the seconds count, and two nodes push no more than one where it is that
which takes them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeVar

import tools
from bench.content import MANIFEST_TYPE, small_image
from bench.load import Cost, Requests, together
from bench.scale import Scale
from bench.session import ENTREPOT, Group, Session, ask, rounds
from bench.subjects import Distribution, Entrepot, Nodes, Registry
from bench.subjects.stores import Stores, running_stores
from bench.works.pushes import clients

S = TypeVar("S", bound=Registry)

_REPOSITORY: Final = "bench/image"
_TAG: Final = "stable"
_PEER: Final = "distribution on S3"
_ONE: Final = "one node"
_BOTH: Final = 2
_MORE_AT_LEAST: Final = 1.7

_GETS: Final = {f"manifest GET by {key}, PostgreSQL and S3": key for key in ("digest", "tag")}
_PUSH: Final = "push of small images, PostgreSQL and S3"
_TWO_GET: Final = "manifest GET by tag, two nodes"
_TWO_PUSH: Final = "push of small images, two nodes"


def works(scale: Scale) -> Sequence[str]:
    del scale
    return [*_GETS, _PUSH, _TWO_GET, _TWO_PUSH]


def run(session: Session, wanted: Sequence[str]) -> None:
    with TemporaryDirectory(dir=session.home, prefix="stores-") as home, ExitStack() as stack:
        try:
            stores = stack.enter_context(running_stores(Path(home)))
        except tools.ToolMissing as missing:
            session.leave_out("PostgreSQL and S3", missing)
            return
        if not {*_GETS, _PUSH}.isdisjoint(wanted):
            _beside_distribution(session, wanted, stores)
        if not {_TWO_GET, _TWO_PUSH}.isdisjoint(wanted):
            _two_beside_one(session, wanted, stores)


def _beside_distribution(session: Session, wanted: Sequence[str], stores: Stores) -> None:
    with ExitStack() as stack:
        subjects: list[Registry] = [
            stack.enter_context(subject)
            for subject in (
                Entrepot(_home(session, stack), session.workers, variables=stores.variables()),
                Distribution(_home(session, stack), session.signer, stores.s3()),
            )
        ]
        image = small_image()
        for subject in subjects:
            session.report.versions[subject.name] = subject.version()
            subject.store_image(_REPOSITORY, _TAG, image)
        for work, key in _GETS.items():
            if work in wanted:
                ask(
                    session,
                    work,
                    subjects,
                    _requests(subjects, image.digest if key == "digest" else _TAG),
                    {_PEER: 5.0},
                )
        if _PUSH in wanted:
            _push(session, _PUSH, {ENTREPOT: subjects[0], _PEER: subjects[1]}, {_PEER: 2.0})


def _two_beside_one(session: Session, wanted: Sequence[str], stores: Stores) -> None:
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(Nodes(_home(session, stack), session.workers, count, stores.variables()))
            for count in (1, _BOTH)
        )
        names: dict[str, Nodes] = {_ONE: one, ENTREPOT: two}
        if _TWO_GET in wanted:
            for nodes in names.values():
                nodes.nodes[0].store_image(_REPOSITORY, _TAG, small_image())
            rate = session.row(_TWO_GET, "requests/s", "higher")
            able = session.row(_TWO_GET, "requests/s with a core for each node", "higher", {_ONE: _MORE_AT_LEAST})
            requests = _requests(names.values(), _TAG)
            for name, nodes in _rounds(session, _TWO_GET, names):
                cost = _ask_all(session, nodes, requests[nodes.name])
                rate.record(name, cost.rate)
                able.record(name, cost.per_cpu_second * len(nodes.nodes))
        if _TWO_PUSH in wanted:
            _push(session, _TWO_PUSH, names, {})


def _push(session: Session, work: str, subjects: Mapping[str, Registry], bars: Mapping[str, float]) -> None:
    scale = session.scale
    rate = session.row(work, "images/s", "higher", bars)
    per_cpu = session.row(work, "images/CPU-s", "higher")
    for subject in subjects.values():  # warm, and the repositories exist
        together(subject, clients(subject, scale.clients, 1))
    for name, subject in _rounds(session, work, subjects):
        pushes = clients(subject, scale.clients, scale.images_per_client)
        os.sync()  # what others have left unwritten is not this one's to wait for
        cost = together(subject, pushes)
        rate.record(name, cost.rate)
        per_cpu.record(name, cost.per_cpu_second)


def _requests(subjects: Iterable[Registry], reference: str) -> dict[str, Requests]:
    return {
        subject.name: Requests(
            f"/v2/{_REPOSITORY}/manifests/{reference}", subject.headers(_REPOSITORY) | {"Accept": MANIFEST_TYPE}
        )
        for subject in subjects
    }


def _ask_all(session: Session, nodes: Nodes, requests: Requests) -> Cost:
    """Ask all of them at once, with as many connections together as one alone."""
    scale = session.scale
    each = scale.connections // len(nodes.nodes)
    with ThreadPoolExecutor(len(nodes.nodes)) as pool:
        costs = list(pool.map(lambda node: requests.run(node, scale.load_seconds, each), nodes.nodes))
    return Cost(
        sum(cost.done for cost in costs),
        max(cost.seconds for cost in costs),
        sum(cost.cpu_seconds for cost in costs),
    )


def _rounds(session: Session, work: str, subjects: Mapping[str, S]) -> Iterator[tuple[str, S]]:
    names = {id(subject): name for name, subject in subjects.items()}
    for subject in rounds(subjects.values(), session.scale.rounds, work):
        yield names[id(subject)], subject


def _home(session: Session, stack: ExitStack) -> Path:
    return Path(stack.enter_context(TemporaryDirectory(dir=session.home, prefix="node-")))


GROUP = Group(works, run)

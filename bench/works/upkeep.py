"""What keeps a large catalog small: what a collection marks in a second, what a plan of retention takes, and who notices.

The catalog is that of `bench.catalog`, three blobs to an artifact. A collection is planned, which looks at all of it and
finds nothing; retention is asked to keep half of it. Then images are pushed to a server that does nothing else, and
to the same while it collects.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Final

import psycopg

import tools
from bench.catalog import NAMESPACE, TAGS_PER_PACKAGE
from bench.content import small_image
from bench.load import Push
from bench.scale import Scale
from bench.session import ENTREPOT, Group, Session, say
from bench.subjects import Entrepot
from bench.subjects.stores import running_database
from bench.works.catalog_size import Catalog, make
from entrepot.app.migrations import copy_catalog
from entrepot.app.parts import open_registry
from entrepot.model.retention import Retention, RetentionRule
from entrepot.operations.collect import plan_collection
from entrepot.operations.retain import make_plan, set_retention
from entrepot.settings import load
from entrepot.testing.builders import ADMINISTRATOR

_BLOBS_PER_ARTIFACT: Final = 3
_MARKED_AT_LEAST: Final = 100_000.0
_PLANNED_WITHIN_SECONDS: Final = 30.0
_SLOWER_AT_MOST: Final = 2.0
_IDLE: Final = "entrepot while it does nothing else"
_SCRIPT: Final = Path(sys.executable).with_name("entrepot")


def works(scale: Scale) -> Sequence[str]:
    return _titles(scale.many_artifacts)


def _titles(artifacts: int) -> list[str]:
    of = f"{artifacts:,} artifacts, {artifacts * _BLOBS_PER_ARTIFACT:,} blobs"
    return [
        f"{of}: collection marks",
        f"{of}: collection marks on PostgreSQL",
        f"{of}: retention plan",
        f"{of}: retention plan where nothing goes",
        f"{of}: push during a collection",
    ]


def run(session: Session, wanted: Sequence[str]) -> None:
    marks, marks_there, plan, plan_nothing, push = _titles(session.scale.many_artifacts)
    plans = {plan: TAGS_PER_PACKAGE // 2, plan_nothing: TAGS_PER_PACKAGE}
    with TemporaryDirectory(dir=session.home, prefix="upkeep-") as home:
        catalog = Catalog(session.scale.many_artifacts, Path(home, "data"))
        make(catalog, session.catalogs)
        for number in range(session.scale.transfer_rounds):
            say(f"upkeep of {catalog.name}, round {number + 1}")
            if marks in wanted:
                rate = session.row(marks, "blobs/s", "higher", limit=_MARKED_AT_LEAST)
                seconds, cpu = asyncio.run(_plan_collection(catalog))
                rate.record(ENTREPOT, catalog.artifacts * _BLOBS_PER_ARTIFACT / seconds)
                session.row(marks, "CPU-s", "lower").record(ENTREPOT, cpu)
            for work, kept in plans.items():
                if work in wanted:
                    wall, cpu = asyncio.run(_plan_retention(catalog, kept))
                    session.row(work, "s", "lower", limit=_PLANNED_WITHIN_SECONDS).record(ENTREPOT, wall)
                    session.row(work, "CPU-s", "lower").record(ENTREPOT, cpu)
        if marks_there in wanted:
            _mark_on_postgresql(session, marks_there, catalog)
        if push in wanted:
            _push(session, push, catalog)


def _mark_on_postgresql(session: Session, work: str, catalog: Catalog) -> None:
    """The same catalog, copied as ``entrepot migrate copy`` does; its statistics are as autovacuum would leave them."""
    with ExitStack() as stack:
        try:
            database = stack.enter_context(running_database()).create()
        except tools.ToolMissing as missing:
            session.leave_out("PostgreSQL", missing)
            return
        say(f"copying the catalog of {catalog.name} to PostgreSQL")
        copy_catalog(load({"data": str(catalog.data)}, environ={}), database)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        rate = session.row(work, "blobs/s", "higher", limit=_MARKED_AT_LEAST)
        for number in range(session.scale.transfer_rounds):
            say(f"upkeep of {catalog.name} on PostgreSQL, round {number + 1}")
            seconds, _ = asyncio.run(_plan_collection(catalog, database))
            rate.record(ENTREPOT, catalog.artifacts * _BLOBS_PER_ARTIFACT / seconds)


async def _plan_collection(catalog: Catalog, database: str = "") -> tuple[float, float]:
    settings = {"data": str(catalog.data), "upload_lease": 1, "database": database}
    async with open_registry(load(settings, environ={})) as registry:
        start, cpu = time.perf_counter(), time.process_time()
        await plan_collection(registry, ADMINISTRATOR)
        return time.perf_counter() - start, time.process_time() - cpu


async def _plan_retention(catalog: Catalog, kept: int) -> tuple[float, float]:
    rules = Retention((RetentionRule("newest", last=kept),))
    async with open_registry(load({"data": str(catalog.data)}, environ={})) as registry:
        await set_retention(registry, ADMINISTRATOR, NAMESPACE, rules)
        start, cpu = time.perf_counter(), time.process_time()
        await make_plan(registry, NAMESPACE, "bench")
        return time.perf_counter() - start, time.process_time() - cpu


def _push(session: Session, work: str, catalog: Catalog) -> None:
    row = session.row(work, "ms, p99", "lower", {_IDLE: 1 / _SLOWER_AT_MOST})
    with (
        TemporaryDirectory(dir=session.home, prefix="log-") as home,
        Entrepot(Path(home), session.workers, catalog.data) as subject,
    ):
        subject.settle()
        for _ in range(session.scale.transfer_rounds):
            row.record(_IDLE, _p99(_times(subject, session.scale.probes)))
            variables = {
                "ENTREPOT_URL": subject.url,
                "ENTREPOT_TOKEN": (catalog.data / "admin-token").read_text().strip(),
            }
            with subprocess.Popen(
                [_SCRIPT, "gc", "apply"], env=os.environ | variables, stdout=subprocess.DEVNULL
            ) as collection:
                row.record(ENTREPOT, _p99(_times(subject, session.scale.probes, collection)))
            subject.settle()


def _times(subject: Entrepot, count: int, during: subprocess.Popen[bytes] | None = None) -> list[float]:
    """The milliseconds that each push takes: *count* of them, or as many as there are until something is over."""
    times: list[float] = []
    with subject.connect() as connection:
        while len(times) < 2 or (len(times) < count if during is None else during.poll() is None):
            push = Push.of("bench/upkeep", "latest", small_image(), subject.headers(""))
            start = time.perf_counter()
            push.run(connection)
            times.append((time.perf_counter() - start) * 1000)
    return times


def _p99(times: Sequence[float]) -> float:
    return quantiles(times, n=100, method="inclusive")[-1]


GROUP = Group(works, run)

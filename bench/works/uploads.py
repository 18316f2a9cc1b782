"""Large blobs written: how fast they are acknowledged, and how soon they are really on disk.

Entrepot flushes before it acknowledges.
The peers acknowledge what may still be in memory, so that a second figure counts until the file system is flushed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench import machine
from bench.load import Cost, costing
from bench.scale import Scale, size_text
from bench.session import DISTRIBUTION, ENTREPOT, ZOT, ZOT_DURABLE, Group, Session, rounds, say
from bench.subjects import Subject
from bench.subjects.subject import put_blob

LIMIT = "limit"  # the slower of hashing on one core, and writing with a flush

_REPOSITORY = "bench/large"


def works(scale: Scale) -> Sequence[str]:
    return [f"blob PUT {size_text(scale.large_size)}"]


def run(session: Session, wanted: Sequence[str]) -> None:
    [work] = wanted
    scale = session.scale
    first = session.row(f"{work}, first write", "GB/s", "higher")
    rate = session.row(work, "GB/s", "higher", {DISTRIBUTION: 1.0, ZOT: 1.0, LIMIT: 0.5})
    flushed = session.row(f"{work}, until it is on disk", "GB/s", "higher")
    cpu = session.row(work, "CPU-s/GB", "lower")
    session.report.versions[LIMIT] = "the slower of sha256 on one core and write + fsync, measured in each round"
    with session.subjects(ENTREPOT, DISTRIBUTION, ZOT, ZOT_DURABLE) as subjects:
        for subject in rounds(subjects, 1, f"{work}, first write"):
            first.record(subject.name, _upload(session, subject)[0].rate)
        for subject in rounds(subjects, scale.transfer_rounds, work):
            if subject is subjects[0]:
                limit = measured_limit(session)
                rate.record(LIMIT, limit)
                flushed.record(LIMIT, limit)
            cost, seconds = _upload(session, subject)
            rate.record(subject.name, cost.rate)
            flushed.record(subject.name, cost.done / seconds)
            cpu.record(subject.name, cost.cpu_per_unit)


def measured_limit(session: Session) -> float:
    """What an upload cannot beat here and now, in GB/s."""
    say("the limit: sha256, and write + fsync")
    session.payload(session.scale.large_size)
    hashing = machine.hashing_rate(session.scale.large_size)
    writing = machine.writing_rate(session.payload(session.scale.large_size).path, session.home)
    return min(hashing, writing) / 1e9


def _upload(session: Session, subject: Subject) -> tuple[Cost, float]:
    """Upload a new blob: what it cost until acknowledged, and the seconds until it was flushed."""
    blob = session.payload(session.scale.large_size).blob()
    with subject.connect() as connection:
        start = time.perf_counter()
        with costing(subject) as cost:
            put_blob(connection, _REPOSITORY, subject.headers(_REPOSITORY), blob)
        cost.done = blob.size / 1e9
        machine.flush(subject.data)
        seconds = time.perf_counter() - start
    machine.drop_cache(subject.data)
    return cost, seconds


GROUP = Group(works, run)

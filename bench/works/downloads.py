"""Blobs read: large ones by transfer rate, smaller ones by requests."""

from __future__ import annotations

from collections.abc import Sequence

from bench.connection import UnexpectedAnswer, request_head
from bench.content import Blob
from bench.load import Requests, download
from bench.scale import Scale, size_text
from bench.session import DISTRIBUTION, ENTREPOT, NGINX, ZOT, Group, Session, rounds, warm
from bench.subjects import Subject

_REPOSITORY = "bench/layers"
_STREAMS = (1, 4)
_ALL = (ENTREPOT, DISTRIBUTION, ZOT, NGINX)


def works(scale: Scale) -> Sequence[str]:
    return [*(_large(scale, streams) for streams in _STREAMS), *(_small(size) for size in _bars(scale))]


def run(session: Session, wanted: Sequence[str]) -> None:
    scale = session.scale
    with session.subjects(*_ALL) as subjects:
        if any(_large(scale, streams) in wanted for streams in _STREAMS):
            blob = session.payload(scale.large_size).blob()
            for subject in subjects:
                subject.store_blob(_REPOSITORY, blob)
                _prove(subject, blob)
            for streams in _STREAMS:
                if (work := _large(scale, streams)) in wanted:
                    _transfers(session, subjects, work, blob, streams)
        for size, bars in _bars(scale).items():
            if (work := _small(size)) in wanted:
                blob = session.payload(size).blob()
                for subject in subjects:
                    subject.store_blob(_REPOSITORY, blob)
                _requests(session, subjects, work, blob, bars)


def _bars(scale: Scale) -> dict[int, dict[str, float]]:
    """The sizes that are asked for by many requests; the one in between shows what no cache or table holds."""
    return {
        scale.medium_size: {NGINX: 0.8, DISTRIBUTION: 3.0},
        scale.middling_size: {},
        scale.small_size: {NGINX: 0.4, DISTRIBUTION: 3.0},
    }


def _transfers(session: Session, subjects: Sequence[Subject], work: str, blob: Blob, streams: int) -> None:
    rate = session.row(work, "GB/s", "higher", {NGINX: 1.0})
    cost_per_unit = session.row(work, "CPU-s/GB", "lower")
    target = _target(blob)
    for subject in rounds(subjects, session.scale.transfer_rounds, work):
        cost = download(subject, target, subject.headers(_REPOSITORY), streams)
        rate.record(subject.name, cost.rate)
        cost_per_unit.record(subject.name, cost.cpu_per_unit)


def _requests(session: Session, subjects: Sequence[Subject], work: str, blob: Blob, bars: dict[str, float]) -> None:
    rate = session.row(work, "requests/s", "higher", bars)
    per_cpu = session.row(work, "requests/CPU-s", "higher")
    scale = session.scale
    requests = {subject.name: Requests(_target(blob), subject.headers(_REPOSITORY)) for subject in subjects}
    warm(session, subjects, requests)
    for subject in rounds(subjects, scale.rounds, work):
        cost = requests[subject.name].run(subject, scale.load_seconds, scale.connections)
        rate.record(subject.name, cost.rate)
        per_cpu.record(subject.name, cost.per_cpu_second)


def _prove(subject: Subject, blob: Blob) -> None:
    """Read the blob once, unmeasured, to see that it is what was pushed; this warms as well."""
    with subject.connect() as connection:
        request = request_head("GET", _target(blob), subject.headers(_REPOSITORY))
        if connection.download(request, digest=True) != (blob.size, blob.digest):
            raise UnexpectedAnswer(f"{subject.name} returned other bytes than were pushed")


def _target(blob: Blob) -> str:
    return f"/v2/{_REPOSITORY}/blobs/{blob.digest}"


def _large(scale: Scale, streams: int) -> str:
    return f"blob GET {size_text(scale.large_size)}, {streams} stream{'s' if streams > 1 else ''}"


def _small(size: int) -> str:
    return f"blob GET {size_text(size)}"


GROUP = Group(works, run)

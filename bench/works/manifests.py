"""Manifests read by digest and by tag: the request that every pull begins with."""

from __future__ import annotations

from collections.abc import Sequence

from bench.content import MANIFEST_TYPE, small_image
from bench.load import Requests
from bench.scale import Scale
from bench.session import DISTRIBUTION, ENTREPOT, NGINX, ZOT, Group, Session, rounds, warm

_REPOSITORY = "bench/image"
_TAG = "stable"
_WORKS = {f"manifest {method} by {key}": (method, key) for method in ("GET", "HEAD") for key in ("digest", "tag")}
_BARS = {DISTRIBUTION: 10.0, ZOT: 3.0, NGINX: 0.5}


def works(scale: Scale) -> Sequence[str]:
    del scale
    return list(_WORKS)


def run(session: Session, wanted: Sequence[str]) -> None:
    image = small_image()
    scale = session.scale
    with session.subjects(ENTREPOT, DISTRIBUTION, ZOT, NGINX) as subjects:
        for subject in subjects:
            subject.store_image(_REPOSITORY, _TAG, image)
        for work in wanted:
            method, key = _WORKS[work]
            per_cpu = session.row(work, "requests/CPU-s", "higher", _BARS)
            rate = session.row(work, "requests/s", "higher")
            target = f"/v2/{_REPOSITORY}/manifests/{image.digest if key == 'digest' else _TAG}"
            requests = {
                subject.name: Requests(target, subject.headers(_REPOSITORY) | {"Accept": MANIFEST_TYPE}, method)
                for subject in subjects
            }
            warm(session, subjects, requests)
            for subject in rounds(subjects, scale.rounds, work):
                cost = requests[subject.name].run(subject, scale.load_seconds, scale.connections)
                per_cpu.record(subject.name, cost.per_cpu_second)
                rate.record(subject.name, cost.rate)


GROUP = Group(works, run)

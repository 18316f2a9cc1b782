"""Small images pushed by several clients at once: what a build farm does all day."""

from __future__ import annotations

import os
from collections.abc import Sequence

from bench.content import small_image
from bench.load import Push, together
from bench.scale import Scale
from bench.session import DISTRIBUTION, ENTREPOT, ZOT, ZOT_DURABLE, Group, Session, rounds
from bench.subjects import Subject


def works(scale: Scale) -> Sequence[str]:
    return [f"push of small images, {scale.clients} clients"]


def run(session: Session, wanted: Sequence[str]) -> None:
    [work] = wanted
    scale = session.scale
    rate = session.row(work, "images/s", "higher", {DISTRIBUTION: 5.0, ZOT: 2.0})
    per_cpu = session.row(work, "images/CPU-s", "higher")
    with session.subjects(ENTREPOT, DISTRIBUTION, ZOT, ZOT_DURABLE) as subjects:
        for subject in subjects:  # warm, and the repositories exist
            together(subject, clients(subject, scale.clients, 1))
        for subject in rounds(subjects, scale.rounds, work):
            pushes = clients(subject, scale.clients, scale.images_per_client)
            os.sync()  # what others have left unwritten is not this one's to wait for
            cost = together(subject, pushes)
            rate.record(subject.name, cost.rate)
            per_cpu.record(subject.name, cost.per_cpu_second)


def clients(subject: Subject, count: int, images: int) -> list[list[Push]]:
    """For each client, who has a repository of his own, the images that he will push."""
    repositories = [f"bench/team-{number}" for number in range(count)]
    return [
        [
            Push.of(repository, f"build-{(image := small_image()).digest[-12:]}", image, subject.headers(repository))
            for _ in range(images)
        ]
        for repository in repositories
    ]


GROUP = Group(works, run)

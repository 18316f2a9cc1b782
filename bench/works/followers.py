"""What follows from a change, beside the changes themselves: images pushed with all followers on, and with none."""

from __future__ import annotations

import os
from collections.abc import Sequence

from bench.load import together
from bench.scale import Scale
from bench.session import WITHOUT_FOLLOWERS, Group, Session, rounds
from bench.works.pushes import clients

_AT_LEAST = 0.8


def works(scale: Scale) -> Sequence[str]:
    return [f"push of small images with all followers on, {scale.clients} clients"]


def run(session: Session, wanted: Sequence[str]) -> None:
    [work] = wanted
    scale = session.scale
    rate = session.row(work, "images/s", "higher", {WITHOUT_FOLLOWERS: _AT_LEAST})
    with session.entrepots() as subjects:
        for subject in subjects:
            together(subject, clients(subject, scale.clients, 1))
            subject.settle()
        for subject in rounds(subjects, scale.rounds, work):
            pushes = clients(subject, scale.clients, scale.images_per_client)
            os.sync()
            rate.record(subject.name, together(subject, pushes).rate)
            subject.settle()  # what follows is not the next one's to wait for


GROUP = Group(works, run)

"""Memory: what a server holds when nobody asks for anything, and what one large transfer adds to it."""

from __future__ import annotations

from collections.abc import Sequence

from bench import processes
from bench.content import small_image
from bench.load import download
from bench.scale import Scale, size_text
from bench.session import DISTRIBUTION, ENTREPOT, ZOT, Group, Session, say
from bench.subjects import Subject
from bench.subjects.subject import put_blob

_REPOSITORY = "bench/huge"
_IDLE = "memory when idle, largest process"


def works(scale: Scale) -> Sequence[str]:
    return [_IDLE, _added(scale, "upload"), _added(scale, "download")]


def run(session: Session, wanted: Sequence[str]) -> None:
    with session.subjects(ENTREPOT, DISTRIBUTION, ZOT) as subjects:
        for subject in subjects:
            say(f"memory: {subject.name}")
            subject.store_image(_REPOSITORY, "stable", small_image())  # so that what is made on first use is there
            session.row(_IDLE, "MB", "lower", limit=120).record(subject.name, max(_resident(subject).values()) / 1e6)
        if set(wanted) == {_IDLE}:
            return
        for subject in subjects:
            _transfer(session, subject)


def _transfer(session: Session, subject: Subject) -> None:
    scale = session.scale
    blob = session.payload(scale.huge_size).blob()
    headers = subject.headers(_REPOSITORY)
    say(f"memory: {subject.name}, upload of {size_text(scale.huge_size)}")
    before = _watch(subject)
    with subject.connect() as connection:
        put_blob(connection, _REPOSITORY, headers, blob)
    session.row(_added(scale, "upload"), "MB", "lower", limit=64).record(subject.name, _most_added(before))
    say(f"memory: {subject.name}, download of {size_text(scale.huge_size)}")
    before = _watch(subject)
    download(subject, f"/v2/{_REPOSITORY}/blobs/{blob.digest}", headers, 1)
    session.row(_added(scale, "download"), "MB", "lower", limit=64).record(subject.name, _most_added(before))


def _resident(subject: Subject) -> dict[int, int]:
    return {pid: processes.resident_bytes(pid) for pid in processes.tree(subject.pid)}


def _watch(subject: Subject) -> dict[int, int]:
    """What each process holds now; its peak counts from here."""
    for pid in processes.tree(subject.pid):
        processes.reset_peak(pid)
    return _resident(subject)


def _most_added(before: dict[int, int]) -> float:
    """How far above *before* the peak of any one process was, in MB; at least 0.1, that of a ratio there is one."""
    return max(0.1, *((processes.resident_bytes(pid, "VmHWM") - size) / 1e6 for pid, size in before.items()))


def _added(scale: Scale, transfer: str) -> str:
    return f"memory added by {'an' if transfer[0] in 'aeiou' else 'a'} {transfer} of {size_text(scale.huge_size)}"


GROUP = Group(works, run)

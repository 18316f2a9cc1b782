"""How much of everything a run does: the sizes that figures are quoted at, and tiny ones that prove it runs."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Scale:
    """The sizes and counts of one run."""

    rounds: int
    transfer_rounds: int  # of the works that move a large blob
    load_seconds: float  # of each request load
    warm_seconds: int  # of the load before the first round
    connections: int
    large_size: int
    huge_size: int  # what memory is measured with
    medium_size: int
    middling_size: int
    small_size: int
    clients: int
    images_per_client: int  # in each round
    files_per_client: int
    page_files: tuple[int, ...]  # of a project's page
    package_sizes: tuple[int, ...]  # of the package files that are downloaded
    index_versions: int  # of a package whose index is asked for
    locked_packages: int  # of an installation
    few_artifacts: int
    many_artifacts: int
    probes: int  # requests behind each percentile
    events: int  # that are appended to the journal
    backed_up_artifacts: int
    bars: bool  # whether the figures may be held against the bars


FULL = Scale(
    rounds=5,
    transfer_rounds=4,
    load_seconds=2,
    warm_seconds=1,
    connections=16,
    large_size=GIB,
    huge_size=4 * GIB,
    medium_size=MIB,
    middling_size=256 * KIB,
    small_size=64 * KIB,
    clients=8,
    images_per_client=25,
    files_per_client=100,
    page_files=(10, 1_000),
    package_sizes=(64 * KIB, 256 * KIB, MIB),
    index_versions=300,
    locked_packages=50,
    few_artifacts=1_000,
    many_artifacts=1_000_000,
    probes=400,
    events=10_000,
    backed_up_artifacts=100_000,
    bars=True,
)

QUICK = Scale(
    rounds=1,
    transfer_rounds=1,
    load_seconds=0.3,
    warm_seconds=0,
    connections=4,
    large_size=4 * MIB,
    huge_size=8 * MIB,
    medium_size=256 * KIB,
    middling_size=256 * KIB,  # no third size
    small_size=16 * KIB,
    clients=2,
    images_per_client=3,
    files_per_client=5,
    page_files=(3,),
    package_sizes=(16 * KIB,),
    index_versions=3,
    locked_packages=3,
    few_artifacts=100,
    many_artifacts=1_000,
    probes=20,
    events=500,
    backed_up_artifacts=300,
    bars=False,
)


def size_text(size: int) -> str:
    """A size as people say it, ``64 KiB``; sizes here are whole multiples."""
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if size >= factor:
            return f"{size // factor} {unit}"
    return f"{size} B"

"""On real advisories our matches are those of another implementation: the schema's algorithm over univers' versions.

The data lies beside the checkout, if somebody put it there (``../shared/data/advisories``), and is never copied.
"""

from __future__ import annotations

import json
import os
import random
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from univers import versions as oracle

from entrepot.model.advisory import State
from entrepot.scanning.ecosystems import parse_subject
from entrepot.scanning.osv import parse_advisory

FOLDER = Path(
    os.environ.get("ENTREPOT_TEST_ADVISORIES", Path(__file__).parents[2] / ".." / "shared" / "data" / "advisories")
)
PAIRS = 3_000

SETS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "python": ("pypi", oracle.PypiVersion),
    "go": ("golang", oracle.GolangVersion),
    "rust": ("cargo", oracle.SemverVersion),
}

EXPLAINED = {
    # Fixed and introduced again at one version (3.2.0; 0.13.0): what the schema's algorithm says of it depends on which
    # of two equal events is sorted first. We let the repair be of what was there before, so the version is affected.
    ("pyspark", "PYSEC-2023-72"),
    ("apache-iotdb", "PYSEC-2022-42972"),
}


def is_readable(name: str, version: str) -> bool:
    """Whether the other implementation can say something of a version.

    It refuses what is older than PEP 440; we give that its place behind what it begins with.
    """
    return name != "python" or bool(oracle.PypiVersion.is_valid(version))


def records(name: str) -> list[dict[str, Any]]:
    path = FOLDER / f"{name}.zip"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    with zipfile.ZipFile(path) as archive:
        return [json.loads(archive.read(entry)) for entry in archive.namelist() if entry.endswith(".json")]


def affected_by_spec(entry: dict[str, Any], version: str, read: Callable[[str], Any]) -> bool:
    """https://ossf.github.io/osv-schema/#evaluation, as it is written there."""
    if version in (entry.get("versions") or ()):
        return True
    asked = read(version)
    for each in entry.get("ranges") or ():
        if each["type"] == "GIT":
            continue
        vulnerable = False
        for _, kind, bound in sorted(events_of(each, read), key=lambda event: event[0]):
            if kind == "introduced" and (bound is None or not asked < bound):
                vulnerable = True
            elif (kind == "fixed" and not asked < bound) or (kind == "last_affected" and bound < asked):
                vulnerable = False
        if vulnerable:
            return True
    return False


class _First:
    """Before every version."""

    def __lt__(self, other: object) -> bool:
        return not isinstance(other, _First)

    def __gt__(self, other: object) -> bool:
        return False


def events_of(each: dict[str, Any], read: Callable[[str], Any]) -> Iterator[tuple[Any, str, Any]]:
    for event in each["events"]:
        for kind, text in event.items():
            bound = None if kind == "introduced" and text == "0" else read(text)
            yield (_First() if bound is None else bound), kind, bound


def bounds_of(entry: dict[str, Any]) -> set[str]:
    return {
        text
        for each in entry.get("ranges") or ()
        if each["type"] != "GIT"
        for event in each["events"]
        for text in event.values()
        if text != "0"
    }


def candidates(entries: list[dict[str, Any]], chance: random.Random) -> set[str]:
    """Versions at, around and between the bounds, and some that are listed."""
    found = {"0.0.1", "1.0.0", "999.0.0"}
    for entry in entries:
        bounds = sorted(bounds_of(entry))
        found |= set(bounds)
        for bound in bounds:
            core = bound.split("-")[0].split("+")[0]
            if core.count(".") == 2 and core.replace(".", "").isdigit():
                head, _, last = core.rpartition(".")
                found |= {f"{head}.{int(last) + 1}", f"{head}.{max(0, int(last) - 1)}"}
        listed = entry.get("versions") or []
        found |= set(chance.sample(listed, min(4, len(listed))))
    return found


@pytest.mark.parametrize("name", sorted(SETS))
def test_matches_on_real_data_are_those_of_another_implementation(name: str) -> None:
    ecosystem, read = SETS[name]
    theirs: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    ours: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for record in records(name):
        advisory = parse_advisory(json.dumps(record).encode())
        for subject, rule in advisory.rules.items():
            assert subject.ecosystem == ecosystem
            ours[subject.name].append((record["id"], rule))
        if record.get("withdrawn"):
            assert advisory.rules == {}
            continue
        for entry in record["affected"]:
            subject = parse_subject(entry["package"]["ecosystem"], entry["package"]["name"])
            theirs[subject.name].append((record["id"], entry))
    chance = random.Random(20261122)
    packages = sorted(theirs)
    chance.shuffle(packages)
    compared = unreadable = matched = 0
    differences = []

    for package in packages:
        entries = [entry for _, entry in theirs[package]]
        if not all(is_readable(name, bound) for entry in entries for bound in bounds_of(entry)):
            unreadable += 1
            continue
        for version in sorted(each for each in candidates(entries, chance) if is_readable(name, each)):
            expected = {id for id, entry in theirs[package] if affected_by_spec(entry, version, read)}
            verdicts = {id: rule.judge(version).state for id, rule in ours[package]}
            found = {id for id, state in verdicts.items() if state is State.AFFECTED}
            compared += 1
            matched += len(found)
            disputed = {id for id in found ^ expected if (package, id) in EXPLAINED}
            if found - disputed != expected - disputed or State.UNKNOWN in verdicts.values():
                differences.append((package, version, found ^ expected - disputed))
        if compared >= PAIRS + PAIRS // 10:
            break

    assert compared >= PAIRS
    assert matched > compared / 4, "pairs that nothing matches prove little"
    assert unreadable <= 10
    assert differences == []

"""What users of other registries complain of is numbered; each that is about keeping and letting go has a test that says so.

A test cites its thread in words: ``users' thread 17``, ``users' threads 2 to 4 and 9``.
"""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
KEEPING = set(range(1, 33))
"""Collection; retention, immutability, holds and having back."""
SCALE = set(range(71, 85))
"""Long lists, replication, quotas, starting, many nodes, upgrades."""

_CITED = re.compile(r"\b[Uu]sers' threads? ((?:\d+(?:,? and |, | to )?)+)")
_RANGE = re.compile(r"(\d+)(?: to (\d+))?")


def cited(text: str) -> set[int]:
    """The threads that a text cites."""
    found: set[int] = set()
    for numbers in _CITED.findall(" ".join(text.split())):
        for first, last in _RANGE.findall(numbers):
            found |= set(range(int(first), int(last or first) + 1))
    return found


def test_every_thread_about_keeping_and_scale_is_cited_by_a_test() -> None:
    found = set[int]()
    for path in TESTS.rglob("test_*.py"):
        if path != Path(__file__):
            found |= cited(path.read_text(encoding="utf-8"))

    assert not (KEEPING | SCALE) - found


def test_a_citation_is_read_as_people_write_it() -> None:
    assert cited("Users' thread 17: it went") == {17}
    assert cited("(users' threads 2 to 4,\n 9, 11 and 31)") == {2, 3, 4, 9, 11, 31}
    assert cited("32 threads of a pool, thread 7 among them") == set()

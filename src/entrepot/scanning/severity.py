"""How bad is it: CVSS vectors of every version, and the words that databases use instead."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cvss import CVSS2, CVSS3, CVSS4  # type: ignore[import-untyped]  # it has no types
from cvss.exceptions import CVSSError  # type: ignore[import-untyped]  # likewise

from entrepot.model.advisory import Level, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST: Final = 512


_WORDS: Final = {
    "critical": Level.CRITICAL,
    "high": Level.HIGH,
    "important": Level.HIGH,
    "medium": Level.MEDIUM,
    "moderate": Level.MEDIUM,
    "low": Level.LOW,
    "minor": Level.LOW,
    "negligible": Level.LOW,
    "none": Level.NONE,
}
_CALCULATORS: Final = {"CVSS_V4": CVSS4, "CVSS_V3": CVSS3, "CVSS_V2": CVSS2}


UNKNOWN: Final = Severity()


def judge_severity(vectors: Iterable[tuple[str, str]], words: Iterable[str] = ()) -> Severity:
    """The severity by the newest kind of vector that can be read, of those the worst; or by the worst word."""
    by_kind: dict[str, list[Severity]] = {}
    for kind, vector in vectors:
        severity = _of_vector(kind, vector)
        if severity is not None:
            by_kind.setdefault(kind, []).append(severity)
    for kind in _CALCULATORS:
        if kind in by_kind:
            return max(by_kind[kind], key=lambda severity: severity.score or 0)
    levels = [_WORDS[word.strip().lower()] for word in words if word.strip().lower() in _WORDS]
    return Severity(min(levels, key=lambda level: level.rank)) if levels else UNKNOWN


@lru_cache(maxsize=8192)
def _of_vector(kind: str, vector: str) -> Severity | None:
    calculator = _CALCULATORS.get(kind)
    if calculator is None or len(vector) > _LONGEST or not vector.isascii():
        return None
    try:
        score = float(calculator(vector).scores()[0] if kind != "CVSS_V4" else calculator(vector).base_score)
    except (CVSSError, ValueError, KeyError, TypeError, ArithmeticError):
        # The library raises more than it says on vectors that are cut or doubled: it is no rating, whatever is wrong.
        return None
    return Severity(level_of(score), score, vector)


def level_of(score: float) -> Level:
    """The level of a base score (CVSS v3.1 specification, 5)."""
    for level, least in ((Level.CRITICAL, 9.0), (Level.HIGH, 7.0), (Level.MEDIUM, 4.0), (Level.LOW, 0.1)):
        if score >= least:
            return level
    return Level.NONE

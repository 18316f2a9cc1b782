"""What a look at something finds: how bad it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found, and what to do about it."""

    verdict: Verdict
    subject: str
    finding: str
    advice: str = ""


Findings = Iterator[Finding]


def ok(subject: str, finding: str) -> Finding:
    """Nothing is wrong with it."""
    return Finding(Verdict.OK, subject, finding)


def warning(subject: str, finding: str, advice: str) -> Finding:
    """It works, and might not."""
    return Finding(Verdict.WARNING, subject, finding, advice)


def problem(subject: str, finding: str, advice: str) -> Finding:
    """It does not work, or will lose something."""
    return Finding(Verdict.PROBLEM, subject, finding, advice)

"""Figures: what was read in each round, how Entrepot compares, and whether it meets the bar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

ENTREPOT = "entrepot"
BAR = "bar"  # the peer of a figure that is held against a fixed number
TIE = 1.2  # ratios nearer to one than this are within the noise of such machines

Better = Literal["higher", "lower"]
Verdict = Literal["better", "tie", "worse"]


@dataclass(slots=True)
class Row:
    """One kind of work measured in one unit, for every subject that did it.

    *bars* says the least ratio to each peer that is aimed at; *limit*, if any, is a fixed number to be met.
    """

    work: str
    unit: str
    better: Better
    bars: Mapping[str, float] = field(default_factory=dict)
    limit: float | None = None
    readings: dict[str, list[float]] = field(default_factory=dict)

    def record(self, subject: str, value: float) -> None:
        """Add what one round showed."""
        self.readings.setdefault(subject, []).append(value)

    def comparisons(self) -> list[Comparison]:
        """Entrepot's median beside each peer's; alone when there is no peer."""
        if ENTREPOT not in self.readings:
            return []
        value = median(self.readings[ENTREPOT])
        peers = {name: median(readings) for name, readings in self.readings.items() if name != ENTREPOT}
        bars = dict(self.bars)
        if self.limit is not None:
            peers[BAR], bars[BAR] = self.limit, 1.0
        if not peers:
            return [Comparison(self.work, ENTREPOT, value, self.unit, self.better, None, None, None, None, None)]
        return [self._comparison(value, peer, peer_value, bars.get(peer)) for peer, peer_value in peers.items()]

    def _comparison(self, value: float, peer: str, peer_value: float, bar: float | None) -> Comparison:
        over, under = (value, peer_value) if self.better == "higher" else (peer_value, value)
        ratio = round(over / under, 3) if over and under else None  # too little to be counted
        ok = None if bar is None or ratio is None else ratio >= bar
        return Comparison(self.work, ENTREPOT, value, self.unit, self.better, peer, peer_value, ratio, bar, ok)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One entry of ``results.json``; a ratio above one always means that Entrepot is better."""

    work: str
    subject: str
    value: float
    unit: str
    better: Better
    peer: str | None
    peer_value: float | None
    ratio: float | None
    bar: float | None
    ok: bool | None

    @property
    def verdict(self) -> Verdict | None:
        if self.ratio is None or self.peer == BAR:
            return None
        if self.ratio >= TIE:
            return "better"
        return "worse" if self.ratio <= 1 / TIE else "tie"


@dataclass(slots=True)
class Report:
    """All the rows of a run, with the machine and the versions that they were measured on."""

    machine: Mapping[str, str | int | float]
    quick: bool
    versions: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)

    def add(self, row: Row) -> Row:
        """The row itself, or the one that is there already for this work and unit."""
        return self.rows.setdefault((row.work, row.unit), row)

    def comparisons(self) -> list[Comparison]:
        return [comparison for row in self.rows.values() for comparison in row.comparisons()]

    def write(self, path: Path) -> None:
        """Write ``results.json``."""
        document = {
            "machine": self.machine,
            "versions": self.versions,
            "quick": self.quick,
            "missing": self.missing,
            "results": [asdict(comparison) for comparison in self.comparisons()],
            "readings": [
                {"work": row.work, "unit": row.unit, "subject": subject, **_spread(readings)}
                for row in self.rows.values()
                for subject, readings in row.readings.items()
            ],
        }
        path.write_text(json.dumps(document, indent=1) + "\n")

    def table(self) -> str:
        """What a person reads: the medians with their range, the ratios, the verdicts."""
        lines = [f"{name:>14}: {value}" for name, value in (*self.machine.items(), *self.versions.items())]
        if self.quick:
            lines.append("A quick run, at tiny sizes: it proves that the benchmark runs, its figures mean nothing.")
        lines += [f"missing: {sentence}" for sentence in self.missing]
        for row in self.rows.values():
            ratios = {comparison.peer: comparison for comparison in row.comparisons()}
            lines += ["", f"{row.work}, {row.unit} ({row.better} is better)"]
            for subject, readings in row.readings.items():
                line = (
                    f"  {subject:<14}{number(median(readings)):>10}   {number(min(readings))} … {number(max(readings))}"
                )
                lines.append(f"{line:<52}{_outcome(ratios.get(subject))}".rstrip())
            if row.limit is not None and BAR in ratios:
                lines.append(f"{f'  {BAR:<14}{number(row.limit):>10}':<52}{_outcome(ratios[BAR])}")
        compared = [comparison for comparison in self.comparisons() if comparison.ok is not None]
        missed = [comparison for comparison in compared if not comparison.ok]
        lines += ["", f"{len(compared) - len(missed)} of {len(compared)} bars met"]
        lines += [f"  missed: {each.work}, {each.unit}: {_outcome(each)}" for each in missed]
        return "\n".join(lines)


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def times(ratio: float) -> str:
    """A ratio as people write it."""
    return f"{number(ratio)}\N{MULTIPLICATION SIGN}"


def _spread(readings: list[float]) -> dict[str, float | list[float]]:
    return {"min": min(readings), "median": median(readings), "max": max(readings), "rounds": readings}


def _outcome(comparison: Comparison | None) -> str:
    if comparison is None or comparison.ratio is None:
        return ""
    words = [f"{times(comparison.ratio)} {comparison.peer}"]
    if comparison.verdict:
        words.append(comparison.verdict)
    if comparison.bar is not None:
        words.append(f"bar {times(comparison.bar)}: {'met' if comparison.ok else 'MISSED'}")
    return ", ".join(words)

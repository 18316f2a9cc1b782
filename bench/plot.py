"""``python -m bench.plot results.json > ratios.svg``: the ratios of a run as horizontal bars on a logarithmic axis."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from bench.results import TIE, times

_LABEL_WIDTH = 330
_PLOT_WIDTH = 560
_MARGIN = 20
_VALUE_WIDTH = 70
_ROW_HEIGHT = 18
_HEAD_HEIGHT = 46
_FOOT_HEIGHT = 44
_COLOURS = {"better": "#2a7f62", "tie": "#8a8f98", "worse": "#b3432b"}
_FONT = "12px system-ui, sans-serif"


def main(arguments: list[str] | None = None) -> int:
    """Draw what has a bar, or everything that has a peer."""
    parser = argparse.ArgumentParser(prog="python -m bench.plot", description="Draw the ratios of a run as SVG.")
    parser.add_argument("results", type=Path)
    parser.add_argument("--all", action="store_true", help="also what is not held against a bar")
    options = parser.parse_args(arguments)
    document = json.loads(options.results.read_text())
    chosen = [entry for entry in document["results"] if entry["ratio"] and (options.all or entry["bar"] is not None)]
    if not chosen:
        print("no ratio to draw; --all draws those without a bar, too", file=sys.stderr)
        return 1
    sys.stdout.write(draw(chosen, document["machine"]))
    return 0


def draw(entries: list[dict[str, Any]], machine: dict[str, Any]) -> str:
    """The picture of *entries*, which have the form of ``results.json``."""
    bounds = [entry["ratio"] for entry in entries] + [entry["bar"] or 1 for entry in entries]
    low, high = math.floor(math.log10(min(bounds))), math.ceil(math.log10(max(bounds)))
    low, high = min(low, -1), max(high, 1)

    def x(ratio: float) -> float:
        return _MARGIN + _LABEL_WIDTH + _PLOT_WIDTH * (math.log10(ratio) - low) / (high - low)

    rows = list(_rows(entries))
    width = 2 * _MARGIN + _LABEL_WIDTH + _PLOT_WIDTH + _VALUE_WIDTH
    height = _HEAD_HEIGHT + _ROW_HEIGHT * len(rows) + _FOOT_HEIGHT
    bottom = _HEAD_HEIGHT + _ROW_HEIGHT * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(
            _MARGIN,
            20,
            f"How many times as good as the peer (logarithmic; right of {times(1)} is better)",
            weight="bold",
        ),
        _band(x(1 / TIE), x(TIE), bottom),
    ]
    for power in range(low, high + 1):
        at = x(10.0**power)
        parts.append(f'<line x1="{at:.1f}" y1="{_HEAD_HEIGHT}" x2="{at:.1f}" y2="{bottom}" stroke="#c9ccd1"/>')
        parts.append(_text(at, _HEAD_HEIGHT - 6, times(10.0**power), anchor="middle"))
    for index, row in enumerate(rows):
        top = _HEAD_HEIGHT + _ROW_HEIGHT * index
        if isinstance(row, str):
            parts.append(_text(_MARGIN, top + 13, row, weight="bold"))
            continue
        ratio, bar = row["ratio"], row["bar"]
        left, right = sorted((x(1), x(ratio)))
        colour = _COLOURS["better" if ratio >= TIE else "worse" if ratio <= 1 / TIE else "tie"]
        parts.append(_text(_MARGIN + _LABEL_WIDTH - 8, top + 13, row["peer"], anchor="end"))
        parts.append(
            f'<rect x="{left:.1f}" y="{top + 3}" width="{max(right - left, 1):.1f}" height="{_ROW_HEIGHT - 6}" '
            f'fill="{colour}"/>'
        )
        parts.append(_text(max(right, x(1)) + 6, top + 13, times(ratio)))
        if bar is not None:
            parts.append(
                f'<line x1="{x(bar):.1f}" y1="{top + 1}" x2="{x(bar):.1f}" y2="{top + _ROW_HEIGHT - 1}" '
                'stroke="#222" stroke-width="2"/>'
            )
    foot = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}. "
    foot += f"The line in a row is its bar; inside the grey band (under {times(TIE)}) is a tie."
    parts += [_text(_MARGIN, bottom + 24, foot), "</svg>"]
    return "\n".join(parts) + "\n"


def _rows(entries: list[dict[str, Any]]) -> Iterable[str | dict[str, Any]]:
    """Each work once as a heading, then its peers."""
    heading = ""
    for entry in entries:
        title = f"{entry['work']}, {entry['unit']}"
        if title != heading:
            heading = title
            yield heading
        yield entry


def _band(left: float, right: float, bottom: float) -> str:
    return (
        f'<rect x="{left:.1f}" y="{_HEAD_HEIGHT}" width="{right - left:.1f}" height="{bottom - _HEAD_HEIGHT}" '
        'fill="#eef0f3"/>'
    )


def _text(x: float, y: float, content: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222" style="font: {weight} {_FONT}">'
        f"{escape(content)}</text>"
    )


if __name__ == "__main__":
    sys.exit(main())

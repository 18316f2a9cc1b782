"""The benchmarks run, at a small size; their figures come from ``make bench``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.programs import program

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("work", "tool"),
    [
        ("manifest GET by tag", "wrk"),
        ("push of small images", "wrk"),
        ("project page|download of a wheel", "wrk"),
        ("packument", "wrk"),
        ("Cargo index|Go list|Go info", "wrk"),
        ("uv installs", "uv"),
        ("npm installs", "npm10"),
    ],
)
def test_a_quick_benchmark_measures_us_and_says_where(work: str, tool: str, tmp_path: Path) -> None:
    program(tool)
    results = tmp_path / "results.json"

    subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--only", work, "--output", results],
        cwd=ROOT,
        check=True,
        timeout=300,
        stdout=subprocess.DEVNULL,
    )

    report = json.loads(results.read_text())
    ours = [row for row in report["results"] if row["subject"] == "entrepot"]
    assert report["machine"]
    assert report["versions"]
    assert ours
    assert all(row["value"] > 0 for row in ours)

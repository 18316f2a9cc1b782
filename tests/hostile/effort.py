"""How long the fuzzers try: a few seconds each, or with ENTREPOT_TEST_LONG=1 much longer and never the same twice."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

LONG: Final = os.environ.get("ENTREPOT_TEST_LONG") == "1"

fuzz: Final = settings(
    max_examples=10_000 if LONG else 300,
    derandomize=not LONG,
    print_blob=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""The settings of a test that sends what it makes up."""

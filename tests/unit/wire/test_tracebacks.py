from __future__ import annotations

import subprocess
import sys

import pytest

_FAILING = """
import sys
import structlog
from entrepot.wire.logs import configure_logs

def identify(authorization):
    raise ValueError("a bug of ours")

configure_logs(sys.argv[1], "info")
try:
    identify("Bearer " + "secret-" * 3)
except ValueError:
    structlog.stdlib.get_logger("entrepot.request").exception("failed", request_id="request-1")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_in_the_log_shows_no_values_such_as_tokens(form: str) -> None:
    done = subprocess.run([sys.executable, "-c", _FAILING, form], capture_output=True, text=True, check=True)

    assert "a bug of ours" in done.stderr
    assert "identify" in done.stderr
    assert "request-1" in done.stderr
    assert "secret-secret-secret-" not in done.stderr

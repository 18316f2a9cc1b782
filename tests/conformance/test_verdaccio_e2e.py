"""Verdaccio's end-to-end suite for npm registries, with npm 10 and 11: every test that applies passes.

The suite searches at the root of the host, whatever the registry's address; so it is given a virtual host.
It reads packages without credentials; so the namespace is public.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.programs import program
from tests.clients.server import Registry, serve
from tests.clients.virtual_host import virtual_host

_TIMEOUT_SECONDS = 900

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(_TIMEOUT_SECONDS + 60)]

_TEST_MILLISECONDS = "180000"
"""What the suite gives each of its tests: they run npm dozens of times, perhaps on a busy machine."""
_PASSED = 15
"""What its own table counts. Two tests do not apply to npm, and two need a simulated upstream."""
_SUMMARY = re.compile(r"(\d+) passed.*?(\d+) failed.*?(\d+) skipped", re.DOTALL)
_LINE, _LINES, _END = 300, 60, 3_000
"""So many characters of a line, lines of what failed, and characters of the rest: a report of it may be cut."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Host:
    """Where the registry is at the root of a host, and a token for it."""

    address: str
    token: str


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    program("verdaccio-e2e")
    home = tmp_path_factory.mktemp("verdaccio")
    with serve(home / "server", "acme") as registry:
        _make_public(registry)
        with virtual_host(home / "nginx", target=int(registry.host.partition(":")[2]), view="acme") as address:
            yield Host(address, registry.maintainer.password)


def _make_public(registry: Registry) -> None:
    subprocess.run(
        [Path(sys.executable).with_name("entrepot"), "namespace", "set", "acme", "--public"],
        env={"ENTREPOT_URL": registry.url, "ENTREPOT_TOKEN": registry.maintainer.password},
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("npm", ["npm10", "npm11"])
def test_every_test_of_the_suite_passes(
    host: Host, npm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "NPM_CONFIG_GLOBALCONFIG": str(tmp_path / "no-npmrc"),
        "E2E_PENDING_CONTRACT_CHECKS": "all",
    }

    done = subprocess.run(
        [
            *(program("verdaccio-e2e"), "--registry", host.address, "--token", host.token),
            *("--pm", f"npm={program(npm)}", "--timeout", _TEST_MILLISECONDS),
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )

    said = _COLOURS.sub("", done.stdout + done.stderr)
    assert done.returncode == 0, _told(said)
    counts = _SUMMARY.search(said)
    assert counts is not None, _told(said)
    passed, failed, _ = map(int, counts.groups())
    assert (passed >= _PASSED, failed) == (True, 0), _told(said)
    with capsys.disabled():
        sys.stdout.write(f"\n{npm}: {counts[0]}\n")


def _told(said: str) -> str:
    """What failed, in the suite's words; then the end of all that it said."""
    failures: list[str] = []
    of_failure = False
    for line in said.splitlines():
        of_failure = line.startswith("  FAIL ") or (of_failure and line.startswith("    "))
        if of_failure or line.lstrip().startswith("\u2717") or "check FAILED" in line:
            failures.append(line[:_LINE])
    return "\n".join(["what failed:", *failures[:_LINES], "the end of the output:", said[-_END:]])

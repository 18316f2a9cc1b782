"""Finds the real programs, and runs them where nothing of the machine's own configuration reaches them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import tools

# A hanging client is a failure with a message, not a session that never ends.
_TIMEOUT_SECONDS = 300
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def program(name: str) -> str:
    """The path of a tool; skips the test where it is missing, unless every tool that can be installed is demanded."""
    try:
        return str(tools.path(name))
    except tools.ToolNotSupplied as missing:
        pytest.skip(str(missing))
    except tools.ToolMissing as missing:
        if os.environ.get("ENTREPOT_TEST_REQUIRE_ALL") == "1":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    output: str
    errors: str

    @property
    def said(self) -> str:
        """All that it printed: clients disagree about where an error belongs."""
        return self.output + self.errors


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands with a home of their own and only the variables that are given here."""

    home: Path

    def run(self, *command: str | Path, given: str | None = None, environment: Mapping[str, str] | None = None) -> Done:
        """Run *command*, with *given* on its standard input; it must succeed."""
        done = self._run(command, given, environment)
        assert done.code == 0, f"{_line(command)}\nexit {done.code}\n{done.output}\n{done.errors}"
        return done

    def refuse(
        self, *command: str | Path, given: str | None = None, environment: Mapping[str, str] | None = None
    ) -> Done:
        """Run *command*; it must fail by itself, not by a crash or a signal."""
        done = self._run(command, given, environment)
        assert done.code > 0, f"{_line(command)}\nexit {done.code}\n{done.output}\n{done.errors}"
        assert "panic:" not in done.said
        return done

    def attempt(
        self, *command: str | Path, given: str | None = None, environment: Mapping[str, str] | None = None
    ) -> Done:
        """Run *command*, whatever becomes of it."""
        return self._run(command, given, environment)

    def variables(self) -> dict[str, str]:
        """The whole environment of a command."""
        return {"PATH": _PATH, "HOME": str(self.home), "TMPDIR": str(self.home), "LANG": "C.UTF-8"}

    def _run(self, command: tuple[str | Path, ...], given: str | None, environment: Mapping[str, str] | None) -> Done:
        done = subprocess.run(
            command,
            cwd=self.home,
            env={**self.variables(), **(environment or {})},
            input=given or "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)


def _line(command: tuple[str | Path, ...]) -> str:
    return " ".join(str(word) for word in command)

"""What the tests of the command line start from: the command, run in this process with an empty home."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from entrepot.cli import entrepot
from tests.postgresql import cluster, database, migrated

__all__ = ["cluster", "database", "home", "migrated", "run"]

TOKEN = "ent_bot_secret"

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, which is also the working directory; nothing of Entrepot is in the environment."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(home: Path) -> Run:
    """Runs a command as it is typed, without a terminal."""

    def run(*words: str, url: str | None = None, token: str | None = TOKEN, **options: Any) -> Result:
        environment: dict[str, str | None] = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": None,
            "XDG_STATE_HOME": None,
            "ENTREPOT_URL": url,
            "ENTREPOT_TOKEN": token if url else None,
        }
        return CliRunner(env=environment).invoke(entrepot, words, **options)

    return run

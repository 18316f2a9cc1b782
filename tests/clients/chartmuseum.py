"""ChartMuseum, a chart repository that makes its index itself: a real peer, which real clients fill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.peer import listening
from tests.clients.programs import Shell, program


@contextmanager
def chartmuseum(home: Path) -> Iterator[str]:
    """The address of a repository that takes charts from everybody."""
    storage = home / "charts"
    storage.mkdir(parents=True)
    command = [
        program("chartmuseum"),
        *("--storage", "local", "--storage-local-rootdir", storage),
        *("--listen-host", "127.0.0.1", "--port", "0"),
    ]
    with listening(command, home / "log", cwd=home, environment=Shell(home).variables()) as address:
        yield address

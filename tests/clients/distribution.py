"""distribution, the registry that others began from: a real peer, with images that a real crane pushed to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.clients.peer import listening
from tests.clients.programs import Shell, program


@contextmanager
def distribution(home: Path) -> Iterator[str]:
    """The host and port of a registry that asks nobody who they are, and lets everybody delete."""
    home.mkdir(parents=True)
    configuration = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(home / "data")}, "delete": {"enabled": True}},
        "http": {"addr": "127.0.0.1:0", "secret": "a long secret"},
    }
    path = home / "config.yml"
    path.write_text(json.dumps(configuration))  # JSON is YAML.
    environment = {**Shell(home).variables(), "OTEL_TRACES_EXPORTER": "none"}
    command = [program("distribution"), "serve", path]
    with listening(command, home / "log", cwd=home, environment=environment) as address:
        yield urlsplit(address).netloc

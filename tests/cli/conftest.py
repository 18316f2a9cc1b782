from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.client import Client
from tests.cli.installation import Installation, install


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One server for the session; tests keep apart by their namespaces."""
    with install(tmp_path_factory.mktemp("installation")) as running:
        yield running


@pytest.fixture
def namespace(installation: Installation, request: pytest.FixtureRequest) -> str:
    """A namespace that no other test uses."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")[:60].strip("-")
    with Client(installation.url, installation.token, environment={}) as registry:
        registry.namespaces.create(name)
    return name


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """What a build left: a file in a folder, an empty one, and one too large for a single request."""
    folder = tmp_path / "dist"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "tool").write_bytes(b"#!/bin/sh\n")
    (folder / "empty").write_bytes(b"")
    (folder / "large.img").write_bytes(bytes(range(256)) * 4096 * 12)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its name there."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

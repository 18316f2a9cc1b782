"""What every client test starts from: a running registry, an empty home, an empty layout and a name of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.content import Layout
from tests.clients.programs import Shell, program
from tests.clients.server import Registry, serve
from tests.clients.wire import Wire


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One server for the session (under xdist: for the worker); tests keep apart by their package's name."""
    with serve(tmp_path_factory.mktemp("server"), "acme", followers=True) as running:
        yield running


@pytest.fixture
def wire(registry: Registry) -> Iterator[Wire]:
    """The registry seen without any client between: what was really stored."""
    with Wire(registry) as opened:
        yield opened


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A place to run clients in, with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    shell = Shell(home)
    yield shell
    if (home / ".gnupg").is_dir():
        shell.attempt(Path(program("gpg")).with_name("gpgconf"), "--kill", "all")  # It left an agent to itself.


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty image layout to build in."""
    return Layout(tmp_path / "layout")


@pytest.fixture
def package(registry: Registry, request: pytest.FixtureRequest) -> str:
    """A repository that no other test uses: ``acme/<module>/<test>``."""
    module = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")
    return f"{registry.namespace}/{module.replace('_', '-')}/{test}"

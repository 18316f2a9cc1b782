"""pip and uv install through a registry what only pypiserver or devpi behind it has, also when that is gone."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients.content import noise
from tests.clients.programs import Shell
from tests.clients.python_packages import Environment, Place, buildable, module_wheel, run_entrepot
from tests.clients.python_peers import Start, devpi, pypiserver
from tests.clients.server import serve
from tests.clients.test_pip import Pip
from tests.clients.test_uv import Uv

pytestmark = pytest.mark.clients

BELOW = buildable("deep-below", "1.0", b"print('below')\n")
OLD = module_wheel("through", "1.0", noise("old", 1 << 20), "Requires-Dist: deep-below>=1")
NEW = module_wheel("through", "1.1", noise("new", 1 << 20), "Requires-Dist: deep-below>=1")
UNSEEN = module_wheel("through", "2.0rc1", b"print('unseen')\n")
FILES = (BELOW, OLD, NEW, UNSEEN)


@pytest.mark.parametrize("start", [pypiserver, devpi])
def test_pip_and_uv_install_through_and_again_when_files_and_then_the_other_are_gone(
    shell: Shell, tmp_path: Path, start: Start
) -> None:
    def pip(name: str) -> Pip:
        return Pip(shell, Environment.make(tmp_path / name))

    def uv(name: str) -> Uv:
        return Uv(shell, Environment.make(tmp_path / name))

    with serve(tmp_path / "front", "acme") as front, ExitStack() as running:
        behind = running.enter_context(start(tmp_path / "behind", FILES))
        administrator = (tmp_path / "front" / "data" / "admin-token").read_text().strip()
        said = ("--format", "pypi", "--private", "--refresh", "0s")
        run_entrepot(shell, front, administrator, "upstream", "add", "acme", "other", behind.simple, *said)
        index = Place(front, "acme").simple_as(front.reader)

        clients: list[Pip | Uv] = [pip("pip"), uv("uv")]
        for client in clients:
            client.install(index, "through")
        older = pip("older")
        older.install(index, "through==1.0")
        behind.delete(OLD)
        deleted = pip("deleted")
        deleted.install(index, "through==1.0")
        running.close()
        without: list[Pip | Uv] = [pip("pip-without"), uv("uv-without")]
        for client in without:
            client.install(index, "through")
        downloaded = pip("downloads").download(index, tmp_path / "downloaded", "through")
        versions = pip("versions").versions(index, "through")
        unseen = pip("unseen").refused(index, "--retries", "0", "through==2.0rc1")

    for client in (*clients, *without):
        assert client.environment.module("through") == noise("new", 1 << 20)
        assert client.environment.module("deep-below") == b"print('below')\n"
    assert older.environment.module("through") == deleted.environment.module("through") == noise("old", 1 << 20)
    assert downloaded == {NEW.filename: NEW.content}
    assert "Available versions: 1.1, 1.0" in versions
    assert "502" in unseen

"""cargo builds through a registry what only another one behind it has, also when it was deleted there, and it is gone."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients.content import noise
from tests.clients.programs import Shell, program
from tests.clients.python_packages import run_entrepot
from tests.clients.server import serve
from tests.clients.test_cargo import Cargo, ours

pytestmark = pytest.mark.clients


def test_cargo_builds_through_and_again_when_a_crate_and_then_the_other_are_gone(tmp_path: Path) -> None:
    def shell(name: str) -> Shell:
        home = tmp_path / name
        home.mkdir()
        return Shell(home)

    administrator = shell("administrator")
    with serve(tmp_path / "front", "acme") as front, ExitStack() as running:
        behind = running.enter_context(serve(tmp_path / "behind", "lib"))
        front_token, behind_token = (
            (tmp_path / name / "data" / "admin-token").read_text().strip() for name in ("front", "behind")
        )
        author = Cargo(shell("author"), program("cargo"), program("rustc"), behind, "lib")
        author.login(behind.publisher)
        packed = {}
        for name, version, manifest in (
            ("deep-below", "0.1.0", ""),
            ("through", "0.1.0", f"[dependencies]\n{ours('deep-below', '0.1')}"),
            ("through", "0.1.1", f"[dependencies]\n{ours('deep-below', '0.1')}"),
            ("through", "0.2.0", ""),
        ):
            folder = author.package(name, version, manifest=manifest)
            (folder / "noise").write_bytes(noise(folder.name, 1 << 20))
            author.publish(folder)
            packed[folder.name] = author.packed(folder)
        password = tmp_path / "password"
        password.write_text(behind.reader.password)
        said = ("--format", "cargo", "--private", "--refresh", "0s", "--user", "front", "--password-file")
        address = f"{behind.url}/cargo/lib"
        run_entrepot(
            administrator, front, front_token, "upstream", "add", "acme", "other", address, *said, str(password)
        )

        def build(place: str, requirement: str) -> Cargo:
            user = Cargo(shell(place), program("cargo"), program("rustc"), front)
            user.login(front.reader)
            user.run("check", "--manifest-path", user.user("user", ours("through", requirement)))
            return user

        first = build("first", "0.1")
        run_entrepot(administrator, behind, behind_token, "delete", "--yes", "lib/cargo/through:0.1.1")
        deleted = build("deleted", "=0.1.1")
        running.close()
        without = build("without", "0.1")
        refused = without.refuse("fetch", "--manifest-path", without.user("unseen", ours("through", "0.2")))

    for each in (first, deleted, without):
        for crate in ("through-0.1.1", "deep-below-0.1.0"):
            assert each.downloaded(crate) == packed[crate]
    assert "502" in refused.errors

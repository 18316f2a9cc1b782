"""crane pulls through a registry what only distribution behind it has, also when it was deleted there, and it is gone."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients.content import Layout, large_image, multi_platform, small_image
from tests.clients.distribution import distribution
from tests.clients.programs import Shell, program
from tests.clients.python_packages import run_entrepot
from tests.clients.server import serve
from tests.clients.test_crane import log_in
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients


def test_crane_pulls_images_and_indexes_through_and_again_when_they_and_then_the_other_are_gone(
    shell: Shell, tmp_path: Path
) -> None:
    crane = program("crane")
    layouts = {}
    for name, build in (("image", large_image), ("index", multi_platform), ("unseen", small_image)):
        layouts[name] = Layout(tmp_path / "layouts" / name)
        layouts[name].tag("1.0", build(layouts[name], name))

    with serve(tmp_path / "front", "acme") as front, ExitStack() as running:
        behind = running.enter_context(distribution(tmp_path / "behind"))
        for name, layout in layouts.items():
            shell.run(crane, "push", layout.root, f"{behind}/team/{name}:1.0")
        shell.run(crane, "tag", f"{behind}/team/image:1.0", "latest")
        administrator = (tmp_path / "front" / "data" / "admin-token").read_text().strip()
        said = ("--format", "oci", "--private", "--refresh", "0s")
        run_entrepot(shell, front, administrator, "upstream", "add", "acme", "other", f"http://{behind}/team", *said)
        log_in(crane, shell, front, front.reader)

        def pull(name: str, times: str) -> dict[str, bytes]:
            folder = tmp_path / times / name
            shell.run(crane, "pull", "--format", "oci", f"{front.host}/acme/{name}:1.0", folder)
            pulled = Layout(folder)
            return pulled.contents(pulled.only())

        tags = shell.run(crane, "ls", f"{front.host}/acme/image").output.split()
        first = {name: pull(name, "first") for name in ("image", "index")}
        validated = shell.run(crane, "validate", "--remote", f"{front.host}/acme/image:latest")
        digest = shell.run(crane, "digest", f"{front.host}/acme/index:1.0").output.strip()
        with Wire(front) as wire:
            kept = {name: wire.contents(f"acme/{name}", "1.0") for name in first}
        for name in first:
            shell.run(crane, "delete", f"{behind}/team/{name}@{layouts[name].only()}")
        deleted = {name: pull(name, "deleted") for name in first}
        running.close()
        without = {name: pull(name, "without") for name in first}
        tags_without = shell.run(crane, "ls", f"{front.host}/acme/image").output.split()
        unseen = shell.refuse(crane, "pull", f"{front.host}/acme/unseen:1.0", tmp_path / "unseen").said

    expected = {name: layouts[name].contents(layouts[name].only()) for name in first}
    assert first == kept == deleted == without == expected
    assert tags == tags_without == ["1.0", "latest"]
    assert "PASS" in validated.said
    assert digest == layouts["index"].only()
    assert "UNKNOWN: The upstream registry" in unseen

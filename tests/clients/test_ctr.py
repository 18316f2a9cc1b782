"""containerd, by its own command line: what a Kubernetes node pulls with."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.content import Layout, large_image, multi_platform, small_image, tar, untar
from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients

_START_SECONDS = 120
# Nothing but content, images and the plainest snapshotter: no runtime, no cgroups, no network.
_UNUSED = ["io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images", "io.containerd.grpc.v1.cri"]


@dataclass(frozen=True, slots=True)
class Containerd:
    """A running containerd and how to command it."""

    ctr: str
    socket: Path

    def command(self, *words: str | Path) -> tuple[str | Path, ...]:
        return (self.ctr, "--address", self.socket, "images", *words)

    def transfer(self, verb: str, account: Account, reference: str, *options: str) -> tuple[str | Path, ...]:
        """A push or pull; ``--local`` uses the client's own token exchange, POST first."""
        return self.command(verb, "--local", "--plain-http", "--user", account.pair, *options, reference)


@pytest.fixture(scope="module")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    ctr, daemon = program("ctr"), program("containerd")
    if os.geteuid() != 0:
        pytest.skip("containerd needs root")
    home = tmp_path_factory.mktemp("containerd")
    (home / "config.toml").write_text(
        f'version = 3\nroot = "{home}/root"\nstate = "{home}/state"\n'
        f"disabled_plugins = {json.dumps(_UNUSED)}\n"
        f'[grpc]\n  address = "{home}/socket"\n[ttrpc]\n  address = "{home}/ttrpc"\n'
    )
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [daemon, "--config", home / "config.toml"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        running = Containerd(ctr, home / "socket")
        deadline = time.monotonic() + _START_SECONDS
        while subprocess.run(running.command("list"), capture_output=True, check=False).returncode:
            assert process.poll() is None, (home / "log").read_text()[-4000:]
            assert time.monotonic() < deadline, (home / "log").read_text()[-4000:]
        yield running
    finally:
        process.terminate()
        process.wait()


def imported(containerd: Containerd, shell: Shell, layout: Layout) -> None:
    """Bring the layout's image into containerd, under the name that the layout gives it."""
    files = {str(path.relative_to(layout.root)): path.read_bytes() for path in layout.root.rglob("*") if path.is_file()}
    (shell.home / "image.tar").write_bytes(tar(files))
    shell.run(*containerd.command("import", "--local", "--all-platforms", "--no-unpack"), shell.home / "image.tar")


def test_an_image_is_pushed_as_it_is(
    containerd: Containerd, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = large_image(layout, package)
    reference = f"{registry.host}/{package}:1.0.0"
    layout.tag(reference, image)
    imported(containerd, shell, layout)

    shell.run(*containerd.transfer("push", registry.publisher, reference))

    assert wire.contents(package, "1.0.0") == layout.contents(image["digest"])


def test_an_index_is_pulled_and_exported_as_it_was(
    containerd: Containerd, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire, tmp_path: Path
) -> None:
    index = multi_platform(layout, package)
    wire.put(layout, index, package, "1.0.0")
    reference = f"{registry.host}/{package}:1.0.0"

    shell.run(*containerd.transfer("pull", registry.reader, reference, "--snapshotter", "native", "--all-platforms"))
    shell.run(*containerd.command("export", "--local", "--all-platforms", tmp_path / "image.tar", reference))

    exported = untar((tmp_path / "image.tar").read_bytes())
    blobs = {name.removeprefix("blobs/").replace("/", ":"): content for name, content in exported.items()}
    assert layout.contents(index["digest"]).items() <= blobs.items()


def test_wrong_credentials_are_refused(
    containerd: Containerd, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    wire.put(layout, small_image(layout, package), package, "1.0.0")

    refused = shell.refuse(
        *containerd.transfer("pull", registry.stranger, f"{registry.host}/{package}:1.0.0", "--snapshotter", "native")
    )

    assert "401" in refused.said or "unauthorized" in refused.said.lower() or "authorization failed" in refused.said


def test_without_credentials_nothing_is_pulled(
    containerd: Containerd, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    wire.put(layout, small_image(layout, package), package, "1.0.0")

    refused = shell.refuse(
        *containerd.command("pull", "--local", "--plain-http", "--snapshotter", "native"),
        f"{registry.host}/{package}:1.0.0",
    )

    assert "401" in refused.said or "unauthorized" in refused.said.lower() or "authorization failed" in refused.said

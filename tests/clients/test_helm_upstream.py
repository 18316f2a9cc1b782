"""helm, in the two release lines that people run, in front of a registry that reads through to a folder behind nginx."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.chartmuseum import chartmuseum
from tests.clients.programs import Shell, program
from tests.clients.python_packages import run_entrepot
from tests.clients.server import Registry, serve
from tests.clients.test_helm_classic import add, packaged, repository, signed, upload
from tests.clients.virtual_host import file_host

pytestmark = pytest.mark.clients


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> str:
    return program(request.param)


@dataclass
class Peer:
    """A repository as most are made: ``helm package`` and ``helm repo index`` fill a folder, and nginx serves it."""

    helm: str
    shell: Shell
    folder: Path
    running: ExitStack

    def put(self, *charts: Path) -> None:
        """Have these charts as well."""
        for chart in charts:
            for path in (chart, Path(f"{chart}.prov")):
                if path.exists():
                    path.rename(self.folder / path.name)
        self.shell.run(self.helm, "repo", "index", self.folder)

    def stop(self) -> None:
        """Be gone."""
        self.running.close()


@dataclass(frozen=True)
class Setting:
    """A registry with the namespace ``acme``, and behind it a peer."""

    front: Registry
    peer: Peer
    token: str

    def entrepot(self, *command: str) -> str:
        """The administrator's command line."""
        return run_entrepot(self.peer.shell, self.front, self.token, *command)


@pytest.fixture
def setting(helm: str, shell: Shell, tmp_path: Path) -> Iterator[Setting]:
    folder = tmp_path / "folder"
    folder.mkdir()
    with serve(tmp_path / "front", "acme") as front, ExitStack() as running:
        token = (tmp_path / "front" / "data" / "admin-token").read_text().strip()
        setting = Setting(front, Peer(helm, shell, folder, running), token)
        address = running.enter_context(file_host(tmp_path / "nginx", folder))
        setting.entrepot("upstream", "add", "acme", "folder", address, "--format", "helm", "--private")
        yield setting


def test_charts_of_a_folder_are_found_pulled_and_rendered_also_when_it_is_gone(
    helm: str, shell: Shell, setting: Setting, tmp_path: Path
) -> None:
    peer = setting.peer
    peer.put(*(packaged(helm, shell, "quay", version) for version in ("1.2.0", "1.10.0", "2.0.0-rc.1+build")))
    upload(shell, setting.front, "--data-binary", f"@{packaged(helm, shell, 'ours', '1.0.0')}")
    add(helm, shell, setting.front, setting.front.reader)

    found = shell.run(helm, "search", "repo", "harbour/", "--versions", "--devel")
    shell.run(helm, "pull", "harbour/quay", "--version", "^1.2", "--destination", tmp_path)
    rendered = shell.run(helm, "template", "berth", "harbour/quay", "--version", "2.0.0-rc.1+build")
    peer.stop()
    shell.run(helm, "repo", "update")
    again = shell.run(helm, "template", "berth", "harbour/quay", "--version", "1.10.0", "--set", "berths=5")
    gone = shell.refuse(helm, "pull", "harbour/quay", "--version", "1.2.0")

    assert re.findall(r"harbour/ours\s+(\S+)", found.output) == ["1.0.0"]
    assert re.findall(r"harbour/quay\s+(\S+)", found.output) == ["2.0.0-rc.1+build", "1.10.0", "1.2.0"]
    pulled = tmp_path / "quay-1.10.0.tgz"
    assert pulled.read_bytes() == (peer.folder / pulled.name).read_bytes()
    assert 'berths: "3"' in rendered.output
    assert 'berths: "5"' in again.output
    assert "502" in gone.said


def test_a_chart_is_verified_by_the_provenance_of_the_folder(
    helm: str, shell: Shell, setting: Setting, tmp_path: Path
) -> None:
    chart, key = signed(helm, shell, "quay", "1.0.0")
    provenance = Path(f"{chart}.prov").read_bytes()
    setting.peer.put(chart)
    add(helm, shell, setting.front, setting.front.reader)
    for destination in (tmp_path / "first", tmp_path / "again"):
        destination.mkdir()

        shell.run(helm, "pull", "harbour/quay", "--verify", "--keyring", key, "--destination", destination)
        shell.run(helm, "template", "berth", destination / chart.name, "--verify", "--keyring", key)
        setting.peer.stop()

        assert (destination / f"{chart.name}.prov").read_bytes() == provenance


@pytest.mark.parametrize("helm", ["helm4"], indirect=True)  # Helm 3 asks a cluster even so.
def test_a_chart_of_the_folder_is_installed_straight_from_the_repository(
    helm: str, shell: Shell, setting: Setting
) -> None:
    setting.peer.put(packaged(helm, shell, "quay", "1.0.0"))
    add(helm, shell, setting.front, setting.front.reader)

    installed = shell.run(helm, "install", "berth", "harbour/quay", "--dry-run=client")

    assert 'berths: "3"' in installed.output


def test_dependencies_are_locked_and_built_again_when_the_folder_is_gone(
    helm: str, shell: Shell, setting: Setting
) -> None:
    library = packaged(helm, shell, "quay", "1.3.0")
    content = library.read_bytes()
    setting.peer.put(library)
    add(helm, shell, setting.front, setting.front.reader)
    shop = shell.home / "shop"
    shop.mkdir()
    (shop / "Chart.yaml").write_text(
        "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n"
        f"- name: quay\n  version: ^1.0.0\n  repository: {repository(setting.front)}\n"
    )

    shell.run(helm, "dependency", "update", shop)
    (shop / "charts" / library.name).unlink()
    setting.peer.stop()
    shell.run(helm, "dependency", "build", shop)

    assert (shop / "charts" / library.name).read_bytes() == content


def test_a_new_version_in_the_folder_is_seen_when_it_is_asked_for_again(
    helm: str, shell: Shell, setting: Setting
) -> None:
    setting.peer.put(packaged(helm, shell, "quay", "1.0.0"))
    setting.entrepot("upstream", "set", "acme", "folder", "--refresh", "0s", "--block", "pkg:helm/quay@6.*")
    add(helm, shell, setting.front, setting.front.reader)

    setting.peer.put(packaged(helm, shell, "quay", "1.1.0"), packaged(helm, shell, "quay", "6.6.6"))
    shell.run(helm, "repo", "update")

    found = shell.run(helm, "search", "repo", "harbour/quay", "--versions")
    assert re.findall(r"harbour/quay\s+(\S+)", found.output) == ["1.1.0", "1.0.0"]


def test_charts_of_a_chartmuseum_are_read_through_verified_and_kept(helm: str, shell: Shell, tmp_path: Path) -> None:
    program("chartmuseum")
    curl = (program("curl"), "--silent", "--show-error", "--fail-with-body")

    def push(chart: Path) -> None:
        files = {"chart": chart, "prov": Path(f"{chart}.prov")}
        sent = [word for field, path in files.items() if path.exists() for word in ("--form", f"{field}=@{path}")]
        shell.run(*curl, *sent, f"{address}/api/charts")

    with serve(tmp_path / "front", "acme") as front, ExitStack() as running:
        address = running.enter_context(chartmuseum(tmp_path / "museum"))
        token = (tmp_path / "front" / "data" / "admin-token").read_text().strip()
        run_entrepot(
            shell, front, token, *("upstream", "add", "acme", "museum", address, "--format", "helm", "--private")
        )
        tested = run_entrepot(shell, front, token, "upstream", "test", "acme", "museum")
        run_entrepot(shell, front, token, "upstream", "set", "acme", "museum", "--refresh", "0s")
        chart, key = signed(helm, shell, "quay", "1.0.0")
        content = chart.read_bytes()
        push(chart)
        add(helm, shell, front, front.reader)

        shell.run(helm, "pull", "harbour/quay", "--verify", "--keyring", key, "--destination", tmp_path)
        push(packaged(helm, shell, "quay", "1.1.0"))
        shell.run(helm, "repo", "update")
        found = shell.run(helm, "search", "repo", "harbour/quay", "--versions")
        rendered = shell.run(helm, "template", "berth", "harbour/quay", "--version", "1.1.0")
        shell.run(*curl, "-X", "DELETE", f"{address}/api/charts/quay/1.1.0")
        shell.run(helm, "pull", "harbour/quay", "--version", "1.1.0", "--destination", tmp_path)
        running.close()
        shell.run(helm, "repo", "update")
        again = shell.run(helm, "template", "berth", "harbour/quay", "--version", "1.0.0", "--set", "berths=5")

    assert "200" in tested
    assert (tmp_path / chart.name).read_bytes() == content
    assert re.findall(r"harbour/quay\s+(\S+)", found.output) == ["1.1.0", "1.0.0"]
    assert 'berths: "3"' in rendered.output
    assert 'berths: "5"' in again.output

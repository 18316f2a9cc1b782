"""mvn and gradle in front of a registry that reads through: to a folder of static files, and to another registry.

The folder is what ``mvn deploy`` leaves behind a ``file:`` address, served by nginx: public repositories are made so.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.maven import (
    Maven,
    build_plugin,
    consumer,
    library,
    parent,
    plugin_user,
    repository,
    seed,
)
from tests.clients.programs import Shell, program
from tests.clients.python_packages import run_entrepot
from tests.clients.server import Registry, serve
from tests.clients.test_gradle import consumer as gradle_consumer
from tests.clients.test_gradle import run as run_gradle
from tests.clients.virtual_host import file_host
from tests.clients.wire import Wire

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("maven upstream")]  # one deployed repository for all of them

_BASE = """<dependencies><dependency><groupId>org.acme</groupId><artifactId>base</artifactId><version>1.0</version>
</dependency></dependencies><parent><groupId>org.acme</groupId><artifactId>parent</artifactId><version>1.0</version>
<relativePath/></parent>"""
_SUMS = {"sha1 and md5": (".sha1", ".md5"), "sha1": (".sha1",), "none": ()}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in a folder: a library with a parent and a dependency, and a snapshot of it."""
    home = tmp_path_factory.mktemp("deployed")
    deployer = Maven.start("3.9", Shell(home), None)
    folder = home / "m2"
    url = f"file://{folder}"
    deployer.run("-f", parent(home / "parent", url, "1.0"), "deploy")
    deployer.run("-f", library(home / "base", url, "1.0", artifact="base", says="base"), "deploy")
    for version in ("1.0", "1.1-SNAPSHOT"):
        deployer.run("-f", library(home / "lib", url, version, says=version, more=_BASE), "deploy")
    return folder


@dataclass
class Setting:
    """A registry whose namespace ``acme`` reads through to a folder behind nginx."""

    front: Registry
    folder: Path
    token: str
    running: ExitStack

    @property
    def url(self) -> str:
        """Where clients go."""
        return repository(self.front)

    def stop(self) -> None:
        """Let the other repository be gone."""
        self.running.close()


@pytest.fixture
def setting(shell: Shell, tmp_path: Path) -> Iterator[Setting]:
    folder = tmp_path / "folder"
    folder.mkdir()
    with serve(tmp_path / "front", "acme") as front, ExitStack() as running:
        token = (tmp_path / "front" / "data" / "admin-token").read_text().strip()
        url = running.enter_context(file_host(tmp_path / "nginx", folder))
        said = ("--format", "maven", "--private", "--refresh", "0s")
        run_entrepot(shell, front, token, "upstream", "add", "acme", "files", url, *said)
        yield Setting(front, folder, token, running)


def fill(setting: Setting, source: Path, sums: tuple[str, ...] = (".sha1", ".md5")) -> None:
    """Have what *source* has, with these checksums alone."""
    shutil.copytree(source, setting.folder, dirs_exist_ok=True)
    for path in setting.folder.rglob("*"):
        if path.suffix in (".sha1", ".md5") and path.suffix not in sums:
            path.unlink()


def files(folder: Path, *ends: str) -> dict[str, bytes]:
    """The files of a version, by the ends of their names."""
    return {end: (folder / f"{folder.parent.name}-{folder.name}{end}").read_bytes() for end in ends}


@pytest.mark.parametrize(("line", "sums"), [("3.9", "sha1 and md5"), ("3.8", "none")])
def test_mvn_resolves_from_a_folder_of_files_and_again_when_that_is_gone(
    line: str, sums: str, shell: Shell, setting: Setting, deployed: Path
) -> None:
    fill(setting, deployed, _SUMS[sums])
    app = consumer(shell.home / "app", setting.url, "[1.0,1.0.9]")
    snapshot = consumer(shell.home / "next", setting.url, "1.1-SNAPSHOT")

    said = []
    for name in ("first", "again"):
        reader = Maven.start(line, shell, setting.front.reader, name)
        said += [reader.run("-f", project, "compile").said for project in (app, snapshot)]
        acme = reader.local / "org" / "acme"
        for artifact, ends in (("lib", (".pom", ".jar")), ("base", (".pom", ".jar")), ("parent", (".pom",))):
            expected = files(setting.folder / "org" / "acme" / artifact / "1.0", *ends)
            assert files(acme / artifact / "1.0", *ends) == expected, (name, artifact)
        [built] = (setting.folder / "org" / "acme" / "lib" / "1.1-SNAPSHOT").glob("*-1.jar")
        assert reader.resolved("lib", "1.1-SNAPSHOT", "lib-1.1-SNAPSHOT.jar") == built.read_bytes()
        setting.stop()

    assert not any("hecksum" in each for each in said), "every checksum was there and right"


def test_all_the_plugins_of_a_build_come_through_with_their_parents(
    shell: Shell, setting: Setting, deployed: Path
) -> None:
    """Real artifacts, many of them old: what a build needs besides its own dependencies."""
    fill(setting, seed())
    fill(setting, deployed)

    for name in ("first", "again"):
        reader = Maven.start("3.8", shell, setting.front.reader, name, mirror=setting.url)
        reader.run("-f", consumer(shell.home / name, setting.url, "1.0"), "package")
        come = [path for path in reader.local.rglob("*") if path.suffix in (".jar", ".pom")]
        assert len(come) > 100
        for path in come:
            if "app" not in path.parts:
                assert path.read_bytes() == (setting.folder / path.relative_to(reader.local)).read_bytes()
        setting.stop()


def test_a_plugin_is_found_by_the_prefix_in_the_other_s_list(shell: Shell, setting: Setting) -> None:
    group = setting.folder / "org" / "acme"
    version = group / "greet-maven-plugin" / "1.0"
    version.mkdir(parents=True)
    for extension, content in build_plugin(shell).items():
        path = version / f"greet-maven-plugin-1.0.{extension}"
        path.write_bytes(content)
        Path(f"{path}.sha1").write_text(hashlib.sha1(content, usedforsecurity=False).hexdigest())
    (group / "maven-metadata.xml").write_text(
        "<metadata><plugins><plugin><name>Greets</name><prefix>hello</prefix>"
        "<artifactId>greet-maven-plugin</artifactId></plugin></plugins></metadata>"
    )
    (group / "greet-maven-plugin" / "maven-metadata.xml").write_text(
        "<metadata><groupId>org.acme</groupId><artifactId>greet-maven-plugin</artifactId><versioning>"
        "<release>1.0</release><versions><version>1.0</version></versions></versioning></metadata>"
    )
    app = plugin_user(shell.home, setting.url)

    for name in ("first", "again"):
        said = Maven.start("3.9", shell, setting.front.reader, name).run("-f", app, "hello:world").said
        assert "hello from org.acme.Hello" in said
        setting.stop()


def test_a_file_that_is_not_as_its_checksum_says_is_refused(shell: Shell, setting: Setting, deployed: Path) -> None:
    fill(setting, deployed)
    path = setting.folder / "org" / "acme" / "lib" / "1.0" / "lib-1.0.jar"
    right = path.read_bytes()
    path.write_bytes(right[:-1] + b"!")
    app = consumer(shell.home / "app", setting.url, "1.0")

    Maven.start("3.9", shell, setting.front.reader).refuse("-f", app, "compile")
    path.write_bytes(right)
    reader = Maven.start("3.9", shell, setting.front.reader, "again")
    reader.run("-f", app, "compile")

    assert reader.resolved("lib", "1.0", "lib-1.0.jar") == right


def test_mvn_resolves_what_another_registry_hosts_and_again_when_that_is_gone(shell: Shell, tmp_path: Path) -> None:
    password = tmp_path / "password"
    with serve(tmp_path / "front", "acme") as front:
        token = (tmp_path / "front" / "data" / "admin-token").read_text().strip()
        app = consumer(shell.home / "app", repository(front), "[1.0,1.0.9]")
        snapshot = consumer(shell.home / "next", repository(front), "1.1-SNAPSHOT")
        with serve(tmp_path / "behind", "lib") as behind:
            there = repository(behind, "lib")
            deployer = Maven.start("3.9", shell, behind.publisher, "deployer")
            deployer.run("-f", parent(shell.home / "parent", there, "1.0"), "deploy")
            deployer.run("-f", library(shell.home / "base", there, "1.0", artifact="base"), "deploy")
            for version in ("1.0", "1.1-SNAPSHOT"):
                deployer.run("-f", library(shell.home / "lib", there, version, more=_BASE), "deploy")
            password.write_text(behind.reader.password)
            said = (
                "--format",
                "maven",
                "--private",
                "--refresh",
                "0s",
                "--user",
                "me",
                "--password-file",
                str(password),
            )
            run_entrepot(shell, front, token, "upstream", "add", "acme", "other", there, *said)
            first = Maven.start("3.9", shell, front.reader)
            for project in (app, snapshot):
                first.run("-f", project, "compile")
        again = Maven.start("3.9", shell, front.reader, "again")
        for project in (app, snapshot):
            again.run("-f", project, "compile")

        assert again.resolved("lib", "1.0", "lib-1.0.jar") == first.resolved("lib", "1.0", "lib-1.0.jar")
        assert again.resolved("parent", "1.0", "parent-1.0.pom") == (shell.home / "parent" / "pom.xml").read_bytes()
        name = "lib-1.1-SNAPSHOT.jar"
        assert again.resolved("lib", "1.1-SNAPSHOT", name) == first.resolved("lib", "1.1-SNAPSHOT", name)
        with Wire(front) as wire:
            listed = wire.http.get("/maven/acme/org/acme/lib/maven-metadata.xml")
        assert re.findall("<version>(.*?)</version>", listed.text) == ["1.0", "1.1-SNAPSHOT"]
        assert "warning" in listed.headers


@pytest.mark.parametrize(("version", "sums"), [("1.+", "sha1"), ("1.1-SNAPSHOT", "none")])
def test_gradle_resolves_from_a_folder_of_files_and_again_when_that_is_gone(
    version: str, sums: str, shell: Shell, setting: Setting, deployed: Path, tmp_path: Path
) -> None:
    gradle = program("gradle")
    fill(setting, deployed, _SUMS[sums])
    came = []
    for name in ("first", "again"):
        home = tmp_path / name
        home.mkdir()
        app = gradle_consumer(home / "app", setting.front, setting.front.reader, "lib", version)
        run_gradle(gradle, Shell(home), app, "fetch")
        came.append({path.name: path.read_bytes() for path in (app / "got").iterdir()})
        setting.stop()

    [built] = (setting.folder / "org" / "acme" / "lib" / "1.1-SNAPSHOT").glob("*-1.jar")
    base = setting.folder / "org" / "acme" / "base" / "1.0" / "base-1.0.jar"
    assert came == [{"lib-1.1-SNAPSHOT.jar": built.read_bytes(), "base-1.0.jar": base.read_bytes()}] * 2

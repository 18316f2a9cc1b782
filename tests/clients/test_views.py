"""A channel's view, as real clients see it: exactly what was let in, at once, with warm caches and under load.

Two workers answer, and all the while another client asks them for the same documents, so that every cache is warm.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.clients.content import Layout, small_image
from tests.clients.maven import RESOLVES, Maven, consumer, repository
from tests.clients.node import Client, log_in
from tests.clients.programs import Shell, program
from tests.clients.python_packages import Environment, Place, module_wheel, publish
from tests.clients.server import Registry, serve
from tests.clients.test_cargo import Cargo, ours
from tests.clients.test_go import go_command, zipped
from tests.clients.views import Operator

pytestmark = pytest.mark.clients

_TWO = {"ENTREPOT_WORKERS": "2"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("views")


@pytest.fixture(scope="module")
def own(home: Path) -> Iterator[Registry]:
    """A registry with two workers, in which every test has a format of its own."""
    with serve(home / "server", "acme", settings=_TWO, followers=True) as registry:
        yield registry


@pytest.fixture(scope="module")
def operator(own: Registry, home: Path) -> Operator:
    return Operator.of(own, home / "server")


@contextmanager
def asked_for(registry: Registry, *paths: str) -> Iterator[None]:
    """Somebody who asks for the same documents all the time."""
    enough = threading.Event()
    answered: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=registry.url, auth=(registry.reader.user, registry.reader.password)) as client:
            while not enough.is_set():
                answered.extend(client.get(path).status_code for path in paths)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()
    assert set(answered) <= {200, 403, 404}
    assert answered


def live(operator: Operator, first: str, second: str, seen: Callable[[], set[str]]) -> None:
    """Let two versions, ``1.0.0`` and ``1.1.0``, come and go, and look each time."""
    assert seen() == set()
    operator.promote(first)
    assert seen() == {"1.0.0"}
    operator.promote(second)
    assert seen() == {"1.0.0", "1.1.0"}
    operator.unpromote(first)
    assert seen() == {"1.1.0"}
    operator.quarantine(second)
    assert seen() == set()
    operator.unblock(second)
    assert seen() == {"1.1.0"}


def test_pip_installs_exactly_what_is_in_the_channel(
    own: Registry, operator: Operator, shell: Shell, tmp_path: Path
) -> None:
    publish(own, *(module_wheel("tool", version, version.encode()) for version in ("1.0.0", "1.1.0")))
    index = Place(own, "acme.prod").simple_as(own.reader)
    environment = Environment.make(tmp_path / "environment")
    pip = (
        program("pip"),
        "--isolated",
        "--no-input",
        "--cache-dir",
        tmp_path / "cache",
        "--python",
        environment.python,
    )

    def seen() -> set[str]:
        found = set()
        for version in ("1.0.0", "1.1.0"):
            done = shell.attempt(*(*pip, "install", "--force-reinstall", "--index-url", index, f"tool=={version}"))
            if done.code == 0:
                assert environment.module("tool") == version.encode()
                found.add(version)
        return found

    with asked_for(own, "/pypi/acme.prod/simple/tool/"):
        live(operator, "acme/pypi/tool:1.0.0", "acme/pypi/tool:1.1.0", seen)


def test_npm_sees_exactly_what_is_in_the_channel(own: Registry, operator: Operator, shell: Shell) -> None:
    npm = Client(shell, "npm11")
    log_in(shell, own, own.publisher)
    for version in ("1.0.0", "1.1.0"):
        npm.run("publish", folder=npm.project("tool", version))
    log_in(shell, own, own.reader, view="acme.prod")

    def seen() -> set[str]:
        done = shell.attempt(program("npm11"), "view", "tool", "versions", "--json")
        if done.code != 0:
            assert "404" in done.said
            return set()
        told = json.loads(done.output or "[]")
        return {told} if isinstance(told, str) else set(told)

    with asked_for(own, "/npm/acme.prod/tool"):
        live(operator, "acme/npm/tool:1.0.0", "acme/npm/tool:1.1.0", seen)


def test_helm_sees_exactly_what_is_in_the_channel(own: Registry, operator: Operator, shell: Shell) -> None:
    helm = program("helm4")
    for version in ("1.0.0", "1.1.0"):
        chart = shell.home / f"tool-{version}"
        chart.mkdir()
        (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: tool\nversion: {version}\n")
        shell.run(helm, "package", chart)
        sent = ("--data-binary", f"@{shell.home / f'tool-{version}.tgz'}", f"{own.url}/helm/acme/api/charts")
        shell.run(program("curl"), "--silent", "--fail-with-body", "--user", own.publisher.pair, *sent)
    account = ("--username", own.reader.user, "--password-stdin")
    shell.run(helm, "repo", "add", "prod", f"{own.url}/helm/acme.prod", *account, given=own.reader.password)

    def seen() -> set[str]:
        shell.run(helm, "repo", "update")
        found = shell.run(helm, "search", "repo", "prod/tool", "--versions").output
        listed = set(re.findall(r"prod/tool\s+(\S+)", found))
        for version in ("1.0.0", "1.1.0"):
            pulled = shell.attempt(helm, "pull", "prod/tool", "--version", version)
            assert (pulled.code == 0) == (version in listed)
        return listed

    with asked_for(own, "/helm/acme.prod/index.yaml"):
        live(operator, "acme/helm/tool:1.0.0", "acme/helm/tool:1.1.0", seen)


def test_crane_sees_exactly_what_is_in_the_channel(
    own: Registry, operator: Operator, shell: Shell, tmp_path: Path
) -> None:
    crane = program("crane")
    account = ("--username", own.publisher.user, "--password-stdin")
    shell.run(crane, "auth", "login", own.host, *account, given=own.publisher.password)
    for version in ("1.0.0", "1.1.0"):
        layout = Layout(tmp_path / version)
        layout.tag(version, small_image(layout, version))
        shell.run(crane, "push", layout.root, f"{own.host}/acme/tool:{version}")

    def seen() -> set[str]:
        listed = shell.attempt(crane, "ls", f"{own.host}/acme.prod/tool")
        names = set(listed.output.split()) if listed.code == 0 else set()
        for version in ("1.0.0", "1.1.0"):
            pulled = shell.attempt(crane, "manifest", f"{own.host}/acme.prod/tool:{version}")
            assert (pulled.code == 0) == (version in names)
        return names

    with asked_for(own, "/v2/acme.prod/tool/tags/list", "/v2/acme.prod/tool/manifests/1.1.0"):
        live(operator, "acme/oci/tool:1.0.0", "acme/oci/tool:1.1.0", seen)


def test_curl_gets_exactly_the_files_that_are_in_the_channel(own: Registry, operator: Operator, shell: Shell) -> None:
    curl = (program("curl"), "--silent", "--fail-with-body", "--user")
    content = shell.home / "tool"
    for version in ("1.0.0", "1.1.0"):
        content.write_bytes(version.encode())
        shell.run(*curl, own.publisher.pair, "-T", content, f"{own.url}/files/acme/tool/{version}/tool")

    def seen() -> set[str]:
        found = set()
        for version in ("1.0.0", "1.1.0"):
            got = shell.attempt(*curl, own.reader.pair, f"{own.url}/files/acme.prod/tool/{version}/tool")
            if got.code == 0:
                assert got.output == version
                found.add(version)
        return found

    with asked_for(own, "/files/acme.prod/tool/1.0.0/tool", "/files/acme.prod/tool/1.1.0/tool"):
        live(operator, "acme/generic/tool:1.0.0", "acme/generic/tool:1.1.0", seen)


def test_cargo_sees_exactly_what_is_in_the_channel(own: Registry, operator: Operator, shell: Shell) -> None:
    cargo = Cargo(shell, program("cargo"), program("rustc"), own)
    cargo.login(own.publisher)
    cargo.login(own.reader, "prod")
    versions = ("1.0.0", "1.1.0")
    users = {each: cargo.user(f"user-{each[2]}", ours("tool", f"={each}", registry="prod")) for each in versions}
    for version in versions:
        cargo.publish(cargo.package("tool", version))

    def seen() -> set[str]:
        found = set()
        for version, manifest in users.items():
            manifest.with_name("Cargo.lock").unlink(missing_ok=True)
            for crate in (shell.home / ".cargo" / "registry" / "cache").glob("*/tool-*.crate"):
                crate.unlink()  # The index is remembered, the crates are fetched.
            done = shell.attempt(cargo.program, "fetch", "--manifest-path", manifest, environment=cargo.environment())
            if done.code == 0:
                assert cargo.downloaded(f"tool-{version}") == cargo.packed(shell.home / f"tool-{version}")
                found.add(version)
        return found

    with asked_for(own, "/cargo/acme.prod/to/ol/tool"):
        live(operator, "acme/cargo/tool:1.0.0", "acme/cargo/tool:1.1.0", seen)


def test_go_sees_exactly_what_is_in_the_channel(own: Registry, operator: Operator, shell: Shell) -> None:
    module = "example.com/tool"
    with go_command(shell, own) as go:
        for version in ("v1.0.0", "v1.1.0"):
            go.upload(module, version, zipped(module, version))
        go.login(own.reader)
        go.user()
        environment = go.environment("acme.prod")

        def seen() -> set[str]:
            listed = shell.attempt(go.program, "list", "-m", "-versions", module, environment=environment)
            found = {each.removeprefix("v") for each in listed.output.split()[1:]} if listed.code == 0 else set()
            for version in ("1.0.0", "1.1.0"):
                shutil.rmtree(shell.home / "go", ignore_errors=True)  # What was downloaded is not asked for again.
                got = shell.attempt(go.program, "mod", "download", f"{module}@v{version}", environment=environment)
                assert (got.code == 0) == (version in found), got.said
            return found

        with asked_for(own, f"/go/acme.prod/{module}/@v/list", f"/go/acme.prod/{module}/@v/v1.1.0.info"):
            live(operator, f"acme/go/{module}:v1.0.0", f"acme/go/{module}:v1.1.0", seen)


def test_maven_sees_exactly_what_is_in_the_channel(own: Registry, operator: Operator, shell: Shell) -> None:
    reader = Maven.start("3.9", shell, own.reader)
    modules = []
    for version in ("1.0.0", "1.1.0"):
        jar, pom = shell.home / f"tool-{version}.jar", shell.home / f"tool-{version}.pom"
        with zipfile.ZipFile(jar, "w") as archive:
            archive.writestr("says.txt", version)
        pom.write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>org.acme</groupId><artifactId>tool</artifactId>"
            f"<version>{version}</version></project>"
        )
        for file in (jar, pom):
            sent = ("--user", own.publisher.pair, "--upload-file", file)
            address = f"{repository(own)}/org/acme/tool/{version}/{file.name}"
            shell.run(program("curl"), "--silent", "--fail-with-body", *sent, address)
        app = consumer(shell.home / f"app-{version}", repository(own, "acme.prod"), version, artifact="tool")
        app.write_text(app.read_text().replace("<artifactId>app<", f"<artifactId>app-{version}<"))
        modules.append(f"<module>{app.parent.name}</module>")
    apps = shell.home / "pom.xml"
    apps.write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>org.acme</groupId><artifactId>apps</artifactId>"
        f"<version>1.0</version><packaging>pom</packaging><modules>{''.join(modules)}</modules></project>"
    )

    def seen() -> set[str]:
        shutil.rmtree(reader.local / "org" / "acme", ignore_errors=True)  # A release is never asked for again.
        reader.attempt("-f", apps, "--fail-at-end", RESOLVES)
        found = set()
        for version in ("1.0.0", "1.1.0"):
            jar = shell.home / f"tool-{version}.jar"
            if (reader.local / "org" / "acme" / "tool" / version / jar.name).exists():
                assert reader.resolved("tool", version, jar.name) == jar.read_bytes()
                found.add(version)
        return found

    with asked_for(own, "/maven/acme.prod/org/acme/tool/maven-metadata.xml"):
        live(operator, "acme/maven/org.acme/tool:1.0.0", "acme/maven/org.acme/tool:1.1.0", seen)

"""What ``entrepot setup`` prints, typed into a shell with the real clients and an empty home, without TLS."""

from __future__ import annotations

import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from entrepot.client import Client
from tests.cli.installation import Installation, install
from tests.clients.content import Layout, small_image
from tests.clients.maven import QUICK
from tests.clients.programs import Shell, program
from tests.formats.helm.charts import chart
from tests.formats.maven.artifacts import jar, pom
from tests.formats.pypi.building import wheel

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with install(tmp_path_factory.mktemp("installation")) as running:
        yield running


@dataclass(frozen=True)
class Reader:
    """Somebody who reads a page and types what it says, in an empty home."""

    installation: Installation
    shell: Shell
    namespace: str

    def page(self, client: str, package: str, *more: str, view: str = "") -> list[str]:
        """The blocks of a page: what is to be typed, and what is to be written into a file."""
        text = self.installation.must("setup", client, view or self.namespace, "--package", package, *more).out
        blocks = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
        return [re.sub("^    ", "", block, flags=re.MULTILINE) for block in blocks]

    def has(self, name: str, called: str = "") -> None:
        """Put a program where the shell finds it, by the name that its users call it; skips where it is missing."""
        script = self.file(f"bin/{called or name}", f'#!/bin/sh\nexec {program(name)} "$@"\n')
        script.chmod(0o755)

    def file(self, path: str, content: str | bytes) -> Path:
        """Write a file, below the home."""
        file = self.shell.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def type(self, *blocks: str, folder: str = ".", **variables: str) -> str:
        """Run blocks in one shell, as far as all succeed; what they printed."""
        path = f"{self.shell.home}/bin:{self.shell.variables()['PATH']}"
        script = "\n".join(["set -e", f"cd {folder}", *blocks])
        return self.shell.run("bash", "-c", script, environment={"PATH": path, **variables}).said


@pytest.fixture
def reader(installation: Installation, shell: Shell, request: pytest.FixtureRequest) -> Reader:
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")[:60].strip("-")
    with Client(installation.url, installation.token, environment={}) as registry:
        registry.namespaces.create(name)
    return Reader(installation, shell, name)


def test_cargo_publishes_and_adds(reader: Reader) -> None:
    reader.has("cargo")
    rustc = program("rustc")
    config, login, add, publish = reader.page("cargo", "greet", "--publish")
    reader.file(".cargo/config.toml", config)
    for name, package in (("greet", 'description = "It greets"\nlicense = "MIT"\n'), ("app", "")):
        reader.file(f"{name}/src/lib.rs", "")
        reader.file(f"{name}/Cargo.toml", f'[package]\nname = "{name}"\nversion = "1.0.0"\nedition = "2021"\n{package}')

    reader.type(login, publish, folder="greet", RUSTC=rustc)
    reader.type(add, folder="app", RUSTC=rustc)

    assert f'registry = "{reader.namespace}"' in (reader.shell.home / "app" / "Cargo.toml").read_text()


def test_cargo_takes_a_channels_name(reader: Reader) -> None:
    reader.has("cargo")
    config, login, _ = reader.page("cargo", "greet", view=f"{reader.namespace}.prod")
    reader.file(".cargo/config.toml", config)

    said = reader.type(login)

    assert f"token for `{reader.namespace}-prod` saved" in said


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_helm_pulls_both_ways(reader: Reader, helm: str) -> None:
    reader.has(helm, "helm")
    add, publish, oci = reader.page("helm", "web", "--publish")
    content = chart("web")
    reader.file("web-1.0.0.tgz", content)
    repository, pull = add.splitlines()

    reader.type(publish.splitlines()[0], "rm web-1.0.0.tgz", repository, pull, "mv web-1.0.0.tgz first.tgz", oci)

    assert (reader.shell.home / "first.tgz").read_bytes() == content
    assert (reader.shell.home / "web-1.0.0.tgz").read_bytes() == content


@pytest.mark.parametrize("client", ["npm", "pnpm"])
def test_npm_and_pnpm_publish_and_install(reader: Reader, client: str) -> None:
    reader.has("npm11" if client == "npm" else client, client)
    registry, install_, publish = reader.page(client, "@acme/tool", "--publish")
    reader.file("tool/package.json", '{"name": "@acme/tool", "version": "1.0.0"}')
    reader.file("app/package.json", '{"name": "app"}')

    reader.type(registry, publish.replace("pnpm publish", "pnpm publish --no-git-checks"), folder="tool")
    reader.type(install_, folder="app")

    assert (reader.shell.home / "app" / "node_modules" / "@acme" / "tool" / "package.json").exists()


def test_yarn_publishes_and_adds(reader: Reader) -> None:
    reader.has("yarn4", "yarn")
    config, age, _, add, publish = reader.page("yarn", "@acme/tool", "--publish")
    reader.file(".yarnrc.yml", config + "enableTelemetry: false\nnodeLinker: node-modules\n")
    for name, document in (("tool", '{"name": "@acme/tool", "version": "1.0.0"}'), ("app", '{"name": "app"}')):
        reader.file(f"{name}/package.json", document)
        reader.file(f"{name}/yarn.lock", "")

    reader.type(age, "yarn install", publish.splitlines()[0], folder="tool")
    reader.type(add, folder="app")

    assert (reader.shell.home / "app" / "node_modules" / "@acme" / "tool" / "package.json").exists()


def test_pip_installs_what_twine_published(reader: Reader) -> None:
    reader.has("twine")
    install_, publish = reader.page("pip", "tool", "--publish")
    built = wheel()
    reader.file(f"dist/{built.filename}", built.content)
    reader.file("bin/pip", f'#!/bin/sh\nexec {sys.executable} -m pip "$@"\n').chmod(0o755)

    reader.type(publish, install_.replace("pip install", "pip install --no-input --no-deps --target site"))

    assert (reader.shell.home / "site" / "tool.py").exists()


def test_uv_publishes_and_installs(reader: Reader) -> None:
    reader.has("uv")
    install_, publish = reader.page("uv", "tool", "--publish")
    built = wheel()
    reader.file(f"dist/{built.filename}", built.content)

    reader.type(publish, install_.replace("pip install", "pip install --target site"))

    assert (reader.shell.home / "site" / "tool.py").exists()


def test_yarn_1_adds(reader: Reader) -> None:
    reader.has("yarn1", "yarn")
    reader.has("npm11", "npm")
    npm, _, publish = reader.page("npm", "@acme/tool", "--publish")
    _, _, npmrc, add = reader.page("yarn", "@acme/tool")
    reader.file("tool/package.json", '{"name": "@acme/tool", "version": "1.0.0"}')
    reader.file("app/package.json", '{"name": "app", "license": "MIT"}')

    reader.type(npm, publish, "rm ~/.npmrc", folder="tool")
    reader.type(npmrc, add, folder="app")

    assert (reader.shell.home / "app" / "node_modules" / "@acme" / "tool" / "package.json").exists()


def test_poetry_publishes_and_adds(reader: Reader) -> None:
    reader.has("poetry")
    add, publish = reader.page("poetry", "tool", "--publish")
    built = wheel()
    reader.file(f"tool/dist/{built.filename}", built.content)
    reader.file("tool/pyproject.toml", '[project]\nname = "tool"\nversion = "1.0"\n')
    project = '[project]\nname = "app"\nversion = "1.0"\nrequires-python = ">=3.11,<4"\n'
    reader.file("app/pyproject.toml", f"{project}[tool.poetry]\npackage-mode = false\n")

    reader.type(add.splitlines()[0], publish, folder="tool")
    reader.type(add, folder="app", POETRY_VIRTUALENVS_IN_PROJECT="true")

    assert "tool" in (reader.shell.home / "app" / "poetry.lock").read_text()


def test_go_gets_what_anybody_may_read(reader: Reader) -> None:
    reader.has("go")
    reader.installation.must("namespace", "set", reader.namespace, "--public")
    configuration, get, publish = reader.page("go", "example.com/greet", "--publish")
    with zipfile.ZipFile(reader.file("v1.0.0.zip", b""), "w") as archive:
        archive.writestr("example.com/greet@v1.0.0/go.mod", "module example.com/greet\n\ngo 1.20\n")
        archive.writestr("example.com/greet@v1.0.0/greet.go", "package greet\n")
    reader.file("app/go.mod", "module example.com/app\n\ngo 1.20\n")

    reader.type(configuration, publish)
    said = reader.type(get, folder="app", GOFLAGS="-modcacherw")

    assert "added example.com/greet v1.0.0" in said


@pytest.mark.parametrize("client", ["skopeo", "crane", "oras", "podman"])
def test_a_client_of_images_logs_in_pushes_and_pulls(reader: Reader, layout: Layout, client: str) -> None:
    reader.has(client)
    reader.has("skopeo")
    login, push, pull = reader.page(client, "tool", "--publish")
    layout.tag("1.0", small_image(layout, client))
    with tempfile.TemporaryDirectory(prefix="run-") as run:
        prepare, check = {
            "skopeo": (f"mkdir tool && cp -r {layout.root}/. tool", "skopeo inspect --raw oci:tool:1.0"),
            "crane": (f"skopeo copy oci:{layout.root}:1.0 docker-archive:tool.tar:tool:1.0", "test -s tool.tar"),
            "oras": ("echo content > tool.tar", "grep content tool.tar"),
            "podman": (f"podman pull oci:{layout.root}:1.0 && podman tag $(podman images -q) tool:1.0", "true"),
        }[client]
        settings = reader.file("policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}')
        storage = reader.file(
            "storage.conf", f'[storage]\ndriver = "vfs"\ngraphroot = "{run}/g"\nrunroot = "{run}/r"\n'
        )
        reader.file(".config/containers/policy.json", settings.read_bytes())

        reader.type(
            *(prepare, login, push, "podman rmi --all --force" if client == "podman" else "rm -rf tool tool.tar"),
            *(pull, check),
            XDG_RUNTIME_DIR=run,
            CONTAINERS_STORAGE_CONF=str(storage),
        )


def test_gradle_resolves_from_where_its_page_says(reader: Reader) -> None:
    reader.has("gradle")
    token, repositories, *_ = reader.page("gradle", "lib", "--publish")
    # Debian's Gradle is older than the word, as the page says.
    repositories = repositories.replace("    allowInsecureProtocol = true\n", "")
    auth = ("me", reader.installation.token)
    for name, content in (("lib-1.0.jar", jar({})), ("lib-1.0.pom", pom("lib", "1.0"))):
        address = f"{reader.installation.url}/maven/{reader.namespace}/org/acme/lib/1.0/{name}"
        httpx.put(address, content=content, auth=auth).raise_for_status()
    reader.file("settings.gradle", "rootProject.name = 'app'\n")
    reader.file(
        "build.gradle",
        f"apply plugin: 'java'\n{repositories}dependencies {{ compile 'org.acme:lib:1.0' }}\n"
        "task fetch(type: Copy) { from configurations.compile; into 'got' }\n",
    )

    reader.type(
        token,
        "gradle --no-daemon --console=plain --gradle-user-home gradle fetch",
        JAVA_OPTS=f"-Duser.home={reader.shell.home} {QUICK}",
    )

    assert (reader.shell.home / "got" / "lib-1.0.jar").exists()

"""gradle, as Debian packages it: publishing and resolving.

Debian's package has no HTTP transport for its ``maven-publish`` plugin, so what is published goes by ``ivy-publish``,
which writes the same layout by Gradle's own transport.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clients.maven import QUICK, repository
from tests.clients.programs import Done, Shell, program
from tests.clients.server import Account, Registry
from tests.clients.wire import Wire
from tests.formats.maven.artifacts import jar, pom

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def gradle() -> str:
    return program("gradle")


@pytest.fixture
def artifact(request: pytest.FixtureRequest) -> str:
    """An artifact that no other test publishes."""
    return re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")


def library(
    folder: Path, registry: Registry, account: Account, artifact: str, version: str, says: str = "hello"
) -> Path:
    """A project that publishes a library, in the layout of Maven, by Gradle's own transport."""
    source = folder / "src" / "main" / "java" / "org" / "acme" / "Lib.java"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(f'package org.acme;\npublic class Lib {{ public static final String SAYS = "{says}"; }}\n')
    (folder / "settings.gradle").write_text(f"rootProject.name = '{artifact}'\n")
    (folder / "lib.pom").write_bytes(pom(artifact, version))
    (folder / "build.gradle").write_text(
        "apply plugin: 'java'\napply plugin: 'ivy-publish'\n"
        f"group = 'org.acme'\nversion = '{version}'\n"
        "publishing {\n  publications { lib(IvyPublication) {\n"
        "    artifact jar\n    artifact(file('lib.pom')) { extension 'pom' } } }\n"
        f"  repositories {{ ivy {{ {_place(registry, account)}\n    layout 'pattern', {{ m2compatible = true\n"
        "      artifact '[organisation]/[module]/[revision]/[artifact]-[revision].[ext]'\n"
        "      ivy '[organisation]/[module]/[revision]/[module]-[revision].ivy' } } }\n}\n"
    )
    return folder


def consumer(folder: Path, registry: Registry, account: Account, artifact: str, version: str) -> Path:
    """A project that copies what it depends on into a folder."""
    folder.mkdir()
    (folder / "settings.gradle").write_text("rootProject.name = 'app'\n")
    (folder / "build.gradle").write_text(
        f"apply plugin: 'java'\nrepositories {{ maven {{ {_place(registry, account)} }} }}\n"
        f"dependencies {{ compile 'org.acme:{artifact}:{version}' }}\n"
        "configurations.all { resolutionStrategy.cacheChangingModulesFor 0, 'seconds' }\n"
        "task fetch(type: Copy) { from configurations.compile; into 'got' }\n"
    )
    return folder


def _place(registry: Registry, account: Account) -> str:
    credentials = f"credentials {{ username '{account.user}'; password '{account.password}' }}"
    return f"url '{repository(registry)}'; {credentials}"


def run(gradle: str, shell: Shell, folder: Path, task: str, *, refused: bool = False) -> Done:
    command = (gradle, "--no-daemon", "--console=plain", "--gradle-user-home", shell.home / "gradle")
    words = (*command, "--project-dir", folder, task)
    environment = {"JAVA_OPTS": f"-Duser.home={shell.home} {QUICK}"}
    return shell.refuse(*words, environment=environment) if refused else shell.run(*words, environment=environment)


def test_a_library_is_published_and_resolved(gradle: str, shell: Shell, registry: Registry, artifact: str) -> None:
    lib = library(shell.home / "lib", registry, registry.publisher, artifact, "1.0")
    app = consumer(shell.home / "app", registry, registry.reader, artifact, "1.+")

    run(gradle, shell, lib, "publish")
    run(gradle, shell, app, "fetch")

    name = f"{artifact}-1.0.jar"
    assert (app / "got" / name).read_bytes() == (lib / "build" / "libs" / name).read_bytes()


def test_a_snapshot_is_resolved_as_its_newest_build(
    gradle: str, shell: Shell, registry: Registry, artifact: str
) -> None:
    folder = f"/maven/acme/org/acme/{artifact}/1.1-SNAPSHOT/{artifact}-1.1"
    app = consumer(shell.home / "app", registry, registry.reader, artifact, "1.1-SNAPSHOT")

    for stamp in ("20260131.120000-1", "20260131.130000-2"):
        built = jar({"built": stamp})
        with Wire(registry) as wire:
            assert wire.http.put(f"{folder}-{stamp}.jar", content=built).is_success
            assert wire.http.put(f"{folder}-{stamp}.pom", content=pom(artifact, "1.1-SNAPSHOT")).is_success
        run(gradle, shell, app, "fetch")
        assert (app / "got" / f"{artifact}-1.1-SNAPSHOT.jar").read_bytes() == built


def test_a_release_is_published_once(gradle: str, shell: Shell, registry: Registry, artifact: str) -> None:
    lib = library(shell.home / "lib", registry, registry.publisher, artifact, "1.0")
    run(gradle, shell, lib, "publish")
    library(shell.home / "lib", registry, registry.publisher, artifact, "1.0", "other")

    refused = run(gradle, shell, lib, "publish", refused=True)

    assert "409" in refused.said


def test_wrong_and_lesser_credentials_are_told_so(gradle: str, shell: Shell, registry: Registry, artifact: str) -> None:
    wrong = library(shell.home / "wrong", registry, registry.stranger, artifact, "1.0")
    lesser = library(shell.home / "lesser", registry, registry.reader, artifact, "1.0")
    app = consumer(shell.home / "app", registry, registry.stranger, artifact, "1.0")

    said = [
        run(gradle, shell, wrong, "publish", refused=True).said,
        run(gradle, shell, lesser, "publish", refused=True).said,
        run(gradle, shell, app, "fetch", refused=True).said,
    ]

    assert [set(re.findall(r"(?<![-.\w])(40[0-9])\b", text)) for text in said] == [{"401"}, {"403"}, {"401"}]

"""mvn, in the release lines that people run: 3.8 with its older transport, 3.9 with the resolver's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from entrepot.scanning.versions.maven import sort_versions
from tests.clients.content import digest_of, noise
from tests.clients.maven import Maven, build_plugin, consumer, find_maven, library, plugin_user, repository, seed
from tests.clients.programs import Shell, program
from tests.clients.server import Registry, serve
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients


@pytest.fixture(params=["3.8", "3.9"])
def line(request: pytest.FixtureRequest) -> str:
    find_maven(request.param)
    seed()
    return str(request.param)


@pytest.fixture
def artifact(request: pytest.FixtureRequest) -> str:
    """An artifact that no other test deploys."""
    return re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")


def test_a_library_is_deployed_and_resolved_in_a_clean_place(
    line: str, shell: Shell, registry: Registry, artifact: str
) -> None:
    deployer = Maven.start(line, shell, registry.publisher)
    reader = Maven.start(line, shell, registry.reader, "second")
    url = repository(registry)

    deployer.run("-f", library(shell.home / "lib", url, "1.0", artifact=artifact), "deploy")
    resolved = reader.run("-f", consumer(shell.home / "app", url, "[1.0,2.0)", artifact=artifact), "compile")

    built = shell.home / "lib" / "target" / f"{artifact}-1.0.jar"
    assert reader.resolved(artifact, "1.0", built.name) == built.read_bytes()
    assert reader.resolved(artifact, "1.0", f"{artifact}-1.0.pom") == (shell.home / "lib" / "pom.xml").read_bytes()
    assert "hecksum" not in resolved.said, "every checksum was there and right"
    sources = shell.home / "lib" / "target" / f"{artifact}-1.0-sources.jar"
    with Wire(registry) as wire:
        got = wire.http.get(f"/maven/acme/org/acme/{artifact}/1.0/{sources.name}")
        assert got.content == sources.read_bytes()


def test_a_snapshot_is_resolved_as_its_newest_build(line: str, shell: Shell, registry: Registry, artifact: str) -> None:
    deployer = Maven.start(line, shell, registry.publisher)
    reader = Maven.start(line, shell, registry.reader, "second")
    url, version = repository(registry), "1.1-SNAPSHOT"
    app = consumer(shell.home / "app", url, version, artifact=artifact)

    built = []
    for says in ("first", "second"):
        project = library(shell.home / "lib", url, version, artifact=artifact, says=says)
        deployer.run("-f", project, "deploy")
        reader.run("-f", app, "compile")
        built.append((shell.home / "lib" / "target" / f"{artifact}-{version}.jar").read_bytes())
        assert reader.resolved(artifact, version, f"{artifact}-{version}.jar") == built[-1]

    assert built[0] != built[1]
    with Wire(registry) as wire:
        folder = f"/maven/acme/org/acme/{artifact}"
        listed = wire.http.get(f"{folder}/{version}/maven-metadata.xml").text
        assert "<buildNumber>2</buildNumber>" in listed
        first = re.findall(rf"{artifact}-1.1-\d+.\d+-1.jar", "\n".join(map(str, reader.local.rglob("*.jar"))))
        assert wire.http.get(f"{folder}/{version}/{first[0]}").content == built[0], "an older build stays"


@pytest.mark.everywhere
def test_a_release_is_deployed_once(shell: Shell, registry: Registry, artifact: str) -> None:
    deployer = Maven.start("3.9", shell, registry.publisher)
    url = repository(registry)
    deployer.run("-f", library(shell.home / "lib", url, "1.0", artifact=artifact), "deploy")

    refused = deployer.refuse("-f", library(shell.home / "lib", url, "1.0", artifact=artifact, says="other"), "deploy")

    assert "409" in refused.said


def test_wrong_missing_and_lesser_credentials_are_told_so(
    line: str, shell: Shell, registry: Registry, artifact: str
) -> None:
    url = repository(registry)
    project = library(shell.home / "lib", url, "1.0", artifact=artifact)
    app = consumer(shell.home / "app", url, "1.0", artifact=artifact)

    wrong = Maven.start(line, shell, registry.stranger, "wrong")
    missing = Maven.start(line, shell, None, "missing")
    lesser = Maven.start(line, shell, registry.reader, "lesser")
    said = {
        "wrong": wrong.refuse("-f", project, "deploy").said,
        "missing": missing.refuse("-f", project, "deploy").said,
        "lesser": lesser.refuse("-f", project, "deploy").said,
        # In clean places again: what could not be deployed was installed.
        "wrong to read": Maven.start(line, shell, registry.stranger, "fourth").refuse("-f", app, "compile").said,
        "missing to read": Maven.start(line, shell, None, "fifth").refuse("-f", app, "compile").said,
    }

    # A status; not the end of a name, nor of the time that it took, such as 1.404 s.
    assert {who: set(re.findall(r"(?<![-.\w])(40[0-9])\b", text)) for who, text in said.items()} == {
        "wrong": {"401"},
        "missing": {"401"},
        "lesser": {"403"},
        "wrong to read": {"401"},
        "missing to read": {"401"},
    }


def test_two_that_deploy_at_once_are_both_listed(shell: Shell, registry: Registry, artifact: str) -> None:
    deployers = [Maven.start("3.9", shell, registry.publisher, f"number-{at}") for at in range(2)]
    projects = [
        library(shell.home / f"lib-{at}", repository(registry), f"1.{at}", artifact=artifact) for at in range(2)
    ]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda pair: pair[0].run("-f", pair[1], "deploy"), zip(deployers, projects, strict=True)))

    with Wire(registry) as wire:
        listed = wire.http.get(f"/maven/acme/org/acme/{artifact}/maven-metadata.xml").text
    assert re.findall("<version>(.*?)</version>", listed) == ["1.0", "1.1"]


def test_a_channel_s_view_resolves_what_is_cleared(shell: Shell, tmp_path: Path) -> None:
    with serve(tmp_path / "server", "acme") as registry:
        deployer = Maven.start("3.8", shell, registry.publisher)
        for version in ("1.0", "1.1"):
            deployer.run("-f", library(shell.home / "lib", repository(registry), version), "deploy")
        token = (tmp_path / "server" / "data" / "admin-token").read_text().strip()
        shell.run(
            *(Path(sys.executable).with_name("entrepot"), "clearance", "open", "acme/maven/org.acme/lib:1.0", "prod"),
            environment={"ENTREPOT_URL": registry.url, "ENTREPOT_TOKEN": token},
        )
        url = repository(registry, "acme.prod")

        reader = Maven.start("3.8", shell, registry.reader, "second")
        reader.run("-f", consumer(shell.home / "app", url, "[1.0,2.0)"), "compile")
        refused = reader.refuse("-f", consumer(shell.home / "app", url, "1.1"), "compile")

        assert reader.resolved("lib", "1.0", "lib-1.0.jar")
        assert "org.acme:lib:jar:1.1" in refused.said
        assert not (reader.local / "org" / "acme" / "lib" / "1.1" / "lib-1.1.jar").exists()


def test_a_plugin_is_found_by_the_prefix_in_its_jar(shell: Shell, registry: Registry) -> None:
    """Nobody writes the group's metadata: not a line of it is in what was sent."""
    folder = "/maven/acme/org/acme/greet-maven-plugin/1.0/greet-maven-plugin-1.0"
    with Wire(registry) as wire:
        for extension, content in build_plugin(shell).items():
            sent = wire.http.put(f"{folder}.{extension}", content=content)
            assert sent.is_success, "the same files again are no conflict"
    app = plugin_user(shell.home, repository(registry))

    said = Maven.start("3.9", shell, registry.reader).run("-f", app, "hello:world").said

    assert "hello from org.acme.Hello" in said


def test_a_large_file_comes_back_as_it_was_sent(shell: Shell, registry: Registry, artifact: str) -> None:
    content = noise(artifact, 20 << 20)
    (shell.home / "data.zip").write_bytes(content)
    deployer = Maven.start("3.8", shell, registry.publisher)

    deployer.run(
        "org.apache.maven.plugins:maven-deploy-plugin:3.1.4:deploy-file",
        *(f"-Durl={repository(registry)}", "-DrepositoryId=acme", "-Dfile=data.zip", "-Dpackaging=zip"),
        *("-DgroupId=org.acme", f"-DartifactId={artifact}", "-Dversion=1.0"),
    )

    with Wire(registry) as wire:
        folder = f"/maven/acme/org/acme/{artifact}/1.0/{artifact}-1.0"
        assert digest_of(wire.http.get(f"{folder}.zip").content) == digest_of(content)
        assert "<packaging>zip</packaging>" in wire.http.get(f"{folder}.pom").text


def test_a_deployed_version_is_pulled_through_oci(
    shell: Shell, registry: Registry, artifact: str, tmp_path: Path
) -> None:
    deployer = Maven.start("3.8", shell, registry.publisher)
    deployer.run("-f", library(shell.home / "lib", repository(registry), "1.0", artifact=artifact), "deploy")
    oras = program("oras")
    shell.run(
        *(oras, "login", registry.host, "--plain-http", "--username", "me", "--password-stdin"),
        given=registry.reader.password,
    )

    shell.run(
        *(oras, "pull", "--plain-http", "--output", tmp_path / "out"),
        f"{registry.host}/acme/maven/org.acme/{artifact}:1.0",
    )

    built = shell.home / "lib" / "target" / f"{artifact}-1.0.jar"
    assert (tmp_path / "out" / built.name).read_bytes() == built.read_bytes()
    assert (tmp_path / "out" / f"{artifact}-1.0.pom").exists()


def test_who_asks_before_sending_is_told_before_sending(shell: Shell, registry: Registry, artifact: str) -> None:
    """maven-resolver's tests of its transport, "100 (Continue)": taken, and refused without a byte of the body."""
    (shell.home / "data.zip").write_bytes(noise(artifact, 4 << 20))
    url = f"{repository(registry)}/org/acme/{artifact}/1.0/{artifact}-1.0.zip"
    send = (program("curl"), "--silent", "--output", "answer", "--write-out", "%{http_code} %{size_upload}")
    ask = ("--header", "Expect: 100-continue", "--expect100-timeout", "60", "--upload-file", "data.zip", url)

    unknown = shell.run(*send, *ask).output
    lesser = shell.run(*send, "--user", registry.reader.pair, *ask).output
    allowed = shell.run(*send, "--user", registry.publisher.pair, *ask).output

    assert (unknown, lesser, allowed) == ("401 0", "403 0", f"201 {4 << 20}")


VERSIONS = [
    "1",
    "1.0",
    "1.0.0",
    "1-SNAPSHOT",
    "1.0-alpha",
    "1.0-alpha-1",
    "1.0a1",
    "1.0-beta.2",
    "1.0-m3",
    "1.0-rc",
    "1.0-cr1",
    "1.0.Final",
    "1.0-ga",
    "1.0-sp",
    "1.0-sp-1",
    "1.0-jre",
    "1.0-android",
    "1.0.1",
    "1.0-1",
    "1-1.foo-bar1baz-.1",
    "1.0.X1",
    "1.0-X2",
    "2.0.a",
    "2-1",
    "2.1b",
    "11.a2",
    "11.m2",
    "0.0.0-2024-04-02T00",
    "1.rc.2",
    "1.alpha",
    "01.02.003",
    "1..2",
    "1-.2",
    "1.0-20260131.120000-1",
    "10.0.0-M5",
    "6.1H.5-beta",
    "2.0-dev",
    "foo",
    "v1",
    "1_2",
    "1+build",
]


def test_the_order_of_versions_is_the_one_of_maven_itself(line: str, shell: Shell) -> None:
    """maven-artifact's own program compares each version with the one before it."""
    libraries = Path(find_maven(line)).resolve().parents[1] / "lib"
    classpath = os.pathsep.join(str(path) for path in libraries.glob("*.jar"))
    asked = [version for pair in zip(VERSIONS, reversed(VERSIONS), strict=True) for version in pair] + VERSIONS
    command = ["java", "-cp", classpath, "org.apache.maven.artifact.versioning.ComparableVersion", *asked]

    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    compared = re.findall(r"^ +(\S+) (<|==|>) (\S+)$", output, re.MULTILINE)
    assert [(left, right) for left, _, right in compared] == list(pairwise(asked))
    for left, sign, right in compared:
        if sign != "==":
            expected = [left, right] if sign == "<" else [right, left]
            assert sort_versions([left, right]) == expected, (left, sign, right)

"""npm, in the two release lines that people run: publish, install and all that is asked about packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot import client as entrepot
from tests.clients.content import noise
from tests.clients.node import Client, log_in, registry_of
from tests.clients.programs import Shell, program
from tests.clients.server import Registry, serve
from tests.clients.terminal import converse

pytestmark = pytest.mark.clients


@pytest.fixture(params=["npm10", "npm11"])
def npm(request: pytest.FixtureRequest, shell: Shell, registry: Registry) -> Client:
    """npm as a maintainer."""
    program(request.param)
    log_in(shell, registry, registry.maintainer)
    return Client(shell, request.param)


@pytest.fixture
def name(package: str) -> str:
    """A scoped package of the test's own."""
    return f"@acme/{package.rpartition('/')[2]}"


def fill(folder: Path, content: bytes) -> None:
    (folder / "data.bin").write_bytes(content)


def packed(npm: Client, folder: Path) -> bytes:
    """The tarball that npm makes of a folder."""
    [made] = json.loads(npm.run("pack", "--json", "--pack-destination", str(npm.shell.home), folder=folder))
    return (npm.shell.home / made["filename"]).read_bytes()


@pytest.mark.everywhere
def test_what_is_published_is_what_is_installed(npm: Client, name: str) -> None:
    folder = npm.project(name, description="a tool")
    fill(folder, noise(name, 3 << 20))
    sent = packed(npm, folder)
    npm.run("publish", folder=folder)

    consumer = npm.consumer(**{name: "^1.0.0"})
    npm.run("install", folder=consumer)
    npm.run("pack", f"{name}@1.0.0", folder=consumer)

    [got] = consumer.glob("*.tgz")
    assert got.read_bytes() == sent
    installed = consumer / "node_modules" / name
    assert (installed / "data.bin").read_bytes() == (folder / "data.bin").read_bytes()
    lock = json.loads((consumer / "package-lock.json").read_text())["packages"][f"node_modules/{name}"]
    assert lock["integrity"].startswith("sha512-")


def test_a_lock_is_installed_as_it_stands(npm: Client, name: str) -> None:
    npm.run("publish", folder=npm.project(f"{name}-dependency"))
    npm.run("publish", folder=npm.project(name, dependencies={f"{name}-dependency": "^1.0.0"}))
    consumer = npm.consumer(**{name: "1.0.0"})
    npm.run("install", "--package-lock-only", folder=consumer)
    npm.run("publish", folder=npm.project(f"{name}-dependency", "1.1.0"))

    npm.run("ci", folder=consumer)

    installed = consumer / "node_modules" / f"{name}-dependency" / "package.json"
    assert json.loads(installed.read_text())["version"] == "1.0.0"


def test_the_same_again_is_no_error_and_other_content_is(npm: Client, name: str) -> None:
    folder = npm.project(name)
    npm.run("publish", folder=folder)
    if npm.command == "npm10":  # Later ones look first, and do not send a version that is there.
        npm.run("publish", folder=folder)
    fill(folder, b"other")

    refused = npm.refuse("publish", folder=folder)

    assert "You cannot publish over the previously published versions: 1.0.0." in refused.said


def test_tags_deprecation_and_what_is_said_of_a_package(npm: Client, name: str) -> None:
    npm.run("publish", folder=npm.project(name))
    npm.run("publish", "--tag", "next", folder=npm.project(name, "2.0.0-rc.1"))
    npm.run("dist-tag", "add", f"{name}@1.0.0", "stable")
    npm.run("dist-tag", "rm", name, "next")
    npm.run("deprecate", f"{name}@1.0.0", "use 2")

    said = json.loads(npm.run("view", name, "--json"))

    assert said["versions"] == ["1.0.0", "2.0.0-rc.1"]
    assert said["dist-tags"] == {"latest": "1.0.0", "stable": "1.0.0"}
    assert said["deprecated"] == "use 2"
    assert "use 2" in npm.shell.run(*npm._command(("install", f"{name}@1.0.0")), environment=npm._environment()).said
    assert npm.run("view", f"{name}@2.0.0-rc.1", "version").strip() == "2.0.0-rc.1"


def test_a_version_and_then_the_package_are_taken_back(npm: Client, name: str) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        npm.run("publish", folder=npm.project(name, version))

    npm.run("unpublish", "--force", f"{name}@2.0.0")
    left = json.loads(npm.run("view", name, "--json"))
    npm.run("unpublish", "--force", name)

    assert (left["versions"], left["dist-tags"]) == (["1.0.0", "1.1.0"], {"latest": "1.1.0"})
    assert "E404" in npm.refuse("view", name).said


def test_who_one_is_and_what_one_may(npm: Client, name: str) -> None:
    npm.run("publish", folder=npm.project(name, keywords=["anchor"]))

    assert npm.run("whoami").strip() == "maintainer"
    assert "PONG" in npm.shell.run(*npm._command(("ping",)), environment=npm._environment()).said
    assert json.loads(npm.run("access", "get", "status", name, "--json")) == {name: "private"}
    assert json.loads(npm.run("access", "list", "collaborators", name, "--json"))["publisher"] == "read-write"
    assert name in [found["name"] for found in json.loads(npm.run("search", "keywords:anchor", "--json"))]
    assert npm.run("owner", "ls", name).startswith("maintainer")


def test_an_audit_finds_nothing(npm: Client, name: str) -> None:
    npm.run("publish", folder=npm.project(name))
    consumer = npm.consumer(**{name: "1.0.0"})
    npm.run("install", folder=consumer)

    assert "found 0 vulnerabilities" in npm.run("audit", "--audit=true", folder=consumer)


def test_an_audit_finds_what_is_known_to_be_bad(npm: Client, name: str, registry: Registry) -> None:
    if registry.administrator is None:
        pytest.skip("only an administrator says what is known to be bad")
    events = [{"introduced": "0"}, {"fixed": "1.0.1"}]
    affected = {"package": {"ecosystem": "npm", "name": name}, "ranges": [{"type": "SEMVER", "events": events}]}
    record = {
        "id": f"TEST-{abs(hash(name))}",
        "modified": "2026-01-01T00:00:00Z",
        "summary": "It leaks.",
        "affected": [affected],
    }
    with entrepot.Client(registry.url, registry.administrator.password) as administrator:
        administrator.advisories.take_in("test", [json.dumps(record).encode()])
    npm.run("publish", folder=npm.project(name))
    consumer = npm.consumer(**{name: "1.0.0"})
    npm.run("install", folder=consumer)

    found = npm.refuse("audit", "--audit=true", folder=consumer)

    assert "It leaks." in found.said
    assert f"{name}  " in found.said


@pytest.mark.parametrize("way", ["web", "legacy"])
def test_a_login_lasts_until_the_logout(npm: Client, registry: Registry, way: str) -> None:
    log_in(npm.shell, registry, None)

    said = converse(
        npm._command(("login", f"--auth-type={way}")),
        [("sername:", "somebody"), ("assword:", registry.publisher.password), ("mail:", "somebody@example.com")],
        folder=npm.shell.home,
        environment={**npm.shell.variables(), **npm._environment(), "TERM": "dumb"},
    )
    logged_in = npm.run("whoami").strip()
    kept = (npm.shell.home / ".npmrc").read_text()
    npm.run("logout")

    assert "Logged in" in said
    assert logged_in == "publisher"
    assert registry.publisher.password not in kept
    assert "ENEEDAUTH" in npm.refuse("whoami").said
    (npm.shell.home / ".npmrc").write_text(kept)
    assert "E401" in npm.refuse("whoami").said


def test_credentials_that_are_wrong_or_missing_or_not_enough_are_said_so(
    npm: Client, registry: Registry, name: str
) -> None:
    folder = npm.project(name)
    npm.run("publish", folder=folder)
    consumer = npm.consumer(**{name: "1.0.0"})

    log_in(npm.shell, registry, registry.stranger)
    wrong = npm.refuse("install", folder=consumer).said
    log_in(npm.shell, registry, None)
    missing = npm.refuse("install", folder=consumer).said
    publishing = npm.refuse("publish", folder=folder).said
    log_in(npm.shell, registry, registry.reader)
    reading = npm.refuse("publish", folder=npm.project(name, "2.0.0")).said
    npm.run("install", folder=consumer)

    assert "E401" in wrong
    assert "your authentication token seems to be invalid" in wrong
    assert "E401" in missing
    assert "ENEEDAUTH" in publishing
    assert f"reader may not publish acme/{name}" in reading


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Registry]:
    """A registry of the test's own, because only an administrator clears."""
    with serve(tmp_path / "server", "acme") as running:
        yield running


def test_a_channel_has_what_was_cleared_for_it(npm: Client, own: Registry, tmp_path: Path) -> None:
    log_in(npm.shell, own, own.publisher)
    for version in ("1.0.0", "1.1.0"):
        npm.run("publish", folder=npm.project("@acme/tool", version))
    subprocess.run(
        [Path(sys.executable).with_name("entrepot"), "clearance", "open", "acme/npm/@acme/tool:1.0.0", "prod"],
        env={
            **os.environ,
            "ENTREPOT_URL": own.url,
            "ENTREPOT_TOKEN": (tmp_path / "server" / "data" / "admin-token").read_text().strip(),
        },
        check=True,
    )
    log_in(npm.shell, own, own.reader, view="acme.prod")
    consumer = npm.consumer(**{"@acme/tool": "*"})

    npm.run("install", folder=consumer)

    installed = json.loads((consumer / "node_modules" / "@acme" / "tool" / "package.json").read_text())
    assert installed["version"] == "1.0.0"
    assert json.loads(npm.run("view", "@acme/tool", "versions", "--json")) in ("1.0.0", ["1.0.0"])
    assert "ETARGET" in npm.refuse("install", "@acme/tool@1.1.0", folder=consumer).said


def test_oras_pulls_a_version(npm: Client, registry: Registry, package: str) -> None:
    plain = package.rpartition("/")[2]
    folder = npm.project(plain)
    sent = packed(npm, folder)
    npm.run("publish", folder=folder)
    oras = program("oras")
    account = registry.reader
    npm.shell.run(
        *(oras, "login", "--plain-http", registry.host, "--username", account.user, "--password-stdin"),
        given=account.password,
    )
    into = npm.shell.home / "pulled"

    npm.shell.run(oras, "pull", "--plain-http", "--output", into, f"{registry.host}/acme/npm/{plain}:1.0.0")
    npm.shell.run(oras, "pull", "--plain-http", "--output", into, f"{registry.host}/acme/npm/{plain}:latest")

    assert (into / f"{plain}-1.0.0.tgz").read_bytes() == sent


def test_the_address_works_without_its_final_slash_and_for_one_scope(
    npm: Client, registry: Registry, name: str
) -> None:
    npm.run("publish", folder=npm.project(name))
    address = registry_of(registry).rstrip("/")
    token = f"{address.partition(':')[2]}/:_authToken={registry.reader.password}"
    (npm.shell.home / ".npmrc").write_text(f"@acme:registry={address}\n{token}\n")

    npm.run("install", name, folder=npm.consumer())

    assert (npm.shell.home / "consumer" / "node_modules" / name / "package.json").exists()

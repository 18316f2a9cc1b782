"""pnpm: publish and install."""

from __future__ import annotations

import json

import pytest

from tests.clients.content import noise
from tests.clients.node import Client, log_in
from tests.clients.programs import Shell, program
from tests.clients.server import Registry

pytestmark = pytest.mark.clients


@pytest.fixture
def pnpm(shell: Shell, registry: Registry) -> Client:
    """pnpm as a maintainer."""
    program("pnpm")
    log_in(shell, registry, registry.maintainer)
    return Client(shell, "pnpm")


@pytest.fixture(params=["@acme/", ""], ids=["scoped", "plain"])
def name(request: pytest.FixtureRequest, package: str) -> str:
    return f"{request.param}{package.rpartition('/')[2]}"


def test_what_is_published_is_what_is_installed(pnpm: Client, name: str) -> None:
    dependency = pnpm.project(f"{name}-dependency")
    (dependency / "data.bin").write_bytes(noise(name, 1 << 20))
    pnpm.run("publish", "--no-git-checks", folder=dependency)
    pnpm.run("publish", "--no-git-checks", folder=pnpm.project(name, dependencies={f"{name}-dependency": "^1.0.0"}))
    consumer = pnpm.consumer(**{name: "1.0.0", f"{name}-dependency": "*"})

    pnpm.run("install", folder=consumer)

    installed = consumer / "node_modules" / f"{name}-dependency" / "data.bin"
    assert installed.read_bytes() == (dependency / "data.bin").read_bytes()
    assert (consumer / "node_modules" / name / "index.js").exists()


def test_a_lock_is_installed_as_it_stands(pnpm: Client, name: str) -> None:
    pnpm.run("publish", "--no-git-checks", folder=pnpm.project(name))
    consumer = pnpm.consumer(**{name: "^1.0.0"})
    pnpm.run("install", "--lockfile-only", folder=consumer)
    pnpm.run("publish", "--no-git-checks", folder=pnpm.project(name, "1.1.0"))

    pnpm.run("install", "--frozen-lockfile", folder=consumer)

    installed = consumer / "node_modules" / name / "package.json"
    assert json.loads(installed.read_text())["version"] == "1.0.0"


def test_a_version_younger_than_the_project_lets_in_is_passed_over(pnpm: Client, name: str) -> None:
    pnpm.run("publish", "--no-git-checks", folder=pnpm.project(name))
    consumer = pnpm.consumer(**{name: "^1.0.0"})
    (consumer / "pnpm-workspace.yaml").write_text("minimumReleaseAge: 1440\n")

    refused = pnpm.refuse("install", folder=consumer)

    assert "minimumReleaseAge" in refused.said or "NO_MATURE" in refused.said


def test_credentials_that_are_wrong_or_missing_are_said_so(pnpm: Client, registry: Registry, name: str) -> None:
    pnpm.run("publish", "--no-git-checks", folder=pnpm.project(name))
    consumer = pnpm.consumer(**{name: "1.0.0"})

    log_in(pnpm.shell, registry, registry.stranger)
    wrong = pnpm.refuse("install", folder=consumer).said
    log_in(pnpm.shell, registry, None)
    missing = pnpm.refuse("install", folder=consumer).said

    assert "ERR_PNPM_FETCH_401" in wrong
    assert "An authorization header was used" in wrong
    assert "No authorization header was set" in missing

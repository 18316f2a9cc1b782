"""yarn, of both generations: publish and install."""

from __future__ import annotations

import json

import pytest

from tests.clients.content import noise
from tests.clients.node import Client, npmrc, registry_of
from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry

pytestmark = pytest.mark.clients

_MODERN = """\
npmRegistryServer: {address}
npmAlwaysAuth: true
npmAuthToken: "{token}"
npmMinimalAgeGate: 0
unsafeHttpWhitelist: [localhost]
enableTelemetry: false
enableGlobalCache: false
enableImmutableInstalls: false
nodeLinker: node-modules
"""


def log_in(yarn: Client, registry: Registry, account: Account) -> None:
    address = registry_of(registry)
    if yarn.command == "yarn1":
        # Without it yarn 1 asks for packages that have no scope as nobody.
        (yarn.shell.home / ".npmrc").write_text(npmrc(address, account) + "always-auth=true\n")
    else:
        (yarn.shell.home / ".yarnrc.yml").write_text(_MODERN.format(address=address, token=account.password))


@pytest.fixture(params=["yarn1", "yarn4"])
def yarn(request: pytest.FixtureRequest, shell: Shell, registry: Registry) -> Client:
    """yarn as a publisher."""
    program(request.param)
    client = Client(shell, request.param)
    log_in(client, registry, registry.publisher)
    return client


@pytest.fixture(params=["@acme/", ""], ids=["scoped", "plain"])
def name(request: pytest.FixtureRequest, package: str) -> str:
    return f"{request.param}{package.rpartition('/')[2]}"


def publish(yarn: Client, name: str, version: str = "1.0.0", content: bytes = b"") -> None:
    folder = yarn.project(name, version)
    (folder / "data.bin").write_bytes(content)
    if yarn.command == "yarn1":
        yarn.run("publish", "--non-interactive", "--new-version", version, folder=folder)
    else:
        (folder / "yarn.lock").write_text("")
        yarn.run("install", folder=folder)
        yarn.run("npm", "publish", folder=folder)


def test_what_is_published_is_what_is_installed(yarn: Client, name: str) -> None:
    content = noise(name, 1 << 20)
    publish(yarn, name, content=content)
    consumer = yarn.consumer(**{name: "^1.0.0"})
    (consumer / "yarn.lock").write_text("")

    yarn.run("install", folder=consumer)

    assert (consumer / "node_modules" / name / "data.bin").read_bytes() == content


def test_a_lock_is_installed_as_it_stands(yarn: Client, name: str) -> None:
    publish(yarn, name)
    consumer = yarn.consumer(**{name: "^1.0.0"})
    (consumer / "yarn.lock").write_text("")
    yarn.run("install", folder=consumer)
    publish(yarn, name, "1.1.0")

    yarn.run("install", "--frozen-lockfile" if yarn.command == "yarn1" else "--immutable", folder=consumer)

    installed = consumer / "node_modules" / name / "package.json"
    assert json.loads(installed.read_text())["version"] == "1.0.0"


def test_other_content_under_a_used_version_is_refused(yarn: Client, name: str) -> None:
    publish(yarn, name)
    again = Client(Shell(yarn.shell.home / "again"), yarn.command)
    again.shell.home.mkdir()
    for path in (".npmrc", ".yarnrc.yml"):
        if (yarn.shell.home / path).exists():
            (again.shell.home / path).write_text((yarn.shell.home / path).read_text())
    folder = again.project(name, files={"other.js": ""})
    (folder / "yarn.lock").write_text("")

    if yarn.command == "yarn1":
        refused = again.refuse("publish", "--non-interactive", "--new-version", "1.0.0", folder=folder)
    else:
        again.run("install", folder=folder)
        refused = again.refuse("npm", "publish", folder=folder)

    assert "You cannot publish over the previously published versions: 1.0.0." in refused.said


def test_credentials_that_are_wrong_are_said_so(yarn: Client, registry: Registry, name: str) -> None:
    publish(yarn, name)
    consumer = yarn.consumer(**{name: "1.0.0"})
    (consumer / "yarn.lock").write_text("")
    log_in(yarn, registry, registry.stranger)

    refused = yarn.refuse("install", folder=consumer).said

    assert ("Credentials are needed" if yarn.command == "yarn1" else "Invalid authentication") in refused

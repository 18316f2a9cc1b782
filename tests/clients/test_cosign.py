"""cosign with a key pair and no network: signatures stored beside what they sign, and found again through us."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.content import Descriptor, Layout, digest_of, noise, small_image
from tests.clients.node import Client
from tests.clients.node import log_in as npm_log_in
from tests.clients.programs import Shell, program
from tests.clients.python_packages import Environment, Place, module_wheel, project_name, publish
from tests.clients.server import Account, Registry
from tests.clients.test_pip import Pip
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients

# An empty password, given, is not asked for.
UNATTENDED = {"COSIGN_PASSWORD": "", "COSIGN_YES": "true"}
# Our own key, so no transparency log and no signing configuration from the network.
OFFLINE = ("--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry")
_VERIFY = ("--insecure-ignore-tlog", "--allow-http-registry")


@pytest.fixture
def cosign() -> str:
    return program("cosign")


def log_in(cosign: str, shell: Shell, registry: Registry, account: Account) -> None:
    shell.run(*(cosign, "login", registry.host, "--username", account.user, "--password-stdin"), given=account.password)


def key_pair(cosign: str, shell: Shell, name: str) -> tuple[Path, Path]:
    """The files of a new private and public key."""
    shell.run(cosign, "generate-key-pair", "--output-key-prefix", name, environment=UNATTENDED)
    return shell.home / f"{name}.key", shell.home / f"{name}.pub"


def pushed(registry: Registry, package: str, layout: Layout, wire: Wire) -> tuple[Descriptor, str]:
    """An image in the registry, and how cosign should be told of it: by digest, for a tag may move."""
    image = small_image(layout, package)
    wire.put(layout, image, package, "1.0.0")
    return image, f"{registry.host}/{package}@{image['digest']}"


def test_a_signature_is_stored_as_a_referrer_and_verified(
    cosign: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image, reference = pushed(registry, package, layout, wire)
    private, public = key_pair(cosign, shell, "release")
    log_in(cosign, shell, registry, registry.publisher)

    shell.run(
        *(cosign, "sign", "--key", private, "--registry-referrers-mode", "oci-1-1", *OFFLINE, reference),
        environment={**UNATTENDED, "COSIGN_EXPERIMENTAL": "1"},
    )
    verified = shell.run(cosign, "verify", "--key", public, *_VERIFY, reference)

    (signature,) = wire.referrers(package, image["digest"])
    assert "sigstore" in signature["artifactType"]
    assert image["digest"] in verified.said
    assert wire.tags(package) == ["1.0.0"]


def test_a_signature_is_stored_under_a_tag_and_verified(
    cosign: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image, reference = pushed(registry, package, layout, wire)
    private, public = key_pair(cosign, shell, "release")
    log_in(cosign, shell, registry, registry.publisher)

    shell.run(
        *(cosign, "sign", "--key", private, "--registry-referrers-mode", "legacy", "--new-bundle-format=false"),
        *(*OFFLINE, reference),
        environment=UNATTENDED,
    )
    verified = shell.run(cosign, "verify", "--key", public, "--new-bundle-format=false", *_VERIFY, reference)

    assert f"{image['digest'].replace(':', '-')}.sig" in wire.tags(package)
    assert json.loads(verified.output)[0]["critical"]["image"]["docker-manifest-digest"] == image["digest"]


def test_a_second_signature_joins_the_first(
    cosign: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    _, reference = pushed(registry, package, layout, wire)
    keys = [key_pair(cosign, shell, name) for name in ("build", "release")]
    log_in(cosign, shell, registry, registry.publisher)

    for private, _ in keys:
        shell.run(
            *(cosign, "sign", "--key", private, "--registry-referrers-mode", "legacy", "--new-bundle-format=false"),
            *(*OFFLINE, reference),
            environment=UNATTENDED,
        )

    for _, public in keys:
        shell.run(cosign, "verify", "--key", public, "--new-bundle-format=false", *_VERIFY, reference)


def test_an_attestation_is_found_and_verified(
    cosign: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image, reference = pushed(registry, package, layout, wire)
    private, public = key_pair(cosign, shell, "release")
    (shell.home / "provenance.json").write_text('{"builder":"a robot"}')
    log_in(cosign, shell, registry, registry.publisher)

    shell.run(
        *(cosign, "attest", "--key", private, "--predicate", "provenance.json", "--type", "custom", *OFFLINE),
        reference,
        environment=UNATTENDED,
    )
    verified = shell.run(cosign, "verify-attestation", "--key", public, "--type", "custom", *_VERIFY, reference)

    assert len(wire.referrers(package, image["digest"])) == 1
    assert '"payloadType":"application/vnd.in-toto+json"' in verified.output


def test_another_key_does_not_verify(
    cosign: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    _, reference = pushed(registry, package, layout, wire)
    private, _ = key_pair(cosign, shell, "release")
    _, other = key_pair(cosign, shell, "other")
    log_in(cosign, shell, registry, registry.publisher)
    shell.run(cosign, "sign", "--key", private, *OFFLINE, reference, environment=UNATTENDED)

    refused = shell.refuse(cosign, "verify", "--key", other, *_VERIFY, reference)

    assert "failed to verify signature" in refused.said


def test_without_credentials_nothing_is_signed(
    cosign: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image, reference = pushed(registry, package, layout, wire)
    private, _ = key_pair(cosign, shell, "release")

    refused = shell.refuse(cosign, "sign", "--key", private, *OFFLINE, reference, environment=UNATTENDED)

    assert "unauthorized" in refused.said.lower()
    assert wire.referrers(package, image["digest"]) == []


# --- versions of other formats ---


def sign_version(cosign: str, shell: Shell, registry: Registry, wire: Wire, package: str) -> None:
    """Sign version 1.0.0 of a package, whatever its format, and verify that; another key must not verify."""
    reference = f"{registry.host}/{package}@{digest_of(wire.manifest(package, '1.0.0'))}"
    private, public = key_pair(cosign, shell, "release")
    _, other = key_pair(cosign, shell, "other")
    log_in(cosign, shell, registry, registry.publisher)

    shell.run(
        *(cosign, "sign", "--key", private, "--registry-referrers-mode", "oci-1-1", *OFFLINE, reference),
        environment={**UNATTENDED, "COSIGN_EXPERIMENTAL": "1"},
    )
    verified = shell.run(cosign, "verify", "--key", public, *_VERIFY, reference)
    refused = shell.refuse(cosign, "verify", "--key", other, *_VERIFY, reference)

    assert reference.rpartition("@")[2] in verified.said
    assert "failed to verify signature" in refused.said


def test_a_wheel_s_version_is_signed_and_verified_and_pip_does_not_notice(
    cosign: str, shell: Shell, registry: Registry, wire: Wire, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    project = project_name(request)
    publish(registry, module_wheel(project, "1.0.0", noise(project, 1 << 20)))
    page = f"/pypi/acme/simple/{project}/"
    before = wire.http.get(page)
    pip = Pip(shell, Environment.make(tmp_path / "environment"))

    sign_version(cosign, shell, registry, wire, f"acme/pypi/{project}")
    index = Place(registry, "acme").simple_as(registry.reader)
    pip.install(index, project)

    assert pip.environment.module(project) == noise(project, 1 << 20)
    assert "Available versions: 1.0.0\n" in pip.versions(index, project)
    assert wire.http.get(page).content == before.content


def test_a_tarball_s_version_is_signed_and_verified_and_npm_does_not_notice(
    cosign: str, shell: Shell, registry: Registry, wire: Wire, package: str
) -> None:
    name = package.rpartition("/")[2]
    npm_log_in(shell, registry, registry.maintainer)
    npm = Client(shell, "npm11")
    folder = npm.project(name, files={"data.bin": noise(name, 1 << 20).hex()})
    npm.run("publish", folder=folder)
    before = wire.http.get(f"/npm/acme/{name}").json()

    sign_version(cosign, shell, registry, wire, f"acme/npm/{name}")
    consumer = npm.consumer(**{name: "^1.0.0"})
    npm.run("install", folder=consumer)

    installed = consumer / "node_modules" / name / "data.bin"
    assert installed.read_text() == noise(name, 1 << 20).hex()
    assert json.loads(npm.run("view", name, "versions", "dist-tags", "--json")) == {
        "versions": ["1.0.0"],
        "dist-tags": {"latest": "1.0.0"},
    }
    assert wire.http.get(f"/npm/acme/{name}").json() | {"_rev": before["_rev"]} == before

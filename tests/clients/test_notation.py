"""Notation signs images that are here: what it writes as JWS is verified by us, and by itself after it was stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.content import Layout
from tests.clients.programs import Done, Shell, program
from tests.clients.server import Registry
from tests.clients.test_cosign import pushed
from tests.clients.test_verification import Asked, asked, oci, signer_of
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients

__all__ = ["asked"]  # a fixture


class Notation:
    """Notation, with a key and a certificate of its own, and the trust policy of who believes it."""

    def __init__(self, shell: Shell, registry: Registry, name: str) -> None:
        self._shell = shell
        self._account = ("--username", registry.publisher.user, "--password", registry.publisher.password)
        self._run("cert", "generate-test", "--default", name)
        self.certificate = (shell.home / f".config/notation/localkeys/{name}.crt").read_text()
        policy = {
            "version": "1.0",
            "trustPolicies": [
                {
                    "name": "all",
                    "registryScopes": ["*"],
                    "signatureVerification": {"level": "strict"},
                    "trustStores": [f"ca:{name}"],
                    "trustedIdentities": ["*"],
                }
            ],
        }
        (shell.home / "policy.json").write_text(json.dumps(policy))
        self._run("policy", "import", "policy.json")

    def sign(self, reference: str, form: str = "jws") -> None:
        self._run("sign", "--signature-format", form, "--insecure-registry", *self._account, reference)

    def verify(self, reference: str) -> Done:
        command = ("verify", "--insecure-registry", *self._account, reference)
        return self._shell.attempt(program("notation"), *command)

    def _run(self, *command: str) -> None:
        self._shell.run(program("notation"), *command)


@pytest.fixture
def notation(shell: Shell, registry: Registry, request: pytest.FixtureRequest) -> Notation:
    return Notation(shell, registry, signer_of(request))


@pytest.fixture
def stranger(tmp_path: Path, registry: Registry) -> Notation:
    home = tmp_path / "stranger"
    home.mkdir()
    return Notation(Shell(home), registry, "stranger")


def test_an_image_that_notation_signed(
    notation: Notation,
    stranger: Notation,
    registry: Registry,
    package: str,
    layout: Layout,
    wire: Wire,
    asked: Asked,
    request: pytest.FixtureRequest,
) -> None:
    _, reference = pushed(registry, package, layout, wire)
    asked.believe(signer_of(request), roots=notation.certificate)
    asked.believe(f"{signer_of(request)}-other", roots=stranger.certificate)

    notation.sign(reference)

    assert notation.verify(reference).code == 0
    assert stranger.verify(reference).code > 0
    assert asked.who(oci(package), "1.0.0") == [signer_of(request)]


def test_an_image_that_a_stranger_signed(
    notation: Notation,
    stranger: Notation,
    registry: Registry,
    package: str,
    layout: Layout,
    wire: Wire,
    asked: Asked,
    request: pytest.FixtureRequest,
) -> None:
    _, reference = pushed(registry, package, layout, wire)
    asked.believe(signer_of(request), roots=notation.certificate)

    stranger.sign(reference)

    assert notation.verify(reference).code > 0
    assert asked.who(oci(package), "1.0.0") == []
    (found,) = asked.attestations(oci(package), "1.0.0")
    assert found["kind"] == "notation"
    assert found["reason"]


def test_a_signature_as_cose_is_kept_for_notation_and_refused_by_us_with_the_reason(
    notation: Notation,
    registry: Registry,
    package: str,
    layout: Layout,
    wire: Wire,
    asked: Asked,
    request: pytest.FixtureRequest,
) -> None:
    _, reference = pushed(registry, package, layout, wire)
    asked.believe(signer_of(request), roots=notation.certificate)

    notation.sign(reference, "cose")

    assert notation.verify(reference).code == 0
    assert asked.who(oci(package), "1.0.0") == []
    (found,) = asked.attestations(oci(package), "1.0.0")
    assert "--signature-format jws" in found["reason"]

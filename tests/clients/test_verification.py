"""What real programs sign, and what we find out about it: by whom it is signed, or why that does not count."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrepot.operations.state_findings import VULNS_PREDICATE
from entrepot.trust.keys import PublicKey
from tests.clients.content import Layout, digest_of, noise
from tests.clients.outside import NpmLibrary, Outsider, PythonStatements, Question
from tests.clients.programs import Shell, program
from tests.clients.python_packages import module_wheel, project_name, publish
from tests.clients.server import Registry
from tests.clients.test_cosign import OFFLINE, UNATTENDED, key_pair, log_in, pushed
from tests.clients.wire import Wire
from tests.faults.patience import eventually

pytestmark = pytest.mark.clients

LEGACY = ("--registry-referrers-mode", "legacy", "--new-bundle-format=false")
REFERRER = ("--registry-referrers-mode", "oci-1-1")
EXPERIMENTAL = {**UNATTENDED, "COSIGN_EXPERIMENTAL": "1"}


@pytest.fixture
def cosign() -> str:
    return program("cosign")


class Asked:
    """The registry's management API, as a maintainer of the namespace."""

    def __init__(self, registry: Registry) -> None:
        headers = {"authorization": f"Bearer {registry.maintainer.password}"}
        self.http = httpx.Client(base_url=registry.url, headers=headers, timeout=60)

    def believe(self, name: str, **known_by: str) -> None:
        answer = self.http.post("/api/v1/signers", json={"name": name, "namespace": "acme", **known_by})
        assert answer.status_code == 201, answer.text

    def set_state(self, name: str, state: str, **more: str) -> dict[str, Any]:
        path = f"/api/v1/signers/{name}/state?namespace=acme"
        answer = self.http.post(path, json={"state": state, **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def attestations(self, package: str, reference: str) -> list[dict[str, Any]]:
        """All that is said of an artifact, by ``acme/oci/team/api``."""
        answer = self.http.get(f"/api/v1/packages/{package}/-/artifacts/{reference}/attestations?wait=30")
        assert answer.status_code == 200, answer.text
        assert answer.json()["current"]
        found: list[dict[str, Any]] = answer.json()["attestations"]
        return found

    def who(self, package: str, reference: str) -> list[str]:
        """Whose signatures count."""
        return sorted(
            each["signer"]
            for found in self.attestations(package, reference)
            for each in found["verifications"]
            if each["counts"]
        )


@pytest.fixture
def asked(registry: Registry) -> Iterator[Asked]:
    opened = Asked(registry)
    yield opened
    opened.http.close()


def oci(package: str) -> str:
    namespace, _, name = package.partition("/")
    return f"{namespace}/oci/{name}"


def altered(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Put something else into the statement of a bundle."""

    def spoil(bundle: bytes) -> bytes:
        document = json.loads(bundle)
        payload = base64.b64decode(document["dsseEnvelope"]["payload"])
        assert old in payload
        document["dsseEnvelope"]["payload"] = base64.b64encode(payload.replace(old, new)).decode()
        return json.dumps(document).encode()

    return spoil


SPOILT = (
    altered(b'"passed":true', b'"passed":fals'),
    altered(b"tested/v1", b"tested/v2"),
    altered(b'"sha256":"', b'"sha256":"0'),
    lambda bundle: bundle.replace(b"vnd.in-toto+json", b"vnd.in-toto+jsom"),
    lambda bundle: bundle[:-20],
)
"""Ways to tamper with a statement that the registry has signed."""


def signer_of(request: pytest.FixtureRequest) -> str:
    return project_name(request)[:60].strip("-")


@pytest.mark.parametrize("mode", [(*LEGACY,), (*REFERRER,)], ids=["legacy", "bundle"])
def test_an_image_that_cosign_signed(
    cosign: str,
    shell: Shell,
    registry: Registry,
    package: str,
    layout: Layout,
    wire: Wire,
    asked: Asked,
    mode: tuple[str, ...],
    request: pytest.FixtureRequest,
) -> None:
    image, reference = pushed(registry, package, layout, wire)
    private, public = key_pair(cosign, shell, "release")
    log_in(cosign, shell, registry, registry.publisher)
    asked.believe(signer_of(request), key=public.read_text())

    shell.run(cosign, "sign", "--key", private, *mode, *OFFLINE, reference, environment=EXPERIMENTAL)

    assert asked.who(oci(package), "1.0.0") == [signer_of(request)]
    (found,) = asked.attestations(oci(package), image["digest"])
    assert found["subject"] == image["digest"]


@pytest.mark.parametrize("mode", [(*LEGACY,), (*REFERRER,)], ids=["legacy", "bundle"])
def test_an_image_that_cosign_attested(
    cosign: str,
    shell: Shell,
    registry: Registry,
    package: str,
    layout: Layout,
    wire: Wire,
    asked: Asked,
    mode: tuple[str, ...],
    request: pytest.FixtureRequest,
) -> None:
    _, reference = pushed(registry, package, layout, wire)
    private, public = key_pair(cosign, shell, "release")
    predicate = {
        "builder": {"id": "https://build.example.com"},
        "buildType": "https://build.example.com/type",
        "invocation": {
            "configSource": {"uri": "git+https://git.example.com/acme/app", "digest": {"sha1": 40 * "d"}},
        },
        "materials": [{"uri": "git+https://git.example.com/acme/app", "digest": {"sha1": 40 * "d"}}],
    }
    (shell.home / "provenance.json").write_text(json.dumps(predicate))
    log_in(cosign, shell, registry, registry.publisher)
    asked.believe(signer_of(request), key=public.read_text())
    kind = ("--type", "slsaprovenance", "--predicate", "provenance.json")
    form = mode[2:] if mode == LEGACY else ()

    shell.run(cosign, "attest", "--key", private, *kind, *form, *OFFLINE, reference, environment=EXPERIMENTAL)

    (found,) = asked.attestations(oci(package), "1.0.0")
    assert found["verified"], found
    assert (found["build"]["builder"], found["build"]["revision"]) == ("https://build.example.com", 40 * "d")


def test_another_key_says_nothing(
    cosign: str,
    shell: Shell,
    registry: Registry,
    package: str,
    layout: Layout,
    wire: Wire,
    asked: Asked,
    request: pytest.FixtureRequest,
) -> None:
    _, reference = pushed(registry, package, layout, wire)
    private, _ = key_pair(cosign, shell, "release")
    _, other = key_pair(cosign, shell, "other")
    log_in(cosign, shell, registry, registry.publisher)
    asked.believe(signer_of(request), key=other.read_text())

    shell.run(cosign, "sign", "--key", private, *OFFLINE, reference, environment=UNATTENDED)

    (found,) = asked.attestations(oci(package), "1.0.0")
    assert not found["verified"]
    assert "none of the keys that are trusted here" in found["reason"]


def test_a_wheel_s_version_that_cosign_signed(
    cosign: str, shell: Shell, registry: Registry, wire: Wire, asked: Asked, request: pytest.FixtureRequest
) -> None:
    project = project_name(request)
    publish(registry, module_wheel(project, "1.0.0", noise(project, 1 << 16)))
    digest = digest_of(wire.manifest(f"acme/pypi/{project}", "1.0.0"))
    private, public = key_pair(cosign, shell, "release")
    log_in(cosign, shell, registry, registry.publisher)

    shell.run(
        *(cosign, "sign", "--key", private, *REFERRER, *OFFLINE, f"{registry.host}/acme/pypi/{project}@{digest}"),
        environment=EXPERIMENTAL,
    )
    before = asked.who(f"acme/pypi/{project}", "1.0.0")
    asked.believe(signer_of(request), key=public.read_text())

    assert before == []
    assert asked.who(f"acme/pypi/{project}", "1.0.0") == [signer_of(request)]


def test_what_the_registry_signs_cosign_verifies(
    cosign: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire, asked: Asked
) -> None:
    _, reference = pushed(registry, package, layout, wire)
    statement = {"predicate_type": "https://sigstore.dev/cosign/sign/v1", "predicate": {}}
    path = f"/api/v1/packages/{oci(package)}/-/artifacts/1.0.0/attestations"
    assert asked.http.post(path, json=statement).status_code == 201
    (shell.home / "registry.pub").write_text(asked.http.get("/api/v1/keys.pem").text)
    log_in(cosign, shell, registry, registry.reader)

    verified = shell.run(
        *(cosign, "verify", "--key", "registry.pub", "--insecure-ignore-tlog", "--allow-http-registry", reference)
    )

    assert reference.rpartition("@")[2] in verified.said


@pytest.mark.parametrize("library", ["npm", "python"])
def test_what_the_registry_signs_libraries_verify(
    library: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire, asked: Asked
) -> None:
    image, _ = pushed(registry, package, layout, wire)
    path = f"/api/v1/packages/{oci(package)}/-/artifacts/1.0.0/attestations"
    statement = {"predicate_type": "https://example.com/tested/v1", "predicate": {"passed": True}}
    assert asked.http.post(path, json=statement).status_code == 201
    (referrer,) = wire.referrers(package, image["digest"])
    (layer,) = json.loads(wire.manifest(package, referrer["digest"]))["layers"]
    document = wire.http.get(f"/v2/{package}/blobs/{layer['digest']}").raise_for_status().content
    key = PublicKey.parse(asked.http.get("/api/v1/keys.pem").content)
    content = wire.manifest(package, image["digest"])
    outsider: Outsider = NpmLibrary(shell) if library == "npm" else PythonStatements()

    believed = outsider.refusal(Question(document, content, key))
    refused = [outsider.refusal(Question(spoil(document), content, key)) for spoil in SPOILT]

    assert believed is None
    assert None not in refused


def test_a_revoked_key_takes_what_it_signed(
    cosign: str,
    shell: Shell,
    registry: Registry,
    package: str,
    layout: Layout,
    wire: Wire,
    asked: Asked,
    request: pytest.FixtureRequest,
) -> None:
    image, reference = pushed(registry, package, layout, wire)
    private, public = key_pair(cosign, shell, "release")
    log_in(cosign, shell, registry, registry.publisher)
    asked.believe(signer_of(request), key=public.read_text())
    shell.run(cosign, "sign", "--key", private, *OFFLINE, reference, environment=UNATTENDED)
    assert asked.who(oci(package), "1.0.0") == [signer_of(request)]

    changed = asked.set_state(signer_of(request), "compromised", reason="lost")

    assert [each["subject"] for each in changed["affected"]] == [image["digest"]]
    assert asked.who(oci(package), "1.0.0") == []


# --- OpenPGP ---


@pytest.fixture
def gpg(shell: Shell) -> Path:
    """A key in an empty keyring; the file of its public part."""
    batch = (
        "%no-protection\nKey-Type: eddsa\nKey-Curve: ed25519\nName-Email: ada@example.com\nExpire-Date: 0\n%commit\n"
    )
    shell.run(program("gpg"), "--batch", "--generate-key", given=batch)
    exported = shell.run(program("gpg"), "--armor", "--export", "ada@example.com")
    public = shell.home / "ada.asc"
    public.write_text(exported.output)
    return public


def test_a_maven_artifact_with_its_signature_beside_it(
    shell: Shell, registry: Registry, asked: Asked, gpg: Path, request: pytest.FixtureRequest
) -> None:
    name = signer_of(request)
    asked.believe(name, certificate=gpg.read_text())
    (shell.home / "lib.jar").write_bytes(noise(name, 1000))
    shell.run(program("gpg"), "--batch", "--armor", "--detach-sign", "lib.jar")
    place = f"{registry.url}/maven/acme/com/example/{name}/1.0/{name}-1.0"
    pom = f"<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId><artifactId>{name}</artifactId>"
    pom += "<version>1.0</version></project>"

    for suffix, content in (
        (".pom", pom.encode()),
        (".jar", (shell.home / "lib.jar").read_bytes()),
        (".jar.asc", (shell.home / "lib.jar.asc").read_bytes()),
        (".pom.asc", (shell.home / "lib.jar.asc").read_bytes()),
    ):
        answer = httpx.put(
            f"{place}{suffix}", content=content, auth=(registry.publisher.user, registry.publisher.password)
        )
        assert answer.status_code in (200, 201), answer.text

    found = {each["subject"]: each for each in asked.attestations(f"acme/maven/com.example/{name}", "1.0")}
    jar, other = found[f"sha256:{_sha256(shell.home / 'lib.jar')}"], found[f"sha256:{_sha256_of(pom.encode())}"]
    assert [each["signer"] for each in jar["verifications"] if each["counts"]] == [name]
    assert not other["verified"]


def _sha256(path: Path) -> str:
    return _sha256_of(path.read_bytes())


def _sha256_of(content: bytes) -> str:
    return digest_of(content).removeprefix("sha256:")


def test_a_chart_with_its_provenance(
    shell: Shell, registry: Registry, asked: Asked, gpg: Path, request: pytest.FixtureRequest
) -> None:
    name = signer_of(request)
    helm = program("helm4")
    asked.believe(name, certificate=gpg.read_text())
    shell.run(helm, "create", "web")
    exported = shell.home / "secret.gpg"
    shell.run(program("gpg"), "--batch", "--export-secret-keys", "--output", exported, "ada@example.com")
    shell.run(helm, "package", "web", "--version", "1.0.0", "--sign", "--key", "ada@example.com", "--keyring", exported)
    push = httpx.post(
        f"{registry.url}/helm/acme/api/charts",
        files={
            "chart": (shell.home / "web-1.0.0.tgz").read_bytes(),
            "prov": (shell.home / "web-1.0.0.tgz.prov").read_bytes(),
        },
        auth=(registry.publisher.user, registry.publisher.password),
    )
    assert push.status_code == 201, push.text

    (found,) = asked.attestations("acme/helm/web", "1.0.0")

    assert found["verified"], found
    assert found["kind"] == "openpgp-clearsigned"


def test_what_was_found_here_cosign_verifies(
    cosign: str, shell: Shell, registry: Registry, wire: Wire, asked: Asked, request: pytest.FixtureRequest
) -> None:
    if registry.administrator is None:
        pytest.skip("advisories are taken in by who administers the registry")
    project = project_name(request)
    publish(registry, module_wheel(project, "1.0.0", noise(project, 1 << 10)))
    digest = digest_of(wire.manifest(f"acme/pypi/{project}", "1.0.0"))
    affected = {"package": {"ecosystem": "PyPI", "name": project}, "versions": ["1.0.0"]}
    advisory = {"id": f"TEST-{project}", "modified": "2026-01-31T12:00:00Z", "affected": [affected]}
    taken_in = asked.http.post(
        "/api/v1/advisories/import?source=tests",
        content=json.dumps(advisory).encode(),
        headers={"authorization": f"Bearer {registry.administrator.password}"},
    )
    assert taken_in.status_code == 200, taken_in.text
    artifact = f"/api/v1/packages/acme/pypi/{project}/-/artifacts/1.0.0"
    (shell.home / "registry.pub").write_text(asked.http.get("/api/v1/keys.pem").text)
    log_in(cosign, shell, registry, registry.reader)

    # Refused as long as what is in it was not compared.
    eventually(lambda: asked.http.post(f"{artifact}/findings/statement").status_code == 201)
    arguments = ("--key", "registry.pub", "--insecure-ignore-tlog", "--allow-http-registry")
    reference = f"{registry.host}/acme/pypi/{project}@{digest}"
    verified = shell.run(cosign, "verify-attestation", *arguments, "--type", VULNS_PREDICATE, reference)
    other = shell.refuse(cosign, "verify-attestation", *arguments, "--type", "vuln", reference)

    [statement] = [
        json.loads(base64.b64decode(json.loads(line)["payload"]))
        for line in verified.output.splitlines()
        if line.startswith("{")
    ]
    assert statement["subject"][0]["digest"]["sha256"] == digest.removeprefix("sha256:")
    assert [each["id"] for each in statement["predicate"]["scanner"]["result"]] == [f"TEST-{project}"]
    assert "none of the attestations matched" in other.said

"""What other programs sign is verified here: cosign, model_signing, gpg, helm, npm and openssl, each with its own key."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from entrepot.model.digest import Digest
from entrepot.trust.evidence import KEY_ID, Evidence, EvidenceKind, Subject, Verdict
from entrepot.trust.keys import PublicKey
from entrepot.trust.openpgp import OpenPgpCertificate
from entrepot.trust.signers import KeySigner, OpenPgpSigner, Signer
from entrepot.trust.signing import LocalKey
from entrepot.trust.verify import read, verify
from tests.clients.content import Layout
from tests.clients.node import Client
from tests.clients.node import log_in as npm_log_in
from tests.clients.outside import Gpg, ModelSigning, Question
from tests.clients.programs import Shell, program
from tests.clients.server import Registry
from tests.clients.test_cosign import OFFLINE, UNATTENDED, key_pair, log_in, pushed
from tests.clients.test_helm_classic import signed as signed_chart
from tests.clients.wire import Wire
from tests.unit.trust.test_notation import ACME, LEAF_NAME, NOON, ROOT, ROOT_CERTIFICATE, ROOT_NAME, certificate

pytestmark = pytest.mark.clients

FILE = b"a wheel"
TESTED = "https://example.com/tested/v1"
_BLOB = ("--tlog-upload=false", "--use-signing-config=false")


def check(evidence: Evidence, subject: Subject, *signers: Signer) -> Verdict:
    return verify(evidence, subject, signers, now=datetime.now(UTC))


def holder(path: Path) -> KeySigner:
    return KeySigner("theirs", PublicKey.parse(path.read_bytes()))


STRANGER = KeySigner("stranger", LocalKey.generate().public_key)


@pytest.fixture
def cosign() -> str:
    return program("cosign")


def test_cosign_signs_a_file(cosign: str, shell: Shell) -> None:
    private, public = key_pair(cosign, shell, "release")
    (shell.home / "file").write_bytes(FILE)
    shell.run(cosign, "sign-blob", "--key", private, *_BLOB, "--bundle", "bundle.json", "file", environment=UNATTENDED)
    evidence = Evidence(EvidenceKind.SIGSTORE_BUNDLE, (shell.home / "bundle.json").read_bytes())

    verdict = check(evidence, Subject(Digest.of(FILE)), STRANGER, holder(public))

    assert [accepted.signer for accepted in verdict.accepted] == ["theirs"]
    assert set(read(evidence).key_hints) <= holder(public).key.names
    assert not check(evidence, Subject(Digest.of(FILE)), STRANGER).verified


@pytest.mark.parametrize("older", [False, True])
def test_cosign_attests_a_file(cosign: str, shell: Shell, older: bool) -> None:
    private, public = key_pair(cosign, shell, "release")
    (shell.home / "file").write_bytes(FILE)
    (shell.home / "predicate.json").write_text('{"passed": true}')
    output = ("--new-bundle-format=false", "--output-signature") if older else ("--bundle",)
    shell.run(
        *(cosign, "attest-blob", "--key", private, *_BLOB, "--predicate", "predicate.json", "--type", TESTED),
        *(*output, "made.json", "file"),
        environment=UNATTENDED,
    )
    kind = EvidenceKind.DSSE if older else EvidenceKind.SIGSTORE_BUNDLE
    evidence = Evidence(kind, (shell.home / "made.json").read_bytes())

    verdict = check(evidence, Subject(Digest.of(FILE)), holder(public))

    assert verdict.reason is None
    assert verdict.statement is not None
    assert verdict.statement.predicate_type == TESTED
    assert not check(evidence, Subject(Digest.of(FILE)), STRANGER).verified


def test_cosign_signs_an_image_in_its_older_form(
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
    digest = Digest.parse(image["digest"])
    manifest = json.loads(wire.manifest(package, f"{digest.algorithm}-{digest.hex}.sig"))
    (layer,) = manifest["layers"]
    payload = wire.http.get(f"/v2/{package}/blobs/{layer['digest']}").raise_for_status().content
    evidence = Evidence(EvidenceKind.COSIGN_SIMPLE, payload, None, layer["annotations"], layer["mediaType"])

    assert check(evidence, Subject(digest), holder(public)).reason is None
    assert not check(evidence, Subject(digest), STRANGER).verified
    assert not check(evidence, Subject(Digest.of(FILE)), holder(public)).verified


def test_cosign_signs_an_image_as_it_does_today(
    cosign: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image, reference = pushed(registry, package, layout, wire)
    private, public = key_pair(cosign, shell, "release")
    log_in(cosign, shell, registry, registry.publisher)
    shell.run(cosign, "sign", "--key", private, *OFFLINE, reference, environment=UNATTENDED)
    (referrer,) = wire.referrers(package, image["digest"])
    (layer,) = json.loads(wire.manifest(package, referrer["digest"]))["layers"]
    bundle = wire.http.get(f"/v2/{package}/blobs/{layer['digest']}").raise_for_status().content
    evidence = Evidence(EvidenceKind.SIGSTORE_BUNDLE, bundle)

    verdict = check(evidence, Subject(Digest.parse(image["digest"])), holder(public))

    assert verdict.reason is None
    assert verdict.statement is not None
    assert verdict.statement.predicate_type == "https://sigstore.dev/cosign/sign/v1"


def test_model_signing_signs_a_model(shell: Shell) -> None:
    files = {"config.json": b"config", "weights/1.bin": b"weights"}
    key = LocalKey.generate()
    (shell.home / "key.pem").write_bytes(key.to_pem())
    for path, content in files.items():
        (shell.home / "model" / path).parent.mkdir(parents=True, exist_ok=True)
        (shell.home / "model" / path).write_bytes(content)
    shell.run(
        *(program("model-signing"), "sign", "key", "--private_key", "key.pem", "--signature", "model.sig", "model"),
    )
    content = (shell.home / "model.sig").read_bytes()
    evidence = Evidence(EvidenceKind.MODEL_SIGNING, content)
    stored = {path: Digest.of(each) for path, each in files.items()}
    subject = Subject(Digest.of(b"version"), files=stored)
    other = Subject(Digest.of(b"version"), files={**stored, "config.json": Digest.of(b"x")})
    signer = KeySigner("theirs", key.public_key)

    assert ModelSigning(shell, files).refusal(Question(content, b"", key.public_key)) is None
    assert check(evidence, subject, STRANGER, signer).reason is None
    assert set(read(evidence).key_hints) <= key.public_key.names
    assert not check(evidence, other, signer).verified
    assert not check(evidence, subject, STRANGER).verified


def test_model_signing_signs_a_model_with_a_certificate(shell: Shell) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = certificate(key, LEAF_NAME, ROOT, ROOT_NAME)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in {
        "key.pem": pem,
        "leaf.pem": leaf.public_bytes(Encoding.PEM),
        "root.pem": ROOT_CERTIFICATE.public_bytes(Encoding.PEM),
        "model/config.json": b"config",
    }.items():
        (shell.home / name).parent.mkdir(exist_ok=True)
        (shell.home / name).write_bytes(content)
    shell.run(
        *(program("model-signing"), "sign", "certificate", "--private_key", "key.pem", "--signing_certificate"),
        *("leaf.pem", "--certificate_chain", "root.pem", "--signature", "model.sig", "model"),
    )
    evidence = Evidence(EvidenceKind.MODEL_SIGNING, (shell.home / "model.sig").read_bytes())
    subject = Subject(Digest.of(b"version"), files={"config.json": Digest.of(b"config")})

    verdict = verify(evidence, subject, [STRANGER, ACME], now=NOON)

    assert verdict.reason is None
    assert [accepted.signer for accepted in verdict.accepted] == ["acme"]
    assert not verify(evidence, subject, [STRANGER], now=NOON).verified
    assert not verify(evidence, subject, [ACME], now=NOON + timedelta(days=2)).verified


@pytest.mark.parametrize("armoured", [True, False])
def test_gpg_signs_a_file(shell: Shell, armoured: bool) -> None:
    gpg = Gpg(shell)
    assert gpg.run("--quick-generate-key", "robot@example.com", "rsa3072", "sign", "never").code == 0
    (shell.home / "file").write_bytes(FILE)
    form = ("--armor",) if armoured else ()
    assert gpg.run(*form, "--output", "file.asc", "--detach-sign", "file").code == 0
    assert gpg.run("--output", "public.gpg", "--export", "robot@example.com").code == 0
    signer = OpenPgpSigner("theirs", OpenPgpCertificate.parse((shell.home / "public.gpg").read_bytes()))
    evidence = Evidence(EvidenceKind.OPENPGP_DETACHED, (shell.home / "file.asc").read_bytes(), FILE)

    verdict = check(evidence, Subject(Digest.of(FILE)), signer)

    assert verdict.reason is None
    assert verdict.accepted[0].key == signer.certificate.fingerprint
    assert read(evidence).key_hints == (signer.certificate.fingerprint,)
    assert not check(Evidence(evidence.kind, evidence.content, b"x"), Subject(Digest.of(b"x")), signer).verified


@pytest.mark.parametrize("command", ["helm3", "helm4"])
def test_helm_signs_a_chart(shell: Shell, command: str) -> None:
    chart, public = signed_chart(program(command), shell, "ferry", "1.0.0")
    signer = OpenPgpSigner("theirs", OpenPgpCertificate.parse(public.read_bytes()))
    evidence = Evidence(EvidenceKind.OPENPGP_CLEARSIGNED, Path(f"{chart}.prov").read_bytes())
    digest = Digest.of(chart.read_bytes())

    assert check(evidence, Subject(digest, chart.name), signer).reason is None
    assert read(evidence).subjects[0].name == chart.name
    assert not check(evidence, Subject(Digest.of(FILE), chart.name), signer).verified


def test_a_registry_of_npm_signs_a_version(shell: Shell, registry: Registry, wire: Wire, package: str) -> None:
    name = f"@acme/{package.rpartition('/')[2]}"
    npm_log_in(shell, registry, registry.maintainer)
    npm = Client(shell, "npm11")
    npm.run("publish", folder=npm.project(name))
    dist = wire.http.get(f"/npm/acme/{name}").json()["versions"]["1.0.0"]["dist"]
    (signature,) = dist["signatures"]
    (listed,) = wire.http.get("/npm/acme/-/npm/v1/keys").json()["keys"]
    evidence = Evidence(EvidenceKind.NPM_SIGNATURE, signature["sig"].encode(), annotations={KEY_ID: signature["keyid"]})
    key = KeySigner("registry", PublicKey.parse(base64.b64decode(listed["key"])))
    sha512 = Digest("sha512", base64.b64decode(dist["integrity"].removeprefix("sha512-")).hex())

    def subject(version: str) -> Subject:
        return Subject(Digest.of(FILE), f"{name}@{version}", (sha512,))

    assert key.key.npm_key_id == signature["keyid"] == read(evidence).key_hints[0]
    assert check(evidence, subject("1.0.0"), STRANGER, key).reason is None
    assert not check(evidence, subject("1.0.1"), key).verified


@pytest.mark.parametrize(
    ("generate", "sign"),
    [
        (
            ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
            ("dgst", "-sha384", "-sign", "key.pem"),
        ),
        (("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"), ("dgst", "-sha256", "-sign", "key.pem")),
        (("genpkey", "-algorithm", "ED25519"), ("pkeyutl", "-sign", "-rawin", "-inkey", "key.pem", "-in")),
    ],
    ids=["P-384", "RSA", "Ed25519"],
)
def test_openssl_signs_an_envelope(shell: Shell, generate: tuple[str, ...], sign: tuple[str, ...]) -> None:
    openssl = program("openssl")
    shell.run(openssl, *generate, "-out", "key.pem")
    shell.run(openssl, "pkey", "-in", "key.pem", "-pubout", "-out", "key.pub")
    subject: Mapping[str, object] = {"name": "file", "digest": {"sha256": Digest.of(FILE).hex}}
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [subject], "predicateType": TESTED}
    payload = json.dumps(statement).encode()
    kind = b"application/vnd.in-toto+json"
    (shell.home / "signed").write_bytes(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload))
    output = ("-out", "signature")
    arguments = (*sign, "signed", *output) if sign[0] == "pkeyutl" else (*sign, *output, "signed")
    shell.run(openssl, *arguments)
    envelope = {
        "payloadType": kind.decode(),
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"sig": base64.b64encode((shell.home / "signature").read_bytes()).decode()}],
    }
    evidence = Evidence(EvidenceKind.DSSE, json.dumps(envelope).encode())

    assert check(evidence, Subject(Digest.of(FILE)), STRANGER, holder(shell.home / "key.pub")).reason is None
    assert not check(evidence, Subject(Digest.of(FILE)), STRANGER).verified

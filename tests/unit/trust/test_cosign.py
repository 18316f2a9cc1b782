"""Cosign's older signatures: over the layer's bytes, with a key or with a certificate in the annotations."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from entrepot.model.digest import Digest
from entrepot.testing.sigstore import NOON, Person, Sigstore, as_annotation
from entrepot.trust.cosign import SIGNATURE
from entrepot.trust.evidence import Evidence, EvidenceKind, Subject, Verdict
from entrepot.trust.keyless import BUNDLE, CERTIFICATE
from entrepot.trust.keys import PublicKey
from entrepot.trust.roots import TrustedRoot
from entrepot.trust.signers import IdentityPattern, IdentitySigner, KeySigner
from entrepot.trust.verify import read, verify
from tests.unit.trust.test_statement import document

IMAGE = Digest.of(b"an image")
SIGSTORE = Sigstore()
ROBOT = Person("robot@example.com", "https://issuer.example.com")
ROBOTS = IdentitySigner(
    "robots",
    TrustedRoot.parse("ours", SIGSTORE.trusted_root),
    IdentityPattern("https://issuer.example.com"),
    IdentityPattern("*@example.com"),
)
PRIVATE = ec.generate_private_key(ec.SECP256R1())
KEY = KeySigner("release", PublicKey.of(PRIVATE.public_key()))


def layer(digest: object = IMAGE, kind: str = "cosign container image signature") -> bytes:
    critical = {
        "identity": {"docker-reference": "registry.example.com/acme/api"},
        "image": {"docker-manifest-digest": str(digest)},
        "type": kind,
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def by_key(payload: bytes) -> dict[str, str]:
    return {SIGNATURE: base64.b64encode(PRIVATE.sign(payload, ec.ECDSA(hashes.SHA256()))).decode()}


def check(payload: bytes, annotations: dict[str, str], *signers: Any, subject: Digest = IMAGE) -> Verdict:
    evidence = Evidence(EvidenceKind.COSIGN_SIMPLE, payload, annotations=annotations)
    return verify(evidence, Subject(subject), signers, now=NOON)


def test_a_layer_signed_with_a_key_is_verified() -> None:
    verdict = check(layer(), by_key(layer()), KEY)

    assert verdict.accepted[0].key == KEY.key.fingerprint


def test_a_layer_signed_with_a_certificate_is_verified_when_the_log_took_it_in() -> None:
    verdict = check(layer(), SIGSTORE.annotate(layer(), ROBOT), ROBOTS)

    assert verdict.reason is None
    assert verdict.accepted[0].identity is not None
    assert verdict.accepted[0].identity.subject == "robot@example.com"
    assert verdict.accepted[0].signed_at == NOON + timedelta(seconds=1)


def test_the_layer_says_what_it_is_about() -> None:
    claims = read(Evidence(EvidenceKind.COSIGN_SIMPLE, layer(), annotations=SIGSTORE.annotate(layer(), ROBOT)))

    assert claims.subjects[0].digests == {"sha256": IMAGE.hex}
    assert claims.identity is not None


@pytest.mark.parametrize(
    "payload",
    [
        layer(kind="atomic container signature"),
        layer("sha256:0"),
        layer(None),
        b"{}",
        b'{"critical": {"type": "cosign container image signature"}}',
        layer()[:-1] + b', "critical": {}}',
    ],
)
def test_a_layer_of_another_shape_proves_nothing_however_it_is_signed(payload: bytes) -> None:
    assert not check(payload, by_key(payload), KEY).verified


def test_a_signature_of_another_image_proves_nothing() -> None:
    verdict = check(layer(), by_key(layer()), KEY, subject=Digest.of(b"another"))

    assert not verdict.verified
    assert str(IMAGE) in (verdict.reason or "")


def test_without_the_log_a_certificate_proves_nothing() -> None:
    annotations = SIGSTORE.annotate(layer(), ROBOT)
    del annotations[BUNDLE]

    assert "log" in (check(layer(), annotations, ROBOTS).reason or "")


def test_an_entry_about_another_signature_proves_nothing() -> None:
    annotations = SIGSTORE.annotate(layer(), ROBOT)
    other = SIGSTORE.annotate(layer(), ROBOT)

    assert not check(layer(), {**annotations, BUNDLE: other[BUNDLE]}, ROBOTS).verified


def test_an_entry_that_was_altered_proves_nothing() -> None:
    annotations = SIGSTORE.annotate(layer(), ROBOT)
    entry = json.loads(annotations[BUNDLE])
    entry["Payload"]["integratedTime"] += 1

    assert not check(layer(), {**annotations, BUNDLE: json.dumps(entry)}, ROBOTS).verified


def test_a_certificate_that_had_ended_proves_nothing() -> None:
    issued = SIGSTORE.issue(ROBOT, lifetime=timedelta(seconds=0))

    assert not check(layer(), SIGSTORE.annotate(layer(), issued), ROBOTS).verified


@pytest.mark.parametrize("wrong", [{"logged": False}, {"code_signing": False}])
def test_a_certificate_without_log_or_for_something_else_proves_nothing(wrong: dict[str, bool]) -> None:
    issued = SIGSTORE.issue(ROBOT, **wrong)  # type: ignore[arg-type]

    assert not check(layer(), SIGSTORE.annotate(layer(), issued), ROBOTS).verified


def test_the_chain_in_the_annotations_is_not_believed() -> None:
    theirs = Sigstore().annotate(layer(), ROBOT)

    assert not check(layer(), theirs, ROBOTS).verified


def test_with_a_certificate_there_a_key_is_not_asked() -> None:
    annotations = {**by_key(layer()), CERTIFICATE: SIGSTORE.issue(ROBOT).pem.decode()}

    assert not check(layer(), annotations, KEY).verified


def test_an_attestation_with_a_certificate_in_its_annotations_is_verified() -> None:
    issued = SIGSTORE.issue(ROBOT)
    bundle = SIGSTORE.sign_statement(document(), issued)
    entry = bundle["verificationMaterial"]["tlogEntries"][0]
    annotations = {CERTIFICATE: issued.pem.decode(), BUNDLE: json.dumps(as_annotation(entry))}
    evidence = Evidence(EvidenceKind.DSSE, json.dumps(bundle["dsseEnvelope"]).encode(), annotations=annotations)

    verdict = verify(evidence, Subject(Digest.of(b"a wheel")), [ROBOTS], now=NOON)

    assert verdict.reason is None
    assert verdict.statement is not None


def test_an_entry_of_rekor_s_older_kind_is_known() -> None:
    issued = SIGSTORE.issue(ROBOT)
    envelope = SIGSTORE.sign_statement(document(), issued)["dsseEnvelope"]
    signature = envelope["signatures"][0]["sig"]
    twice = {
        "sig": base64.b64encode(signature.encode()).decode(),
        "publicKey": base64.b64encode(issued.pem).decode(),
    }
    payload_hash = {"algorithm": "sha256", "value": Digest.of(document()).hex}
    content = {"envelope": {"signatures": [twice]}, "payloadHash": payload_hash}
    entry = SIGSTORE.log("intoto", {"content": content}, "0.0.2")
    annotations = {CERTIFICATE: issued.pem.decode(), BUNDLE: json.dumps(as_annotation(entry))}

    verdict = verify(
        Evidence(EvidenceKind.DSSE, json.dumps(envelope).encode(), annotations=annotations),
        Subject(Digest.of(b"a wheel")),
        [ROBOTS],
        now=NOON,
    )

    assert verdict.reason is None

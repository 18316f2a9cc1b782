"""Bundles with certificates and with keys, against a Sigstore instance of our own."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidKey
from entrepot.testing.sigstore import NOON, Person, Sigstore
from entrepot.trust.evidence import Evidence, EvidenceKind, Subject, Verdict
from entrepot.trust.keys import PublicKey
from entrepot.trust.offline import require_usable
from entrepot.trust.roots import TrustedRoot
from entrepot.trust.signers import IdentityPattern, IdentitySigner, KeySigner
from entrepot.trust.verify import read, verify
from tests.unit.trust import test_notation as notation
from tests.unit.trust.test_statement import OTHER, WHEEL, document

SIGSTORE = Sigstore()
ROOT = TrustedRoot.parse("ours", SIGSTORE.trusted_root)
ISSUER = "https://issuer.example.com"
WORKFLOW = "https://git.example.com/acme/app/.ci/release.yml@refs/tags/v1"
ROBOT = Person(WORKFLOW, ISSUER, {"source_repository_uri": "https://git.example.com/acme/app", "build_trigger": "push"})
PRIVATE = ec.generate_private_key(ec.SECP256R1())
KEY = PublicKey.of(PRIVATE.public_key())


def identity(subject: str = WORKFLOW, issuer: str = ISSUER, root: TrustedRoot = ROOT, **claims: str) -> IdentitySigner:
    patterns = {name: IdentityPattern(text) for name, text in claims.items()}
    return IdentitySigner("robot", root, IdentityPattern(issuer), IdentityPattern(subject), patterns)


def check(
    bundle: dict[str, Any], *signers: Any, subject: Subject | None = None, payload: bytes | None = None
) -> Verdict:
    evidence = Evidence(EvidenceKind.SIGSTORE_BUNDLE, json.dumps(bundle).encode(), payload)
    return verify(evidence, subject or Subject(WHEEL), signers, now=NOON, roots=[ROOT])


def test_a_statement_with_a_certificate_is_verified() -> None:
    bundle = SIGSTORE.sign_statement(document(), ROBOT)

    verdict = check(
        bundle, identity("https://git.example.com/acme/*/.ci/release.yml@refs/tags/*", build_trigger="push")
    )

    assert verdict.reason is None
    (accepted,) = verdict.accepted
    assert accepted.signer == "robot"
    assert accepted.identity is not None
    assert (accepted.identity.subject, accepted.identity.issuer, accepted.identity.root) == (WORKFLOW, ISSUER, "ours")
    assert accepted.identity.claims == ROBOT.claims
    assert accepted.signed_at == NOON + timedelta(seconds=1)
    assert verdict.statement is not None


def test_a_file_with_a_certificate_is_verified() -> None:
    bundle = SIGSTORE.sign_file(b"a wheel", Person("robot@example.com", ISSUER))

    assert check(bundle, identity("robot@example.com")).reason is None
    assert not check(bundle, identity("robot@example.com"), subject=Subject(OTHER)).verified


@pytest.mark.parametrize(
    ("signer", "reason"),
    [
        (identity("https://git.example.com/evil/**"), WORKFLOW),
        (identity(issuer="https://other.example.com"), ISSUER),
        (identity(build_trigger="pull_request"), WORKFLOW),
        (identity(run_invocation_uri="**"), WORKFLOW),
        (identity(root=TrustedRoot.parse("theirs", Sigstore().trusted_root)), "under the root theirs"),
        (KeySigner("k", KEY), "no identity is trusted"),
    ],
)
def test_another_identity_is_not_verified_and_the_reason_names_it(signer: Any, reason: str) -> None:
    verdict = check(SIGSTORE.sign_statement(document(), ROBOT), signer)

    assert not verdict.verified
    assert reason in (verdict.reason or "")


def test_a_bundle_is_read_without_believing_it() -> None:
    bundle = Sigstore().sign_statement(document(), ROBOT)

    claims = read(Evidence(EvidenceKind.SIGSTORE_BUNDLE, json.dumps(bundle).encode()))

    assert claims.identity is not None
    assert claims.identity.subject == WORKFLOW
    assert claims.identity.root is None
    assert claims.predicate_type == "https://example.com/tested/v1"


def test_wrong_certificates_are_not_verified() -> None:
    later = SIGSTORE.issue(ROBOT, lifetime=timedelta(seconds=0))
    unlogged = SIGSTORE.issue(ROBOT, logged=False)
    for_servers = SIGSTORE.issue(ROBOT, code_signing=False)
    for issued in (later, unlogged, for_servers):
        verdict = check(SIGSTORE.sign_statement(document(), issued), identity("**"))

        assert not verdict.verified
        assert verdict.reason


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        ("1.3.6.1.4.1.57264.1.22", b"\x0c\x05four"),
        ("1.3.6.1.4.1.57264.1.22", b"four"),
        ("1.3.6.1.4.1.57264.1.22", b"\x0c\x02\xff\xff"),
    ],
)
def test_a_certificate_whose_claims_are_not_well_formed_proves_nothing(oid: str, value: bytes) -> None:
    def spoil(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
        return builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical=False)

    bundle = SIGSTORE.sign_statement(document(), SIGSTORE.issue(ROBOT, change=spoil))

    assert not check(bundle, identity("**", "**")).verified


def key_bundle(**signed: Any) -> dict[str, Any]:
    material = {"publicKey": {"hint": KEY.cosign_hint}, "tlogEntries": []}
    return {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": material, **signed}


def signed_statement() -> dict[str, Any]:
    bundle = copy.deepcopy(SIGSTORE.sign_statement(document(), ROBOT))
    envelope = bundle["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    signed = PRIVATE.sign(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload), ec.ECDSA(hashes.SHA256()))
    envelope["signatures"][0]["sig"] = base64.b64encode(signed).decode()
    return key_bundle(dsseEnvelope=envelope)


def test_a_statement_with_a_key_is_verified() -> None:
    verdict = check(signed_statement(), KeySigner("k", KEY))

    assert verdict.accepted[0].key == KEY.fingerprint
    assert verdict.accepted[0].signed_at is None


def test_the_log_of_a_root_proves_when_a_key_signed() -> None:
    bundle = signed_statement()
    envelope = bundle["dsseEnvelope"]
    payload, signature = (base64.b64decode(each) for each in (envelope["payload"], envelope["signatures"][0]["sig"]))
    entry = SIGSTORE.log_statement(payload, signature, KEY.pem.encode())
    another = SIGSTORE.log_statement(payload, signature + b"\x00", KEY.pem.encode())
    unknown = Sigstore().log_statement(payload, signature, KEY.pem.encode())

    def when(entry: dict[str, Any]) -> object:
        bundle["verificationMaterial"]["tlogEntries"] = [entry]
        return check(bundle, KeySigner("k", KEY)).accepted[0].signed_at

    assert when(entry) == NOON + timedelta(seconds=1)
    assert when(another) is None
    assert when(unknown) is None
    assert when({**entry, "integratedTime": "1"}) is None


def test_a_file_with_a_key_is_verified_by_its_digest_alone() -> None:
    signature = base64.b64encode(PRIVATE.sign(b"a wheel", ec.ECDSA(hashes.SHA256()))).decode()
    bundle = key_bundle(messageSignature={"signature": signature})

    assert check(bundle, KeySigner("k", KEY)).verified
    assert check(bundle, KeySigner("k", KEY), payload=b"a wheel").verified
    assert not check(bundle, KeySigner("k", KEY), payload=b"another").verified
    assert not check(bundle, KeySigner("k", KEY), subject=Subject(OTHER)).verified


def test_a_digest_that_is_written_down_must_be_the_subject_s() -> None:
    signature = base64.b64encode(PRIVATE.sign(b"a wheel", ec.ECDSA(hashes.SHA256()))).decode()
    digest = base64.b64encode(bytes.fromhex(OTHER.hex)).decode()
    message = {"signature": signature, "messageDigest": {"algorithm": "SHA2_256", "digest": digest}}

    assert not check(key_bundle(messageSignature=message), KeySigner("k", KEY)).verified


def lasting(leaf: x509.Certificate, signer: ec.EllipticCurvePrivateKey = PRIVATE) -> dict[str, Any]:
    """A bundle with a certificate that is in no log."""
    chain = [
        {"rawBytes": base64.b64encode(each.public_bytes(Encoding.DER)).decode()}
        for each in (leaf, notation.ROOT_CERTIFICATE)
    ]
    signature = base64.b64encode(signer.sign(b"a wheel", ec.ECDSA(hashes.SHA256()))).decode()
    return {
        **key_bundle(messageSignature={"signature": signature}),
        "verificationMaterial": {"x509CertificateChain": {"certificates": chain}},
    }


LEAF = notation.certificate(PRIVATE, notation.LEAF_NAME, notation.ROOT, notation.ROOT_NAME)


def test_a_certificate_that_lasts_is_verified_under_roots_of_one_s_own() -> None:
    verdict = check(lasting(LEAF), notation.ACME, identity("**", "**"), KeySigner("k", KEY))

    (accepted,) = verdict.accepted
    assert accepted.signer == "acme"
    assert accepted.identity is not None
    assert accepted.identity.subject == "CN=release,O=Acme,C=DE"
    claims = read(Evidence(EvidenceKind.SIGSTORE_BUNDLE, json.dumps(lasting(LEAF)).encode()))
    assert claims.identity == accepted.identity


def test_a_certificate_that_lasts_proves_nothing_to_others() -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    other = dataclasses.replace(notation.ACME, subject={"O": "Other"})
    of_a_log = SIGSTORE.sign_statement(document(), ROBOT)

    assert not check(lasting(LEAF), identity("**", "**"), KeySigner("k", KEY)).verified
    assert not check(lasting(LEAF), other).verified
    assert not check(lasting(LEAF, stranger), notation.ACME).verified
    assert not check(lasting(LEAF), notation.ACME, subject=Subject(OTHER)).verified
    assert not check(lasting(SIGSTORE.issue(ROBOT).certificate), notation.ACME).verified
    assert not check(of_a_log, notation.ACME).verified


def test_sha512_of_the_subject_is_no_sha256() -> None:
    bundle = SIGSTORE.sign_file(b"a wheel", ROBOT)

    verdict = check(bundle, identity(), subject=Subject(Digest.of(b"a wheel", "sha512")))

    assert not verdict.verified


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"mediaType": "text/plain"}', b"[]", ROOT.content.replace(b"keyId", b"k")]
)
def test_what_is_no_trusted_root_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidKey):
        TrustedRoot.parse("ours", content)


def test_a_root_that_the_library_cannot_use_is_found_when_it_is_registered() -> None:
    found = json.loads(ROOT.content)
    del found["certificateAuthorities"][0]["subject"]
    lacking = TrustedRoot.parse("lacking", json.dumps(found).encode())
    without_logs = TrustedRoot.parse("without logs", json.dumps(found | {"tlogs": []}).encode())

    require_usable(ROOT)
    for root in (lacking, without_logs):
        with pytest.raises(InvalidKey):
            require_usable(root)

"""Notation's signatures: the key decides the algorithm, the roots decide who is believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from entrepot.model.digest import Digest
from entrepot.trust.evidence import Evidence, EvidenceKind, Subject, Verdict
from entrepot.trust.roots import CertificateStore
from entrepot.trust.signers import X509Signer
from entrepot.trust.verify import read, verify

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
IMAGE = Digest.of(b"an image")
ROOT = ec.generate_private_key(ec.SECP384R1())
ROOT_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
KEYS: dict[str, Any] = {
    "PS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "PS384": rsa.generate_private_key(public_exponent=65537, key_size=3072),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
}
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def certificate(
    key: Any,
    name: x509.Name,
    issuer: Any,
    issuer_name: x509.Name,
    *,
    authority: bool = False,
    ends: datetime = NOON + timedelta(days=1),
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=1))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(issuer, hashes.SHA384())


ROOT_CERTIFICATE = certificate(ROOT, ROOT_NAME, ROOT, ROOT_NAME, authority=True)
LEAF_NAME = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
        x509.NameAttribute(NameOID.COMMON_NAME, "release"),
    ]
)
ACME = X509Signer("acme", CertificateStore((ROOT_CERTIFICATE,)), {"C": "DE", "O": "Acme"})


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@dataclass
class Jws:
    """A signature in the making; what is changed before `evidence` is signed."""

    algorithm: str = "ES256"
    leaf: x509.Certificate | None = None

    def __post_init__(self) -> None:
        self.header: dict[str, Any] = {
            "alg": self.algorithm,
            "cty": "application/vnd.cncf.notary.payload.v1+json",
            "crit": ["io.cncf.notary.signingScheme"],
            "io.cncf.notary.signingScheme": "notary.x509",
            "io.cncf.notary.signingTime": "2026-01-31T11:00:00Z",
        }
        self.target: dict[str, Any] = {"mediaType": "a/b", "digest": str(IMAGE), "size": 8}

    def evidence(self, change: Callable[[dict[str, Any]], object] = bool) -> Evidence:
        key = KEYS[self.algorithm]
        leaf = self.leaf or certificate(key, LEAF_NAME, ROOT, ROOT_NAME)
        protected, payload = (
            encode(json.dumps(each).encode()) for each in (self.header, {"targetArtifact": self.target})
        )
        message, algorithm = f"{protected}.{payload}".encode(), HASHES[self.algorithm[2:]]
        if isinstance(key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
            signature = key.sign(message, pss, algorithm)
        else:
            length = (key.curve.key_size + 7) // 8
            numbers = utils.decode_dss_signature(key.sign(message, ec.ECDSA(algorithm)))
            signature = b"".join(number.to_bytes(length) for number in numbers)
        chain = [base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in (leaf, ROOT_CERTIFICATE)]
        document = {
            "payload": payload,
            "protected": protected,
            "header": {"x5c": chain, "io.cncf.notary.signingAgent": "a test"},
            "signature": encode(signature),
        }
        change(document)
        return Evidence(EvidenceKind.NOTATION, json.dumps(document).encode())


def check(evidence: Evidence, *signers: X509Signer, subject: Digest = IMAGE, now: datetime = NOON) -> Verdict:
    return verify(evidence, Subject(subject), signers or [ACME], now=now)


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_signature_under_a_trusted_root_is_verified(algorithm: str) -> None:
    verdict = check(Jws(algorithm).evidence())

    assert verdict.reason is None
    (accepted,) = verdict.accepted
    assert accepted.identity is not None
    assert accepted.identity.subject == "CN=release,O=Acme,C=DE"
    assert accepted.signed_at is None
    assert accepted.claimed_at == NOON - timedelta(hours=1)


def test_a_signature_is_read_without_believing_it() -> None:
    claims = read(Jws().evidence())

    assert claims.subjects[0].digests == {"sha256": IMAGE.hex}
    assert claims.identity is not None


def test_the_trust_store_may_have_the_signing_certificate_itself() -> None:
    leaf = certificate(KEYS["ES256"], LEAF_NAME, KEYS["ES256"], LEAF_NAME)
    signer = X509Signer("self", CertificateStore((leaf,)))

    assert check(Jws(leaf=leaf).evidence(), signer).reason is None
    assert not check(Jws(leaf=leaf).evidence(), signer, now=NOON + timedelta(days=2)).verified
    assert not check(Jws(leaf=leaf).evidence()).verified


@pytest.mark.parametrize(
    "signer",
    [
        X509Signer("other", ACME.roots, {"O": "Other"}),
        X509Signer("other", ACME.roots, {"OU": "Release"}),
        X509Signer(
            "other",
            CertificateStore((certificate(KEYS["ES384"], ROOT_NAME, KEYS["ES384"], ROOT_NAME, authority=True),)),
        ),
    ],
)
def test_somebody_else_is_not_verified(signer: X509Signer) -> None:
    assert not check(Jws().evidence(), signer).verified


def test_a_certificate_that_has_ended_or_is_for_something_else_proves_nothing() -> None:
    ended = certificate(KEYS["ES256"], LEAF_NAME, ROOT, ROOT_NAME, ends=NOON - timedelta(hours=1))
    server = certificate(KEYS["ES256"], LEAF_NAME, ROOT, ROOT_NAME, usage=ExtendedKeyUsageOID.SERVER_AUTH)

    assert not check(Jws(leaf=ended).evidence()).verified
    assert not check(Jws(leaf=server).evidence()).verified


def test_a_signature_that_has_expired_proves_nothing() -> None:
    jws = Jws()
    jws.header["io.cncf.notary.expiry"] = "2026-02-01T00:00:00Z"
    jws.header["crit"].append("io.cncf.notary.expiry")

    assert check(jws.evidence()).verified
    assert "good until" in (check(jws.evidence(), now=NOON + timedelta(hours=13)).reason or "")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "ES384"},
        {"alg": "none"},
        {"alg": "HS256"},
        {"crit": []},
        {"crit": None},
        {"crit": ["io.cncf.notary.signingScheme", "io.cncf.notary.verificationPlugin"]},
        {"cty": "application/json"},
        {"io.cncf.notary.signingScheme": "notary.x509.signingAuthority"},
        {"io.cncf.notary.signingTime": "yesterday"},
        {"io.cncf.notary.expiry": "2027-01-01T00:00:00Z"},
    ],
    ids=str,
)
def test_a_header_that_is_not_understood_proves_nothing_however_it_is_signed(header: dict[str, Any]) -> None:
    jws = Jws()
    jws.header.update(header)

    assert not check(jws.evidence()).verified


def test_another_artifact_is_not_verified() -> None:
    verdict = check(Jws().evidence(), subject=Digest.of(b"another"))

    assert str(IMAGE) in (verdict.reason or "")


def _append_zero(document: dict[str, Any]) -> None:
    document["signature"] = encode(base64.urlsafe_b64decode(document["signature"] + "==") + b"\x00")


def _swap_leaf(document: dict[str, Any]) -> None:
    leaf = certificate(ec.generate_private_key(ec.SECP256R1()), LEAF_NAME, ROOT, ROOT_NAME)
    document["header"]["x5c"][0] = base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()


def _ed25519_leaf(document: dict[str, Any]) -> None:
    leaf = certificate(ed25519.Ed25519PrivateKey.generate(), LEAF_NAME, ROOT, ROOT_NAME)
    document["header"]["x5c"][0] = base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()


@pytest.mark.parametrize(
    "change",
    [
        _append_zero,
        _swap_leaf,
        _ed25519_leaf,
        lambda document: document["header"]["x5c"].clear(),
        lambda document: document.update(signature=""),
        lambda document: document.update(signature=None),
        lambda document: document.update(payload=encode(b"{}")),
        lambda document: document.update(protected=encode(b"{}")),
        lambda document: document.update(protected=document["protected"] + "="),
        lambda document: document.pop("header"),
    ],
)
def test_an_altered_signature_proves_nothing(change: Callable[[dict[str, Any]], object]) -> None:
    assert not check(Jws().evidence(change)).verified

"""Keys of our own: what they sign is verified, and what they are is not given away."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidKey
from entrepot.testing.sigstore import NOON
from entrepot.trust.evidence import Evidence, EvidenceKind, Subject
from entrepot.trust.signers import KeySigner
from entrepot.trust.signing import LocalKey, Named, make_statement, sign_envelope, sign_file, sign_statement
from entrepot.trust.verify import verify

WHEEL = Digest.of(b"a wheel")
STATEMENT = make_statement([Named("a.whl", (WHEEL,))], "https://example.com/tested/v1", {"passed": True, "who": "é"})


def pem_of(key: object) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]


KEYS = {
    "ecdsa-p256": pem_of(ec.generate_private_key(ec.SECP256R1())),
    "ecdsa-p384": pem_of(ec.generate_private_key(ec.SECP384R1())),
    "ecdsa-p521": pem_of(ec.generate_private_key(ec.SECP521R1())),
    "ed25519": pem_of(ed25519.Ed25519PrivateKey.generate()),
    "rsa-2048": pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
}


@pytest.mark.parametrize("name", KEYS)
def test_what_a_key_signs_is_verified_with_its_public_half(name: str) -> None:
    key = LocalKey.parse(KEYS[name])
    signer = KeySigner("ours", key.public_key)

    bundle = Evidence(EvidenceKind.SIGSTORE_BUNDLE, sign_statement(key, STATEMENT))
    envelope = Evidence(EvidenceKind.DSSE, json.dumps(sign_envelope(key, STATEMENT).to_document()).encode())
    file = Evidence(EvidenceKind.SIGSTORE_BUNDLE, sign_file(key, b"a wheel"), payload=b"a wheel")

    assert key.public_key.algorithm == name
    for evidence in (bundle, envelope, file):
        assert verify(evidence, Subject(WHEEL), [signer], now=NOON).reason is None


def test_a_statement_is_the_same_each_time_it_is_made_and_signed() -> None:
    key = LocalKey.generate()

    assert sign_statement(key, STATEMENT) == sign_statement(key, STATEMENT)
    assert json.loads(STATEMENT)["predicate"] == {"passed": True, "who": "é"}


@pytest.mark.parametrize("password", [None, b"secret"])
def test_a_key_is_kept_and_read_again(password: bytes | None) -> None:
    key = LocalKey.generate()

    kept = key.to_pem(password)

    assert LocalKey.parse(kept, password) == key
    assert (b"ENCRYPTED" in kept) == (password is not None)


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (LocalKey.generate().to_pem(b"secret"), None),
        (LocalKey.generate().to_pem(b"secret"), b"wrong"),
        (b"", None),
        (b"x" * 100_000, None),
        (LocalKey.generate().public_key.pem.encode(), None),
        (pem_of(dsa.generate_private_key(2048)), None),
        (pem_of(rsa.generate_private_key(public_exponent=65537, key_size=1024)), None),  # noqa: S505 (to be refused)
    ],
    ids=range(7),
)
def test_what_is_no_private_key_is_refused(content: bytes, password: bytes | None) -> None:
    with pytest.raises(InvalidKey):
        LocalKey.parse(content, password)


def test_a_key_is_not_given_away() -> None:
    key = LocalKey.generate()

    assert "PrivateKey" not in repr(key)
    assert key.public_key.fingerprint in str(key.public_key.names)

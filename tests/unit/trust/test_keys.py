"""Keys: what they accept, what they are called, and which are refused."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidKey
from entrepot.trust.keys import PublicKey

MESSAGE = b"what is signed"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
P521 = ec.generate_private_key(ec.SECP521R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)

SIGNATURES = {
    "ecdsa-p256": (P256, P256.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))),
    "ecdsa-p384": (P384, P384.sign(MESSAGE, ec.ECDSA(hashes.SHA384()))),
    "ecdsa-p384 as cosign 2": (P384, P384.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))),
    "ecdsa-p521": (P521, P521.sign(MESSAGE, ec.ECDSA(hashes.SHA512()))),
    "ed25519": (ED25519, ED25519.sign(MESSAGE)),
    "rsa-2048": (RSA, RSA.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())),
    "rsa-2048 pss": (RSA, RSA.sign(MESSAGE, PSS, hashes.SHA256())),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_key_accepts_its_own_signature_and_no_other(name: str) -> None:
    private, signature = SIGNATURES[name]
    key = PublicKey.of(private.public_key())

    assert key.algorithm == name.partition(" ")[0]
    assert key.verify(signature, MESSAGE)
    assert not key.verify(signature, MESSAGE + b"!")
    assert not key.verify(signature[:-1] + bytes([signature[-1] ^ 1]), MESSAGE)
    assert not key.verify(b"", MESSAGE)
    for other, _ in SIGNATURES.values():
        if other is not private:
            assert not PublicKey.of(other.public_key()).verify(signature, MESSAGE)


@pytest.mark.parametrize("name", ["ecdsa-p256", "ecdsa-p384 as cosign 2", "rsa-2048", "rsa-2048 pss"])
def test_a_digest_is_enough_where_the_algorithm_hashes_first(name: str) -> None:
    private, signature = SIGNATURES[name]
    key = PublicKey.of(private.public_key())

    assert key.verify_digest(signature, Digest.of(MESSAGE))
    assert not key.verify_digest(signature, Digest.of(b"other"))
    assert not key.verify_digest(signature, Digest.of(MESSAGE, "sha512"))


def test_a_digest_is_not_enough_for_ed25519() -> None:
    key = PublicKey.of(ED25519.public_key())

    assert not key.verify_digest(ED25519.sign(hashlib.sha256(MESSAGE).digest()), Digest.of(MESSAGE))


def test_the_key_decides_the_algorithm_and_not_the_message() -> None:
    key = PublicKey.of(P256.public_key())

    assert not key.verify(P256.sign(MESSAGE, ec.ECDSA(hashes.SHA512())), MESSAGE)
    assert not key.verify(P256.sign(MESSAGE, ec.ECDSA(hashes.SHA1())), MESSAGE)  # noqa: S303 (that it is refused)
    assert not PublicKey.of(RSA.public_key()).verify(RSA.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA1()), MESSAGE)  # noqa: S303


@pytest.mark.parametrize("private", [P256, P384, ED25519, RSA], ids=lambda key: type(key).__name__)
def test_a_key_is_read_in_every_usual_form(private: ec.EllipticCurvePrivateKey) -> None:
    public = private.public_key()
    key = PublicKey.of(public)

    assert PublicKey.parse(key.pem.encode()) == key
    assert PublicKey.parse(b"\n" + key.pem.encode() + b"\n\n") == key
    assert PublicKey.parse(key.der) == key
    assert PublicKey.parse(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" who@example.com\n") == key


def test_a_key_is_called_what_others_call_it() -> None:
    key = PublicKey.of(P256.public_key())
    sha256 = hashlib.sha256(key.der).digest()

    assert key.fingerprint == f"sha256:{sha256.hex()}"
    assert key.cosign_hint == base64.b64encode(sha256).decode()
    assert key.npm_key_id == f"SHA256:{base64.b64encode(sha256).decode()[:43]}"
    assert {key.fingerprint, key.cosign_hint, key.npm_key_id} < key.names


def _pem(key: object) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "content",
    [
        _pem(rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()),  # noqa: S505 (weak, to be refused)
        _pem(rsa.generate_private_key(public_exponent=3, key_size=2048).public_key()),
        _pem(ec.generate_private_key(ec.SECP192R1()).public_key()),
        _pem(ec.generate_private_key(ec.SECP256K1()).public_key()),
        _pem(dsa.generate_private_key(2048).public_key()),
        _pem(ed448.Ed448PrivateKey.generate().public_key()),
        _pem(x25519.X25519PrivateKey.generate().public_key()),
        b"",
        b"not a key",
        b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
        b"ssh-ed25519 AAAA",
        b"0" * 100_000,
    ],
    ids=range(12),
)
def test_what_is_weak_or_no_key_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidKey):
        PublicKey.parse(content)

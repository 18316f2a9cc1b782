"""Signing in our own name: a key in a file, or whatever else can sign; envelopes and bundles.

What is signed here can be checked by any Sigstore client that is given the public key: a statement in a DSSE envelope,
in a bundle of version 0.3 with the key's hint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidKey
from entrepot.trust.bundle import MEDIA_TYPE
from entrepot.trust.dsse import Envelope, EnvelopeSignature, pre_authentication_encoding
from entrepot.trust.keys import PublicKey
from entrepot.trust.statement import PAYLOAD_TYPE, STATEMENT_V1, encode_base64

if TYPE_CHECKING:
    from typing import Self

_SIZE: Final = 64 * 1024

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


class Signing(Protocol):
    """Something that can sign."""

    @property
    def public_key(self) -> PublicKey:
        """What its signatures are checked with."""

    def sign(self, message: bytes) -> bytes:
        """The signature of *message*, which `PublicKey.verify` accepts. Raises `Unavailable` while it cannot."""


@dataclass(frozen=True, slots=True)
class LocalKey:
    """A private key in memory, from a file of the operator's."""

    public_key: PublicKey
    _key: PrivateKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> Self:
        """A new P-256 key, which every client knows."""
        return cls._of(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def parse(cls, content: bytes, password: bytes | None = None) -> Self:
        """Read a key in PEM (PKCS #8). Raises `InvalidKey`."""
        if len(content) > _SIZE:
            raise InvalidKey("private key", expected=f"at most {_SIZE} bytes", actual=len(content))
        try:
            return cls._of(load_pem_private_key(content, password))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Neither the key nor the library's words about it are repeated.
            expected = "a key in PEM, with the password that it is encrypted with"
            raise InvalidKey("private key", expected=expected) from None

    @classmethod
    def _of(cls, key: object) -> Self:
        if not isinstance(key, PrivateKey):
            raise InvalidKey("private key", expected="ECDSA, Ed25519 or RSA", actual=type(key).__name__)
        return cls(PublicKey.of(key.public_key()), key)

    def to_pem(self, password: bytes | None = None) -> bytes:
        """The private key in PEM (PKCS #8), encrypted where there is a password."""
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    def sign(self, message: bytes) -> bytes:
        """The signature, in the form that everybody expects of the kind of key."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        # RFC 6979: the same statement has the same signature, and no bad day of the machine's chance gives the key away.
        return self._key.sign(message, ec.ECDSA(_CURVES[self._key.curve.name], deterministic_signing=True))


_CURVES: Final = {"secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}


@dataclass(frozen=True, slots=True)
class Named:
    """Something that a statement is about: a name, and the digests of its bytes."""

    name: str
    digests: tuple[Digest, ...]


def make_statement(subjects: Sequence[Named], predicate_type: str, predicate: Mapping[str, Any]) -> bytes:
    """An in-toto statement of version 1; the same arguments give the same bytes."""
    document = {
        "_type": STATEMENT_V1,
        "subject": [
            {"name": subject.name, "digest": {each.algorithm: each.hex for each in subject.digests}}
            for subject in subjects
        ],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign_envelope(signing: Signing, payload: bytes, payload_type: str = PAYLOAD_TYPE) -> Envelope:
    """An envelope with one signature.

    It names no key: there is no name that all verifiers give one, and cosign does not believe a name that is not its own.
    """
    signature = signing.sign(pre_authentication_encoding(payload_type, payload))
    return Envelope(payload_type, payload, (EnvelopeSignature(signature),))


def sign_statement(signing: Signing, statement: bytes) -> bytes:
    """A bundle of version 0.3 with a statement in an envelope."""
    envelope = sign_envelope(signing, statement).to_document()
    return _bundle(signing.public_key, {"dsseEnvelope": envelope})


def sign_file(signing: Signing, content: bytes) -> bytes:
    """A bundle of version 0.3 with a signature over a file."""
    digest = {"algorithm": "SHA2_256", "digest": encode_base64(bytes.fromhex(Digest.of(content).hex))}
    message = {"messageDigest": digest, "signature": encode_base64(signing.sign(content))}
    return _bundle(signing.public_key, {"messageSignature": message})


def _bundle(key: PublicKey, signed: Mapping[str, Any]) -> bytes:
    material = {"publicKey": {"hint": key.cosign_hint}, "tlogEntries": []}
    bundle = {"mediaType": MEDIA_TYPE, "verificationMaterial": material, **signed}
    return json.dumps(bundle, separators=(",", ":")).encode()

"""Public keys that signatures are checked with: what each kind of key accepts, and what others call it.

The key decides the algorithm, never the message: a P-256 key is used with ECDSA over SHA-256 whatever an envelope or
a header says.
Keys are read from PEM, DER and OpenSSH's one line.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
    load_ssh_public_key,
)

from entrepot.model.errors import InvalidKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from entrepot.model.digest import Digest

Key = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

_SIZE: Final = 64 * 1024
_RSA_BITS: Final = range(2048, 8192 + 1)
"""Smaller ones are broken by who can pay for it; larger ones cost us more than they are worth."""
_EXPONENT: Final = 65_537


@dataclass(frozen=True, slots=True)
class _Curve:
    name: str
    hashes: tuple[hashes.HashAlgorithm, ...]


_CURVES: Final = {
    "secp256r1": _Curve("ecdsa-p256", (hashes.SHA256(),)),
    # The curve's own hash first; cosign used SHA-256 with any curve until its version 3.
    "secp384r1": _Curve("ecdsa-p384", (hashes.SHA384(), hashes.SHA256())),
    "secp521r1": _Curve("ecdsa-p521", (hashes.SHA512(), hashes.SHA256())),
}

# RFC 8017: PKCS #1 v1.5 is what most sign with, PSS what some key stores sign with.
# The salt is as long as the hash, as every profile of PSS demands.
_RSA_SCHEMES: Final = (
    padding.PKCS1v15(),
    padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size),
)

# RFC 7468, "Textual Encoding of Subject Public Key Info"; PKCS #1's own form is still seen.
_PEM: Final = re.compile(rb"-----BEGIN (?:RSA )?PUBLIC KEY-----")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that is strong enough to be believed."""

    der: bytes
    """Its SubjectPublicKeyInfo."""
    key: Key = field(compare=False, repr=False)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a key from PEM (``cosign.pub``), DER, or an OpenSSH line.

        Raises `InvalidKey`, for weak ones too.
        """
        if len(content) > _SIZE:
            raise InvalidKey("public key", expected=f"at most {_SIZE} bytes", actual=len(content))
        try:
            if _PEM.search(content):
                key: object = load_pem_public_key(content.strip())
            elif content.startswith((b"ssh-", b"ecdsa-sha2-")):
                key = load_ssh_public_key(content.strip())
            else:
                key = load_der_public_key(content)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InvalidKey("public key", expected="PEM, DER or OpenSSH", actual=str(error)[:200]) from error
        return cls.of(key)

    @classmethod
    def of(cls, key: object) -> Self:
        """Accept a key of the `cryptography` library, as a certificate has it. Raises `InvalidKey`."""
        if isinstance(key, rsa.RSAPublicKey):
            if key.key_size not in _RSA_BITS:
                allowed = f"{_RSA_BITS.start} to {_RSA_BITS.stop - 1} bits"
                raise InvalidKey("RSA key", expected=allowed, actual=key.key_size)
            if key.public_numbers().e < _EXPONENT or key.public_numbers().e % 2 == 0:
                raise InvalidKey("RSA key", expected=f"an odd exponent of at least {_EXPONENT}")
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if key.curve.name not in _CURVES:
                raise InvalidKey("elliptic curve", expected="P-256, P-384 or P-521", actual=key.curve.name)
        elif not isinstance(key, ed25519.Ed25519PublicKey):
            raise InvalidKey("public key", expected="ECDSA, Ed25519 or RSA", actual=type(key).__name__)
        return cls(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), key)

    @property
    def algorithm(self) -> str:
        """What kind of key it is: ``ecdsa-p256``, ``ed25519``, ``rsa-3072``."""
        if isinstance(self.key, rsa.RSAPublicKey):
            return f"rsa-{self.key.key_size}"
        return _CURVES[self.key.curve.name].name if isinstance(self.key, ec.EllipticCurvePublicKey) else "ed25519"

    @property
    def pem(self) -> str:
        """The key as ``cosign.pub`` has it."""
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def fingerprint(self) -> str:
        """What we call it: ``sha256:`` and the hash of its SubjectPublicKeyInfo."""
        return f"sha256:{self._sha256.hex()}"

    @property
    def cosign_hint(self) -> str:
        """What cosign puts into a bundle to name the key."""
        return base64.b64encode(self._sha256).decode()

    @property
    def npm_key_id(self) -> str:
        """What npm calls it (https://docs.npmjs.com/about-registry-signatures): as ssh does, without padding."""
        return f"SHA256:{base64.b64encode(self._sha256).decode().rstrip('=')}"

    @property
    def names(self) -> frozenset[str]:
        """Everything that it is called in the documents that we read; for looking up, never as proof."""
        # model-signing hashes the PEM with its line end.
        pem = hashlib.sha256(self.pem.encode()).hexdigest()
        names = {self.fingerprint, self._sha256.hex(), self.cosign_hint, self.npm_key_id, pem}
        return frozenset(names | {f"SHA256:{self.cosign_hint}"})

    @property
    def _sha256(self) -> bytes:
        return hashlib.sha256(self.der).digest()

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the key's holder signed *message*."""
        if isinstance(self.key, ed25519.Ed25519PublicKey):
            return _holds(self.key.verify, signature, message)
        return any(self._holds_with(signature, message, algorithm) for algorithm in self._algorithms)

    def verify_digest(self, signature: bytes, digest: Digest) -> bool:
        """Whether the key's holder signed the bytes that have *digest*.

        False, too, where the key's algorithm needs the bytes themselves (Ed25519) or another digest.
        """
        return any(
            self._holds_with(signature, bytes.fromhex(digest.hex), utils.Prehashed(algorithm))
            for algorithm in self._algorithms
            if algorithm.name == digest.algorithm
        )

    @property
    def _algorithms(self) -> tuple[hashes.HashAlgorithm, ...]:
        if isinstance(self.key, ec.EllipticCurvePublicKey):
            return _CURVES[self.key.curve.name].hashes
        return (hashes.SHA256(),) if isinstance(self.key, rsa.RSAPublicKey) else ()

    def _holds_with(self, signature: bytes, message: bytes, algorithm: hashes.HashAlgorithm | utils.Prehashed) -> bool:
        if isinstance(self.key, ec.EllipticCurvePublicKey):
            return _holds(self.key.verify, signature, message, ec.ECDSA(algorithm))
        if isinstance(self.key, rsa.RSAPublicKey):
            return any(_holds(self.key.verify, signature, message, scheme, algorithm) for scheme in _RSA_SCHEMES)
        return False


def _holds(check: Callable[..., None], *arguments: object) -> bool:
    """Whether one check of a signature succeeds."""
    try:
        check(*arguments)
    except InvalidSignature:
        return False
    return True

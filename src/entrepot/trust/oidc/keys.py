"""An issuer's public keys: JWK sets (RFC 7517), as issuers publish and administrators upload them."""

from __future__ import annotations

import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from entrepot.model.errors import Invalid
from entrepot.model.federation import Algorithm
from entrepot.trust.oidc.strict_json import decode_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEY_SET_SIZE: Final = 256 * 1024
"""The largest key set that is read, in bytes."""
_MOST: Final = 100
_RSA_BITS: Final = range(2048, 8193)
"""RFC 7518 §3.3 wants at least 2048; verifying with much more would be work for nothing."""
_SECRETS: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
"""Members that only a private or a shared key has (RFC 7518 §6)."""
_CURVES: Final = {Algorithm.ES256: "secp256r1", Algorithm.ES384: "secp384r1", Algorithm.ES512: "secp521r1"}
_RSA: Final = frozenset(algorithm for algorithm in Algorithm if algorithm[:2] in ("RS", "PS"))

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and how signatures of it may have been made."""

    id: str | None
    public: PublicKey
    algorithms: frozenset[Algorithm]


@dataclass(frozen=True, slots=True)
class KeySet:
    """What an issuer signs with."""

    keys: tuple[Key, ...]

    def has(self, key_id: str) -> bool:
        """Whether there is a key of this id."""
        return any(key.id == key_id for key in self.keys)

    def find(self, key_id: str | None, algorithm: Algorithm) -> Sequence[Key]:
        """The keys that a token may have been signed with: by its id or, when it names none, the only one that fits."""
        fitting = [key for key in self.keys if algorithm in key.algorithms]
        if key_id is None:
            return fitting if len(fitting) == 1 else []
        return [key for key in fitting if key.id == key_id]


def parse_key_set(content: bytes) -> KeySet:
    """Read a JWK set. Keys that are of no use to us are passed over (RFC 7517 §5); private ones are not.

    Raises `Invalid` when none is left, so that an empty set never takes the place of a good one.
    """
    if len(content) > KEY_SET_SIZE:
        raise Invalid("key set", expected=f"at most {KEY_SET_SIZE} bytes", actual=len(content))
    found = decode_object(content, "key set").get("keys")
    if not isinstance(found, list) or len(found) > _MOST:
        raise Invalid("key set", expected=f"a JWK set with at most {_MOST} keys")
    keys = tuple(_usable(found))
    if not keys:
        raise Invalid("key set", expected="at least one public key that can verify a signature")
    return KeySet(keys)


def print_key_set(content: bytes) -> str:
    """A JWK set as it is kept, after `parse_key_set` has read it."""
    return json.dumps(decode_object(content, "key set"), separators=(",", ":"), sort_keys=True)


def _usable(found: Sequence[object]) -> Iterator[Key]:
    for each in found:
        if not isinstance(each, dict):
            continue
        if any(member in each for member in _SECRETS):
            raise Invalid("key set", expected="public keys alone: one of these is private, and is no longer a secret")
        operations = each.get("key_ops", ["verify"])
        if each.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
            continue
        key = _read(each)
        if key is not None:
            yield key


def _read(jwk: dict[str, Any]) -> Key | None:
    key_id, named = jwk.get("kid"), jwk.get("alg")
    if not (key_id is None or isinstance(key_id, str)):
        return None
    public: object = None
    try:
        match jwk.get("kty"):
            case "RSA":
                public = RSAAlgorithm.from_jwk(jwk)
            case "EC":
                public = ECAlgorithm.from_jwk(jwk)
            case "OKP":
                public = OKPAlgorithm.from_jwk(jwk)
    except (jwt.PyJWTError, binascii.Error, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None
    algorithms = frozenset(algorithm for algorithm in _algorithms(public) if named in (None, algorithm))
    if not algorithms or not isinstance(public, PublicKey):
        return None
    return Key(key_id, public, algorithms)


def _algorithms(public: object) -> frozenset[Algorithm]:
    match public:
        case RSAPublicKey() if public.key_size in _RSA_BITS:
            return _RSA
        case EllipticCurvePublicKey():
            return frozenset(algorithm for algorithm, curve in _CURVES.items() if curve == public.curve.name)
        case Ed25519PublicKey() | Ed448PublicKey():
            return frozenset({Algorithm.EDDSA})
    return frozenset()

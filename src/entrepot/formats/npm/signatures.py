"""Registry signatures: what ``npm audit signatures`` verifies of every version.

ECDSA over P-256 with SHA-256, of ``<name>@<version>:<integrity>``, base64 of DER.
The key is derived from the installation's secret, so that all its workers sign with the same one; the nonce from key
and message (RFC 6979), so that a packument is the same whoever renders it.
"""

from __future__ import annotations

import base64
import hmac
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (FIPS 186-5)."""
_LABEL: Final = b"npm registry signatures, P-256, 1"
_ALGORITHM: Final = ec.ECDSA(SHA256(), deterministic_signing=True)
_REMEMBERED: Final = 20_000


class Signer:
    """Signs versions with the key of one installation."""

    def __init__(self, secret: bytes) -> None:
        """Derive the key from *secret*."""
        wide = hmac.digest(secret, _LABEL + b"a", "sha256") + hmac.digest(secret, _LABEL + b"b", "sha256")
        # 512 bits, so that no remainder is likelier than another (FIPS 186-5, A.2.1).
        self._key = ec.derive_private_key(int.from_bytes(wide, "big") % (_ORDER - 1) + 1, ec.SECP256R1())
        self._spki = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.key_id = f"SHA256:{base64.b64encode(sha256(self._spki).digest()).decode().rstrip('=')}"
        self._sign = lru_cache(maxsize=_REMEMBERED)(self._sign_once)

    @property
    def public_key(self) -> Mapping[str, object]:
        """The key as ``/-/npm/v1/keys`` lists it."""
        return {
            "expires": None,
            "keyid": self.key_id,
            "keytype": "ecdsa-sha2-nistp256",
            "scheme": "ecdsa-sha2-nistp256",
            "key": base64.b64encode(self._spki).decode(),
        }

    def sign(self, name: str, version: str, integrity: str) -> Mapping[str, str]:
        """One entry of ``dist.signatures``."""
        return {"keyid": self.key_id, "sig": self._sign(f"{name}@{version}:{integrity}")}

    def _sign_once(self, message: str) -> str:
        return base64.b64encode(self._key.sign(message.encode(), _ALGORITHM)).decode()


@lru_cache(maxsize=8)
def signer_of(secret: bytes) -> Signer:
    """The signer of an installation."""
    return Signer(secret)

"""The transparency log's private keys: a file that only its owner may read, made when there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from entrepot.drivers.private_file import make_private_file
from entrepot.model.errors import Corrupt

if TYPE_CHECKING:
    from pathlib import Path

LogKeys = tuple[Ed25519PrivateKey, EllipticCurvePrivateKey, Ed25519PrivateKey]
"""Two that sign as the log, and one that signs as a witness."""

_PEM: Final = re.compile(rb"-----BEGIN PRIVATE KEY-----\n.*?\n-----END PRIVATE KEY-----\n", re.DOTALL)


def load_log_keys(path: Path) -> LogKeys:
    """Read the keys, or make them; of several processes that do so at once, all get the same.

    Raises `Corrupt`: keys that cannot be read are never replaced, for the log would become another.
    """
    if not path.exists():
        make_private_file(path, _generate())
    found = _PEM.findall(path.read_bytes())
    try:
        ed25519, ecdsa, witness = (load_pem_private_key(pem, password=None) for pem in found)
    except ValueError as error:
        raise Corrupt(path, expected="three private keys in PEM") from error
    if not (
        isinstance(ed25519, Ed25519PrivateKey)
        and isinstance(ecdsa, EllipticCurvePrivateKey)
        and isinstance(witness, Ed25519PrivateKey)
    ):
        raise Corrupt(path, expected="keys of Ed25519, of ECDSA, and of Ed25519")
    return ed25519, ecdsa, witness


def _generate() -> bytes:
    keys = (Ed25519PrivateKey.generate(), generate_private_key(SECP256R1()), Ed25519PrivateKey.generate())
    return b"".join(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) for key in keys)

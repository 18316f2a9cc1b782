"""Secrets under a passphrase: scrypt (RFC 7914) makes the key, ChaCha20-Poly1305 (RFC 8439) encrypts and seals."""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from entrepot.model.errors import InvalidKey

_MAGIC: Final = b"entrepot passphrase v1\n"
_SALT: Final = 16
_NONCE: Final = 12
_COST: Final = 2**16
"""64 MiB and about a fifth of a second for each guess."""
_LEAST: Final = 12


def encrypt(content: bytes, passphrase: bytes) -> bytes:
    """*content* under a passphrase. Raises `InvalidKey` for one that anybody can guess."""
    if len(passphrase) < _LEAST:
        raise InvalidKey("passphrase", expected=f"at least {_LEAST} bytes", actual=len(passphrase))
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    return _MAGIC + salt + nonce + ChaCha20Poly1305(_derive(passphrase, salt)).encrypt(nonce, content, _MAGIC)


def decrypt(content: bytes, passphrase: bytes) -> bytes:
    """What `encrypt` was given. Raises `InvalidKey` when it is another passphrase, or anything was changed."""
    body = content.removeprefix(_MAGIC)
    salt, nonce, sealed = body[:_SALT], body[_SALT : _SALT + _NONCE], body[_SALT + _NONCE :]
    if len(body) == len(content) or not sealed:
        raise InvalidKey("encrypted keys", expected="what a backup wrote")
    try:
        return ChaCha20Poly1305(_derive(passphrase, salt)).decrypt(nonce, sealed, _MAGIC)
    except InvalidTag:
        raise InvalidKey("passphrase", expected="the one that the backup was made with") from None


def _derive(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase)

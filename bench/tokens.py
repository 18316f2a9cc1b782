"""Registry tokens for the peers: the JSON Web Tokens that a token server would hand to a client.

The peers are measured with token authentication, because their password files mean one bcrypt a request:
that would flatter whoever does not. RS256 is what they verify fastest.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from functools import cache
from pathlib import Path

ISSUER = "bench"
SERVICE = "bench"

_LIFETIME_SECONDS = 6 * 3600
_KEY_ID = "bench"


class TokenSigner:
    """A key pair and the tokens signed with it."""

    def __init__(self, home: Path) -> None:
        self._key = home / "token-key.pem"
        self.public_key = home / "token-public.pem"
        self.key_set = home / "token-jwks.json"
        self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(self._key))
        self._openssl("pkey", "-in", str(self._key), "-pubout", "-out", str(self.public_key))
        modulus = self._openssl("rsa", "-in", str(self._key), "-noout", "-modulus").decode().partition("=")[2].strip()
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": _KEY_ID, "e": "AQAB"}
        self.key_set.write_text(json.dumps({"keys": [{**key, "n": _base64url(bytes.fromhex(modulus))}]}))
        self.token = cache(self._token)

    def _token(self, repository: str) -> str:
        """A token that may read and write *repository*."""
        now = int(time.time())
        header = {"typ": "JWT", "alg": "RS256", "kid": _KEY_ID}
        claims = {
            "iss": ISSUER,
            "aud": SERVICE,
            "sub": "bench",
            "jti": repository,
            "iat": now,
            "nbf": now - 60,
            "exp": now + _LIFETIME_SECONDS,
            "access": [{"type": "repository", "name": repository, "actions": ["pull", "push"]}],
        }
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = self._openssl("dgst", "-sha256", "-sign", str(self._key), content=signed.encode())
        return f"{signed}.{_base64url(signature)}"

    @staticmethod
    def _openssl(*arguments: str, content: bytes = b"") -> bytes:
        return subprocess.run(["openssl", *arguments], input=content, capture_output=True, check=True).stdout


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

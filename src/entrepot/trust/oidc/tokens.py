"""Identity tokens: JSON Web Tokens (RFC 7519) in the compact form, signed (RFC 7515), as OpenID Connect issuers make them.

What decides is the issuer's registration: how its tokens are signed, with which keys, for whom. Of the header only the
key's id is used, to find the key among the issuer's own; ``jku``, ``x5u``, ``jwk`` and ``x5c`` are never looked at.
"""

from __future__ import annotations

import base64
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import jwt

from entrepot.model.errors import IdentityTokenInvalid, Invalid
from entrepot.model.federation import Algorithm
from entrepot.trust.oidc.strict_json import decode_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entrepot.model.federation import Issuer
    from entrepot.trust.oidc.claims import Claims
    from entrepot.trust.oidc.keys import KeySet

TOKEN_SIZE: Final = 16 * 1024
"""The largest token that is read, in characters."""
LEEWAY: Final = timedelta(seconds=30)
"""By how much an issuer's clock and ours may differ."""
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+")
_TEXT_LENGTH: Final = 1024
_LAST_SECOND: Final = 7_258_118_400
"""The year 2200: no token is good for longer, and no sum with it leaves what a calendar holds."""
_ACCEPTED_TYPES: Final = frozenset({"jwt", "at+jwt", "application/jwt"})


class Reason(StrEnum):
    """What can be wrong with a token: a code for those who configure a job."""

    MALFORMED = "malformed-token"
    ISSUER = "unknown-issuer"
    ALGORITHM = "wrong-algorithm"
    KEY = "unknown-key"
    SIGNATURE = "wrong-signature"
    AUDIENCE = "wrong-audience"
    EXPIRED = "expired"
    EARLY = "not-yet-valid"
    LIFETIME = "lives-too-long"
    USED = "already-used"


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A token that was read, and not believed yet."""

    key_id: str | None
    algorithm: str
    claims: Claims = field(repr=False)
    signed: bytes = field(repr=False)
    """What the signature is over."""
    signature: bytes = field(repr=False)
    claims_digest: str
    """Of its claims as they were sent: what the journal keeps of them."""

    @property
    def issuer(self) -> str:
        """Who says to have made it."""
        return str(self.claims["iss"])

    @property
    def subject(self) -> str:
        """Whom it is about."""
        return str(self.claims["sub"])

    @property
    def expires_at(self) -> datetime:
        """Until when it is good."""
        return _time(self.claims["exp"])

    @property
    def single_use(self) -> str:
        """What must not come twice: its ``jti`` or, when it has none, what was signed.

        Not the signature: of one ECDSA signature anybody can make another that verifies.
        """
        once = self.claims.get("jti")
        named = b"signed\0" + self.signed if once is None else b"jti\0" + str(once).encode()
        return sha256(self.issuer.encode() + b"\0" + named).hexdigest()


def parse_token(text: str) -> IdentityToken:
    """Read a token's form. Raises `IdentityTokenInvalid`, which repeats nothing of it."""
    if len(text) > TOKEN_SIZE:
        raise _malformed(f"at most {TOKEN_SIZE} characters")
    segments = text.split(".")
    if len(segments) != 3:  # noqa: PLR2004 (RFC 7515 §7.1: header, payload, signature)
        raise _malformed("a JSON Web Token that is signed: three parts with dots between them")
    header_bytes, payload, signature = (_decode(segment) for segment in segments)
    try:
        header, claims = decode_object(header_bytes, "header"), decode_object(payload, "claims")
    except Invalid as error:
        raise IdentityTokenInvalid(error.subject, reason=Reason.MALFORMED, expected=error.expected) from error
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not (key_id is None or isinstance(key_id, str)):
        raise _malformed("alg and kid that are texts")
    if "crit" in header or "zip" in header or header.get("b64", True) is not True:
        # RFC 7515 §4.1.11: who does not understand what is critical refuses.
        raise _malformed("no extension that changes what is signed")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _ACCEPTED_TYPES:
        raise _malformed("typ JWT")
    _require_claims(claims)
    return IdentityToken(
        key_id=key_id,
        algorithm=algorithm,
        claims=claims,
        signed=f"{segments[0]}.{segments[1]}".encode(),
        signature=signature,
        claims_digest=f"sha256:{sha256(payload).hexdigest()}",
    )


def _require_claims(claims: dict[str, Any]) -> None:
    for name in ("iss", "sub", "jti"):
        value = claims.get(name)
        if value is None and name == "jti" and "jti" not in claims:
            continue
        if not isinstance(value, str) or not 0 < len(value) <= _TEXT_LENGTH or not value.isprintable():
            raise _malformed(f"{name}: a text of at most {_TEXT_LENGTH} printable characters")
    for name in ("iat", "exp", "nbf"):
        value = claims.get(name)
        if name == "nbf" and "nbf" not in claims:
            continue
        # RFC 7519 §2, NumericDate: True is a number to Python alone.
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_time(value):
            raise _malformed(f"{name}: the seconds since 1970")


def _is_time(value: float) -> bool:
    return (isinstance(value, int) or math.isfinite(value)) and 0 <= value <= _LAST_SECOND


def _time(value: float) -> datetime:
    return datetime.fromtimestamp(value, UTC)


def _decode(segment: str) -> bytes:
    """Base64url without padding (RFC 7515 §2), in its one spelling: what was signed cannot be written in two ways."""
    if _SEGMENT.fullmatch(segment) is None:
        raise _malformed("base64url")
    try:
        content = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError as error:
        raise _malformed("base64url") from error
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != segment:
        raise _malformed("base64url")
    return content


def _malformed(expected: str) -> IdentityTokenInvalid:
    return IdentityTokenInvalid("its form", reason=Reason.MALFORMED, expected=expected)


def require_algorithm(token: IdentityToken, issuer: Issuer) -> Algorithm:
    """How the token is signed, when its issuer is registered to sign so. Raises `IdentityTokenInvalid`."""
    for algorithm in issuer.algorithms:
        if token.algorithm == algorithm:
            return algorithm
    raise IdentityTokenInvalid("alg", reason=Reason.ALGORITHM, expected=" or ".join(issuer.algorithms))


def require_signature(token: IdentityToken, issuer: Issuer, keys: KeySet) -> None:
    """Believe that the issuer made the token. Raises `IdentityTokenInvalid`."""
    algorithm = require_algorithm(token, issuer)
    found = keys.find(token.key_id, algorithm)
    if not found:
        raise IdentityTokenInvalid("kid", reason=Reason.KEY, expected=f"a key of {issuer.url} for {algorithm}")
    verifier = jwt.get_algorithm_by_name(algorithm)
    for key in found:
        try:
            if verifier.verify(token.signed, key.public, token.signature) is True:
                return
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            continue  # A signature that cannot be one of this key's verifies as little as one that is not.
    raise IdentityTokenInvalid("signature", reason=Reason.SIGNATURE, expected=f"one by {issuer.url}")


def problems(token: IdentityToken, issuer: Issuer, now: datetime) -> Iterator[IdentityTokenInvalid]:
    """All that speaks against a token whose signature is good: for whom it is, and when."""
    audience = token.claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or audience not in issuer.audiences:
        # One that is for others as well could be used here by any of them.
        yield IdentityTokenInvalid(
            "aud", reason=Reason.AUDIENCE, expected=" or ".join(issuer.audiences) + ", and nothing else"
        )
    issued_at, expires_at = _time(token.claims["iat"]), token.expires_at
    if expires_at + LEEWAY <= now:
        yield IdentityTokenInvalid("exp", reason=Reason.EXPIRED, expected=f"later than {now:%Y-%m-%dT%H:%M:%SZ}")
    starts_at = max(issued_at, _time(token.claims.get("nbf", 0)))
    if starts_at - LEEWAY > now:
        yield IdentityTokenInvalid(
            "iat or nbf", reason=Reason.EARLY, expected=f"no later than {now:%Y-%m-%dT%H:%M:%SZ}"
        )
    if not timedelta() <= expires_at - issued_at <= issuer.max_lifetime:
        yield IdentityTokenInvalid(
            "exp", reason=Reason.LIFETIME, expected=f"at most {issuer.max_lifetime.total_seconds():.0f} s after iat"
        )


def require_valid(token: IdentityToken, issuer: Issuer, keys: KeySet, now: datetime) -> None:
    """Believe the token, now and here. Raises `IdentityTokenInvalid`."""
    require_signature(token, issuer, keys)
    for problem in problems(token, issuer, now):
        raise problem

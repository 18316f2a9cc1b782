"""Who asks: from the ``Authorization`` header to a `Caller`, and the short-lived access tokens of Docker's protocol.

Every scheme carries the same tokens: Bearer, GitHub's `token`, the password of Basic with any user name, or the bare
token.
Access tokens (JWT, HS256) say which token they were asked for with; what that token allows is looked up again on
every request, so revoking it, or a grant, takes effect at once.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import jwt
import msgspec

from entrepot.model.access import ANONYMOUS, Action, Caller, Permit, Rights, TokenSecret
from entrepot.model.errors import InvalidName, Unauthenticated
from entrepot.model.names import PackageName, View
from entrepot.ports.epochs import ACCESS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.ports.catalog import Catalog, Credential
    from entrepot.ports.clock import Clock
    from entrepot.ports.epochs import Epochs
    from entrepot.wire.throttle import Throttle

ACCESS_TOKEN_SECONDS: Final = 300
_ALGORITHM: Final = "HS256"
_ISSUER: Final = "entrepot"
_REMEMBERED: Final = 4096
_MAX_HEADER: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class _Remembered:
    epoch: int
    caller: Caller


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A freshly signed access token."""

    text: str
    issued_at: datetime
    expires_in: int


class Gate:
    """Tells callers from their credentials."""

    def __init__(self, catalog: Catalog, clock: Clock, epochs: Epochs, throttle: Throttle, *, secret: bytes) -> None:
        """Sign access tokens with *secret*, which all workers share."""
        self._catalog = catalog
        self._clock = clock
        self._epochs = epochs
        self._throttle = throttle
        self._secret = secret
        self._known: OrderedDict[str, _Remembered] = OrderedDict()

    async def identify(self, authorization: str | None, address: str) -> Caller:
        """The caller that a request's header stands for. Raises `Unauthenticated`, `RateLimited`."""
        if not authorization:
            return ANONYMOUS
        epoch = self._epochs.read(ACCESS)
        known = self._known.get(authorization)
        if known is not None and known.epoch == epoch and epoch % 2 == 0 and not self._expired(known.caller):
            return known.caller
        try:
            caller = await self._read(authorization)
        except Unauthenticated:
            self.count_failure(address)
            raise
        self._remember(authorization, _Remembered(epoch, caller))
        return caller

    def count_failure(self, address: str) -> None:
        """Count credentials that were no good. Raises `RateLimited` when *address* has sent too many.

        It is asked afterwards: who has good credentials is not stopped by a neighbour behind the same address who has
        not.
        """
        self._throttle.check(address)
        self._throttle.record_failure(address)

    async def identify_secret(self, text: str, address: str) -> Caller:
        """The caller that a bare token stands for, as in the form of a POST. Raises like `identify`."""
        return await self.identify(f"Bearer {text}", address)

    def issue(
        self,
        caller: Caller,
        service: str,
        permits: Sequence[tuple[View, PackageName, Sequence[str]]],
        *,
        catalog: bool = False,
    ) -> AccessToken:
        """Sign an access token for what was asked: view, package and Docker's words for the actions; the *catalog*.

        It may ask for more than the caller may do; each request is judged by both.
        """
        now = self._clock.now()
        claims = {
            "iss": _ISSUER,
            "aud": service,
            "sub": "" if caller.principal is None else caller.principal.name,
            "tid": caller.token_id,
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()) - 30,
            "exp": int((now + timedelta(seconds=ACCESS_TOKEN_SECONDS)).timestamp()),
            "jti": self._clock.new_id(),
            "access": msgspec.to_builtins(
                [_Access("repository", f"{view}/{package}", list(actions)) for view, package, actions in permits]
                + ([_CATALOG] if catalog else [])
            ),
        }
        return AccessToken(jwt.encode(claims, self._secret, algorithm=_ALGORITHM), now, ACCESS_TOKEN_SECONDS)

    async def _read(self, authorization: str) -> Caller:
        if len(authorization) > _MAX_HEADER:
            raise Unauthenticated
        scheme, _, rest = authorization.partition(" ")
        match scheme.lower():
            case "bearer" | "token":
                # GitHub's own clients write the latter.
                text = rest.strip()
            case "basic":
                text = _basic_secret(rest.strip())
            case _:
                text = authorization.strip()
        if text.startswith("ent_"):
            secret = TokenSecret.parse(text)
            return self._caller(await self._catalog.find_credential(secret.hash))
        if scheme.lower() == "bearer":
            return await self._read_access_token(text)
        raise Unauthenticated("the password must be one of this registry's tokens")

    async def _read_access_token(self, text: str) -> Caller:
        try:
            claims = msgspec.convert(
                jwt.decode(
                    text,
                    self._secret,
                    algorithms=[_ALGORITHM],
                    issuer=_ISSUER,
                    options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
                ),
                _Claims,
            )
            expires_at = datetime.fromtimestamp(claims.exp, UTC)
            permits = tuple(_permit(access) for access in claims.access if access.type == "repository")
        except (jwt.InvalidTokenError, InvalidName, ValueError, OverflowError, OSError, RecursionError) as error:
            # The header's JSON is read before the signature is checked, so it may be anything.
            raise Unauthenticated("that is not one of this registry's access tokens") from error
        if expires_at <= self._clock.now():
            raise Unauthenticated("the access token has expired")
        whole = ANONYMOUS
        if claims.tid is not None:
            whole = self._caller(await self._catalog.find_credential_by_id(claims.tid))
        ends = [end for end in (expires_at, whole.token_expires_at) if end is not None]
        return replace(
            whole,
            rights=whole.rights.narrowed(permits),
            unscoped=whole.rights,
            token_expires_at=min(ends),
            lists_catalog=_CATALOG in claims.access,
        )

    def _caller(self, credential: Credential | None) -> Caller:
        if credential is None:
            raise Unauthenticated("the token is unknown, revoked or expired")
        caller = Caller(
            principal=credential.principal,
            rights=Rights((credential.grants, *credential.scopes)),
            token_id=credential.token_id,
            token_expires_at=credential.expires_at,
        )
        if self._expired(caller):
            raise Unauthenticated("the token is unknown, revoked or expired")
        return caller

    def _expired(self, caller: Caller) -> bool:
        return caller.token_expires_at is not None and caller.token_expires_at <= self._clock.now()

    def _remember(self, authorization: str, remembered: _Remembered) -> None:
        self._known[authorization] = remembered
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


_ACTIONS: Final = {
    "pull": frozenset({Action.READ}),
    "push": frozenset({Action.PUBLISH, Action.OVERWRITE}),
    "delete": frozenset({Action.DELETE}),
    "*": frozenset({Action.READ, Action.PUBLISH, Action.OVERWRITE, Action.DELETE}),
}
"""Docker's words for what an access token may be asked for."""


class _Access(msgspec.Struct):
    """A package, or the catalog, and Docker's words for what may be done to it."""

    type: str
    name: str
    actions: list[str]


_CATALOG: Final = _Access("registry", "catalog", ["*"])
"""What an access token that may list all packages has among its claims."""


class _Claims(msgspec.Struct):
    """What is read of an access token."""

    exp: int
    tid: Annotated[str, msgspec.Meta(pattern="^[!-~]+$")] | None  # not every database can be asked for other signs
    access: list[_Access]


def _permit(access: _Access) -> Permit:
    view, _, package = access.name.partition("/")
    actions: frozenset[Action] = frozenset().union(*(_ACTIONS.get(word, frozenset()) for word in access.actions))
    return Permit(actions, View.parse(view), PackageName(package))


def _basic_secret(encoded: str) -> str:
    """The password of Basic credentials; or the user name, when the password is empty."""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except ValueError as error:
        raise Unauthenticated("Basic credentials must be base64 of UTF-8") from error
    return password or user

"""Say whose identity tokens are believed: the issuers, registered by who administers the registry."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.errors import Invalid, IssuerUnknown, NameTaken, Unauthenticated
from entrepot.model.events import IssuerAdded, IssuerRemoved
from entrepot.operations import access
from entrepot.operations.issuer_keys import fetch_keys
from entrepot.operations.publishers import stop_robot
from entrepot.ports.fetch import Origin
from entrepot.trust.oidc.keys import parse_key_set, print_key_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.federation import Issuer, IssuerName
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_URL_LENGTH: Final = 512
_AUDIENCES: Final = 10
_LIFETIMES: Final = (timedelta(minutes=1), timedelta(days=1))


async def add_issuer(registry: Registry, caller: Caller, issuer: Issuer) -> Issuer:
    """Believe what an issuer signs. It is asked for its keys at once, unless they are given.

    Raises `Invalid`, `NameTaken`, `UpstreamUnavailable`, `UpstreamInvalid`, `Unauthenticated`, `Denied`.
    """
    access.require_anywhere(caller, Action.ADMINISTER)
    issuer = _checked(issuer)
    if issuer.keys is None:
        await fetch_keys(registry, issuer)

    def change(transaction: Transaction) -> None:
        if not transaction.federation.add_issuer(issuer):
            raise NameTaken(issuer.name, expected="a name and a URL that no other issuer has")
        transaction.append(
            caller.name,
            IssuerAdded(
                issuer=issuer.name,
                provider=issuer.provider,
                url=issuer.url,
                audiences=issuer.audiences,
                algorithms=tuple(map(str, issuer.algorithms)),
                max_lifetime=issuer.max_lifetime.total_seconds(),
                private=issuer.private,
                keys=None if issuer.keys is None else f"sha256:{sha256(issuer.keys.encode()).hexdigest()}",
            ),
        )

    await registry.catalog.write(change)
    return issuer


async def list_issuers(registry: Registry, caller: Caller) -> Sequence[Issuer]:
    """All of them, the oldest first. Raises `Unauthenticated`."""
    if caller.principal is None:
        raise Unauthenticated
    return await registry.catalog.federation.list_issuers()


async def find_audience(registry: Registry) -> str:
    """What identity tokens must be for, to clients that ask; anybody may know. Raises `IssuerUnknown`."""
    for issuer in await registry.catalog.federation.list_issuers():
        return issuer.audiences[0]
    raise IssuerUnknown("none is registered")


async def remove_issuer(registry: Registry, caller: Caller, name: IssuerName) -> Sequence[str]:
    """Believe an issuer no more. Its publishers go with it, and their tokens stop working; who they were.

    Raises `IssuerUnknown`, `Unauthenticated`, `Denied`.
    """
    access.require_anywhere(caller, Action.ADMINISTER)

    def change(transaction: Transaction) -> Sequence[str]:
        issuer = transaction.federation.find_issuer(name)
        if issuer is None:
            raise IssuerUnknown(name)
        publishers = transaction.federation.list_publishers(name)
        for publisher in publishers:
            stop_robot(transaction, publisher)
        transaction.federation.remove_issuer(name)
        named = tuple(f"{publisher.namespace}/{publisher.name}" for publisher in publishers)
        transaction.append(caller.name, IssuerRemoved(issuer=name, url=issuer.url, publishers=named))
        return named

    return await registry.catalog.write(change)


def _checked(issuer: Issuer) -> Issuer:
    """The issuer, when all that is said of it makes sense. Raises `Invalid`."""
    if len(issuer.url) > _URL_LENGTH:
        raise Invalid("url", expected=f"at most {_URL_LENGTH} characters")
    origin = Origin.parse(issuer.url, private=issuer.private)
    if origin.scheme != "https" and not issuer.private:
        raise Invalid(issuer.url, expected="https, except at a private address")
    if not 0 < len(issuer.audiences) <= _AUDIENCES:
        raise Invalid("audiences", expected=f"1 to {_AUDIENCES}", actual=len(issuer.audiences))
    for audience in issuer.audiences:
        if not 0 < len(audience) <= _URL_LENGTH or not audience.isprintable():
            raise Invalid("audiences", expected=f"1 to {_URL_LENGTH} printable characters")
    if not issuer.algorithms:
        raise Invalid("algorithms", expected="one or more")
    least, most = _LIFETIMES
    if not least <= issuer.max_lifetime <= most:
        raise Invalid("max_lifetime", expected=f"{least.total_seconds():.0f} to {most.total_seconds():.0f} seconds")
    if issuer.keys is None:
        return issuer
    keys = parse_key_set(issuer.keys.encode("utf-8", "surrogatepass"))
    if not any(key.algorithms.intersection(issuer.algorithms) for key in keys.keys):
        raise Invalid("keys", expected=f"a key for {' or '.join(issuer.algorithms)}")
    return replace(issuer, keys=print_key_set(issuer.keys.encode()))

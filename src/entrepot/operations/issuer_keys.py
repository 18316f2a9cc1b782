"""The public keys of issuers: asked for where they publish them (OpenID Connect Discovery 1.0 §4), and remembered.

Each process remembers for itself. A key that is not among those remembered makes it ask again, at most once a minute:
issuers change their keys, and strangers make key ids up.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import Invalid, UpstreamInvalid, UpstreamUnavailable
from entrepot.operations.remembered_keys import RememberedKeys
from entrepot.ports.fetch import Origin
from entrepot.trust.oidc.keys import KEY_SET_SIZE, parse_key_set
from entrepot.trust.oidc.strict_json import decode_object

if TYPE_CHECKING:
    from entrepot.model.federation import Issuer
    from entrepot.operations.registry import Registry
    from entrepot.trust.oidc.keys import KeySet

_DISCOVERY: Final = "/.well-known/openid-configuration"
_DISCOVERY_SIZE: Final = 64 * 1024
_PAUSE: Final = timedelta(minutes=1)
"""How long an issuer is not asked again, whatever came of it."""
_FRESH: Final = timedelta(hours=1)
"""How old keys may be before they are asked for again: a key that an issuer took back is not used much longer."""
_STALE: Final = timedelta(hours=24)
"""How old keys may be when the issuer does not answer."""
_JSON: Final = {"accept": "application/json"}
_OK: Final = 200


async def find_keys(registry: Registry, issuer: Issuer, key_id: str | None) -> KeySet:
    """The issuer's keys, which *key_id* is among if the issuer has it.

    Raises `UpstreamUnavailable`, `UpstreamInvalid`.
    """
    if issuer.keys is not None:
        return parse_key_set(issuer.keys.encode())
    now = registry.clock.now()
    known = registry.issuer_keys.get(issuer)
    if known is not None and known.keys is not None and known.fetched_at is not None:
        age = now - known.fetched_at
        if age < _FRESH and (key_id is None or known.keys.has(key_id)):
            return known.keys
        if now - known.asked_at < _PAUSE and age < _STALE:
            return known.keys
    # Nothing good is known; those who come while it is being found out wait for that.
    if known is not None and now - known.asked_at < _PAUSE and not registry.flights.runs(issuer):
        raise UpstreamUnavailable(f"the keys of {issuer.url}", after=int(_PAUSE.total_seconds()))
    return await registry.flights.join(issuer, lambda: _ask(registry, issuer))


async def _ask(registry: Registry, issuer: Issuer) -> KeySet:
    now = registry.clock.now()
    known = registry.issuer_keys.setdefault(issuer, RememberedKeys(now))
    known.asked_at = now
    try:
        keys = await fetch_keys(registry, issuer)
    except (UpstreamUnavailable, UpstreamInvalid):
        if known.keys is None or known.fetched_at is None or now - known.fetched_at >= _STALE:
            raise
        return known.keys
    known.keys, known.fetched_at = keys, now
    return keys


async def fetch_keys(registry: Registry, issuer: Issuer) -> KeySet:
    """Ask the issuer for its keys. Raises `UpstreamUnavailable`, `UpstreamInvalid`."""
    origin = Origin.parse(issuer.url, private=issuer.private)
    found = await registry.fetcher.get(origin, _DISCOVERY.lstrip("/"), headers=_JSON, limit=_DISCOVERY_SIZE)
    if found.status != _OK:
        raise UpstreamInvalid(found.url, expected="a discovery document", actual=found.status)
    try:
        document = decode_object(found.body, "discovery document")
    except Invalid as error:
        raise UpstreamInvalid(found.url, expected=error.expected) from error
    # OpenID Connect Discovery 1.0 §4.3: it must be the issuer's own.
    if document.get("issuer") != issuer.url:
        raise UpstreamInvalid(found.url, expected=f"the discovery document of {issuer.url}")
    address = document.get("jwks_uri")
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        raise UpstreamInvalid(found.url, expected="jwks_uri: the address of its keys")
    answer = await registry.fetcher.get(origin, address, headers=_JSON, limit=KEY_SET_SIZE)
    if answer.status != _OK:
        raise UpstreamInvalid(answer.url, expected="a key set", actual=answer.status)
    try:
        return parse_key_set(answer.body)
    except Invalid as error:
        raise UpstreamInvalid(answer.url, expected=error.expected) from error

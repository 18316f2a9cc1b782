"""Say what other registries a namespace reads through to, with what credentials, and what of theirs it lets in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from entrepot.model.access import Action
from entrepot.model.errors import Invalid, NamespaceUnknown, NameTaken, TooMany, UpstreamUnknown
from entrepot.model.events import UpstreamAdded, UpstreamChanged, UpstreamRemoved
from entrepot.model.names import View
from entrepot.model.upstream import Upstream
from entrepot.operations import access
from entrepot.operations.govern import read_namespace
from entrepot.ports.fetch import Basic, Bearer, Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.names import FormatName, NamespaceName
    from entrepot.model.upstream import UpstreamName, UpstreamRules
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.fetch import Credentials

_MOST = 20
"""Upstreams of one format in one namespace: each is asked for what the ones before it do not have."""


async def list_upstreams(
    registry: Registry, caller: Caller, namespace: NamespaceName, *, format: FormatName | None = None
) -> Sequence[Upstream]:
    """A namespace's upstreams, in the order in which they are asked. Raises `NamespaceUnknown`, `Unauthenticated`."""
    await read_namespace(registry, caller, namespace)
    return await registry.catalog.list_upstreams(namespace, format=format)


async def find_upstream(
    registry: Registry, caller: Caller, namespace: NamespaceName, format: FormatName, name: UpstreamName
) -> Upstream:
    """One of them. Raises `UpstreamUnknown`, and like `list_upstreams`."""
    for upstream in await list_upstreams(registry, caller, namespace, format=format):
        if upstream.name == name:
            return upstream
    raise UpstreamUnknown(name)


async def add_upstream(
    registry: Registry, caller: Caller, upstream: Upstream, credentials: Credentials | None = None
) -> Upstream:
    """Let a namespace read through to another registry. Its credentials are stored, never shown.

    Raises `Invalid`, `NameTaken`, `TooMany`, `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    await _require_govern(registry, caller, upstream)
    present = await registry.catalog.list_upstreams(upstream.namespace, format=upstream.format)
    if len(present) >= _MOST:
        raise TooMany("upstreams", expected=f"at most {_MOST} of one format", actual=len(present) + 1)
    upstream = _checked(registry, upstream)

    def change(transaction: Transaction) -> None:
        if not transaction.add_upstream(upstream, _secret(credentials)):
            raise NameTaken(upstream.name)
        transaction.append(
            caller.name,
            UpstreamAdded(
                namespace=upstream.namespace,
                format=upstream.format,
                upstream=upstream.name,
                url=upstream.url,
                private=upstream.private,
            ),
        )

    await registry.catalog.write(change)
    return upstream


async def set_upstream(
    registry: Registry,
    caller: Caller,
    upstream: Upstream,
    *,
    url: str | None = None,
    private: bool | None = None,
    rules: UpstreamRules | None = None,
    credentials: Credentials | None = None,
) -> Upstream:
    """Change where an upstream is, what of it is let in, or what it is asked with; None leaves something as it is.

    Raises `Invalid`, `UpstreamUnknown`, `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    await _require_govern(registry, caller, upstream)
    new = _checked(
        registry,
        replace(
            upstream,
            url=upstream.url if url is None else url,
            private=upstream.private if private is None else private,
            rules=upstream.rules if rules is None else rules,
        ),
    )

    def change(transaction: Transaction) -> None:
        if not transaction.set_upstream(new):
            raise UpstreamUnknown(new.name)
        if credentials is not None:
            transaction.set_upstream_secret(new, _secret(credentials))
        elif new.url != upstream.url:
            # What was meant for one registry is not sent to another.
            transaction.set_upstream_secret(new, None)
        transaction.append(
            caller.name,
            UpstreamChanged(
                namespace=new.namespace,
                format=new.format,
                upstream=new.name,
                url=new.url,
                private=new.private,
                allow=tuple(map(str, new.rules.allow)),
                block=tuple(map(str, new.rules.block)),
                cooldown=new.rules.cooldown.total_seconds(),
                exempt=tuple(map(str, new.rules.exempt)),
                refresh=new.rules.refresh.total_seconds(),
                credentials=credentials is not None,
            ),
        )

    await registry.catalog.write(change)
    return new


async def remove_upstream(registry: Registry, caller: Caller, upstream: Upstream) -> None:
    """Read through to it no more. What came from there stays.

    Raises `UpstreamUnknown`, `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    await _require_govern(registry, caller, upstream)

    def change(transaction: Transaction) -> None:
        if not transaction.remove_upstream(upstream):
            raise UpstreamUnknown(upstream.name)
        transaction.append(
            caller.name,
            UpstreamRemoved(namespace=upstream.namespace, format=upstream.format, upstream=upstream.name),
        )

    await registry.catalog.write(change)


async def origin_of(registry: Registry, upstream: Upstream) -> Origin:
    """Where an upstream is, with what it is asked with: for the fetcher alone."""
    secret = await registry.catalog.find_upstream_secret(upstream)
    credentials = None if secret is None else _read_secret(secret)
    return Origin.parse(upstream.url, credentials=credentials, private=upstream.private)


async def _require_govern(registry: Registry, caller: Caller, upstream: Upstream) -> None:
    await read_namespace(registry, caller, upstream.namespace)
    access.require_anywhere(caller, Action.GOVERN, View(upstream.namespace))
    if await registry.catalog.find_namespace(upstream.namespace) is None:
        raise NamespaceUnknown(upstream.namespace)


def _checked(registry: Registry, upstream: Upstream) -> Upstream:
    if upstream.format not in registry.formats:
        raise Invalid(upstream.format, expected=f"a format: {', '.join(sorted(registry.formats))}")
    for pattern in (*upstream.rules.allow, *upstream.rules.block, *upstream.rules.exempt):
        if pattern.format != upstream.format:
            raise Invalid(str(pattern), expected=f"pkg:{upstream.format}/…")
    return replace(upstream, url=str(Origin.parse(upstream.url, private=upstream.private)))


class _Secret(msgspec.Struct, omit_defaults=True):
    user: str | None = None
    password: str = ""
    token: str = ""


def _secret(credentials: Credentials | None) -> str | None:
    match credentials:
        case None:
            return None
        case Basic(user, password):
            stored = _Secret(user=user, password=password)
        case Bearer(token):
            stored = _Secret(token=token)
    return msgspec.json.encode(stored).decode()


def _read_secret(text: str) -> Credentials:
    stored = msgspec.json.decode(text, type=_Secret)
    return Bearer(stored.token) if stored.user is None else Basic(stored.user, stored.password)

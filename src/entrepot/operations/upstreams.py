"""Say what other registries a namespace reads through to, with what credentials, and what of theirs it lets in.

Whoever governs a namespace chooses its upstreams on the public internet. One at a private address is asked from where
this registry stands, behind whatever wall there is: only who administers it can allow that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.errors import (
    Denied,
    Invalid,
    NamespaceUnknown,
    NameTaken,
    TooMany,
    UpstreamInvalid,
    UpstreamUnavailable,
    UpstreamUnknown,
)
from entrepot.model.events import UpstreamAdded, UpstreamChanged, UpstreamRemoved
from entrepot.model.names import View
from entrepot.model.upstream import Upstream
from entrepot.operations import access
from entrepot.operations.credentials import check_credentials, read_secret, secret_of
from entrepot.operations.govern import read_namespace
from entrepot.operations.purls import spell
from entrepot.ports.fetch import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from entrepot.model.access import Caller
    from entrepot.model.names import FormatName, NamespaceName
    from entrepot.model.upstream import PurlPattern, UpstreamName, UpstreamRules
    from entrepot.operations.registry import Probe, ReadThrough, Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.fetch import Credentials, Stream

_MOST = 20
"""Upstreams of one format in one namespace: each is asked for what the ones before it do not have."""

_OK = 200
_ABSENT = (404, 410)
_HEAD_SIZE = 64 * 1024
"""Bytes of an answer that tell whether it is a registry's."""
_BLANK = b"\xef\xbb\xbf \t\r\n"
_TAG = 20
_CREDENTIALS_REFUSED = (401, 403, 407)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of asking an upstream."""

    status: int | None
    """None when there was no answer that could be used."""
    took: timedelta
    problem: str | None = None
    """Why reading through to it will not work; None when nothing speaks against it."""


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
    await require_govern(registry, caller, upstream)
    _require_reach(caller, upstream)
    present = await registry.catalog.list_upstreams(upstream.namespace, format=upstream.format)
    if len(present) >= _MOST:
        raise TooMany("upstreams", expected=f"at most {_MOST} of one format", actual=len(present) + 1)
    check_credentials(credentials)
    upstream = replace(_checked(registry, upstream), has_credentials=credentials is not None)

    def change(transaction: Transaction) -> None:
        if not transaction.add_upstream(upstream, secret_of(credentials)):
            raise NameTaken(upstream.name)
        transaction.append(
            caller.name,
            UpstreamAdded(
                namespace=upstream.namespace,
                format=upstream.format,
                upstream=upstream.name,
                url=upstream.url,
                private=upstream.private,
                allow=tuple(map(str, upstream.rules.allow)),
                block=tuple(map(str, upstream.rules.block)),
                cooldown=upstream.rules.cooldown.total_seconds(),
                exempt=tuple(map(str, upstream.rules.exempt)),
                refresh=upstream.rules.refresh.total_seconds(),
                credentials=upstream.has_credentials,
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
    forget_credentials: bool = False,
) -> Upstream:
    """Change where an upstream is, what of it is let in, or what it is asked with; None leaves something as it is.

    Its credentials are forgotten with its address, unless there are new ones: what was meant for one registry is not
    sent to another.

    Raises `Invalid`, `UpstreamUnknown`, `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    await require_govern(registry, caller, upstream)
    check_credentials(credentials)

    def change(transaction: Transaction) -> Upstream:
        # As it is now, and not as the caller saw it: somebody may have changed its address in between.
        old = transaction.find_upstream(upstream)
        if old is None:
            raise UpstreamUnknown(upstream.name)
        new = _checked(
            registry,
            replace(
                old,
                url=old.url if url is None else url,
                private=old.private if private is None else private,
                rules=old.rules if rules is None else rules,
            ),
        )
        if (new.url, new.private) != (old.url, old.private):
            _require_reach(caller, new)
        forgets = credentials is None and old.has_credentials and (forget_credentials or new.url != old.url)
        new = replace(new, has_credentials=credentials is not None or (old.has_credentials and not forgets))
        if new == old and credentials is None:
            return old
        transaction.set_upstream(new)
        if credentials is not None or forgets:
            transaction.set_upstream_secret(new, secret_of(credentials))
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
                credentials=credentials is not None or forgets,
            ),
        )
        return new

    return await registry.catalog.write(change)


async def remove_upstream(registry: Registry, caller: Caller, upstream: Upstream) -> None:
    """Read through to it no more. What came from there stays.

    Raises `UpstreamUnknown`, `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    await require_govern(registry, caller, upstream)

    def change(transaction: Transaction) -> None:
        if not transaction.remove_upstream(upstream):
            raise UpstreamUnknown(upstream.name)
        transaction.append(
            caller.name,
            UpstreamRemoved(namespace=upstream.namespace, format=upstream.format, upstream=upstream.name),
        )

    await registry.catalog.write(change)


async def test_upstream(registry: Registry, caller: Caller, upstream: Upstream) -> Trial:
    """Ask an upstream for what every registry of its format has, and say what came of it; nothing is kept.

    Where a format has no such thing, 404 is no problem: then only its refusal of the credentials tells something.

    Raises `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    await require_govern(registry, caller, upstream)
    began = registry.clock.now()
    status, problem = None, None
    probe = require_read_through(registry, upstream.format).probe
    try:
        origin = await (probe.find_origin or origin_of)(registry, upstream)
        target = _from_root(upstream.url, probe.target) if probe.from_root else probe.target
        async with registry.fetcher.stream(origin, target, headers={}) as stream:
            status = stream.status
            head = await _read_head(stream) if status == _OK else b""
        problem = _problem_of(upstream, probe, status, head)
    except (UpstreamUnavailable, UpstreamInvalid) as error:
        problem = str(error)
    return Trial(status, registry.clock.now() - began, problem)


def _problem_of(upstream: Upstream, probe: Probe, status: int, head: bytes) -> str | None:
    if status in _CREDENTIALS_REFUSED:
        return "it refuses the credentials" if upstream.has_credentials else "it wants credentials"
    if status in _ABSENT:
        return f"it is no such registry: it has no {probe.target}" if probe.is_everywhere else None
    if status != _OK:
        return f"it answers {status}"
    if not probe.is_answer(head):
        begins = ascii(head[:40].decode("latin-1"))
        return f"it is no {upstream.format} registry: what it has at {probe.target} begins with {begins}"
    return None


async def _read_head(stream: Stream) -> bytes:
    """The beginning of an answer, which may be of any length."""
    head = b""
    async for piece in stream.content:
        head += piece
        if len(head) >= _HEAD_SIZE:
            break
    return head[:_HEAD_SIZE]


def _from_root(url: str, target: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}{target}"


def is_page(head: bytes) -> bool:
    """Whether what begins so is a web page."""
    return head.lstrip(_BLANK)[:_TAG].lower().startswith((b"<!doctype html", b"<html"))


def last_modified(headers: Mapping[str, str]) -> datetime | None:
    """When an upstream says that what it sends was changed last (RFC 9110, 8.8.2); None when it does not say."""
    try:
        at = parsedate_to_datetime(headers.get("last-modified", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


FindOrigin = Callable[["Registry", Upstream], Awaitable[Origin]]
"""Says where an upstream is, and what it is asked with."""


def refusal(what: str, status: int) -> UpstreamInvalid:
    """Why an upstream's answer is of no use, when its status says so."""
    if status in _CREDENTIALS_REFUSED:
        return UpstreamInvalid(what, expected="what may be read with the credentials that it has of us", actual=status)
    return UpstreamInvalid(what, expected="200 or 404", actual=status)


async def origin_of(registry: Registry, upstream: Upstream) -> Origin:
    """Where an upstream is, with what it is asked with: for the fetcher alone."""
    secret = await registry.catalog.find_upstream_secret(upstream)
    credentials = None if secret is None else read_secret(secret)
    return Origin.parse(upstream.url, credentials=credentials, private=upstream.private)


async def require_govern(registry: Registry, caller: Caller, upstream: Upstream) -> None:
    """Raise `NamespaceUnknown`, `Unauthenticated` or `Denied` unless the caller governs an upstream's namespace."""
    await read_namespace(registry, caller, upstream.namespace)
    access.require_anywhere(caller, Action.GOVERN, View(upstream.namespace))
    if await registry.catalog.find_namespace(upstream.namespace) is None:
        raise NamespaceUnknown(upstream.namespace)


def _require_reach(caller: Caller, upstream: Upstream) -> None:
    if upstream.private and not caller.rights.allows(Action.ADMINISTER, None):
        raise Denied(f"{caller.name} may not {Action.ADMINISTER}, which an upstream at a private address needs")


def require_read_through(registry: Registry, format: FormatName) -> ReadThrough:
    """How a format reads through. Raises `Invalid` for one that does not."""
    found = registry.read_through.get(format)
    if found is None:
        raise Invalid(format, expected=f"a format that reads through: {', '.join(sorted(registry.read_through))}")
    return found


def _checked(registry: Registry, upstream: Upstream) -> Upstream:
    require_read_through(registry, upstream.format)
    for pattern in (*upstream.rules.allow, *upstream.rules.block, *upstream.rules.exempt):
        if pattern.format != upstream.format:
            raise Invalid(str(pattern), expected=f"pkg:{upstream.format}/…")
    rules = replace(
        upstream.rules,
        allow=_spelt(registry, upstream.rules.allow),
        block=_spelt(registry, upstream.rules.block),
        exempt=_spelt(registry, upstream.rules.exempt),
    )
    return replace(upstream, url=str(Origin.parse(upstream.url, private=upstream.private)), rules=rules)


def _spelt(registry: Registry, patterns: Sequence[PurlPattern]) -> tuple[PurlPattern, ...]:
    return tuple(spell(registry, pattern) for pattern in patterns)

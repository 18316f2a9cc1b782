"""From rows to values and back: the only place that knows how a value is spelled in a column."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.model.access import Action, Allowance, Principal, PrincipalKind, Role
from entrepot.model.artifact import Artifact
from entrepot.model.digest import Digest
from entrepot.model.errors import Corrupt
from entrepot.model.events import Entry, decode
from entrepot.model.names import (
    ChannelName,
    FormatName,
    NamespaceName,
    PackageId,
    PackageName,
    PackagePattern,
    PrincipalName,
    ReferenceName,
    View,
)
from entrepot.model.namespace import ROLLBACK_TARGETS, Namespace
from entrepot.model.position import Position
from entrepot.model.reference import Reference, ReferenceKind, TagRules
from entrepot.model.upstream import PurlPattern, Upstream, UpstreamName, UpstreamRules
from entrepot.ports.catalog import ArtifactSummary, Clearance, Grant, Mirrored, PackageRow, TokenRow, VersionRow

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = tuple[Any, ...]

_ENCODER: Final = msgspec.json.Encoder()

_NAMESPACES: Final = 1024
"""So many of them are remembered as they were read."""

_TIME_LENGTH: Final = len("2026-01-31T12:00:00.000000Z")


def time_text(time: datetime) -> str:
    """A time as it is stored: UTC, to the microsecond, sorting as it passes."""
    # `strftime` takes four times as long.
    there = time if time.tzinfo is UTC else time.astimezone(UTC)
    return there.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_time(text: str) -> datetime:
    """Read what `time_text` wrote. Raises `ValueError` for any other spelling of a time."""
    # Of what `fromisoformat` reads, only that spelling is so long with these signs there; a pattern takes ten times as long.
    if len(text) != _TIME_LENGTH or text[4] + text[7] + text[10] + text[19] + text[26] != "--T.Z":
        raise ValueError(text)
    return datetime.fromisoformat(text)


class _Rules(msgspec.Struct, omit_defaults=True):
    movable: list[str]
    versions: list[str]
    reserved: list[str] = []
    rollbacks: int = ROLLBACK_TARGETS


class _UpstreamRules(msgspec.Struct, omit_defaults=True):
    allow: list[str] = []
    block: list[str] = []
    cooldown: float = 0.0
    exempt: list[str] = []
    refresh: float = 300.0


class _Scope(msgspec.Struct, array_like=True):
    role: Role
    view: str
    pattern: str
    only: list[Action] | None = None


def rules_text(namespace: Namespace) -> str:
    """A namespace's rules, and what it reserves, as they are stored."""
    rules = namespace.rules
    stored = _Rules(_texts(rules.movable), _texts(rules.versions), _texts(namespace.reserved), namespace.rollbacks)
    return msgspec.json.encode(stored).decode()


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def upstream_rules_text(rules: UpstreamRules) -> str:
    """An upstream's rules as they are stored."""
    stored = _UpstreamRules(
        _texts(rules.allow),
        _texts(rules.block),
        rules.cooldown.total_seconds(),
        _texts(rules.exempt),
        rules.refresh.total_seconds(),
    )
    return msgspec.json.encode(stored).decode()


def upstream(row: Row) -> Upstream:
    """``namespace, format, name, url, private, rules, has_credentials``."""
    namespace, format_, name, url, private, text, has_credentials = row
    rules = msgspec.json.decode(text, type=_UpstreamRules)
    return Upstream(
        namespace=NamespaceName(namespace),
        format=FormatName(format_),
        name=UpstreamName(name),
        url=url,
        private=bool(private),
        rules=UpstreamRules(
            allow=tuple(map(PurlPattern.parse, rules.allow)),
            block=tuple(map(PurlPattern.parse, rules.block)),
            cooldown=timedelta(seconds=rules.cooldown),
            exempt=tuple(map(PurlPattern.parse, rules.exempt)),
            refresh=timedelta(seconds=rules.refresh),
        ),
        has_credentials=bool(has_credentials),
    )


def upstream_key(upstream: Upstream) -> dict[str, str]:
    """What a statement finds an upstream by."""
    return {"namespace": upstream.namespace, "format": upstream.format, "name": upstream.name}


def mirrored(row: Row, content: bytes) -> Mirrored:
    """``status, url, media_type, etag, hash, content, fetched_at, checked_at``, and the content unpacked."""
    status, url, media_type, etag, _, _, fetched_at, checked_at = row
    return Mirrored(
        status=status,
        url=url,
        media_type=media_type,
        etag=etag,
        content=content,
        fetched_at=parse_time(fetched_at),
        checked_at=parse_time(checked_at),
    )


def json_list(values: Iterable[str]) -> str:
    """Values for a statement that asks whether a column is one of them."""
    return _ENCODER.encode(tuple(values)).decode()


def view_text(view: View | None) -> str:
    """The view of an allowance as it is stored; everywhere is the empty string."""
    return "" if view is None else str(view)


def allowance(row: Row) -> Allowance:
    """``role, view, pattern``."""
    role, view, pattern = row
    return Allowance(Role(role), View.parse(view) if view else None, PackagePattern(pattern))


def scope_text(scope: Iterable[Allowance] | None) -> str | None:
    """A token's scope as it is stored; None when it has none."""
    if scope is None:
        return None
    return msgspec.json.encode(
        [_Scope(a.role, view_text(a.view), str(a.pattern), None if a.only is None else sorted(a.only)) for a in scope]
    ).decode()


def parse_scope(text: str | None) -> tuple[Allowance, ...] | None:
    """Read what `scope_text` wrote."""
    if text is None:
        return None
    scopes = msgspec.json.decode(text, type=list[_Scope])
    return tuple(
        replace(
            allowance((scope.role, scope.view, scope.pattern)),
            only=None if scope.only is None else frozenset(scope.only),
        )
        for scope in scopes
    )


@lru_cache(maxsize=_NAMESPACES)
def namespace(row: Row) -> Namespace:
    """``id, name, public, rules, revision`` and, as JSON, the ranks of its channels by name.

    Each request asks for one, and they hardly ever change: to read its rules takes longer than to find it.
    """
    _, name, public, rules, revision, channels = row
    ranks: dict[str, int] = msgspec.json.decode(channels)
    stored = msgspec.json.decode(rules, type=_Rules)
    return Namespace(
        name=NamespaceName(name),
        public=bool(public),
        rules=TagRules(
            movable=tuple(PackagePattern(pattern) for pattern in stored.movable),
            versions=tuple(PackagePattern(pattern) for pattern in stored.versions),
        ),
        reserved=tuple(map(PurlPattern.parse, stored.reserved)),
        rollbacks=stored.rollbacks,
        channels=tuple(ChannelName(channel) for channel in sorted(ranks, key=ranks.__getitem__)),
        revision=Position(revision),
    )


def version(row: Row) -> VersionRow:
    """``name, digest, manifest, config, sealed, yanked, deprecated, at``."""
    name, digest, manifest, config, sealed, yanked, deprecated, at = row
    return VersionRow(
        name=ReferenceName(name),
        digest=Digest.parse(digest),
        manifest=bytes(manifest),
        config=None if config is None else bytes(config),
        sealed=bool(sealed),
        yanked=yanked,
        deprecated=deprecated,
        published_at=parse_time(at),
    )


def package_id(namespace: str, format: str, name: str) -> PackageId:
    """A package's identity."""
    return PackageId(NamespaceName(namespace), FormatName(format), PackageName(name))


def package(row: Row) -> PackageRow:
    """``namespace, format, name, revision, hosted``."""
    *identity, revision, hosted = row
    return PackageRow(package_id(*identity), Position(revision), bool(hosted))


def reference(row: Row) -> Reference:
    """``kind, name, digest, from, until, sealed, yanked, deprecated``."""
    kind, name, digest, start, end, sealed, yanked, deprecated = row
    return Reference(
        kind=ReferenceKind(kind),
        name=ReferenceName(name),
        digest=Digest.parse(digest),
        from_position=Position(start),
        until_position=None if end is None else Position(end),
        sealed=bool(sealed),
        yanked=yanked,
        deprecated=deprecated,
    )


def summary(row: Row) -> ArtifactSummary:
    """``digest, size, media_type, artifact_type, content, from_position, at``."""
    digest, size, media_type, artifact_type, content, position, at = row
    return ArtifactSummary(
        digest=Digest.parse(digest),
        size=size,
        media_type=media_type,
        artifact_type=artifact_type,
        annotations=stored_annotations(content),
        published_position=Position(position),
        published_at=parse_time(at),
    )


class _Annotated(msgspec.Struct):
    annotations: dict[str, str] | None = None


_ANNOTATED = msgspec.json.Decoder(_Annotated)


def stored_annotations(content: bytes) -> dict[str, str]:
    """The annotations of a stored manifest; it was checked when it came in."""
    return _ANNOTATED.decode(content).annotations or {}


_SEARCHABLE: Final = 100
"""How many annotations of an artifact are indexed: a manifest has room for a hundred thousand."""


def searchable_annotations(artifact: Artifact) -> Iterable[tuple[str, str]]:
    """What of an artifact's annotations is indexed: people search by the standard keys, and by no long value."""
    standard = (
        (key, value[:512])
        for key, value in artifact.annotations.items()
        if key.startswith(("org.opencontainers.image.", "dev.entrepot.")) and len(key) <= 128  # noqa: PLR2004
    )
    return islice(standard, _SEARCHABLE)


def entry(row: Row) -> Entry:
    """``position, at, actor, content, hash``. Raises `Corrupt` when it cannot be read."""
    position, at, actor, content, last_hash = row
    try:
        return Entry(Position(position), parse_time(at), actor, decode(content), content, last_hash)
    except (ValueError, msgspec.MsgspecError) as error:
        raise Corrupt(f"entry {position} of the journal") from error


def clearance(row: Row) -> Clearance:
    """``channel, digest, from, until``."""
    channel, digest, start, end = row
    return Clearance(
        ChannelName(channel), Digest.parse(digest), Position(start), None if end is None else Position(end)
    )


def principal(name: str, kind: str) -> Principal:
    """Somebody who is known."""
    return Principal(PrincipalName(name), PrincipalKind(kind))


def grant(row: Row) -> Grant:
    """``principal, role, view, pattern``."""
    name, *rest = row
    return Grant(PrincipalName(name), allowance(tuple(rest)))


def token(row: Row) -> TokenRow:
    """``id, label, principal, scope, parent, created_at, expires_at, revoked``."""
    token_id, label, holder, scope, parent, created_at, expires_at, revoked = row
    return TokenRow(
        id=token_id,
        label=label,
        principal=PrincipalName(holder),
        scope=parse_scope(scope),
        parent=parent,
        created_at=parse_time(created_at),
        expires_at=None if expires_at is None else parse_time(expires_at),
        revoked=bool(revoked),
    )


def links_text(artifact: Artifact) -> str:
    """The links of an artifact in their order, for ``json_each``."""
    links = [
        {"digest": str(link.target.digest), "size": link.target.size, "kind": link.kind, "required": link.required}
        for link in artifact.links
    ]
    return msgspec.json.encode(links).decode("ascii")

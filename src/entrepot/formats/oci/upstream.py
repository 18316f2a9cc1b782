"""Read through to another registry: manifests are asked for by tag again and again, everything else comes once.

A manifest is served as soon as it has come, and published when what it needs is here: an image's config and layers are
fetched behind it, and an index is published without the images of it that nobody has asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from entrepot.formats.oci.rules import OCI, RULES
from entrepot.model.artifact import (
    DOCKER_MANIFEST,
    DOCKER_MANIFEST_LIST,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    MANIFEST_TYPES,
    Artifact,
    LinkKind,
)
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    BlobErased,
    Erased,
    FileUnknown,
    Invalid,
    InvalidManifest,
    InvalidReference,
    NamespaceUnknown,
    ReferenceUnknown,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.names import PackageId, PackageName, View
from entrepot.model.reference import ReferenceKind, fallback_of
from entrepot.operations.doors import is_guarded, require_admitted
from entrepot.operations.fetch_file import Landing, Wanted, caller_of, fetch_file
from entrepot.operations.mirror import Question, ask, upstreams_for, withheld_among
from entrepot.operations.publish import Draft, publish_composed
from entrepot.operations.registry import Fetched, Listed, Probe, Wish
from entrepot.operations.resolve import is_let_through
from entrepot.operations.upload import announce_blob
from entrepot.operations.upstreams import origin_of
from entrepot.ports.fetch import Basic, Bearer, Origin

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from typing import BinaryIO

    from entrepot.model.access import Caller
    from entrepot.model.artifact import Descriptor
    from entrepot.model.names import ReferenceName
    from entrepot.model.upstream import Upstream
    from entrepot.operations.fetch_file import Arrival
    from entrepot.operations.mirror import Answer
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob
    from entrepot.ports.catalog import Transaction

_ACCEPT: Final = {"accept": f"{IMAGE_INDEX}, {IMAGE_MANIFEST}, {DOCKER_MANIFEST_LIST}, {DOCKER_MANIFEST}"}
_ACCEPT_INDEX: Final = {"accept": IMAGE_INDEX}
_CHALLENGE: Final = re.compile(r'([a-z_]+)="([^"]*)"')
_UNAUTHORIZED: Final = 401
_NOT_FOR_US: Final = (401, 403)
_ANY: Final = PackageName("library/entrepot")
_OK: Final = 200
_MOST_PAGES: Final = 200
_LEAST_PAGE: Final = 50
"""Tags of a page behind which there may be others: nobody is known to send smaller ones."""
_TOKEN_SIZE: Final = 64 * 1024
_TOKEN_SECONDS: Final = 60
"""How long a token lasts when nobody says (Docker's token specification)."""


@dataclass(frozen=True, slots=True)
class RemoteManifest:
    """A manifest as another registry has it."""

    upstream: Upstream
    artifact: Artifact
    stale: str | None
    """Why it is not today's; None when it is."""


async def read_remote_manifest(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None,
    digest: Digest | None,
) -> RemoteManifest | None:
    """What upstreams have under a tag or a digest; None when there is nothing, or nobody to ask.

    What it needs is fetched from now on, behind the answer; before it, where policies are asked of what comes in.
    Raises `UpstreamUnavailable`, `UpstreamInvalid`, `PolicyDenied`, `Quarantined`, or what `access.require_read` raises.
    """
    upstreams = await upstreams_for(registry, caller, view, package)
    withheld = await registry.catalog.tombstones.list_withheld(package) if upstreams else ()
    if str(digest or name) in withheld:
        return None
    for upstream in upstreams:
        if name is not None and not upstream.rules.lets_in(package.format, package.name, name):
            continue
        where = _Repository(upstream, package)
        question = Question(
            where.target(f"manifests/{digest or name}"),
            _ACCEPT,
            limit=registry.limits.manifest_size,
            origin=where.find_origin,
            sha256=digest.hex if digest is not None and digest.algorithm == "sha256" else None,
            content=True,
        )
        answer = await ask(registry, upstream, package, question)
        if answer is None:
            continue
        try:
            artifact = Artifact.parse(answer.content, answer.media_type, digest=digest)
        except InvalidManifest as error:
            raise UpstreamInvalid(f"{package.name}:{digest or name}", expected=str(error)) from error
        # A tag may mean what was deleted here, or is blocked.
        await is_let_through(registry, caller, view, package, artifact.digest)
        if str(artifact.digest) in withheld:
            return None
        tags = () if name is None else (name,)
        if await is_guarded(registry, package):
            # Nobody gets ahead of the door.
            await _completed(registry, where, artifact, tags)
            await require_admitted(registry, package, artifact.digest)
        else:
            _complete(registry, where, artifact, tags)
        return RemoteManifest(upstream, artifact, answer.stale)
    return None


async def fetch_remote_blob(
    registry: Registry, caller: Caller, view: View, package: PackageId, digest: Digest
) -> Arrival | None:
    """Fetch a blob; None when nobody has it. Raises like `fetch_file`, or what `access.require_read` raises."""
    for upstream in await upstreams_for(registry, caller, view, package):
        try:
            return await _fetch_blob(registry, _Repository(upstream, package), digest)
        except FileUnknown:
            continue
    return None


async def _fetch_blob(registry: Registry, where: _Repository, digest: Digest) -> Arrival:
    async def publish(caller: Caller, blob: StoredBlob, _: None) -> None:
        await announce_blob(registry, caller, where.package, blob)

    wanted = Wanted(
        where.target(f"blobs/{digest}"),
        str(digest),
        digest=digest,
        origin=where.find_origin,
    )
    try:
        return await fetch_file(registry, where.upstream, where.package, wanted, Landing(_take, publish))
    except Erased:
        raise BlobErased(digest) from None


def _take(_: BinaryIO) -> None:
    """A blob is what its digest says; there is nothing to look for in it."""


def _is_base(head: bytes) -> bool:
    """Registries have nothing there, or something in JSON."""
    return not head.strip() or head.lstrip()[:1] == b"{"


async def _find_base(registry: Registry, upstream: Upstream) -> Origin:
    """With a token for some repository that need not be there, if the registry gives tokens out."""
    return await _Repository(upstream, PackageId(upstream.namespace, OCI, _ANY)).find_origin(registry, upstream)


class OciReadThrough:
    """What is asked of this format when no client of its own is asking."""

    probe = Probe("/v2/", is_answer=_is_base, from_root=True, find_origin=_find_base)
    """end-1 of the specification: what every registry has, for whoever may read anything."""

    async def list_versions(self, registry: Registry, caller: Caller, view: View, name: str) -> Listed | None:
        """As `entrepot.operations.registry.ReadThrough` says: the tags."""
        package = PackageId(view.namespace, OCI, RULES.normalize(name))
        for upstream in await upstreams_for(registry, caller, view, package):
            listed = await _ask_for_tags(registry, _Repository(upstream, package))
            if listed is not None:
                withheld = await withheld_among(registry, package, listed.versions)
                return replace(listed, versions=[tag for tag in listed.versions if tag not in withheld])
        return None

    async def fetch(self, registry: Registry, caller: Caller, wish: Wish) -> Sequence[Fetched]:
        """As `entrepot.operations.registry.ReadThrough` says: an image, or all images of an index, with their layers."""
        package, version = PackageId(wish.view.namespace, OCI, RULES.normalize(wish.name)), wish.version
        tag, digest = (None, Digest.parse(version)) if ":" in version else (RULES.parse_version(version), None)
        remote = await read_remote_manifest(registry, caller, wish.view, package, name=tag, digest=digest)
        if remote is None:
            raise ReferenceUnknown(version[:200])
        [artifact] = wish.select([(remote.artifact, [str(remote.artifact.digest)])])
        fetched = [Fetched("", artifact.digest, len(artifact.content))]
        for link in artifact.links:
            if link.kind is LinkKind.MANIFEST:
                fetched += await self.fetch(registry, caller, Wish(wish.view, wish.name, str(link.target.digest)))
            elif link.required:
                fetched.append(Fetched("", link.target.digest, link.target.size))
        await _completed(registry, _Repository(remote.upstream, package), artifact, () if tag is None else (tag,))
        return fetched


async def _ask_for_tags(registry: Registry, where: _Repository) -> Listed | None:
    """All tags that may come from there, page by page.

    Some registries send all at once, some of these also when they are asked for what comes behind them.
    """
    rules, package = where.upstream.rules, where.package
    found: dict[str, None] = {}
    stale: str | None = None
    target = where.target("tags/list")
    for _ in range(_MOST_PAGES):
        answer = await ask(registry, where.upstream, package, Question(target, origin=where.find_origin))
        if answer is None:
            break
        stale = stale or answer.stale
        page, known = _read_tags(answer.content), len(found)
        found |= dict.fromkeys(page)
        if len(page) < _LEAST_PAGE or len(found) == known:
            break
        target = f"{where.target('tags/list')}?{urlencode({'last': page[-1]})}"
    else:
        stale = stale or "it has more tags than are read"
    if answer is None and not found:
        return None
    return Listed([tag for tag in found if _is_tag(tag) and rules.lets_in(package.format, package.name, tag)], stale)


def _is_tag(text: str) -> bool:
    try:
        RULES.parse_version(text)
    except InvalidReference:
        return False
    return True


class _Tags(msgspec.Struct):
    tags: list[str] | None = None


def _read_tags(content: bytes) -> Sequence[str]:
    try:
        return msgspec.json.decode(content, type=_Tags).tags or ()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamInvalid("the list of tags", expected="JSON with tags") from error


# --- referrers ---


@dataclass(frozen=True, slots=True)
class RemoteReferrers:
    """What refers to a digest, as another registry has it."""

    found: Sequence[Descriptor] = ()
    stale: str | None = None
    """Why it is not today's; None when it is."""


async def list_remote_referrers(
    registry: Registry, caller: Caller, view: View, package: PackageId, subject: Digest
) -> RemoteReferrers | None:
    """What upstreams have that refers to *subject*, by the referrers API or under the fallback tag; None for nothing.

    An upstream that fails takes nothing away of what is here. Raises what `access.require_read` raises.
    """
    for upstream in await upstreams_for(registry, caller, view, package):
        where = _Repository(upstream, package)
        try:
            for rest in (f"referrers/{subject}", f"manifests/{fallback_of(subject)}"):
                question = Question(
                    where.target(rest), _ACCEPT_INDEX, limit=registry.limits.manifest_size, origin=where.find_origin
                )
                answer = await ask(registry, upstream, package, question)
                if answer is not None:
                    return RemoteReferrers(_read_index(answer), answer.stale)
        except (UpstreamUnavailable, UpstreamInvalid) as error:
            return RemoteReferrers(stale=str(error))
    return None


def _read_index(answer: Answer) -> Sequence[Descriptor]:
    try:
        index = Artifact.parse(answer.content, IMAGE_INDEX)
    except InvalidManifest as error:
        raise UpstreamInvalid("the list of referrers", expected=str(error)) from error
    return [link.target for link in index.links if link.target.media_type in MANIFEST_TYPES]


# --- publishing what came ---


def _complete(registry: Registry, where: _Repository, artifact: Artifact, tags: tuple[ReferenceName, ...]) -> None:
    """Fetch what a manifest needs and publish it, while its client goes on."""
    key = _completion(where, artifact, tags)
    if registry.flights.find(key) is None:
        registry.flights.begin(key, artifact, partial(_fetch_and_publish, registry, where, artifact, tags))


async def _completed(
    registry: Registry, where: _Repository, artifact: Artifact, tags: tuple[ReferenceName, ...]
) -> None:
    """Wait until that is done. Raises like `fetch_file`."""
    key = _completion(where, artifact, tags)
    await registry.flights.join(key, partial(_fetch_and_publish, registry, where, artifact, tags))


def _completion(where: _Repository, artifact: Artifact, tags: tuple[ReferenceName, ...]) -> Hashable:
    return ("complete", str(where.package), str(artifact.digest), tags)


async def _fetch_and_publish(
    registry: Registry, where: _Repository, artifact: Artifact, tags: tuple[ReferenceName, ...]
) -> None:
    view = View(where.package.namespace)
    if await _is_published(registry, view, where.package, artifact, tags):
        return
    for link in artifact.links:
        if link.kind is LinkKind.MANIFEST or not link.required:
            continue
        if await registry.catalog.find_blob(view, where.package, link.target.digest) is None:
            arrival = await _fetch_blob(registry, where, link.target.digest)
            await arrival.blob
    await publish_composed(
        registry,
        caller_of(where.upstream),
        where.package,
        partial(_draft, package=where.package, artifact=artifact, names=tags),
    )


async def _is_published(
    registry: Registry, view: View, package: PackageId, artifact: Artifact, tags: tuple[ReferenceName, ...]
) -> bool:
    names = [await registry.catalog.find_artifact(view, package, name=name) for name in tags]
    found = await registry.catalog.find_artifact(view, package, digest=artifact.digest)
    return found is not None and all(each is not None and each.digest == artifact.digest for each in names)


def _draft(transaction: Transaction, package: PackageId, artifact: Artifact, names: tuple[ReferenceName, ...]) -> Draft:
    """What the namespace's rules call a version never moves here, whatever the upstream does with it."""
    namespace = transaction.find_namespace(package.namespace)
    if namespace is None:
        raise NamespaceUnknown(package.namespace)
    versions = tuple(name for name in names if namespace.rules.kind_of(name) is ReferenceKind.VERSION)
    return Draft(
        _without_absent(transaction, package, artifact),
        tags=versions,
        moving=tuple(name for name in names if name not in versions),
    )


def _without_absent(transaction: Transaction, package: PackageId, artifact: Artifact) -> Artifact:
    """An index needs those of its images that somebody asked for; the others are only named."""
    absent = set(transaction.missing_members(package, artifact))
    return replace(
        artifact,
        links=tuple(
            replace(link, required=False) if link.kind is LinkKind.MANIFEST and link.target.digest in absent else link
            for link in artifact.links
        ),
    )


# --- where, and with what ---


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    expires_in: int = _TOKEN_SECONDS


@dataclass(frozen=True, slots=True)
class _Repository:
    """A package's counterpart in another registry."""

    upstream: Upstream
    package: PackageId

    @property
    def name(self) -> str:
        """What it is called there: what the upstream's address has as a path comes first."""
        prefix = urlsplit(self.upstream.url).path.strip("/")
        return f"{prefix}/{self.package.name}" if prefix else self.package.name

    def target(self, rest: str) -> str:
        """The address of something in it."""
        parts = urlsplit(self.upstream.url)
        return f"{parts.scheme}://{parts.netloc}/v2/{quote(self.name)}/{quote(rest, safe='/:')}"

    async def find_origin(self, registry: Registry, upstream: Upstream) -> Origin:
        """Where to ask, with a token if the registry gives them out (Docker's token authentication)."""
        origin = await origin_of(registry, upstream)
        key = (*_identity(upstream), self.name)
        known = _TOKENS.get(key)
        now = registry.clock.now()
        if known is None or known.until <= now:
            token = await registry.flights.join(("token", *key), lambda: self._ask_for_token(registry, origin))
            if len(_TOKENS) >= _MOST_TOKENS:
                _TOKENS.clear()
            seconds = _TOKEN_SECONDS if token is None else max(_TOKEN_SECONDS, token.expires_in)
            text = None if token is None else token.token or token.access_token
            known = _TOKENS[key] = _Known(text, now + timedelta(seconds=seconds * 0.8))
        return origin if known.token is None else replace(origin, credentials=Bearer(known.token))

    async def _ask_for_token(self, registry: Registry, origin: Origin) -> _Token | None:
        """None when the registry takes what the administrator gave, or nothing."""
        root = f"{origin.scheme}://{_authority(origin)}/v2/"
        answer = await registry.fetcher.get(replace(origin, credentials=None), root, headers={}, limit=_TOKEN_SIZE)
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status != _UNAUTHORIZED or not challenge.lower().startswith("bearer "):
            return None
        said = dict(_CHALLENGE.findall(challenge))
        realm = said.get("realm", "")
        asked = {"scope": f"repository:{self.name}:pull"} | ({"service": said["service"]} if "service" in said else {})
        try:
            issuer = Origin.parse(realm, credentials=_for_issuer(origin, realm), private=_is_own(origin, realm))
        except (Invalid, ValueError) as error:
            raise UpstreamInvalid(f"the token service of {origin}", expected="an address of http or https") from error
        document = await registry.fetcher.get(
            issuer, f"{realm}?{urlencode(asked)}", headers={"accept": "application/json"}, limit=_TOKEN_SIZE
        )
        if document.status != _OK:
            reason = ""
            if document.status in _NOT_FOR_US:
                reason = ": it refuses the credentials" if issuer.credentials else ": it wants credentials"
            raise UpstreamUnavailable(f"the token service of {origin} answers {document.status}{reason}")
        try:
            return msgspec.json.decode(document.body, type=_Token)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise UpstreamInvalid(f"the token of {origin}", expected="JSON with a token") from error


@dataclass(frozen=True, slots=True)
class _Known:
    token: str | None
    until: datetime


_TOKENS: Final[dict[tuple[str, ...], _Known]] = {}
"""By upstream and repository; in memory alone, and for minutes."""
_MOST_TOKENS: Final = 1_000


def _identity(upstream: Upstream) -> tuple[str, ...]:
    return (upstream.namespace, upstream.format, upstream.name, upstream.url, str(upstream.has_credentials))


def _authority(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return f"{host}:{origin.port}"


def _is_own(origin: Origin, realm: str) -> bool:
    """Whether a registry's token service is at its own address, and so as private as the administrator lets it be."""
    parts = urlsplit(realm)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return origin.private and (parts.scheme, parts.hostname, port) == (origin.scheme, origin.host, origin.port)


def _for_issuer(origin: Origin, realm: str) -> Basic | None:
    """The administrator's password is for the registry's token service, wherever that is, but never in the clear."""
    if not isinstance(origin.credentials, Basic):
        return None
    if urlsplit(realm).scheme != "https" and not _is_own(origin, realm):
        return None
    return origin.credentials

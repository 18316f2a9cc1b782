"""Ask upstreams before clients do: what they say now of packages, and for versions that will be wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.artifact import Artifact, LinkKind
from entrepot.model.errors import PackageUnknown
from entrepot.model.names import PackageId, View
from entrepot.operations import access
from entrepot.operations.registry import Fetched, Wish
from entrepot.operations.resolve import resolve
from entrepot.operations.upstreams import require_govern, require_read_through

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.names import FormatName, PackageName
    from entrepot.model.upstream import Upstream
    from entrepot.operations.registry import Listed, Registry
    from entrepot.ports.catalog import Transaction

_TITLE = "org.opencontainers.image.title"


async def list_mirrored_packages(
    registry: Registry, caller: Caller, upstream: Upstream, *, after: str = "", limit: int
) -> Sequence[PackageName]:
    """A page of the packages that an upstream was asked for, by name.

    Raises `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    await require_govern(registry, caller, upstream)
    return await registry.catalog.list_mirrored_packages(upstream, after=after, limit=limit)


async def refresh(registry: Registry, caller: Caller, upstream: Upstream, name: str) -> Listed:
    """Ask an upstream now what it has of a package that it was asked for before, however new its last answer is.

    What is as it was only counts as new again. Where it does not answer, its last answer stays, and the reason is told.

    Raises `PackageUnknown` for what it was never asked for, `InvalidName`, `UpstreamUnavailable`, `UpstreamInvalid`,
    `UpstreamUnknown`, `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    await require_govern(registry, caller, upstream)
    package = PackageId(upstream.namespace, upstream.format, registry.formats[upstream.format].normalize(name))

    def change(transaction: Transaction) -> None:
        if not transaction.outdate_mirrored(upstream, package):
            raise PackageUnknown(f"{upstream.name}: {package.name}")

    await registry.catalog.write(change)
    reading = require_read_through(registry, upstream.format)
    listed = await reading.list_versions(registry, caller, View(upstream.namespace), name)
    if listed is None:
        raise PackageUnknown(f"{upstream.name}: {package.name}")
    return listed


async def fetch_version(
    registry: Registry,
    caller: Caller,
    view: View,
    format: FormatName,
    name: str,
    *,
    version: str,
    hashes: Collection[str] = (),
) -> Sequence[Fetched]:
    """Have a version here before it is wanted: fetched from an upstream, unless it is one of the namespace's own.

    Where a version has several files, only those with one of *hashes* are fetched; without any, all.

    Whoever may publish there may do this: it brings versions in, without anybody having asked for them.

    Raises `ReadOnly` for a channel's view, `Invalid` for a format that does not read through, `Denied`, and like
    `ReadThrough.fetch` and `entrepot.operations.resolve.resolve`.
    """
    access.require_writable(view)
    rules = registry.formats[format]
    package = PackageId(view.namespace, format, rules.normalize(name))
    await access.require(registry, caller, Action.PUBLISH, package)
    row = await registry.catalog.find_package(view, package)
    if row is not None and row.hosted:
        found = await resolve(registry, caller, view, package, name=rules.parse_version(version))
        artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
        return [
            Fetched(link.target.annotations.get(_TITLE, ""), link.target.digest, link.target.size)
            for link in artifact.links
            if link.kind is LinkKind.LAYER
        ]
    wish = Wish(view, name, version, frozenset(hashes))
    return await require_read_through(registry, format).fetch(registry, caller, wish)

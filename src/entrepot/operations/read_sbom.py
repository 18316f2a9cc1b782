"""What is in an artifact, as a reader may know it: the documents, and all that they say put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from entrepot.inventory.inventory import Edge, Inventory
from entrepot.model.artifact import Artifact, LinkKind
from entrepot.model.component import Component, Relation
from entrepot.operations.index_sbom import read_indexed
from entrepot.operations.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName, View
    from entrepot.operations.registry import Registry
    from entrepot.ports.inventories import LicenceRow, SbomRow

_MOST_CHILDREN: Final = 100


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of what is in an artifact."""

    digest: Digest
    documents: Sequence[SbomRow]
    """Of an index also those of the manifests that it lists."""
    licences: Sequence[LicenceRow]


async def list_documents(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None = None,
    digest: Digest | None = None,
) -> Known:
    """The documents about what a name or a digest means. Raises like `resolve`."""
    subjects = await _subjects(registry, caller, view, package, name=name, digest=digest)
    documents: list[SbomRow] = []
    licences: dict[str, LicenceRow] = {}
    for each in subjects:
        documents += await registry.catalog.inventories.list_sboms(package, each)
        for row in await registry.catalog.inventories.list_licences(package, each):
            known = licences.get(row.expression)
            licences[row.expression] = (
                row if known is None else replace(row, components=known.components + row.components)
            )
    return Known(subjects[0], documents, sorted(licences.values(), key=lambda row: row.expression))


async def read_inventory(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None = None,
    digest: Digest | None = None,
) -> Inventory:
    """All that is known to be in what a name or a digest means; nothing where no document says. Raises like `resolve`."""
    subjects = await _subjects(registry, caller, view, package, name=name, digest=digest)
    said: list[Inventory] = []
    unread: list[str] = []
    for each in subjects:
        said += [inventory for _, inventory in await read_indexed(registry, package, each)]
        rows = await registry.catalog.inventories.list_sboms(package, each)
        unread += [f"{row.sbom.carrier}: {row.sbom.problem}" for row in rows if row.sbom.problem is not None]
    merged = merge(said)
    return replace(merged, unread=(*merged.unread, *unread))


async def _subjects(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None,
    digest: Digest | None,
) -> list[Digest]:
    """The artifact, and the manifests of an index as far as the view shows them."""
    found = await resolve(registry, caller, view, package, name=name, digest=digest)
    artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
    children = [link.target.digest for link in artifact.links if link.kind is LinkKind.MANIFEST][:_MOST_CHILDREN]
    seen = [each for each in children if await registry.catalog.find_artifact(view, package, digest=each) is not None]
    return [found.digest, *seen]


def merge(said: Iterable[Inventory]) -> Inventory:
    """Several inventories of one thing as one: each component once, the first document that has it deciding."""
    components: list[Component] = []
    places: dict[tuple[object, ...], int] = {}
    edges: dict[Edge, None] = {}
    unread: dict[str, None] = {}
    tools: dict[str, None] = {}
    for inventory in said:
        moved = [_place(each, components, places) for each in inventory.components]
        edges |= dict.fromkeys(Edge(moved[edge.source], moved[edge.target]) for edge in inventory.edges)
        unread |= dict.fromkeys(inventory.unread)
        tools |= dict.fromkeys(inventory.tools)
    return Inventory(tuple(components), tuple(edges), tools=tuple(tools), unread=tuple(unread))


def _place(component: Component, components: list[Component], places: dict[tuple[object, ...], int]) -> int:
    if component.relation is Relation.SUBJECT and components and components[0].relation is Relation.SUBJECT:
        return 0  # They are about the same thing, whatever they call it.
    key = (component.purl or component.name, component.version, component.constraint, component.kind)
    known = places.get(key)
    if known is None:
        places[key] = known = len(components)
        components.append(component)
    else:
        before = components[known]
        components[known] = replace(
            before,
            licence=before.licence or component.licence,
            hashes=before.hashes or component.hashes,
            relation=min(before.relation, component.relation, key=lambda each: each.rank),
        )
    return known

"""Everything that is known of one artifact in a package, as far as the view shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.model.artifact import Artifact
from entrepot.model.errors import ArtifactUnknown
from entrepot.operations.browse import list_referrers
from entrepot.operations.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.artifact import Link
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName, View
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import ArtifactSummary, Clearance


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the registry knows of an artifact: what it says itself, and what is said of it."""

    summary: ArtifactSummary
    references: Sequence[ReferenceName]
    links: Sequence[Link]
    subject: Digest | None
    referrers: Sequence[ArtifactSummary]
    clearances: Sequence[Clearance]


async def inspect(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None = None,
    digest: Digest | None = None,
) -> Inspection:
    """All about the artifact that *name* or *digest* means; of its referrers, as many as a page has.

    Raises like `resolve`.
    """
    found = await resolve(registry, caller, view, package, name=name, digest=digest)
    details = await registry.catalog.find_details(view, package, found.digest)
    if details is None:  # Deleted between the two questions.
        raise ArtifactUnknown(found.digest)
    artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
    return Inspection(
        summary=details.summary,
        references=details.references,
        links=artifact.links,
        subject=None if artifact.subject is None else artifact.subject.digest,
        referrers=await list_referrers(registry, caller, view, package, found.digest, limit=registry.limits.page),
        clearances=details.clearances,
    )

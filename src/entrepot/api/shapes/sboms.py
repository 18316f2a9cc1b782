"""What the management API writes about what is in artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from entrepot.api.shapes.basics import PageQuery
from entrepot.api.shapes.texts import ArtifactText, DigestText, Position

if TYPE_CHECKING:
    from entrepot.inventory.compare import Change
    from entrepot.model import component
    from entrepot.operations.read_sbom import Known
    from entrepot.ports import inventories


class Sbom(Struct, frozen=True):
    """A document that says what is in an artifact."""

    carrier: Annotated[
        str, Meta(description="The referrer that brings it; the artifact itself where none could be made.")
    ]
    content: Annotated[str, Meta(description="The digest of the bytes that hold the document.")]
    source: Annotated[
        str,
        Meta(
            description="`attested`: in a signed statement; `uploaded`: by itself; `generated`: made here.",
            examples=["generated"],
        ),
    ]
    form: Annotated[str, Meta(description="Empty where nobody can tell.", examples=["CycloneDX 1.6"])]
    components: Annotated[int, Meta(description="How many it lists.", examples=[120])]
    unread: Annotated[int, Meta(description="How many files could not be looked into.", examples=[0])]
    problem: Annotated[
        str | None, Meta(description="Why it cannot be read: nothing is known from it then.", examples=[None])
    ]
    position: Position

    @staticmethod
    def of(row: inventories.SbomRow) -> Sbom:
        """How a document is shown."""
        found = row.sbom
        return Sbom(
            str(found.carrier),
            str(found.content),
            str(found.source),
            found.form,
            found.components,
            found.unread,
            found.problem,
            row.position,
        )


class Licence(Struct, frozen=True):
    """A licence of what is in an artifact."""

    expression: Annotated[
        str,
        Meta(description="An SPDX expression, or as it is written where it is none.", examples=["MIT OR Apache-2.0"]),
    ]
    category: Annotated[
        str,
        Meta(
            description="What it asks: `public-domain`, `permissive`, `weak-copyleft`, `strong-copyleft`, "
            "`network-copyleft`, `proprietary` or `unknown`.",
            examples=["permissive"],
        ),
    ]
    components: Annotated[int, Meta(description="How many components have it.", examples=[12])]


class Sboms(Struct, frozen=True):
    """What is known of what is in an artifact."""

    digest: DigestText
    documents: list[Sbom]
    licences: list[Licence]

    @staticmethod
    def of(found: Known) -> Sboms:
        """How that is shown."""
        return Sboms(
            str(found.digest),
            [Sbom.of(row) for row in found.documents],
            [Licence(row.expression, row.category, row.components) for row in found.licences],
        )


class Component(Struct, frozen=True):
    """A package in an artifact, or one that it needs."""

    name: Annotated[str, Meta(examples=["requests"])]
    version: Annotated[str | None, Meta(description="Null where no version is said.", examples=["2.31.0"])]
    purl: Annotated[str | None, Meta(description="Its package URL.", examples=["pkg:pypi/requests@2.31.0"])]
    licence: Annotated[str | None, Meta(examples=["Apache-2.0"])]
    relation: Annotated[
        str,
        Meta(
            description="`subject`, `contained`, `dependency` (needed, and perhaps not in it) or `declared` (by a lockfile in it)."
        ),
    ]
    kind: Annotated[str, Meta(description="In the words of CycloneDX.", examples=["library"])]
    constraint: Annotated[str | None, Meta(description="Which versions will do.", examples=[">=2,<3"])]
    hashes: list[str]
    found_in: Annotated[list[str], Meta(description="Paths in the artifact.")]

    @staticmethod
    def of(found: component.Component) -> Component:
        """How a component is shown."""
        return Component(
            found.name,
            found.version,
            None if found.purl is None else str(found.purl),
            found.licence,
            str(found.relation),
            found.kind,
            found.constraint,
            list(found.hashes),
            list(found.found_in),
        )


class ComponentChange(Struct, frozen=True):
    """A difference between two artifacts."""

    kind: Annotated[str, Meta(description="`added`, `removed`, `version` or `licence`.", examples=["version"])]
    component: Component
    before: Annotated[Component | None, Meta(description="What it was, when it is something else now.")]

    @staticmethod
    def of(found: Change) -> ComponentChange:
        """How a difference is shown."""
        before = None if found.before is None else Component.of(found.before)
        return ComponentChange(str(found.kind), Component.of(found.component), before)


class ChangesQuery(PageQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """With what an artifact is compared."""

    before: ArtifactText

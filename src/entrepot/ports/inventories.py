"""What is in artifacts, as SBOMs say it: an area of the catalog (`entrepot.ports.cursors` says what that is).

It is known for each package that has an artifact: what is said of the same bytes elsewhere is nothing that is known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from entrepot.model.component import Relation
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.model.position import Position
    from entrepot.model.purl import Purl


class SbomSource(StrEnum):
    """Whose word an SBOM is."""

    ATTESTED = "attested"
    """Of whoever signed the statement that it came in; whether the signature counts is for verification to say."""
    UPLOADED = "uploaded"
    """Of whoever pushed it."""
    GENERATED = "generated"
    """Ours, from what the artifact itself says."""


@dataclass(frozen=True, slots=True)
class Sbom:
    """A document about an artifact."""

    carrier: Digest
    """The referrer that brings it."""
    content: Digest
    """What its bytes are called: those of the document, or of the statement that holds it."""
    source: SbomSource
    form: str
    """``CycloneDX 1.6``; empty where nobody can tell."""
    components: int
    unread: int = 0
    """How many files could not be looked into: what is in those is not known."""
    problem: str | None = None
    """Why it cannot be read: then nothing is known from it."""
    ordinal: int = 0
    """Its place among the layers of what brings it."""


@dataclass(frozen=True, slots=True)
class SbomRow:
    """The same, and since when it is known."""

    sbom: Sbom
    position: Position


@dataclass(frozen=True, slots=True)
class LicenceRow:
    """A licence of what is in an artifact."""

    expression: str
    """An SPDX expression, or as it is written where it is none."""
    category: str
    """What it asks: `entrepot.inventory.licences.Category`."""
    components: int
    """How many components have it."""


class Inventories(Protocol):
    """What is known of what is in artifacts."""

    async def list_sboms(self, package: PackageId, subject: Digest) -> Sequence[SbomRow]:
        """The documents about an artifact that are in the package, in the order in which they came."""

    async def list_components(self, package: PackageId, subject: Digest) -> Sequence[tuple[Purl, Relation]]:
        """What all documents of the package together say is in it, as far as it has package URLs."""

    async def list_licences(self, package: PackageId, subject: Digest) -> Sequence[LicenceRow]:
        """The licences of that."""

    async def find_subjects(self, package: PackageId, carrier: Digest) -> Sequence[Digest]:
        """What the documents that an artifact once brought are about."""


class InventoryChanges(Protocol):
    """What a change may do to that."""

    def keep(self, package: PackageId, subject: Digest, sbom: Sbom) -> bool:
        """Know of a document; False when that is no news."""

    def add_components(self, package: PackageId, subject: Digest, components: Mapping[Purl, Relation]) -> None:
        """Let an artifact of the package have these, too."""

    def set_components(
        self,
        package: PackageId,
        subject: Digest,
        components: Mapping[Purl, Relation],
        licences: Iterable[LicenceRow],
    ) -> None:
        """Let an artifact of the package have these components and licences and no others."""

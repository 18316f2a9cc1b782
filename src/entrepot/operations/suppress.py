"""Who says that a flaw does not matter in an artifact, and may: signed statements (VEX) and people's own decisions.

A statement counts as long as a signer is believed who may suppress in so many words (`Scope.may_suppress`); a decision
until it ends. Both are asked whenever findings are: nobody has to do anything when one ends or a signer is revoked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.assessment import Suppression
from entrepot.model.component import Relation
from entrepot.operations.exempt import MOST_STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from entrepot.model.assessment import Exemption
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.model.purl import Purl
    from entrepot.operations.registry import Registry
    from entrepot.ports.assessments import VexRow

_IMAGES: Final = "oci"


@dataclass(frozen=True, slots=True)
class Judgements:
    """All that is said for an artifact and what it contains."""

    digest: Digest
    statements: Mapping[str, Sequence[VexRow]]
    """By the names of the flaws."""
    exemptions: Mapping[str, Sequence[Exemption]]
    products: Mapping[Digest, frozenset[str]]
    """What each of the artifacts is called, of those that somebody says something of."""
    now: datetime

    def find(self, flaws: Iterable[str], component: Purl | None, artifacts: Collection[Digest]) -> Suppression | None:
        """Why a finding does not count; None when it does. In every one of *artifacts* somebody must say so."""
        names = frozenset(flaws)
        found: Suppression | None = None
        for artifact in artifacts:
            found = self._find_in(names, component, artifact)
            if found is None:
                return None
        return found

    def _find_in(self, flaws: frozenset[str], component: Purl | None, artifact: Digest) -> Suppression | None:
        where = {self.digest, artifact}
        for flaw in sorted(flaws):
            for each in self.exemptions.get(flaw, ()):
                if each.suppresses(flaws, artifacts=where, component=component, now=self.now):
                    return Suppression(each.actor, each.reason, each.status, each.at, each.until, each.id)
            for row in self.statements.get(flaw, ()):
                said = row.statement
                if row.subject in where and said.suppresses(
                    flaws, products=self.products[row.subject], component=component, now=self.now
                ):
                    return Suppression(_by(row), said.reason, said.status, said.at, said.until, str(row.carrier))
        return None


def _by(row: VexRow) -> str:
    signers = ", ".join(sorted(signer.name for signer in row.signers if signer.counts))
    return f"{signers} ({row.statement.author})" if row.statement.author else signers


async def read_judgements(registry: Registry, package: PackageId, digest: Digest) -> Judgements:
    """What counts now for an artifact of a package."""
    assessments = registry.catalog.assessments
    statements: dict[str, list[VexRow]] = {}
    products: dict[Digest, frozenset[str]] = {}
    for row in await assessments.list_vex(package, digest, counting=True, limit=MOST_STATEMENTS):
        for flaw in row.statement.flaws:
            statements.setdefault(flaw, []).append(row)
        if row.subject not in products:
            products[row.subject] = await _names_of(registry, package, row.subject)
    exemptions: dict[str, list[Exemption]] = {}
    for each in await assessments.list_exemptions(package):
        exemptions.setdefault(each.flaw, []).append(each)
    return Judgements(digest, statements, exemptions, products, registry.clock.now())


async def _names_of(registry: Registry, package: PackageId, digest: Digest) -> frozenset[str]:
    """What statements may call an artifact: its digest, and the package URLs of what it is."""
    components = await registry.catalog.inventories.list_components(package, digest)
    own = {str(purl) for purl, relation in components if relation is Relation.SUBJECT}
    if package.format == _IMAGES:
        own.add(f"pkg:oci/{package.name.rpartition('/')[2]}@{digest.algorithm}%3A{digest.hex}")
    return frozenset({str(digest), *own})

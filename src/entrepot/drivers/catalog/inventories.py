"""What is in artifacts: the area of the catalog for SBOMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from entrepot.drivers.catalog.components import columns, purl_of
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.component import Relation
from entrepot.model.digest import Digest
from entrepot.model.position import Position
from entrepot.ports.inventories import LicenceRow, Sbom, SbomRow, SbomSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import PackageId
    from entrepot.model.purl import Purl

INVENTORIES: Final = load("inventories")


class SqlInventories:
    """Implements `entrepot.ports.inventories.Inventories`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def list_sboms(self, package: PackageId, subject: Digest) -> Sequence[SbomRow]:
        """The documents about an artifact that are in the package, in the order in which they came."""
        found = await self._questions.one(INVENTORIES.find_package, **identity(package))
        if found is None:
            return ()
        rows = await self._questions.all(INVENTORIES.list_sboms, package=found[0], subject=str(subject))
        return [_sbom(row) for row in rows]

    async def list_components(self, package: PackageId, subject: Digest) -> Sequence[tuple[Purl, Relation]]:
        """What all documents of the package together say is in it, as far as it has package URLs."""
        found = await self._questions.one(INVENTORIES.find_package, **identity(package))
        if found is None:
            return ()
        rows = await self._questions.all(INVENTORIES.list_components, package=found[0], subject=str(subject))
        return [(purl_of(row[:5]), Relation(row[5])) for row in rows]

    async def list_licences(self, package: PackageId, subject: Digest) -> Sequence[LicenceRow]:
        """The licences of that."""
        found = await self._questions.one(INVENTORIES.find_package, **identity(package))
        if found is None:
            return ()
        rows = await self._questions.all(INVENTORIES.list_licences, package=found[0], subject=str(subject))
        return [LicenceRow(*row) for row in rows]

    async def find_subjects(self, package: PackageId, carrier: Digest) -> Sequence[Digest]:
        """What the documents that an artifact once brought are about."""
        found = await self._questions.one(INVENTORIES.find_package, **identity(package))
        if found is None:
            return ()
        rows = await self._questions.all(INVENTORIES.find_subjects, package=found[0], carrier=str(carrier))
        return [Digest.parse(digest) for (digest,) in rows]


class SqlInventoryChanges:
    """Implements `entrepot.ports.inventories.InventoryChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def keep(self, package: PackageId, subject: Digest, sbom: Sbom) -> bool:
        """Know of a document; False when that is no news."""
        session = self._session
        changed = session.run(
            INVENTORIES.keep_sbom,
            package=session.package_id(package),
            subject=session.blob_id(subject),
            carrier=session.blob_id(sbom.carrier),
            ordinal=sbom.ordinal,
            content=str(sbom.content),
            source=sbom.source,
            form=sbom.form,
            components=sbom.components,
            unread=sbom.unread,
            problem=sbom.problem,
            position=session.position,
        )
        return changed > 0

    def add_components(self, package: PackageId, subject: Digest, components: Mapping[Purl, Relation]) -> None:
        """Let an artifact have these, too."""
        found = {tuple(columns(purl).values()): relation for purl, relation in components.items()}
        rows = [(*row, relation) for row, relation in found.items()]
        self._session.run_rows(INVENTORIES.add_components, rows)
        self._session.run_rows(INVENTORIES.add_uses, rows, **self._place(package, subject))

    def set_components(
        self,
        package: PackageId,
        subject: Digest,
        components: Mapping[Purl, Relation],
        licences: Iterable[LicenceRow],
    ) -> None:
        """Let an artifact have these components and licences and no others."""
        session, place = self._session, self._place(package, subject)
        self.add_components(package, subject, components)
        kept = {tuple(columns(purl).values()) for purl in components}
        gone = [number for number, *row in session.all(INVENTORIES.list_uses, **place) if tuple(row) not in kept]
        session.run_rows(INVENTORIES.remove_uses, gone, **place)
        session.run(INVENTORIES.forget_licences, **place)
        for each in licences:
            session.run(INVENTORIES.add_licence, expression=each.expression, category=each.category)
            session.run(INVENTORIES.add_licence_use, **place, expression=each.expression, components=each.components)

    def _place(self, package: PackageId, subject: Digest) -> dict[str, int]:
        """The columns that say of what something is known, and where."""
        return {"package": self._session.package_id(package), "blob": self._session.blob_id(subject)}


def _sbom(row: tuple[Any, ...]) -> SbomRow:
    _, carrier, ordinal, content, source, form, components, unread, problem, position = row
    return SbomRow(
        Sbom(
            carrier=Digest.parse(carrier),
            ordinal=ordinal,
            content=Digest.parse(content),
            source=SbomSource(source),
            form=form,
            components=components,
            unread=unread,
            problem=problem,
        ),
        Position(position),
    )

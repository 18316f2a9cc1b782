"""What was deleted and can be had back: the trash area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.parts import MOST_PARTS, PARTS, Parts
from entrepot.drivers.catalog.protections import SqlProtectionQuestions
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.digest import Digest
from entrepot.model.names import ReferenceName
from entrepot.model.position import Position
from entrepot.ports.trash import Deleted, Kind, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.model.reference import Reference

TRASH: Final = load("trash")
_NO_PACKAGE: Final = {"format": None, "package": None}


class SqlTrash:
    """Implements `entrepot.ports.trash.Trash`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def list(
        self, namespace: NamespaceName, package: PackageId | None = None, *, before: Position | None = None, limit: int
    ) -> Sequence[Deleted]:
        """A page of what left a namespace, or one of its packages, and is still here: the last first."""
        where = {"namespace": namespace, **_NO_PACKAGE} if package is None else identity(package)
        return [
            Deleted(
                package=rows.package_id(owner, format_, name),
                digest=Digest.parse(digest),
                names=tuple(ReferenceName(each) for each in msgspec.json.decode(names, type=list[str])),
                position=Position(position),
                at=rows.parse_time(at),
                actor=actor,
                condemned_at=None if condemned_at is None else rows.parse_time(condemned_at),
            )
            for owner, format_, name, digest, position, at, actor, condemned_at, names in await self._questions.all(
                TRASH.list_trash, **where, before=before, limit=limit
            )
        ]


class SqlTrashChanges:
    """Implements `entrepot.ports.trash.TrashChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_last(self, package: PackageId, name: ReferenceName) -> Reference | None:
        """What a name means, or meant last."""
        package_id = self._session.find_package_id(package)
        row = self._session.one(TRASH.find_last, package=package_id, name=name)
        return None if row is None else rows.reference(row)

    def list_names(self, package: PackageId, digest: Digest) -> Sequence[Reference]:
        """What an artifact was called when it last left the package, as far as the names are free now."""
        place = self._place(package, digest)
        return [rows.reference(row) for row in self._session.all(TRASH.names_when_it_left, **place)]

    def was_there(self, package: PackageId, digest: Digest) -> bool:
        """Whether an artifact ever was in the package."""
        return self._session.one(TRASH.was_there, **self._place(package, digest)) is not None

    def list_companions(self, package: PackageId, digest: Digest) -> Sequence[Digest]:
        """What left a package by the same change as an artifact did when it last left, in the order in which it came."""
        found = self._session.all(TRASH.companions, **self._place(package, digest))
        return [Digest.parse(each) for (each,) in found]

    def list_referring(self, package: PackageId, digest: Digest) -> Sequence[Digest]:
        """What goes with an artifact that a person deletes: what refers to it, unless something else needs that."""
        blob = self._session.blob_id(digest)
        asked = {"package": self._session.package_id(package), "blob": blob, "whole": False, "limit": MOST_PARTS}
        parts = Parts(blob, self._session.all(PARTS.list_parts, **asked))
        protections = SqlProtectionQuestions(self._session)
        for part in parts.digests:
            if protections.find(package, part, limit=1):
                parts.keep(part)
        return parts.settle()

    def is_purged(self, package: PackageId, digest: Digest) -> bool:
        """Whether an artifact was taken out of the trash for good since it last left the package."""
        return self._session.one(TRASH.is_purged, **self._place(package, digest)) is not None

    def purge(self, package: PackageId, digest: Digest) -> None:
        """Let an artifact that left a package never be had back."""
        self._session.run(TRASH.purge, **self._place(package, digest), position=self._session.position)

    def is_needed(self, digest: Digest) -> bool:
        """Whether some bytes are in a package, or may come back to one."""
        return self._session.one(TRASH.is_needed, blob=self._session.blob_id(digest)) is not None

    def list_content(self, digest: Digest) -> Sequence[Part]:
        """What an artifact links that is still here."""
        found = self._session.all(TRASH.list_content, blob=self._session.blob_id(digest))
        return [Part(Digest.parse(each), is_artifact=bool(is_artifact), size=size) for each, size, is_artifact in found]

    def list_missing(self, digest: Digest) -> Sequence[Digest]:
        """What of an artifact, and of all that it contains, is not here any more."""
        blob = self._session.find_blob_id(digest)
        return [Digest.parse(missing) for (missing,) in self._session.all(TRASH.missing_within, blob=blob)]

    def describe(self, digest: Digest) -> Kind:
        """What an artifact is that is or was in a package."""
        media_type, artifact_type, subject = self._session.returned(TRASH.describe, digest=str(digest))
        return Kind(media_type, artifact_type, None if subject is None else Digest.parse(subject))

    def revive(self, digest: Digest) -> Sequence[Part]:
        """Let an artifact, and all that it contains, be condemned no more; what it is made of, the innermost first."""
        parts = []
        for blob, inner, is_artifact, _ in self._session.all(TRASH.within, blob=self._session.blob_id(digest)):
            self._session.run(TRASH.revive, blob=blob)
            parts.append(Part(Digest.parse(inner), is_artifact=bool(is_artifact)))
        return parts

    def _place(self, package: PackageId, digest: Digest) -> dict[str, int | None]:
        return {
            "package": self._session.find_package_id(package),
            "blob": self._session.find_blob_id(digest),
        }

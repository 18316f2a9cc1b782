"""What a package's own metadata says of it: itself, its files, and what it needs.

Metadata names what is needed and which versions will do, never which version somebody will have: so what is needed has
no version here, and its constraint beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from entrepot.inventory.inventory import Edge, Inventory
from entrepot.inventory.limits import LIMITS
from entrepot.inventory.reading import licence_of
from entrepot.model.component import Component, Relation
from entrepot.model.errors import InvalidName
from entrepot.model.purl import Purl

if TYPE_CHECKING:
    from entrepot.model.contents import File, FilePath

_MOST: Final = 10_000
"""Dependencies of one package."""


@dataclass(frozen=True, slots=True)
class Needed:
    """Another package that one needs."""

    type: str
    """As package URLs call it."""
    name: str
    namespace: str | None = None
    constraint: str | None = None
    """Which versions will do, as its ecosystem writes it."""
    contained: bool = False
    """Whether it is in the package's own files."""

    def component(self) -> Component:
        """As an inventory has it."""
        try:
            purl = Purl.of(self.type, self.name, namespace=self.namespace)
        except InvalidName:
            purl = None
        separator = ":" if self.type == "maven" else "/"
        full = self.name if self.namespace is None else f"{self.namespace}{separator}{self.name}"
        return Component(
            full[: LIMITS.text_size],
            None,
            purl,
            relation=Relation.CONTAINED if self.contained else Relation.DEPENDENCY,
            constraint=(self.constraint or "")[: LIMITS.text_size] or None,
        )


def describe_package(
    subject: Component, files: Mapping[FilePath, File], needed: Iterable[Needed] = (), *, licences: Iterable[str] = ()
) -> Inventory:
    """An inventory of a package with its files, and with what it needs. *licences* hold together."""
    listed = [
        Component(path, None, None, hashes=(str(file.digest),), relation=Relation.CONTAINED, kind="file")
        for path, file in list(files.items())[:_MOST]
    ]
    others = [each.component() for each in dict.fromkeys(list(needed)[:_MOST])]
    described = Component(
        name=subject.name,
        version=subject.version,
        purl=subject.purl,
        licence=licence_of(licences, LIMITS.text_size),
        # One file is the package; of several each has its own.
        hashes=listed[0].hashes if len(listed) == 1 else (),
        relation=Relation.SUBJECT,
        kind=subject.kind,
    )
    start = 1 + len(listed)
    return Inventory(
        components=(described, *listed, *others),
        edges=tuple(Edge(0, start + at) for at, each in enumerate(others) if each.relation is Relation.DEPENDENCY),
    )


def subject_of(
    type: str, name: str, version: str, *, namespace: str | None = None, kind: str = "library", full: str | None = None
) -> Component:
    """A package at a version. Raises `InvalidName`."""
    purl = Purl.of(type, name, version, namespace=namespace)
    return Component(full or name, version, purl, relation=Relation.SUBJECT, kind=kind)


def texts(value: Any) -> list[str]:
    """The texts of a list, or one text; what is neither says nothing: metadata of others is as it is."""
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list | tuple) else []


def pairs(value: Any) -> list[tuple[str, str]]:
    """A mapping of texts to texts, as far as it is one."""
    if not isinstance(value, dict):
        return []
    return [(key, each) for key, each in value.items() if isinstance(key, str) and isinstance(each, str)]


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """The mappings of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list | tuple) else []

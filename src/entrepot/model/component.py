"""What is inside an artifact: the packages that an SBOM lists."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from entrepot.model.purl import Purl


class Relation(StrEnum):
    """How a component belongs to what the SBOM is about."""

    SUBJECT = "subject"
    """It is what the SBOM describes."""
    CONTAINED = "contained"
    """Its files are in it."""
    DEPENDENCY = "dependency"
    """It needs it, and may not have its files."""
    DECLARED = "declared"
    """A file in it says that somebody once wanted it there, to the version; whether it is, nobody says."""

    @property
    def rank(self) -> int:
        """0 is the closest: of several relations of one component that one counts."""
        return _RANKS[self]


_RANKS: Final = {each: rank for rank, each in enumerate(Relation)}


@dataclass(frozen=True, slots=True)
class Component:
    """One package in an artifact."""

    name: str
    version: str | None
    purl: Purl | None
    """None when the SBOM does not say, or not validly."""
    licence: str | None = None
    """An SPDX expression, or as it was written where it is none."""
    hashes: tuple[str, ...] = ()
    """``sha256:…`` and the like, of its own archive or file."""
    relation: Relation = Relation.CONTAINED
    found_in: tuple[str, ...] = ()
    """The paths it was found at, where that is known."""
    kind: str = "library"
    """What it is, in the words of CycloneDX: ``library``, ``application``, ``container``, ``operating-system`` …"""
    constraint: str | None = None
    """Which versions will do, as its ecosystem writes it, where none is fixed: ``>=2,<3``."""

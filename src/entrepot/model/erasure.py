"""What is erased: bytes that must not be here, and that nobody may bring again (docs/decisions/0033-erasing.md)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from datetime import datetime

    from entrepot.model.names import ChannelName, PackageId, ReferenceName
    from entrepot.model.position import Position

EVERYBODYS: Final = frozenset(
    Digest(algorithm, hexadecimal)
    for content in (b"", b"{}")
    for algorithm, hexadecimal in (("sha256", Digest.of(content).hex), ("sha512", Digest.of(content, "sha512").hex))
)
"""What says nothing, and is a part of nearly everything: such as the config of an artifact that has none."""


@dataclass(frozen=True, slots=True)
class ErasedPart:
    """Bytes that go."""

    digest: Digest
    size: int
    media_type: str | None = None
    """An artifact's; None for a blob that is none."""
    artifact_type: str | None = None
    also: Digest | None = None
    """What the same bytes are called by the other algorithm, as far as they were read: they do not come as that either."""
    speaks: bool = False
    """Whether it goes only because it refers to what goes: a signature, an SBOM, or what one consists of."""

    @property
    def digests(self) -> tuple[Digest, ...]:
        """All that these bytes are called."""
        return (self.digest,) if self.also is None else (self.digest, self.also)


@dataclass(frozen=True, slots=True)
class ErasedPlace:
    """A package that has, or had, one of the parts."""

    package: PackageId
    digest: Digest
    is_open: bool
    """Whether it has it still."""
    names: tuple[ReferenceName, ...] = ()
    """What means it there, or meant it, in byte order."""
    channels: tuple[ChannelName, ...] = ()
    """In which it is cleared."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What goes with some bytes, and where all of it is."""

    parts: tuple[ErasedPart, ...]
    places: tuple[ErasedPlace, ...] = ()
    shared: tuple[Digest, ...] = ()
    """What of an artifact stays, because something else has it, too."""

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)

    @property
    def packages(self) -> tuple[PackageId, ...]:
        """Those that have or had any of it, each once."""
        return tuple(dict.fromkeys(place.package for place in self.places))

    @property
    def digests(self) -> tuple[Digest, ...]:
        """All that may not come again."""
        return tuple(digest for part in self.parts for digest in part.digests)

    def joined(self, other: Extent) -> Extent:
        """This and another one."""
        known = {part.digest for part in self.parts}
        places = {(place.package, place.digest) for place in self.places}
        return Extent(
            (*self.parts, *(part for part in other.parts if part.digest not in known)),
            (*self.places, *(place for place in other.places if (place.package, place.digest) not in places)),
            tuple(dict.fromkeys((*self.shared, *other.shared))),
        )

    @property
    def fingerprint(self) -> str:
        """Another one as soon as something else would go, or would go elsewhere.

        What only speaks of it, under no name, is left out: the registry itself may add an SBOM at any moment, and
        whoever goes on signing could keep it from being erased.
        """
        speaking = {part.digest for part in self.parts if part.speaks}
        lines = [str(part.digest) for part in self.parts if not part.speaks]
        lines += [
            f"{place.package.namespace}/{place.package.path} {place.digest} {','.join(place.names)} {','.join(place.channels)}"
            for place in self.places
            if place.is_open and (place.names or place.digest not in speaking)
        ]
        return sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Erasure:
    """Some bytes were erased."""

    target: Digest
    """What was asked for; the rest of the extent went with it."""
    reason: str
    actor: str
    extent: Extent
    position: Position
    """From which on nobody has them."""
    at: datetime
    sealed_position: Position | None = None
    """When all was done, and the tombstone signed; None until then."""
    tombstone: bytes | None = None
    """The signed statement, as it is handed out; None until then, and where the registry signs nothing."""

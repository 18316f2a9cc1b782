"""What a file in an image says, and how the readers of such files are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from entrepot.archives.tar import Content
    from entrepot.model.component import Component

Scratch = Callable[[], BinaryIO]
"""Makes an empty file that can be written, read and sought, for what has to be read out of order; closed after use."""


@dataclass(frozen=True, slots=True)
class System:
    """The distribution that an image was made from, as ``os-release`` says it."""

    id: str
    version: str | None
    like: tuple[str, ...] = ()
    name: str | None = None

    @property
    def qualifier(self) -> str:
        """``debian-12``, as package URLs have it."""
        return self.id if self.version is None else f"{self.id}-{self.version}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one file says."""

    components: tuple[Component, ...] = ()
    system: System | None = None
    licences: tuple[str, ...] = ()
    package: str | None = None
    """Whose licences these are."""
    unread: str | None = None
    """Why what may be in it is not known."""


class Reader(Protocol):
    """Reads one kind of file."""

    def wants(self, path: str, size: int) -> bool:
        """Whether a file may be of this kind, by its path and size alone."""

    def read(self, path: str, content: Content) -> Finding | None:
        """What it says; None where it is not of this kind after all.

        Raises `Invalid` where it is and cannot be read: that is noted, and the image's other files are read.
        """

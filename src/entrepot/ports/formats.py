"""What the core asks of a format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from entrepot.model.names import FormatName, PackageName, ReferenceName


class Rules(Protocol):
    """A format's rules for names: pure functions, no I/O."""

    @property
    def format(self) -> FormatName:
        """Its name: the path prefix, the metric label, the reserved first component of OCI names."""

    def normalize(self, name: str) -> PackageName:
        """The one spelling of a package's name. Raises `InvalidName`."""

    def parse_version(self, text: str) -> ReferenceName:
        """Read a version. Raises `InvalidReference`."""

"""What was deleted, and can be had back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from entrepot.client.connection import escape
from entrepot.client.packages import path_of
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entrepot.client.address import Address
    from entrepot.client.connection import Connection
    from entrepot.client.packages import Packages


@dataclass(frozen=True, slots=True)
class Deleted:
    """An artifact that was deleted."""

    namespace: str
    format: str
    package: str
    digest: Digest
    names: tuple[str, ...]
    """What it was called then."""
    actor: str
    at: datetime
    position: int
    until: datetime | None = None
    """When its bytes are given up; None when that is not near."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was had back."""

    digest: Digest
    names: tuple[str, ...]
    """The names that it has again."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What cannot be had back any more."""

    digest: Digest
    blobs: int
    """How many had their bytes deleted at once; others have the rest."""
    size: int
    """Bytes of these."""


@dataclass(frozen=True, slots=True)
class Trash:
    """What was deleted. Every method raises `ClientError`."""

    _connection: Connection
    _packages: Packages

    def iter(self, namespace: str) -> Iterator[Deleted]:
        """What was deleted in a namespace and can be had back, the last first."""
        return self._connection.pages(f"/api/v1/namespaces/{escape(namespace)}/trash", Deleted)

    def restore(self, address: Address | str) -> Restored:
        """Have back what a name meant, or an artifact by its digest."""
        located = self._packages.locate(address)
        path = f"{path_of(located)}/-/trash/{escape(located.reference)}"
        return self._connection.call("POST", path).read(Restored)

    def purge(self, address: Address | str) -> Purged:
        """Take out of the trash for good what a name meant, or an artifact by its digest."""
        located = self._packages.locate(address)
        path = f"{path_of(located)}/-/trash/{escape(located.reference)}"
        return self._connection.call("DELETE", path).read(Purged)

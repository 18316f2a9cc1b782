"""What every part of a change stands on: statements, and the rows that our names stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from entrepot.drivers.catalog.statements import load
from entrepot.model.errors import ChannelUnknown, Invalid, NamespaceUnknown
from entrepot.model.nul import has_nul

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.statements import Statement
    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName, NamespaceName, PackageId
    from entrepot.model.position import Position

CHANGE: Final = load("change")
LISTINGS: Final = load("listings")


class _Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


class Connection(Protocol):
    """What the writer of a database is told: `sqlite3.Connection` is one."""

    def execute(self, statement: Statement, parameters: Mapping[str, object], /) -> _Cursor:
        """Execute a statement, and have its rows until the next."""


class Session:
    """The connection that writes, inside the savepoint of one change.

    An area of the catalog (`entrepot.drivers.catalog.cursors` and its neighbours) is given the change itself as its
    session, so that all that a change does is one transaction and looks up each row's number once.
    """

    def __init__(self, connection: Connection, *, position: Position, now: datetime) -> None:
        self._connection = connection
        self._position = position
        self._now = now
        self._packages: dict[PackageId, int] = {}
        self._blobs: dict[Digest, int] = {}

    @property
    def position(self) -> Position:
        """The position that this change's event will have."""
        return self._position

    @property
    def now(self) -> datetime:
        """When this change happens."""
        return self._now

    # --- statements ---

    def run(self, statement: Statement, **parameters: object) -> int:
        """Execute, and say how many rows changed."""
        return self._connection.execute(statement, parameters).rowcount

    def run_rows(self, statement: Statement, rows: Sequence[object], **parameters: object) -> None:
        """Execute once for all rows: they are the JSON ``:rows``, of values that JSON has, and no two have one key.

        Raises `Invalid` for a text with NUL: SQLite would keep what is before it.
        """
        if rows:
            document = msgspec.json.encode(rows)
            if has_nul(document):
                raise Invalid("text with a NUL character")
            self.run(statement, rows=document.decode(), **parameters)

    def one(self, statement: Statement, **parameters: object) -> tuple[Any, ...] | None:
        """The first row, or None."""
        row: tuple[Any, ...] | None = self._connection.execute(statement, parameters).fetchone()
        return row

    def returned(self, statement: Statement, **parameters: object) -> tuple[Any, ...]:
        """The row of a statement that always has one."""
        row = self.one(statement, **parameters)
        if row is None:
            message = "the statement returned no row"
            raise RuntimeError(message)
        return row

    def all(self, statement: Statement, **parameters: object) -> list[tuple[Any, ...]]:
        """All rows."""
        return self._connection.execute(statement, parameters).fetchall()

    # --- identities of rows ---

    def namespace_id(self, name: NamespaceName) -> int:
        """The namespace's row. Raises `NamespaceUnknown`."""
        row = self.one(LISTINGS.find_namespace, name=name)
        if row is None:
            raise NamespaceUnknown(name)
        return int(row[0])

    def channel_id(self, namespace: NamespaceName, channel: ChannelName) -> int:
        """The channel's row. Raises `ChannelUnknown`, `NamespaceUnknown`."""
        row = self.one(CHANGE.channel_id, namespace=self.namespace_id(namespace), name=channel)
        if row is None:
            raise ChannelUnknown(f"{namespace}.{channel}")
        return int(row[0])

    def find_package_id(self, package: PackageId) -> int | None:
        """The package's row, or None."""
        known = self._packages.get(package)
        if known is None:
            row = self.one(CHANGE.package_id, **identity(package))
            if row is None:
                return None
            known = self._packages[package] = int(row[0])
        return known

    def package_id(self, package: PackageId) -> int:
        """The package's row, made when it is new. Raises `NamespaceUnknown`."""
        known = self.find_package_id(package)
        if known is None:
            row = self.one(CHANGE.add_package, **identity(package), position=self._position)
            if row is None:
                raise NamespaceUnknown(package.namespace)
            known = self._packages[package] = int(row[0])
        return known

    def find_blob_id(self, digest: Digest) -> int | None:
        """The row of some bytes, or None."""
        known = self._blobs.get(digest)
        if known is None:
            row = self.one(CHANGE.blob_id, digest=str(digest))
            if row is None:
                return None
            known = self._blobs[digest] = int(row[0])
        return known

    def blob_id(self, digest: Digest) -> int:
        """The row of bytes that this change, or one before it, has kept."""
        blob = self.find_blob_id(digest)
        if blob is None:
            message = f"{digest} was never kept"
            raise RuntimeError(message)
        return blob

    def name_blob(self, digest: Digest, size: int) -> int:
        """The row of some bytes that need not be here."""
        blob = self.find_blob_id(digest)
        return self.returned(CHANGE.name_blob, digest=str(digest), size=size)[0] if blob is None else blob


def identity(package: PackageId) -> dict[str, str]:
    """A package as statements are asked for it."""
    return {"namespace": package.namespace, "format": package.format, "package": package.name}

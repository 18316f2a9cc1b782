"""Bring a database to today's schema, as `entrepot.drivers.catalog.migrate` does with SQLite's.

The numbers are those of SQLite's migrations; it begins with a baseline. Several nodes share the database, and those of
the version before still run while the first of the new one migrates: a migration adds. One that takes something away
says in its first line ``-- contracts NNNN``, the oldest schema whose programs can do without it, and is for a later
release than the one that stopped using it.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import psycopg

LOCK: Final = 0x656E7472
"""The advisory lock of whoever writes: of one database, so that others in the same cluster do not wait."""

_NAME: Final = re.compile(r"(\d{4})_\w+\.sql")
_CONTRACTS: Final = re.compile(r"-- contracts (\d{4})\b")


def migrations() -> dict[int, str]:
    """The scripts by number, in order."""
    folder = files("entrepot.drivers.catalog").joinpath("migrations", "postgresql")
    named = sorted((entry.name, entry) for entry in folder.iterdir() if _NAME.fullmatch(entry.name))
    return {int(name[:4]): entry.read_text(encoding="utf-8") for name, entry in named}


def latest() -> int:
    """The schema's number that this program is written for."""
    return max(migrations())


def version_of(connection: psycopg.Connection) -> tuple[int, int]:
    """The schema's number, and the oldest program's that can use it; zeros when there is no schema."""
    if connection.execute("SELECT to_regclass('schema_version')").fetchone() == (None,):
        return 0, 0
    row = connection.execute("SELECT version, oldest FROM schema_version").fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def migrate(connection: psycopg.Connection) -> int:
    """Apply what is missing, one transaction each, and return the version.

    Raises `RuntimeError` when the database is of no use to this program any more.
    """
    scripts = migrations()
    while True:
        with connection.transaction():
            # Others who want the same wait for us, and then find it done.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            version, oldest = version_of(connection)
            if oldest > latest():
                message = (
                    f"the catalog has schema version {version}, this program knows {latest()}: use a newer Entrepot"
                )
                raise RuntimeError(message)
            number = next((number for number in scripts if number > version), None)
            if number is None:
                return version
            script = scripts[number]
            if version == 0:
                connection.execute("CREATE TABLE schema_version (version BIGINT NOT NULL, oldest BIGINT NOT NULL)")
                connection.execute("INSERT INTO schema_version VALUES (0, 0)")
            connection.execute(script.encode())
            contracts = _CONTRACTS.match(script)
            connection.execute(
                "UPDATE schema_version SET version = %s, oldest = greatest(oldest, %s)",
                (number, number if version == 0 else int(contracts[1]) if contracts else 0),
            )

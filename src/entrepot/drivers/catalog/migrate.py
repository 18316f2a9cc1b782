"""Bring a database to today's schema, one numbered file of ``migrations/`` after another.

SQLite's ``user_version`` is the number of the last one applied. Each runs in a transaction of its own, so that a
crash leaves the database at one version or the next.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def migrations() -> list[str]:
    """The scripts, in order; the first is version 1."""
    folder = files(__package__).joinpath("migrations", "sqlite")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [folder.joinpath(name).read_text(encoding="utf-8") for name in names]


def version_of(connection: sqlite3.Connection) -> int:
    """The schema's number; 0 when there is none."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def migrate(connection: sqlite3.Connection) -> int:
    """Apply what is missing, and return the version. The caller holds the write lock.

    Raises `RuntimeError` when the database is newer than this program.
    """
    scripts = migrations()
    version = version_of(connection)
    if version > len(scripts):
        message = f"the catalog has schema version {version}, this program knows {len(scripts)}: use a newer Entrepot"
        raise RuntimeError(message)
    for number, script in enumerate(scripts[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
    return len(scripts)

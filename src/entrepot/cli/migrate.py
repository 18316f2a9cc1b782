"""``entrepot migrate``: the catalog's schema, and the database that it is in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import click

from entrepot.app.migrations import apply_migrations, copy_catalog, find_versions
from entrepot.cli import Failure
from entrepot.cli.output import Columns, Output, output_option, show_one
from entrepot.cli.settings import config_option, data_option, find_installation
from entrepot.model.errors import RegistryError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Schema:
    """Which schema a catalog has, and which ones it lacks."""

    version: int
    wanted: int
    to_apply: list[str]


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied and compared."""

    tables: int
    rows: int


_SCHEMA: Final[Columns[Schema]] = {
    "version": lambda it: it.version,
    "wanted": lambda it: it.wanted,
    "to apply": lambda it: it.to_apply or "nothing",
}
_COPIED: Final[Columns[Copied]] = {"tables": lambda it: it.tables, "rows": lambda it: it.rows}


@click.group()
def migrate() -> None:
    """The catalog's schema, and moving it to another database."""


@migrate.command()
@data_option
@config_option
@output_option
def plan(data: str | None, config: Path | None, output: Output) -> None:
    """Say which schema the catalog has, and which one this version needs."""
    found, wanted = _told(lambda: find_versions(find_installation(config, data)))
    show_one(Schema(found, wanted, [f"{number:04}" for number in range(found + 1, wanted + 1)]), _SCHEMA, output)


@migrate.command()
@data_option
@config_option
@output_option
def apply(data: str | None, config: Path | None, output: Output) -> None:
    """Bring the catalog to this version's schema; a server does so too when it starts."""
    version = _told(lambda: apply_migrations(find_installation(config, data)))
    show_one(Schema(version, version, []), _SCHEMA, output)


@migrate.command()
@click.argument("target")
@data_option
@config_option
@output_option
def copy(target: str, data: str | None, config: Path | None, output: Output) -> None:
    """Copy the catalog to TARGET: postgresql://USER@HOST/NAME, or the word sqlite for the data directory.

    Stop every server first, and start them with the other `database` afterwards: what is written to the old one after
    this is not in the new one. TARGET must hold nothing; every row is compared before it is kept.
    """
    settings = find_installation(config, data)
    if target == "sqlite" and not settings.database:
        raise Failure("the catalog is in SQLite already", "Name a postgresql:// address.", exit_code=2)
    if target != "sqlite" and not target.startswith(("postgresql://", "postgres://")):
        raise Failure(f"{target} is no database", "Name a postgresql:// address, or sqlite.", exit_code=2)
    copied = _told(lambda: copy_catalog(settings, "" if target == "sqlite" else target))
    show_one(Copied(len(copied), sum(copied.values())), _COPIED, output)


def _told(work: Callable[[], T]) -> T:
    """Do it, and let a failure be said in a line. Raises `Failure`."""
    try:
        return work()
    except (RegistryError, RuntimeError) as error:
        raise Failure(str(error), f"{error.__cause__ or 'Nothing was changed.'}") from error

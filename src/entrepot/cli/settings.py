"""How commands that work on this machine's installation find it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrepot.cli import Failure
from entrepot.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from collections.abc import Mapping

data_option = click.option(
    "--data", type=click.Path(file_okay=False), help="The installation's data directory; by default its setting."
)
config_option = click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file; by default entrepot.toml."
)


def load_settings(config: Path | None, options: Mapping[str, object]) -> Settings:
    """The settings, with those options that were given. Raises `Failure`."""
    try:
        return load({name: value for name, value in options.items() if value is not None}, file=config)
    except SettingsError as error:
        raise Failure(
            f"the settings are not valid: {error}", "`entrepot config schema` says what each must be.", exit_code=2
        ) from error


def find_installation(config: Path | None, data: str | None) -> Settings:
    """The settings of an installation that is there; looking at one must not make one. Raises `Failure`."""
    from entrepot.app.parts import CATALOG_FILE

    settings = load_settings(config, {"data": data})
    if not settings.database and not (settings.data_path / CATALOG_FILE).exists():
        raise Failure(
            f"there is no installation in {settings.data_path}", "Name its data directory with --data.", exit_code=2
        )
    return settings

"""``entrepot config``."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from entrepot.cli.output import Output, output_option, show_json, show_list
from entrepot.cli.settings import config_option, load_settings
from entrepot.settings import Settings, schema


@click.group()
def config() -> None:
    """Check or describe the settings."""


@config.command()
@config_option
@output_option
def check(config: Path | None, output: Output) -> None:
    """Check the settings, and show what they come to."""
    settings = load_settings(config, {})
    if output == "json":
        show_json(settings)
        return
    rows = [(field.encode_name, getattr(settings, field.name), field.default) for field in _fields()]
    show_list(
        rows,
        {
            "SETTING": lambda it: it[0],
            "VALUE": lambda it: it[1],
            "DEFAULT": lambda it: "" if it[1] == it[2] else it[2],
            "VARIABLE": lambda it: f"ENTREPOT_{it[0].upper()}",
        },
        output,
    )


@config.command(name="schema")
def schema_() -> None:
    """Print the JSON Schema of entrepot.toml."""
    show_json(schema())


def _fields() -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(Settings)

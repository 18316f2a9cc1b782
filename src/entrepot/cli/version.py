"""``entrepot version``."""

from __future__ import annotations

import platform
from dataclasses import dataclass

import click

from entrepot import __version__
from entrepot.cli.output import Output, output_option, show_one


@dataclass(frozen=True, slots=True)
class _Version:
    version: str
    python: str
    platform: str


@click.command()
@output_option
def version(output: Output) -> None:
    """Show the version."""
    found = _Version(__version__, platform.python_version(), f"{platform.system()} {platform.machine()}")
    show_one(
        found,
        {"entrepot": lambda it: it.version, "python": lambda it: it.python, "platform": lambda it: it.platform},
        output,
    )

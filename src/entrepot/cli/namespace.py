"""``entrepot namespace``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from entrepot.cli.output import Columns, Output, output_option, show_done, show_list, show_one
from entrepot.client import Client
from entrepot.client.answers import Namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLUMNS: Final[Columns[Namespace]] = {
    "NAME": lambda it: it.name,
    "PUBLIC": lambda it: it.public,
    "CHANNELS": lambda it: it.channels,
}
_FIELDS: Final[Columns[Namespace]] = {
    "name": lambda it: it.name,
    "public": lambda it: it.public,
    "movable tags": lambda it: it.movable,
    "versions": lambda it: ("whatever looks like one", *it.versions),
    "channels": lambda it: it.channels,
    "reserved names": lambda it: it.reserved,
    "rollbacks kept": lambda it: it.rollbacks,
    "revision": lambda it: it.revision,
}


@click.group()
def namespace() -> None:
    """Teams and tenants, and their rules."""


@namespace.command()
@click.argument("name")
@click.option("--public", is_flag=True, help="Anybody may read it without credentials.")
@output_option
def create(name: str, public: bool, output: Output) -> None:
    """Make a namespace."""
    with Client() as registry:
        made = registry.namespaces.create(name, public=public)
    show_done(f"created namespace {made.name}", made, output)


@namespace.command(name="list")
@output_option
def list_(output: Output) -> None:
    """List the namespaces that you may know."""
    with Client() as registry:
        show_list(registry.namespaces.iter(), _COLUMNS, output)


@namespace.command()
@click.argument("name")
@output_option
def show(name: str, output: Output) -> None:
    """Show a namespace and its rules."""
    with Client() as registry:
        show_one(registry.namespaces.read(name), _FIELDS, output)


@namespace.command(name="set")
@click.argument("name")
@click.option("--public/--private", default=None, help="Whether anybody may read it without credentials.")
@click.option("--movable", multiple=True, metavar="PATTERN", help="Tags that publishers may move; '' for none.")
@click.option("--version-pattern", multiple=True, metavar="PATTERN", help="Names that are versions too; '' for none.")
@click.option(
    "--reserve",
    multiple=True,
    metavar="PURL",
    help="Names that no upstream is asked for: pkg:npm/@acme/*; '' for none.",
)
@click.option("--rollbacks", type=click.IntRange(0, 100), help="How many artifacts that ran somewhere before are kept.")
@output_option
def set_(
    *,
    name: str,
    public: bool | None,
    movable: tuple[str, ...],
    version_pattern: tuple[str, ...],
    reserve: tuple[str, ...],
    rollbacks: int | None,
    output: Output,
) -> None:
    """Change a namespace's rules.

    What is given replaces what was there; repeat --movable, --version-pattern and --reserve for several patterns.
    """
    if public is None and rollbacks is None and not (movable or version_pattern or reserve):
        raise click.UsageError(
            "Nothing to change: give --public, --private, --movable, --version-pattern, --reserve or --rollbacks."
        )
    with Client() as registry:
        changed = registry.namespaces.change(
            name,
            public=public,
            movable=_patterns(movable),
            versions=_patterns(version_pattern),
            reserved=_patterns(reserve),
            rollbacks=rollbacks,
        )
    show_one(changed, _FIELDS, output)


def _patterns(given: Sequence[str]) -> list[str] | None:
    return [pattern for pattern in given if pattern] if given else None

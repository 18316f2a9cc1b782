"""``entrepot gc``."""

from __future__ import annotations

from typing import Final

import click

from entrepot.cli.output import Columns, Output, output_option, show_json, show_list, show_one
from entrepot.client import Client
from entrepot.client.collection import Amount, Collected, CollectionPlan, Holding


def _amount(found: Amount) -> str:
    if not found.count:
        return "nothing"
    return f"{found.count} blob{'s' if found.count > 1 else ''}, {found.size} bytes"


_PLAN: Final[Columns[CollectionPlan]] = {
    "loose": lambda it: _amount(it.loose),
    "to condemn": lambda it: _amount(it.unreachable),
    "condemned": lambda it: _amount(it.condemned),
    "to give up": lambda it: _amount(it.due),
    "to delete": lambda it: _amount(it.garbage),
}
_COLLECTED: Final[Columns[Collected]] = {
    "dropped": lambda it: _amount(it.dropped),
    "condemned": lambda it: _amount(it.condemned),
    "given up": lambda it: _amount(it.given_up),
    "strays": lambda it: _amount(it.strays),
}
_HOLDINGS: Final[Columns[Holding]] = {
    "PACKAGE": lambda it: f"{it.namespace}/{it.package}",
    "FORMAT": lambda it: it.format,
    "SINCE": lambda it: it.since,
    "NAMES": lambda it: it.names,
    "NEEDED BY": lambda it: it.artifacts or (None if it.names else "nothing, so it will leave"),
}


@click.group()
def gc() -> None:
    """Bytes that nobody can reach, and their way out."""


@gc.command()
@output_option
def plan(output: Output) -> None:
    """Show what a round would do now.

    Loose blobs were uploaded, and no artifact of their package links them. What no package has is condemned, waits,
    and is given up; whoever pushes it again meanwhile revives it.
    """
    with Client() as registry:
        show_one(registry.collection.plan(), _PLAN, output)


@gc.command()
@output_option
def apply(output: Output) -> None:
    """Do a round now, while everybody goes on working. It is done by itself too, every hour."""
    with Client() as registry:
        show_one(registry.collection.apply(), _COLLECTED, output)


@gc.command()
@click.argument("digest")
@output_option
def explain(digest: str, output: Output) -> None:
    """Show what keeps a blob: every package that has it, and what of that needs it."""
    with Client() as registry:
        found = registry.collection.explain(digest)
    if output == "json":
        show_json(found)
        return
    click.echo(f"{found.digest} is {found.state}, {found.size} bytes")
    if found.condemned_at is not None:
        click.echo(f"Nobody can reach it; it waits since {found.condemned_at:%Y-%m-%d %H:%M:%SZ}.")
    if found.holdings:
        show_list(found.holdings, _HOLDINGS, output)

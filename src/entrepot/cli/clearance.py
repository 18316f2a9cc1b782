"""``entrepot clearance``."""

from __future__ import annotations

import click

from entrepot.cli.output import Output, output_option, show_done, show_list
from entrepot.client import Client


@click.group()
def clearance() -> None:
    """What a channel's view shows."""


@clearance.command(name="open")
@click.argument("address", metavar="REFERENCE")
@click.argument("channel")
@click.option("--reason", default="", help="Why, for the journal.")
@output_option
def open_(address: str, channel: str, reason: str, output: Output) -> None:
    """Clear what a reference means for a channel: entrepot clearance open acme/pkg:1.0 prod."""
    with Client() as registry:
        new = registry.packages.open_clearance(address, channel, reason)
    show_done(
        f"{address} is {'now' if new else 'already'} cleared for {channel}",
        {"reference": address, "channel": channel, "opened": new},
        output,
    )


@clearance.command()
@click.argument("address", metavar="REFERENCE")
@click.argument("channel")
@click.option("--reason", default="", help="Why, for the journal.")
@output_option
def close(address: str, channel: str, reason: str, output: Output) -> None:
    """Take what a reference means out of a channel."""
    with Client() as registry:
        registry.packages.close_clearance(address, channel, reason)
    show_done(f"{address} is no longer cleared for {channel}", {"reference": address, "channel": channel}, output)


@clearance.command(name="list")
@click.argument("address", metavar="PACKAGE")
@click.option("--history", is_flag=True, help="Also what is no longer cleared.")
@output_option
def list_(address: str, history: bool, output: Output) -> None:
    """List what of a package is cleared, and for which channel."""
    columns = {
        "CHANNEL": lambda it: it.channel,
        "DIGEST": lambda it: it.digest,
        "FROM": lambda it: it.from_position,
        **({"UNTIL": lambda it: it.until_position} if history else {}),
    }
    with Client() as registry:
        show_list(registry.packages.clearances(address, history=history), columns, output)

"""``entrepot channel``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from entrepot.cli.duration import Duration, print_duration
from entrepot.cli.output import Columns, Output, output_option, show_done, show_list
from entrepot.client import Client

if TYPE_CHECKING:
    from entrepot.client.promotions import Channel

_CHANNELS: Final[Columns[Channel]] = {
    "CHANNEL": lambda it: it.channel,
    "VIEW": lambda it: it.view,
    "APPROVALS": lambda it: it.rules.approvals,
    "SOAK": lambda it: print_duration(it.rules.soak_seconds) if it.rules.soak_seconds else None,
    "ORDERED": lambda it: it.rules.ordered,
    "AUTOMATIC": lambda it: it.rules.automatic,
}


@click.group()
def channel() -> None:
    """The stages of a namespace."""


@channel.command(name="list")
@click.argument("namespace")
@output_option
def list_(namespace: str, output: Output) -> None:
    """List a namespace's channels, in order."""
    with Client() as registry:
        _show(registry, namespace, output)


@channel.command(name="set")
@click.argument("namespace")
@click.argument("channels", nargs=-1, required=True, metavar="CHANNEL...")
@output_option
def set_(namespace: str, channels: tuple[str, ...], output: Output) -> None:
    """Give a namespace these channels, in this order."""
    with Client() as registry:
        registry.namespaces.set_channels(namespace, channels)
        _show(registry, namespace, output)


@channel.command()
@click.argument("namespace")
@click.argument("channel")
@click.option("--approvals", type=click.IntRange(0, 20), default=0, help="How many people must approve.")
@click.option("--self-approval", is_flag=True, help="Whether who proposes it may be one of them.")
@click.option("--soak", type=Duration(zero=True), help="How long it must have been in the channel before: 3d, 12h.")
@click.option("--ordered", is_flag=True, help="Whether it must be in the channel before at all.")
@click.option("--automatic", is_flag=True, help="Whether it comes by itself once nothing is in the way.")
@output_option
def rules(namespace: str, channel: str, output: Output, **asked: Any) -> None:
    """Say what a channel asks of whoever comes in, beside the policies."""
    with Client() as registry:
        done = registry.promotions.set_rules(namespace, channel, **asked)
    show_done(f"{done.view} asks for {done.rules.approvals} approvals", done, output)


def _show(registry: Client, namespace: str, output: Output) -> None:
    show_list(registry.promotions.channels(namespace), _CHANNELS, output)

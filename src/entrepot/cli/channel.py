"""``entrepot channel``."""

from __future__ import annotations

import click

from entrepot.cli.output import Output, output_option, show_list
from entrepot.client import Client
from entrepot.client.answers import Namespace


@click.group()
def channel() -> None:
    """The stages of a namespace."""


@channel.command(name="list")
@click.argument("namespace")
@output_option
def list_(namespace: str, output: Output) -> None:
    """List a namespace's channels, in order."""
    with Client() as registry:
        _show(registry.namespaces.read(namespace), output)


@channel.command(name="set")
@click.argument("namespace")
@click.argument("channels", nargs=-1, required=True, metavar="CHANNEL...")
@output_option
def set_(namespace: str, channels: tuple[str, ...], output: Output) -> None:
    """Give a namespace these channels, in this order."""
    with Client() as registry:
        _show(registry.namespaces.set_channels(namespace, channels), output)


def _show(found: Namespace, output: Output) -> None:
    rows = [{"channel": name, "view": f"{found.name}.{name}"} for name in found.channels]
    show_list(rows, {"CHANNEL": lambda it: it["channel"], "VIEW": lambda it: it["view"]}, output)

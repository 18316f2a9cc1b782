"""``entrepot principal``."""

from __future__ import annotations

import click

from entrepot.cli.output import Output, output_option, show_done, show_list
from entrepot.client import Client


@click.group()
def principal() -> None:
    """Users and robots."""


@principal.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(["user", "robot"]), default="user", show_default=True)
@output_option
def create(name: str, kind: str, output: Output) -> None:
    """Make a user or a robot known."""
    with Client() as registry:
        made = registry.principals.create(name, kind)
    show_done(f"created {made.kind} {made.name}", made, output)


@principal.command(name="list")
@output_option
def list_(output: Output) -> None:
    """List the users and robots."""
    with Client() as registry:
        columns = {"NAME": lambda it: it.name, "KIND": lambda it: it.kind, "DISABLED": lambda it: it.disabled}
        show_list(registry.principals.iter(), columns, output)


@principal.command()
@click.argument("name")
@output_option
def disable(name: str, output: Output) -> None:
    """Let somebody do nothing any more."""
    with Client() as registry:
        registry.principals.disable(name)
    show_done(f"disabled {name}", {"name": name, "disabled": True}, output)

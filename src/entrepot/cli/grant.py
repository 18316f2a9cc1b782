"""``entrepot grant``."""

from __future__ import annotations

from typing import Final

import click

from entrepot.cli.output import Columns, Output, output_option, show_done, show_list
from entrepot.cli.scope import scope_options
from entrepot.client import Client
from entrepot.client.answers import Grant

_COLUMNS: Final[Columns[Grant]] = {
    "PRINCIPAL": lambda it: it.principal,
    "ROLE": lambda it: it.role,
    "WHERE": lambda it: it.view or "everywhere",
    "PACKAGES": lambda it: it.pattern,
}


@click.group()
def grant() -> None:
    """The roles that principals have."""


@grant.command()
@click.argument("principal")
@scope_options
@output_option
def add(principal: str, role: str, view: str | None, pattern: str, output: Output) -> None:
    """Give a principal a role."""
    given = Grant(principal, role, view, pattern)
    with Client() as registry:
        new = registry.grants.add(given)
    show_done(f"{principal} is {role} in {view or 'every namespace'}{'' if new else ' already'}", given, output)


@grant.command(name="list")
@click.option("--principal", help="Only this one's.")
@output_option
def list_(principal: str | None, output: Output) -> None:
    """List the roles that principals have."""
    with Client() as registry:
        show_list(registry.grants.iter(principal), _COLUMNS, output)


@grant.command()
@click.argument("principal")
@scope_options
@output_option
def remove(principal: str, role: str, view: str | None, pattern: str, output: Output) -> None:
    """Take a role away."""
    taken = Grant(principal, role, view, pattern)
    with Client() as registry:
        registry.grants.remove(taken)
    show_done(f"{principal} is no longer {role} in {view or 'every namespace'}", taken, output)

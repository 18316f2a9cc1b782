"""``entrepot secrets``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from entrepot.cli.duration import Duration
from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list
from entrepot.client import Client

if TYPE_CHECKING:
    from datetime import timedelta

    from entrepot.client.secrets import AcceptedSecret, FoundSecret, LeakingContent

_FOUND: Final[Columns[FoundSecret]] = {
    "STATE": lambda it: it.state,
    "NAME": lambda it: it.name,
    "PLACE": lambda it: f"{it.file}!/{it.path}:{it.line}" if it.path else f"{it.file}:{it.line}",
    "LOOKS LIKE": lambda it: it.excerpt,
    "TOKEN": lambda it: it.token,
    "ACCEPTED": lambda it: None if it.accepted is None else f"by {it.accepted.actor}: {it.accepted.reason}",
}
_LEAKING: Final[Columns[tuple[LeakingContent, FoundSecret]]] = {
    "STATE": lambda it: it[1].state,
    "NAME": lambda it: it[1].name,
    "PACKAGE": lambda it: f"{it[0].format}/{it[0].package}",
    "IN": lambda it: it[0].references,
    "PLACE": lambda it: f"{it[1].path}:{it[1].line}" if it[1].path else f"line {it[1].line}",
    "LOOKS LIKE": lambda it: it[1].excerpt,
}
_ACCEPTED: Final[Columns[AcceptedSecret]] = {
    "NAME": lambda it: it.name,
    "BY": lambda it: it.actor,
    "AT": lambda it: it.at,
    "UNTIL": lambda it: it.expires_at,
    "REASON": lambda it: it.reason,
}


@click.group()
def secrets() -> None:
    """Tokens and keys that were published by mistake."""


@secrets.command("list")
@click.argument("address", metavar="REFERENCE|NAMESPACE")
@output_option
def list_(address: str, output: Output) -> None:
    """List the secrets that an artifact has, and where they lie; or which packages of a namespace have any."""
    with Client() as registry:
        if "/" not in address:
            _show_namespace(registry, address, output)
            return
        found = registry.secrets.read(address)
    if output == "json":
        show_json(found)
        return
    show_list(found.secrets, _FOUND, output)
    if not found.searched:
        click.echo("Not all of it was searched yet: there may be more.", err=True)
    if found.unread:
        click.echo(f"In {found.unread} places nobody could look:", err=True)
        for note in found.notes:
            click.echo(f"  {note}", err=True)


def _show_namespace(registry: Client, namespace: str, output: Output) -> None:
    found = registry.secrets.iter(namespace)
    if output == "json":
        show_list(found, {}, output)
    else:
        show_list([(content, secret) for content in found for secret in content.secrets], _LEAKING, output)


@secrets.command()
@click.argument("address", metavar="REFERENCE")
@click.argument("name", metavar="SECRET")
@click.option("--reason", required=True, help="Why it is no secret, or is meant to be there.")
@click.option("--for", "duration", type=Duration(), help="For how long: 90d, for example; without it, for ever.")
@output_option
def accept(address: str, name: str, reason: str, duration: timedelta | None, output: Output) -> None:
    """Say that what was found is no secret, in any version of the package."""
    with Client() as registry:
        done = registry.secrets.accept(address, name, reason, duration=duration)
    until = "" if done.expires_at is None else f" until {done.expires_at:%Y-%m-%d %H:%MZ}"
    show_done(f"{done.name} is accepted{until}: {done.reason}", done, output)


@secrets.command()
@click.argument("address", metavar="REFERENCE")
@click.argument("name", metavar="SECRET")
@output_option
def unaccept(address: str, name: str, output: Output) -> None:
    """Accept it no more."""
    with Client() as registry:
        registry.secrets.unaccept(address, name)
    show_done(f"{name} is accepted no more", {"name": name}, output)


@secrets.command()
@click.argument("address", metavar="REFERENCE")
@output_option
def accepted(address: str, output: Output) -> None:
    """List what is accepted in a package, by whom and until when."""
    with Client() as registry:
        show_list(registry.secrets.accepted(address), _ACCEPTED, output)

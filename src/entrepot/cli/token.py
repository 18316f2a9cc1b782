"""``entrepot token``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from entrepot.cli.duration import Duration
from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list
from entrepot.cli.scope import print_right, scope_options
from entrepot.cli.settings import config_option, data_option, find_installation
from entrepot.client import Client
from entrepot.client.answers import Token
from entrepot.model.access import Action

_COLUMNS: Final[Columns[Token]] = {
    "ID": lambda it: it.id,
    "NAME": lambda it: it.label,
    "PRINCIPAL": lambda it: it.principal,
    "SCOPE": lambda it: (
        "all of its principal's" if it.scope is None else "; ".join(print_right(each) for each in it.scope)
    ),
    "CREATED": lambda it: it.created_at,
    "EXPIRES": lambda it: it.expires_at or "never",
    "REVOKED": lambda it: it.revoked,
}


@click.group()
def token() -> None:
    """What programs and people log in with."""


@token.command()
@click.argument("name")
@scope_options
@click.option(
    "--action",
    "actions",
    multiple=True,
    type=click.Choice([action.value for action in Action]),
    help="Of what the role allows, only this; repeat for several.",
)
@click.option("--ttl", type=Duration(), help="How long it works, such as 1h or 30d; without it, until it is revoked.")
@output_option
def create(
    *,
    name: str,
    role: str,
    view: str | None,
    pattern: str,
    actions: tuple[str, ...],
    ttl: timedelta | None,
    output: Output,
) -> None:
    """Make a token, and print it: the only time that it is shown.

    Whoever may grant the role gives the token to a robot called NAME; anybody else narrows a token of their own.
    """
    with Client() as registry:
        made = registry.tokens.create(name, role, view=view, pattern=pattern, actions=actions, ttl=ttl)
    if output == "json":
        show_json(made)
    else:
        # Alone on stdout, so that a script can take it as it is.
        click.echo(made.token)


@token.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Also those that were revoked or have expired.")
@output_option
def list_(everything: bool, output: Output) -> None:
    """List the tokens that you may see, without their secrets."""
    now = datetime.now(UTC)
    with Client() as registry:
        found = [it for it in registry.tokens.iter() if everything or _works(it, now)]
    show_list(found, _COLUMNS, output)


@token.command()
@click.argument("token_id", metavar="ID")
@output_option
def revoke(token_id: str, output: Output) -> None:
    """Stop a token, and all that were made with it, at once."""
    with Client() as registry:
        registry.tokens.revoke(token_id)
    show_done(f"revoked {token_id}", {"id": token_id, "revoked": True}, output)


@token.command()
@data_option
@config_option
@output_option
def recover(data: str | None, config: Path | None, output: Output) -> None:
    """Make another administrator's token from the data directory itself, and print it.

    For when the first one is lost. It is journaled as done by the operator; a running server knows it at once.
    """
    import asyncio

    from entrepot.app.parts import open_registry
    from entrepot.operations.token import recover_administrator

    settings = find_installation(config, data)

    async def make() -> str:
        async with open_registry(settings) as registry:
            return (await recover_administrator(registry)).text

    made = asyncio.run(make())
    show_done(made, {"token": made}, output)


def _works(known: Token, now: datetime) -> bool:
    return not known.revoked and (known.expires_at is None or known.expires_at > now)

"""``entrepot webhook``."""

from __future__ import annotations

from itertools import islice
from typing import Final

import click

from entrepot.cli import Failure
from entrepot.cli.confirm import confirm, yes_option
from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list
from entrepot.client import Client
from entrepot.client.answers import Delivery, Webhook

_COLUMNS: Final[Columns[Webhook]] = {
    "ID": lambda it: it.id,
    "WHERE": lambda it: it.namespace or "everything",
    "URL": lambda it: it.url,
    "TYPES": lambda it: it.types,
    "POSITION": lambda it: it.position,
    "STATE": lambda it: f"disabled: {it.disabled}" if it.disabled else "failing" if it.failing_since else "good",
}
_DELIVERIES: Final[Columns[Delivery]] = {
    "POSITION": lambda it: it.position,
    "TYPE": lambda it: it.type,
    "OUTCOME": lambda it: it.outcome,
    "ATTEMPTS": lambda it: it.attempts,
    "STATUS": lambda it: it.status,
    "AT": lambda it: it.at,
    "PROBLEM": lambda it: it.problem,
}


@click.group()
def webhook() -> None:
    """Who is told of events."""


@webhook.command()
@click.argument("url")
@click.option("--namespace", "-n", help="Tell of what happens there; without it, of everything.")
@click.option("--type", "-t", "types", multiple=True, default=("*",), help="A pattern of event types; repeat for more.")
@click.option("--private", is_flag=True, help="It is at a private address (administrators).")
@output_option
def add(url: str, namespace: str | None, types: tuple[str, ...], private: bool, output: Output) -> None:
    """Tell somebody of what happens from now on.

    The secret that messages are signed with is printed this once.
    """
    with Client() as registry:
        made = registry.webhooks.add(url, namespace=namespace, types=types, private=private)
    if output == "json":
        show_json({"webhook": made.webhook, "secret": made.secret})
        return
    click.echo(f"{url} is told of {namespace or 'everything'} as {made.webhook.id}", err=True)
    click.echo(made.secret)


@webhook.command(name="list")
@click.option("--namespace", "-n", help="Those of a namespace; without it, those that are told everything.")
@output_option
def list_(namespace: str | None, output: Output) -> None:
    """List who is told of events."""
    with Client() as registry:
        show_list(registry.webhooks.iter(namespace), _COLUMNS, output)


@webhook.command()
@click.argument("id")
@output_option
def test(id: str, output: Output) -> None:
    """Send a test, and say what came of it."""
    with Client() as registry:
        trial = registry.webhooks.test(id)
    if trial.problem is not None:
        raise Failure(f"the test did not arrive: {trial.problem}", "Look at the receiver, and at its address.")
    show_done(f"the test arrived: {trial.status}", trial, output)


@webhook.command()
@click.argument("id")
@yes_option
@output_option
def remove(id: str, yes: bool, output: Output) -> None:
    """Tell somebody nothing any more."""
    confirm(f"tell webhook {id} nothing any more?", yes=yes)
    with Client() as registry:
        registry.webhooks.remove(id)
    show_done(f"webhook {id} is told nothing any more", {"id": id}, output)


@webhook.command()
@click.argument("id")
@click.option("--after", type=click.IntRange(0), required=True, help="The last position that is not sent again.")
@output_option
def replay(id: str, after: int, output: Output) -> None:
    """Send again all that happened after a position."""
    with Client() as registry:
        found = registry.webhooks.replay(id, after=after)
    show_done(f"{found.url} is told again of all after position {after}", found, output)


@webhook.command()
@click.argument("id")
@click.option("--failed", is_flag=True, help="Only what has not arrived.")
@click.option("--after", type=click.IntRange(0), default=0, help="The last position that is known already.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The longest list.")
@output_option
def deliveries(id: str, failed: bool, after: int, limit: int, output: Output) -> None:
    """List what became of events: of those that arrived the last ones, of the others all."""
    with Client() as registry:
        show_list(islice(registry.webhooks.deliveries(id, after=after, failed=failed), limit), _DELIVERIES, output)


@webhook.command()
@click.argument("id")
@output_option
def rotate(id: str, output: Output) -> None:
    """Sign with a new secret, and for a day with the old one too.

    The new one is printed this once.
    """
    with Client() as registry:
        secret = registry.webhooks.rotate(id)
    if output == "json":
        show_json({"id": id, "secret": secret})
        return
    click.echo(secret)


@webhook.command()
@click.argument("id")
@output_option
def enable(id: str, output: Output) -> None:
    """Tell somebody again, from where it stopped."""
    with Client() as registry:
        found = registry.webhooks.enable(id)
    show_done(f"{found.url} is told of what happened after position {found.position}", found, output)


@webhook.command()
@click.argument("id")
@output_option
def disable(id: str, output: Output) -> None:
    """Tell somebody nothing for now."""
    with Client() as registry:
        found = registry.webhooks.enable(id, enabled=False)
    show_done(f"{found.url} is told nothing for now", found, output)

"""``entrepot hold`` and ``entrepot lease``: what is kept until somebody lets it go, or until a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from entrepot.cli.duration import Duration
from entrepot.cli.output import Columns, Output, output_option, show_done, show_list
from entrepot.client import Client

if TYPE_CHECKING:
    from datetime import timedelta

    from entrepot.client.deployments import Hold

_HOLDS: Final[Columns[Hold]] = {
    "ID": lambda it: it.id,
    "PACKAGE": lambda it: f"{it.namespace}/{it.format}/{it.package}",
    "DIGEST": lambda it: str(it.digest)[:19],
    "KIND": lambda it: it.kind,
    "HOLDER": lambda it: it.holder,
    "BY": lambda it: it.actor,
    "SINCE": lambda it: it.at,
    "ENDED": lambda it: it.ended_at,
    "REASON": lambda it: it.reason,
}
_LEASES: Final[Columns[Hold]] = {
    "ID": lambda it: it.id,
    "PACKAGE": lambda it: f"{it.namespace}/{it.format}/{it.package}",
    "DIGEST": lambda it: str(it.digest)[:19],
    "HOLDER": lambda it: it.holder,
    "BY": lambda it: it.actor,
    "UNTIL": lambda it: it.expires_at,
    "ENDED": lambda it: it.ended_at,
    "REASON": lambda it: it.reason,
}


@click.group()
def hold() -> None:
    """What is kept until somebody lifts the hold."""


@hold.command()
@click.argument("address", metavar="REFERENCE")
@click.option("--reason", required=True, help="Why, for everybody who wants to delete it.")
@click.option("--legal", is_flag=True, help="A legal hold: only who may lift it places it.")
@click.option("--holder", default="", help="For whom it is kept; without this, for you.")
@output_option
def add(address: str, reason: str, legal: bool, holder: str, output: Output) -> None:
    """Keep an artifact until somebody lifts the hold."""
    with Client() as registry:
        done = registry.holds.hold(address, reason, legal=legal, holder=holder)
    show_done(f"{address} ({done.digest}) is held for {done.holder}: {done.id}", done, output)


@hold.command()
@click.argument("id")
@click.option("--reason", default="", help="Why, for the record.")
@output_option
def remove(id: str, reason: str, output: Output) -> None:
    """Lift a hold."""
    with Client() as registry:
        registry.holds.lift(id, reason=reason)
    show_done(f"lifted {id}", {"id": id, "lifted": True}, output)


@hold.command(name="list")
@click.argument("namespace")
@click.option("--history", is_flag=True, help="Also those that were lifted.")
@output_option
def list_holds(namespace: str, history: bool, output: Output) -> None:
    """List what is held in a namespace."""
    with Client() as registry:
        show_list(registry.holds.holds(namespace, history=history), _HOLDS, output)


@click.group()
def lease() -> None:
    """What is kept for a time, and goes by itself."""


@lease.command(name="add")
@click.argument("address", metavar="REFERENCE")
@click.option("--ttl", required=True, type=Duration(), help="For how long: 15m, 1h, 30d.")
@click.option("--reason", required=True, help="Why, for everybody who wants to delete it.")
@click.option("--holder", default="", help="For whom it is kept; without this, for you.")
@output_option
def add_lease(address: str, ttl: timedelta, reason: str, holder: str, output: Output) -> None:
    """Keep an artifact for a time."""
    with Client() as registry:
        done = registry.holds.lease(address, ttl, reason, holder=holder)
    show_done(
        f"{address} ({done.digest}) is leased until {done.expires_at:%Y-%m-%d %H:%M:%SZ}: {done.id}", done, output
    )


@lease.command()
@click.argument("id")
@click.option("--ttl", required=True, type=Duration(), help="For how long from now: 15m, 1h, 30d.")
@output_option
def renew(id: str, ttl: timedelta, output: Output) -> None:
    """Let a lease last longer."""
    with Client() as registry:
        done = registry.holds.renew(id, ttl)
    show_done(f"{id} lasts until {done.expires_at:%Y-%m-%d %H:%M:%SZ}", done, output)


@lease.command()
@click.argument("id")
@output_option
def release(id: str, output: Output) -> None:
    """End a lease before its time."""
    with Client() as registry:
        registry.holds.release(id)
    show_done(f"released {id}", {"id": id, "released": True}, output)


@lease.command(name="list")
@click.argument("namespace")
@click.option("--history", is_flag=True, help="Also those that have ended.")
@output_option
def list_leases(namespace: str, history: bool, output: Output) -> None:
    """List what is leased in a namespace."""
    with Client() as registry:
        show_list(registry.holds.leases(namespace, history=history), _LEASES, output)

"""``entrepot tier``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

import click

from entrepot.cli.confirm import confirm, yes_option
from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list, show_one
from entrepot.cli.retain import conditions, read_rules
from entrepot.client import Client
from entrepot.client.tiers import GoingArtifact, PlacedBlob, Tiering, TierPlan, TierRule

_GIB: Final = 1024**3
_STAYS: Final = ("cleared", "deployed", "rollback", "lease", "manual", "legal")

_RULES: Final[Columns[TierRule]] = {
    "RULE": lambda it: it.name,
    "SPEAKS OF": lambda it: it.kinds,
    "FORMATS": lambda it: it.formats or "all",
    "PACKAGES": lambda it: it.packages,
    "NAMES": lambda it: it.names,
    "STAYS HOT": conditions,
    "COMES BACK": lambda it: "as it is read" if it.recall == "stream" else "by request",
}
_PLAN: Final[Columns[TierPlan]] = {
    "looked at": lambda it: f"{it.looked_at} artifacts",
    "to go cold": lambda it: it.artifacts,
    "blobs": lambda it: it.blobs,
    "bytes": lambda it: f"{it.size} bytes ({it.size / _GIB:.2f} GiB)",
    "saves a month": lambda it: None if it.monthly_saving is None else f"{it.monthly_saving:.2f}",
}
_ITEMS: Final[Columns[GoingArtifact]] = {
    "PACKAGE": lambda it: f"{it.format}/{it.package}",
    "NAMES": lambda it: it.names or str(it.digest)[:19],
    "BYTES": lambda it: it.size,
    "SHARED": lambda it: it.shared,
    "RULE": lambda it: it.rule,
    "WHY": lambda it: it.reason,
    "KEPT HOT BY": lambda it: it.keeper,
}
_BLOBS: Final[Columns[PlacedBlob]] = {
    "BLOB": lambda it: str(it.digest)[:19],
    "BYTES": lambda it: it.size,
    "TIER": lambda it: it.tier if it.moving_to is None else f"{it.tier}, being copied",
    "TAKES UP": lambda it: it.size if it.stored is None else it.stored,
    "SINCE": lambda it: it.since,
    "RULE": lambda it: it.rule,
}


@click.group()
def tier() -> None:
    """What lies in the hot tier, and what in the cold one."""


@tier.command()
@click.argument("namespace")
@click.option("--set", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="What stays hot.")
@click.option("--stays", multiple=True, type=click.Choice(_STAYS), help="What stays hot whatever the rules say.")
@click.option("--automatic/--by-hand", default=None, help="Whether the rest goes by itself, every day.")
@output_option
def rules(namespace: str, file: Path | None, stays: tuple[str, ...], automatic: bool | None, output: Output) -> None:
    """Show, or set, what a namespace keeps hot.

    The file is TOML: a [[rule]] for each, as for retention; recall = "request" where clients are to ask again.
    """
    with Client() as registry:
        found = registry.tiers.read(namespace)
        if file is not None or automatic is not None or stays:
            wanted = Tiering(
                found.rules if file is None else read_rules(file, TierRule),
                stays or found.stays,
                found.automatic if automatic is None else automatic,
            )
            found = registry.tiers.set(namespace, wanted)
    if output == "json":
        show_json(found)
        return
    show_list(found.rules, _RULES, output)
    click.echo(f"Stays hot in any case: {', '.join(found.stays) or 'nothing'}.")
    click.echo("The rest goes cold by itself." if found.automatic else "Nothing goes by itself.")


@tier.command()
@click.argument("namespace")
@click.option("--limit", type=click.IntRange(0, 1_000), default=100, show_default=True, help="Artifacts to show.")
@output_option
def plan(namespace: str, limit: int, output: Output) -> None:
    """Show what would go cold now, why, and what that saves. Nothing is changed."""
    with Client() as registry:
        made = registry.tiers.plan(namespace, limit=limit)
    if output == "json":
        show_json(made)
        return
    show_one(made, _PLAN, output)
    if made.items:
        show_list(made.items, _ITEMS, output)


@tier.command()
@click.argument("namespace")
@yes_option
@output_option
def apply(namespace: str, yes: bool, output: Output) -> None:
    """Let go cold what the rules let go now. Nothing is lost by it."""
    with Client() as registry:
        made = registry.tiers.plan(namespace, limit=0)
        confirm(f"Let {made.blobs} blobs of {made.namespace} go cold?", yes=yes)
        done = registry.tiers.apply(namespace)
    show_done(f"{done.moved} blobs went cold, {done.size} bytes", done, output)


@tier.command()
@click.argument("address", metavar="ARTIFACT")
@output_option
def show(address: str, output: Output) -> None:
    """Show where the blobs of an artifact lie. Small ones are in the catalog, and in no tier."""
    with Client() as registry:
        show_list(registry.tiers.placements(address), _BLOBS, output)


@tier.command()
@click.argument("address", metavar="ARTIFACT")
@output_option
def move(address: str, output: Output) -> None:
    """Let an artifact go cold now, whatever the rules say."""
    _move(address, "cold", output)


@tier.command()
@click.argument("address", metavar="ARTIFACT")
@click.option("--days", type=click.IntRange(1, 30), help="Lease it for so long, so that it stays hot.")
@output_option
def restore(address: str, days: int | None, output: Output) -> None:
    """Have an artifact back in the hot tier, before anybody asks for it."""
    if days is not None:
        with Client() as registry:
            registry.holds.lease(address, timedelta(days=days), "had back from the cold tier")
    _move(address, "hot", output)


def _move(address: str, tier: str, output: Output) -> None:
    with Client() as registry:
        done = registry.tiers.move(address, tier)
    show_done(f"{done.moved} blobs went {tier}, {done.size} bytes", done, output)

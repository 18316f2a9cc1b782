"""``entrepot policy``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list
from entrepot.client import Client, Misuse
from entrepot.client.promotions import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrepot.client.promotions import PolicyFact, ReplayedPromotion

_POLICIES: Final[Columns[Policy]] = {
    "NAME": lambda it: it.name,
    "VERSION": lambda it: it.version,
    "OF": lambda it: it.namespace or "default",
    "DOOR": lambda it: it.door,
    "MODE": lambda it: it.mode,
    "CHANNELS": lambda it: it.channels or "all but the first",
    "CONDITION": lambda it: it.condition,
}
_FACTS: Final[Columns[PolicyFact]] = {
    "FACT": lambda it: it.name,
    "TYPE": lambda it: it.type,
    "MEANING": lambda it: it.meaning,
}
_REPLAYED: Final[Columns[ReplayedPromotion]] = {
    "PACKAGE": lambda it: f"{it.format}/{it.package}",
    "VERSION": lambda it: it.version or str(it.digest)[:19],
    "CHANNEL": lambda it: it.channel or "",
    "AT": lambda it: it.at,
    "WAS": lambda it: it.state,
    "WOULD": lambda it: "pass" if it.allowed else "be refused",
    "WHY": lambda it: it.text,
}


@click.group()
def policy() -> None:
    """What must hold before something enters, is promoted, or may still be read."""


def _written(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what a policy is."""
    for option in reversed(
        (
            click.option("--condition", help="A CEL expression over the facts: true lets it through."),
            click.option(
                "--door",
                type=click.Choice(["admission", "promotion", "reading"]),
                default="promotion",
                show_default=True,
                help="Where it is asked.",
            ),
            click.option(
                "--mode",
                type=click.Choice(["enforce", "warn", "dry-run", "off"]),
                default="enforce",
                show_default=True,
                help="What a no means.",
            ),
            click.option("--channel", "channels", multiple=True, help="Which channels; none: all but the first."),
            click.option("--format", "formats", multiple=True, help="Of which formats; none: all."),
            click.option("--packages", default="*", help="A glob over the names of packages."),
            click.option("--message", help="A CEL expression that says why not."),
            click.option("--description", default="", help="Why not, in general."),
        )
    ):
        command = option(command)
    return command


@policy.command(name="list")
@click.argument("namespace")
@click.option("--history", is_flag=True, help="Also what they were before.")
@output_option
def list_(namespace: str, history: bool, output: Output) -> None:
    """List what a namespace demands."""
    with Client() as registry:
        show_list(registry.policies.iter(namespace, history=history), _POLICIES, output)


@policy.command(name="set")
@click.argument("namespace")
@click.argument("name")
@_written
@output_option
def set_(namespace: str, name: str, output: Output, **written: object) -> None:
    """Demand something from now on.

    A default that is not wanted is set with --mode off.
    """
    with Client() as registry:
        wanted = _policy(registry, namespace, name, written)
        done = registry.policies.set(namespace, name, wanted)
    show_done(f"{namespace} demands {name}, version {done.version} ({done.mode})", done, output)


@policy.command()
@click.argument("namespace")
@click.argument("name")
@output_option
def remove(namespace: str, name: str, output: Output) -> None:
    """Demand it no more; where there is a default of that name, it holds again."""
    with Client() as registry:
        registry.policies.remove(namespace, name)
    show_done(f"{namespace} demands {name} no more", {"namespace": namespace, "policy": name}, output)


@policy.command()
@click.argument("address", metavar="REFERENCE")
@click.option("--to", "channel", help="The channel that it would enter.")
@click.option("--name", help="Under which name the condition is tried.")
@_written
@output_option
def test(address: str, channel: str | None, name: str | None, output: Output, **written: object) -> None:
    """Ask the policies about one version, and perhaps one that is not set yet."""
    draft = _draft(name or "draft", written) if written["condition"] else None
    with Client() as registry:
        tried = registry.policies.test(address, door=str(written["door"]), channel=channel, name=name, draft=draft)
    if output == "json":
        show_json(tried)
    else:
        for said in tried.decision.policies:
            click.echo(f"{'✓' if said.allowed else '✗'} {said.policy}: {said.text}")
        click.echo("It passes." if tried.decision.allowed else "It does not pass.")
    raise SystemExit(0 if tried.decision.allowed else 1)


@policy.command()
@click.argument("namespace")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 3650), default=91, show_default=True, help="How far back.")
@_written
@output_option
def replay(namespace: str, name: str, days: int, output: Output, **written: object) -> None:
    """Hold a policy against what came to its door, before it is switched on.

    Of promotions what was known then counts; of what came in, what is known today.
    """
    with Client() as registry:
        wanted = _policy(registry, namespace, name, written)
        found = registry.policies.replay(namespace, name, wanted, days=days)
    show_list(found.items, _REPLAYED, output)
    if output == "table":
        click.echo(f"{found.refused} of {len(found.items)} would be refused.")


@policy.command()
@output_option
def facts(output: Output) -> None:
    """List all that a policy can ask."""
    with Client() as registry:
        show_list(registry.policies.facts(), _FACTS, output)


def _policy(registry: Client, namespace: str, name: str, written: dict[str, object]) -> Policy:
    """What was written, or the policy of that name where only its mode was."""
    if written["condition"]:
        return _draft(name, written)
    known = next((each for each in registry.policies.iter(namespace) if each.name == name), None)
    if known is None:
        raise Misuse(f"there is no policy {name} yet", hint="Say what must hold: --condition …")
    return Policy(
        name=name,
        door=known.door,
        condition=known.condition,
        mode=str(written["mode"]),
        channels=known.channels,
        formats=known.formats,
        packages=known.packages,
        message=known.message,
        description=known.description,
    )


def _draft(name: str, written: dict[str, object]) -> Policy:
    return Policy(name=name, **written)  # type: ignore[arg-type]  # click has checked them

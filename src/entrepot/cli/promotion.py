"""``entrepot promote``, ``approve``, ``refuse``, ``unpromote``, ``block``, ``quarantine``, ``unblock`` and ``why``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list
from entrepot.client import Client

if TYPE_CHECKING:
    from entrepot.client.promotions import Block, Promotion, PromotionPlan, Why, WhyDoor

_PROMOTIONS: Final[Columns[Promotion]] = {
    "ID": lambda it: it.id,
    "PACKAGE": lambda it: f"{it.namespace}/{it.format}/{it.package}",
    "VERSION": lambda it: it.version or str(it.digest)[:19],
    "CHANNEL": lambda it: it.channel,
    "STATE": lambda it: it.state,
    "BY": lambda it: it.actor,
    "APPROVED": lambda it: tuple(each.principal for each in it.approvals),
    "AT": lambda it: it.at,
    "WHY NOT": lambda it: it.refusals,
}
_BLOCKS: Final[Columns[Block]] = {
    "PACKAGE": lambda it: f"{it.namespace}/{it.format}/{it.package}",
    "DIGEST": lambda it: it.digest,
    "KIND": lambda it: it.kind,
    "BY": lambda it: it.actor,
    "AT": lambda it: it.at,
    "REASON": lambda it: it.reason,
}
_REFUSED: Final = 1


@click.command()
@click.argument("address", metavar="REFERENCE")
@click.option("--to", "channel", required=True, help="The channel.")
@click.option("--reason", default="", help="Why, for the record.")
@click.option("--plan", "only_plan", is_flag=True, help="Only say what would come of it.")
@output_option
def promote(address: str, channel: str, reason: str, only_plan: bool, output: Output) -> None:
    """Let an artifact into a channel, if nothing is in the way.

    First the plan is shown; then it is applied as it is, or not at all.
    """
    with Client() as registry:
        plan = registry.promotions.plan(address, channel)
        if output == "table":
            _show_plan(address, plan)
        if only_plan:
            if output == "json":
                show_json(plan)
            raise SystemExit(0 if plan.decision.allowed else _REFUSED)
        done = registry.promotions.promote(address, channel, reason=reason)
    _show_promotion(address, done, output)


@click.command()
@click.argument("promotion")
@click.option("--note", default="", help="What you have to say.")
@output_option
def approve(promotion: str, note: str, output: Output) -> None:
    """Approve what somebody wants to promote."""
    with Client() as registry:
        done = registry.promotions.approve(promotion, note=note)
    _show_promotion(f"{done.package} {done.version}", done, output)


@click.command()
@click.argument("promotion")
@click.option("--reason", default="", help="Why, for the record.")
@output_option
def refuse(promotion: str, reason: str, output: Output) -> None:
    """Refuse what somebody wants to promote."""
    with Client() as registry:
        done = registry.promotions.refuse(promotion, reason=reason)
    show_done(f"{done.package} {done.version} does not enter {done.channel}", done, output)


@click.command()
@click.argument("address", metavar="REFERENCE")
@click.option("--from", "channel", required=True, help="The channel.")
@click.option("--reason", default="", help="Why, for the record.")
@output_option
def unpromote(address: str, channel: str, reason: str, output: Output) -> None:
    """Take an artifact out of a channel again."""
    with Client() as registry:
        done = registry.promotions.unpromote(address, channel, reason=reason)
    document = {"reference": address, "channel": channel, "warnings": done.warnings}
    show_done(f"{address} is no longer in {channel}", document, output)
    for warning in done.warnings:
        click.echo(_printable(f"warning: it is {warning}"), err=True)


@click.command()
@click.argument("namespace")
@click.option("--waiting", is_flag=True, help="Only those that wait for something.")
@output_option
def promotions(namespace: str, waiting: bool, output: Output) -> None:
    """List how artifacts came into channels, or did not."""
    with Client() as registry:
        show_list(registry.promotions.iter(namespace, waiting=waiting), _PROMOTIONS, output)


@click.command()
@click.argument("address", metavar="REFERENCE")
@click.option("--reason", required=True, help="Why, for everybody who asks for it.")
@output_option
def block(address: str, reason: str, output: Output) -> None:
    """Serve an artifact no more, and let nobody publish it again."""
    _block(address, reason, output, quarantine=False)


@click.command()
@click.argument("address", metavar="REFERENCE")
@click.option("--reason", required=True, help="Why, for everybody who asks for it.")
@output_option
def quarantine(address: str, reason: str, output: Output) -> None:
    """Serve an artifact no more until more is known."""
    _block(address, reason, output, quarantine=True)


def _block(address: str, reason: str, output: Output, *, quarantine: bool) -> None:
    with Client() as registry:
        done = registry.promotions.block(address, reason, quarantine=quarantine)
    show_done(f"{address} ({done.digest}) is {done.kind}: {reason}", done, output)


@click.command()
@click.argument("address", metavar="REFERENCE")
@click.option("--reason", default="", help="Why, for the record.")
@output_option
def unblock(address: str, reason: str, output: Output) -> None:
    """Serve an artifact again."""
    with Client() as registry:
        registry.promotions.unblock(address, reason=reason)
    show_done(f"{address} is served again", {"reference": address}, output)


@click.command()
@click.argument("namespace")
@click.option("--history", is_flag=True, help="Also what is served again.")
@output_option
def blocks(namespace: str, history: bool, output: Output) -> None:
    """List what is kept and not served."""
    with Client() as registry:
        show_list(registry.promotions.blocks(namespace, history=history), _BLOCKS, output)


@click.command()
@click.argument("address", metavar="REFERENCE")
@output_option
def why(address: str, output: Output) -> None:
    """Say why an artifact is visible or not, kept, blocked, cleared or not promotable."""
    with Client() as registry:
        known = registry.promotions.why(address)
    if output == "json":
        show_json(known)
        return
    for heading, lines in _paragraphs(known):
        click.secho(heading, bold=True)
        for line in lines:
            click.echo(f"  {_printable(line)}")


def _paragraphs(known: Why) -> list[tuple[str, list[str]]]:
    found = known.found
    counts = ", ".join(f"{count} {level}" for level, count in (found.findings or {}).items())
    seen = f"{found.components} components, {counts or 'nothing'} found"
    return [
        (
            f"{known.namespace}/{known.format}/{known.package}",
            [str(known.digest), ", ".join(known.references) or "no name"],
        ),
        ("Seen through", [f"{each.view}: {'yes' if each.visible else 'no'}, {each.text}" for each in known.views]),
        *([("At the doors", doors)] if (doors := [line for each in known.doors for line in _door_lines(each)]) else []),
        ("Kept by", list(known.kept)),
        (
            "Could be promoted",
            [line for plan in known.promotable for line in _plan_lines(plan)] or ["it is everywhere"],
        ),
        ("Signed", [_signed(each.kind, each.signers, each.reason) for each in known.signed] or ["by nobody"]),
        (
            "Found",
            [
                seen if found.complete else f"{seen} so far: not all of it is known",
                *found.worst,
                *(f"suppressed: {each}" for each in found.suppressed),
            ],
        ),
        ("Secrets", _secrets(known)),
        (
            "History",
            [
                f"{each.channel}: {each.state} by {each.actor}, {'; '.join(each.refusals)}".rstrip(", ")
                for each in known.promotions
            ]
            or ["never promoted"],
        ),
    ]


def _secrets(known: Why) -> list[str]:
    found = known.secrets
    counts = ", ".join(f"{count} {state}" for state, count in found.counts.items()) or "none"
    unread = f"; in {found.unread} places nobody could look" if found.unread else ""
    return [f"{counts}{unread}" if found.searched else f"{counts} so far: not all of it was searched", *found.places]


def _signed(kind: str, signers: tuple[str, ...], reason: str | None) -> str:
    return f"{kind}: {', '.join(signers) or reason or 'by nobody who is known'}"


def _door_lines(said: WhyDoor) -> list[str]:
    where = said.door if said.channel is None else f"{said.door} through {said.channel}"
    return [
        f"{where}: {'yes' if each.allowed else 'no'}, {each.policy}: {each.text}"
        + ("" if each.mode == "enforce" else f" ({each.mode})")
        for each in said.decision.policies
    ]


def _plan_lines(plan: PromotionPlan) -> list[str]:
    if plan.decision.allowed:
        return [f"to {plan.channel}: nothing is in the way"]
    return [f"to {plan.channel}: no, {text}" for text in plan.decision.refusals]


def _show_plan(address: str, plan: PromotionPlan) -> None:
    click.secho(f"{address} ({plan.digest}) to {plan.channel}", bold=True)
    if plan.cleared:
        click.echo("  is there already")
    for said in plan.decision.policies:
        mark = "✓" if said.allowed else "✗"
        mode = "" if said.mode == "enforce" else f" ({said.mode})"
        click.echo(f"  {mark} {said.policy}{mode}: {_printable(said.text)}")
    told = {f"{said.policy}: {said.text}" for said in plan.decision.policies}
    for refusal in plan.decision.refusals:
        if refusal not in told:
            click.echo(f"  ✗ {_printable(refusal)}")


def _show_promotion(address: str, done: Promotion, output: Output) -> None:
    if done.state == "applied":
        show_done(f"{address} is in {done.channel}", done, output)
        return
    if done.state == "proposed":
        said = f"{address} waits: {'; '.join(done.refusals)}\nTo approve it: entrepot approve {done.id}"
        if output == "json":
            show_json(done)
        else:
            click.echo("\n".join(_printable(line) for line in said.splitlines()))
        return
    if output == "json":
        show_json(done)
    else:
        click.echo(_printable(f"{address} does not enter {done.channel}: {'; '.join(done.refusals)}"), err=True)
    raise SystemExit(_REFUSED)


def _printable(text: str) -> str:
    """*text* without what could steer a terminal: somebody else may have written it."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)

"""``entrepot retain``."""

from __future__ import annotations

import time
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from entrepot.cli.confirm import confirm, yes_option
from entrepot.cli.duration import Duration, print_duration
from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list, show_one
from entrepot.client import Client, Misuse
from entrepot.client.retention import (
    JudgedArtifact,
    PlannedItem,
    Regretted,
    Retention,
    RetentionPlan,
    RetentionRule,
)

R = TypeVar("R", bound=RetentionRule)

_WAIT_SECONDS: Final = 1.0
_GIB: Final = 1024**3
_SPANS: Final = {"younger-than": "younger_than_seconds", "pulled-within": "pulled_within_seconds"}


def conditions(rule: RetentionRule) -> str:
    """What stays by a rule, in words."""
    said = []
    if rule.everything:
        said.append("everything")
    if rule.last is not None:
        per = "" if rule.per == "package" else f" of each {rule.per} version"
        said.append(f"none{per}" if rule.last == 0 else f"the last{f' {rule.last}' if rule.last > 1 else ''}{per}")
    if rule.younger_than_seconds is not None:
        said.append(f"what is younger than {print_duration(rule.younger_than_seconds)}")
    if rule.pulled_within_seconds is not None:
        said.append(f"what was pulled within {print_duration(rule.pulled_within_seconds)}")
    if rule.cleared:
        said.append("what is cleared")
    return " or ".join(said)


_RULES: Final[Columns[RetentionRule]] = {
    "RULE": lambda it: it.name,
    "SPEAKS OF": lambda it: it.kinds,
    "FORMATS": lambda it: it.formats or "all",
    "PACKAGES": lambda it: it.packages,
    "NAMES": lambda it: it.names,
    "KEEPS": conditions,
}
_PLAN: Final[Columns[RetentionPlan]] = {
    "plan": lambda it: it.plan,
    "state": lambda it: it.state,
    "looked at": lambda it: f"{it.looked_at} artifacts",
    "to go": lambda it: it.planned,
    "kept anyway": lambda it: it.kept,
    "deleted": lambda it: it.deleted,
    "moved": lambda it: it.moved,
    "frees": lambda it: f"{it.size} bytes ({it.size / _GIB:.2f} GiB)",
    "costs a month": lambda it: None if it.monthly_cost is None else f"{it.monthly_cost:.2f}",
    "digest": lambda it: it.digest,
}
_PLANS: Final[Columns[RetentionPlan]] = {
    "PLAN": lambda it: it.plan,
    "STATE": lambda it: it.state,
    "AT": lambda it: it.at,
    "BY": lambda it: it.actor,
    "TO GO": lambda it: it.planned,
    "DELETED": lambda it: it.deleted,
    "FREES": lambda it: it.size,
}
_ITEMS: Final[Columns[PlannedItem]] = {
    "PACKAGE": lambda it: f"{it.format}/{it.package}",
    "NAMES": lambda it: it.names or str(it.digest)[:19],
    "FREES": lambda it: it.size,
    "RULE": lambda it: it.rule,
    "WHY": lambda it: it.reason,
    "LAST PULLED": lambda it: it.pulled_at,
    "BY": lambda it: it.pulled_by,
    "KEPT BY": lambda it: it.keeper,
}
_JUDGED: Final[Columns[JudgedArtifact]] = {
    "NAMES": lambda it: it.names or str(it.digest)[:19],
    "": lambda it: "goes" if it.goes else "stays",
    "RULE": lambda it: it.rule,
    "WHY": lambda it: it.reason,
    "KEPT BY": lambda it: it.keeper,
}
_REGRETTED: Final[Columns[Regretted]] = {
    "PACKAGE": lambda it: f"{it.format}/{it.package}",
    "NAMES": lambda it: it.names or str(it.digest)[:19],
    "WOULD HAVE GONE": lambda it: it.gone_at,
    "PULLED AGAIN": lambda it: it.pulled_at,
    "BY": lambda it: it.pulled_by,
    "WHY": lambda it: it.reason,
}


@click.group()
def retain() -> None:
    """What stays of a namespace's versions, and what goes."""


@retain.command()
@click.argument("namespace")
@click.option("--set", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Rules to keep by.")
@click.option("--automatic/--by-hand", default=None, help="Whether what goes by the rules goes by itself, every day.")
@output_option
def rules(namespace: str, file: Path | None, automatic: bool | None, output: Output) -> None:
    """Show, or set, by what rules a namespace keeps its versions.

    The file is TOML: a [[rule]] for each, asked in their order.
    """
    with Client() as registry:
        found = registry.retention.read(namespace)
        if file is not None or automatic is not None:
            wanted = Retention(
                found.rules if file is None else read_rules(file, RetentionRule),
                found.automatic if automatic is None else automatic,
            )
            found = registry.retention.set(namespace, wanted)
    if output == "json":
        show_json(found)
        return
    show_list(found.rules, _RULES, output)
    click.echo("What they let go goes by itself." if found.automatic else "Nothing goes by itself.")


@retain.command()
@click.argument("namespace")
@output_option
def plan(namespace: str, output: Output) -> None:
    """Find out what the rules let go now, why, and how many bytes that frees. Nothing is changed."""
    with Client() as registry:
        _show_plan(registry, registry.retention.plan(namespace), output)


@retain.command()
@click.argument("plan", metavar="PLAN")
@output_option
def show(plan: str, output: Output) -> None:
    """Show a plan again, and what has become of it."""
    with Client() as registry:
        _show_plan(registry, registry.retention.read_plan(plan), output)


@retain.command()
@click.argument("namespace")
@output_option
def plans(namespace: str, output: Output) -> None:
    """List the plans that are remembered."""
    with Client() as registry:
        show_list(registry.retention.plans(namespace), _PLANS, output)


@retain.command()
@click.argument("plan", metavar="PLAN")
@yes_option
@output_option
def apply(plan: str, yes: bool, output: Output) -> None:
    """Let go exactly what a plan says, into the trash, unless something about it has changed."""
    with Client() as registry:
        made = registry.retention.read_plan(plan)
        if made.state == "planned":
            confirm(f"Delete {made.planned} artifacts of {made.namespace}?", yes=yes)
        done = registry.retention.apply(plan, digest=made.digest)
        while done.state != "applied":
            time.sleep(_WAIT_SECONDS)
            done = registry.retention.apply(plan, digest=made.digest)
    stayed = f", {done.moved} stayed: they had changed" if done.moved else ""
    show_done(f"{done.deleted} deleted{stayed}", done, output)


@retain.command()
@click.argument("address", metavar="PACKAGE")
@output_option
def explain(address: str, output: Output) -> None:
    """Show what the rules say of everything in a package, and why."""
    with Client() as registry:
        show_list(registry.retention.explain(address), _JUDGED, output)


@retain.command()
@click.argument("namespace")
@click.option("--rules", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Rules to try.")
@click.option("--days", type=click.IntRange(1, 366), default=91, show_default=True, help="How far back.")
@output_option
def replay(namespace: str, file: Path | None, days: int, output: Output) -> None:
    """Hold rules against the past: show what they would have deleted that somebody pulled later."""
    tried = () if file is None else read_rules(file, RetentionRule)
    with Client() as registry:
        found = registry.retention.replay(namespace, rules=tried, days=days)
    if output == "json":
        show_json(found)
    else:
        if found.regretted:
            show_list(found.regretted, _REGRETTED, output)
        click.echo(f"{found.gone} of {found.looked_at} would have gone; {len(found.regretted)} were pulled later.")
        if found.known_since is not None:
            click.echo(f"What was pulled before {found.known_since:%Y-%m-%d} is not known.")
    raise SystemExit(1 if found.regretted else 0)


def _show_plan(registry: Client, made: RetentionPlan, output: Output) -> None:
    if output == "json":
        show_json({"plan": made, "items": list(registry.retention.items(made.plan))})
        return
    show_one(made, _PLAN, output)
    if made.planned or made.kept or made.deleted or made.moved:
        show_list(registry.retention.items(made.plan), _ITEMS, output)


def read_rules(file: Path, kind: type[R]) -> tuple[R, ...]:
    """The rules of a file. Raises `Misuse` for what is none."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misuse(f"{file}: {error}") from error
    written = document.get("rule", [])
    if set(document) - {"rule"} or not isinstance(written, list):
        raise Misuse(f"{file} has more than rules", hint="Write a [[rule]] for each.")
    return tuple(_read_rule(file, each, kind) for each in written)


def _read_rule(file: Path, written: object, kind: type[R]) -> R:
    known = {field.name for field in fields(kind)} - set(_SPANS.values())
    if not isinstance(written, dict) or not isinstance(written.get("name"), str):
        raise Misuse(f"{file}: a rule has no name")
    said: dict[str, Any] = {}
    for key, value in written.items():
        if key in _SPANS:
            said[_SPANS[key]] = int(Duration().convert(value, None, None).total_seconds())
        elif key in known:
            said[key] = tuple(value) if isinstance(value, list) else value
        else:
            raise Misuse(
                f"{file}: rule {written['name']} says {key!r}", hint=f"A rule has {', '.join([*known, *_SPANS])}."
            )
    return kind(**said)

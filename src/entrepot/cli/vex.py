"""``entrepot vex``: that a flaw does not matter, who says so, why, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from entrepot.cli.duration import Duration
from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list
from entrepot.client import Client, LocalFailure

if TYPE_CHECKING:
    from entrepot.client.assessments import Exemption, VexStatement

_EXEMPTIONS: Final[Columns[Exemption]] = {
    "FLAW": lambda it: it.flaw,
    "OF": lambda it: it.component or "whatever has it",
    "IN": lambda it: "the package" if it.artifact is None else it.artifact[:19],
    "STATUS": lambda it: it.status,
    "BY": lambda it: it.by,
    "UNTIL": lambda it: it.until,
    "REASON": lambda it: it.reason,
    "ID": lambda it: it.id,
}
_STATEMENTS: Final[Columns[VexStatement]] = {
    "FLAWS": lambda it: it.flaws,
    "STATUS": lambda it: it.status,
    "SIGNED BY": lambda it: it.signed_by or "nobody who may",
    "AUTHOR": lambda it: it.author,
    "UNTIL": lambda it: it.until,
    "REASON": lambda it: it.reason,
    "REFUSED": lambda it: it.refused,
}


@click.group()
def vex() -> None:
    """That a flaw does not matter: who says so, why, and until when."""


@vex.command()
@click.argument("address", metavar="REFERENCE")
@click.argument("flaw")
@click.option("--reason", required=True, help="Why, for everybody who meets it.")
@click.option("--for", "length", type=Duration(), help="How long: 30d. Without it, until it is taken back.")
@click.option("--component", metavar="PURL", help="Of this component alone.")
@click.option("--artifact", "alone", is_flag=True, help="Of just the artifact that REFERENCE means, not its package.")
@click.option("--status", type=click.Choice(["not_affected", "fixed"]), default="not_affected", help="What is so.")
@output_option
def add(
    address: str,
    flaw: str,
    *,
    reason: str,
    length: timedelta | None,
    component: str | None,
    alone: bool,
    status: str,
    output: Output,
) -> None:
    """Decide that a flaw does not matter in a package: entrepot vex add acme/api CVE-2021-44228 --reason ….

    For who governs the namespace. What is found stays, and is shown as suppressed.
    """
    until = None if length is None else datetime.now(UTC) + length
    with Client() as registry:
        located = registry.packages.locate(address)
        digest = None
        if alone:
            digest = located.digest or registry.packages.artifact(located).digest
        made = registry.assessments.exempt(
            located, flaw, reason, artifact=digest, component=component, status=status, until=until
        )
    ends = "" if made.until is None else f" until {made.until.isoformat(timespec='seconds')}"
    show_done(f"{flaw} does not matter{ends}: {made.id}", {"id": made.id, "flaw": flaw, "until": made.until}, output)


@vex.command()
@click.argument("address", metavar="REFERENCE")
@click.argument("file", type=click.Path(path_type=Path))
@output_option
def push(address: str, file: Path, output: Output) -> None:
    """Have the registry sign a VEX document: OpenVEX 0.2.0 or CycloneDX.

    For who governs the namespace. What you sign yourself, `entrepot attest --key` and cosign push.
    """
    with Client() as registry:
        digest = registry.assessments.push_vex(address, _read(file))
    show_done(f"signed {file.name} as {digest}", {"reference": address, "digest": digest}, output)


@vex.command(name="list")
@click.argument("address", metavar="REFERENCE")
@output_option
def list_(address: str, output: Output) -> None:
    """List what was decided of a package, and what signed statements say of the artifact that is named, if one is."""
    with Client() as registry:
        located = registry.packages.locate(address)
        decided = list(registry.assessments.exemptions(located))
        stated = list(registry.assessments.vex(located)) if located.digest or located.name else []
    if output == "json":
        show_json({"exemptions": decided, "statements": stated})
        return
    show_list(decided, _EXEMPTIONS, output)
    if stated:
        click.echo()
        show_list(stated, _STATEMENTS, output)


@vex.command()
@click.argument("address", metavar="PACKAGE")
@click.argument("id")
@click.option("--reason", default="", help="Why.")
@output_option
def remove(address: str, id: str, *, reason: str, output: Output) -> None:
    """Take a decision back: what it suppressed counts again."""
    with Client() as registry:
        ended = registry.assessments.end_exemption(address, id, reason)
    show_done(f"{ended.flaw} matters again", {"id": id, "flaw": ended.flaw, "removed": True}, output)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LocalFailure(f"{path}: {error.strerror}") from error

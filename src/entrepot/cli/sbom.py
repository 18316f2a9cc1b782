"""``entrepot sbom``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrepot.cli.output import Output, output_option, show_done, show_list
from entrepot.client import Client

if TYPE_CHECKING:
    from entrepot.client.answers import ComponentChange


@click.group()
def sbom() -> None:
    """What is in an artifact, and what it needs."""


@sbom.command()
@click.argument("address", metavar="REFERENCE")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "licences", "documents", "cyclonedx", "spdx"]),
    default="table",
    help="The components, their licences, which documents say so; or one document of all.",
)
@click.option("--wait", default=0.0, metavar="SECONDS", help="How long to wait for what was published just now.")
@output_option
def show(address: str, form: str, wait: float, output: Output) -> None:
    """List what is in an artifact: entrepot sbom show acme/pkg:1.0."""
    with Client() as registry:
        if wait > 0:
            registry.packages.sboms(address, wait_seconds=wait)
        if form in ("cyclonedx", "spdx"):
            click.echo(registry.packages.export_sbom(address, form).decode())
        elif form == "licences":
            columns = {
                "LICENCE": lambda it: it.expression,
                "CATEGORY": lambda it: it.category,
                "COMPONENTS": lambda it: it.components,
            }
            show_list(registry.packages.sboms(address).licences, columns, output)
        elif form == "documents":
            columns = {
                "SOURCE": lambda it: it.source,
                "FORM": lambda it: it.form,
                "COMPONENTS": lambda it: it.components,
                "UNREAD": lambda it: it.unread,
                "CARRIER": lambda it: it.carrier,
                "PROBLEM": lambda it: it.problem,
            }
            show_list(registry.packages.sboms(address).documents, columns, output)
        else:
            columns = {
                "NAME": lambda it: it.name,
                "VERSION": lambda it: it.version or it.constraint,
                "RELATION": lambda it: it.relation,
                "LICENCE": lambda it: it.licence,
                "PURL": lambda it: it.purl,
            }
            show_list(registry.packages.components(address), columns, output)


@sbom.command()
@click.argument("before", metavar="REFERENCE")
@click.argument("after", metavar="REFERENCE")
@output_option
def diff(before: str, after: str, output: Output) -> None:
    """List what is otherwise in one version than in another."""
    columns = {
        "CHANGE": lambda it: it.kind,
        "NAME": lambda it: it.component.name,
        "BEFORE": _before,
        "AFTER": _after,
    }
    with Client() as registry:
        found = list(registry.packages.component_changes(before, after))
    show_list(found, columns, output)


def _before(change: ComponentChange) -> str | None:
    if change.kind == "removed":
        return change.component.version
    if change.before is None:
        return None
    return change.before.licence if change.kind == "licence" else change.before.version or change.before.constraint


def _after(change: ComponentChange) -> str | None:
    if change.kind == "removed":
        return None
    now = change.component
    return now.licence if change.kind == "licence" else now.version or now.constraint


@sbom.command()
@click.argument("address", metavar="REFERENCE")
@click.option("--format", "form", type=click.Choice(["cyclonedx", "spdx"]), default="cyclonedx", help="In which form.")
@click.option("--into", type=click.Path(path_type=Path, dir_okay=False), help="A file; without it, the terminal.")
@output_option
def export(address: str, form: str, into: Path | None, output: Output) -> None:
    """Write what is in an artifact as CycloneDX 1.6 or SPDX 2.3."""
    with Client() as registry:
        content = registry.packages.export_sbom(address, form)
    if into is None:
        click.echo(content.decode())
    else:
        into.write_bytes(content)
        show_done(f"{into}: {len(content)} bytes", {"file": str(into), "size": len(content), "format": form}, output)

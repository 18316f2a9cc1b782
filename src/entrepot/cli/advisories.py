"""``entrepot advisories``, ``scan`` and ``impact``."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list, show_one
from entrepot.client import Client, LocalFailure, Misuse

if TYPE_CHECKING:
    from entrepot.client.advisories import AdvisorySource, Finding, ImpactHit, ImportedAdvisories, Scan
    from entrepot.client.assessments import ScannerReport

_PIECE: Final = 1024 * 1024
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")
"""Names of advisories that every system takes for those of files."""

_SOURCES: Final[Columns[AdvisorySource]] = {
    "SOURCE": lambda it: it.name,
    "ADVISORIES": lambda it: it.advisories,
    "IMPORTED": lambda it: it.imported_at,
    "NEWEST": lambda it: it.newest,
    "URL": lambda it: it.url,
    "FROM": lambda it: [f"{each.name} ({each.read_at:%Y-%m-%d})" if each.read_at else each.name for each in it.origins],
    "PROBLEM": lambda it: it.problem,
}
_IMPORTED: Final[Columns[ImportedAdvisories]] = {
    "source": lambda it: it.source,
    "records": lambda it: it.records,
    "changed": lambda it: it.changed,
    "withdrawn": lambda it: it.withdrawn,
    "older than known": lambda it: it.older,
    "matches": lambda it: it.matches,
    "removed": lambda it: it.removed,
    "refused": lambda it: it.refused,
    "problems": lambda it: list(it.problems),
}
_FINDINGS: Final[Columns[Finding]] = {
    "SEVERITY": lambda it: it.severity if it.score is None else f"{it.severity} {it.score}",
    "ID": lambda it: it.id,
    "COMPONENT": lambda it: it.component,
    "STATE": lambda it: it.state if it.relation != "declared" else f"{it.state} (declared)",
    "FIXED": lambda it: it.fixed,
    "SOURCE": lambda it: it.source,
    "OF": lambda it: it.imported_at,
    "SUMMARY": lambda it: it.summary[:60],
}
_SUPPRESSED: Final[Columns[Finding]] = {
    "SUPPRESSED": lambda it: it.id,
    "COMPONENT": lambda it: it.component,
    "BY": lambda it: None if it.suppressed is None else it.suppressed.by,
    "UNTIL": lambda it: None if it.suppressed is None else it.suppressed.until,
    "WHY": lambda it: None if it.suppressed is None else it.suppressed.reason,
}
_REPORTS: Final[Columns[ScannerReport]] = {
    "TOOL": lambda it: f"{it.tool} {it.version}".rstrip(),
    "FORM": lambda it: it.form,
    "OF": lambda it: it.at,
    "FINDINGS": lambda it: it.findings,
    "SENT BY": lambda it: it.sent_by,
    "KEPT AS": lambda it: str(it.digest)[:19],
    "PROBLEM": lambda it: it.problem,
}
_HITS: Final[Columns[ImpactHit]] = {
    "PACKAGE": lambda it: f"{it.namespace}/{it.format}/{it.name}",
    "REFERENCES": lambda it: it.references or it.digest[:19],
    "CHANNELS": lambda it: it.views,
    "RUNS AS": lambda it: it.deployments,
    "HAS": lambda it: it.components,
    "STATE": lambda it: it.state,
    "FIRST WITHOUT": lambda it: it.first_without,
    "SUPPRESSED BY": lambda it: None if it.suppressed is None else it.suppressed.by,
}


@click.group()
def advisories() -> None:
    """What is known to be bad, and where that comes from."""


@advisories.command(name="import")
@click.argument("origin")
@click.option("--source", help="What to call where it comes from; by default like the file.")
@click.option("--private", is_flag=True, help="The address may be of a private network.")
@click.option(
    "--token",
    envvar="ENTREPOT_SOURCE_TOKEN",
    help="What the address is asked with; ENTREPOT_SOURCE_TOKEN. It is kept, and never shown.",
)
@click.option("--exploitation", is_flag=True, help="The file has EPSS scores, or known exploited vulnerabilities.")
@output_option
def import_(
    origin: str, *, source: str | None, private: bool, token: str | None, exploitation: bool, output: Output
) -> None:
    """Take in advisories: a zip, a folder or a file of OSV records, or an address that is asked again later.

    The address may be that of another Entrepot, which is asked only for what changed.
    """
    with Client() as registry:
        if exploitation:
            registry.advisories.take_in_scores(Path(origin).read_bytes())
            show_done(f"took in {origin}", {"file": origin}, output)
            return
        if origin.startswith(("http://", "https://")):
            name = source or _name(origin.rstrip("/").rpartition("/")[2])
            registry.advisories.add_source(name, origin, private=private, token=token)
            imported = registry.advisories.refresh(name)
        else:
            path = Path(origin)
            if not path.exists():
                raise Misuse(f"{origin}: no such file or folder")
            imported = registry.advisories.take_in(source or _name(path.stem), _pieces(path))
    show_one(imported, _IMPORTED, output)


@advisories.command()
@click.argument("file", type=click.Path(path_type=Path))
@output_option
def export(file: Path, *, output: Output) -> None:
    """Write all advisories into a zip of OSV records, for who cannot ask."""
    count = 0
    with Client() as registry, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for count, each in enumerate(registry.advisories.records(), 1):  # noqa: B007 (the last one is how many)
            name = each.id if _PLAIN.fullmatch(each.id) else sha256(each.id.encode()).hexdigest()
            archive.writestr(f"{name}.json", json.dumps(each.record))
    show_done(f"{file}: {count} advisories", {"file": str(file), "advisories": count}, output)


@advisories.command()
@output_option
def status(output: Output) -> None:
    """List the sources, with how many advisories each has, and how old they are."""
    with Client() as registry:
        show_list(registry.advisories.sources(), _SOURCES, output)


@advisories.command()
@click.argument("source")
@output_option
def refresh(source: str, output: Output) -> None:
    """Ask a source's address now for what is new."""
    with Client() as registry:
        show_one(registry.advisories.refresh(source), _IMPORTED, output)


@advisories.command()
@click.argument("source")
@output_option
def remove(source: str, output: Output) -> None:
    """Forget a source, and all that it said."""
    with Client() as registry:
        registry.advisories.remove_source(source)
    show_done(f"forgot {source}", {"source": source, "removed": True}, output)


class _Scan(click.Group):
    """A group whose first argument may also be what is to be scanned."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """What is no command is an artifact, or an option of the command that shows one."""
        return super().resolve_command(ctx, args if args and args[0] in self.commands else ["show", *args])


@click.group(cls=_Scan, context_settings={"ignore_unknown_options": True})
def scan() -> None:
    """Show what is known to be bad of an artifact.

    `entrepot scan acme/api:1.4` is short for `entrepot scan show acme/api:1.4`.
    """


@scan.command()
@click.argument("reference")
@click.option("--attest", is_flag=True, help="Have the registry sign it, as an in-toto statement beside the artifact.")
@output_option
def show(reference: str, *, attest: bool, output: Output) -> None:
    """Show what is known to be bad of an artifact."""
    with Client() as registry:
        found = registry.packages.scan(reference)
        stated = registry.assessments.state_findings(reference) if attest else None
    if output == "json":
        show_json(found)
    else:
        _show_scan(found)
    if stated is not None:
        click.echo(f"stated as {stated}", err=output == "json")


def _show_scan(found: Scan) -> None:
    show_list([each for each in found.findings if each.suppressed is None], _FINDINGS, "table")
    suppressed = [each for each in found.findings if each.suppressed is not None]
    if suppressed:
        click.echo()
        show_list(suppressed, _SUPPRESSED, "table")
    if found.components == 0:
        click.echo("nobody knows what is in it: that nothing was found says nothing", err=True)
    if found.pending:
        click.echo(f"{found.pending} of {found.components} components were not compared yet", err=True)
    if found.unread:
        click.echo(
            f"{found.unread} documents about it were not read, or not all of what is in it was: "
            "see entrepot sbom show --format documents, and entrepot scan reports",
            err=True,
        )


@scan.command()
@click.argument("reference")
@click.argument("file", type=click.Path(path_type=Path))
@output_option
def push(reference: str, file: Path, output: Output) -> None:
    """Send what another scanner found: SARIF 2.1.0, or the JSON of Trivy or Grype.

    For who may publish in the package. Of each tool, and of each who sends its reports, the latest counts.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise LocalFailure(f"{file}: {error.strerror}") from error
    with Client() as registry:
        taken = registry.assessments.push_report(reference, content)
    show_done(
        f"{taken.findings} findings of {taken.tool} {taken.version}".rstrip() + f", kept as {taken.digest}",
        {"reference": reference, "digest": taken.digest, "tool": taken.tool, "findings": taken.findings},
        output,
    )


@scan.command()
@click.argument("reference")
@output_option
def reports(reference: str, output: Output) -> None:
    """List the reports of other scanners about an artifact, the newest first."""
    with Client() as registry:
        show_list(registry.assessments.reports(reference), _REPORTS, output)


@click.command()
@click.argument("asked")
@click.option("--limit", default=1_000, show_default=True, help="How many places to show.")
@output_option
def impact(asked: str, limit: int, output: Output) -> None:
    """Show who has a package, or what an advisory means."""
    with Client() as registry:
        found = registry.advisories.impact(asked, limit=limit)
    if output == "json":
        show_json(found)
        return
    show_list(found.hits, _HITS, output)
    if found.truncated:
        click.echo(f"there are more: {found.artifacts} artifacts in all", err=True)


def _name(text: str) -> str:
    """A name for a source: what may be in one of what a file is called."""
    words = "".join(each if each.isalnum() else " " for each in text.lower().removesuffix(".zip"))
    return "-".join(words.split()) or "advisories"


def _pieces(path: Path) -> Iterator[bytes]:
    """A file as it is; of a folder its records, one a line."""
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield json.dumps(json.loads(file.read_bytes())).encode() + b"\n"
        return
    with path.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece

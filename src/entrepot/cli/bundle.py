"""``entrepot export`` and ``entrepot import``: from one registry to another by a file that somebody carries."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from entrepot.app.bundles import export_bundle, import_file
from entrepot.cli.output import Output, output_option, show_done
from entrepot.cli.settings import config_option, data_option, find_installation
from entrepot.model.names import View, parse_namespace
from entrepot.operations.export import parse_wanted
from entrepot.trust.keys import PublicKey


@click.command()
@click.argument("what", nargs=-1, required=True)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--in",
    "view",
    metavar="VIEW",
    help="Nothing from elsewhere: package URLs and searches are looked for there, and not in every namespace.",
)
@click.option("--overwrite", is_flag=True, help="Also when FILE is there already.")
@data_option
@config_option
@output_option
def export(
    what: tuple[str, ...],
    file: Path,
    *,
    view: str | None,
    overwrite: bool,
    data: str | None,
    config: Path | None,
    output: Output,
) -> None:
    """Write artifacts into a sealed bundle, for where no line leads.

    WHAT is acme/tool:1.0, acme/tool@sha256:…, acme/tool, acme/pypi/requests:2.*, acme.prod (all that is cleared there)
    or acme; a package URL such as 'pkg:pypi/requests@2.*'; or what `entrepot search` finds by commit:, build: and so on.
    It may be given several times, and each must be something. They go with all that they contain and all that refers to
    them, as an OCI image layout in a tar, which other programs read, too.
    """
    settings = find_installation(config, data)
    inside = None if view is None else View.parse(view)
    wanted = [parse_wanted(each, inside) for each in what]
    made = asyncio.run(export_bundle(settings, wanted, file, overwrite=overwrite))
    message = (
        f"{file}: {made.names} names, {made.artifacts} artifacts, {made.blobs} blobs, {made.proofs} proofs of the log"
    )
    show_done(message, made, output)


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="PEM file of a registry's public key (/api/v1/keys): its bundles are believed.",
)
@click.option("--into", metavar="NAMESPACE", help="Not the namespace that it came from, but this one.")
@click.option("--dry-run", is_flag=True, help="Verify the seal and every byte, and publish nothing.")
@data_option
@config_option
@output_option
def import_(
    file: Path,
    *,
    keys: tuple[Path, ...],
    into: str | None,
    dry_run: bool,
    data: str | None,
    config: Path | None,
    output: Output,
) -> None:
    """Publish what a bundle brings, each byte of it verified.

    Nothing is published before all of it was read. Namespaces have to be there. What is there already is not published
    again, so a bundle may be imported twice.
    """
    settings = find_installation(config, data)
    known = [PublicKey.parse(path.read_bytes()) for path in keys]
    namespace = None if into is None else parse_namespace(into)
    done = asyncio.run(import_file(settings, file, known, namespace, dry_run=dry_run))
    show_done(
        f"{done.names} names, {done.artifacts} artifacts, {done.blobs} blobs, sealed by {done.sealed_by}", done, output
    )

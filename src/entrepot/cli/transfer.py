"""``entrepot push`` and ``entrepot pull``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entrepot.cli.output import Output, output_option, show_json
from entrepot.cli.progress import progress_bars
from entrepot.client import Address, Client, Transferred
from entrepot.client.build import collect
from entrepot.model.names import ReferenceName
from entrepot.model.reference import ReferenceKind, TagRules

if TYPE_CHECKING:
    from entrepot.client.answers import StoredFile

_PIECE = 1024 * 1024

_parallel = click.option(
    "--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="Files at the same time."
)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.argument("address", metavar="REFERENCE")
@click.option(
    "--format", "format_", type=click.Choice(["generic", "oci"]), help="Plain files (default), or an artifact."
)
@click.option("--annotation", "given", multiple=True, metavar="KEY=VALUE", help="Say more of it; repeat for several.")
@click.option("--build-info/--no-build-info", default=True, help="Say which commit and build it is from (default).")
@click.option("--artifact-type", help="What kind of OCI artifact it is.")
@click.option("--media-type", default="application/octet-stream", help="What an OCI artifact's files are.")
@click.option("--seal", is_flag=True, help="Let the version never change again.")
@_parallel
@output_option
def push(
    *,
    files: Sequence[Path],
    address: str,
    format_: str | None,
    given: Sequence[str],
    build_info: bool,
    artifact_type: str | None,
    media_type: str,
    seal: bool,
    parallel: int,
    output: Output,
) -> None:
    """Push files as a version of a package.

    \b
      entrepot push dist/* acme/tool:1.0
      entrepot push model.onnx acme/ml/model:3 --format oci --artifact-type application/vnd.acme.model

    A directory is pushed with all below it. The same files again are not an error; an upload that broke goes on where
    it was.
    """  # noqa: D301 - click's mark for text that is not to be filled
    target = Address.parse(address, format=format_)
    annotations = collect().annotations(_version(target)) if build_info else {}
    annotations |= dict(_annotation(each) for each in given)
    with Client(parallel=parallel) as registry, progress_bars() as progress:
        pushed = registry.push(
            files,
            target,
            annotations=annotations,
            artifact_type=artifact_type,
            media_type=media_type,
            progress=progress,
        )
        if seal:
            registry.packages.seal(pushed.address)
    _show("pushed", pushed, output)


@click.command()
@click.argument("address", metavar="REFERENCE")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where to put the files."
)
@click.option("--format", "format_", metavar="FORMAT", help="The package's format, where its name is taken in several.")
@click.option("--only", multiple=True, metavar="PATTERN", help="Only files that match; repeat for several.")
@click.option(
    "--layout", type=click.Path(path_type=Path, file_okay=False), help="Write an OCI image layout here instead."
)
@_parallel
@output_option
def pull(
    *,
    address: str,
    into: Path,
    format_: str | None,
    only: Sequence[str],
    layout: Path | None,
    parallel: int,
    output: Output,
) -> None:
    """Fetch a version's files, each one verified.

    \b
      entrepot pull acme.prod/tool:1.0 --into bin
      entrepot pull acme/api:1.4 --layout api-layout
      entrepot pull acme/pypi/tool:2.0

    What is there already is not fetched again, and a download that broke goes on where it was.
    """  # noqa: D301 - click's mark for text that is not to be filled
    _read_large_pieces()
    with Client(parallel=parallel) as registry, progress_bars() as progress:
        pulled = registry.pull(
            address,
            layout or into,
            format=format_,
            only=only,
            layout=layout is not None,
            progress=progress,
        )
    _show("pulled", pulled, output)


def _read_large_pieces() -> None:
    """Let the HTTP library take a megabyte from a socket at a time instead of 64 KiB.

    Receiving takes a third of the processor's time then. The library has no option for it, so it is done only here,
    where the process is ours alone.
    """
    from httpcore._sync.http11 import HTTP11Connection

    HTTP11Connection.READ_NUM_BYTES = _PIECE


def _version(target: Address) -> str | None:
    """What it is a version of itself, if its name is one: any of plain files, and of OCI what looks like it."""
    if target.name is None:
        return None
    is_version = target.format != "oci" or TagRules().kind_of(ReferenceName(target.name)) is ReferenceKind.VERSION
    return target.name if is_version else None


def _annotation(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE.", param_hint="--annotation")
    return key, value


def _show(verb: str, transferred: Transferred, output: Output) -> None:
    if output == "json":
        show_json(
            {"reference": str(transferred.address), "digest": transferred.digest, "files": list(transferred.files)}
        )
        return
    size = sum(file.size for file in transferred.files)
    click.echo(f"{verb} {transferred.address}: {_count(transferred.files)}, {_size(size)}")
    click.echo(str(transferred.digest))


def _count(files: Sequence[StoredFile]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files)} files"


def _size(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004 - a unit
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"

"""``entrepot check`` and ``entrepot scrub``: whether what is stored is what it was."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from entrepot.app.parts import open_registry
from entrepot.cli import Failure
from entrepot.cli.output import Output, output_option, show_json, show_list
from entrepot.cli.settings import config_option, data_option, find_installation
from entrepot.operations.check import INVARIANTS, Violation
from entrepot.operations.check import check as find_violations
from entrepot.operations.scrub import Scrubbed
from entrepot.operations.scrub import scrub as scrub_blobs
from entrepot.settings import Settings

_REPORT_EVERY = 1_000


@click.command()
@data_option
@config_option
@click.option("--read-bytes", is_flag=True, help="Read every blob again too, instead of asking its size alone.")
@output_option
def check(data: str | None, config: Path | None, read_bytes: bool, output: Output) -> None:
    """Verify every invariant of a data directory.

    The server may be running meanwhile. The exit code is 1 when anything is wrong.
    """
    settings = find_installation(config, data)
    found = asyncio.run(_check(settings, read_bytes=read_bytes))
    if found or output == "json":
        columns = {
            "INVARIANT": lambda it: it.invariant,
            "PROBLEM": lambda it: it.problem,
            "PROMISE": lambda it: INVARIANTS[it.invariant],
        }
        show_list(found, columns, output)
    else:
        click.echo(f"all {len(INVARIANTS)} invariants hold in {settings.data_path}")
    if found:
        raise Failure(f"{len(found)} violations in {settings.data_path}", "Keep the data as it is, and report them.")


async def _check(settings: Settings, *, read_bytes: bool) -> list[Violation]:
    async with open_registry(settings) as registry:
        return await find_violations(registry, read_bytes=read_bytes)


@click.command()
@data_option
@config_option
@output_option
def scrub(data: str | None, config: Path | None, output: Output) -> None:
    """Read every blob again, and report damage.

    What is damaged is journaled and no longer served; pushing it again mends it. The exit code is 1 when anything is.
    """
    settings = find_installation(config, data)
    count, size, damaged = asyncio.run(_scrub(settings))
    if output == "json":
        show_json({"blobs": count, "bytes": size, "damaged": damaged})
    else:
        if damaged:
            columns = {"DIGEST": lambda it: it.digest, "SIZE": lambda it: it.size, "PROBLEM": lambda it: it.problem}
            show_list(damaged, columns, output)
        click.echo(f"read {count} blobs, {size} bytes: {len(damaged) or 'none'} damaged")
    if damaged:
        raise Failure(
            f"{len(damaged)} blobs are damaged in {settings.data_path}",
            "Look at the disk, and push or restore them again: they are not served until then.",
        )


async def _scrub(settings: Settings) -> tuple[int, int, list[Scrubbed]]:
    count = size = 0
    damaged: list[Scrubbed] = []
    async with open_registry(settings) as registry:
        async for blob in scrub_blobs(registry):
            count, size = count + 1, size + blob.size
            if blob.problem is not None:
                damaged.append(blob)
            if count % _REPORT_EVERY == 0 and sys.stderr.isatty():
                click.echo(f"\r{count} blobs, {size} bytes", err=True, nl=False)
    return count, size, damaged

"""``entrepot check`` and ``entrepot scrub``: whether what is stored is what it was."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import click

from entrepot.app.parts import open_registry
from entrepot.cli import Failure
from entrepot.cli.output import Columns, Output, output_option, show_json, show_list
from entrepot.cli.settings import config_option, data_option, find_installation
from entrepot.operations.check import INVARIANTS, Violation
from entrepot.operations.check import check as find_violations
from entrepot.operations.registry import Registry
from entrepot.operations.repair import Repair
from entrepot.operations.repair import repair as repair_blob
from entrepot.operations.scrub import Scrubbed
from entrepot.operations.scrub import scrub as scrub_blobs
from entrepot.ports.scrubs import Damaged
from entrepot.settings import Settings

T = TypeVar("T")

_REPORT_EVERY = 1_000
_PAGE = 100


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


_DAMAGED: Final[Columns[Damaged]] = {
    "DIGEST": lambda it: it.digest,
    "SIZE": lambda it: it.size,
    "LIES IN": lambda it: "the catalog" if it.inline else f"the {it.tier} tier",
    "PROBLEM": lambda it: it.problem,
    "SINCE": lambda it: it.found_at,
    "TRIED": lambda it: it.tries,
    "WITH": lambda it: it.outcome,
}
_REPAIRS: Final[Columns[Repair]] = {
    "DIGEST": lambda it: it.digest,
    "": lambda it: "damaged" if it.source is None else "repaired",
    "FROM": lambda it: it.outcome,
}


@click.group(invoke_without_command=True)
@data_option
@config_option
@output_option
@click.pass_context
def scrub(context: click.Context, data: str | None, config: Path | None, output: Output) -> None:
    """Read every blob again, and report damage; or show and repair what was found.

    What is damaged is journaled and no longer served; pushing it again mends it. The exit code is 1 when anything is.
    """
    if context.invoked_subcommand is not None:
        return
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


@scrub.command()
@data_option
@config_option
@output_option
def show(data: str | None, config: Path | None, output: Output) -> None:
    """Show what is damaged, and not served: since when, and what came of having it repaired."""
    settings = find_installation(config, data)
    found = asyncio.run(_with_damaged(settings, _shown))
    if found or output == "json":
        show_list(found, _DAMAGED, output)
    else:
        click.echo("nothing is known to be damaged")


@scrub.command()
@data_option
@config_option
@output_option
def repair(data: str | None, config: Path | None, output: Output) -> None:
    """Have sound bytes of what is damaged again: from a second blob store, other registries, or upstreams.

    The server does so by itself. The exit code is 1 when something is left.
    """
    settings = find_installation(config, data)
    done = asyncio.run(_with_damaged(settings, repair_blob))
    if done or output == "json":
        show_list(done, _REPAIRS, output)
    else:
        click.echo("nothing is known to be damaged")
    left = sum(each.source is None for each in done)
    if left:
        raise Failure(f"{left} blobs are damaged in {settings.data_path}", "Push them again, or restore a backup.")


async def _shown(_: Registry, damaged: Damaged) -> Damaged:
    return damaged


async def _with_damaged(settings: Settings, act: Callable[[Registry, Damaged], Awaitable[T]]) -> list[T]:
    """What comes of doing something with everything that is damaged."""
    done, after = list[T](), ""
    async with open_registry(settings) as registry:
        while page := await registry.catalog.scrubs.list_damaged(after=after, limit=_PAGE):
            done += [await act(registry, damaged) for damaged in page]
            after = str(page[-1].digest)
    return done


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

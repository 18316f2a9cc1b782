"""``entrepot restore``, ``entrepot trash`` and ``entrepot purge``."""

from __future__ import annotations

from typing import Final

import click

from entrepot.cli.confirm import confirm, yes_option
from entrepot.cli.output import Columns, Output, output_option, show_done, show_list
from entrepot.client import Client
from entrepot.client.trash import Deleted

_TRASH: Final[Columns[Deleted]] = {
    "PACKAGE": lambda it: f"{it.namespace}/{it.package}",
    "FORMAT": lambda it: it.format,
    "NAMES": lambda it: it.names,
    "DIGEST": lambda it: it.digest,
    "DELETED": lambda it: it.at,
    "BY": lambda it: it.actor,
    "UNTIL": lambda it: it.until,
}


@click.command()
@click.argument("address", metavar="REFERENCE")
@output_option
def restore(address: str, output: Output) -> None:
    """Have back a version, a tag or an artifact that was deleted.

    An artifact comes back with all that it contains and the names that it had; what means something else by now is
    left to it. It can be had back until its bytes are given up: entrepot trash NAMESPACE.
    """
    with Client() as registry:
        found = registry.trash.restore(address)
    names = f" as {', '.join(found.names)}" if found.names else ""
    show_done(f"{address} is back{names}: {found.digest}", found, output)


@click.command()
@click.argument("namespace")
@output_option
def trash(namespace: str, output: Output) -> None:
    """List what was deleted and can be had back."""
    with Client() as registry:
        show_list(registry.trash.iter(namespace), _TRASH, output)


@click.command()
@click.argument("address", metavar="REFERENCE")
@yes_option
@output_option
def purge(address: str, yes: bool, output: Output) -> None:
    """Take out of the trash for good a version, a tag or an artifact that was deleted.

    Nobody has it back after that. Bytes that nobody else has, or may have back, are deleted at once.
    """
    confirm(f"Purge {address}? Nobody can have it back then.", yes=yes)
    with Client() as registry:
        found = registry.trash.purge(address)
    show_done(f"purged {address}: {found.blobs} blobs, {found.size} bytes deleted", found, output)

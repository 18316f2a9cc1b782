"""``entrepot tag``, ``seal``, ``yank``, ``deprecate`` and ``delete``: what changes what is there."""

from __future__ import annotations

from dataclasses import replace

import click

from entrepot.cli.confirm import confirm, yes_option
from entrepot.cli.output import Output, output_option, show_done
from entrepot.client import Client, Misuse

_reference = click.argument("address", metavar="REFERENCE")
_reason = click.option("--reason", default="", help="Why, for whoever meets it.")


@click.command()
@_reference
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@output_option
def tag(address: str, names: tuple[str, ...], output: Output) -> None:
    """Give an artifact further names.

    `entrepot tag acme/api:1.4.2 latest stable` lets both mean what 1.4.2 does.
    """
    with Client() as registry:
        located = registry.packages.locate(address)
        digest = located.digest or registry.packages.artifact(located).digest
        for name in names:
            registry.packages.tag(replace(located, digest=digest), name)
    show_done(f"{', '.join(names)}: {digest}", {"reference": str(located), "names": names, "digest": digest}, output)


@click.command()
@_reference
@output_option
def seal(address: str, output: Output) -> None:
    """Let a version never change again."""
    with Client() as registry:
        registry.packages.seal(address)
    show_done(f"sealed {address}", {"reference": address, "sealed": True}, output)


@click.command()
@_reference
@_reason
@output_option
def yank(address: str, reason: str, output: Output) -> None:
    """Ask that nobody newly picks a version.

    Whoever has it may keep it: it can still be pulled.
    """
    with Client() as registry:
        registry.packages.yank(address, reason)
    show_done(f"yanked {address}", {"reference": address, "yanked": reason}, output)


@click.command()
@_reference
@output_option
def unyank(address: str, output: Output) -> None:
    """Take a yank back."""
    with Client() as registry:
        registry.packages.unyank(address)
    show_done(f"{address} is no longer yanked", {"reference": address, "yanked": None}, output)


@click.command()
@_reference
@_reason
@output_option
def deprecate(address: str, reason: str, output: Output) -> None:
    """Say that there is something better than a version."""
    with Client() as registry:
        registry.packages.deprecate(address, reason)
    show_done(f"deprecated {address}", {"reference": address, "deprecated": reason}, output)


@click.command()
@_reference
@output_option
def undeprecate(address: str, output: Output) -> None:
    """Take a deprecation back."""
    with Client() as registry:
        registry.packages.undeprecate(address)
    show_done(f"{address} is no longer deprecated", {"reference": address, "deprecated": None}, output)


@click.command()
@_reference
@yes_option
@output_option
def delete(address: str, yes: bool, output: Output) -> None:
    """Delete a tag, a version or an artifact.

    A digest (acme/pkg@sha256:…) deletes the artifact, with all its names.
    A tag deletes the name alone; so does a version of an OCI package, whose name stays used up.
    A version of plain files is deleted with its files, and its name stays used up.
    """
    with Client() as registry:
        located = registry.packages.locate(address)
        if located.digest is not None and located.name is not None:
            raise Misuse(f"{address} says both a name and a digest", hint="Delete one of them.")
        if located.digest is not None:
            confirm(f"Delete the artifact {located}, with all its names?", yes=yes)
            registry.packages.delete(located)
        elif located.format == "generic" and located.name is not None:
            confirm(f"Delete {located} with its files? The version can never be used again.", yes=yes)
            registry.delete_files(located)
        else:
            confirm(f"Delete the name {located.version} of {located.package}? What it means stays.", yes=yes)
            registry.packages.untag(located)
    show_done(f"deleted {located}", {"reference": str(located), "deleted": True}, output)

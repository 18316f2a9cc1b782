"""``entrepot erase``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from entrepot.cli import Failure
from entrepot.cli.confirm import confirm, yes_option
from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list, show_one
from entrepot.client import Client
from entrepot.client.erasures import ErasedPart, ErasedPlace, Erasure, ErasurePlan
from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidDigest, RegistryError
from entrepot.trust.erasure import Tombstone
from entrepot.trust.keys import PublicKey

_PLAN: Final[Columns[ErasurePlan]] = {
    "plan": lambda it: it.plan,
    "target": lambda it: it.target,
    "erases": lambda it: f"{len(it.extent.parts)} blobs and artifacts, {it.extent.size} bytes",
    "stays": lambda it: it.extent.shared,
    "in use": lambda it: [each.text for each in it.protections],
    "held": lambda it: it.held,
}
_PARTS: Final[Columns[ErasedPart]] = {
    "DIGEST": lambda it: it.digest,
    "SIZE": lambda it: it.size,
    "WHAT": lambda it: "bytes" if it.media_type is None else (it.artifact_type or it.media_type),
}
_PLACES: Final[Columns[ErasedPlace]] = {
    "PACKAGE": lambda it: f"{it.namespace}/{it.package}",
    "FORMAT": lambda it: it.format,
    "NAMES": lambda it: it.names,
    "CLEARED FOR": lambda it: it.channels,
    "NOW": lambda it: it.is_open,
    "DIGEST": lambda it: it.digest,
}
_ERASURES: Final[Columns[Erasure]] = {
    "TARGET": lambda it: it.target,
    "AT": lambda it: it.at,
    "BY": lambda it: it.actor,
    "WHY": lambda it: it.reason,
    "SEALED": lambda it: it.sealed is not None,
}
_ERASURE: Final[Columns[Erasure]] = {
    "target": lambda it: it.target,
    "erased": lambda it: it.at,
    "by": lambda it: it.actor,
    "why": lambda it: it.reason,
    "position": lambda it: it.position,
    "sealed": lambda it: it.sealed,
    "parts": lambda it: [str(each.digest) for each in it.extent.parts],
    "places": lambda it: [f"{each.namespace}/{each.format}/{each.package}" for each in it.extent.places if each.names],
}
_reason_option = click.option("--reason", required=True, help="Why. It is journaled, and signed.")


@click.group()
def erase() -> None:
    """Have bytes here no more, and never again: what the law forbids, or a secret that got out."""


@erase.command()
@click.argument("target", metavar="REFERENCE|DIGEST")
@output_option
def plan(target: str, output: Output) -> None:
    """Show what would go, where it is, and what uses it. Nothing is changed.

    Of a file's digest that is whatever has the file; of an artifact, what only it has, and its signatures and SBOMs.
    """
    with Client() as registry:
        found = registry.erasures.plan(_digest_of(registry, target))
    if output == "json":
        show_json(found)
        return
    show_one(found, _PLAN, output)
    show_list(found.extent.parts, _PARTS, output)
    show_list([each for each in found.extent.places if each.names], _PLACES, output)


@erase.command()
@click.argument("target", metavar="PLAN|REFERENCE|DIGEST")
@_reason_option
@click.option("--despite-holds", is_flag=True, help="Also what is held; for who may lift holds.")
@yes_option
@output_option
def apply(target: str, reason: str, despite_holds: bool, yes: bool, output: Output) -> None:
    """Erase: the bytes are deleted at once, whoever has them, and nobody may bring them again.

    A plan is applied as it is, or not at all when something about it has changed. Nobody has anything of it back.
    """
    with Client() as registry:
        digest, fingerprint = _planned(target)
        if digest is None:
            digest = _digest_of(registry, target)
        if fingerprint is None:
            made = registry.erasures.plan(digest)
            parts, packages = len(made.extent.parts), len({(it.namespace, it.package) for it in made.extent.places})
            confirm(f"Erase {parts} blobs and artifacts of {packages} packages for good?", yes=yes)
            fingerprint = made.fingerprint
        else:
            confirm(f"Erase {digest} as planned, for good?", yes=yes)
        done = registry.erasures.erase(digest, reason=reason, fingerprint=fingerprint, despite_holds=despite_holds)
    show_done(f"erased {len(done.extent.parts)} blobs and artifacts, {done.extent.size} bytes", done, output)


@erase.command()
@click.argument("digest")
@click.option(
    "--tombstone",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the signed statement to a file, for who verifies it elsewhere.",
)
@output_option
def show(digest: str, file: Path | None, output: Output) -> None:
    """Show by whom and why something was erased, and what went with it."""
    with Client() as registry:
        found = registry.erasures.read(Digest.parse(digest))
    if file is not None:
        if found.tombstone is None:
            raise Failure("there is no tombstone yet", "The registry signs it when all is done, within minutes.")
        file.write_text(json.dumps(found.tombstone, indent=1))
    show_one(found, _ERASURE, output)


@erase.command("list")
@output_option
def list_(output: Output) -> None:
    """List all that was erased, the oldest first."""
    with Client() as registry:
        show_list(registry.erasures.iter(), _ERASURES, output)


@erase.command()
@click.argument("digest")
@_reason_option
@output_option
def lift(digest: str, reason: str, output: Output) -> None:
    """Let bytes be pushed again that were erased by mistake. They do not come back by themselves."""
    with Client() as registry:
        registry.erasures.lift(Digest.parse(digest), reason=reason)
    show_done(f"{digest} may come again", {"digest": digest}, output)


@erase.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    "keys",
    multiple=True,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The registry's public key, in PEM.",
)
@output_option
def verify(file: Path, keys: tuple[Path, ...], output: Output) -> None:
    """Verify a tombstone, asking nobody: the registry signed it, and its log goes on from what it was before."""
    try:
        found = Tombstone.open(file.read_bytes(), [PublicKey.parse(key.read_bytes()) for key in keys])
    except RegistryError as error:
        raise Failure(f"{file}: {error}") from error
    grown = found.growth
    proof = (
        "; the registry signs no log"
        if grown is None
        else f"; the log of {grown.size} begins with that of {grown.old_size}"
    )
    document = {
        "target": str(found.target),
        "digests": [str(each) for each in found.digests],
        "reason": found.reason,
        "actor": found.actor,
        "at": found.at,
        "position": found.position,
        "log": None if grown is None else {"before": grown.old_size, "after": grown.size},
    }
    show_done(f"{found.target} was erased at {found.at} by {found.actor}: {found.reason}{proof}", document, output)


def _planned(target: str) -> tuple[Digest | None, str | None]:
    """The digest and the fingerprint of a plan; None for what is something else."""
    text, _, fingerprint = target.partition("@")
    try:
        return Digest.parse(text), fingerprint or None
    except InvalidDigest:
        return None, None


def _digest_of(registry: Client, target: str) -> Digest:
    digest, _ = _planned(target)
    return registry.packages.artifact(target).digest if digest is None else digest

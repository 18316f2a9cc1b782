"""``entrepot attach``, ``attest``, ``sign`` and ``verify``: what is said of an artifact, and by whom."""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list
from entrepot.client import Client, LocalFailure, Misuse
from entrepot.client.attestations import Attestation, Signing

if TYPE_CHECKING:
    from entrepot.client.attestations import Report

_reference = click.argument("address", metavar="REFERENCE")
_key = click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="A private key in PEM (PKCS #8) to sign with here. Without one the registry signs, for who governs the namespace.",
)
_password = click.option(
    "--key-password", envvar="ENTREPOT_KEY_PASSWORD", help="What the key is encrypted with; ENTREPOT_KEY_PASSWORD."
)
_OCTETS: Final = "application/octet-stream"

_COLUMNS: Final[Columns[tuple[Attestation, str, str, str]]] = {
    "ABOUT": lambda it: str(it[0].subject)[:19],
    "WHAT": lambda it: it[0].predicate_type or "signature",
    "SIGNED BY": lambda it: it[1],
    "VERIFIED": lambda it: it[2],
    "LEVEL": lambda it: it[3],
}


@click.command()
@_reference
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--media-type", help="Of the file; guessed from its name by default.")
@click.option("--artifact-type", help="What kind of thing is said; the media type by default.")
@click.option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="Said of it; may be repeated.")
@output_option
def attach(
    address: str,
    file: Path,
    *,
    media_type: str | None,
    artifact_type: str | None,
    annotations: tuple[str, ...],
    output: Output,
) -> None:
    """Attach a file to an artifact, as its referrer.

    A digest (acme/pkg@sha256:…) may also be that of a file of a version.
    """
    said = dict(_pair(text) for text in annotations)
    media_type = media_type or mimetypes.guess_type(file.name)[0] or _OCTETS
    with Client() as registry:
        digest = registry.attestations.attach(
            address,
            _read(file),
            media_type=media_type,
            artifact_type=artifact_type,
            title=file.name,
            annotations=said,
        )
    show_done(f"attached {file.name} as {digest}", {"reference": address, "digest": digest}, output)


@click.command()
@_reference
@click.argument("predicate", type=click.Path(path_type=Path))
@click.option("--type", "predicate_type", required=True, help="What kind of statement it is: a URI.")
@_key
@_password
@output_option
def attest(
    address: str, predicate: Path, *, predicate_type: str, key: Path | None, key_password: str | None, output: Output
) -> None:
    """State something of an artifact, signed.

    PREDICATE is a JSON file with what is stated.
    """
    with Client() as registry:
        digest = registry.attestations.attest(
            address, predicate_type, _read_object(predicate), signing=_signing(key, key_password)
        )
    show_done(f"stated {predicate_type} as {digest}", {"reference": address, "digest": digest}, output)


@click.command()
@_reference
@_key
@_password
@output_option
def sign(address: str, key: Path | None, key_password: str | None, output: Output) -> None:
    """Sign an artifact, in the form that cosign writes and reads.

    A digest (acme/pkg@sha256:…) may also be that of a file of a version.
    """
    with Client() as registry:
        digest = registry.attestations.sign(address, signing=_signing(key, key_password))
    show_done(f"signed {address} as {digest}", {"reference": address, "digest": digest}, output)


@click.command()
@_reference
@click.option("--signer", help="Only what this signer vouches for.")
@click.option("--type", "predicate_type", help="Only statements of this type; 'signature' for plain signatures.")
@click.option("--wait", default=60.0, metavar="SECONDS", help="How long to wait for what was pushed just now; 60.")
@output_option
@click.pass_context
def verify(
    context: click.Context,
    address: str,
    *,
    signer: str | None,
    predicate_type: str | None,
    wait: float,
    output: Output,
) -> None:
    """Say who signed an artifact, and whether that counts.

    What counts is what the namespace's signers vouch for. Without any such signature the exit code is 1. What the
    registry says in its own name is shown, but counts only for who asks for it with --signer or --type.
    """
    with Client() as registry:
        report = registry.attestations.report(address, wait_seconds=wait)
    rows = [row for row in _rows(report, signer) if predicate_type in (None, row[0].predicate_type or "signature")]
    if output == "json":
        show_json(report)
    elif rows:
        show_list(rows, _COLUMNS, output)
    else:
        click.echo(f"nothing is said of {address}" if not report.attestations else "nothing of that kind is said")
    if not report.current:
        click.echo("what came last is not examined yet", err=True)
    asked = signer is not None or predicate_type is not None
    if not any(verified == "yes" and (asked or _is_vouched_for(found)) for found, _, verified, _ in rows):
        context.exit(1)


def _is_vouched_for(found: Attestation) -> bool:
    """Whether one of the namespace's signers vouches for it, and not the registry alone."""
    return any(each.counts and each.namespace is not None for each in found.verifications)


def _rows(report: Report, signer: str | None) -> list[tuple[Attestation, str, str, str]]:
    """A line for each signature: what, by whom, whether it counts or why not, with what level."""
    rows: list[tuple[Attestation, str, str, str]] = []
    for found in report.attestations:
        rows += [
            (found, each.signer, "yes" if each.counts else f"no: {each.reason}", str(each.level or "-"))
            for each in found.verifications
            if signer in (None, each.signer)
        ]
        if not found.verifications and signer is None:
            rows.append((found, found.claimed_identity or "nobody known", f"no: {found.reason}", "-"))
    return rows


def _signing(key: Path | None, password: str | None) -> Signing | None:
    return None if key is None else Signing.read(key, password)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LocalFailure(f"{path}: {error.strerror}") from error


def _read_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_read(path))
    except ValueError as error:
        raise Misuse(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Misuse(f"{path} is no JSON object")
    return found


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Misuse(f"{text!r} is no annotation", hint="Write KEY=VALUE.")
    return key, value

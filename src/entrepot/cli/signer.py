"""``entrepot signer`` and ``entrepot trusted-root``: whom a namespace believes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list
from entrepot.client import Client, LocalFailure, Misuse
from entrepot.client.attestations import Affected, ChangedSigner, Scope, Signer, TrustedRoot

_COLUMNS: Final[Columns[Signer]] = {
    "NAME": lambda it: it.name,
    "WHOSE": lambda it: it.namespace or "the registry",
    "KIND": lambda it: it.kind,
    "STATE": lambda it: it.state,
    "UNTIL": lambda it: it.until,
    "PACKAGES": lambda it: it.scope.packages,
    "STATES": lambda it: it.scope.predicate_types,
}
_AFFECTED: Final[Columns[Affected]] = {
    "PACKAGE": lambda it: f"{it.namespace}/{it.format}/{it.package}",
    "CALLED": lambda it: it.references,
    "ABOUT": lambda it: str(it.subject)[:19],
    "CLEARED FOR": lambda it: it.channels,
    "STILL VERIFIED": lambda it: it.still_verified,
}
_ROOTS: Final[Columns[TrustedRoot]] = {
    "NAME": lambda it: it.name,
    "WHOSE": lambda it: it.namespace or "the registry",
    "DIGEST": lambda it: it.digest,
}

_namespace = click.argument("namespace")
_name = click.argument("name")
_reason = click.option("--reason", default="", help="Why, for the journal.")


@click.group()
def signer() -> None:
    """Whose signatures a namespace believes."""


@signer.command()
@_namespace
@_name
@click.option("--key", type=click.Path(path_type=Path), help="A public key in PEM, such as cosign.pub.")
@click.option("--openpgp", type=click.Path(path_type=Path), help="An OpenPGP certificate, armoured.")
@click.option(
    "--x509", type=click.Path(path_type=Path), help="X.509 root certificates in PEM, as Notation trusts them."
)
@click.option("--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="With --x509: what a subject has.")
@click.option("--root", help="The trusted root that a keyless identity is under.")
@click.option("--issuer", help="With --root: who vouches for the identity; a pattern.")
@click.option("--subject", help="With --root: the identity; a pattern.")
@click.option(
    "--claim", "claims", multiple=True, metavar="NAME=VALUE", help="With --root: what else a certificate says."
)
@click.option("--package", "packages", multiple=True, help="May vouch for these alone: format/name, a pattern.")
@click.option("--type", "types", multiple=True, help="May state this alone: a predicate type, or 'signature'.")
@click.option(
    "--builder", "builders", multiple=True, metavar="ID=LEVEL", help="Speaks for a builder, up to a SLSA level."
)
@click.option("--pending", is_flag=True, help="Believe it only later.")
@output_option
def add(namespace: str, name: str, output: Output, **given: Any) -> None:
    """Believe a signer."""
    scope = Scope(
        given["packages"] or ("*",),
        given["types"] or ("*",),
        {builder: _level(level) for builder, level in _pairs(given["builders"]).items()},
    )
    known: dict[str, Any] = {
        "key": _text(given["key"]),
        "certificate": _text(given["openpgp"]),
        "roots": _text(given["x509"]),
        "root": given["root"],
        "issuer": given["issuer"],
        "subject": given["subject"],
        "subject_attributes": _pairs(given["attributes"]),
        "claims": _pairs(given["claims"]),
        "pending": given["pending"],
    }
    with Client() as registry:
        made = registry.signers.add(
            namespace, name, scope=scope, **{key: value for key, value in known.items() if value}
        )
    show_done(f"{namespace} believes {name}{' later' if given['pending'] else ''}", made, output)


@signer.command(name="list")
@_namespace
@output_option
def list_(namespace: str, output: Output) -> None:
    """List the signers of a namespace, with the registry's own."""
    with Client() as registry:
        show_list(registry.signers.iter(namespace), _COLUMNS, output)


@signer.command()
@_namespace
@_name
@_reason
@output_option
def activate(namespace: str, name: str, reason: str, output: Output) -> None:
    """Believe a signer that was pending or retired."""
    with Client() as registry:
        _show(registry.signers.set_state(namespace, name, "active", reason=reason), output)


@signer.command()
@_namespace
@_name
@_reason
@output_option
def retire(namespace: str, name: str, reason: str, output: Output) -> None:
    """Let a signer sign no more; what it signed before stays good."""
    with Client() as registry:
        _show(registry.signers.set_state(namespace, name, "retired", reason=reason), output)


@signer.command()
@_namespace
@_name
@click.option("--since", help="Not to be believed from this time on (2026-01-31T12:00:00Z); now by default.")
@click.option("--entirely", is_flag=True, help="Nothing that it ever signed is good.")
@_reason
@output_option
def revoke(namespace: str, name: str, *, since: str | None, entirely: bool, reason: str, output: Output) -> None:
    """Believe a signer no more, and list what nobody vouches for then."""
    if since is not None and entirely:
        raise Misuse("--since and --entirely go against each other")
    with Client() as registry:
        state = "compromised" if entirely else "revoked"
        _show(registry.signers.set_state(namespace, name, state, since=_time(since), reason=reason), output)


@signer.command()
@_namespace
@_name
@output_option
def affected(namespace: str, name: str, output: Output) -> None:
    """List what a signer vouches for, and what it is cleared for."""
    with Client() as registry:
        show_list(registry.signers.affected(namespace, name), _AFFECTED, output)


@signer.command()
@output_option
def key(output: Output) -> None:
    """Print the key that the registry signs with, for `cosign verify --key`."""
    with Client() as registry:
        pem = registry.signers.key()
    if output == "json":
        show_json({"key": pem})
    else:
        click.echo(pem, nl=False)


def _show(changed: ChangedSigner, output: Output) -> None:
    if output == "json":
        show_json(changed)
        return
    show_done(f"{changed.signer.name} is {changed.signer.state}", changed, output)
    if changed.affected:
        click.echo("Nobody vouches any more for:")
        show_list(changed.affected, _AFFECTED, output)
    if changed.more:
        whose = changed.signer.namespace
        click.echo(f"That is not all: `entrepot signer affected {whose} {changed.signer.name}` lists what it signed.")


@click.group(name="trusted-root")
def trusted_root() -> None:
    """The Sigstore instances whose certificates a namespace believes."""


@trusted_root.command(name="set")
@_namespace
@_name
@click.argument("file", type=click.Path(path_type=Path))
@output_option
def set_(namespace: str, name: str, file: Path, output: Output) -> None:
    """Trust a Sigstore instance, by its trusted_root.json."""
    try:
        document = json.loads(_text(file) or "")
    except ValueError as error:
        raise Misuse(f"{file} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise Misuse(f"{file} is no JSON object")
    with Client() as registry:
        registry.signers.set_root(namespace, name, document)
    show_done(f"{namespace} trusts {name}", {"namespace": namespace, "name": name}, output)


@trusted_root.command(name="list")
@_namespace
@output_option
def list_roots(namespace: str, output: Output) -> None:
    """List the Sigstore instances that a namespace may name."""
    with Client() as registry:
        show_list(registry.signers.roots(namespace), _ROOTS, output)


@trusted_root.command()
@_namespace
@_name
@output_option
def remove(namespace: str, name: str, output: Output) -> None:
    """Trust a Sigstore instance no more."""
    with Client() as registry:
        registry.signers.remove_root(namespace, name)
    show_done(f"{namespace} trusts {name} no more", {"namespace": namespace, "name": name}, output)


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise LocalFailure(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Misuse(f"{path} is not text", hint="Keys and certificates are sent armoured (PEM).") from error


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        # A builder's id may have an equals sign, what it is set to has none.
        name, equals, value = text.rpartition("=")
        if not equals or not name:
            raise Misuse(f"{text!r} has no value", hint="Write NAME=VALUE.")
        found[name] = value
    return found


def _level(text: str) -> int:
    if not text.isdecimal() or len(text) > 1:
        raise Misuse(f"{text!r} is no SLSA build level", hint="Write ID=LEVEL with 0, 1, 2 or 3.")
    return int(text)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misuse(f"{text!r} is no time", hint="Write it as 2026-01-31T12:00:00Z.") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

"""``entrepot federation``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from entrepot.cli.confirm import confirm, yes_option
from entrepot.cli.duration import Duration, print_duration
from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list, show_one
from entrepot.client import Client, Misuse
from entrepot.client.answers import Issuer, JudgedPublisher, Publisher, TokenPreview
from entrepot.model.access import Role
from entrepot.model.federation import Algorithm, Provider

if TYPE_CHECKING:
    from datetime import timedelta

_ISSUERS: Final[Columns[Issuer]] = {
    "NAME": lambda it: it.name,
    "PROVIDER": lambda it: it.provider,
    "URL": lambda it: it.url,
    "AUDIENCES": lambda it: it.audiences,
    "ALGORITHMS": lambda it: it.algorithms,
    "KEYS": lambda it: "uploaded" if it.has_keys else "asked for",
}
_PUBLISHERS: Final[Columns[Publisher]] = {
    "NAME": lambda it: it.name,
    "ISSUER": lambda it: it.issuer,
    "RULES": lambda it: it.rules,
    "PACKAGES": lambda it: it.packages,
    "ROLE": lambda it: it.role,
    "LIFETIME": lambda it: print_duration(it.lifetime_seconds),
    "USED": lambda it: it.used_at or "pending",
}
_PREVIEW: Final[Columns[TokenPreview]] = {
    "issuer": lambda it: it.issuer,
    "subject": lambda it: it.subject,
    "expires": lambda it: it.expires_at,
    "problems": lambda it: [f"{each.reason}: {each.detail}" for each in it.problems],
    "unknown claims": lambda it: it.unknown_claims,
    "publishers": lambda it: [line for each in it.publishers for line in _judged(each)],
}
_TOKEN_SIZE: Final = 32 * 1024
_KEYS_SIZE: Final = 256 * 1024
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def federation() -> None:
    """CI jobs that publish without a secret: whose identity tokens are believed, and for what."""


@federation.group()
def issuer() -> None:
    """The systems that sign identity tokens (administrators)."""


@issuer.command(name="add")
@click.argument("name")
@click.argument("url")
@click.option(
    "--provider",
    type=click.Choice([provider.value for provider in Provider]),
    default=Provider.GENERIC.value,
    show_default=True,
    help="Whose claims its tokens have.",
)
@click.option(
    "--audience",
    "audiences",
    multiple=True,
    help="What tokens must be for; repeat for several. Without it, this registry's address.",
)
@click.option(
    "--algorithm",
    "algorithms",
    multiple=True,
    type=click.Choice([algorithm.value for algorithm in Algorithm]),
    help="How tokens may be signed, RS256 without it; repeat for several.",
)
@click.option("--max-lifetime", type=Duration(), help="How long a token may be good for, 1h without it.")
@click.option("--keys", type=_FILE, help="A file with its public keys (a JWK set), where it cannot be asked.")
@click.option("--private", is_flag=True, help="It may be at an address of a private network.")
@output_option
def add_issuer(
    *,
    name: str,
    url: str,
    provider: str,
    audiences: tuple[str, ...],
    algorithms: tuple[str, ...],
    max_lifetime: timedelta | None,
    keys: Path | None,
    private: bool,
    output: Output,
) -> None:
    """Believe what an issuer signs, as far as trusted publishers say so.

    URL is exactly what its tokens have as iss. It is asked for its keys, unless they are given.
    """
    with Client() as registry:
        made = registry.issuers.add(
            name,
            url,
            provider=provider,
            audiences=audiences,
            algorithms=algorithms,
            max_lifetime=max_lifetime,
            private=private,
            keys=None if keys is None else _read_keys(keys),
        )
    show_done(f"tokens of {made.url} for {' or '.join(made.audiences)} are believed", made, output)


@issuer.command(name="list")
@output_option
def list_issuers(output: Output) -> None:
    """List the issuers that are believed."""
    with Client() as registry:
        show_list(registry.issuers.iter(), _ISSUERS, output)


@issuer.command(name="remove")
@click.argument("name")
@yes_option
@output_option
def remove_issuer(name: str, yes: bool, output: Output) -> None:
    """Believe an issuer no more; all publishers of its jobs go with it, in every namespace."""
    with Client() as registry:
        confirm(f"Remove the issuer {name}, with every trusted publisher of its jobs? Their tokens stop.", yes=yes)
        gone = registry.issuers.remove(name)
    went = f", nor {' nor '.join(gone.publishers)}" if gone.publishers else ""
    show_done(f"{name} is not believed any more{went}", gone, output)


@federation.group()
def publisher() -> None:
    """The jobs that are trusted in a namespace."""


@publisher.command(name="add")
@click.argument("namespace")
@click.argument("name")
@click.option("--issuer", required=True, help="Who signs the tokens of the jobs.")
@click.option("--repository", metavar="OWNER/NAME", help="GitHub: the repository of the job.")
@click.option("--project", metavar="PATH", help="GitLab: the project of the job.")
@click.option("--workflow", metavar="FILE", help="The file that defines the job: release.yml, .gitlab-ci.yml.")
@click.option("--environment", help="The deployment environment of the job.")
@click.option("--ref", metavar="PATTERN", help="What the job was run for: refs/tags/v*, or at GitLab main.")
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="CLAIM=PATTERN",
    help="What any other claim must be; repeat for several.",
)
@click.option(
    "--package", "packages", multiple=True, metavar="PATTERN", help="For these alone: app, 'lib-*'; repeat for several."
)
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role if role is not Role.ADMINISTRATOR]),
    default=Role.PUBLISHER.value,
    show_default=True,
    help="What its jobs may do.",
)
@click.option("--lifetime", type=Duration(), help="How long the tokens work that its jobs get, 15m without it.")
@output_option
def add_publisher(
    *,
    namespace: str,
    name: str,
    issuer: str,
    repository: str | None,
    project: str | None,
    workflow: str | None,
    environment: str | None,
    ref: str | None,
    claims: tuple[str, ...],
    packages: tuple[str, ...],
    role: str,
    lifetime: timedelta | None,
    output: Output,
) -> None:
    """Trust jobs that are as described; all of it must hold. Their packages need not be there yet.

    In a pattern, * stands for any characters but / : and @, and ** at the end for several parts between slashes.
    """
    given = {
        "repository": repository,
        "project_path": project,
        "workflow_file": workflow,
        "environment": environment,
        "ref": ref,
    }
    rules = {claim: pattern for claim, pattern in given.items() if pattern is not None}
    for text in claims:
        claim, equals, pattern = text.partition("=")
        if not equals or claim in rules:
            raise click.BadParameter(
                f"{text!r} is not CLAIM=PATTERN, or says again what is said.", param_hint="--claim"
            )
        rules[claim] = pattern
    with Client() as registry:
        made = registry.publishers.add(
            namespace, name, issuer=issuer, rules=rules, packages=packages, role=role, lifetime=lifetime
        )
    show_done(f"jobs of {made.issuer} publish to {made.namespace} as {made.principal}", made, output)


@publisher.command(name="list")
@click.argument("namespace")
@output_option
def list_publishers(namespace: str, output: Output) -> None:
    """List a namespace's trusted publishers."""
    with Client() as registry:
        show_list(registry.publishers.iter(namespace), _PUBLISHERS, output)


@publisher.command(name="remove")
@click.argument("namespace")
@click.argument("name")
@yes_option
@output_option
def remove_publisher(namespace: str, name: str, yes: bool, output: Output) -> None:
    """Trust a publisher no more, and stop its tokens; what it published stays."""
    with Client() as registry:
        confirm(f"Remove the trusted publisher {namespace}/{name}? Its tokens stop.", yes=yes)
        registry.publishers.remove(namespace, name)
    document = {"namespace": namespace, "name": name, "removed": True}
    show_done(f"{namespace}/{name} is not trusted any more", document, output)


@publisher.command()
@click.argument("namespace")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="A file with the identity token; - or none for standard input.",
)
@output_option
def preview(namespace: str, token_file: Path | None, output: Output) -> None:
    """Say which publisher an identity token matches, and why not the others.

    Nothing is used up, and the token is not shown. The exit code is 1 when it would be refused.
    """
    with Client() as registry:
        found = registry.publishers.preview(namespace, _read_token(token_file))
    if output == "json":
        show_json(found)
    else:
        show_one(found, _PREVIEW, output)
    if found.problems or sum(each.matches for each in found.publishers) != 1:
        raise click.exceptions.Exit(1)


def _judged(judged: JudgedPublisher) -> list[str]:
    """A line for the publisher, and one for all that it misses."""
    missed = [
        f"  {check.claim} is {check.actual or 'not there'}, and must be {check.expected}"
        for check in judged.checks
        if not check.holds
    ]
    lapsed = ["  waited too long for its first job: remove it, and add it again"] if judged.lapsed else []
    return [f"{judged.name} {'matches' if judged.matches else 'does not match'}", *missed, *lapsed]


def _read_token(file: Path | None) -> str:
    if file is not None and str(file) != "-":
        with file.open("rb") as opened:
            content = opened.read(_TOKEN_SIZE + 1)
    elif sys.stdin.isatty():
        content = str(click.prompt("identity token", hide_input=True, err=True)).encode()
    else:
        content = sys.stdin.buffer.read(_TOKEN_SIZE + 1)
    text = content.decode("ascii", "replace").strip()
    if not text or len(content) > _TOKEN_SIZE:
        raise Misuse("there is no identity token", hint="It stands alone in the file, three parts with dots between.")
    return text


def _read_keys(file: Path) -> dict[str, object]:
    with file.open("rb") as opened:
        content = opened.read(_KEYS_SIZE + 1)
    try:
        found = json.loads(content) if len(content) <= _KEYS_SIZE else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Misuse(f"{file} is no key set", hint='A JWK set is JSON: {"keys": [...]}.')
    return found

"""``entrepot upstream``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from entrepot.cli.confirm import confirm, yes_option
from entrepot.cli.duration import Duration, print_duration
from entrepot.cli.output import Columns, Output, output_option, show_done, show_json, show_list, show_one
from entrepot.cli.progress import counter
from entrepot.client import Client, Misuse, Refused
from entrepot.client.administration import UpstreamCredentials
from entrepot.client.answers import RefreshedPackage, Upstream, UpstreamTrial
from entrepot.client.lockfiles import Locked, read_lockfiles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

_COLUMNS: Final[Columns[Upstream]] = {
    "FORMAT": lambda it: it.format,
    "NAME": lambda it: it.name,
    "URL": lambda it: it.url,
    "COOLDOWN": lambda it: print_duration(it.cooldown_seconds) if it.cooldown_seconds else None,
    "CREDENTIALS": lambda it: it.has_credentials,
}
_FIELDS: Final[Columns[Upstream]] = {
    "namespace": lambda it: it.namespace,
    "format": lambda it: it.format,
    "name": lambda it: it.name,
    "url": lambda it: it.url,
    "private address": lambda it: it.private,
    "credentials": lambda it: it.has_credentials,
    "allow": lambda it: list(it.allow) or "everything",
    "block": lambda it: list(it.block),
    "cooldown": lambda it: print_duration(it.cooldown_seconds) if it.cooldown_seconds else None,
    "exempt": lambda it: list(it.exempt),
    "refresh": lambda it: print_duration(it.refresh_seconds),
}
_TRIAL: Final[Columns[UpstreamTrial]] = {
    "status": lambda it: it.status,
    "seconds": lambda it: f"{it.seconds:.2f}",
    "problem": lambda it: it.problem,
}
_REFRESHED: Final[Columns[RefreshedPackage]] = {
    "PACKAGE": lambda it: it.package,
    "VERSIONS": lambda it: it.versions,
    "STALE": lambda it: it.stale,
}
_NOT_TODAY: Final = frozenset({"upstream-unavailable", "upstream-invalid", "package-unknown"})
"""Codes of errors that are about one package, and no reason not to go on."""
_SECRET_SIZE: Final = 16 * 1024

_Decorated = Callable[..., Any]
_LOCKFILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_SECRET_FILE: Final = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)

_format_option = click.option("--format", "format_", metavar="FORMAT", help="Which, where several have the name.")


def _settings(command: _Decorated) -> _Decorated:
    """What can be said of an upstream when it is added, and changed later."""
    for option in (
        click.option(
            "--refresh", type=Duration(zero=True), help="How old an index may be before it is asked again: 5m."
        ),
        click.option("--exempt", multiple=True, metavar="PURL", help="These need no cooldown; repeat for several."),
        click.option("--block", multiple=True, metavar="PURL", help="None of these: pkg:npm/left-pad@1.*; repeat."),
        click.option("--allow", multiple=True, metavar="PURL", help="Only these: pkg:pypi/acme-*; repeat for several."),
        click.option("--cooldown", type=Duration(zero=True), help="How long a new version stays hidden: 7d."),
        click.option("--token-file", type=_SECRET_FILE, help="A file with the token it is asked with; - to be asked."),
        click.option(
            "--password-file", type=_SECRET_FILE, help="A file with the password; without it, it is asked for."
        ),
        click.option("--user", help="The user that it is asked as."),
        click.option(
            "--private/--no-private",
            default=None,
            help="It may be at an address of a private network (administrators).",
        ),
    ):
        command = option(command)
    return command


@click.group()
def upstream() -> None:
    """The other registries that a namespace reads through to."""


@upstream.command()
@click.argument("namespace")
@click.argument("name")
@click.argument("url")
@click.option("--format", "format_", required=True, metavar="FORMAT", help="The packages that it has: pypi, npm, ….")
@_settings
@output_option
def add(
    *,
    namespace: str,
    name: str,
    url: str,
    format_: str,
    private: bool | None,
    user: str | None,
    password_file: Path | None,
    token_file: Path | None,
    cooldown: timedelta | None,
    allow: tuple[str, ...],
    block: tuple[str, ...],
    exempt: tuple[str, ...],
    refresh: timedelta | None,
    output: Output,
) -> None:
    """Read through to another registry, after those that are there already.

    Passwords and tokens come from files, or are asked for; they are kept, and never shown.
    """
    credentials = _read_credentials(user, password_file, token_file)
    with Client() as registry:
        made = registry.upstreams.add(
            namespace,
            name,
            url,
            format=format_,
            private=bool(private),
            allow=_patterns(allow) or (),
            block=_patterns(block) or (),
            exempt=_patterns(exempt) or (),
            cooldown=cooldown,
            refresh=refresh,
            credentials=credentials,
        )
    show_done(f"{made.namespace} reads {made.format} packages through to {made.url}", made, output)


@upstream.command(name="list")
@click.argument("namespace")
@click.option("--format", "format_", metavar="FORMAT", help="Only those with these packages.")
@output_option
def list_(namespace: str, format_: str | None, output: Output) -> None:
    """List a namespace's upstreams, in the order in which they are asked."""
    with Client() as registry:
        show_list(registry.upstreams.iter(namespace, format=format_), _COLUMNS, output)


@upstream.command()
@click.argument("namespace")
@click.argument("name")
@_format_option
@output_option
def show(namespace: str, name: str, format_: str | None, output: Output) -> None:
    """Show an upstream and its rules."""
    with Client() as registry:
        found = registry.upstreams.read(namespace, _find_format(registry, namespace, name, format_), name)
    show_one(found, _FIELDS, output)


@upstream.command(name="set")
@click.argument("namespace")
@click.argument("name")
@_format_option
@click.option("--url", help="Where it is; its credentials are forgotten, unless new ones are given.")
@_settings
@click.option("--forget-credentials", is_flag=True, help="Ask it as nobody from now on.")
@output_option
def set_(
    *,
    namespace: str,
    name: str,
    format_: str | None,
    url: str | None,
    private: bool | None,
    user: str | None,
    password_file: Path | None,
    token_file: Path | None,
    cooldown: timedelta | None,
    allow: tuple[str, ...],
    block: tuple[str, ...],
    exempt: tuple[str, ...],
    refresh: timedelta | None,
    forget_credentials: bool,
    output: Output,
) -> None:
    """Change where an upstream is, what of it is let in, or what it is asked with.

    What is given replaces what was there; '' takes all of --allow, --block or --exempt away, 0s the cooldown.
    """
    given = (url, private, user, password_file, token_file, cooldown, refresh)
    if all(each is None for each in given) and not (allow or block or exempt or forget_credentials):
        raise click.UsageError(
            "Nothing to change: give --url, --cooldown, --allow, --block, --exempt or another option."
        )
    credentials = _read_credentials(user, password_file, token_file)
    if credentials is not None and forget_credentials:
        raise click.UsageError("--forget-credentials and new credentials exclude each other.")
    with Client() as registry:
        changed = registry.upstreams.change(
            namespace,
            _find_format(registry, namespace, name, format_),
            name,
            url=url,
            private=private,
            allow=_patterns(allow),
            block=_patterns(block),
            exempt=_patterns(exempt),
            cooldown=cooldown,
            refresh=refresh,
            credentials=credentials,
            forget_credentials=forget_credentials,
        )
    show_one(changed, _FIELDS, output)


@upstream.command()
@click.argument("namespace")
@click.argument("name")
@_format_option
@yes_option
@output_option
def remove(namespace: str, name: str, format_: str | None, yes: bool, output: Output) -> None:
    """Read through to an upstream no more; what came from there stays."""
    with Client() as registry:
        format_ = _find_format(registry, namespace, name, format_)
        confirm(
            f"Remove the upstream {name} for {format_} packages, with what it said? What was fetched stays.", yes=yes
        )
        registry.upstreams.remove(namespace, format_, name)
    show_done(
        f"{namespace} no longer reads {format_} packages through to {name}",
        {"namespace": namespace, "format": format_, "name": name, "removed": True},
        output,
    )


@upstream.command()
@click.argument("address", metavar="REFERENCE")
@click.option("--reason", default="", help="Why, for the record.")
@output_option
def readmit(address: str, reason: str, output: Output) -> None:
    """Let a version that was deleted come from an upstream again."""
    with Client() as registry:
        registry.packages.readmit(address, reason=reason)
    show_done(f"{address} may come from an upstream again", {"reference": address}, output)


@upstream.command(name="test")
@click.argument("namespace")
@click.argument("name")
@_format_option
@output_option
def test_(namespace: str, name: str, format_: str | None, output: Output) -> None:
    """Have the registry ask an upstream, and say what came of it.

    It is asked for what every registry of its format has. The exit code is 1 when there is a problem.
    """
    with Client() as registry:
        trial = registry.upstreams.test(namespace, _find_format(registry, namespace, name, format_), name)
    show_one(trial, _TRIAL, output)
    if trial.problem is not None:
        raise click.exceptions.Exit(1)


@upstream.command()
@click.argument("namespace")
@click.argument("name")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@_format_option
@output_option
def refresh(namespace: str, name: str, packages: tuple[str, ...], format_: str | None, output: Output) -> None:
    """Have an upstream asked now for what it has of packages; without any, of all that it was asked for before.

    The exit code is 1 when it did not answer for one of them; its last answer stays in use.
    """
    with Client() as registry:
        format_ = _find_format(registry, namespace, name, format_)
        chosen = packages or tuple(registry.upstreams.packages(namespace, format_, name))
        if not chosen:
            raise Misuse(
                f"{name} was not asked for any package yet, or has one index for all",
                hint="Name a package; where there is one index, all of it is asked for again.",
            )
        found: list[RefreshedPackage] = []
        with counter(len(chosen)) as done:
            for package in chosen:
                found.append(_refresh(registry, namespace, format_, name, package))
                done(package)
    show_list(found, _REFRESHED, output)
    if any(each.stale is not None for each in found):
        raise click.exceptions.Exit(1)


def _refresh(registry: Client, namespace: str, format_: str, name: str, package: str) -> RefreshedPackage:
    try:
        return registry.upstreams.refresh(namespace, format_, name, package)
    except Refused as error:
        if error.code not in _NOT_TODAY:
            raise
        return RefreshedPackage(package, 0, str(error))


@upstream.command()
@click.argument("namespace")
@click.argument("lockfiles", nargs=-1, required=True, type=_LOCKFILE, metavar="LOCKFILE...")
@click.option(
    "--file",
    "patterns",
    multiple=True,
    metavar="PATTERN",
    help="Only files of these names, where the lockfile knows them: '*-none-any.whl'; repeat for several.",
)
@click.option("--parallel", type=click.IntRange(1, 32), default=4, show_default=True, help="How many versions at once.")
@output_option
def warm(namespace: str, lockfiles: tuple[Path, ...], patterns: tuple[str, ...], parallel: int, output: Output) -> None:
    """Have the registry fetch all that lockfiles name, before somebody wants it, or an upstream has lost it.

    It reads uv.lock, poetry.lock, requirements in *.txt, package-lock.json, pnpm-lock.yaml, Cargo.lock and go.sum.
    What is there already is not fetched again. The exit code is 1 when some of it is not to be had.
    """
    wanted = read_lockfiles(lockfiles)
    for reason in wanted.skipped:
        click.echo(f"skipped {reason}", err=True)
    if not wanted.locked:
        raise Misuse(
            f"{' and '.join(map(str, lockfiles))} names no version that could be fetched",
            hint="Versions have to be pinned, and to come from a registry.",
        )
    with Client(parallel=parallel) as registry, counter(len(wanted.locked)) as done:
        registry.namespaces.read(namespace)

        def fetch(locked: Locked) -> Warmed:
            warmed = _warm(registry, namespace, locked, patterns)
            done(f"{locked.name} {locked.version}")
            return warmed

        with ThreadPoolExecutor(parallel) as pool:
            found = list(pool.map(fetch, wanted.locked))
    missing = [each for each in found if each.problem is not None]
    size = sum(each.size for each in found)
    summary = f"{len(found) - len(missing)} of {len(found)} versions are in {namespace}, {size:,} bytes of files"
    if output == "json":
        show_json({"versions": found, "skipped": wanted.skipped})
    else:
        click.echo(summary)
        for each in missing:
            click.echo(f"missing {each.format} {each.name} {each.version}: {each.problem}", err=True)
    if missing:
        raise click.exceptions.Exit(1)


@dataclass(frozen=True, slots=True)
class Warmed:
    """What came of having one version fetched."""

    format: str
    name: str
    version: str
    files: int = 0
    size: int = 0
    """Bytes of all its files."""
    problem: str | None = None
    """Why it is not there; None when it is."""


def _warm(registry: Client, namespace: str, locked: Locked, patterns: Sequence[str]) -> Warmed:
    hashes = locked.hashes(patterns)
    if locked.files and not hashes:
        return Warmed(locked.format, locked.name, locked.version)
    try:
        fetched = registry.upstreams.fetch(namespace, locked.format, locked.name, locked.version, hashes=hashes)
    except Refused as error:
        return Warmed(locked.format, locked.name, locked.version, problem=str(error))
    return Warmed(locked.format, locked.name, locked.version, len(fetched.files), fetched.size)


def _find_format(registry: Client, namespace: str, name: str, format_: str | None) -> str:
    """The format of the upstream that is meant. Raises `Misuse` where that is not plain."""
    if format_ is not None:
        return format_
    found = [each.format for each in registry.upstreams.iter(namespace) if each.name == name]
    if not found:
        raise Misuse(f"{namespace} has no upstream {name}", hint=f"See `entrepot upstream list {namespace}`.")
    if len(found) > 1:
        raise Misuse(
            f"{namespace} has an upstream {name} for {' and for '.join(found)}", hint="Say which with --format."
        )
    return found[0]


def _read_credentials(user: str | None, password: Path | None, token: Path | None) -> UpstreamCredentials | None:
    """What an upstream is asked with, from files or a prompt; None when nothing was said of it. Raises `Misuse`."""
    if token is not None:
        if user is not None or password is not None:
            raise click.UsageError("--token-file and --user exclude each other.")
        return UpstreamCredentials(token=_read_secret(token, "--token-file", "token of the upstream"))
    if user is not None:
        return UpstreamCredentials(
            user=user, password=_read_secret(password, "--password-file", f"password of {user} at the upstream")
        )
    if password is not None:
        raise click.UsageError("--password-file needs --user.")
    return None


def _read_secret(file: Path | None, option: str, question: str) -> str:
    """A secret from a file, from standard input for ``-``, or from whoever sits at the terminal."""
    if file is not None and str(file) != "-":
        with file.open("rb") as opened:
            content = opened.read(_SECRET_SIZE + 1)
    elif sys.stdin.isatty():
        content = str(click.prompt(question, hide_input=True, err=True)).encode()
    elif file is not None:
        content = sys.stdin.buffer.read(_SECRET_SIZE + 1)
    else:
        raise Misuse(f"there is no terminal to ask for the {question} at", hint=f"Use {option} FILE.")
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        text = ""
    if not text or len(content) > _SECRET_SIZE or not text.isprintable():
        raise Misuse(f"{option}: there is no secret of one line", hint="It stands alone there, in one line of text.")
    return text


def _patterns(given: Sequence[str]) -> list[str] | None:
    return [pattern for pattern in given if pattern] if given else None

"""``entrepot doctor``: what is wrong with an installation, or with the way to one, and what to do about it.

Each check is a function that yields findings; one that finds nothing wrong says so in one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from entrepot import __version__
from entrepot.cli import Failure
from entrepot.cli.findings import Finding, Findings, Verdict, ok, problem, warning
from entrepot.cli.installation import LOOPBACK, SKEW_SECONDS, connect, examine_installation
from entrepot.cli.output import Output, output_option, show_list
from entrepot.cli.settings import config_option, data_option
from entrepot.client import Client, ClientError, NotLoggedIn
from entrepot.client.credentials import LoginStore, find_login, parse_url

_SLOW_SECONDS: Final = 1.0
_PROBES: Final = 5


@click.command()
@click.argument("url", required=False)
@data_option
@config_option
@output_option
def doctor(url: str | None, data: str | None, config: Path | None, output: Output) -> None:
    """Say what is wrong with an installation, and what to do.

    Without URL it looks at this machine's installation; with one, at the way to that registry and at your login there.
    The exit code is 1 when there is a problem.
    """
    found = list(_examine_registry(parse_url(url)) if url else _examine_here(config, data))
    columns: dict[str, Callable[[Finding], object]] = {
        "": lambda it: it.verdict.value,
        "SUBJECT": lambda it: it.subject,
        "FINDING": lambda it: it.finding,
        "WHAT TO DO": lambda it: it.advice,
    }
    show_list(found, columns, output)
    problems = [it for it in found if it.verdict is Verdict.PROBLEM]
    if problems:
        raise Failure(f"{len(problems)} of {len(found)} looks found a problem", "What to do stands beside each.")


def _examine_here(config: Path | None, data: str | None) -> Findings:
    yield from examine_installation(config, data)
    yield from _examine_login()


def _examine_login() -> Findings:
    """The login that other commands of this user go by."""
    store = LoginStore.of()
    try:
        private, current = store.is_private(), find_login().url if store.urls() else None
    except ClientError as error:
        yield warning("login", str(error), error.hint or "")
        return
    if not private:
        yield problem("login", f"other users can read {store.path}", f"chmod 600 {store.path}, then log in anew.")
    if current is not None:
        yield _examine_credentials(current)


# --- a registry somewhere ---


def _examine_registry(url: str) -> Findings:
    with connect(url) as registry:
        try:
            before = datetime.now(UTC)
            answer = registry.connection.call("GET", "/livez")
        except ClientError as error:
            yield problem("reachable", str(error), error.hint or "Check the address.")
            return
        yield ok("reachable", url)
        yield from _examine_encryption(url)
        yield from _examine_skew(answer.headers.get("Date"), before)
        try:
            registry.connection.call("GET", "/readyz")
            yield ok("ready", "it can read and write")
        except ClientError as error:
            yield problem("ready", str(error), "Look at the server's log, and run `entrepot doctor` there.")
        yield _examine_version(registry)
        yield _examine_latency(registry)
    yield _examine_credentials(url)


def _examine_encryption(url: str) -> Findings:
    if urlsplit(url).scheme == "http" and urlsplit(url).hostname not in LOOPBACK:
        yield warning("encryption", "tokens travel readable for everybody on the way", "Use https.")


def _examine_skew(date: str | None, before: datetime) -> Findings:
    """The difference of the two clocks, by what HTTP says the time is; it counts whole seconds."""
    try:
        skew = (parsedate_to_datetime(date or "") - before).total_seconds()
    except (ValueError, TypeError):
        yield warning("clock", "the server does not say what time it is", "Something on the way takes Date out.")
        return
    if abs(skew) > SKEW_SECONDS:
        ahead = "ahead" if skew > 0 else "behind"
        yield problem("clock", f"the server's is {abs(skew):.0f} s {ahead}", "Set the one that is wrong.")
    else:
        yield ok("clock", f"within {SKEW_SECONDS} s of the server's")


def _examine_version(registry: Client) -> Finding:
    try:
        serves = registry.status().version
    except ClientError as error:
        return problem("version", str(error), error.hint or "Is this an Entrepot registry?")
    if serves.split(".")[:2] != __version__.split(".")[:2]:
        return warning("version", f"server {serves}, client {__version__}", "Install about the same version here.")
    return ok("version", serves)


def _examine_latency(registry: Client) -> Finding:
    taken = []
    for _ in range(_PROBES):
        begin = time.monotonic()
        try:
            registry.connection.call("GET", "/livez")
        except ClientError as error:
            return problem("latency", str(error), error.hint or "")
        taken.append(time.monotonic() - begin)
    median = statistics.median(taken)
    if median > _SLOW_SECONDS:
        return warning("latency", f"{median * 1000:.0f} ms an answer", "The network or the server is slow.")
    return ok("latency", f"{median * 1000:.1f} ms an answer")


def _examine_credentials(url: str) -> Finding:
    try:
        with connect(url) as registry:
            identity = registry.whoami()
            has_token = registry.login.token is not None
    except NotLoggedIn:
        return problem("credentials", f"{url} does not accept the token", f"`entrepot login {url}` with a new one.")
    except ClientError as error:
        return warning("credentials", f"not tried: {error}", error.hint or "")
    if identity.principal is None or not has_token:
        return warning("credentials", f"none for {url}", f"`entrepot login {url}`, or set ENTREPOT_TOKEN.")
    if identity.expires_at is not None:
        return ok("credentials", f"{identity.principal}, until {identity.expires_at:%Y-%m-%d %H:%M}Z")
    return ok("credentials", identity.principal)

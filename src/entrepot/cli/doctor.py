"""``entrepot doctor``: what is wrong with an installation, or with the way to one, and what to do about it.

Each check is a function that yields findings; one that finds nothing wrong says so in one.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from entrepot import __version__
from entrepot.cli import Failure
from entrepot.cli.output import Output, output_option, show_list
from entrepot.cli.settings import config_option, data_option
from entrepot.client import Client, ClientError, NotLoggedIn, Retry
from entrepot.client.credentials import LoginStore, find_login, parse_url
from entrepot.settings import Settings, SettingsError, load

_MIB: Final = 1024 * 1024
_LITTLE_SPACE: Final = 1024 * _MIB
_NO_SPACE: Final = 64 * _MIB
_FEW_INODES: Final = 10_000
_SPARE_DESCRIPTORS: Final = 256
_SKEW_SECONDS: Final = 30
_SLOW_SECONDS: Final = 1.0
_PROBES: Final = 5
_OLDEST_SQLITE: Final = (3, 38)
_FIRST_YEAR: Final = 2026
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OPEN_TO_OTHERS: Final = 0o077


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found, and what to do about it."""

    verdict: Verdict
    subject: str
    finding: str
    advice: str = ""


Findings = Iterator[Finding]


def _ok(subject: str, finding: str) -> Finding:
    return Finding(Verdict.OK, subject, finding)


def _warning(subject: str, finding: str, advice: str) -> Finding:
    return Finding(Verdict.WARNING, subject, finding, advice)


def _problem(subject: str, finding: str, advice: str) -> Finding:
    return Finding(Verdict.PROBLEM, subject, finding, advice)


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
    found = list(_examine_registry(parse_url(url)) if url else _examine_installation(config, data))
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


# --- this machine's installation ---


def _examine_installation(config: Path | None, data: str | None) -> Findings:
    try:
        settings = load({} if data is None else {"data": data}, file=config)
    except SettingsError as error:
        yield _problem("settings", str(error), "`entrepot config schema` says what each must be.")
        return
    yield _ok("settings", "valid")
    yield from _examine_machine(settings)
    yield from _examine_address(settings)
    if settings.data_path.is_dir():
        yield from _examine_directory(settings.data_path)
        yield from _examine_catalog(settings)
    else:
        yield from _examine_place(settings.data_path)
    yield from _examine_login()


def _examine_machine(settings: Settings) -> Findings:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.connections + _SPARE_DESCRIPTORS
    if allowed < needed:
        yield _warning(
            "open files",
            f"{allowed} allowed, {settings.connections} connections need {needed}",
            f"Raise the limit (ulimit -n, LimitNOFILE; at most {most} now), or lower `connections`.",
        )
    else:
        yield _ok("open files", f"{allowed} allowed")
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        yield _problem("SQLite", sqlite3.sqlite_version, "Use a Python with SQLite 3.38 or newer.")
    else:
        yield _ok("SQLite", sqlite3.sqlite_version)
    year = datetime.now(UTC).year
    if year < _FIRST_YEAR:
        yield _problem("clock", f"it says {year}", "Set the clock; tokens and leases go by it.")


def _examine_address(settings: Settings) -> Findings:
    host, _, port = settings.listen.rpartition(":")
    host = host.strip("[]")
    if settings.public_url:
        yield _ok("public URL", settings.public_url)
    elif host not in _LOOPBACK:
        yield _warning(
            "public URL",
            f"not set, while {settings.listen} can be reached from elsewhere",
            "Set ENTREPOT_PUBLIC_URL to how clients call this registry.",
        )
    if host not in _LOOPBACK and not settings.tls_certificate and not settings.public_url.startswith("https:"):
        yield _warning(
            "encryption",
            f"{settings.listen} takes tokens over plain HTTP",
            "Set tls_certificate and tls_private_key, or put a proxy with TLS in front and its address in public_url.",
        )
    if port == "0":
        return
    scheme = "https" if settings.tls_certificate else "http"
    called = "localhost" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not listened at
    yield _examine_port(called, int(port), f"{scheme}://{f'[{called}]' if ':' in called else called}:{port}")


def _examine_port(host: str, port: int, url: str) -> Finding:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return _ok("server", f"none runs at {url}; the port is free")
    try:
        with _connect(url) as registry:
            registry.connection.call("GET", "/readyz")
            serves = registry.status().version
    except ClientError as error:
        return _problem(
            "server", f"something listens at {url}, and is not ready: {error}", error.hint or "See its log."
        )
    return _ok("server", f"version {serves} is ready at {url}")


def _examine_place(path: Path) -> Findings:
    """Where the data directory would be made."""
    above = next(each for each in path.parents if each.exists())
    if os.access(above, os.W_OK):
        yield _warning(
            "data directory", f"{path} is not there yet", "`entrepot serve` makes it; or name it with --data."
        )
    else:
        yield _problem("data directory", f"{path} cannot be made", f"Let this user write to {above}, or name another.")


def _examine_directory(path: Path) -> Findings:
    if os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield _ok("data directory", str(path))
    else:
        yield _problem("data directory", f"{path} is not writable", f"Run as its owner, or: chown -R $USER {path}")
    if path.stat().st_mode & _OPEN_TO_OTHERS:
        yield _warning("data directory", "other users can look into it", f"chmod 700 {path}")
    token = path / "admin-token"
    if token.exists() and token.stat().st_mode & _OPEN_TO_OTHERS:
        yield _problem(
            "administrator token", "other users can read it", f"chmod 600 {token}, then make a new token and revoke it."
        )
    elif token.exists():
        yield _ok("administrator token", "only its owner can read it")
    yield from _examine_room(path)


def _examine_room(path: Path) -> Findings:
    free, advice = shutil.disk_usage(path).free, "Make room, or move the data directory to a larger disk."
    if free < _LITTLE_SPACE:
        judge = _problem if free < _NO_SPACE else _warning
        yield judge("disk space", f"{free // _MIB} MiB free", advice)
    else:
        yield _ok("disk space", f"{free // _MIB} MiB free")
    inodes = os.statvfs(path)
    # Some file systems have no bound, and say 0 of 0.
    if inodes.f_files and inodes.f_favail < _FEW_INODES:
        yield _warning("inodes", f"{inodes.f_favail} free", advice)
    elif inodes.f_files:
        yield _ok("inodes", f"{inodes.f_favail} free")


def _examine_catalog(settings: Settings) -> Findings:
    from entrepot.app.parts import CATALOG_FILE

    path = settings.data_path / CATALOG_FILE
    if not path.exists():
        yield _warning("catalog", "there is none yet", "`entrepot serve` makes it.")
        return
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            problems = [row[0] for row in database.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
    except sqlite3.Error as error:
        yield _problem("catalog", f"{path} cannot be read: {error}", "Restore it from a backup; keep the damaged file.")
        return
    if problems:
        yield _problem("catalog", f"damaged: {problems[0]}", "Stop the server and restore the catalog from a backup.")
        return
    yield _ok("catalog", f"sound, schema version {version}")
    yield from asyncio.run(_examine_registry_of(settings))


async def _examine_registry_of(settings: Settings) -> list[Finding]:
    """What only the installation's own drivers can tell."""
    from entrepot.app.parts import open_registry

    try:
        async with open_registry(settings) as registry:
            found = []
            try:
                await registry.blobs.probe()
                found.append(_ok("blob store", "content can be written and read"))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
                found.append(_problem("blob store", f"{error}", "Check the disk, its mount and its permissions."))
            now = registry.clock.now()
            horizon = (now - registry.limits.upload_lease).timestamp()
            stale = [stage async for stage, written_at in registry.blobs.stages() if written_at < horizon]
            if stale:
                found.append(
                    _warning("uploads", f"{len(stale)} rest for longer than they may", "A running server clears them.")
                )
            head, _ = await registry.catalog.head()
            latest = await registry.catalog.list_entries(after=type(head)(max(0, head - 1)), limit=1)
            if latest and (latest[0].at - now).total_seconds() > _SKEW_SECONDS:
                found.append(
                    _problem(
                        "clock",
                        f"the journal's last entry is of {latest[0].at:%Y-%m-%d %H:%M:%S}, which is still to come",
                        "Set the clock; tokens and leases go by it.",
                    )
                )
            return found
    except (RuntimeError, OSError, sqlite3.Error) as error:
        return [_problem("catalog", str(error), "Use the version of Entrepot that made it, or a newer one.")]


def _examine_login() -> Findings:
    """The login that other commands of this user go by."""
    store = LoginStore.of()
    try:
        private, current = store.is_private(), find_login().url if store.urls() else None
    except ClientError as error:
        yield _warning("login", str(error), error.hint or "")
        return
    if not private:
        yield _problem("login", f"other users can read {store.path}", f"chmod 600 {store.path}, then log in anew.")
    if current is not None:
        yield _examine_credentials(current)


# --- a registry somewhere ---


def _examine_registry(url: str) -> Findings:
    with _connect(url) as registry:
        try:
            before = datetime.now(UTC)
            answer = registry.connection.call("GET", "/livez")
        except ClientError as error:
            yield _problem("reachable", str(error), error.hint or "Check the address.")
            return
        yield _ok("reachable", url)
        yield from _examine_encryption(url)
        yield from _examine_skew(answer.headers.get("Date"), before)
        try:
            registry.connection.call("GET", "/readyz")
            yield _ok("ready", "it can read and write")
        except ClientError as error:
            yield _problem("ready", str(error), "Look at the server's log, and run `entrepot doctor` there.")
        yield _examine_version(registry)
        yield _examine_latency(registry)
    yield _examine_credentials(url)


def _examine_encryption(url: str) -> Findings:
    if urlsplit(url).scheme == "http" and urlsplit(url).hostname not in _LOOPBACK:
        yield _warning("encryption", "tokens travel readable for everybody on the way", "Use https.")


def _examine_skew(date: str | None, before: datetime) -> Findings:
    """The difference of the two clocks, by what HTTP says the time is; it counts whole seconds."""
    try:
        skew = (parsedate_to_datetime(date or "") - before).total_seconds()
    except (ValueError, TypeError):
        yield _warning("clock", "the server does not say what time it is", "Something on the way takes Date out.")
        return
    if abs(skew) > _SKEW_SECONDS:
        ahead = "ahead" if skew > 0 else "behind"
        yield _problem("clock", f"the server's is {abs(skew):.0f} s {ahead}", "Set the one that is wrong.")
    else:
        yield _ok("clock", f"within {_SKEW_SECONDS} s of the server's")


def _examine_version(registry: Client) -> Finding:
    try:
        serves = registry.status().version
    except ClientError as error:
        return _problem("version", str(error), error.hint or "Is this an Entrepot registry?")
    if serves.split(".")[:2] != __version__.split(".")[:2]:
        return _warning("version", f"server {serves}, client {__version__}", "Install about the same version here.")
    return _ok("version", serves)


def _examine_latency(registry: Client) -> Finding:
    taken = []
    for _ in range(_PROBES):
        begin = time.monotonic()
        try:
            registry.connection.call("GET", "/livez")
        except ClientError as error:
            return _problem("latency", str(error), error.hint or "")
        taken.append(time.monotonic() - begin)
    median = statistics.median(taken)
    if median > _SLOW_SECONDS:
        return _warning("latency", f"{median * 1000:.0f} ms an answer", "The network or the server is slow.")
    return _ok("latency", f"{median * 1000:.1f} ms an answer")


def _examine_credentials(url: str) -> Finding:
    try:
        with _connect(url) as registry:
            identity = registry.whoami()
            has_token = registry.login.token is not None
    except NotLoggedIn:
        return _problem("credentials", f"{url} does not accept the token", f"`entrepot login {url}` with a new one.")
    except ClientError as error:
        return _warning("credentials", f"not tried: {error}", error.hint or "")
    if identity.principal is None or not has_token:
        return _warning("credentials", f"none for {url}", f"`entrepot login {url}`, or set ENTREPOT_TOKEN.")
    if identity.expires_at is not None:
        return _ok("credentials", f"{identity.principal}, until {identity.expires_at:%Y-%m-%d %H:%M}Z")
    return _ok("credentials", identity.principal)


def _connect(url: str) -> Client:
    """A client that does not wait: what cannot be reached now is the finding."""
    return Client(url, retry=Retry(attempts=1), timeout_seconds=10)

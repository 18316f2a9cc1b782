"""What ``entrepot doctor`` looks at where an installation is: its settings, the machine, and what it keeps things in."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from entrepot.cli.findings import Finding, Findings, ok, problem, warning
from entrepot.client import Client, ClientError, Retry
from entrepot.model.errors import RegistryError
from entrepot.settings import Settings, SettingsError, load

_MIB: Final = 1024 * 1024
_LITTLE_SPACE: Final = 1024 * _MIB
_NO_SPACE: Final = 64 * _MIB
_FEW_INODES: Final = 10_000
_SPARE_DESCRIPTORS: Final = 256
SKEW_SECONDS: Final = 30
"""By so much clocks may differ."""
_OLDEST_SQLITE: Final = (3, 38)
_OLDEST_POSTGRESQL: Final = 15
_CONNECTIONS_OF_A_WORKER: Final = 10
"""Those that ask, the one that writes, and the one that listens."""
_FIRST_YEAR: Final = 2026
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OPEN_TO_OTHERS: Final = 0o077


def examine_installation(config: Path | None, data: str | None) -> Findings:
    """Everything that is looked at on this machine."""
    try:
        settings = load({} if data is None else {"data": data}, file=config)
    except SettingsError as error:
        yield problem("settings", str(error), "`entrepot config schema` says what each must be.")
        return
    yield ok("settings", "valid")
    yield from _examine_machine(settings)
    yield from _examine_address(settings)
    if settings.data_path.is_dir():
        yield from _examine_directory(settings.data_path)
    else:
        yield from _examine_place(settings.data_path)
    if settings.database:
        yield from _examine_database(settings)
    elif settings.data_path.is_dir():
        yield from _examine_file(settings)


def _examine_machine(settings: Settings) -> Findings:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.connections + _SPARE_DESCRIPTORS
    if allowed < needed:
        yield warning(
            "open files",
            f"{allowed} allowed, {settings.connections} connections need {needed}",
            f"Raise the limit (ulimit -n, LimitNOFILE; at most {most} now), or lower `connections`.",
        )
    else:
        yield ok("open files", f"{allowed} allowed")
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        yield problem("SQLite", sqlite3.sqlite_version, "Use a Python with SQLite 3.38 or newer.")
    else:
        yield ok("SQLite", sqlite3.sqlite_version)
    year = datetime.now(UTC).year
    if year < _FIRST_YEAR:
        yield problem("clock", f"it says {year}", "Set the clock; tokens and leases go by it.")


def _examine_address(settings: Settings) -> Findings:
    host, _, port = settings.listen.rpartition(":")
    host = host.strip("[]")
    if settings.public_url:
        yield ok("public URL", settings.public_url)
    elif host not in LOOPBACK:
        yield warning(
            "public URL",
            f"not set, while {settings.listen} can be reached from elsewhere",
            "Set ENTREPOT_PUBLIC_URL to how clients call this registry.",
        )
    if host not in LOOPBACK and not settings.tls_certificate and not settings.public_url.startswith("https:"):
        yield warning(
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
        return ok("server", f"none runs at {url}; the port is free")
    try:
        with connect(url) as registry:
            registry.connection.call("GET", "/readyz")
            serves = registry.status().version
    except ClientError as error:
        return problem("server", f"something listens at {url}, and is not ready: {error}", error.hint or "See its log.")
    return ok("server", f"version {serves} is ready at {url}")


def _examine_place(path: Path) -> Findings:
    """Where the data directory would be made."""
    above = next(each for each in path.parents if each.exists())
    if os.access(above, os.W_OK):
        yield warning(
            "data directory", f"{path} is not there yet", "`entrepot serve` makes it; or name it with --data."
        )
    else:
        yield problem("data directory", f"{path} cannot be made", f"Let this user write to {above}, or name another.")


def _examine_directory(path: Path) -> Findings:
    if os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield ok("data directory", str(path))
    else:
        yield problem("data directory", f"{path} is not writable", f"Run as its owner, or: chown -R $USER {path}")
    if path.stat().st_mode & _OPEN_TO_OTHERS:
        yield warning("data directory", "other users can look into it", f"chmod 700 {path}")
    token = path / "admin-token"
    if token.exists() and token.stat().st_mode & _OPEN_TO_OTHERS:
        yield problem(
            "administrator token", "other users can read it", f"chmod 600 {token}, then make a new token and revoke it."
        )
    elif token.exists():
        yield ok("administrator token", "only its owner can read it")
    yield from _examine_room(path)


def _examine_room(path: Path) -> Findings:
    free, advice = shutil.disk_usage(path).free, "Make room, or move the data directory to a larger disk."
    if free < _LITTLE_SPACE:
        judge = problem if free < _NO_SPACE else warning
        yield judge("disk space", f"{free // _MIB} MiB free", advice)
    else:
        yield ok("disk space", f"{free // _MIB} MiB free")
    inodes = os.statvfs(path)
    # Some file systems have no bound, and say 0 of 0.
    if inodes.f_files and inodes.f_favail < _FEW_INODES:
        yield warning("inodes", f"{inodes.f_favail} free", advice)
    elif inodes.f_files:
        yield ok("inodes", f"{inodes.f_favail} free")


def _examine_file(settings: Settings) -> Findings:
    from entrepot.app.parts import CATALOG_FILE

    path = settings.data_path / CATALOG_FILE
    if not path.exists():
        yield warning("catalog", "there is none yet", "`entrepot serve` makes it.")
        return
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            problems = [row[0] for row in database.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
    except sqlite3.Error as error:
        yield problem("catalog", f"{path} cannot be read: {error}", "Restore it from a backup; keep the damaged file.")
        return
    if problems:
        yield problem("catalog", f"damaged: {problems[0]}", "Stop the server and restore the catalog from a backup.")
        return
    yield ok("catalog", f"sound, schema version {version}")
    yield from asyncio.run(_examine_registry_of(settings))


def _examine_database(settings: Settings) -> Findings:
    from entrepot.app.database import look_at_database

    try:
        found = look_at_database(settings.database)
    except RegistryError as error:
        yield problem("database", str(error), "Is it running, and are the address and the password right?")
        return
    if found.major < _OLDEST_POSTGRESQL:
        yield problem("database", f"PostgreSQL {found.version}", f"Use PostgreSQL {_OLDEST_POSTGRESQL} or newer.")
        return
    yield ok("database", f"PostgreSQL {found.version}")
    for setting in found.careless:
        yield problem("database", setting, "It may lose what it has acknowledged: have it on.")
    if abs(found.ahead_seconds) > SKEW_SECONDS:
        yield problem(
            "clock", f"the database's is {found.ahead_seconds:+.0f} s from this machine's", "Set the one that is wrong."
        )
    if found.free_connections < settings.workers * _CONNECTIONS_OF_A_WORKER:
        yield warning(
            "database",
            f"{found.free_connections} connections are free, a node of {settings.workers} workers may want "
            f"{settings.workers * _CONNECTIONS_OF_A_WORKER}",
            "Raise max_connections, or put fewer nodes or workers on it.",
        )
    if not (found.encrypted or found.here):
        yield warning(
            "database", "what is said to it is readable on the way", "Add sslmode=verify-full to its address."
        )
    if found.schema != found.expected_schema:
        newer = found.schema > found.expected_schema
        yield warning(
            "catalog",
            f"schema version {found.schema or 'none'}, this program's is {found.expected_schema}",
            "This is an older Entrepot than another node."
            if newer
            else "`entrepot migrate apply` brings it up to date.",
        )
        return
    yield ok("catalog", f"schema version {found.schema}")
    yield from asyncio.run(_examine_registry_of(settings))


async def _examine_registry_of(settings: Settings) -> list[Finding]:
    """What only the installation's own drivers can tell."""
    from entrepot.app.parts import open_registry

    try:
        async with open_registry(settings) as registry:
            found = []
            try:
                await registry.blobs.probe()
                found.append(ok("blob store", "content can be written and read"))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
                where = (
                    "the bucket, its endpoint and the credentials" if settings.blobs else "the disk and its permissions"
                )
                found.append(problem("blob store", f"{error}", f"Check {where}."))
            now = registry.clock.now()
            horizon = (now - registry.limits.upload_lease).timestamp()
            stale = [stage async for stage, written_at in registry.blobs.stages() if written_at < horizon]
            if stale:
                found.append(
                    warning("uploads", f"{len(stale)} rest for longer than they may", "A running server clears them.")
                )
            head, _ = await registry.catalog.head()
            latest = await registry.catalog.list_entries(after=type(head)(max(0, head - 1)), limit=1)
            if latest and (latest[0].at - now).total_seconds() > SKEW_SECONDS:
                found.append(
                    problem(
                        "clock",
                        f"the journal's last entry is of {latest[0].at:%Y-%m-%d %H:%M:%S}, which is still to come",
                        "Set the clock; tokens and leases go by it.",
                    )
                )
            return found
    except (RegistryError, RuntimeError, OSError, sqlite3.Error) as error:
        return [problem("catalog", str(error), "Use the version of Entrepot that made it, or a newer one.")]


def connect(url: str) -> Client:
    """A client that does not wait: what cannot be reached now is the finding."""
    return Client(url, retry=Retry(attempts=1), timeout_seconds=10)

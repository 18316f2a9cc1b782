"""A real server in a process group of its own: to be killed, stopped, starved, and looked into from outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from entrepot.app.first import ADMIN_TOKEN_FILE
from entrepot.app.parts import open_registry
from entrepot.model.access import Allowance, Caller, Rights, Role, TokenSecret
from entrepot.model.names import PackagePattern, PrincipalName, View, parse_namespace
from entrepot.operations.check import Violation, check
from entrepot.operations.govern import create_namespace
from entrepot.operations.registry import Registry
from entrepot.operations.token import create_token
from entrepot.settings import load
from tests.stores import settings_of

T = TypeVar("T")

ENTREPOT = Path(sys.executable).with_name("entrepot")
_PATIENCE = 120.0
# Who does not start ends, and that is seen at once; this is for a machine that has much else to do.
_START_PATIENCE = 240.0


class NotReady(Exception):
    """The server ended, or said nothing, before it could answer."""


@dataclass(slots=True)
class Server:
    """A running server; make it with `start`."""

    data: Path
    url: str
    log: Path
    process: subprocess.Popen[bytes]
    _clients: list[httpx.Client] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    @property
    def token(self) -> str:
        """The administrator's."""
        return (self.data / ADMIN_TOKEN_FILE).read_text().strip()

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        """A client that presents *token* (the administrator's when not given) and is closed with the server."""
        options.setdefault("timeout", _PATIENCE)
        client = httpx.Client(base_url=self.url, auth=("any", token or self.token), trust_env=False, **options)
        self._clients.append(client)
        return client

    def anonymous(self) -> httpx.Client:
        """A client without credentials."""
        client = httpx.Client(base_url=self.url, trust_env=False, timeout=_PATIENCE)
        self._clients.append(client)
        return client

    def kill(self) -> None:
        """SIGKILL to the server and all its workers at once; returns when they are gone."""
        members = self.members()
        watched = [os.pidfd_open(pid) for pid in members if _is_alive(pid)]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self._tidy(watched)

    def terminate(self) -> int:
        """SIGTERM, and the exit status once it is over."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        self._tidy([])
        return self.process.returncode

    def _tidy(self, watched: list[int]) -> None:
        for descriptor in watched:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            assert poll.poll(_PATIENCE * 1000), "a killed process does not end"
            os.close(descriptor)
        self.process.wait(_PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        for client in self._clients:
            client.close()
        self._clients.clear()

    def members(self) -> list[int]:
        """The processes of the server: the supervisor and its workers."""
        return [pid for pid, group in _processes() if group == self.process.pid]

    def workers(self) -> list[int]:
        """The processes that answer requests, when there are several, of a server without followers."""
        return [
            pid
            for pid in self.members()
            if pid != self.process.pid and b"spawn_main" in _read(Path(f"/proc/{pid}/cmdline"))
        ]

    def resident_size(self) -> int:
        """Bytes of memory that all of the server's processes hold."""
        return sum(_kibibytes(pid, b"VmRSS:") for pid in self.members()) * 1024

    def peak_size(self) -> int:
        """The most memory that its processes ever held, added up."""
        return sum(_kibibytes(pid, b"VmHWM:") for pid in self.members()) * 1024

    def open_files(self) -> int:
        """Descriptors that all of its processes hold."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.members())

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        found = []
        for line in self.log.read_text(errors="replace").split("\n"):
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict):
                    found.append(entry)
        return found

    def complaints(self) -> list[str]:
        """Everything in the log that a healthy server never says: bugs, and lines that are no log lines at all."""
        return complaints(self.log.read_text(errors="replace"))


def complaints(log: str) -> list[str]:
    """The lines of a log that tell of a bug."""
    found = []
    # Not `splitlines`: what strangers ask for is logged, and may hold what only Python takes for the end of a line.
    for line in log.split("\n"):
        try:
            entry = json.loads(line)
        except ValueError:
            if not line.startswith(("administrator token", "ent_")) and line.strip():
                found.append(line)
            continue
        if entry.get("event") == "failed" or "exception" in entry or entry.get("level") == "critical":
            found.append(line)
    return found


def start(home: Path, *, data: Path | None = None, log: Path | None = None, **settings: object) -> Server:
    """Start a server over *home*/data and return it once it is ready.

    *settings* are those of `Settings`; its catalog and its blobs are in the stores of this run, unless these say where.

    Raises `NotReady`.
    """
    home.mkdir(parents=True, exist_ok=True)
    data, log = data or home / "data", log or home / "server.log"
    known = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
    chosen = {"listen": "127.0.0.1:0", "data": data, "log_format": "json", **settings_of(data), **settings}
    environment = {f"ENTREPOT_{name.upper()}": str(value) for name, value in chosen.items()}
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [ENTREPOT, "serve"],
            cwd=home,
            env=known | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    server = Server(data=data, url="", log=log, process=process)
    try:
        server.url = _ready(process)
    except NotReady as error:
        server.kill()
        raise NotReady(f"{error}:\n{log.read_text(errors='replace')[-4000:]}") from None
    except BaseException:
        server.kill()
        raise
    return server


@contextlib.contextmanager
def running(home: Path, **options: Any) -> Iterator[Server]:
    """A server that is stopped at the end, whatever state it is in; its log must hold no bug."""
    server = start(home, **options)
    try:
        yield server
    finally:
        server.kill()
    complaints = server.complaints()
    assert complaints == [], complaints


def _ready(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    deadline = monotonic() + _START_PATIENCE
    text = b""
    while True:
        if not select.select([process.stdout], [], [], max(0.0, deadline - monotonic()))[0]:
            raise NotReady("the server did not say ready")
        piece = os.read(process.stdout.fileno(), 4096)
        if not piece:
            raise NotReady("the server ended before it was ready")
        text += piece
        for line in text.splitlines():
            if line.startswith(b"ready http") and text.endswith(b"\n"):
                return line.split()[1].decode()


# --- the registry of a data directory, without a server between ---


def within(data: Path, work: Callable[[Registry, Caller], Awaitable[T]], **settings: object) -> T:
    """Do *work* on the registry of *data* as its administrator, beside the server or without one."""

    async def run() -> T:
        secret = TokenSecret.parse((data / ADMIN_TOKEN_FILE).read_text().strip())
        async with open_registry(load({"data": str(data), **settings_of(data), **settings}, environ={})) as registry:
            credential = await registry.catalog.find_credential(secret.hash)
            assert credential is not None
            caller = Caller(credential.principal, Rights((credential.grants,)), credential.token_id)
            return await work(registry, caller)

    return asyncio.run(run())


def make_namespace(data: Path, name: str, *, public: bool = False) -> None:
    """Create a namespace."""

    async def make(registry: Registry, caller: Caller) -> None:
        await create_namespace(registry, caller, parse_namespace(name), public=public)

    within(data, make)


def make_token(data: Path, name: str, role: Role, view: str, pattern: str = "*") -> tuple[str, str]:
    """Mint a token for a robot called *name*: its id and its secret."""

    async def make(registry: Registry, caller: Caller) -> tuple[str, str]:
        allowance = Allowance(role, View.parse(view), PackagePattern(pattern))
        row, secret = await create_token(registry, caller, PrincipalName(name), allowance)
        return row.id, secret.text

    return within(data, make)


def violations(data: Path) -> list[Violation]:
    """What `check` finds, all bytes read again."""

    async def look(registry: Registry, _: Caller) -> list[Violation]:
        return await check(registry, read_bytes=True)

    return within(data, look)


# --- what the system knows of a process ---


def _processes() -> Iterator[tuple[int, int]]:
    """Every process with its group."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (stat := _read(folder / "stat")):
            fields = stat.rpartition(b")")[2].split()
            if fields[0] not in (b"Z", b"X"):
                yield int(folder.name), int(fields[2])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _kibibytes(pid: int, field_name: bytes) -> int:
    for line in _read(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith(field_name):
            return int(line.split()[1])
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""

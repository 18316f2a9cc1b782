"""A real Entrepot server for the length of a test session: its own process, its own data, authentication on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from entrepot.client import Client
from tests.stores import variables_of

_ENTREPOT = Path(sys.executable).with_name("entrepot")
_START_SECONDS = 60
_STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Account:
    """What a client logs in with."""

    user: str
    password: str

    @property
    def pair(self) -> str:
        """``user:password``, as many clients want it."""
        return f"{self.user}:{self.password}"


@dataclass(frozen=True, slots=True)
class Registry:
    """Where to push, and as whom."""

    host: str
    namespace: str
    publisher: Account
    maintainer: Account
    reader: Account
    stranger: Account
    administrator: Account | None = None
    """None for a registry that runs already."""

    @property
    def url(self) -> str:
        """The address for clients that take one."""
        return f"http://{self.host}"


@contextmanager
def serve(
    home: Path, *namespaces: str, settings: Mapping[str, str] | None = None, followers: bool = False
) -> Iterator[Registry]:
    """Run a server with its data under *home* and stop it afterwards.

    *settings* are variables, such as ENTREPOT_PUBLIC_URL. *followers* are a process more, which many tests need not wait
    for. The accounts may act in the namespace that is given, or in every namespace if there are several.
    ENTREPOT_TEST_REGISTRY, as ``http://user:password@host:port``, names a registry that already runs instead: that
    tells whether a failure is the client's or ours.
    """
    if running := os.environ.get("ENTREPOT_TEST_REGISTRY"):
        address = urlsplit(running)
        known = Account(address.username or "", address.password or "")
        host = f"{address.hostname}:{address.port}"
        yield Registry(host, namespaces[0], known, known, known, Account(known.user, "not-the-password"))
        return
    with node(home, {"ENTREPOT_FOLLOWERS": str(followers).lower(), **(settings or {})}) as host:
        secret = (home / "data" / "admin-token").read_text().strip()
        with Client(f"http://{host}", secret, environment={}) as registry:
            for namespace in namespaces:
                registry.namespaces.create(namespace)
            view = namespaces[0] if len(namespaces) == 1 else None
            accounts = {
                role: Account("__token__", registry.tokens.create(role, role, view=view).token)
                for role in ("publisher", "maintainer", "reader")
            }
        yield Registry(
            host=host,
            namespace=namespaces[0],
            **accounts,
            stranger=Account("__token__", "ent_bot_" + "0" * 36),
            administrator=Account("__token__", secret),
        )


@contextmanager
def node(home: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Run just a server, with its data under *home*, and stop it afterwards: its host and port.

    Its catalog and its blobs are in the stores of this run, unless *settings* say where they are.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (
        (home / "server.log").open("wb") as log,
        subprocess.Popen(
            [_ENTREPOT, "serve", "--listen", "localhost:0", "--data", home / "data"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=_environment() | variables_of(home / "data") | dict(settings),
        ) as process,
    ):
        try:
            yield _ready(process, home / "server.log")
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _environment() -> dict[str, str]:
    """The machine's environment, less any setting of Entrepot's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}


def _ready(process: subprocess.Popen[str], log: Path) -> str:
    """The host and port of the ``ready`` line, as `localhost`: some clients trust no other name of the loopback."""
    assert process.stdout is not None
    # A server that never says it is ended, and then its output ends too.
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            if line.startswith("ready http://"):
                return f"localhost:{urlsplit(line.split()[1]).port}"
    finally:
        watchdog.cancel()
    raise AssertionError(f"the server did not say ready:\n{log.read_text(errors='replace')[-4000:]}")

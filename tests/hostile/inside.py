"""The whole application in this process, without sockets: for volume, and to look into the registry afterwards."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from entrepot.app.first import ADMIN_TOKEN_FILE
from entrepot.app.parts import open_registry
from entrepot.app.worker import create_service
from entrepot.model.access import Caller, Rights, TokenSecret
from entrepot.model.names import parse_namespace
from entrepot.model.position import Position
from entrepot.operations.check import Violation, check
from entrepot.operations.govern import create_namespace
from entrepot.operations.registry import Registry
from entrepot.operations.token import create_first_token
from entrepot.settings import Settings, load
from tests.hostile.exchange import Answer, Request
from tests.stores import settings_of

_NUMBERS = count(1)


class Bugs(logging.Handler):
    """Collects what the application logs as a failure of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def take(self) -> list[str]:
        """What came since the last time."""
        found, self.found = self.found, []
        return found

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line, unless it is about a refusal that was meant."""
        if not (isinstance(record.msg, dict) and record.msg.get("event") == "refused"):
            self.found.append(logging.Formatter().format(record))


class Inside:
    """An application and the loop it runs in."""

    def __init__(self, settings: Settings, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._settings = settings
        self.data = settings.data_path
        self.service = create_service(settings)
        self.registry: Registry = self.service.app.registry
        self.bugs = Bugs()
        logging.getLogger().handlers[:] = [self.bugs]
        self._life: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._living = self.run(self._begin())

    @property
    def token(self) -> str:
        """The administrator's."""
        return (self.data / ADMIN_TOKEN_FILE).read_text().strip()

    def run(self, work: Any) -> Any:
        """Wait for *work*."""
        return self._runner.run(work)

    def ask(self, request: Request) -> Answer | None:
        """Send a request; None when the client went away before there was an answer."""
        return self.run(self._ask(request))

    async def _ask(self, request: Request) -> Answer | None:
        raw_path, _, query = request.target.partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
            "scheme": "http",
            "method": request.method,
            "root_path": "",
            "path": unquote(raw_path.decode("latin-1")),
            "raw_path": raw_path,
            "query_string": query,
            "headers": [(name.lower(), value) for name, value in request.framed()],
            "state": {},
            "extensions": {"http.response.pathsend": {}},
            "entrepot.request_id": f"test-{next(_NUMBERS)}",
        }
        pieces = list(request.pieces)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if pieces:
                piece = pieces.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(pieces) or request.cut}
            if request.cut or sent:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.service.app(scope, receive, send)
        return _put_together(sent)

    def position(self) -> Position:
        """Where the journal ends: it moves with every change."""
        return self.run(self.registry.catalog.head())[0]

    def strays(self) -> set[str]:
        """Files of the blob store that no row knows."""
        return self.run(self._strays())

    async def _strays(self) -> set[str]:
        stored = {str(kept.digest) async for kept in self.registry.blobs.kept()}
        known: set[str] = set()
        after = ""
        while page := await self.registry.catalog.iter_blobs(after=after, limit=1000):
            known.update(str(blob.digest) for blob in page)
            after = str(page[-1].digest)
        return stored - known

    def violations(self) -> list[Violation]:
        """What is no longer as it must be."""
        return self.run(check(self.registry, read_bytes=True))

    def caller(self, token: str) -> Caller:
        """Who holds *token*."""
        credential = self.run(self.registry.catalog.find_credential(TokenSecret.parse(token).hash))
        return Caller(credential.principal, Rights((credential.grants, *credential.scopes)), credential.token_id)

    async def _begin(self) -> asyncio.Task[None]:
        started = asyncio.Event()

        async def send(_: dict[str, Any]) -> None:
            started.set()

        living = asyncio.create_task(self.service.app({"type": "lifespan"}, self._life.get, send))
        self._life.put_nowait({"type": "lifespan.startup"})
        await started.wait()
        return living

    async def end(self) -> None:
        """Let the application shut down."""
        self._life.put_nowait({"type": "lifespan.shutdown"})
        await self._living


def _put_together(sent: list[dict[str, Any]]) -> Answer | None:
    if not sent:
        return None
    first, *rest = sent
    assert first["type"] == "http.response.start", sent
    body = b""
    for message in rest:
        if message["type"] == "http.response.pathsend":
            with Path(message["path"]).open("rb") as file:
                file.seek(message["offset"])
                body += file.read(message["count"])
        else:
            assert message["type"] == "http.response.body", sent
            body += message.get("body", b"")
    return Answer(first["status"], tuple(first["headers"]), body)


@contextmanager
def inside(data: Path, **options: object) -> Iterator[Inside]:
    """An application over a new directory, with its administrator's token in the usual file."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    settings = load(
        {"data": str(data), **settings_of(data), "login_failures": 10**9, "access_log": False, **options}, environ={}
    )
    with asyncio.Runner() as runner:
        runner.run(_first_start(settings))
        app = Inside(settings, runner)
        try:
            yield app
            assert app.bugs.take() == []
        finally:
            runner.run(app.end())
            root.handlers[:] = handlers
            root.setLevel(level)


async def _first_start(settings: Settings) -> None:
    async with open_registry(settings) as registry:
        secret = await create_first_token(registry, lambda _: None)
        assert secret is not None
        (settings.data_path / ADMIN_TOKEN_FILE).write_text(secret.text)


def make_namespaces(app: Inside) -> None:
    """``acme``, which is private, and ``open``, which anybody may read."""
    caller = app.caller(app.token)
    for name, public in (("acme", False), ("open", True)):
        app.run(create_namespace(app.registry, caller, parse_namespace(name), public=public))

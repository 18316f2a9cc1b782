"""The files protocol in this process: the real application over a real catalog and blob store, asked without a socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.fetch.http import HttpFetcher
from entrepot.drivers.fetch.proxies import Proxies
from entrepot.formats.generic import FORMAT
from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind, Rights, Role
from entrepot.model.names import PackageId, PackageName, PrincipalName, View, parse_namespace
from entrepot.operations.check import check
from entrepot.operations.govern import create_namespace
from entrepot.operations.registry import Limits, Registry
from entrepot.operations.token import create_token
from entrepot.testing.builders import open_catalog
from entrepot.wire.asgi import Application, Options
from entrepot.wire.format import rules_of
from entrepot.wire.gate import Gate
from entrepot.wire.metrics import Metrics
from entrepot.wire.server import Epochs
from entrepot.wire.throttle import Throttle

ACME = parse_namespace("acme")
TOOL = PackageId(ACME, FORMAT.rules.format, PackageName("tool"))
SMALL = Limits(inline_size=64, files_per_version=50, manifest_size=256 * 1024)
"""So that a few bytes go both ways: into the catalog, and into the blob store."""

_OTHER = parse_namespace("other")
_ALLOWANCES = {
    **{role.value: Allowance(role, View(ACME)) for role in Role},
    "administrator": Allowance(Role.ADMINISTRATOR),
    "consumer": Allowance(Role.READER, View.parse("acme.prod")),
    "stranger": Allowance(Role.MAINTAINER, View(_OTHER)),
}

ADMINISTRATOR = Caller(
    Principal(PrincipalName("root"), PrincipalKind.USER),
    Rights(((Allowance(Role.ADMINISTRATOR),),)),
    token_id="root",
)


class StoppedClock:
    """A time that passes when the test says so."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def new_id(self) -> str:
        return str(uuid4())

    def pass_by(self, time: timedelta) -> None:
        self._now += time


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error's."""
        return str(self.json["code"])


class Cut(Exception):
    """The client goes away here."""


@dataclass(slots=True)
class Served:
    """A registry with the namespace ``acme``, and somebody of each role to ask it."""

    registry: Registry
    app: Application
    clock: StoppedClock
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(
        self,
        method: str,
        target: str,
        *,
        by: str | None = "publisher",
        body: bytes | Iterable[bytes | type[Cut]] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; a *body* in pieces has no Content-Length, and may end with `Cut`."""
        fields = {"host": "registry.example.com", **{name.lower(): value for name, value in (headers or {}).items()}}
        if by is not None:
            fields["authorization"] = f"Bearer {await self._token(by)}"
        if not isinstance(body, bytes):
            fields["transfer-encoding"] = "chunked"
        elif body:
            fields.setdefault("content-length", str(len(body)))
        path, _, query = target.partition("?")
        messages = _messages([body] if isinstance(body, bytes) else body)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(messages)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path, errors="replace"),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "scheme": "http",
            "server": ("127.0.0.1", 8080),
            "client": ("127.0.0.1", 50000),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()],
            "entrepot.request_id": "request-1",
        }
        await self.app(scope, receive, send)
        return _answer(sent)

    async def get(self, target: str, **options: Any) -> Answer:
        return await self.ask("GET", target, **{"by": "reader", **options})

    async def put(self, target: str, body: bytes | Iterable[bytes | type[Cut]] = b"content", **options: Any) -> Answer:
        return await self.ask("PUT", target, body=body, **options)

    async def _token(self, name: str) -> str:
        if name not in self.tokens:
            allowance = _ALLOWANCES[name]
            if allowance.view is not None and allowance.view.namespace == _OTHER:
                await create_namespace(self.registry, ADMINISTRATOR, _OTHER, public=False)
            _, secret = await create_token(self.registry, ADMINISTRATOR, PrincipalName(name), allowance)
            self.tokens[name] = secret.text
        return self.tokens[name]

    async def events(self) -> list[str]:
        """The types of all that happened to files, without their common parts."""
        entries = await self.registry.catalog.list_entries(after=0, limit=1000, namespace=ACME)  # type: ignore[arg-type]
        return [
            entry.event.type.removeprefix("dev.entrepot.").removesuffix(".v1")
            for entry in entries
            if entry.event.package is not None
        ]

    async def staged(self) -> list[str]:
        """The uploads that hold bytes."""
        return [stage async for stage, _ in self.registry.blobs.stages()]

    async def violations(self) -> list[object]:
        return list(await check(self.registry, read_bytes=True))


@asynccontextmanager
async def serve(
    folder: Path, *, limits: Limits = SMALL, public: bool = False, blob_folder: Path | None = None
) -> AsyncIterator[Served]:
    """Serve files from a new registry in *folder*; its blobs in *blob_folder*, which is empty then and afterwards."""
    clock = StoppedClock()
    epochs = Epochs(folder / "epochs", count=64)
    catalog = open_catalog(folder / "catalog.sqlite", clock=clock, epochs=epochs)
    blobs = FileBlobStore(blob_folder or folder / "blobs")
    registry = Registry(
        catalog=catalog,
        blobs=blobs,
        clock=clock,
        formats=rules_of([FORMAT]),
        read_through={},
        upload_secret=b"secret",
        fetcher=HttpFetcher(proxies=Proxies.read({})),
        limits=limits,
    )
    gate = Gate(catalog, clock, epochs, Throttle(folder / "throttle", lambda: 0.0), secret=b"secret" * 8)
    app = Application(registry, [FORMAT.surface], gate=gate, epochs=epochs, metrics=Metrics(), options=Options())
    served = Served(registry, app, clock)
    try:
        await create_namespace(registry, ADMINISTRATOR, ACME, public=public)
        yield served
    finally:
        await catalog.close()
        await _empty(blobs)
        blobs.close()
        epochs.close()


async def _empty(blobs: FileBlobStore) -> None:
    for stage in [stage async for stage, _ in blobs.stages()]:
        await blobs.discard(stage)
    for digest in [kept.digest async for kept in blobs.kept()]:
        await blobs.remove(digest)


def _messages(pieces: Iterable[bytes | type[Cut]]) -> Any:
    for piece in pieces:
        if piece is Cut:
            yield {"type": "http.disconnect"}
            return
        yield {"type": "http.request", "body": piece, "more_body": True}
    yield {"type": "http.request", "body": b"", "more_body": False}
    while True:
        yield {"type": "http.disconnect"}


def _answer(sent: list[dict[str, Any]]) -> Answer:
    if not sent:
        return Answer(0, {}, b"")
    start, *rest = sent
    body = bytearray()
    for message in rest:
        if message["type"] == "http.response.pathsend":
            with Path(message["path"]).open("rb") as file:
                file.seek(message["offset"])
                body += file.read(message["count"])
        else:
            body += message.get("body", b"")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, bytes(body))

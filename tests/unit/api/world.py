"""A whole registry in a temporary folder, asked through its ASGI application as the server does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import UUID

import msgspec

from entrepot.api import SURFACE
from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.blobs.packed import PackedStore
from entrepot.drivers.fetch.http import HttpFetcher
from entrepot.drivers.fetch.proxies import Proxies
from entrepot.formats import discover
from entrepot.model.access import Allowance, Caller, Rights, Role
from entrepot.model.artifact import EMPTY, IMAGE_INDEX, IMAGE_MANIFEST, Artifact
from entrepot.model.digest import Digest
from entrepot.model.names import FormatName, PackageId, PackageName, ReferenceName, parse_namespace
from entrepot.operations.govern import create_namespace
from entrepot.operations.publish import Draft, publish
from entrepot.operations.registry import Registry
from entrepot.operations.token import create_first_token
from entrepot.operations.upload import StoredBlob
from entrepot.testing.builders import LOG, open_catalog
from entrepot.trust.signing import LocalKey
from entrepot.wire.asgi import Application, Options
from entrepot.wire.format import read_through_of, rules_of
from entrepot.wire.gate import Gate
from entrepot.wire.metrics import Metrics
from entrepot.wire.server import Epochs
from entrepot.wire.throttle import Throttle
from tests.unit.api.description import check_answer, find_endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

Json = Any

_EVERYTHING = Caller(rights=Rights(((Allowance(Role.ADMINISTRATOR),),)))
_CONFIG = b"{}"


@dataclass(slots=True)
class Clock:
    """Implements `entrepot.ports.clock.Clock`: time passes a second whenever somebody looks."""

    time: datetime = datetime(2026, 1, 31, 12, tzinfo=UTC)
    ids: int = 0

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def new_id(self) -> str:
        self.ids += 1
        return str(UUID(int=self.ids, version=4))


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    cached: bool
    """Whether the answer may be given again until something changes."""

    @property
    def json(self) -> Json:
        return msgspec.json.decode(self.content)

    @property
    def items(self) -> list[Json]:
        found: list[Json] = self.json["items"]
        return found

    @property
    def code(self) -> str:
        """The code of a problem, which must be whole."""
        assert self.headers["content-type"] == "application/problem+json"
        problem = self.json
        assert problem["status"] == self.status
        assert problem["request_id"] == "request-1"
        assert problem["title"]
        assert problem["detail"].startswith(problem["title"].rstrip("."))
        return str(problem["code"])


@dataclass(slots=True)
class World:
    """The registry, and how to ask it and to fill it."""

    registry: Registry
    app: Application
    clock: Clock
    admin: str
    """A token that may do everything."""
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Every operation that was asked for, with the status of its answer."""

    async def ask(
        self,
        method: str,
        target: str,
        body: Json = None,
        *,
        token: str | None = "",
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Send a request, as the administrator unless a token (None: nobody's) is given, and JSON unless bytes are.

        Whatever comes back must be what the API's description says.
        """
        sent = dict(headers or {})
        if token is not None:
            sent["authorization"] = f"Bearer {token or self.admin}"
        if body is not None:
            content = msgspec.json.encode(body)
            sent.setdefault("content-type", "application/json")
        sent.setdefault("content-length", str(len(content or b"")))
        address, _, query = target.partition("?")
        path = unquote(address)
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": address.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8080),
            "scheme": "http",
            "entrepot.request_id": "request-1",
        }
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content or b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        start, *pieces = messages
        answered = Answered(
            status=start["status"],
            headers={name.decode(): value.decode() for name, value in start["headers"]},
            content=b"".join(piece.get("body", b"") for piece in pieces),
            cached="entrepot.cache" in start,
        )
        endpoint = find_endpoint(method, path)
        if endpoint is not None and method != "HEAD":
            check_answer(endpoint, answered.status, answered.headers, answered.content)
            self.asked.append((endpoint.operation, answered.status))
        return answered

    async def namespace(self, name: str = "acme", *, public: bool = False) -> None:
        """Create a namespace."""
        await create_namespace(self.registry, _EVERYTHING, parse_namespace(name), public=public)

    async def upstream(self, name: str = "public", *, namespace: str = "acme", **more: Json) -> Json:
        """Have a namespace read through to another registry."""
        body = {"format": "oci", "name": name, "url": "https://registry.example.com", **more}
        answer = await self.ask("POST", f"/api/v1/namespaces/{namespace}/upstreams", body)
        assert answer.status == 201, answer.json
        return answer.json

    async def token(
        self, role: str, view: str | None = "acme", pattern: str = "*", *, name: str = "", **more: Json
    ) -> str:
        """A robot's token for a role."""
        body = {"name": name or f"{role}-robot", "role": role, "view": view, "pattern": pattern, **more}
        answer = await self.ask("POST", "/api/v1/tokens", body)
        assert answer.status == 201, answer.json
        return str(answer.json["token"])

    async def image(
        self,
        *tags: str,
        package: str = "api",
        namespace: str = "acme",
        annotations: Mapping[str, str] | None = None,
        subject: Artifact | None = None,
        sealed: bool = True,
        artifact_type: str | None = None,
    ) -> Artifact:
        """Publish a small artifact under tags, or under names that look like versions."""
        layer = f"layer of {package} {tags} {annotations}".encode()
        blobs = tuple(StoredBlob(Digest.of(content), len(content), content) for content in (_CONFIG, layer))
        config, file = ({"mediaType": EMPTY, "digest": str(blob.digest), "size": blob.size} for blob in blobs)
        manifest: dict[str, Json] = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": config,
            "layers": [{**file, "annotations": {"org.opencontainers.image.title": "layer"}}],
            "annotations": dict(annotations or {}),
        }
        if artifact_type is not None:
            manifest["artifactType"] = artifact_type
        if subject is not None:
            size = len(subject.content)
            manifest["subject"] = {"mediaType": subject.media_type, "digest": str(subject.digest), "size": size}
        return await self._publish(manifest, tags, package=package, namespace=namespace, blobs=blobs, sealed=sealed)

    async def index(self, *tags: str, of: Artifact, package: str = "api", namespace: str = "acme") -> Artifact:
        """Publish an index that contains one artifact."""
        size = len(of.content)
        manifest = {
            "schemaVersion": 2,
            "mediaType": IMAGE_INDEX,
            "manifests": [{"mediaType": of.media_type, "digest": str(of.digest), "size": size}],
        }
        return await self._publish(manifest, tags, package=package, namespace=namespace)

    async def _publish(
        self,
        manifest: dict[str, Json],
        tags: tuple[str, ...],
        *,
        package: str,
        namespace: str,
        blobs: tuple[StoredBlob, ...] = (),
        sealed: bool = True,
    ) -> Artifact:
        artifact = Artifact.parse(msgspec.json.encode(manifest), manifest["mediaType"])
        draft = Draft(artifact, tags=tuple(ReferenceName(tag) for tag in tags), blobs=blobs, sealed=sealed)
        package_id = PackageId(parse_namespace(namespace), FormatName("oci"), PackageName(package))
        return await publish(self.registry, _EVERYTHING, package_id, draft)


async def open_world(folder: Path, blobs_folder: Path) -> AsyncIterator[World]:
    """A new world in an empty folder, closed afterwards; content has its digest's name, so worlds may share it."""
    clock = Clock()
    epochs = Epochs(folder / "epochs", count=64)
    catalog = open_catalog(folder / "catalog.sqlite", clock=clock, epochs=epochs)
    blobs, cold = FileBlobStore(blobs_folder), FileBlobStore(folder / "cold")
    formats = discover()
    registry = Registry(
        catalog=catalog,
        blobs=blobs,
        clock=clock,
        formats=rules_of(formats),
        read_through=read_through_of(formats),
        upload_secret=b"uploads",
        fetcher=HttpFetcher(proxies=Proxies.read({})),
        log=LOG,
        signing=LocalKey.generate(),
        cold=PackedStore(cold),
    )
    throttle = Throttle(folder / "throttle", lambda: 0.0, failures=1000)
    app = Application(
        registry,
        [SURFACE, *(each.surface for each in formats)],
        gate=Gate(catalog, clock, epochs, throttle, secret=b"access tokens of 32 bytes or more"),
        epochs=epochs,
        metrics=Metrics(),
        options=Options(),
    )
    secret = await create_first_token(registry, lambda _: None)
    assert secret is not None
    try:
        yield World(registry, app, clock, secret.text)
    finally:
        await catalog.close()
        blobs.close()
        cold.close()
        epochs.close()

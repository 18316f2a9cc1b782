"""The npm registry in this process: the real application over a real catalog and blob store, asked without a socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.fetch.http import HttpFetcher
from entrepot.drivers.fetch.proxies import Proxies
from entrepot.formats.npm import FORMAT
from entrepot.formats.oci import FORMAT as OCI
from entrepot.model.names import PackageId, PackageName, View, parse_channel
from entrepot.operations.clear import open_clearance
from entrepot.operations.govern import create_namespace
from entrepot.operations.registry import Limits, Registry
from entrepot.operations.resolve import resolve
from entrepot.testing.builders import open_catalog
from entrepot.wire.asgi import Application, Options
from entrepot.wire.format import describe_of, ecosystems_of, read_through_of, rules_of
from entrepot.wire.gate import Gate
from entrepot.wire.metrics import Metrics
from entrepot.wire.server import Epochs
from entrepot.wire.throttle import Throttle
from tests.formats.generic.served import ACME, ADMINISTRATOR, Answer, Served, StoppedClock
from tests.formats.npm.packages import publication

REGISTRY = "/npm/acme"
SMALL = Limits(inline_size=300)
"""So that tarballs go both ways: into the catalog, and into the blob store."""
PROD = parse_channel("prod")


@dataclass(slots=True)
class Npm(Served):
    """A registry with the namespace ``acme``, and somebody of each role to ask it."""

    async def publish(
        self, name: str = "tool", version: str = "1.0.0", *, by: str | None = "publisher", **options: Any
    ) -> Answer:
        """As ``npm publish`` does."""
        return await self.send(f"/{name}", publication(name, version, **options), by=by)

    async def send(self, path: str, document: object, *, method: str = "PUT", by: str | None = "publisher") -> Answer:
        """A document as JSON."""
        return await self.ask(method, REGISTRY + path, body=json.dumps(document).encode(), by=by)

    async def read(self, path: str, *, by: str | None = "reader", view: str = "acme", **headers: str) -> Answer:
        """GET, with header fields by their names in snake case."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("GET", f"/npm/{view}{path}", by=by, headers=fields)

    async def packument(self, name: str = "tool", **options: Any) -> Any:
        """The full packument."""
        answer = await self.read(f"/{name}", **options)
        assert answer.status == 200, answer
        return answer.json

    async def clear(self, name: str, version: str) -> None:
        """Clear a version for prod."""
        package = package_id(name)
        version_name = FORMAT.rules.parse_version(version)
        found = await resolve(self.registry, ADMINISTRATOR, View(ACME), package, name=version_name)
        await open_clearance(self.registry, ADMINISTRATOR, package, PROD, found.digest)

    async def token(self, role: str) -> str:
        """The text of somebody's token."""
        return await self._token(role)


def package_id(name: str) -> PackageId:
    return PackageId(ACME, FORMAT.rules.format, PackageName(name))


@asynccontextmanager
async def serve(
    folder: Path, *, limits: Limits = SMALL, public: bool = False, blob_folder: Path | None = None
) -> AsyncIterator[Npm]:
    """Serve npm packages, and what they are through OCI, from a new registry in *folder*; its blobs in *blob_folder*, which is empty afterwards."""
    clock = StoppedClock()
    epochs = Epochs(folder / "epochs", count=64)
    catalog = open_catalog(folder / "catalog.sqlite", clock=clock, epochs=epochs)
    blobs = FileBlobStore(blob_folder or folder / "blobs")
    formats = [FORMAT, OCI]
    registry = Registry(
        catalog=catalog,
        blobs=blobs,
        clock=clock,
        formats=rules_of(formats),
        read_through=read_through_of(formats),
        ecosystems=ecosystems_of(formats),
        describe=describe_of(formats),
        upload_secret=b"secret",
        fetcher=HttpFetcher(proxies=Proxies.read({})),
        limits=limits,
    )
    gate = Gate(catalog, clock, epochs, Throttle(folder / "throttle", lambda: 0.0), secret=b"secret" * 8)
    surfaces = [surface for format_ in formats for surface in (format_.surface, *format_.aliases)]
    app = Application(registry, surfaces, gate=gate, epochs=epochs, metrics=Metrics(), options=Options())
    try:
        await create_namespace(registry, ADMINISTRATOR, ACME, public=public)
        yield Npm(registry, app, clock)
    finally:
        await catalog.close()
        for stage in [stage async for stage, _ in blobs.stages()]:
            await blobs.discard(stage)
        for digest in [kept.digest async for kept in blobs.kept()]:
            await blobs.remove(digest)
        blobs.close()
        epochs.close()


def answered(answer: Answer) -> Mapping[str, Any]:
    """An error's body, and that it is npm's."""
    assert answer.headers["content-type"] == "application/json"
    body = answer.json
    assert isinstance(body["error"], str)
    return dict(body)

"""Worlds to test in: a whole registry in a temporary folder, somebody to ask it, and something to put there.

::

    async with open_world(tmp_path) as world:
        await world.namespace("acme")
        built = image(layer=b"content")
        await world.push("acme/team/api", built, "1.0")

Everything is real, except that the clock stands still and that the disk is not waited for.
"""

from __future__ import annotations

import os
import random
import secrets
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from entrepot import followers
from entrepot.api import SURFACE as API
from entrepot.drivers.catalog.migrate import migrate
from entrepot.drivers.catalog.sqlite import SqliteCatalog
from entrepot.drivers.fetch.http import HttpFetcher
from entrepot.drivers.fetch.proxies import Proxies
from entrepot.formats import discover
from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind, Rights, Role
from entrepot.model.artifact import EMPTY, IMAGE_INDEX, IMAGE_MANIFEST, Artifact
from entrepot.model.digest import Digest
from entrepot.model.names import (
    FormatName,
    PackageId,
    PackageName,
    PackagePattern,
    PrincipalName,
    View,
    parse_channel,
    parse_namespace,
    parse_reference,
)
from entrepot.model.position import START
from entrepot.operations.clear import open_clearance
from entrepot.operations.govern import create_namespace
from entrepot.operations.publish import Draft, publish
from entrepot.operations.registry import Limits, Registry
from entrepot.operations.signers import establish_own_signer
from entrepot.operations.token import create_token
from entrepot.operations.upload import add_blob
from entrepot.testing.memory import MemoryBlobStore
from entrepot.testing.transport import InProcess
from entrepot.trust.log.identity import LogIdentity, identify
from entrepot.wire.asgi import Application, Options
from entrepot.wire.federation import SURFACE as FEDERATION
from entrepot.wire.format import accept_of, describe_of, ecosystems_of, evidence_of, read_through_of, rules_of
from entrepot.wire.gate import Gate
from entrepot.wire.health import Presence, health_surfaces
from entrepot.wire.log import SURFACE as LOG_SURFACE
from entrepot.wire.metrics import Metrics
from entrepot.wire.server import Epochs
from entrepot.wire.throttle import Throttle

if TYPE_CHECKING:
    from entrepot.model.namespace import Namespace
    from entrepot.ports.blobs import BlobStore, ColdStore, KeptBlobs
    from entrepot.ports.clock import Clock
    from entrepot.ports.fetch import Fetcher, Origin
    from entrepot.trust.signing import Signing

TIGHT: Final = Limits(inline_size=64)
"""So that a few bytes go both ways: into the catalog, and into the blob store."""

NOON: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)

HOST: Final = "http://registry.example.com"
"""How the clients of a world call it."""

_CATALOG: Final = "catalog.sqlite"

LOG_KEYS: Final = (
    Ed25519PrivateKey.from_private_bytes(b"log" + bytes(29)),
    derive_private_key(0x10C, SECP256R1()),
    Ed25519PrivateKey.from_private_bytes(b"witness" + bytes(25)),
)
LOG: Final = identify("registry.example.com/log", LOG_KEYS)
"""Who the log of a world is."""


class StoppedClock:
    """Implements `entrepot.ports.clock.Clock`: time passes when the test says so, identifiers come in a known order."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._chance = random.Random(0)

    def now(self) -> datetime:
        """The time, in UTC."""
        return self._now

    def new_id(self) -> str:
        """A UUID (version 4) that was not given out before."""
        return str(UUID(int=self._chance.getrandbits(128), version=4))

    def advance(self, **by: float) -> None:
        """Let time pass: ``advance(hours=25)``."""
        self._now += timedelta(**by)


# --- who asks ---


def caller(role: Role | str, view: str | None = "acme", *, pattern: str = "*", name: str | None = None) -> Caller:
    """Somebody with one role, called like it; ``view=None`` gives it everywhere."""
    allowance = Allowance(Role(role), None if view is None else View.parse(view), PackagePattern.parse(pattern))
    principal = Principal(PrincipalName(name or str(role)), PrincipalKind.USER)
    return Caller(principal, Rights(((allowance,),)), token_id=f"token of {principal.name}")


ADMINISTRATOR: Final = caller(Role.ADMINISTRATOR, None)


# --- what is there ---


def package(text: str, *, format: str = "oci") -> PackageId:
    """The package that ``acme/team/api`` names; its name is not checked by the format's rules."""
    namespace, _, name = text.partition("/")
    return PackageId(parse_namespace(namespace), FormatName(format), PackageName(name))


@dataclass(frozen=True, slots=True)
class Image:
    """An artifact with all that it links: what a client has before it pushes."""

    artifact: Artifact
    blobs: tuple[bytes, ...] = ()
    children: tuple[Image, ...] = ()

    @property
    def digest(self) -> Digest:
        """The artifact's."""
        return self.artifact.digest

    @property
    def content(self) -> bytes:
        """The artifact's bytes."""
        return self.artifact.content

    @property
    def descriptor(self) -> dict[str, object]:
        """How another document points at it."""
        return {"mediaType": self.artifact.media_type, **_named(self.content)}


def image(
    *layers: bytes,
    config: bytes = b"{}",
    subject: Image | None = None,
    annotations: Mapping[str, str] | None = None,
    artifact_type: str | None = None,
    media_type: str = IMAGE_MANIFEST,
    **more: object,
) -> Image:
    """An image, or any other artifact that is a manifest; *more* are further fields of the document."""
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {"mediaType": EMPTY, **_named(config)},
        "layers": [{"mediaType": "application/octet-stream", **_named(layer)} for layer in layers],
        **more,
    }
    if artifact_type is not None:
        document["artifactType"] = artifact_type
    if annotations:
        document["annotations"] = dict(annotations)
    if subject is not None:
        document["subject"] = subject.descriptor
    return Image(Artifact.parse(msgspec.json.encode(document), media_type), blobs=(config, *layers))


def index(*children: Image, annotations: Mapping[str, str] | None = None, subject: Image | None = None) -> Image:
    """An index of images, or of other indexes."""
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_INDEX,
        "manifests": [child.descriptor for child in children],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    if subject is not None:
        document["subject"] = subject.descriptor
    return Image(Artifact.parse(msgspec.json.encode(document), IMAGE_INDEX), children=children)


def referrer(subject: Image, kind: str = "application/vnd.example.signature", **more: Any) -> Image:
    """An artifact that says something of *subject*, such as a signature."""
    return image(subject=subject, artifact_type=kind, **more)


def _named(content: bytes) -> dict[str, object]:
    return {"digest": str(Digest.of(content)), "size": len(content)}


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    """Some bytes as they come from a client."""
    for piece in pieces:
        yield piece


# --- the registry ---


@dataclass(frozen=True, slots=True)
class World:
    """A registry, what it stands on, and short words for what every test does first."""

    folder: Path
    registry: Registry
    catalog: SqliteCatalog
    clock: StoppedClock
    epochs: Epochs
    app: Application

    async def namespace(self, name: str = "acme", *, public: bool = False) -> Namespace:
        """Create a namespace."""
        return await create_namespace(self.registry, ADMINISTRATOR, parse_namespace(name), public=public)

    async def push(
        self, place: str | PackageId, pushed: Image, *names: str, by: Caller = ADMINISTRATOR, sealed: bool = True
    ) -> Image:
        """Do what a client does: push the blobs, then what an index contains, then the artifact under its names."""
        where = package(place) if isinstance(place, str) else place
        for blob in pushed.blobs:
            await self.push_blob(where, blob, by=by)
        for child in pushed.children:
            await self.push(where, child, by=by)
        draft = Draft(pushed.artifact, tags=tuple(parse_reference(name) for name in names), sealed=sealed)
        await publish(self.registry, by, where, draft)
        return pushed

    async def push_blob(self, place: str | PackageId, content: bytes, *, by: Caller = ADMINISTRATOR) -> Digest:
        """Push one blob."""
        where = package(place) if isinstance(place, str) else place
        digest = Digest.of(content)
        await add_blob(self.registry, by, where, expected=digest, content=stream(content), size=len(content))
        return digest

    async def clear(self, place: str, digest: Digest, channel: str = "prod") -> None:
        """Let an artifact be seen through a channel's view."""
        await open_clearance(self.registry, ADMINISTRATOR, package(place), parse_channel(channel), digest)

    async def settle(self) -> None:
        """Let all that follows from what happened happen."""
        await followers.catch_up(self.registry)

    async def token(
        self, role: Role | str, view: str | None = "acme", *, pattern: str = "*", name: str | None = None
    ) -> str:
        """The secret of a robot's token; the robot is called like its role."""
        allowance = Allowance(Role(role), None if view is None else View.parse(view), PackagePattern.parse(pattern))
        _, secret = await create_token(self.registry, ADMINISTRATOR, PrincipalName(name or f"{role}-robot"), allowance)
        return secret.text

    def client(self, token: str | None = None, **options: Any) -> httpx.AsyncClient:
        """An HTTP client of the application, without a socket; with *token*, or anonymous."""
        headers = {"authorization": f"Bearer {token}"} if token is not None else {}
        return httpx.AsyncClient(transport=InProcess(self.app), base_url=HOST, headers=headers, **options)

    async def events(self) -> list[str]:
        """The types of all that happened, such as ``artifact.published``."""
        entries = await self.catalog.list_entries(after=START, limit=100_000)
        return [entry.event.type.removeprefix("dev.entrepot.").removesuffix(".v1") for entry in entries]


def open_catalog(path: Path, *, clock: Clock, epochs: Epochs) -> SqliteCatalog:
    """The catalog in a file; where there is none, one that is copied: to make its tables takes longer than most tests."""
    if not path.exists():
        before, instance, after = _empty_catalog()
        # What is random in a new catalog is another's in a copy.
        _place(path, before + secrets.token_hex(len(instance) // 2).encode() + after)
    return SqliteCatalog(path, clock=clock, epochs=epochs, durable=False)


def _place(path: Path, content: bytes) -> None:
    """Make a file with all that it holds, unless somebody else was first: nobody ever sees a part of it."""
    with NamedTemporaryFile(dir=path.parent) as file:
        file.write(content)
        file.flush()
        with suppress(FileExistsError):
            os.link(file.name, path)


@cache
def _empty_catalog() -> tuple[bytes, bytes, bytes]:
    """A catalog's file: what is before its instance, which is random and is written there once, that, and the rest."""
    with TemporaryDirectory() as folder:
        path = Path(folder, _CATALOG)
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection)
        (instance,) = connection.execute("SELECT instance FROM advisory_feed").fetchone()
        connection.close()
        before, after = path.read_bytes().split(instance.encode())
        return before, instance.encode(), after


@asynccontextmanager
async def open_world(
    folder: Path,
    *,
    clock: StoppedClock | None = None,
    blobs: BlobStore | None = None,
    cold: ColdStore | None = None,
    replica_stores: Sequence[KeptBlobs] = (),
    replicas: Sequence[Origin] = (),
    limits: Limits = TIGHT,
    options: Options | None = None,
    fetcher: Fetcher | None = None,
    log: LogIdentity | None = None,
    signing: Signing | None = None,
    revokes_found_tokens: bool = True,
    storage_price: float = 0.0,
) -> AsyncIterator[World]:
    """The registry of *folder*, made when it is new; opened again it is what it was, if *blobs* are the same.

    Without *blobs* they are kept in memory. Upstreams are asked by *fetcher*, or else as they are in life.
    Without *signing* it says nothing in its own name.
    """
    clock = clock or StoppedClock()
    asking = HttpFetcher(proxies=Proxies.read({}))
    epochs = Epochs(folder / "epochs", count=64)
    catalog = open_catalog(folder / _CATALOG, clock=clock, epochs=epochs)
    formats = discover()
    registry = Registry(
        catalog=catalog,
        blobs=blobs or MemoryBlobStore(clock),
        clock=clock,
        formats=rules_of(formats),
        read_through=read_through_of(formats),
        accept=accept_of(formats),
        evidence=evidence_of(formats),
        signing=signing,
        ecosystems=ecosystems_of(formats),
        describe=describe_of(formats),
        revokes_found_tokens=revokes_found_tokens,
        upload_secret=catalog.secret("uploads"),
        fetcher=fetcher or asking,
        log=log or LOG,
        limits=limits,
        cold=cold,
        replica_stores=tuple(replica_stores),
        replicas=tuple(replicas),
        storage_price=storage_price,
        cold_price=storage_price / 10,
    )
    throttle = Throttle(folder / "throttle", lambda: clock.now().timestamp())
    metrics = Metrics()
    surfaces = [surface for each in formats for surface in (each.surface, *each.aliases)]
    app = Application(
        registry,
        [*surfaces, API, FEDERATION, LOG_SURFACE, *health_surfaces(metrics, lambda: None, "0", Presence())],
        gate=Gate(catalog, clock, epochs, throttle, secret=catalog.secret("access-tokens")),
        epochs=epochs,
        metrics=metrics,
        options=options or Options(),
    )
    await establish_own_signer(registry)
    try:
        yield World(folder, registry, catalog, clock, epochs, app)
    finally:
        await registry.flights.close()
        await asking.aclose()
        await catalog.close()
        epochs.close()

"""The composition root: from settings to drivers, a registry, an application and running workers.

The only module that knows all of it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import msgspec
import structlog

from entrepot import __version__
from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.catalog.sqlite import SqliteCatalog
from entrepot.drivers.clock import SystemClock
from entrepot.drivers.fetch.http import HttpFetcher
from entrepot.drivers.log_keys import load_log_keys
from entrepot.drivers.signing_key import open_signing_key
from entrepot.drivers.turn import FileTurn
from entrepot.formats import discover
from entrepot.model.errors import RegistryError
from entrepot.operations.follow import introduce
from entrepot.operations.log import sign_again
from entrepot.operations.registry import Limits, Registry
from entrepot.operations.signers import establish_own_signer
from entrepot.operations.token import create_first_token
from entrepot.trust.log.identity import LogIdentity, LogReaders, Witness, identify
from entrepot.trust.log.notes import NoteKey
from entrepot.wire.federation import SURFACE as FEDERATION
from entrepot.wire.format import accept_of, describe_of, evidence_of, read_through_of, rules_of
from entrepot.wire.log import SURFACE as LOG
from entrepot.wire.logs import configure_logs, hit_log, request_log
from entrepot.wire.server import CacheSizes, Epochs, FrontCache, ServeOptions, Service, bind, run
from entrepot.wire.server import Limits as ServerLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable, Iterator

    from entrepot.model.access import TokenSecret
    from entrepot.settings import Settings
    from entrepot.trust.signing import Signing

CATALOG_FILE: Final = "catalog.sqlite"
ADMIN_TOKEN_FILE: Final = "admin-token"  # noqa: S105 (a file's name)
_EPOCHS_FILE: Final = "epochs"
_SIGNING_KEY_FILE: Final = "signing-key.pem"
_THROTTLE_FILE: Final = "throttle"
_TURN_FILE: Final = "followers.lock"
_LOG_KEYS_FILE: Final = "log-keys.pem"

_log = structlog.stdlib.get_logger("entrepot.app")


@asynccontextmanager
async def open_registry(settings: Settings) -> AsyncIterator[Registry]:
    """The registry of a data directory, which is made when it is new; for commands that work on it directly."""
    parts = _Parts(settings)
    try:
        yield parts.registry
    finally:
        await parts.close()


class _Parts:
    """The drivers of one process, and the registry over them."""

    def __init__(self, settings: Settings) -> None:
        data = settings.data_path
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.clock = SystemClock()
        self.epochs = Epochs(data / _EPOCHS_FILE)
        self.catalog = SqliteCatalog(data / CATALOG_FILE, clock=self.clock, epochs=self.epochs)
        self.blobs = FileBlobStore(data / "blobs")
        self.fetcher = HttpFetcher(clock=self.clock)
        self.formats = discover()
        self.registry = Registry(
            catalog=self.catalog,
            blobs=self.blobs,
            clock=self.clock,
            formats=rules_of(self.formats),
            read_through=read_through_of(self.formats),
            accept=accept_of(self.formats),
            evidence=evidence_of(self.formats),
            signing=_open_key(settings, settings.signing_key, settings.signing_public_key),
            describe=describe_of(self.formats),
            revokes_found_tokens=settings.found_tokens == "revoke",
            upload_secret=self.catalog.secret("uploads"),
            fetcher=self.fetcher,
            log=_log_identity(settings),
            limits=Limits(
                manifest_size=settings.manifest_size,
                blob_size=settings.blob_size,
                inline_size=settings.inline_size,
                upload_lease=timedelta(seconds=settings.upload_lease),
                collection_delay=timedelta(seconds=settings.collection_delay),
            ),
        )

    async def close(self) -> None:
        """Finish what is being written, and let go."""
        await self.registry.flights.close()
        await self.fetcher.aclose()
        await self.catalog.close()
        self.blobs.close()
        self.epochs.close()


def _open_key(settings: Settings, address: str, public_key: str) -> Signing:
    """What signs with the key at that address, or with the data directory's. Raises `InvalidKey`."""
    return open_signing_key(
        address,
        default=settings.data_path / _SIGNING_KEY_FILE,
        public_key=Path(public_key) if public_key else None,
        pin=Path(settings.signing_pin) if settings.signing_pin else None,
    )


def _log_identity(settings: Settings) -> LogIdentity:
    """Who the journal's log is. Raises `InvalidProof` when the settings do not say so, `InvalidKey`."""
    address = settings.public_url.rstrip("/").rpartition("://")[2] or settings.listen
    return identify(
        settings.log_origin or f"{address}/log",
        load_log_keys(settings.data_path / _LOG_KEYS_FILE),
        ecdsa=_open_key(settings, settings.log_key, settings.log_public_key) if settings.log_key else None,
        readers=LogReaders(settings.log_readers),
        witnessed=[NoteKey.parse(key) for key in settings.log_witnessed],
        witnesses=[Witness.parse(text) for text in settings.log_witnesses],
    )


def serve(settings: Settings) -> None:
    """Run the server until it is told to stop.

    Raises `entrepot.wire.server.BindError`, `entrepot.wire.server.StartFailed`.
    """
    configure_logs(settings.log_format, settings.log_level)
    sockets = bind(settings.listen)
    # With the port that was found where any would do: the log is called by it.
    host, port = settings.listen.rpartition(":")[0], sockets[0].getsockname()[1]
    settings = msgspec.structs.replace(settings, listen=f"{host}:{port}")
    asyncio.run(_first_start(settings))
    options = ServeOptions(
        workers=settings.workers,
        limits=ServerLimits(
            head_size=settings.head_size,
            head_seconds=settings.head_seconds,
            body_idle_seconds=settings.body_idle_seconds,
            connections=settings.connections,
        ),
        graceful_seconds=settings.graceful_seconds,
        certificate=Path(settings.tls_certificate) if settings.tls_certificate else None,
        private_key=Path(settings.tls_private_key) if settings.tls_private_key else None,
        beside="entrepot.app:run_beside" if settings.followers else None,
    )

    def announce(urls: list[str]) -> None:
        # By the name that was asked for: clients keep credentials by host.
        del urls
        print(f"ready {options.scheme}://{settings.listen}", flush=True)

    with _shared_metrics(settings.workers):
        run("entrepot.app:create_service", sockets, options, arguments=(settings,), on_ready=announce)


async def _first_start(settings: Settings) -> None:
    """Make the data directory and, when it is new, the administrator's token; let the registry's key be known."""
    path = settings.data_path / ADMIN_TOKEN_FILE

    def keep(secret: TokenSecret) -> None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"{secret.text}\n")
            file.flush()
            os.fsync(file.fileno())
        # The folder too: now it has all that the registry consists of.
        folder = os.open(settings.data_path, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)

    async with open_registry(settings) as registry:
        secret = await create_first_token(registry, keep)
        if settings.followers:
            await introduce(registry)
        await establish_own_signer(registry)
        try:
            await sign_again(registry)
        except RegistryError as error:
            # Nothing else has to wait for a key that is away, or for a log that has to be repaired.
            _log.error("the log's checkpoint is still signed as it was before", reason=str(error))
    if secret is not None:
        print(f"administrator token, shown once (also in {path}):\n{secret.text}", file=sys.stderr, flush=True)


@contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """Where several workers put their counters, so that a scrape of any of them adds up all."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="entrepot-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def create_service(settings: Settings) -> Service:
    """What one worker serves; called in each of them."""
    from entrepot.api import SURFACE as API  # noqa: PLC0415 - much is behind it, and what runs beside needs none of it

    # The metrics' library looks for the shared folder when it is imported, so not before now.
    from entrepot.wire.asgi import Application, Options  # noqa: PLC0415
    from entrepot.wire.gate import Gate  # noqa: PLC0415
    from entrepot.wire.health import health_surfaces  # noqa: PLC0415
    from entrepot.wire.metrics import Metrics, outcome  # noqa: PLC0415
    from entrepot.wire.throttle import Throttle  # noqa: PLC0415

    configure_logs(settings.log_format, settings.log_level)
    parts = _Parts(settings)
    metrics = Metrics()
    throttle = Throttle(settings.data_path / _THROTTLE_FILE, time.time, failures=settings.login_failures)
    gate = Gate(parts.catalog, parts.clock, parts.epochs, throttle, secret=parts.catalog.secret("access-tokens"))

    log_settings = (settings.log_format, settings.log_level)

    def count_hits(counter: Hashable, status: int, hits: int, sent: int, seconds: float) -> None:
        format_, operation = cast("tuple[str, str]", counter)
        metrics.count_hits((format_, operation, outcome(status)), hits=hits, sent=sent, seconds=seconds)

    cache = FrontCache(
        parts.epochs,
        sizes=CacheSizes(total_size=settings.front_cache_size),
        on_hits=count_hits,
        log_hit=hit_log(*log_settings) if settings.access_log else None,
    )

    async def lifespan(starting: bool) -> None:  # noqa: FBT001 (the lifespan's one word)
        if not starting:
            await parts.close()

    surfaces = [surface for format_ in parts.formats for surface in (format_.surface, *format_.aliases)]
    app = Application(
        parts.registry,
        [*surfaces, API, FEDERATION, LOG, *health_surfaces(metrics, cache.flush, __version__)],
        gate=gate,
        epochs=parts.epochs,
        metrics=metrics,
        options=Options(
            public_url=settings.public_url.rstrip("/") or None,
            trusted_proxies=frozenset(settings.trusted_proxies),
            concurrency=settings.concurrency,
            log_request=request_log(*log_settings) if settings.access_log else None,
        ),
        lifespan=[lifespan],
    )
    return Service(app, render_error=app.render_refusal, cache=cache if settings.front_cache_size else None)


async def run_beside(settings: Settings) -> None:
    """Run the followers of the journal and the schedules, while it is this process's turn."""
    from entrepot import followers, schedules  # noqa: PLC0415 - much is behind them that no worker needs

    configure_logs(settings.log_format, settings.log_level)
    turn = FileTurn(settings.data_path / _TURN_FILE)
    await turn.take()
    async with open_registry(settings) as registry:
        runners = (followers.Runner(registry), schedules.Runner(registry))
        for runner in runners:
            runner.start()
        try:
            await asyncio.Event().wait()
        finally:
            for runner in runners:
                await runner.stop()
            turn.close()

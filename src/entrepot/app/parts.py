"""What one process works with: the drivers that the settings name, and the registry over them.

The only module that knows all of them.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from entrepot.app.blobs import open_blobs, open_cold, open_replicas
from entrepot.drivers.catalog.sqlite import SqliteCatalog
from entrepot.drivers.clock import SystemClock
from entrepot.drivers.fetch.http import HttpFetcher
from entrepot.drivers.log_keys import load_log_keys
from entrepot.drivers.signing_key import open_signing_key
from entrepot.formats import discover
from entrepot.model.errors import Conflict
from entrepot.operations.registry import Limits, Registry
from entrepot.ports.fetch import Bearer, Origin
from entrepot.trust.log.identity import LogIdentity, LogReaders, Witness, identify
from entrepot.trust.log.notes import NoteKey
from entrepot.wire.format import accept_of, describe_of, ecosystems_of, evidence_of, read_through_of, rules_of
from entrepot.wire.server import Epochs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.drivers.catalog.catalog import SqlCatalog
    from entrepot.ports.clock import Clock
    from entrepot.ports.turn import Term
    from entrepot.settings import Settings
    from entrepot.trust.signing import Signing

CATALOG_FILE: Final = "catalog.sqlite"
_EPOCHS_FILE: Final = "epochs"
LOCK_FILE: Final = "catalog.lock"
SIGNING_KEY_FILE: Final = "signing-key.pem"
LOG_KEYS_FILE: Final = "log-keys.pem"
RECOVERING_FILE: Final = "recovering"
"""There while a backup is being brought back: until it is all there, nobody works with a part of it."""


@asynccontextmanager
async def open_registry(
    settings: Settings, term: Term | None = None, *, recovering: bool = False
) -> AsyncIterator[Registry]:
    """The registry of a data directory, which is made when it is new; for commands that work on it directly.

    With a *term* it changes nothing after another turn has begun.
    Raises `Conflict` while a backup is brought back there, but for who does that (*recovering*).
    """
    parts = Parts(settings, term, recovering=recovering)
    try:
        yield parts.registry
    finally:
        await parts.close()


class Parts:
    """The drivers of one process, and the registry over them."""

    def __init__(self, settings: Settings, term: Term | None = None, *, recovering: bool = False) -> None:
        data = settings.data_path
        if not recovering and (data / RECOVERING_FILE).exists():
            raise Conflict(f"a backup is being brought back into {data}: run `entrepot recover` again until it is done")
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.clock = SystemClock()
        self.epochs = Epochs(data / _EPOCHS_FILE)
        self.catalog = _open_catalog(settings, self.clock, self.epochs, term)
        self.blobs = open_blobs(settings)
        self.cold = open_cold(settings)
        self.replicas = open_replicas(settings)
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
            ecosystems=ecosystems_of(self.formats),
            describe=describe_of(self.formats),
            revokes_found_tokens=settings.found_tokens == "revoke",
            upload_secret=self.catalog.secret("uploads"),
            fetcher=self.fetcher,
            log=log_identity(settings),
            storage_price=settings.storage_price,
            cold=self.cold,
            replica_stores=tuple(self.replicas),
            replicas=tuple(_replica(text) for text in settings.replicas),
            cold_price=settings.cold_storage_price,
            limits=Limits(
                manifest_size=settings.manifest_size,
                blob_size=settings.blob_size,
                inline_size=settings.inline_size,
                upload_lease=timedelta(seconds=settings.upload_lease),
                collection_delay=timedelta(seconds=settings.collection_delay),
                scrub_period=timedelta(seconds=settings.scrub_period) if settings.scrub_period else None,
                scrub_rate=settings.scrub_rate,
                metered_namespaces=settings.metered_namespaces,
            ),
        )

    async def close(self) -> None:
        """Finish what is being written, and let go."""
        await self.registry.flights.close()
        await self.fetcher.aclose()
        await self.catalog.close()
        self.blobs.close()
        if self.cold is not None:
            self.cold.close()
        for replica in self.replicas:
            replica.close()
        self.epochs.close()


def _replica(text: str) -> Origin:
    """Another registry, as the settings name it. Raises `Invalid`."""
    address, _, file = text.partition(" ")
    credentials = Bearer(Path(file).read_text(encoding="ascii").strip()) if file else None
    # Whoever runs this registry names it, so that it may well be beside it.
    return Origin.parse(address, credentials=credentials, private=True)


def _open_catalog(settings: Settings, clock: Clock, epochs: Epochs, term: Term | None) -> SqlCatalog:
    """The catalog in the database that the settings name, or in the data directory. Raises `Unavailable`."""
    if not settings.database:
        return SqliteCatalog(settings.data_path / CATALOG_FILE, clock=clock, epochs=epochs)
    from entrepot.drivers.catalog.postgresql.catalog import PostgresCatalog  # noqa: PLC0415 - with its library

    lock = settings.data_path / LOCK_FILE
    return PostgresCatalog(settings.database, lock=lock, clock=clock, epochs=epochs, term=term)


def _open_key(settings: Settings, address: str, public_key: str) -> Signing:
    """What signs with the key at that address, or with the data directory's. Raises `InvalidKey`."""
    return open_signing_key(
        address,
        default=settings.data_path / SIGNING_KEY_FILE,
        public_key=Path(public_key) if public_key else None,
        pin=Path(settings.signing_pin) if settings.signing_pin else None,
    )


def log_keys_path(settings: Settings) -> Path:
    """Where the log's own keys are."""
    return Path(settings.log_keys) if settings.log_keys else settings.data_path / LOG_KEYS_FILE


def log_identity(settings: Settings) -> LogIdentity:
    """Who the journal's log is. Raises `InvalidProof` when the settings do not say so, `InvalidKey`."""
    address = settings.public_url.rstrip("/").rpartition("://")[2] or settings.listen
    return identify(
        settings.log_origin or f"{address}/log",
        load_log_keys(log_keys_path(settings)),
        ecdsa=_open_key(settings, settings.log_key, settings.log_public_key) if settings.log_key else None,
        readers=LogReaders(settings.log_readers),
        witnessed=[NoteKey.parse(key) for key in settings.log_witnessed],
        witnesses=[Witness.parse(text) for text in settings.log_witnesses],
    )

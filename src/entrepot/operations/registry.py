"""What every operation is given: the ports, the formats' rules and the limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from entrepot.operations.flights import Flights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.model.names import FormatName
    from entrepot.ports.blobs import BlobStore
    from entrepot.ports.catalog import Catalog
    from entrepot.ports.clock import Clock
    from entrepot.ports.fetch import Fetcher
    from entrepot.ports.formats import Rules


@dataclass(frozen=True, slots=True)
class Limits:
    """How large things may be. Sizes are bytes."""

    manifest_size: int = 4 * 1024 * 1024
    blob_size: int = 1024 * 1024 * 1024 * 1024
    inline_size: int = 64 * 1024
    """Blobs up to this size live in the catalog: durable with its commit, no file of their own."""
    files_per_version: int = 10_000
    tags_per_manifest: int = 100
    page: int = 1_000
    """The longest page of a listing."""
    upload_lease: timedelta = timedelta(hours=24)
    """How long an upload may rest before what it brought is thrown away."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The whole registry, as the operations see it."""

    catalog: Catalog
    blobs: BlobStore
    clock: Clock
    formats: Mapping[FormatName, Rules]
    upload_secret: bytes
    fetcher: Fetcher
    flights: Flights = field(default_factory=Flights)
    limits: Limits = field(default_factory=Limits)

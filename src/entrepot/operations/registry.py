"""What every operation is given: the ports, the formats' rules and the limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from entrepot.model.errors import Unavailable, UpstreamInvalid
from entrepot.model.tier import Tier
from entrepot.operations.flights import Flights
from entrepot.operations.pull_notes import PullNotes

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence

    from entrepot.inventory.inventory import Inventory
    from entrepot.model.access import Caller
    from entrepot.model.artifact import Artifact
    from entrepot.model.digest import Digest
    from entrepot.model.federation import Issuer
    from entrepot.model.names import FormatName, PackageId, ReferenceName, View
    from entrepot.model.upstream import Upstream
    from entrepot.operations.remembered_keys import RememberedKeys
    from entrepot.ports.blobs import BlobStore, ColdStore, KeptBlobs
    from entrepot.ports.catalog import Catalog
    from entrepot.ports.clock import Clock
    from entrepot.ports.fetch import Fetcher, Origin
    from entrepot.ports.formats import Rules
    from entrepot.trust.evidence import EvidenceKind
    from entrepot.trust.log.identity import LogIdentity
    from entrepot.trust.signing import Signing


T = TypeVar("T")


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
    longest_lease: timedelta = timedelta(days=30)
    """For how long content may be leased, or a lease renewed, at a time."""
    holds_per_artifact: int = 100
    """How many leases and holds there may be on an artifact at a time."""
    holds_per_namespace: int = 10_000
    collection_delay: timedelta = timedelta(days=7)
    """How long bytes stay that nobody can reach: longer than any request, any break, and any change of mind."""
    scrub_period: timedelta | None = timedelta(days=30)
    """In which every blob is read again once; None where nobody reads them again."""
    scrub_rate: int = 50 * 1024 * 1024
    """Bytes a second at most that are read for that, from minute to minute; a blob is read as a whole."""
    metered_namespaces: int = 0
    """How many namespaces, the largest, have metrics of their own; everybody who may scrape learns their names."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file of a version that came from an upstream, now or before."""

    name: str
    digest: Digest
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A version to have here: whole, or as far as its files have one of the hashes that are asked for."""

    view: View
    name: str
    """The package, as the format writes it."""
    version: str
    """As the format writes it, too."""
    hashes: frozenset[str] = frozenset()
    """As the format's lockfiles have them: ``sha256:…`` and the like in hexadecimal, or Go's ``h1:…``."""

    def select(self, files: Iterable[tuple[T, Collection[str]]]) -> list[T]:
        """Those of *files*, each with all its hashes, that are wanted. Raises `UpstreamInvalid` when none is."""
        found = list(files)
        chosen = [file for file, sums in found if not self.hashes or not self.hashes.isdisjoint(sums)]
        if not chosen:
            raise UpstreamInvalid(
                f"{self.name[:200]} {self.version[:200]}",
                expected=f"a file with one of the hashes {' '.join(sorted(self.hashes))[:1_000]}",
                actual=" ".join(sorted(text for _, sums in found for text in sums))[:1_000],
            )
        return chosen


@dataclass(frozen=True, slots=True)
class Listed:
    """What upstreams show of a package."""

    versions: Sequence[str]
    stale: str | None = None
    """Why it is not today's; None when it is."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Something to ask a registry of a format for."""

    target: str = ""
    """Below its address."""
    is_everywhere: bool = True
    """Whether every registry of the format has it; else one that has nothing there may still be one."""
    is_answer: Callable[[bytes], bool] = lambda _: True
    """Whether the beginning of what is there can be a registry's: many servers have a page for every address."""
    from_root: bool = False
    """Whether it is at the root of the server, whatever the upstream's address has as a path."""
    find_origin: Callable[[Registry, Upstream], Awaitable[Origin]] | None = None
    """Where to ask, with what, for protocols whose credentials are exchanged for others first."""


class ReadThrough(Protocol):
    """How a format reads through to upstreams: what is asked of it when no client of its own is asking."""

    @property
    def probe(self) -> Probe:
        """What an upstream is asked for to see whether it is one."""

    async def list_versions(self, registry: Registry, caller: Caller, view: View, name: str) -> Listed | None:
        """The versions that upstreams show of a package; None when there is nothing, or nobody to ask.

        Names and versions are as the format writes them. Raises `InvalidName`, `UpstreamUnavailable`, `UpstreamInvalid`, or what `access.require_read` raises.
        """

    async def fetch(self, registry: Registry, caller: Caller, wish: Wish) -> Sequence[Fetched]:
        """Have a version here.

        Raises `InvalidReference`, `ReferenceUnknown` when nobody has the version, `UpstreamInvalid` when none of its
        files is as is wished, and like `list_versions`.
        """


class Accept(Protocol):
    """How a format takes a version that is pushed to one of its packages through OCI, as its own clients push it."""

    async def __call__(
        self, registry: Registry, package: PackageId, artifact: Artifact, names: Sequence[ReferenceName]
    ) -> ReferenceName:
        """The version that a manifest becomes, as it is and complete; *names* are the tags that it was pushed with.

        There may be none: many clients push a manifest by its digest before they tag it.
        Whoever pushes it may publish there.
        What is not as the format's own publishing would have it is refused.
        Raises `InvalidManifest`, `LinkUnknown`, or any other `Invalid`.
        """


class Describe(Protocol):
    """How a format says what a version is made of, from the version's own metadata."""

    async def __call__(self, registry: Registry, package: PackageId, artifact: Artifact) -> Inventory | None:
        """The package as the subject, its files, and what it declares to need; no version that nobody said.

        None for an artifact that is no version of the format. Raises `Invalid`, `LinkUnknown`, `BlobUnknown`.
        """


@dataclass(frozen=True, slots=True)
class Carried:
    """Evidence that a version carries in a way of its format's own."""

    kind: EvidenceKind
    content: Digest
    """The file of the version that it is in."""
    subject: Digest
    """What it is about: another file; for evidence about all of the files, the version's manifest."""
    name: str | None = None
    """What is signed as the subject's name."""
    others: tuple[Digest, ...] = ()
    """The subject's bytes by other algorithms."""
    files: Mapping[str, Digest] = field(default_factory=dict)
    """Every other file of the version, where the evidence is about all of them."""


FindCarried = Callable[["PackageId", "Artifact", Mapping[str, Any]], Iterable[Carried]]
"""What evidence lies among the files of a version, as its format's own tools put it there.

The third argument is the version's config, empty where it has none that is known here.
"""


@dataclass(frozen=True, slots=True)
class Registry:
    """The whole registry, as the operations see it."""

    catalog: Catalog
    blobs: BlobStore
    clock: Clock
    formats: Mapping[FormatName, Rules]
    read_through: Mapping[FormatName, ReadThrough]
    """Those of the formats that read through to upstreams."""
    upload_secret: bytes
    fetcher: Fetcher
    log: LogIdentity | None = None
    """What the journal's log is signed with; None where nothing is signed."""
    accept: Mapping[FormatName, Accept] = field(default_factory=dict)
    """Of the formats whose versions are pushed through OCI, too."""
    evidence: Mapping[FormatName, FindCarried] = field(default_factory=dict)
    """Of the formats whose versions carry evidence among their files."""
    signing: Signing | None = None
    """The registry's own key; None where it says nothing in its own name."""
    ecosystems: Mapping[FormatName, str] = field(default_factory=dict)
    """What advisories call the packages of a format, of the formats that they are about."""
    describe: Mapping[FormatName, Describe] = field(default_factory=dict)
    """Of the formats whose versions say themselves what they are made of."""
    revokes_found_tokens: bool = True
    """Whether a token of this registry that is found in what was published is revoked."""
    flights: Flights = field(default_factory=Flights)
    pulls: PullNotes = field(default_factory=PullNotes)
    """What this process has seen pulled."""
    issuer_keys: dict[Issuer, RememberedKeys] = field(default_factory=dict)
    """What this process knows of the keys of issuers (`entrepot.operations.issuer_keys`)."""
    surveys: dict[Hashable, Any] = field(default_factory=dict)
    """What upstreams said of all that they have, as far as this process has read it (`entrepot.operations.survey`)."""
    limits: Limits = field(default_factory=Limits)
    storage_price: float = 0.0
    """What a GiB costs in a month; 0 where nobody said."""
    cold: ColdStore | None = None
    """Where what is old and not in use goes; None where all is in one place."""
    cold_price: float = 0.0
    """What a GiB costs in a month there."""

    replica_stores: tuple[KeptBlobs, ...] = ()
    """Where the same bytes lie once more under the same names: copies of the blob store that others make."""
    replicas: tuple[Origin, ...] = ()
    """Other registries that have the same content under the same names."""

    def store(self, tier: Tier) -> KeptBlobs:
        """Where the bytes of a tier are. Raises `Unavailable` where the settings do not name the cold tier any more."""
        if tier is Tier.HOT:
            return self.blobs
        if self.cold is None:
            raise Unavailable("cold tier", after=60)
        return self.cold

    def price(self, tier: Tier) -> float:
        """What a GiB costs in a month in a tier."""
        return self.storage_price if tier is Tier.HOT else self.cold_price

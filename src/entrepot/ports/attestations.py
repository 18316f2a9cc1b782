"""Whom namespaces believe, what was found beside artifacts and files, and who is proven to have signed it.

An area of the catalog (`entrepot.ports.cursors` says what that is).
What was verified is a cache: rows that any reader may make again, without an event. Signers and trusted roots are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from entrepot.model.assessment import VexStatement
from entrepot.model.build import Build, Material
from entrepot.model.digest import Digest
from entrepot.model.names import ChannelName, NamespaceName, PackageId, ReferenceName
from entrepot.model.position import Position
from entrepot.model.signer import Signer, SignerKind, SignerName

if TYPE_CHECKING:
    from collections.abc import Collection

MayRead = Callable[[PackageId, bool], bool]
"""Whether the caller may know a package, given whether its namespace is public."""


class Source(StrEnum):
    """Where evidence lies."""

    REFERRER = "referrer"
    """An artifact with the subject; or one that clients listed under the subject's fallback tag."""
    TAG = "tag"
    """An artifact under cosign's older tags, ``sha256-….sig`` and ``.att``; as long as it has the tag."""
    FILE = "file"
    """A file of the version, beside the one that it is about."""


@dataclass(frozen=True, slots=True)
class SignerRow:
    """A signer with its number and when it became what it is."""

    id: int
    signer: Signer
    added: Position
    changed: Position
    """Of the last change to it."""


@dataclass(frozen=True, slots=True)
class RootRow:
    """A trusted root of Sigstore's form."""

    name: str
    content: bytes
    namespace: NamespaceName | None
    changed: Position


@dataclass(frozen=True, slots=True)
class Accepted:
    """A signer is proven to have signed some evidence."""

    signer_id: int
    key: str | None = None
    issuer: str | None = None
    identity: str | None = None
    signed_at: datetime | None = None
    level: int = 0
    objection: str | None = None
    """Why its word does not count here, whatever its state; None when it does."""
    suppresses: bool = False
    """Whether it may say that findings do not matter."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """One piece of evidence about one thing."""

    subject: Digest
    carrier: Digest
    """What has to be in the package for it to count: the referrer, or the file beside."""
    ordinal: int
    source: Source
    holder: Digest
    """The artifact in which it was found."""
    kind: str
    """`entrepot.trust.evidence.EvidenceKind`."""
    content: Digest
    """Of all that is signed and signs; the same evidence somewhere else has the same."""
    seen_at: datetime
    predicate_type: str | None = None
    issuer: str | None = None
    identity: str | None = None
    hint: str | None = None
    """How it names its key; believed by nobody."""
    reason: str | None = None
    """Why no signer is proven."""
    build: Build | None = None
    vex: tuple[VexStatement, ...] = ()
    """What it says of flaws; not read back with the rest (`entrepot.ports.assessments`)."""


@dataclass(frozen=True, slots=True)
class Examined:
    """Evidence, and who is proven to have signed it."""

    attestation: Attestation
    accepted: tuple[Accepted, ...] = ()


@dataclass(frozen=True, slots=True)
class VerificationRow:
    """What comes of a signer's signature, as the signer stands now."""

    signer: SignerName
    namespace: NamespaceName | None
    kind: SignerKind
    key: str | None
    issuer: str | None
    identity: str | None
    signed_at: datetime | None
    level: int
    reason: str | None
    """Why it does not count; None when it does."""


@dataclass(frozen=True, slots=True)
class AttestationRow:
    """Evidence with what came of it."""

    id: int
    package: PackageId
    attestation: Attestation
    verifications: tuple[VerificationRow, ...]

    @property
    def verified(self) -> bool:
        """Whether anybody's signature counts."""
        return any(each.reason is None for each in self.verifications)


@dataclass(frozen=True, slots=True)
class Found:
    """A place to examine again."""

    id: int
    package: PackageId
    holder: Digest


@dataclass(frozen=True, slots=True)
class Affected:
    """Something that a signer vouches for."""

    id: int
    package: PackageId
    subject: Digest
    predicate_type: str | None
    references: tuple[ReferenceName, ...]
    """What means it, or the version that it is a file of."""
    channels: tuple[ChannelName, ...]
    """What it is cleared for."""
    still_verified: bool
    """Whether some signer's word for it counts, this one's or another's."""


@dataclass(frozen=True, slots=True)
class Built:
    """Something that was built, as its provenance tells it."""

    id: int
    package: PackageId
    subject: Digest
    references: tuple[ReferenceName, ...]
    build: Build
    verified_by: tuple[SignerName, ...]
    """Whose signatures under the provenance count; of nobody's it is only a claim."""
    level: int


@dataclass(frozen=True, slots=True)
class Origin:
    """One thing that went into another."""

    depth: int
    """How many builds lie between."""
    product: Digest
    """What it went into."""
    material: Material
    package: PackageId
    """Where the provenance is that says so."""
    builder: str | None
    build: str | None
    verified_by: tuple[SignerName, ...]


class BuildKey(StrEnum):
    """What builds are looked for by."""

    REVISION = "revision"
    REPOSITORY = "repository"
    BUILD = "build"
    BUILDER = "builder"
    MATERIAL = "material"
    """A digest."""
    MATERIAL_URI = "material-uri"


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of a namespace has provenance that a signer of its own vouches for."""

    total: int
    """Artifacts that a version or a tag means."""
    signed: int
    """Those with any signature or statement that counts."""
    built: int
    """Those with provenance that counts."""


class Attestations(Protocol):
    """What the catalog knows of signers and of evidence."""

    async def list_signers(self, namespace: NamespaceName | None, *, inherited: bool = True) -> Sequence[SignerRow]:
        """The signers of a namespace by name, with those of the whole registry when *inherited*."""

    async def find_signer(self, namespace: NamespaceName | None, name: SignerName) -> SignerRow | None:
        """A signer of just this namespace, or of the registry."""

    async def list_roots(self, namespace: NamespaceName | None) -> Sequence[RootRow]:
        """The trusted roots that a namespace may name: its own, and the registry's where it has none of the name."""

    async def trust_revision(self, namespace: NamespaceName | None) -> Position:
        """As `AttestationChanges.trust_revision`."""

    async def list_attestations(self, package: PackageId, subjects: Collection[Digest]) -> Sequence[AttestationRow]:
        """All evidence in a package about any of *subjects*, in the order in which it came."""

    async def list_holders(
        self, namespace: NamespaceName | None, kinds: Collection[str], *, after: int, limit: int
    ) -> Sequence[Found]:
        """A page of the artifacts that hold evidence of *kinds*; an artifact may come more than once."""

    async def list_affected(self, signer_id: int, *, after: int, limit: int) -> Sequence[Affected]:
        """A page of what a signer vouches for, whatever its state."""

    async def list_builds(
        self, key: BuildKey, value: str, *, namespace: NamespaceName | None, may_read: MayRead, after: int, limit: int
    ) -> Sequence[Built]:
        """A page of what provenance that the caller may read says was built so."""

    async def trace(
        self, package: PackageId, subject: Digest, *, may_read: MayRead, depth: int, limit: int
    ) -> Sequence[Origin]:
        """What went into an artifact of a package and its files, and into that, as far as the caller may read."""

    async def completeness(self, namespace: NamespaceName) -> Completeness:
        """How much of a namespace has provenance."""


class AttestationChanges(Protocol):
    """What a change may do to them."""

    def add_signer(self, signer: Signer) -> bool:
        """Know a signer; False when there is one of the name. Raises `NamespaceUnknown`."""

    def find_signer(self, namespace: NamespaceName | None, name: SignerName) -> SignerRow | None:
        """As `Attestations.find_signer`."""

    def set_signer(self, signer: Signer) -> None:
        """Replace its state and what it may vouch for. A new scope makes nothing count until it is verified again."""

    def list_affected(self, signer_id: int, *, limit: int) -> Sequence[Affected]:
        """The first of what a signer vouches for, as this change leaves it; nobody else has changed anything since."""

    def set_root(self, namespace: NamespaceName | None, name: str, content: bytes) -> bool:
        """Trust a root, instead of one of the name; False when it is that already.

        What is signed under it does not count until it is verified again.
        """

    def remove_root(self, namespace: NamespaceName | None, name: str) -> bool:
        """Trust it no more; False when there is none. What is signed under it does not count any more."""

    def trust_revision(self, namespace: NamespaceName | None) -> Position:
        """The position of the last change to any signer or root that the namespace has or inherits."""

    def keep(
        self, package: PackageId, holder: Digest, found: Sequence[Examined], *, unchanged: Collection[int] = ()
    ) -> None:
        """Know this of what an artifact of the package holds, and nothing else of it.

        Those that are *unchanged*, by their number, it holds too, and what is known of them stays.
        """

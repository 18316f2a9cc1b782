"""What the management API writes about what was deleted and what nobody can reach (see `entrepot.api.shapes`)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.texts import TIME, DigestText, FormatText, NamespaceText, PackageText, Position, ReferenceText
from entrepot.model.blob import BlobState

if TYPE_CHECKING:
    from entrepot.operations import collect, purge, restore
    from entrepot.ports import collection


class Amount(Struct, frozen=True):
    """How much of something there is."""

    count: Annotated[int, Meta(description="Blobs.", examples=[3])]
    size: Annotated[int, Meta(description="Bytes.", examples=[4096])]

    @staticmethod
    def of(found: collection.Amount) -> Amount:
        """How an amount is shown."""
        return Amount(found.count, found.size)


class CollectionPlan(Struct, frozen=True):
    """What a round would do now."""

    loose: Amount
    """Would be taken out of packages none of whose artifacts links them."""
    unreachable: Amount
    """Would be condemned: in no package."""
    condemned: Amount
    """Wait already."""
    due: Amount
    """As much of it as would be given up."""
    garbage: Amount
    """Given up, with bytes still to be deleted."""

    @staticmethod
    def of(plan: collect.CollectionPlan) -> CollectionPlan:
        """How a plan is shown."""
        return CollectionPlan(
            loose=Amount.of(plan.loose),
            unreachable=Amount.of(plan.unreachable),
            condemned=Amount.of(plan.condemned),
            due=Amount.of(plan.due),
            garbage=Amount.of(plan.garbage),
        )


class Collected(Struct, frozen=True):
    """What a round came to."""

    dropped: Amount
    condemned: Amount
    given_up: Amount
    strays: Amount
    """Bytes that were stored, and never announced."""

    @staticmethod
    def of(found: collect.Collected) -> Collected:
        """How a round is shown."""
        return Collected(
            dropped=Amount.of(found.dropped),
            condemned=Amount.of(found.condemned),
            given_up=Amount.of(found.given_up),
            strays=Amount.of(found.strays),
        )


class Holding(Struct, frozen=True):
    """A package that has a blob, and what of it needs the blob."""

    namespace: NamespaceText
    format: FormatText
    package: PackageText
    since: Position
    artifacts: Annotated[list[DigestText], Meta(description="The artifacts that link it, the earliest first.")]
    names: Annotated[list[ReferenceText], Meta(description="What means it, when it is an artifact itself.")]


class Explanation(Struct, frozen=True):
    """Why a blob is kept, or not."""

    digest: DigestText
    state: Annotated[BlobState, Meta(examples=["present"])]
    size: Annotated[int, Meta(description="Bytes.", examples=[4096])]
    condemned_at: Annotated[datetime | None, Meta(description="Since when it waits to be given up.", examples=[TIME])]
    holdings: Annotated[list[Holding], Meta(description="Every reason; none for what nobody can reach.")]

    @staticmethod
    def of(digest: str, found: collect.Explanation) -> Explanation:
        """How an explanation is shown."""
        return Explanation(
            digest=digest,
            state=found.known.state,
            size=found.known.size,
            condemned_at=found.known.condemned_at,
            holdings=[
                Holding(
                    namespace=each.place.package.namespace,
                    format=each.place.package.format,
                    package=each.place.package.name,
                    since=each.place.since,
                    artifacts=[str(digest) for digest in each.holders],
                    names=list(each.names),
                )
                for each in found.holdings
            ],
        )


# --- trash ---


class TrashQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the trash is asked for: what was deleted last comes first."""

    after: Annotated[int, Meta(description="`next` of the page before.", ge=1, le=2**63 - 1)] | UnsetType = UNSET
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class Deleted(Struct, frozen=True):
    """An artifact that was deleted, and can be had back."""

    namespace: NamespaceText
    format: FormatText
    package: PackageText
    digest: DigestText
    names: Annotated[list[ReferenceText], Meta(description="What it was called then.")]
    actor: Annotated[str, Meta(description="Who deleted it.", examples=["alice"])]
    at: Annotated[datetime, Meta(examples=[TIME])]
    position: Position
    until: Annotated[
        datetime | None,
        Meta(description="When its bytes are given up; null when that is not near.", examples=[TIME]),
    ]

    @staticmethod
    def of(found: restore.InTrash) -> Deleted:
        """How it is shown."""
        deleted = found.deleted
        return Deleted(
            namespace=deleted.package.namespace,
            format=deleted.package.format,
            package=deleted.package.name,
            digest=str(deleted.digest),
            names=list(deleted.names),
            actor=deleted.actor,
            at=deleted.at,
            position=deleted.position,
            until=found.until,
        )


class Purged(Struct, frozen=True):
    """What cannot be had back any more."""

    digest: DigestText
    blobs: Annotated[int, Meta(description="Blobs whose bytes were deleted at once; others have the rest.")]
    size: Annotated[int, Meta(description="Bytes of these.")]

    @staticmethod
    def of(found: purge.Purged) -> Purged:
        """How it is shown."""
        return Purged(str(found.digest), found.blobs, found.size)


class Restored(Struct, frozen=True):
    """What was had back."""

    digest: DigestText
    names: Annotated[list[ReferenceText], Meta(description="The names that it has again.")]

    @staticmethod
    def of(found: restore.Restored) -> Restored:
        """How it is shown."""
        return Restored(str(found.digest), list(found.names))

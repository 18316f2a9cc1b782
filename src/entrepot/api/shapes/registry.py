"""What the management API writes about the registry itself: searches, the journal, how it is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.texts import (
    DIGEST,
    MAX_POSITION,
    MAX_TEXT,
    TIME,
    Annotations,
    DigestText,
    FormatText,
    NamespaceText,
    PackageText,
    Position,
    ReferenceText,
)

if TYPE_CHECKING:
    from entrepot.model import events
    from entrepot.ports import catalog


class SearchQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """What is searched for."""

    q: Annotated[
        str,
        Meta(
            description="`commit:`, `repository:`, `version:`, `created:`, `build:` or `builder:` and how the value "
            "begins; or part of a package's name, a reference, or a digest.",
            examples=["commit:4f2c1e0"],
            max_length=MAX_TEXT,
        ),
    ]
    limit: Annotated[int, Meta(description="How many are wanted.", ge=1, le=1_000)] = 100


class Hit(Struct, frozen=True):
    """An artifact that was found."""

    namespace: NamespaceText
    format: FormatText
    name: PackageText
    digest: DigestText
    references: Annotated[list[ReferenceText], Meta(description="The names that mean it now.")]
    annotations: Annotations

    @staticmethod
    def of(found: catalog.Hit) -> Hit:
        """How a hit is shown."""
        package = found.package
        return Hit(
            namespace=package.namespace,
            format=package.format,
            name=package.name,
            digest=str(found.digest),
            references=list(found.references),
            annotations=found.annotations,
        )


class JournalQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the journal is asked for."""

    namespace: NamespaceText | UnsetType = UNSET
    after: Annotated[int, Meta(description="The last position that is known already.", ge=0, le=MAX_POSITION)] = 0
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class Entry(Struct, frozen=True):
    """An event in its place."""

    position: Position
    at: Annotated[datetime, Meta(examples=[TIME])]
    actor: Annotated[str, Meta(description="Who did it.", examples=["build-robot"])]
    type: Annotated[str, Meta(description="What happened.", examples=["dev.entrepot.artifact.published.v1"])]
    data: Annotated[dict[str, Any], Meta(description="The facts, by the event's type.", examples=[{"digest": DIGEST}])]
    hash: Annotated[str, Meta(description="What ties it to all before it, in hexadecimal.", examples=[64 * "a"])]

    @staticmethod
    def of(found: events.Entry) -> Entry:
        """How an entry of the journal is shown."""
        data = msgspec.json.decode(found.content, type=dict[str, Any])
        return Entry(found.position, found.at, found.actor, data.pop("type"), data, found.hash.hex())


class Follower(Struct, frozen=True):
    """A reader of the journal, and how far it is."""

    name: Annotated[str, Meta(examples=["transparency"])]
    position: Position
    behind: Annotated[int, Meta(ge=0, description="Entries that it has not dealt with.", examples=[0])]


class Status(Struct, frozen=True):
    """What this registry is, and how much it holds."""

    version: Annotated[str, Meta(examples=["0.1.0"])]
    formats: list[FormatText]
    storage: (
        Annotated[
            dict[str, int],
            Meta(
                description="Totals, for who may audit; null for everybody else.",
                examples=[{"blobs": 3, "bytes": 4096, "artifacts": 1, "packages": 1, "namespaces": 1}],
            ),
        ]
        | None
    )

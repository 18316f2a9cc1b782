"""What the management API reads and writes about namespaces and their channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.texts import (
    MAX_PATTERNS,
    MAX_PURLS,
    ChannelText,
    NamespaceText,
    PatternText,
    Position,
    PurlText,
    texts_of,
)

if TYPE_CHECKING:
    from entrepot.model import namespace


class Namespace(Struct, frozen=True):
    """A team or tenant, with its rules and its channels."""

    name: NamespaceText
    public: Annotated[bool, Meta(description="Whether anybody may read it without credentials.")]
    movable: Annotated[list[PatternText], Meta(description="Which tags publishers may move.", max_length=MAX_PATTERNS)]
    versions: Annotated[
        list[PatternText],
        Meta(
            description="Which names are versions, and never move, beside those that look like one.",
            max_length=MAX_PATTERNS,
        ),
    ]
    channels: Annotated[list[ChannelText], Meta(description="Its stages, in order.")]
    reserved: Annotated[
        list[PurlText],
        Meta(
            description="Names that are its own, published or not: no upstream is ever asked for them.",
            max_length=MAX_PURLS,
        ),
    ]
    rollbacks: Annotated[
        int,
        Meta(description="How many artifacts that ran at a place before are kept, to be rolled back to.", examples=[3]),
    ]
    revision: Position | None

    @staticmethod
    def of(found: namespace.Namespace) -> Namespace:
        """How a namespace is shown."""
        return Namespace(
            name=found.name,
            public=found.public,
            movable=[str(pattern) for pattern in found.rules.movable],
            versions=[str(pattern) for pattern in found.rules.versions],
            channels=list(found.channels),
            reserved=texts_of(found.reserved),
            rollbacks=found.rollbacks,
            revision=found.revision,
        )


class NewNamespace(Struct, frozen=True, forbid_unknown_fields=True):
    """A namespace to be."""

    name: NamespaceText
    public: Annotated[bool, Meta(description="Whether anybody may read it without credentials.")] = False


class NamespaceChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be different about a namespace; what is left out stays."""

    public: Annotated[bool, Meta(description="Whether anybody may read it without credentials.")] | UnsetType = UNSET
    movable: (
        Annotated[list[PatternText], Meta(description="Which tags publishers may move.", max_length=MAX_PATTERNS)]
        | UnsetType
    ) = UNSET
    versions: (
        Annotated[list[PatternText], Meta(description="Which names are versions.", max_length=MAX_PATTERNS)] | UnsetType
    ) = UNSET
    reserved: (
        Annotated[list[PurlText], Meta(description="Which names are its own, without versions.", max_length=MAX_PURLS)]
        | UnsetType
    ) = UNSET
    rollbacks: (
        Annotated[int, Meta(description="How many artifacts that ran at a place before are kept.", ge=0, le=100)]
        | UnsetType
    ) = UNSET


class Channels(Struct, frozen=True, forbid_unknown_fields=True):
    """The stages of a namespace, in order."""

    channels: list[ChannelText]

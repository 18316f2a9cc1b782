"""What the management API reads and writes about secrets that were published (see `entrepot.api.shapes`)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from entrepot.api.shapes.texts import (
    MAX_SECONDS,
    MAX_TEXT,
    TIME,
    ArtifactText,
    DigestText,
    FormatText,
    PackageText,
    SecretText,
)
from entrepot.operations.secrets import SecretState

if TYPE_CHECKING:
    from entrepot.operations.secrets import Leaking, Leaks, Placed
    from entrepot.ports import secrets


_Seconds = Annotated[int, Meta(ge=1, le=MAX_SECONDS)]


class AcceptedSecret(Struct, frozen=True):
    """Somebody's word that a secret is none, or is meant to be there."""

    name: SecretText
    reason: Annotated[str, Meta(examples=["a key that only our tests use"])]
    actor: Annotated[str, Meta(description="Who says so.", examples=["pat"])]
    at: Annotated[datetime | None, Meta(examples=[TIME])]
    expires_at: Annotated[datetime | None, Meta(description="Until when; null for ever.", examples=[TIME])]

    @staticmethod
    def of(found: secrets.Acceptance) -> AcceptedSecret:
        """How it is shown."""
        return AcceptedSecret(found.name, found.reason, found.actor, found.at, found.expires_at)


class NewAcceptedSecret(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a secret of an artifact is none, or is meant to be there."""

    artifact: Annotated[ArtifactText, Meta(description="Where it was found; it is accepted in the whole package.")]
    reason: Annotated[
        str, Meta(description="Why, for people.", examples=["only our tests use it"], min_length=1, max_length=MAX_TEXT)
    ]
    seconds: Annotated[_Seconds | None, Meta(description="For how long; null for ever.", examples=[7_776_000])] = None


class FoundSecret(Struct, frozen=True):
    """A secret, and where it lies; never the secret itself."""

    name: SecretText
    kind: Annotated[str, Meta(description="What it looks like.", examples=["aws-access-key"])]
    state: Annotated[
        SecretState,
        Meta(
            description="`live`: a token of this registry that works; `certain`: it has the form of a secret; "
            "`possible`: of something that may be public, too; `accepted`: somebody says that it is none; `dead`: a "
            "token of this registry that works no more."
        ),
    ]
    file: Annotated[str, Meta(description="Of the artifact.", examples=["tool-1.0-py3-none-any.whl"])]
    path: Annotated[str, Meta(description="Within the file, if that is an archive.", examples=["tool/settings.py"])]
    line: Annotated[int, Meta(examples=[12])]
    excerpt: Annotated[str, Meta(description="What may be shown of it.", examples=["AKIA… (20 characters)"])]
    digest: Annotated[DigestText, Meta(description="Of the file.")]
    token: Annotated[str | None, Meta(description="The id of the token of this registry that it is.", examples=[None])]
    accepted: AcceptedSecret | None

    @staticmethod
    def of(placed: Placed) -> FoundSecret:
        """How it is shown."""
        found = placed.found
        return FoundSecret(
            name=found.name,
            kind=found.rule,
            state=placed.state,
            file=placed.file,
            path=found.path,
            line=found.line,
            excerpt=found.excerpt,
            digest=str(placed.holder),
            token=found.token,
            accepted=None if placed.acceptance is None else AcceptedSecret.of(placed.acceptance),
        )


class FoundSecrets(Struct, frozen=True):
    """The secrets of an artifact."""

    digest: DigestText
    searched: Annotated[
        bool, Meta(description="Whether all of it was searched: only then is nothing found a good sign.")
    ]
    unread: Annotated[int, Meta(description="In how many places nobody could look.", examples=[0])]
    notes: Annotated[list[str], Meta(description="Why, of the first of them.", examples=[[]])]
    secrets: list[FoundSecret]

    @staticmethod
    def of(leaks: Leaks) -> FoundSecrets:
        """How they are shown."""
        return FoundSecrets(
            digest=str(leaks.digest),
            searched=leaks.searched,
            unread=leaks.unread,
            notes=list(leaks.notes),
            secrets=[FoundSecret.of(each) for each in leaks.secrets],
        )


class SecretsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the list."""

    after: Annotated[str, Meta(description="`next` of the page before.", pattern=r"^[0-9]{1,19}-[0-9]{1,19}$")] = "0-0"
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class LeakingContent(Struct, frozen=True):
    """Something in a package that has secrets."""

    format: FormatText
    package: PackageText
    digest: Annotated[DigestText, Meta(description="Of what has them: a file, or metadata.")]
    references: Annotated[
        list[str], Meta(description="The versions and tags that have it, or mean it.", examples=[["1.4.0"]])
    ]
    secrets: list[FoundSecret]

    @staticmethod
    def of(found: Leaking) -> LeakingContent:
        """How it is shown."""
        place = found.place
        return LeakingContent(
            format=place.package.format,
            package=place.package.name,
            digest=str(place.holder),
            references=list(place.references),
            secrets=[FoundSecret.of(each) for each in found.secrets],
        )

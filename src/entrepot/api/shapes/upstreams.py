"""What the management API reads and writes about upstreams, and what came from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.basics import PageQuery
from entrepot.api.shapes.texts import (
    MAX_PURLS,
    MAX_SECONDS,
    MAX_SECRET,
    MAX_TEXT,
    DigestText,
    FormatText,
    NamespaceText,
    PackageText,
    PurlText,
    UpstreamText,
    texts_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model import upstream
    from entrepot.operations.registry import Fetched
    from entrepot.operations.upstreams import Trial

_URL = Meta(
    description="Where it is: `http://` or `https://`, a host, perhaps a port and a path.",
    examples=["https://registry.example.com/v2"],
    max_length=MAX_TEXT,
)
_PRIVATE = Meta(description="Whether it may be at an address of a private network; only an administrator allows that.")
_ALLOW = Meta(description="Only these are let in, when there are any.", max_length=MAX_PURLS)
_BLOCK = Meta(description="None of these is let in.", max_length=MAX_PURLS)
_EXEMPT = Meta(description="These need no cooldown.", max_length=MAX_PURLS)
_COOLDOWN = Meta(
    description="How long a version that is new to us stays hidden.", examples=[604_800], ge=0, le=MAX_SECONDS
)
_REFRESH = Meta(
    description="How old what it said may be before it is asked again.", examples=[300], ge=0, le=MAX_SECONDS
)


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """What an upstream is asked with: `user` and `password`, or `token`. It is never shown."""

    user: Annotated[str, Meta(examples=["ci"], max_length=MAX_TEXT)] | UnsetType = UNSET
    password: Annotated[str, Meta(examples=["a password"], max_length=MAX_SECRET)] | UnsetType = UNSET
    token: Annotated[str, Meta(examples=["a token"], max_length=MAX_SECRET)] | UnsetType = UNSET


_CREDENTIALS = Meta(
    description="What it is asked with, null for nothing. It is never shown.", examples=[{"token": "a token"}]
)


class Upstream(Struct, frozen=True):
    """Another registry that a namespace reads through to, for one format."""

    namespace: NamespaceText
    format: FormatText
    name: UpstreamText
    url: Annotated[str, _URL]
    private: Annotated[bool, _PRIVATE]
    allow: Annotated[list[PurlText], _ALLOW]
    block: Annotated[list[PurlText], _BLOCK]
    exempt: Annotated[list[PurlText], _EXEMPT]
    cooldown_seconds: Annotated[int, _COOLDOWN]
    refresh_seconds: Annotated[int, _REFRESH]
    has_credentials: Annotated[bool, Meta(description="Whether it is asked with credentials, which nobody is shown.")]

    @staticmethod
    def of(found: upstream.Upstream) -> Upstream:
        """How an upstream is shown."""
        rules = found.rules
        return Upstream(
            namespace=found.namespace,
            format=found.format,
            name=found.name,
            url=found.url,
            private=found.private,
            allow=texts_of(rules.allow),
            block=texts_of(rules.block),
            exempt=texts_of(rules.exempt),
            cooldown_seconds=int(rules.cooldown.total_seconds()),
            refresh_seconds=int(rules.refresh.total_seconds()),
            has_credentials=found.has_credentials,
        )


class UpstreamsQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which upstreams are asked for."""

    format: FormatText | UnsetType = UNSET


class NewUpstream(Struct, frozen=True, forbid_unknown_fields=True):
    """An upstream to be."""

    format: FormatText
    name: UpstreamText
    url: Annotated[str, _URL]
    private: Annotated[bool, _PRIVATE] = False
    allow: Annotated[list[PurlText], _ALLOW] = []
    block: Annotated[list[PurlText], _BLOCK] = []
    exempt: Annotated[list[PurlText], _EXEMPT] = []
    cooldown_seconds: Annotated[int, _COOLDOWN] = 0
    refresh_seconds: Annotated[int, _REFRESH] = 300
    credentials: Annotated[Credentials | None, _CREDENTIALS] = None


class UpstreamChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be different about an upstream; what is left out stays.

    Its credentials are forgotten with its address, unless new ones are sent.
    """

    url: Annotated[str, _URL] | UnsetType = UNSET
    private: Annotated[bool, _PRIVATE] | UnsetType = UNSET
    allow: Annotated[list[PurlText], _ALLOW] | UnsetType = UNSET
    block: Annotated[list[PurlText], _BLOCK] | UnsetType = UNSET
    exempt: Annotated[list[PurlText], _EXEMPT] | UnsetType = UNSET
    cooldown_seconds: Annotated[int, _COOLDOWN] | UnsetType = UNSET
    refresh_seconds: Annotated[int, _REFRESH] | UnsetType = UNSET
    credentials: Annotated[Credentials | UnsetType | None, _CREDENTIALS] = UNSET


class MirroredPackage(Struct, frozen=True):
    """A package that an upstream was asked for."""

    name: PackageText


class PackageToRefresh(Struct, frozen=True, forbid_unknown_fields=True):
    """What an upstream is to be asked for again."""

    package: PackageText


class RefreshedPackage(Struct, frozen=True):
    """What an upstream says of a package, now that it was asked again."""

    package: PackageText
    versions: Annotated[int, Meta(description="How many it shows.", examples=[12])]
    stale: Annotated[
        str | None,
        Meta(description="Why this is its last answer, and not today's; null when it is today's.", examples=[None]),
    ]


class VersionToFetch(Struct, frozen=True, forbid_unknown_fields=True):
    """A version that will be wanted."""

    version: Annotated[str, Meta(description="As the format writes it.", examples=["1.0.0"], max_length=MAX_TEXT)]
    hashes: Annotated[
        list[Annotated[str, Meta(examples=["sha256:e3b0c442…"], max_length=MAX_TEXT)]],
        Meta(description="Of its files those with one of these; all, when there are none.", max_length=1_000),
    ] = []


class FetchedFile(Struct, frozen=True):
    """A file of a version that is here."""

    name: Annotated[str, Meta(examples=["pkg-1.0.0-py3-none-any.whl"])]
    digest: DigestText
    size: Annotated[int, Meta(description="Bytes.", examples=[123])]


class FetchedVersion(Struct, frozen=True):
    """A version that is here."""

    version: Annotated[str, Meta(examples=["1.0.0"])]
    files: list[FetchedFile]

    @staticmethod
    def of(version: str, found: Sequence[Fetched]) -> FetchedVersion:
        """How it is shown."""
        return FetchedVersion(version, [FetchedFile(each.name, str(each.digest), each.size) for each in found])


class UpstreamTrial(Struct, frozen=True):
    """What came of asking an upstream."""

    status: Annotated[int | None, Meta(description="Null when there was no answer of use.", examples=[200])]
    seconds: Annotated[float, Meta(description="How long it took.", examples=[0.21])]
    problem: Annotated[
        str | None,
        Meta(description="Why reading through to it will not work; null when nothing is wrong.", examples=[None]),
    ]

    @staticmethod
    def of(found: Trial) -> UpstreamTrial:
        """How a trial is shown."""
        return UpstreamTrial(found.status, found.took.total_seconds(), found.problem)

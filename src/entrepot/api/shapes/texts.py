"""The texts and numbers that shapes are made of, each documented once.

Only their length is checked here; the model's own parsers know the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from entrepot.model.access import Action, Role

if TYPE_CHECKING:
    from collections.abc import Iterable

# What is shown as an example.
ID = "0b8f7e5c-6a0e-4c38-9a55-3a4b4f0f7a41"
TIME = "2026-01-31T12:00:00Z"
DIGEST = "sha256:" + 64 * "a"

# What clients may send: characters, elements, seconds.
MAX_TEXT = 1_000
MAX_PATTERNS = 100
MAX_PURLS = 500
MAX_SECRET = 16 * 1024
MAX_POSITION = 2**63 - 1
YEAR_SECONDS = 365 * 24 * 60 * 60
MAX_SECONDS = 100 * YEAR_SECONDS


def text(description: str, example: str, pattern: str | None = None, longest: int = MAX_TEXT) -> Meta:
    """How a text is documented. Only its length is checked here; the model's own parsers know the rest."""
    extra = None if pattern is None else {"pattern": pattern}
    return Meta(description=description, examples=[example], max_length=longest, extra_json_schema=extra)


_LABEL = "[a-z0-9]+(-[a-z0-9]+)*"

NamespaceText = Annotated[str, text("The name of a namespace.", "acme", f"^{_LABEL}$", 63)]
ChannelText = Annotated[str, text("The name of a channel.", "prod", f"^{_LABEL}$", 63)]
ViewText = Annotated[
    str,
    text(
        "A namespace (`acme`), or what one of its channels shows (`acme.prod`, read-only).",
        "acme",
        rf"^{_LABEL}(\.{_LABEL})?$",
        127,
    ),
]
FormatText = Annotated[str, text("A package's format; `GET /api/v1/status` lists them.", "oci")]
PackageText = Annotated[str, text("A package's name, with its slashes as they are.", "team/api")]
ReferenceText = Annotated[str, text("The name of a tag or a version.", "1.4.0", "^[a-zA-Z0-9_][a-zA-Z0-9._+-]{0,127}$")]
DigestText = Annotated[
    str, text("The digest of an artifact or a blob.", DIGEST, "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$")
]
ArtifactText = Annotated[str, text("A tag, a version, or the digest of an artifact.", "1.4.0")]
MediaTypeText = Annotated[str, text("A media type.", "application/vnd.oci.image.manifest.v1+json")]
PrincipalText = Annotated[
    str,
    text(
        "The name of a user or robot.",
        "build-robot",
        f"^([a-z0-9]([a-z0-9._@-]{{0,62}}[a-z0-9])?|publisher:{_LABEL}/{_LABEL})$",
    ),
]
WebhookId = Annotated[str, text("The id of a webhook.", ID)]
TokenId = Annotated[str, text("The public id of a token.", ID)]
PatternText = Annotated[str, text("A glob over the names of packages; `*` is any run of characters.", "*")]
PolicyText = Annotated[str, text("The name of a policy.", "no-criticals", "^[a-z0-9][a-z0-9-]*$", 63)]
ExemptionId = Annotated[str, text("An exemption.", ID, longest=100)]
PlanId = Annotated[str, text("The id of a plan of what goes.", ID)]
HoldId = Annotated[str, text("A lease or a hold.", ID, longest=100)]
ClusterText = Annotated[str, text("A cluster, as whoever deploys calls it.", "eu-1", longest=128)]
SecretText = Annotated[
    str, text("What a secret is called.", "aws-access-key-0a1b2c3d4e5f", "^[a-z0-9-]+-[0-9a-f]{12}$", 100)
]
PromotionId = Annotated[str, text("A promotion.", ID, longest=100)]
UpstreamText = Annotated[str, text("The name of an upstream in its namespace.", "public", f"^{_LABEL}$", 63)]
IssuerText = Annotated[str, text("The name of an issuer of identity tokens.", "github", f"^{_LABEL}$", 63)]
PublisherText = Annotated[str, text("The name of a trusted publisher in its namespace.", "release", f"^{_LABEL}$", 63)]
AdvisorySourceText = Annotated[str, text("The name of a source of advisories.", "osv", f"^{_LABEL}$", 63)]
AdvisoryText = Annotated[str, text("The name of an advisory, as its database has it.", "PYSEC-2023-74")]
SignerText = Annotated[
    str, text("The name of a signer in its namespace.", "ci-2026", "^[a-z0-9]+([._-][a-z0-9]+)*$", 63)
]
RootText = Annotated[str, text("The name of a trusted root.", "acme-sigstore", f"^{_LABEL}$", 63)]
SbomFormText = Annotated[str, text("The form of an SBOM: `cyclonedx` or `spdx`.", "cyclonedx")]
PurlText = Annotated[
    str,
    text("A package URL; `*` in it is any run of characters. Without a version it is all of them.", "pkg:oci/lib*"),
]
RoleName = Annotated[Role, Meta(description="What it allows.", examples=[Role.PUBLISHER])]
ActionNames = Annotated[list[Action], Meta(description="What it comes to.", examples=[sorted(Role.PUBLISHER.actions)])]
Reason = Annotated[str, text("Why, for people.", "broken on arm64")]
Position = Annotated[int, Meta(description="A place in the journal.", examples=[42])]
Size = Annotated[int, Meta(description="In bytes.", examples=[1234])]
Annotations = Annotated[
    dict[str, str],
    Meta(
        description="What the artifact's manifest says of itself.",
        examples=[{"org.opencontainers.image.revision": "4f2c1e0"}],
    ),
]


def texts_of(values: Iterable[object]) -> list[str]:
    """Each of them as text."""
    return [str(value) for value in values]

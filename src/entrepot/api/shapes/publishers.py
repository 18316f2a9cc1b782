"""What the management API reads and writes about trusted publishers and the issuers of their identity tokens."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from entrepot.api.shapes.texts import TIME, IssuerText, NamespaceText, PatternText, PublisherText, RoleName, text
from entrepot.model.access import Role
from entrepot.model.federation import Algorithm, Provider

if TYPE_CHECKING:
    from entrepot.model import federation
    from entrepot.operations.exchange import Preview

_PROVIDER = Meta(description="Whose claims its tokens have.", examples=[Provider.GITHUB])
_ISSUER_URL = text("Exactly what its tokens have as `iss`.", "https://gitlab.example.com", longest=512)
_AUDIENCES = Meta(
    description="What a token may be for; it must be for one of them, and nothing else. The first is told to clients.",
    examples=[["https://registry.example.com"]],
    max_length=10,
)
_ALGORITHMS = Meta(description="How its tokens may be signed.", examples=[[Algorithm.RS256]], max_length=10)
_MAX_LIFETIME = Meta(description="How long a token may be good for.", examples=[3600], ge=60, le=86_400)
_ISSUER_PRIVATE = Meta(description="Whether it may be at an address of a private network.", examples=[False])
_RULES = Meta(
    description="What claims must be: a text, or a glob in which `*` does not cross `/`, `:` or `@`.",
    examples=[{"repository": "acme/app", "workflow_file": "release.yml", "environment": "release"}],
    max_length=30,
)
_RULE_TEXT = Meta(max_length=512)
_PUBLISHED = Meta(description="Which packages it is for.", examples=[["app", "lib-*"]], max_length=50)
_PUBLISHER_LIFETIME = Meta(
    description="How long the tokens work that its jobs get.", examples=[900], ge=60, le=12 * 60 * 60
)


class Issuer(Struct, frozen=True):
    """A system whose identity tokens are believed, as far as trusted publishers say so."""

    name: IssuerText
    provider: Annotated[Provider, _PROVIDER]
    url: Annotated[str, _ISSUER_URL]
    audiences: Annotated[list[str], _AUDIENCES]
    algorithms: Annotated[list[Algorithm], _ALGORITHMS]
    max_lifetime_seconds: Annotated[int, _MAX_LIFETIME]
    private: Annotated[bool, _ISSUER_PRIVATE]
    has_keys: Annotated[bool, Meta(description="Whether its keys were uploaded; else it is asked for them.")]

    @classmethod
    def of(cls, issuer: federation.Issuer) -> Issuer:
        """What is shown of an issuer."""
        return cls(
            issuer.name,
            issuer.provider,
            issuer.url,
            list(issuer.audiences),
            list(issuer.algorithms),
            int(issuer.max_lifetime.total_seconds()),
            issuer.private,
            issuer.keys is not None,
        )


class NewIssuer(Struct, frozen=True, forbid_unknown_fields=True):
    """An issuer to be."""

    name: IssuerText
    url: Annotated[str, _ISSUER_URL]
    provider: Annotated[Provider, _PROVIDER] = Provider.GENERIC
    audiences: Annotated[list[Annotated[str, Meta(max_length=512)]], _AUDIENCES] = []
    algorithms: Annotated[list[Algorithm], _ALGORITHMS] = msgspec.field(default_factory=lambda: [Algorithm.RS256])
    max_lifetime_seconds: Annotated[int, _MAX_LIFETIME] = 3600
    private: Annotated[bool, _ISSUER_PRIVATE] = False
    keys: Annotated[
        dict[str, Any] | None,
        Meta(description="Its public keys, a JWK set, where it cannot be asked.", examples=[None]),
    ] = None


class RemovedIssuer(Struct, frozen=True):
    """An issuer that is believed no more."""

    name: IssuerText
    publishers: Annotated[
        list[str], Meta(description="The trusted publishers that went with it.", examples=[["acme/release"]])
    ]


class Publisher(Struct, frozen=True):
    """Jobs that may do something in a namespace, without a secret."""

    namespace: NamespaceText
    name: PublisherText
    principal: Annotated[
        str, Meta(description="The robot that acts for it, in the journal too.", examples=["publisher:acme/release"])
    ]
    issuer: IssuerText
    rules: Annotated[dict[str, Annotated[str, _RULE_TEXT]], _RULES]
    packages: Annotated[list[PatternText], _PUBLISHED]
    role: RoleName
    lifetime_seconds: Annotated[int, _PUBLISHER_LIFETIME]
    used_at: Annotated[
        datetime | None,
        Meta(description="When a job was believed last; null while it is pending.", examples=[TIME]),
    ]
    lapses_at: Annotated[
        datetime | None,
        Meta(
            description="Until when a job has to come, while it is pending; null for one whose jobs came.",
            examples=[TIME],
        ),
    ]

    @classmethod
    def of(cls, publisher: federation.Publisher) -> Publisher:
        """What is shown of a trusted publisher."""
        return cls(
            publisher.namespace,
            publisher.name,
            publisher.principal,
            publisher.issuer,
            {rule.claim: rule.pattern for rule in publisher.rules},
            [str(pattern) for pattern in publisher.packages],
            publisher.role,
            int(publisher.lifetime.total_seconds()),
            publisher.used_at,
            publisher.lapses_at,
        )


class NewPublisher(Struct, frozen=True, forbid_unknown_fields=True):
    """A trusted publisher to be."""

    name: PublisherText
    issuer: IssuerText
    rules: Annotated[dict[str, Annotated[str, _RULE_TEXT]], _RULES]
    packages: Annotated[list[PatternText], _PUBLISHED] = msgspec.field(default_factory=lambda: ["*"])
    role: RoleName = Role.PUBLISHER
    lifetime_seconds: Annotated[int, _PUBLISHER_LIFETIME] = 900


class TokenToPreview(Struct, frozen=True, forbid_unknown_fields=True):
    """An identity token to be looked at."""

    token: Annotated[str, Meta(description="As the CI system gave it.", examples=["eyJ…"], max_length=32 * 1024)]


class TokenProblem(Struct, frozen=True):
    """Why an identity token would be refused, whoever the job is."""

    reason: Annotated[str, Meta(description="For programs.", examples=["expired"])]
    detail: Annotated[str, Meta(description="For people.", examples=["exp (expected later than 2026-01-31T12:00:00Z)"])]


class ClaimCheck(Struct, frozen=True):
    """One thing that a trusted publisher asks of a job."""

    claim: Annotated[str, Meta(examples=["repository"])]
    expected: Annotated[str, Meta(examples=["acme/app"])]
    actual: Annotated[str | None, Meta(description="What the token says; null for nothing.", examples=["acme/app"])]
    holds: Annotated[bool, Meta(examples=[True])]


class JudgedPublisher(Struct, frozen=True):
    """A trusted publisher, and whether it is for the job."""

    name: PublisherText
    matches: Annotated[bool, Meta(description="Whether every check holds, and it has not lapsed.", examples=[True])]
    checks: Annotated[list[ClaimCheck], Meta(description="All that it asks.")]
    lapsed: Annotated[bool, Meta(description="Whether it waited too long for its first job.", examples=[False])]


class TokenPreview(Struct, frozen=True):
    """What would come of trading an identity token."""

    issuer: Annotated[IssuerText | None, Meta(description="Who made it; null when nobody known did.")]
    problems: Annotated[list[TokenProblem], Meta(description="Why it would be refused; none when it is good.")]
    subject: Annotated[
        str | None,
        Meta(
            description="Whom it is about; null when its signature is not good.",
            examples=["repo:acme/app:ref:refs/heads/main"],
        ),
    ]
    expires_at: Annotated[datetime | None, Meta(description="Until when it is good.", examples=[TIME])]
    publishers: Annotated[
        list[JudgedPublisher],
        Meta(description="The namespace's for this issuer, those that match first; none while its signature is bad."),
    ]
    unknown_claims: Annotated[
        list[str], Meta(description="Claims that nobody here knows, and no rule looks at.", examples=[[]])
    ]

    @classmethod
    def of(cls, found: Preview) -> TokenPreview:
        """What is shown of a preview; never the token."""
        return cls(
            None if found.issuer is None else found.issuer.name,
            [TokenProblem(each.reason, str(each)) for each in found.problems],
            found.subject,
            found.expires_at,
            [
                JudgedPublisher(
                    each.publisher.name,
                    each.matches,
                    [ClaimCheck(check.claim, check.expected, check.actual, check.holds) for check in each.checks],
                    each.lapsed,
                )
                for each in found.publishers
            ],
            list(found.unknown),
        )

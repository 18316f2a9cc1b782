"""Trade a job's identity token for a short-lived token of the registry; or only say what would come of it.

Whoever holds a token that is good may trade it, once: they need no other credentials. To them all publishers that do
not match are one answer; what each of them missed stands in the log, and is shown to whoever governs the namespace.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from entrepot.model.access import Action, TokenKind, TokenSecret
from entrepot.model.errors import IdentityTokenInvalid, NamespaceUnknown, NoTrustedPublisher, SeveralPublishers
from entrepot.model.events import TokenExchanged
from entrepot.model.names import PackagePattern, View
from entrepot.operations import access
from entrepot.operations.govern import read_namespace
from entrepot.operations.issuer_keys import find_keys
from entrepot.ports.catalog import TokenRow
from entrepot.trust.oidc.claims import LISTINGS, Check, judge, pins_for
from entrepot.trust.oidc.tokens import LEEWAY, Reason, parse_token, problems, require_signature, require_valid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.federation import Issuer, Publisher, PublisherName
    from entrepot.model.names import NamespaceName, PackageName
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.trust.oidc.tokens import IdentityToken

_log = structlog.stdlib.get_logger("entrepot.federation")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client says of what it wants the token for; None for whatever there is."""

    namespace: NamespaceName | None = None
    publisher: PublisherName | None = None
    package: PackageName | None = None
    """The token is then for this package alone."""

    def fits(self, publisher: Publisher) -> bool:
        """Whether the publisher could be meant."""
        return (
            self.namespace in (None, publisher.namespace)
            and self.publisher in (None, publisher.name)
            and (self.package is None or any(pattern.matches(self.package) for pattern in publisher.packages))
        )


async def exchange(registry: Registry, text: str, wanted: Wanted) -> tuple[TokenRow, TokenSecret]:
    """Trade an identity token for one of the registry, and return it with its secret, which is stored nowhere.

    Raises `IdentityTokenInvalid`, `NoTrustedPublisher`, `SeveralPublishers`, `UpstreamUnavailable`, `UpstreamInvalid`.
    """
    token = parse_token(text)
    issuer = await _find_issuer(registry, token)
    keys = await find_keys(registry, issuer, token.key_id)
    now = registry.clock.now()
    require_valid(token, issuer, keys, now)
    publisher = await _find_publisher(registry, token, issuer, wanted)
    secret = TokenSecret.generate(TokenKind.ROBOT)
    row = TokenRow(
        id=registry.clock.new_id(),
        label=publisher.principal,
        principal=publisher.principal,
        scope=tuple(
            # No right to grant: what it could make with that would outlive the job.
            replace(each, pattern=pattern, only=each.role.actions - {Action.GOVERN})
            for each in publisher.allowances
            if (pattern := _narrowed(each.pattern, wanted.package)) is not None
        ),
        parent=None,
        created_at=now,
        expires_at=now + publisher.lifetime,
        revoked=False,
    )

    def change(transaction: Transaction) -> None:
        current = transaction.federation.find_publisher(publisher.namespace, publisher.name)
        if (
            current is None
            or transaction.federation.find_issuer(publisher.issuer) != issuer
            or replace(current, rules=publisher.rules, used_at=publisher.used_at) != publisher
            or not _matches(issuer, current, token)
        ):
            raise NoTrustedPublisher  # It was changed while we looked.
        if not transaction.federation.use_token(token.single_use, token.expires_at + LEEWAY):
            raise IdentityTokenInvalid("the token", reason=Reason.USED, expected="one that was not traded before")
        pins = () if current.used_at is not None else tuple(pins_for(issuer.provider, current.rules, token.claims))
        rules = tuple(sorted((*current.rules, *pins)))
        transaction.federation.set_publisher(replace(current, rules=rules, used_at=now))
        transaction.add_token(row, secret.hash)
        transaction.append(publisher.principal, _exchanged(row, publisher, token, pinned=tuple(map(str, pins))))

    await registry.catalog.write(change)
    return row, secret


async def _find_issuer(registry: Registry, token: IdentityToken) -> Issuer:
    issuer = await registry.catalog.federation.find_issuer(token.issuer)
    if issuer is None:
        raise IdentityTokenInvalid("iss", reason=Reason.ISSUER, expected="an issuer that is registered here")
    return issuer


async def _find_publisher(registry: Registry, token: IdentityToken, issuer: Issuer, wanted: Wanted) -> Publisher:
    candidates = [
        publisher
        for publisher in await registry.catalog.federation.list_publishers(wanted.namespace, issuer=issuer.name)
        if wanted.fits(publisher)
    ]
    unknown = LISTINGS[issuer.provider].unknown(token.claims) if issuer.provider != "generic" else ()
    if unknown:
        _log.info("claims on no list", issuer=issuer.name, claims=[name[:100] for name in unknown[:20]])
    now = registry.clock.now()
    found = [
        publisher for publisher in candidates if _matches(issuer, publisher, token) and not _has_lapsed(publisher, now)
    ]
    if not found:
        _log.warning(
            "no trusted publisher matches",
            issuer=issuer.name,
            subject=token.subject,
            claims=token.claims_digest,
            missed={
                f"{publisher.namespace}/{publisher.name}": [
                    check.claim for check in judge(issuer.provider, publisher.rules, token.claims) if not check.holds
                ]
                for publisher in candidates[:20]
            },
            lapsed=[f"{each.namespace}/{each.name}" for each in candidates[:20] if _has_lapsed(each, now)],
        )
        raise NoTrustedPublisher
    if len(found) > 1:
        named = [f"{publisher.namespace}/{publisher.name}" for publisher in found]
        _log.warning("several trusted publishers match", issuer=issuer.name, subject=token.subject, publishers=named)
        raise SeveralPublishers(", ".join(named[:10]))
    return found[0]


def _matches(issuer: Issuer, publisher: Publisher, token: IdentityToken) -> bool:
    return all(check.holds for check in judge(issuer.provider, publisher.rules, token.claims))


def _has_lapsed(publisher: Publisher, now: datetime) -> bool:
    return publisher.lapses_at is not None and publisher.lapses_at <= now


def _narrowed(pattern: PackagePattern, package: PackageName | None) -> PackagePattern | None:
    """A pattern for what is wanted alone; None when it is not about that."""
    if package is None:
        return pattern
    return PackagePattern(package) if pattern.matches(package) else None


def _exchanged(row: TokenRow, publisher: Publisher, token: IdentityToken, *, pinned: tuple[str, ...]) -> TokenExchanged:
    return TokenExchanged(
        namespace=publisher.namespace,
        token=row.id,
        publisher=publisher.name,
        principal=publisher.principal,
        issuer=token.issuer,
        subject=token.subject,
        claims=token.claims_digest,
        role=publisher.role,
        packages=tuple(str(allowance.pattern) for allowance in row.scope or ()),
        expires_at=row.created_at + publisher.lifetime,
        pinned=pinned,
    )


# --- what would come of it ---


@dataclass(frozen=True, slots=True)
class Judged:
    """A publisher, and what it asks of a token."""

    publisher: Publisher
    checks: Sequence[Check]
    lapsed: bool = False
    """Whether it waited too long for its first job."""

    @property
    def matches(self) -> bool:
        """Whether all of it holds, and it still counts."""
        return not self.lapsed and all(check.holds for check in self.checks)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would come of trading a token."""

    issuer: Issuer | None
    problems: Sequence[IdentityTokenInvalid]
    """Why the token would be refused, whoever the job is."""
    subject: str | None = None
    expires_at: datetime | None = None
    publishers: Sequence[Judged] = ()
    """The namespace's publishers of the issuer, those that match first; none while nobody knows who made the token."""
    unknown: Sequence[str] = ()
    """Claims that are on no list of what is known of the provider."""


async def preview(registry: Registry, caller: Caller, namespace: NamespaceName, text: str) -> Preview:
    """What would come of trading a token in a namespace, for whoever governs it. Nothing is used up, nothing is kept.

    Of a token whose signature is not good nothing is said but that.

    Raises `NamespaceUnknown`, `Unauthenticated`, `Denied`, `UpstreamUnavailable`, `UpstreamInvalid`.
    """
    await read_namespace(registry, caller, namespace)
    access.require_anywhere(caller, Action.GOVERN, View(namespace))
    if await registry.catalog.find_namespace(namespace) is None:
        raise NamespaceUnknown(namespace)
    issuer = None
    try:
        token = parse_token(text)
        issuer = await _find_issuer(registry, token)
        require_signature(token, issuer, await find_keys(registry, issuer, token.key_id))
    except IdentityTokenInvalid as error:
        return Preview(issuer, [error])
    found = list(problems(token, issuer, registry.clock.now()))
    if await registry.catalog.federation.is_used(token.single_use):
        found.append(IdentityTokenInvalid("the token", reason=Reason.USED, expected="one that was not traded before"))
    judged = [
        Judged(
            publisher,
            judge(issuer.provider, publisher.rules, token.claims),
            _has_lapsed(publisher, registry.clock.now()),
        )
        for publisher in await registry.catalog.federation.list_publishers(namespace, issuer=issuer.name)
    ]
    return Preview(
        issuer,
        found,
        subject=token.subject,
        expires_at=token.expires_at,
        publishers=sorted(judged, key=lambda each: not each.matches),
        unknown=() if issuer.provider == "generic" else LISTINGS[issuer.provider].unknown(token.claims),
    )

"""Trusted publishers: the federation area of the catalog."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.session import CHANGE
from entrepot.drivers.catalog.statements import Statement, load
from entrepot.model.access import Role
from entrepot.model.errors import IssuerUnknown, PublisherUnknown
from entrepot.model.federation import (
    Algorithm,
    ClaimRule,
    Issuer,
    IssuerName,
    Provider,
    Publisher,
    PublisherName,
)
from entrepot.model.names import NamespaceName, PackagePattern

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session

FEDERATION: Final = load("federation")
_KEPT: Final = timedelta(days=7)
"""How long listings still show a publisher's token after its end."""


class SqlFederation:
    """Implements `entrepot.ports.federation.Federation`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def list_issuers(self) -> Sequence[Issuer]:
        """All of them, the oldest first."""
        return [_issuer(row) for row in await self._questions.all(FEDERATION.list_issuers)]

    async def find_issuer(self, url: str) -> Issuer | None:
        """The issuer that calls itself so, to the letter."""
        row = await self._questions.one(FEDERATION.find_issuer_by_url, url=url)
        return None if row is None else _issuer(row)

    async def list_publishers(
        self, namespace: NamespaceName | None = None, *, issuer: IssuerName | None = None
    ) -> Sequence[Publisher]:
        """The trusted publishers, by namespace and name."""
        found = await self._questions.all(FEDERATION.list_publishers, namespace=namespace, issuer=issuer)
        return [_publisher(row) for row in found]

    async def is_used(self, token: str) -> bool:
        """Whether an identity token was traded already."""
        return await self._questions.one(FEDERATION.is_used, hash=token) is not None


class SqlFederationChanges:
    """Implements `entrepot.ports.federation.FederationChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_issuer(self, issuer: Issuer) -> bool:
        """Believe its tokens; False when there is one of this name, or with this URL."""
        return (
            self._session.run(
                FEDERATION.add_issuer,
                name=issuer.name,
                provider=issuer.provider,
                url=issuer.url,
                audiences=rows.json_list(issuer.audiences),
                algorithms=rows.json_list(issuer.algorithms),
                max_lifetime=int(issuer.max_lifetime.total_seconds()),
                private=issuer.private,
                keys=issuer.keys,
            )
            > 0
        )

    def find_issuer(self, name: IssuerName) -> Issuer | None:
        """The issuer of this name."""
        row = self._session.one(FEDERATION.find_issuer, name=name)
        return None if row is None else _issuer(row)

    def remove_issuer(self, name: IssuerName) -> bool:
        """Believe its tokens no more, and forget its publishers; False when there is none of this name."""
        return self._session.run(FEDERATION.remove_issuer, name=name) > 0

    def add_publisher(self, publisher: Publisher) -> bool:
        """Trust it; False when the namespace has one of this name."""
        issuer = self._session.one(FEDERATION.issuer_id, name=publisher.issuer)
        if issuer is None:
            raise IssuerUnknown(publisher.issuer)
        return self._change(
            publisher.namespace,
            FEDERATION.add_publisher,
            **_stored(publisher),
            issuer=issuer[0],
            packages=rows.json_list(map(str, publisher.packages)),
            role=publisher.role,
            lifetime=int(publisher.lifetime.total_seconds()),
            added_at=_added_at(publisher),
        )

    def find_publisher(self, namespace: NamespaceName, name: PublisherName) -> Publisher | None:
        """The publisher of this name."""
        row = self._session.one(FEDERATION.find_publisher, namespace=namespace, name=name)
        return None if row is None else _publisher(row)

    def list_publishers(self, issuer: IssuerName) -> Sequence[Publisher]:
        """Those that an issuer's tokens are believed for."""
        found = self._session.all(FEDERATION.list_publishers, namespace=None, issuer=issuer)
        return [_publisher(row) for row in found]

    def set_publisher(self, publisher: Publisher) -> None:
        """Replace its rules, and when it was used last."""
        if not self._change(publisher.namespace, FEDERATION.set_publisher, **_stored(publisher)):
            raise PublisherUnknown(publisher.name)

    def remove_publisher(self, namespace: NamespaceName, name: PublisherName) -> bool:
        """Trust it no more; False when there is none of this name."""
        return self._change(namespace, FEDERATION.remove_publisher, name=name)

    def _change(self, namespace: NamespaceName, statement: Statement, **parameters: object) -> bool:
        namespace_id = self._session.namespace_id(namespace)
        changed = self._session.run(statement, namespace=namespace_id, **parameters) > 0
        if changed:
            self._session.run(CHANGE.touch_namespace, namespace=namespace_id, position=self._session.position)
        return changed

    def use_token(self, token: str, expires_at: datetime) -> bool:
        """Remember until *expires_at* that an identity token was traded; False when it was before."""
        return self._session.run(FEDERATION.use_token, hash=token, expires_at=rows.time_text(expires_at)) > 0

    def forget_expired(self) -> None:
        """Forget what nobody can use any more."""
        self._session.run(FEDERATION.forget_used, now=rows.time_text(self._session.now))
        self._session.run(FEDERATION.forget_tokens, horizon=rows.time_text(self._session.now - _KEPT))


def _stored(publisher: Publisher) -> dict[str, Any]:
    return {
        "name": publisher.name,
        "rules": msgspec.json.encode([(rule.claim, rule.pattern) for rule in publisher.rules]).decode(),
        "used_at": None if publisher.used_at is None else rows.time_text(publisher.used_at),
    }


def _added_at(publisher: Publisher) -> str | None:
    return None if publisher.added_at is None else rows.time_text(publisher.added_at)


def _issuer(row: tuple[Any, ...]) -> Issuer:
    name, provider, url, audiences, algorithms, max_lifetime, private, keys = row
    return Issuer(
        name=IssuerName(name),
        provider=Provider(provider),
        url=url,
        audiences=tuple(msgspec.json.decode(audiences, type=list[str])),
        algorithms=tuple(map(Algorithm, msgspec.json.decode(algorithms, type=list[str]))),
        max_lifetime=timedelta(seconds=max_lifetime),
        private=bool(private),
        keys=keys,
    )


def _publisher(row: tuple[Any, ...]) -> Publisher:
    namespace, name, issuer, rules, packages, role, lifetime, used_at, added_at = row
    return Publisher(
        namespace=NamespaceName(namespace),
        name=PublisherName(name),
        issuer=IssuerName(issuer),
        rules=tuple(ClaimRule(claim, pattern) for claim, pattern in msgspec.json.decode(rules)),
        packages=tuple(PackagePattern(pattern) for pattern in msgspec.json.decode(packages)),
        role=Role(role),
        lifetime=timedelta(seconds=lifetime),
        used_at=None if used_at is None else rows.parse_time(used_at),
        added_at=None if added_at is None else rows.parse_time(added_at),
    )

"""What every catalog promises of issuers and trusted publishers (`entrepot.ports.federation`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from entrepot.model.access import PrincipalKind, Role
from entrepot.model.errors import IssuerUnknown, NamespaceUnknown, PublisherUnknown
from entrepot.model.federation import Algorithm, ClaimRule, Issuer, IssuerName, Provider, Publisher, PublisherName
from entrepot.model.names import PackagePattern, PrincipalName, parse_namespace
from entrepot.model.namespace import Namespace
from entrepot.ports.catalog import TokenRow

if TYPE_CHECKING:
    from entrepot.ports.catalog import Catalog, Transaction
    from entrepot.testing.builders import StoppedClock

_ACME: Final = parse_namespace("acme")
_ISSUER: Final = Issuer(
    IssuerName("ci"),
    Provider.GITHUB,
    "https://issuer.example.com",
    ("https://registry.example.com", "npm:registry.example.com"),
    (Algorithm.ES256, Algorithm.EDDSA),
    max_lifetime=timedelta(minutes=5),
    private=True,
    keys='{"keys":[]}',
)
_PUBLISHER: Final = Publisher(
    _ACME,
    PublisherName("release"),
    _ISSUER.name,
    (ClaimRule("repository", "acme/app"), ClaimRule("workflow_file", "release.yml")),
    (PackagePattern("app"), PackagePattern("lib-*")),
    role=Role.MAINTAINER,
    lifetime=timedelta(minutes=5),
)


def _prepare(change: Transaction) -> None:
    change.add_namespace(Namespace(_ACME))
    change.federation.add_issuer(_ISSUER)
    change.federation.add_publisher(_PUBLISHER)


class FederationContract:
    """To be inherited by a test class that has the fixtures ``catalog`` and ``clock``."""

    async def test_an_issuer_is_found_by_its_url_to_the_letter(self, catalog: Catalog) -> None:
        assert await catalog.write(lambda change: change.federation.add_issuer(_ISSUER))

        assert await catalog.federation.find_issuer(_ISSUER.url) == _ISSUER
        assert await catalog.federation.find_issuer(_ISSUER.url + "/") is None
        assert await catalog.federation.find_issuer(_ISSUER.url.upper()) is None
        assert await catalog.federation.list_issuers() == [_ISSUER]
        assert await catalog.write(lambda change: change.federation.find_issuer(_ISSUER.name)) == _ISSUER

    async def test_an_issuers_name_and_url_are_taken_once(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.federation.add_issuer(_ISSUER))
        same_name = replace(_ISSUER, url="https://other.example.com")
        same_url = replace(_ISSUER, name=IssuerName("other"))

        assert not await catalog.write(lambda change: change.federation.add_issuer(same_name))
        assert not await catalog.write(lambda change: change.federation.add_issuer(same_url))

    async def test_a_publisher_is_what_was_added(self, catalog: Catalog) -> None:
        await catalog.write(_prepare)

        assert await catalog.federation.list_publishers() == [_PUBLISHER]
        assert await catalog.federation.list_publishers(_ACME, issuer=_ISSUER.name) == [_PUBLISHER]
        assert await catalog.federation.list_publishers(parse_namespace("other")) == []
        assert await catalog.federation.list_publishers(issuer=IssuerName("other")) == []
        assert not await catalog.write(lambda change: change.federation.add_publisher(_PUBLISHER))

    async def test_a_publisher_needs_its_namespace_and_its_issuer(self, catalog: Catalog) -> None:
        await catalog.write(_prepare)
        homeless = replace(_PUBLISHER, namespace=parse_namespace("nowhere"))
        unissued = replace(_PUBLISHER, name=PublisherName("other"), issuer=IssuerName("other"))

        with pytest.raises(NamespaceUnknown):
            await catalog.write(lambda change: change.federation.add_publisher(homeless))
        with pytest.raises(IssuerUnknown):
            await catalog.write(lambda change: change.federation.add_publisher(unissued))

    async def test_a_publisher_that_was_used_has_other_rules(self, catalog: Catalog, clock: StoppedClock) -> None:
        await catalog.write(_prepare)
        used = replace(_PUBLISHER, rules=(*_PUBLISHER.rules, ClaimRule("repository_id", "7")), used_at=clock.now())

        await catalog.write(lambda change: change.federation.set_publisher(used))

        found = await catalog.write(lambda change: change.federation.find_publisher(_ACME, used.name))
        assert found == used
        with pytest.raises(PublisherUnknown):
            await catalog.write(
                lambda change: change.federation.set_publisher(replace(used, name=PublisherName("other")))
            )

    async def test_publishers_go_with_their_issuer(self, catalog: Catalog) -> None:
        await catalog.write(_prepare)

        assert await catalog.write(lambda change: change.federation.list_publishers(_ISSUER.name)) == [_PUBLISHER]
        assert await catalog.write(lambda change: change.federation.remove_issuer(_ISSUER.name))

        assert await catalog.federation.list_publishers() == []
        assert not await catalog.write(lambda change: change.federation.remove_issuer(_ISSUER.name))

    async def test_a_publisher_is_removed_once(self, catalog: Catalog) -> None:
        await catalog.write(_prepare)

        assert await catalog.write(lambda change: change.federation.remove_publisher(_ACME, _PUBLISHER.name))
        assert not await catalog.write(lambda change: change.federation.remove_publisher(_ACME, _PUBLISHER.name))

    async def test_an_identity_token_is_used_once_until_it_expires(self, catalog: Catalog, clock: StoppedClock) -> None:
        end = clock.now() + timedelta(minutes=5)

        assert await catalog.write(lambda change: change.federation.use_token("a", end))
        assert not await catalog.write(lambda change: change.federation.use_token("a", end))
        assert await catalog.federation.is_used("a")
        assert not await catalog.federation.is_used("b")

        clock.advance(minutes=5)
        await catalog.write(lambda change: change.federation.forget_expired())
        assert await catalog.federation.is_used("a")
        clock.advance(seconds=1)
        await catalog.write(lambda change: change.federation.forget_expired())
        assert not await catalog.federation.is_used("a")

    async def test_publishers_tokens_are_forgotten_a_week_after_their_end(
        self, catalog: Catalog, clock: StoppedClock
    ) -> None:
        publisher, person = _PUBLISHER.principal, PrincipalName("publisher")
        end = clock.now() + timedelta(minutes=15)

        def add(change: Transaction) -> None:
            for holder, token_id, parent in ((publisher, "a", None), (publisher, "b", "a"), (person, "c", None)):
                change.add_principal(holder, PrincipalKind.ROBOT)
                change.add_token(
                    TokenRow(token_id, holder, holder, None, parent, clock.now(), end, revoked=False), token_id.encode()
                )

        await catalog.write(add)
        clock.advance(days=7)
        await catalog.write(lambda change: change.federation.forget_expired())
        assert [token.id for token in await catalog.list_tokens()] == ["a", "b", "c"]

        clock.advance(hours=1)
        for left in (["a", "c"], ["c"]):
            await catalog.write(lambda change: change.federation.forget_expired())
            assert [token.id for token in await catalog.list_tokens()] == left

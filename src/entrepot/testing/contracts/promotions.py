"""What every catalog promises of promotions, and of what channels ask (`entrepot.ports.promotions`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from entrepot.model.errors import ChannelUnknown
from entrepot.model.events import PromotionProposed
from entrepot.model.names import NamespaceName, parse_channel
from entrepot.model.promotion import ChannelRules, Promotion, PromotionState
from entrepot.testing.builders import NOON, StoppedClock, image, index, package
from entrepot.testing.contracts.catalog import ACME, API, OTHER, Filling

if TYPE_CHECKING:
    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName
    from entrepot.ports.catalog import Catalog, Transaction

_DEV, _STAGING, _PROD = (parse_channel(name) for name in ("dev", "staging", "prod"))
_BUILT: Final = image(b"layer")
_RULES: Final = ChannelRules(2, self_approval=True, soak=timedelta(days=3), ordered=True, automatic=True)


def _promotion(id: str = "one", channel: ChannelName = _PROD, digest: Digest = _BUILT.digest) -> Promotion:
    return Promotion(
        id,
        API,
        digest,
        "1.0",
        channel,
        PromotionState.PROPOSED,
        "ann",
        reason="release",
        refusals=("0 of 1 approvals",),
        facts={"size": 3, "versions": ["1.0"]},
        policies={"small@1": "sha256:1"},
    )


async def _keep(catalog: Catalog, promotion: Promotion) -> None:
    def change(transaction: Transaction) -> None:
        transaction.promotions.keep(promotion)
        transaction.append("ann", _event(promotion))

    await catalog.write(change)


def _event(promotion: Promotion) -> PromotionProposed:
    return PromotionProposed(
        namespace=ACME,
        package=API.path,
        promotion=promotion.id,
        channel=promotion.channel,
        digest=str(promotion.digest),
    )


async def _approve(catalog: Catalog, id: str, principal: str) -> bool:
    def change(transaction: Transaction) -> bool:
        if not transaction.promotions.approve(id, principal, "tested"):
            return False
        transaction.append(principal, _event(_promotion(id)))
        return True

    return await catalog.write(change)


async def _filled(catalog: Catalog) -> Filling:
    filling = Filling(catalog)
    await filling.namespace()
    await filling.artifact(_BUILT, "1.0")
    return filling


class PromotionsContract:
    """To be inherited by a test class that has the fixtures ``catalog`` and ``clock``."""

    async def test_a_promotion_is_known_as_it_was_kept(self, catalog: Catalog) -> None:
        await _filled(catalog)
        await _keep(catalog, _promotion())

        found = await catalog.promotions.find("one")

        position, _ = await catalog.head()
        assert found == replace(_promotion(), from_position=position, at=NOON)
        assert await catalog.promotions.find("two") is None
        assert await catalog.promotions.find_proposed(API, _PROD, _BUILT.digest) == found
        assert await catalog.write(lambda change: change.promotions.find_proposed(API, _PROD, _BUILT.digest)) == found
        assert await catalog.promotions.find_proposed(API, _STAGING, _BUILT.digest) is None
        assert await catalog.promotions.list_waiting(limit=9) == [found]

    @pytest.mark.parametrize("state", [PromotionState.APPLIED, PromotionState.REFUSED])
    async def test_a_promotion_that_is_decided_is_on_its_way_no_more(
        self, catalog: Catalog, state: PromotionState
    ) -> None:
        await _filled(catalog)
        await _keep(catalog, _promotion())
        decided = replace(_promotion(), state=state, refusals=(), facts={"size": 4}, statement=_BUILT.digest)

        await _keep(catalog, decided)

        found = await catalog.promotions.find("one")
        position, _ = await catalog.head()
        assert found is not None
        assert (found.state, found.facts, found.statement) == (state, {"size": 4}, _BUILT.digest)
        assert (found.until_position, found.decided_at) == (position, NOON)
        assert found.from_position is not None
        assert found.from_position < position
        assert await catalog.promotions.find_proposed(API, _PROD, _BUILT.digest) is None
        assert await catalog.promotions.list_waiting(limit=9) == []

    async def test_of_approvals_each_principal_has_one(self, catalog: Catalog) -> None:
        await _filled(catalog)
        await _keep(catalog, _promotion())

        assert await _approve(catalog, "one", "bob")
        assert await _approve(catalog, "one", "cat")
        assert not await _approve(catalog, "one", "bob")

        found = await catalog.promotions.find("one")
        assert found is not None
        assert [(each.principal, each.note, each.at) for each in found.approvals] == [
            ("bob", "tested", NOON),
            ("cat", "tested", NOON),
        ]

    async def test_promotions_are_listed_the_newest_first(self, catalog: Catalog) -> None:
        filling = await _filled(catalog)
        other = await filling.artifact(image(b"other"))
        await _keep(catalog, _promotion("one"))
        await _keep(catalog, replace(_promotion("two", _STAGING), state=PromotionState.APPLIED))
        await _keep(catalog, _promotion("three", digest=other))

        newest = await catalog.promotions.list(ACME, limit=9)

        assert [each.id for each in newest] == ["three", "two", "one"]
        assert [each.id for each in await catalog.promotions.list(ACME, API, limit=2)] == ["three", "two"]
        assert [each.id for each in await catalog.promotions.list(ACME, open_only=True, limit=9)] == ["three", "one"]
        assert [each.id for each in await catalog.promotions.list(ACME, digest=other, limit=9)] == ["three"]
        assert await catalog.promotions.list(ACME, before=newest[0].from_position, limit=1) == newest[1:2]
        assert await catalog.promotions.list(ACME, OTHER, limit=9) == []
        assert await catalog.promotions.list(NamespaceName("nobody"), limit=9) == []

    async def test_what_a_channel_asks_is_known_until_it_asks_something_else(self, catalog: Catalog) -> None:
        await _filled(catalog)

        async def rule(rules: ChannelRules) -> bool:
            return await catalog.write(lambda change: change.promotions.set_rules(ACME, _PROD, rules))

        assert not await rule(ChannelRules())
        assert await rule(_RULES)
        assert not await rule(_RULES)

        assert await catalog.promotions.list_rules(ACME) == {_PROD: _RULES}
        assert await catalog.write(lambda change: change.promotions.find_rules(ACME, _PROD)) == _RULES
        assert await catalog.write(lambda change: change.promotions.find_rules(ACME, _DEV)) == ChannelRules()
        with pytest.raises(ChannelUnknown):
            await catalog.write(lambda change: change.promotions.find_rules(ACME, parse_channel("moon")))

    async def test_what_is_in_the_channel_before_is_due_until_it_was_once_in_the_next(self, catalog: Catalog) -> None:
        filling = await _filled(catalog)
        await catalog.write(lambda change: change.promotions.set_rules(ACME, _STAGING, _RULES))
        assert await catalog.promotions.list_due(limit=9) == []

        await filling.clear(_BUILT.digest, "dev")

        assert await catalog.promotions.list_due(limit=9) == [(API, _BUILT.digest, _STAGING)]
        await filling.clear(_BUILT.digest, "staging")
        assert await catalog.promotions.list_due(limit=9) == []
        await filling.close(_BUILT.digest, "staging")
        assert await catalog.promotions.list_due(limit=9) == []

    async def test_it_is_known_when_something_came_and_where_it_is_cleared(
        self, catalog: Catalog, clock: StoppedClock
    ) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        whole = index(_BUILT)
        await filling.artifact(whole, "1.0")
        came = clock.now()
        clock.advance(hours=2)
        await filling.clear(whole.digest, "prod")
        asked = catalog.promotions

        assert await asked.first_seen(API, whole.digest) == (came, "tester")
        assert await asked.first_seen(OTHER, whole.digest) is None
        assert await asked.cleared_since(API, _BUILT.digest) == {_PROD: clock.now()}
        assert [await asked.is_cleared(API, _PROD, each.digest) for each in (whole, _BUILT)] == [True, False]
        assert await catalog.write(lambda change: change.promotions.first_seen(API, whole.digest)) == (came, "tester")
        assert await catalog.write(lambda change: change.promotions.cleared_since(API, whole.digest)) == {
            _PROD: clock.now()
        }

    async def test_an_artifact_is_as_large_as_all_that_it_links(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        whole = index(_BUILT)
        await filling.artifact(whole)
        inside = len(_BUILT.content) + sum(len(blob) for blob in _BUILT.blobs)

        assert await catalog.promotions.measure(_BUILT.digest) == inside
        assert await catalog.promotions.measure(whole.digest) == len(whole.content) + inside
        assert (
            await catalog.write(lambda change: change.promotions.measure(whole.digest)) == len(whole.content) + inside
        )

    async def test_what_this_change_brings_was_not_seen_before(self, catalog: Catalog) -> None:
        await _filled(catalog)
        new = image(b"layer", annotations={"new": "yes"})

        def change(transaction: Transaction) -> object:
            transaction.keep_artifact(new.artifact)
            transaction.add_artifact_member(API, new.digest)
            seen = transaction.promotions.first_seen(API, new.digest)
            transaction.append("ann", _event(_promotion()))
            return seen

        assert await catalog.write(change) is None

    async def test_the_revision_is_that_of_the_last_event_of_a_package(self, catalog: Catalog) -> None:
        await _filled(catalog)
        position, _ = await catalog.head()
        await Filling(catalog).artifact(image(b"else"), where=OTHER)

        assert await catalog.write(lambda change: change.promotions.revision(API)) == position
        assert await catalog.write(lambda change: change.promotions.revision(package("acme/nothing"))) is None

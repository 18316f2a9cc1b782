"""What every catalog promises of the tiers (`entrepot.ports.tiers`)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.errors import NamespaceUnknown, Unavailable
from entrepot.model.names import NamespaceName
from entrepot.model.retention import RetentionRule
from entrepot.model.tier import Recall, Stays, Tier, Tiering, TierRule
from entrepot.ports.collection import Amount, Garbage, KnownBlob
from entrepot.ports.tiers import Move, Placement
from entrepot.testing.builders import image
from entrepot.testing.contracts.catalog import ACME, API, BYTES, NAME

if TYPE_CHECKING:
    from entrepot.ports.catalog import Catalog, Transaction
    from entrepot.testing.builders import StoppedClock
    from entrepot.testing.contracts.catalog import Filling

SIZE = len(BYTES)
YEARLY = Tiering(
    rules=(TierRule(RetentionRule("a-year", pulled_within=timedelta(days=365)), Recall.REQUEST),),
    stays=frozenset({Stays.CLEARED, Stays.LEGAL}),
    automatic=True,
)


async def go_cold(catalog: Catalog, digest: Digest = NAME, *, stored: int = 2) -> int:
    """Let a blob be cold as if it had been copied, and return its generation there."""
    before = await catalog.tiers.find(digest)
    assert before is not None
    reserved = await catalog.write(lambda change: change.tiers.reserve(digest, Tier.COLD))
    assert reserved is not None
    move = Move(digest, Tier.COLD, reserved, (before.tier, before.generation), stored, Recall.STREAM, "old")
    assert await catalog.write(lambda change: change.tiers.move(move))
    return reserved


def _reserve(change: Transaction, tier: Tier) -> int | None:
    return change.tiers.reserve(NAME, tier)


class TiersContract:
    """To be inherited by a test class that has the fixtures ``catalog``, ``fill`` and ``clock``."""

    async def test_what_comes_is_hot(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob(inline=False)

        assert await catalog.tiers.find(NAME) == Placement(NAME, SIZE, BlobState.PRESENT, Tier.HOT, 0)
        assert await catalog.tiers.measure() == {Tier.HOT: Amount(1, SIZE), Tier.COLD: Amount(0, 0)}
        assert await catalog.tiers.find(Digest.of(b"never seen")) is None

    async def test_what_is_in_the_catalog_is_in_no_tier(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob(inline=True)

        assert await catalog.tiers.find(NAME) == Placement(NAME, SIZE, BlobState.PRESENT, Tier.HOT, 0, inline=True)
        assert await catalog.tiers.measure() == {Tier.HOT: Amount(0, 0), Tier.COLD: Amount(0, 0)}

    async def test_a_blob_lies_where_it_was_copied_to_and_its_old_place_is_left_alone_for_a_while(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await fill.blob(inline=False)

        generation = await go_cold(catalog)

        assert generation == 1
        assert await catalog.tiers.find(NAME) == Placement(
            NAME,
            SIZE,
            BlobState.PRESENT,
            Tier.COLD,
            1,
            stored=2,
            recall=Recall.STREAM,
            rule="old",
            since=clock.now(),
        )
        assert await catalog.tiers.measure() == {Tier.HOT: Amount(0, 0), Tier.COLD: Amount(1, 2)}
        assert [each.digest for each in await catalog.tiers.list_cold(ACME, limit=9)] == [NAME]
        assert await catalog.tiers.list_cold(NamespaceName("other"), limit=9) == []
        assert await catalog.collection.list_garbage(at=clock.now(), limit=9) == []
        later = clock.now() + timedelta(hours=1)
        assert await catalog.collection.list_garbage(at=later, limit=9) == [Garbage(NAME, 0, SIZE)]
        assert await catalog.violations() == []

    async def test_no_place_is_given_out_twice(self, catalog: Catalog, fill: Filling, clock: StoppedClock) -> None:
        await fill.blob(inline=False)

        hot, cold = (partial(_reserve, tier=tier) for tier in Tier)
        places = [await catalog.write(reserve) for reserve in (hot, cold, hot, cold)]
        await catalog.write(lambda change: change.tiers.release(NAME, Tier.COLD, 4, SIZE))
        places.append(await catalog.write(cold))

        assert places == [1, 2, 3, 4, 5]
        garbage = await catalog.collection.list_garbage(at=clock.now(), limit=9)
        assert [(each.tier, each.generation) for each in garbage] == [
            (Tier.HOT, 1),
            (Tier.COLD, 2),
            (Tier.HOT, 3),
            (Tier.COLD, 4),
        ]
        assert await catalog.violations() == []

    async def test_a_reservation_that_is_renewed_is_not_taken_over(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await fill.blob(inline=False)
        begun = clock.now()
        assert await catalog.write(lambda change: change.tiers.reserve(NAME, Tier.COLD, idle_since=begun)) == 1
        clock.advance(minutes=5)
        assert await catalog.write(lambda change: change.tiers.renew(NAME, 1))

        early = await catalog.write(lambda change: change.tiers.reserve(NAME, Tier.COLD, idle_since=begun))
        late = await catalog.write(lambda change: change.tiers.reserve(NAME, Tier.COLD, idle_since=clock.now()))

        assert (early, late) == (None, 2)
        assert not await catalog.write(lambda change: change.tiers.renew(NAME, 1))

    async def test_who_was_overtaken_moves_nothing(self, catalog: Catalog, fill: Filling, clock: StoppedClock) -> None:
        await fill.blob(inline=False)
        for _ in range(2):
            await catalog.write(lambda change: change.tiers.reserve(NAME, Tier.COLD))
        first, second = (Move(NAME, Tier.COLD, generation, (Tier.HOT, 0)) for generation in (1, 2))

        assert not await catalog.write(lambda change: change.tiers.move(first))
        assert await catalog.write(lambda change: change.tiers.move(second))
        assert not await catalog.write(lambda change: change.tiers.move(second))
        assert await catalog.violations() == []

    async def test_what_was_given_up_meanwhile_is_not_moved(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await fill.blob(inline=False)
        await catalog.write(lambda change: change.tiers.reserve(NAME, Tier.COLD))
        await fill.remove(NAME, artifact=False)
        await catalog.write(lambda change: change.collection.condemn(NAME))
        await catalog.write(lambda change: change.collection.give_up(NAME, before=clock.now()))

        assert not await catalog.write(lambda change: change.tiers.move(Move(NAME, Tier.COLD, 1, (Tier.HOT, 0))))

        assert await catalog.collection.find(NAME) == KnownBlob(BlobState.ABSENT, SIZE, 2)
        garbage = await catalog.collection.list_garbage(at=clock.now(), limit=9)
        assert [(each.tier, each.generation) for each in garbage] == [(Tier.HOT, 0), (Tier.COLD, 1)]
        assert await catalog.violations() == []

    async def test_what_is_given_up_in_the_cold_tier_comes_again_in_the_hot_one(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await fill.blob(inline=False)
        await go_cold(catalog)
        await fill.remove(NAME, artifact=False)
        await catalog.write(lambda change: change.collection.condemn(NAME))
        await catalog.write(lambda change: change.collection.give_up(NAME, before=clock.now()))

        await catalog.write(lambda change: change.keep_blob(NAME, SIZE, None, generation=2))

        assert await catalog.tiers.find(NAME) == Placement(NAME, SIZE, BlobState.PRESENT, Tier.HOT, 2)
        assert await catalog.violations() == []

    async def test_bytes_that_are_brought_to_a_reserved_place_make_a_cold_blob_hot(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await fill.blob(inline=False)
        await go_cold(catalog)
        await catalog.write(lambda change: change.damage_blob(NAME))

        with pytest.raises(Unavailable):
            await catalog.write(lambda change: change.keep_blob(NAME, SIZE, None, generation=1))
        assert await catalog.write(lambda change: change.tiers.reserve(NAME, Tier.HOT)) == 2
        await catalog.write(lambda change: change.keep_blob(NAME, SIZE, None, generation=2))

        assert await catalog.tiers.find(NAME) == Placement(NAME, SIZE, BlobState.PRESENT, Tier.HOT, 2)
        assert await catalog.violations() == []

    async def test_strays_of_both_tiers_are_disowned(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await fill.blob(inline=False)
        await catalog.write(lambda change: change.tiers.reserve(NAME, Tier.COLD))

        kept = await catalog.write(lambda change: change.collection.disown(NAME, 0, SIZE))
        stray = await catalog.write(lambda change: change.collection.disown(NAME, 1, SIZE, tier=Tier.COLD))

        assert (kept, stray) == (False, True)
        assert not await catalog.write(lambda change: change.tiers.move(Move(NAME, Tier.COLD, 1, (Tier.HOT, 0))))
        garbage = await catalog.collection.list_garbage(at=clock.now(), limit=9)
        assert garbage == [Garbage(NAME, 1, SIZE, Tier.COLD)]
        assert await catalog.violations() == []

    async def test_all_who_need_a_blob_are_known(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob(inline=False)
        built = await fill.artifact(image(BYTES))

        assert await catalog.tiers.list_users(NAME, limit=9) == [(API, built)]
        assert [each.digest for each in await catalog.tiers.list_blobs(API, built)] == [NAME]

    async def test_what_a_namespace_keeps_hot_is_what_it_said_last(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob()
        assert await catalog.tiers.find_tiering(ACME) == Tiering()
        assert await catalog.tiers.list_tiered() == []

        first = await catalog.write(lambda change: change.tiers.set(ACME, YEARLY, "ann"))
        again = await catalog.write(lambda change: change.tiers.set(ACME, YEARLY, "ben"))

        assert (first, again) == (True, False)
        assert await catalog.tiers.find_tiering(ACME) == YEARLY
        assert await catalog.write(lambda change: change.tiers.find_tiering(ACME)) == YEARLY
        assert await catalog.tiers.list_tiered() == [ACME]
        with pytest.raises(NamespaceUnknown):
            await catalog.write(lambda change: change.tiers.set(NamespaceName("nobody"), YEARLY, "ann"))

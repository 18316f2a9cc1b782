"""What every catalog promises of usage (`entrepot.ports.usage`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from entrepot.model.errors import NamespaceUnknown
from entrepot.model.names import NamespaceName
from entrepot.model.position import Position
from entrepot.model.reference import ReferenceKind
from entrepot.model.usage import Account, Quota, Sample
from entrepot.ports.usage import PackageUsage
from entrepot.testing.builders import image, package
from entrepot.testing.contracts.catalog import ACME, API, BYTES, NAME, OTHER

if TYPE_CHECKING:
    from entrepot.ports.catalog import Catalog, Transaction
    from entrepot.testing.builders import StoppedClock
    from entrepot.testing.contracts.catalog import Filling

SIZE = len(BYTES)
ZETA = NamespaceName("zeta")
THERE = package("zeta/api")
TODAY = date(2026, 1, 31)
BUILT = image(b"layer")


async def account(catalog: Catalog, namespace: NamespaceName = ACME) -> Account:
    """What a namespace that is there is charged with."""
    found = await catalog.usage.find(namespace)
    assert found is not None
    return found


class UsageContract:
    """To be inherited by a test class that has the fixtures ``catalog``, ``fill`` and ``clock``."""

    async def test_a_namespace_has_an_account_from_the_beginning(self, catalog: Catalog, fill: Filling) -> None:
        await fill.namespace("new")

        assert await catalog.usage.find(NamespaceName("new")) == Account(NamespaceName("new"))
        assert await catalog.usage.find(NamespaceName("nowhere")) is None

    async def test_a_blob_is_charged_once_however_many_packages_have_it(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob()
        await fill.blob(OTHER)

        assert await account(catalog) == Account(ACME, blobs=1, size=SIZE, unique_size=SIZE)
        assert await catalog.usage.is_charged(ACME, NAME)

    async def test_what_another_namespace_has_too_is_shared(self, catalog: Catalog, fill: Filling) -> None:
        await fill.namespace("zeta")
        await fill.blob()
        await fill.blob(THERE)

        both = await account(catalog), await account(catalog, ZETA)

        assert [(each.size, each.unique_size, each.shared_size) for each in both] == [(SIZE, 0, SIZE)] * 2

    async def test_what_one_of_three_gives_up_stays_shared_and_then_is_unique_again(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        names = [ACME, ZETA, NamespaceName("third")]
        places = [API, THERE, package("third/api")]
        for name in names[1:]:
            await fill.namespace(name)
        for place in places:
            await fill.blob(place)

        seen = []
        for place in reversed(places[1:]):
            await fill.remove(NAME, place, artifact=False)
            await catalog.write(lambda change: change.usage.release(before=Position(1_000), limit=10))
            seen.append([(each.size, each.unique_size) for each in [await account(catalog, name) for name in names]])

        assert seen == [[(SIZE, 0), (SIZE, 0), (0, 0)], [(SIZE, SIZE), (0, 0), (0, 0)]]

    async def test_what_left_is_in_the_trash_and_is_back_as_it_was(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob()
        await fill.blob(OTHER)

        await fill.remove(NAME, artifact=False)
        one_left = await account(catalog)
        await fill.remove(NAME, OTHER, artifact=False)
        both_left = await account(catalog)
        await fill.blob()

        assert (one_left.trash_size, both_left.trash_size) == (0, SIZE)
        assert both_left == Account(ACME, blobs=1, size=SIZE, unique_size=SIZE, trash_size=SIZE)
        assert await account(catalog) == Account(ACME, blobs=1, size=SIZE, unique_size=SIZE)

    async def test_what_is_given_up_is_charged_to_nobody(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        await fill.blob()
        await fill.remove(NAME, artifact=False)
        await catalog.write(lambda change: change.collection.condemn(NAME))

        assert await catalog.write(lambda change: change.collection.give_up(NAME, before=clock.now()))

        assert await account(catalog) == Account(ACME)
        assert not await catalog.usage.is_charged(ACME, NAME)

    async def test_what_left_is_charged_until_it_is_released_if_it_lives_on_elsewhere(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        await fill.namespace("zeta")
        await fill.blob()
        await fill.blob(THERE)
        await fill.remove(NAME, artifact=False)
        left, _ = await catalog.head()

        early = await catalog.write(lambda change: change.usage.release(before=Position(left - 1), limit=10))
        late = await catalog.write(lambda change: change.usage.release(before=left, limit=10))

        assert (early, late) == (0, 1)
        assert await account(catalog) == Account(ACME)
        assert (await account(catalog, ZETA)).unique_size == SIZE

    async def test_what_nobody_else_has_is_not_released(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob()
        await fill.remove(NAME, artifact=False)
        left, _ = await catalog.head()

        assert await catalog.write(lambda change: change.usage.release(before=left, limit=10)) == 0

    async def test_a_change_that_fails_charges_nothing(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob(content=b"before")

        def change(transaction: Transaction) -> None:
            transaction.keep_blob(NAME, SIZE, BYTES)
            transaction.add_blob_member(API, NAME)
            found = transaction.usage.find(ACME)
            assert found is not None
            assert found.blobs == 2
            message = "after all not"
            raise RuntimeError(message)

        with pytest.raises(RuntimeError):
            await catalog.write(change)

        assert (await account(catalog)).blobs == 1

    async def test_versions_are_counted_and_tags_are_not(self, catalog: Catalog, fill: Filling) -> None:
        await fill.artifact(BUILT, "1.0", kind=ReferenceKind.VERSION)
        await fill.artifact(BUILT, "latest")
        await fill.artifact(BUILT, "1.0", kind=ReferenceKind.VERSION)

        assert (await account(catalog)).versions == 1

    async def test_a_quota_is_what_it_was_set_to_last(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob()
        await catalog.write(lambda change: change.usage.set_quota(ACME, Quota(size=100)))
        first = await account(catalog)
        await catalog.write(lambda change: change.usage.set_quota(ACME, Quota(versions=0)))

        assert (first.quota, first.room) == (Quota(size=100), 100 - SIZE)
        assert (await account(catalog)).quota == Quota(versions=0)
        assert await catalog.write(lambda change: change.usage.remove_quota(ACME))
        assert not await catalog.write(lambda change: change.usage.remove_quota(ACME))
        assert (await account(catalog)).quota is None

    async def test_who_is_not_there_has_no_quota(self, catalog: Catalog) -> None:
        with pytest.raises(NamespaceUnknown):
            await catalog.write(lambda change: change.usage.set_quota(NamespaceName("nowhere"), Quota(size=1)))

    async def test_the_largest_come_first(self, catalog: Catalog, fill: Filling) -> None:
        await fill.namespace("zeta")
        await fill.blob(THERE)

        assert [each.namespace for each in await catalog.usage.list_largest(limit=1)] == [ZETA]

    async def test_a_package_is_measured(self, catalog: Catalog, fill: Filling) -> None:
        await fill.artifact(BUILT, "1.0", kind=ReferenceKind.VERSION)
        await fill.blob(OTHER, b"layer")

        found = await catalog.usage.measure_package(API)

        size = len(b"layer") + len(b"{}") + len(BUILT.content)
        assert found == PackageUsage(API, blobs=3, size=size, unique_size=size - len(b"layer"), versions=1)
        assert await catalog.usage.measure_package(package("acme/nothing")) is None

    async def test_a_day_is_remembered_as_it_was_last(self, catalog: Catalog, fill: Filling) -> None:
        await catalog.write(lambda change: change.usage.sample(TODAY - timedelta(days=1)))
        await catalog.write(lambda change: change.usage.sample(TODAY))
        await fill.blob()
        await catalog.write(lambda change: change.usage.sample(TODAY))

        found = await catalog.usage.list_samples(ACME, since=TODAY - timedelta(days=7))

        before = Sample(TODAY - timedelta(days=1), size=0, unique_size=0, trash_size=0, versions=0)
        assert list(found) == [before, replace(before, day=TODAY, size=SIZE, unique_size=SIZE)]

    async def test_days_of_long_ago_are_forgotten(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.usage.sample(TODAY))

        await catalog.write(lambda change: change.usage.forget_samples(before=TODAY + timedelta(days=1)))

        assert list(await catalog.usage.list_samples(ACME, since=TODAY)) == []

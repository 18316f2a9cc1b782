"""What every catalog promises of what is planned to go (`entrepot.ports.retention`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.retention import UNNAMED, Name, NameKind
from entrepot.ports.retention import Measured, Plan, PlannedItem, PlanState
from entrepot.testing.builders import image, index
from entrepot.testing.contracts.catalog import ACME, API, OTHER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.digest import Digest
    from entrepot.ports.catalog import Catalog
    from entrepot.ports.retention import Candidate, Surveyed
    from entrepot.testing.builders import StoppedClock
    from entrepot.testing.contracts.catalog import Filling


async def surveyed(catalog: Catalog) -> Sequence[Surveyed]:
    """All packages."""
    return await catalog.retentions.survey(ACME, after=None, most=10, limit=10)


async def candidates(catalog: Catalog) -> list[Candidate]:
    """What stands for itself, package by package."""
    found = await catalog.retentions.list_candidates_of(await surveyed(catalog))
    return [each for of_package in found for each in of_package]


async def draft(catalog: Catalog, clock: StoppedClock, *going: Candidate, parts: Sequence[Digest] = ()) -> str:
    """A plan by which some go in that order, the first of them with *parts*."""
    plan = Plan("plan", ACME, PlanState.PLANNED, (), "", "tester", clock.now(), len(going), 0, {})
    items = [
        PlannedItem(
            ordinal=number,
            package=API,
            digest=each.stored.digest,
            names=(),
            parts=tuple(parts) if number == 1 else (),
            rule="none",
            reason="none stays",
            at=each.stored.at,
            pulled_at=None,
            pulled_by="",
            keeper=None,
            rows=each.rows,
        )
        for number, each in enumerate(going, start=1)
    ]
    await catalog.write(lambda change: change.retentions.draft(plan))
    await catalog.write(lambda change: change.retentions.add_items(plan.name, items))
    return plan.name


class RetentionsContract:
    """To be inherited by a test class that has the fixtures ``catalog``, ``fill`` and ``clock``."""

    async def test_what_stands_for_itself_is_listed_of_many_packages_as_of_each(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        await fill.artifact(image(b"named"), "b", "a")
        await fill.artifact(image(b"nameless"))
        await fill.artifact(index(image(b"child")), "1.0", where=OTHER)

        found = await catalog.retentions.list_candidates_of(await surveyed(catalog))

        assert [[each.stored.names for each in of_package] for of_package in found] == [
            [(Name(NameKind.TAG, "a"), Name(NameKind.TAG, "b")), UNNAMED],
            [(Name(NameKind.TAG, "1.0"),)],
        ]
        assert found == [await catalog.retentions.list_candidates(place, limit=9) for place in (API, OTHER)]
        assert await catalog.retentions.list_candidates_of([]) == []

    async def test_what_may_have_parts_is_told_from_what_has_none(self, catalog: Catalog, fill: Filling) -> None:
        await fill.artifact(image(b"alone"), "alone")
        both = await fill.artifact(index(image(b"child")), "index")

        alone, containing = await candidates(catalog)

        assert containing.stored.digest == both
        assert await catalog.retentions.list_having_parts([alone, containing]) == {containing.row}
        assert await catalog.retentions.list_having_parts([alone]) == set()

    async def test_bytes_are_one_items_alone_or_shared(
        self, catalog: Catalog, fill: Filling, clock: StoppedClock
    ) -> None:
        base, child = b"base" * 100, image(b"child", config=b"{ }")
        built = [image(base, b"first"), image(base, b"second" * 2), image(b"stays")]
        for number, each in enumerate([*built, index(child)]):
            await fill.artifact(each, f"v{number}")
        first, second, _, both = await candidates(catalog)
        plan = await draft(catalog, clock, both, first, second, parts=[child.digest])

        measured = await catalog.retentions.measure(plan, after=0, upto=3)
        freed = await catalog.retentions.measure_shared(plan, measured.shared)

        own = len(index(child).content) + len(child.content) + sum(map(len, child.blobs))
        assert measured.sizes == {
            1: own,
            2: len(built[0].content) + len(b"first"),
            3: len(built[1].content) + len(b"second" * 2),
        }
        # The empty config is shared too, and what stays needs it.
        assert (len(measured.shared), freed) == (2, {3: len(base)})
        assert await catalog.retentions.measure(plan, after=3, upto=9) == Measured({}, [])

    async def test_sizes_add_up(self, catalog: Catalog, fill: Filling, clock: StoppedClock) -> None:
        await fill.artifact(image(b"one"), "one")
        plan = await draft(catalog, clock, *await candidates(catalog))

        await catalog.write(lambda change: change.retentions.add_sizes(plan, {1: 3}))
        await catalog.write(lambda change: change.retentions.add_sizes(plan, {1: 4}))

        assert [each.size for each in await catalog.retentions.list_items(plan, limit=9)] == [7]

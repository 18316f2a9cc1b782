"""What every catalog promises of what goes with an artifact, and of what is taken out of the trash (`entrepot.ports.trash`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.digest import Digest
from entrepot.testing.builders import image, index, referrer
from entrepot.testing.contracts.catalog import ACME, API, OTHER, added

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.ports.catalog import Catalog, Transaction
    from entrepot.testing.contracts.catalog import Filling

BUILT = image(b"layer")
LAYER = Digest.of(b"layer")
SIGNATURE = referrer(BUILT)
COUNTERSIGNATURE = referrer(SIGNATURE)


class TrashContract:
    """To be inherited by a test class that has the fixtures ``catalog`` and ``fill``."""

    async def test_what_refers_to_it_goes_with_an_artifact(self, catalog: Catalog, fill: Filling) -> None:
        for each in (BUILT, SIGNATURE, COUNTERSIGNATURE):
            await fill.artifact(each)

        assert await self._referring(catalog, BUILT.digest) == [SIGNATURE.digest, COUNTERSIGNATURE.digest]
        assert await self._referring(catalog, COUNTERSIGNATURE.digest) == []

    async def test_what_has_a_name_stays_with_what_it_refers_to_gone(self, catalog: Catalog, fill: Filling) -> None:
        await fill.artifact(BUILT)
        await fill.artifact(SIGNATURE, "signed")
        await fill.artifact(COUNTERSIGNATURE)

        assert await self._referring(catalog, BUILT.digest) == []

    async def test_what_it_contains_does_not_go_with_an_artifact(self, catalog: Catalog, fill: Filling) -> None:
        listed = index(BUILT)
        await fill.artifact(listed)
        await fill.artifact(SIGNATURE)
        of_list = referrer(listed)
        await fill.artifact(of_list)

        assert await self._referring(catalog, listed.digest) == [of_list.digest]

    async def test_bytes_are_needed_while_something_has_them_or_may_have_them_back(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        await fill.artifact(BUILT)
        there = await self._is_needed(catalog)
        await fill.remove(BUILT.digest)
        await fill.remove(LAYER, artifact=False)
        in_the_trash = await self._is_needed(catalog)
        await self._purge(catalog)
        purged = await self._is_needed(catalog)
        await fill.artifact(BUILT, where=OTHER)
        elsewhere = await self._is_needed(catalog)

        assert (there, in_the_trash, purged, elsewhere) == (True, True, False, True)

    async def test_what_was_purged_is_not_in_the_trash_until_it_left_again(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        await fill.artifact(BUILT)
        await fill.remove(BUILT.digest)
        await self._purge(catalog)
        purged = await self._is_purged(catalog), await catalog.trash.list(ACME, limit=9)
        await fill.artifact(BUILT)
        await fill.remove(BUILT.digest)

        assert purged == (True, [])
        assert not await self._is_purged(catalog)
        assert [each.digest for each in await catalog.trash.list(ACME, limit=9)] == [BUILT.digest]

    async def test_the_content_of_an_artifact_is_listed_with_its_size(self, catalog: Catalog, fill: Filling) -> None:
        await fill.artifact(BUILT)

        found = await catalog.write(lambda change: change.trash.list_content(BUILT.digest))

        assert {(part.digest, part.is_artifact, part.size) for part in found} == {
            (LAYER, False, len(b"layer")),
            (Digest.of(b"{}"), False, len(b"{}")),
        }

    async def _referring(self, catalog: Catalog, digest: Digest) -> Sequence[Digest]:
        return await catalog.write(lambda change: change.trash.list_referring(API, digest))

    async def _is_needed(self, catalog: Catalog) -> bool:
        return await catalog.write(lambda change: change.trash.is_needed(LAYER))

    async def _is_purged(self, catalog: Catalog) -> bool:
        return await catalog.write(lambda change: change.trash.is_purged(API, BUILT.digest))

    async def _purge(self, catalog: Catalog) -> None:
        def change(transaction: Transaction) -> None:
            transaction.trash.purge(API, BUILT.digest)
            transaction.append("tester", added(API, BUILT.digest))

        await catalog.write(change)

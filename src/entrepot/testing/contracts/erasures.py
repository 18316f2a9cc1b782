"""What every catalog promises of what is erased (`entrepot.ports.erasures`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.erasure import Erasure
from entrepot.model.errors import ErasedForGood
from entrepot.model.events import ArtifactsErased, BytesErased, ErasureLifted, ErasureSealed
from entrepot.model.names import ReferenceName, View
from entrepot.model.position import START
from entrepot.testing.builders import image, index, referrer
from entrepot.testing.contracts.catalog import ACME, API, OTHER

if TYPE_CHECKING:
    from entrepot.ports.catalog import Catalog, Transaction
    from entrepot.testing.contracts.catalog import Filling

SECRET, SHARED = Digest.of(b"secret"), Digest.of(b"shared")
BUILT = image(b"secret", b"shared", config=b'{"a": 1}')
CONFIG = Digest.of(b'{"a": 1}')
INNOCENT = image(b"shared")
SIGNATURE = referrer(BUILT)
VIEW = View(ACME)


class ErasuresContract:
    """To be inherited by a test class that has the fixtures ``catalog`` and ``fill``."""

    async def test_with_some_bytes_goes_what_is_nothing_without_them(self, catalog: Catalog, fill: Filling) -> None:
        listed = index(BUILT, INNOCENT)
        await fill.artifact(BUILT, "1.0")
        await fill.artifact(INNOCENT)
        await fill.artifact(SIGNATURE)
        await fill.artifact(listed, "2.0")

        extent = await catalog.erasures.measure(SECRET)

        assert {part.digest for part in extent.parts} == {
            SECRET,
            CONFIG,
            BUILT.digest,
            SIGNATURE.digest,
            listed.digest,
        }
        assert {(place.digest, place.names) for place in extent.places if place.names} == {
            (BUILT.digest, ("1.0",)),
            (listed.digest, ("2.0",)),
        }
        assert extent.packages == (API,)

    async def test_an_artifact_is_measured_with_what_only_it_has(self, catalog: Catalog, fill: Filling) -> None:
        await fill.artifact(BUILT, "1.0")
        alone = await catalog.erasures.measure(BUILT.digest)
        await fill.artifact(INNOCENT, where=OTHER)
        beside = await catalog.erasures.measure(BUILT.digest)

        assert {part.digest for part in alone.parts} == {SECRET, SHARED, CONFIG, BUILT.digest}
        assert {part.digest for part in beside.parts} == {SECRET, CONFIG, BUILT.digest}
        assert beside.shared == (SHARED,)
        assert alone.fingerprint != beside.fingerprint

    async def test_what_is_erased_is_not_here_and_does_not_come_again(self, catalog: Catalog, fill: Filling) -> None:
        await fill.artifact(BUILT, "1.0")
        await fill.artifact(INNOCENT, where=OTHER)
        erasure = await self._erase(catalog)

        known = await catalog.collection.find(SECRET)
        assert known is not None
        assert (known.state, known.erased) == (BlobState.ABSENT, True)
        assert await catalog.find_artifact(VIEW, API, name=ReferenceName("1.0")) is None
        assert await catalog.find_blob(VIEW, API, SECRET) is None
        assert await catalog.find_blob(VIEW, OTHER, SHARED) is not None
        with pytest.raises(ErasedForGood):
            await catalog.write(lambda change: change.keep_blob(SECRET, 6, b"secret"))
        assert await catalog.erasures.find(BUILT.digest) == erasure
        assert await catalog.erasures.find(SHARED) is None
        assert await catalog.erasures.list_unfinished(limit=9) == [erasure]
        assert await catalog.erasures.list(after=START, limit=9) == [erasure]
        assert await catalog.erasures.list_erased(limit=9) == sorted([SECRET, CONFIG, BUILT.digest], key=str)
        assert [await catalog.erasures.may_be(size) for size in (len(b"secret"), 1_000_000, None)] == [
            True,
            False,
            True,
        ]
        assert await catalog.violations() == []

    async def test_packages_lose_it_one_by_one(self, catalog: Catalog, fill: Filling) -> None:
        for where in (API, OTHER):
            await fill.artifact(BUILT, "1.0", where=where)
        erasure = await self._erase(catalog)
        both = await catalog.erasures.list_left(erasure)

        def drop(change: Transaction) -> tuple[list[ReferenceName], set[Digest]]:
            names = [each.name for each in change.erasures.list_names(API, erasure)]
            members = set(change.erasures.list_members(API, erasure))
            change.erasures.drop(API, erasure)
            change.append("tester", ArtifactsErased(namespace=ACME, package=API.path, target=str(SECRET), digests=()))
            return names, members

        dropped = await catalog.write(drop)

        assert both == [API, OTHER]
        assert dropped == (["1.0"], {BUILT.digest, SECRET, CONFIG})
        assert await catalog.erasures.list_left(erasure) == [OTHER]
        assert await catalog.erasures.find_told(VIEW, API, name=ReferenceName("1.0")) == BUILT.digest
        assert await catalog.erasures.find_told(VIEW, API, digest=SECRET) == SECRET
        assert await catalog.erasures.find_told(VIEW, API, digest=SIGNATURE.digest) is None
        assert await catalog.erasures.find_told(View.parse("acme.prod"), API, digest=SECRET) is None
        assert await catalog.violations() == []

    async def test_it_is_sealed_once_and_may_be_lifted(self, catalog: Catalog, fill: Filling) -> None:
        await fill.artifact(BUILT, "1.0")
        erasure = await self._erase(catalog)

        def seal(change: Transaction) -> bool:
            change.erasures.drop(API, erasure)
            change.append("tester", ArtifactsErased(namespace=ACME, package=API.path, target=str(SECRET), digests=()))
            return True

        await catalog.write(seal)

        def finish(change: Transaction) -> bool:
            sealed = change.erasures.seal(erasure, b"signed")
            if sealed:
                change.append("tester", ErasureSealed(target=str(SECRET), erased=erasure.position))
            return sealed

        def lift(change: Transaction) -> bool:
            lifted = change.erasures.lift(SECRET)
            if lifted:
                change.append("tester", ErasureLifted(digest=str(SECRET), reason="a mistake"))
            return lifted

        assert [await catalog.write(finish) for _ in range(2)] == [True, False]
        found = await catalog.erasures.find(SECRET)
        assert found is not None
        assert found.tombstone == b"signed"
        assert await catalog.erasures.list_unfinished(limit=9) == []
        assert [await catalog.write(lift) for _ in range(2)] == [True, False]
        assert await catalog.erasures.find(SECRET) is None
        await catalog.write(lambda change: change.keep_blob(SECRET, 6, b"secret"))
        assert await catalog.violations() == []

    async def test_what_lies_in_a_blob_store_may_be_deleted_at_once(self, catalog: Catalog, fill: Filling) -> None:
        large = Digest.of(b"large")
        await catalog.write(lambda change: change.keep_blob(large, 5, None))
        await fill.artifact(BUILT, "1.0")
        erasure = await self._erase(catalog, large)

        garbage = await catalog.collection.list_garbage(at=erasure.at, limit=9)

        assert [(each.digest, each.generation) for each in garbage] == [(large, 0)]
        assert {(each.digest, each.generation) for each in await catalog.erasures.list_bytes(erasure)} == {
            (large, 0),
            (large, 1),
        }

    async def _erase(self, catalog: Catalog, target: Digest = SECRET) -> Erasure:
        def change(change: Transaction) -> Erasure:
            extent = change.erasures.measure(target)
            erasure = Erasure(target, "a key got out", "tester", extent, change.position, change.now)
            change.erasures.erase(erasure)
            digests = tuple(str(part.digest) for part in extent.parts)
            change.append("tester", BytesErased(target=str(target), digests=digests, reason="a key got out"))
            return erasure

        return await catalog.write(change)

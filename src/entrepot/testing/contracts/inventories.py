"""What every catalog promises of what is in artifacts (`entrepot.ports.inventories`)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from entrepot.model.component import Relation
from entrepot.model.digest import Digest
from entrepot.model.purl import Purl
from entrepot.ports.inventories import LicenceRow, Sbom, SbomSource
from entrepot.testing.builders import image, referrer
from entrepot.testing.contracts.catalog import API, OTHER, Filling

if TYPE_CHECKING:
    from entrepot.model.names import PackageId
    from entrepot.ports.catalog import Catalog, Transaction

_IMAGE: Final = image(b"one")
_CARRIER: Final = referrer(_IMAGE)
_SECOND: Final = referrer(_IMAGE, "application/vnd.example.other")
_SBOM: Final = Sbom(
    carrier=_CARRIER.digest,
    content=Digest.of(b"a document"),
    source=SbomSource.UPLOADED,
    form="CycloneDX 1.6",
    components=3,
    unread=2,
    problem="it is odd",
)
_REQUESTS: Final = Purl.parse("pkg:pypi/requests@2.31")
_FLASK: Final = Purl.parse("pkg:pypi/flask@3")
_LIBC: Final = Purl.parse("pkg:deb/debian/libc6@2.36?distro=debian-12&upstream=glibc")
_MIT: Final = LicenceRow("MIT", "permissive", 2)
_GPL: Final = LicenceRow("GPL-2.0-only", "strong-copyleft", 1)


async def _fill(catalog: Catalog, *packages: PackageId) -> None:
    filling = Filling(catalog)
    await filling.namespace()
    for where in packages or (API,):
        for each in (_IMAGE, _CARRIER, _SECOND):
            await filling.artifact(each, where=where)


def _keep(transaction: Transaction, sbom: Sbom = _SBOM, where: PackageId = API) -> bool:
    return transaction.inventories.keep(where, _IMAGE.digest, sbom)


class InventoriesContract:
    """To be inherited by a test class that has the fixture ``catalog``."""

    async def test_documents_are_found_as_they_were_kept_in_their_order(self, catalog: Catalog) -> None:
        await _fill(catalog)
        other = replace(_SBOM, carrier=_SECOND.digest, source=SbomSource.GENERATED, unread=0, problem=None)

        assert await catalog.write(_keep)
        assert await catalog.write(partial(_keep, sbom=other))

        found = await catalog.inventories.list_sboms(API, _IMAGE.digest)
        assert [row.sbom for row in found] == [_SBOM, other]
        assert await catalog.inventories.list_sboms(API, _CARRIER.digest) == []
        assert list(await catalog.inventories.list_sboms(OTHER, _IMAGE.digest)) == []

    async def test_a_document_that_is_kept_again_is_no_news_unless_it_says_something_else(
        self, catalog: Catalog
    ) -> None:
        await _fill(catalog)
        await catalog.write(_keep)

        assert not await catalog.write(_keep)
        assert await catalog.write(partial(_keep, sbom=replace(_SBOM, problem=None)))

        (row,) = await catalog.inventories.list_sboms(API, _IMAGE.digest)
        assert row.sbom.problem is None

    async def test_each_package_has_its_own_documents(self, catalog: Catalog) -> None:
        await _fill(catalog, API, OTHER)
        await catalog.write(_keep)

        assert list(await catalog.inventories.list_sboms(OTHER, _IMAGE.digest)) == []

        await catalog.write(partial(_keep, where=OTHER))

        assert len(await catalog.inventories.list_sboms(OTHER, _IMAGE.digest)) == 1
        assert list(await catalog.inventories.find_subjects(OTHER, _CARRIER.digest)) == [_IMAGE.digest]
        assert list(await catalog.inventories.find_subjects(OTHER, _SECOND.digest)) == []

    async def test_a_document_counts_as_long_as_what_brings_it_is_there(self, catalog: Catalog) -> None:
        await _fill(catalog)
        await catalog.write(_keep)

        await Filling(catalog).remove(_CARRIER.digest)

        assert list(await catalog.inventories.list_sboms(API, _IMAGE.digest)) == []
        assert list(await catalog.inventories.find_subjects(API, _CARRIER.digest)) == [_IMAGE.digest]

    async def test_components_and_licences_are_those_that_were_set_last(self, catalog: Catalog) -> None:
        await _fill(catalog)
        before = {_REQUESTS: Relation.CONTAINED, _FLASK: Relation.SUBJECT}
        after = {_FLASK: Relation.DEPENDENCY, _LIBC: Relation.CONTAINED}
        await catalog.write(lambda change: change.inventories.set_components(API, _IMAGE.digest, before, [_MIT]))

        await catalog.write(lambda change: change.inventories.set_components(API, _IMAGE.digest, after, [_GPL]))

        assert dict(await catalog.inventories.list_components(API, _IMAGE.digest)) == after
        assert await catalog.inventories.list_licences(API, _IMAGE.digest) == [_GPL]
        assert list(await catalog.inventories.list_components(API, _CARRIER.digest)) == []

    async def test_components_that_are_added_take_none_away(self, catalog: Catalog) -> None:
        await _fill(catalog)
        await catalog.write(
            lambda change: change.inventories.set_components(API, _IMAGE.digest, {_FLASK: Relation.CONTAINED}, [_MIT])
        )

        await catalog.write(
            lambda change: change.inventories.add_components(API, _IMAGE.digest, {_LIBC: Relation.CONTAINED})
        )

        assert {purl for purl, _ in await catalog.inventories.list_components(API, _IMAGE.digest)} == {_FLASK, _LIBC}
        assert await catalog.inventories.list_licences(API, _IMAGE.digest) == [_MIT]

    async def test_what_an_artifact_has_is_known_for_each_package_by_itself(self, catalog: Catalog) -> None:
        await _fill(catalog, API, OTHER)

        await catalog.write(
            lambda change: change.inventories.set_components(OTHER, _IMAGE.digest, {_FLASK: Relation.CONTAINED}, [_MIT])
        )

        assert list(await catalog.inventories.list_components(API, _IMAGE.digest)) == []
        assert list(await catalog.inventories.list_licences(API, _IMAGE.digest)) == []
        assert dict(await catalog.inventories.list_components(OTHER, _IMAGE.digest)) == {_FLASK: Relation.CONTAINED}

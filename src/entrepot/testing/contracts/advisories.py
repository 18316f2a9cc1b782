"""What every catalog promises of what is known to be bad (`entrepot.ports.advisories`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from entrepot.model.advisory import Level, Notice, Severity, State, Subject, Verdict
from entrepot.model.component import Relation
from entrepot.model.names import ReferenceName, View
from entrepot.model.purl import Purl
from entrepot.model.reference import ReferenceKind
from entrepot.ports.advisories import Change, Match, Source, SourceOrigin
from entrepot.testing.builders import image, index
from entrepot.testing.contracts.catalog import API, OTHER, Filling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.ports.catalog import Catalog, Transaction

_AT: Final = datetime(2026, 1, 31, 12, 30, 15, 123456, tzinfo=UTC)
_PACKAGE: Final = Subject("pypi", "requests")
_DEBIAN: Final = Subject("debian", "requests", "12")
_RULES: Final = {_PACKAGE: b"one", _DEBIAN: b"two"}
_SOURCE: Final = Source(
    name="osv",
    url="https://osv.example.com/all.zip",
    private=True,
    etag='"1"',
    last_modified="Sat, 31 Jan 2026 12:30:15 GMT",
    imported_at=_AT,
    checked_at=_AT + timedelta(hours=1),
    problem="it was away",
    cursor="0.17",
)
_NOTICE: Final = Notice(
    id="GHSA-1",
    modified=_AT,
    published=_AT - timedelta(days=1),
    withdrawn=_AT + timedelta(days=1),
    aliases=("CVE-1", "PYSEC-1"),
    upstream=("CVE-2",),
    summary="It leaks.",
    severity=Severity(Level.HIGH, 7.5, "CVSS:3.1/AV:N"),
)


def _put(
    transaction: Transaction,
    id: str = "GHSA-1",
    *,
    source: str = "osv",
    hash: bytes = b"hash",
    modified: datetime = _AT,
    origin: str | None = None,
    rules: Mapping[Subject, bytes] = _RULES,
    content: bytes = b"{}",
    aliases: tuple[str, ...] = (),
) -> int:
    notice = Notice(id, modified, aliases=aliases)
    return transaction.advisories.put(notice, source, content=content, hash=hash, rules=rules, origin=origin)


async def _source(catalog: Catalog, name: str = "osv") -> None:
    await catalog.write(lambda change: change.advisories.put_source(Source(name)))


async def _hold(catalog: Catalog, digest: Digest, *purls: str, where: PackageId = API) -> list[int]:
    """Let an artifact have these packages; the components' numbers, in their order."""
    components = {Purl.parse(each): Relation.CONTAINED for each in purls}

    def change(transaction: Transaction) -> list[int]:
        transaction.inventories.add_components(where, digest, components)
        found = {purl: number for number, purl in transaction.advisories.list_unnamed(limit=100)}
        for purl, number in found.items():
            assert purl is not None
            transaction.advisories.name(number, Subject(purl.type, purl.name), purl.version)
        return [found[purl] for purl in components]

    return await catalog.write(change)


async def _match(catalog: Catalog, advisory: int, component: int, state: State = State.AFFECTED) -> None:
    match = Match(component, advisory, Verdict(state, "2.31" if state is State.AFFECTED else None))
    await catalog.write(lambda change: change.advisories.match([match]))


class AdvisoriesContract:
    """To be inherited by a test class that has the fixture ``catalog``."""

    # --- sources ---

    async def test_a_source_is_found_as_it_was_put(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.advisories.put_source(_SOURCE))
        await catalog.write(lambda change: change.advisories.put_source(Source("files")))

        assert await catalog.advisories.list_sources() == [Source("files"), _SOURCE]

    async def test_a_source_that_is_put_again_keeps_what_it_said_and_its_secret(self, catalog: Catalog) -> None:
        await _source(catalog)
        await catalog.write(lambda change: change.advisories.put_source_secret("osv", "secret"))
        await catalog.write(_put)

        await catalog.write(lambda change: change.advisories.put_source(_SOURCE))

        (found,) = await catalog.advisories.list_sources()
        assert found == replace(_SOURCE, advisories=1, newest=_AT, has_credentials=True)
        assert await catalog.advisories.find_source_secret("osv") == "secret"
        assert await catalog.advisories.find_source_secret("files") is None

    async def test_a_source_is_removed_with_all_that_it_said(self, catalog: Catalog) -> None:
        await _source(catalog)
        await _source(catalog, "files")
        await catalog.write(_put)
        await catalog.write(partial(_put, id="GHSA-2", source="files"))

        assert await catalog.write(lambda change: change.advisories.remove_source("osv")) == 1

        assert await catalog.write(lambda change: change.advisories.remove_source("osv")) is None
        assert [each.name for each in await catalog.advisories.list_sources()] == ["files"]
        assert await catalog.advisories.find_content("GHSA-1") is None
        assert await catalog.advisories.find_known(["GHSA-1"]) == []
        assert [rule.advisory for rule, _ in await catalog.advisories.list_rules([_PACKAGE])] != []

    async def test_when_something_is_forgotten_the_other_sources_are_asked_for_everything(
        self, catalog: Catalog
    ) -> None:
        await catalog.write(lambda change: change.advisories.put_source(_SOURCE))
        await _source(catalog, "files")
        await catalog.write(partial(_put, source="files"))

        await catalog.write(lambda change: change.advisories.remove(["GHSA-1"], "files"))

        assert (await catalog.advisories.list_sources())[1] == replace(
            _SOURCE, etag=None, last_modified=None, cursor=None
        )

    async def test_origins_are_those_that_were_put_last(self, catalog: Catalog) -> None:
        await _source(catalog)
        first = SourceOrigin("pypi", _AT, ("a" * 32,))
        await catalog.write(lambda change: change.advisories.put_origins("osv", [first, SourceOrigin("go", None)]))
        await catalog.write(partial(_put, origin="pypi"))
        await catalog.write(partial(_put, id="GHSA-2"))

        await catalog.write(lambda change: change.advisories.put_origins("osv", [SourceOrigin("rust", None)]))

        (source,) = await catalog.advisories.list_sources()
        assert source.origins == (replace(first, advisories=1), SourceOrigin("rust", None))
        assert source.advisories == 2

    async def test_what_is_handed_on_says_through_whom_and_is_as_old_as_there(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.advisories.put_source(Source("central", imported_at=_AT)))
        origins = [SourceOrigin("old", _AT - timedelta(days=9)), SourceOrigin("new", _AT + timedelta(days=9))]
        await catalog.write(
            lambda change: change.advisories.put_origins("central", [*origins, SourceOrigin("x", None)])
        )
        for name in ("old", "new", "x", None):
            await catalog.write(partial(_put, id=f"T-{name}", source="central", origin=name))

        found = await catalog.advisories.find_known(["T-old", "T-new", "T-x", "T-None"])

        assert {each.source: each.imported_at for each in found} == {
            "central/old": _AT - timedelta(days=9),
            "central/new": _AT,
            "central/x": _AT,
            "central": _AT,
        }

    # --- records ---

    async def test_an_advisory_is_found_as_it_was_put_by_each_of_its_names(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.advisories.put_source(_SOURCE))
        await catalog.write(
            lambda change: change.advisories.put(_NOTICE, "osv", content=b'{"id": 1}', hash=b"h", rules=_RULES)
        )

        for name in ("GHSA-1", "CVE-1", "PYSEC-1", "CVE-2"):
            (found,) = await catalog.advisories.find_known([name])
            assert (found.notice, found.source, found.imported_at) == (_NOTICE, "osv", _AT)
        assert await catalog.advisories.find_known(["CVE-3"]) == []
        assert await catalog.advisories.find_content("GHSA-1") == b'{"id": 1}'
        assert await catalog.advisories.find_content("CVE-1") is None
        assert await catalog.write(lambda change: change.advisories.find_hash("GHSA-1")) == b"h"
        assert await catalog.write(lambda change: change.advisories.find_hash("CVE-1")) is None

    async def test_advisories_that_share_a_name_are_found_together(self, catalog: Catalog) -> None:
        await _source(catalog)
        await catalog.write(partial(_put, id="GHSA-1", aliases=("CVE-1",)))
        await catalog.write(partial(_put, id="PYSEC-1", aliases=("CVE-1",)))
        await catalog.write(partial(_put, id="PYSEC-2", aliases=("CVE-2",)))

        found = await catalog.advisories.find_known(["GHSA-1"])

        assert {each.notice.id for each in found} == {"GHSA-1", "PYSEC-1"}

    async def test_what_an_advisory_said_before_is_gone(self, catalog: Catalog) -> None:
        await _source(catalog)
        first = await catalog.write(partial(_put, aliases=("CVE-1",)))

        second = await catalog.write(partial(_put, aliases=("CVE-2",), hash=b"2", rules={_DEBIAN: b"three"}))

        assert first == second
        assert await catalog.advisories.find_known(["CVE-1"]) == []
        assert await catalog.advisories.list_rules([_PACKAGE]) == []
        ((rule, known),) = await catalog.advisories.list_rules([replace(_DEBIAN, release="")])
        assert (rule, known.notice.id) == ((second, _DEBIAN, b"three"), "GHSA-1")
        assert await catalog.write(lambda change: change.advisories.list_rules([_DEBIAN])) == [rule]

    async def test_a_younger_form_of_another_source_stays(self, catalog: Catalog) -> None:
        await _source(catalog)
        await _source(catalog, "files")
        number = await catalog.write(_put)
        younger, older = _AT + timedelta(seconds=1), _AT - timedelta(seconds=1)

        refused = await catalog.write(partial(_put, source="files", modified=older, hash=b"2"))
        own = await catalog.write(partial(_put, modified=older, hash=b"3"))
        taken = await catalog.write(partial(_put, source="files", modified=younger, hash=b"4"))

        assert (refused, own, taken) == (-number, number, number)
        (found,) = await catalog.advisories.find_known(["GHSA-1"])
        assert (found.source, found.notice.modified) == ("files", younger)

    async def test_what_is_known_of_being_used_is_told_with_every_name(self, catalog: Catalog) -> None:
        await _source(catalog)
        await catalog.write(partial(_put, aliases=("CVE-1", "CVE-2")))
        rows = [("CVE-1", 0.25, 0.5, None), ("CVE-2", 0.75, 0.9, "2026-01-05"), ("CVE-1", None, None, "2026-01-03")]
        await catalog.write(lambda change: change.advisories.put_exploitation(rows))

        (found,) = await catalog.advisories.find_known(["GHSA-1"])

        assert (found.epss, found.exploited_since) == (0.75, "2026-01-03")

    # --- changes ---

    async def test_changes_come_in_their_order_each_advisory_as_it_is_now(self, catalog: Catalog) -> None:
        await _source(catalog)
        _, before = await catalog.advisories.read_feed()
        for number in range(3):
            await catalog.write(partial(_put, id=f"T-{number}"))
        await catalog.write(partial(_put, id="T-0", content=b"[0]"))
        await catalog.write(lambda change: change.advisories.remove(["T-1"], "osv"))

        instance, head = await catalog.advisories.read_feed()
        found = await catalog.advisories.list_changes(after=before, limit=100, size=100)

        assert [(each.id, each.content, each.source) for each in found] == [
            ("T-2", b"{}", "osv"),
            ("T-0", b"[0]", "osv"),
            ("T-1", None, ""),
        ]
        assert sorted(each.number for each in found) == [each.number for each in found]
        assert found[-1].number == head
        assert (await catalog.advisories.read_feed())[0] == instance
        assert await catalog.advisories.list_changes(after=found[1].number, limit=100, size=100) == found[2:]
        assert await catalog.advisories.list_changes(after=head, limit=100, size=100) == []

    async def test_changes_are_as_many_as_are_asked_for_and_at_least_one(self, catalog: Catalog) -> None:
        await _source(catalog)
        for number in range(5):
            await catalog.write(partial(_put, id=f"T-{number}", content=b"x" * 10))

        async def count(limit: int, size: int) -> int:
            return len(await catalog.advisories.list_changes(after=0, limit=limit, size=size))

        assert await count(3, 1_000) == 3
        assert await count(100, 25) == 2
        assert await count(100, 1) == 1

    async def test_only_what_the_source_says_is_removed_for_it(self, catalog: Catalog) -> None:
        await _source(catalog)
        await _source(catalog, "files")
        await catalog.write(_put)
        await catalog.write(partial(_put, id="GHSA-2", source="files"))

        removed = await catalog.write(lambda change: change.advisories.remove(["GHSA-1", "GHSA-2", "GHSA-3"], "files"))

        assert removed == 1
        assert await catalog.advisories.list_names_of("osv") == ["GHSA-1"]
        assert await catalog.advisories.list_names_of("files") == []

    async def test_what_comes_back_is_no_longer_said_to_be_gone(self, catalog: Catalog) -> None:
        await _source(catalog)
        await catalog.write(_put)
        await catalog.write(lambda change: change.advisories.remove(["GHSA-1"], "osv"))
        await catalog.write(_put)

        (change,) = await catalog.advisories.list_changes(after=0, limit=100, size=100)

        assert change == Change(change.number, "GHSA-1", b"{}", "osv")

    # --- components ---

    async def test_components_are_named_once_and_found_by_their_name(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        digest = await filling.artifact(image(b"one"))
        one, two = await _hold(catalog, digest, "pkg:pypi/requests@1", "pkg:pypi/requests@2")

        assert await catalog.write(lambda change: change.advisories.list_unnamed(limit=10)) == []
        found = await catalog.write(lambda change: change.advisories.list_components(replace(_PACKAGE, release="x")))
        assert [(each.component, each.subject, each.version) for each in found] == [
            (one, _PACKAGE, "1"),
            (two, _PACKAGE, "2"),
        ]
        assert await catalog.write(lambda change: change.advisories.list_components(Subject("npm", "requests"))) == []
        versions = await catalog.advisories.list_versions(Purl.parse("pkg:pypi/requests"))
        assert sorted(versions) == [
            (one, Purl.parse("pkg:pypi/requests@1")),
            (two, Purl.parse("pkg:pypi/requests@2")),
        ]

    async def test_what_an_artifact_has_is_what_is_in_it_has(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        inner = image(b"one")
        outer = await filling.artifact(index(inner), "1.0", kind=ReferenceKind.VERSION)
        one, two, three = await _hold(
            catalog, inner.digest, "pkg:pypi/requests@1", "pkg:pypi/requests@2", "pkg:pypi/requests@3"
        )
        await _source(catalog)
        advisory = await catalog.write(_put)
        await _match(catalog, advisory, one)
        await _match(catalog, advisory, two, State.UNKNOWN)
        await _match(catalog, advisory, three, State.UNAFFECTED)

        found = await catalog.advisories.list_findings(API, outer, limit=10)

        assert {(each.component.version, each.state, each.fixed, each.artifact) for each in found} == {
            ("1", State.AFFECTED, "2.31", inner.digest),
            ("2", State.UNKNOWN, None, inner.digest),
        }
        assert len(await catalog.advisories.list_findings(API, outer, limit=1)) == 1
        assert await catalog.advisories.count_components(API, outer) == (3, 0)
        assert await catalog.advisories.list_affected(["GHSA-1"]) == {one: State.AFFECTED, two: State.UNKNOWN}
        assert await catalog.advisories.list_affected(["GHSA-2"]) == {}

    async def test_what_an_advisory_is_found_to_mean_goes_when_it_says_something_else(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        digest = await filling.artifact(image(b"one"))
        (one,) = await _hold(catalog, digest, "pkg:pypi/requests@1")
        await _source(catalog)
        await _match(catalog, await catalog.write(_put), one)

        await catalog.write(partial(_put, hash=b"2"))

        assert await catalog.advisories.list_findings(API, digest, limit=10) == []

    async def test_who_has_a_component_and_where_and_which_version_does_not(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        bad, fine, elsewhere = image(b"one"), image(b"two"), image(b"three")
        await filling.artifact(bad, "1.0", kind=ReferenceKind.VERSION)
        await filling.artifact(fine, "2.0", kind=ReferenceKind.VERSION)
        await filling.artifact(elsewhere, "9.0", kind=ReferenceKind.VERSION, where=OTHER)
        await filling.clear(bad.digest)
        (one,) = await _hold(catalog, bad.digest, "pkg:pypi/requests@1")
        (flask,) = await _hold(catalog, elsewhere.digest, "pkg:pypi/flask@1", where=OTHER)
        await _hold(catalog, fine.digest, "pkg:pypi/requests@2")

        (holder,) = await catalog.advisories.list_holders([one], limit=10)
        (other,) = await catalog.advisories.list_holders([flask], limit=10)
        (place,) = await catalog.advisories.list_places([(holder.package, holder.artifact)], limit=10)
        without = await catalog.advisories.find_first_without(
            {holder.package: [holder.artifact], other.package: [other.artifact]}, [one]
        )

        assert (holder.component, holder.relation, holder.number) == (
            Purl.parse("pkg:pypi/requests@1"),
            Relation.CONTAINED,
            one,
        )
        assert await catalog.advisories.count_holders([one]) == 1
        assert await catalog.advisories.count_holders([]) == 0
        assert (place.holder, place.artifact) == ((holder.package, holder.artifact), holder.artifact)
        assert (place.package, place.digest, place.holds) == (API, bad.digest, bad.digest)
        assert (place.names, [each.channel for each in place.channels]) == (
            (ReferenceName("1.0"),),
            [View.parse("acme.prod").channel],
        )
        assert without == {holder.package: "2.0"}

    async def test_what_is_said_of_an_artifact_elsewhere_is_not_said_here(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        for where in (API, OTHER):
            digest = await filling.artifact(image(b"one"), where=where)
        (one,) = await _hold(catalog, digest, "pkg:pypi/requests@1", where=OTHER)
        await _source(catalog)
        await _match(catalog, await catalog.write(_put), one)

        assert await catalog.advisories.list_findings(API, digest, limit=10) == []
        assert await catalog.advisories.count_components(API, digest) == (0, 0)
        assert len(await catalog.advisories.list_findings(OTHER, digest, limit=10)) == 1

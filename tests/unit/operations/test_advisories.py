"""Advisories come in, are compared with what is here, and are found again: by artifact, by package, by name."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from entrepot.model.access import ANONYMOUS, Role
from entrepot.model.advisory import Level, State
from entrepot.model.deployment import Particulars, Place
from entrepot.model.errors import (
    AdvisoryUnknown,
    Denied,
    InvalidArchive,
    InvalidName,
    InvalidReference,
    PackageUnknown,
    Unauthenticated,
)
from entrepot.model.names import ReferenceName, View, parse_reference
from entrepot.operations.advisories import (
    Imported,
    import_advisories,
    import_exploitation,
    list_sources,
    remove_source,
)
from entrepot.operations.deploy import record_deployment
from entrepot.operations.impact import find_impact
from entrepot.operations.match import match_new_components
from entrepot.operations.scan import Scan, scan
from entrepot.testing.builders import ADMINISTRATOR, Image, World, caller, image, index, open_world, package, stream
from tests.unit.operations.inventories import hold

API = package("acme/team/api")
ACME = View.parse("acme")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        await world.namespace("acme")
        yield world


def record(
    id: str = "TEST-1", *, name: str = "requests", ecosystem: str = "PyPI", fixed: str = "2.31", **more: Any
) -> dict[str, Any]:
    affected = {
        "package": {"ecosystem": ecosystem, "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
    }
    return {"id": id, "modified": "2026-01-01T00:00:00Z", "summary": "It leaks.", "affected": [affected], **more}


async def take_in(world: World, *records: dict[str, Any], source: str = "files") -> Imported:
    content = b"".join(json.dumps(each).encode() + b"\n" for each in records)
    return await import_advisories(world.registry, ADMINISTRATOR, source, stream(content))


async def look(world: World, name: str = "1.0") -> Scan:
    return await scan(world.registry, ADMINISTRATOR, ACME, API, name=parse_reference(name))


async def pushed(world: World, name: str, *purls: str, **options: Any) -> Image:
    built = await world.push("acme/team/api", image(name.encode(), **options), name)
    await hold(world, built.digest, *purls)
    return built


# --- matching ---


async def test_what_is_new_is_compared_with_what_is_known(world: World) -> None:
    await take_in(world, record(aliases=["CVE-2026-1"]))
    await pushed(world, "1.0", "pkg:pypi/requests@2.30.0", "pkg:pypi/urllib3@1")
    before = await look(world)

    compared = await match_new_components(world.registry)

    after = await look(world)
    assert (before.findings, before.components, before.pending, before.is_complete) == ([], 2, 2, False)
    assert compared == 2
    (finding,) = after.findings
    assert (finding.id, finding.state, finding.fixed) == ("CVE-2026-1", State.AFFECTED, "2.31")
    assert (finding.source, finding.summary) == ("files", "It leaks.")
    assert after.is_complete


async def test_a_new_advisory_is_compared_with_what_is_here(world: World) -> None:
    await pushed(world, "1.0", "pkg:pypi/requests@2.30.0")
    await pushed(world, "2.0", "pkg:pypi/requests@2.31.0")
    await match_new_components(world.registry)

    imported = await take_in(world, record())

    assert (imported.records, imported.changed, imported.matches) == (1, 1, 1)
    assert [each.id for each in (await look(world, "1.0")).findings] == ["TEST-1"]
    assert (await look(world, "2.0")).findings == []


async def test_an_advisory_that_changed_is_compared_again_and_one_that_did_not_is_not(world: World) -> None:
    await pushed(world, "1.0", "pkg:pypi/requests@2.30.0")
    await match_new_components(world.registry)
    await take_in(world, record())

    again = await take_in(world, record())
    narrower = await take_in(world, record(fixed="2.29"))

    assert (again.records, again.changed) == (1, 0)
    assert (narrower.changed, narrower.matches) == (1, 0)
    assert (await look(world)).findings == []


async def test_what_is_withdrawn_is_found_no_more(world: World) -> None:
    await pushed(world, "1.0", "pkg:pypi/requests@2.30.0")
    await match_new_components(world.registry)
    await take_in(world, record())

    imported = await take_in(world, record(withdrawn="2026-01-02T00:00:00Z"))

    assert imported.withdrawn == 1
    assert (await look(world)).findings == []


async def test_a_version_that_cannot_be_read_is_unknown(world: World) -> None:
    await take_in(world, record())
    await pushed(world, "1.0", "pkg:pypi/requests@main", "pkg:pypi/requests")
    await match_new_components(world.registry)

    assert [each.state for each in (await look(world)).findings] == [State.UNKNOWN, State.UNKNOWN]


async def test_a_distribution_s_release_is_the_one_that_counts(world: World) -> None:
    await take_in(
        world,
        record("DSA-11", name="curl", ecosystem="Debian:11", fixed="7.74-2"),
        record("DSA-12", name="curl", ecosystem="Debian:12", fixed="7.88-3"),
    )
    await pushed(world, "1.0", "pkg:deb/debian/libcurl4@7.88-1?distro=debian-12&upstream=curl&arch=amd64")
    await pushed(world, "2.0", "pkg:deb/debian/libcurl4@7.88-1?upstream=curl")
    await match_new_components(world.registry)

    assert [(each.id, each.state) for each in (await look(world)).findings] == [("DSA-12", State.AFFECTED)]
    assert [(each.id, each.state) for each in (await look(world, "2.0")).findings] == [("DSA-12", State.UNKNOWN)]


async def test_an_index_has_what_it_contains(world: World) -> None:
    await take_in(world, record())
    inner = image(b"inner")
    await world.push("acme/team/api", index(inner), "1.0")
    await hold(world, inner.digest, "pkg:pypi/requests@2.30.0")
    await match_new_components(world.registry)

    (finding,) = (await look(world)).findings

    assert finding.artifacts == (inner.digest,)


async def test_an_artifact_that_nobody_looked_into_is_not_clean(world: World) -> None:
    await world.push("acme/team/api", image(), "1.0")

    seen = await look(world)

    assert (seen.findings, seen.components, seen.is_complete) == ([], 0, False)


# --- one flaw, several advisories ---


async def test_advisories_about_one_flaw_are_one_finding_with_the_worst_rating(world: World) -> None:
    await take_in(
        world,
        record("PYSEC-1", aliases=["CVE-2026-1"], database_specific={"severity": "LOW"}),
        record("GHSA-1", aliases=["CVE-2026-1", "PYSEC-1"], database_specific={"severity": "CRITICAL"}, fixed="2.32"),
        record("GHSA-2", aliases=["CVE-2026-2"]),
    )
    await pushed(world, "1.0", "pkg:pypi/requests@2.30.0")
    await match_new_components(world.registry)

    first, second = (await look(world)).findings

    assert (first.id, first.names, first.severity.level) == (
        "CVE-2026-1",
        ("CVE-2026-1", "GHSA-1", "PYSEC-1"),
        Level.CRITICAL,
    )
    assert second.id == "CVE-2026-2"


async def test_how_likely_a_flaw_is_to_be_used_is_shown(world: World) -> None:
    await take_in(world, record(aliases=["CVE-2026-1"]))
    await pushed(world, "1.0", "pkg:pypi/requests@2.30.0")
    await match_new_components(world.registry)

    await import_exploitation(world.registry, ADMINISTRATOR, b"#model\ncve,epss,percentile\nCVE-2026-1,0.97,0.99\n")
    catalogue = {"vulnerabilities": [{"cveID": "CVE-2026-1", "dateAdded": "2026-01-03"}]}
    await import_exploitation(world.registry, ADMINISTRATOR, json.dumps(catalogue).encode())

    (finding,) = (await look(world)).findings
    assert (finding.epss, finding.exploited_since) == (0.97, "2026-01-03")


# --- sources ---


async def test_a_zip_of_records_is_taken_in(world: World) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("TEST-1.json", json.dumps(record()))
        archive.writestr("README.md", "not a record")
        archive.writestr("broken.json", "{")

    imported = await import_advisories(world.registry, ADMINISTRATOR, "osv", stream(packed.getvalue()))

    assert (imported.records, imported.changed, imported.refused) == (2, 1, 1)
    assert imported.problems[0].startswith("broken.json: ")
    (source,) = await list_sources(world.registry, ADMINISTRATOR)
    assert (source.name, source.advisories, source.imported_at) == ("osv", 1, world.clock.now())


async def test_a_record_that_is_written_for_people_is_taken_in(world: World) -> None:
    content = json.dumps(record(), indent=2).encode()

    imported = await import_advisories(world.registry, ADMINISTRATOR, "osv", stream(content))

    assert imported.changed == 1


async def test_a_damaged_zip_changes_nothing(world: World) -> None:
    with pytest.raises(InvalidArchive):
        await import_advisories(world.registry, ADMINISTRATOR, "osv", stream(b"PK\x03\x04 nothing"))


async def test_a_younger_form_of_another_source_is_kept(world: World) -> None:
    await take_in(world, record(modified="2026-01-05T00:00:00Z"), source="one")

    imported = await take_in(world, record(fixed="9"), source="two")

    assert (imported.changed, imported.older) == (0, 1)


async def test_a_source_goes_with_all_that_it_said(world: World) -> None:
    await take_in(world, record())
    await pushed(world, "1.0", "pkg:pypi/requests@2.30.0")
    await match_new_components(world.registry)

    assert await remove_source(world.registry, ADMINISTRATOR, "files") == 1

    assert (await look(world)).findings == []
    assert await list_sources(world.registry, ADMINISTRATOR) == []
    with pytest.raises(AdvisoryUnknown):
        await remove_source(world.registry, ADMINISTRATOR, "files")


async def test_what_was_taken_in_is_journaled(world: World) -> None:
    await take_in(world, record())
    await take_in(world, record())

    assert (await world.events())[-1:] == ["advisories.imported"]
    assert (await world.events()).count("advisories.imported") == 1


async def test_only_administrators_say_what_is_bad(world: World) -> None:
    with pytest.raises(Denied):
        await import_advisories(world.registry, caller(Role.MAINTAINER), "files", stream(b"{}"))


# --- who has it ---


async def test_a_package_with_a_range_is_found_wherever_it_is(world: World) -> None:
    inner = image(b"inner")
    outer = await world.push("acme/team/api", index(inner), "1.0", "latest")
    await hold(world, inner.digest, "pkg:pypi/requests@2.30.0")
    await pushed(world, "1.1", "pkg:pypi/requests@main")
    await pushed(world, "2.0", "pkg:pypi/requests@2.31.0")
    await world.clear("acme/team/api", outer.digest)

    found = await find_impact(world.registry, ADMINISTRATOR, "pkg:pypi/requests@<2.31", limit=100)

    assert found.artifacts == 2
    by_name = {hit.names: hit for hit in found.hits}
    assert by_name.keys() == {("1.0", "latest"), (), ("1.1",)}
    assert by_name["1.0", "latest"].through == inner.digest
    assert by_name["1.0", "latest"].channels == (View.parse("acme.prod"),)
    assert by_name["1.1",].state is State.UNKNOWN
    assert {hit.first_without for hit in found.hits} == {"2.0"}


async def test_what_runs_with_a_package_in_it_is_named(world: World) -> None:
    inner = image(b"inner")
    await world.push("acme/team/api", index(inner), "1.0")
    await hold(world, inner.digest, "pkg:pypi/requests@2.30.0")
    place = Place(View.parse("acme").namespace, "prod", "payments", "eu-1")
    await record_deployment(
        world.registry,
        ADMINISTRATOR,
        package("acme/team/api"),
        ReferenceName("1.0"),
        place=place,
        particulars=Particulars(),
    )

    found = await find_impact(world.registry, ADMINISTRATOR, "pkg:pypi/requests", limit=100)

    running = {hit.names: [(each.place, each.particulars.version) for each in hit.deployments] for hit in found.hits}
    assert running == {("1.0",): [(place, "1.0")], (): []}


async def test_an_advisory_is_found_by_any_of_its_names(world: World) -> None:
    await take_in(world, record("GHSA-1", aliases=["CVE-2026-1"]), record("PYSEC-1", aliases=["CVE-2026-1"], fixed="2"))
    await pushed(world, "1.0", "pkg:pypi/requests@2.30.0")
    await match_new_components(world.registry)

    for name in ("CVE-2026-1", "GHSA-1", "PYSEC-1"):
        found = await find_impact(world.registry, ADMINISTRATOR, name, limit=100)

        assert found.advisories == ["CVE-2026-1", "GHSA-1", "PYSEC-1"]
        assert [hit.names for hit in found.hits] == [("1.0",)]
        assert found.hits[0].first_without is None


async def test_who_may_not_read_a_package_is_not_told_of_it(world: World) -> None:
    await pushed(world, "1.0", "pkg:pypi/requests@2.30.0")

    found = await find_impact(world.registry, caller(Role.READER, "zeta"), "pkg:pypi/requests", limit=100)

    assert (found.artifacts, found.hits) == (1, [])


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("CVE-2026-404", AdvisoryUnknown),
        ("pkg:", InvalidName),
        ("pkg:pypi/requests@<nonsense", InvalidReference),
        ("pkg:unheard/of@<1", InvalidReference),
    ],
)
async def test_what_cannot_be_asked_for_is_refused(world: World, asked: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await find_impact(world.registry, ADMINISTRATOR, asked, limit=100)


async def test_a_scan_is_for_who_may_read(world: World) -> None:
    await pushed(world, "1.0", "pkg:pypi/requests@2.30.0")

    with pytest.raises(PackageUnknown):
        await scan(world.registry, caller(Role.READER, "zeta"), ACME, API, name=parse_reference("1.0"))
    with pytest.raises(Unauthenticated):
        await find_impact(world.registry, ANONYMOUS, "pkg:pypi/requests", limit=1)

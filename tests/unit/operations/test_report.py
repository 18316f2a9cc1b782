"""What other scanners found: their reports are kept as they were sent, and shown beside what was found here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from entrepot.model.access import Role
from entrepot.model.advisory import Level
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, Denied, InvalidMetadata
from entrepot.model.names import View
from entrepot.operations import report
from entrepot.operations.advisories import import_advisories
from entrepot.operations.delete import delete_artifact
from entrepot.operations.exempt import add_exemption
from entrepot.operations.facts import Asked, gather
from entrepot.operations.report import REPORT_TYPE, SARIF_TYPE, list_reports, push_report
from entrepot.operations.scan import Finding, scan
from entrepot.testing.builders import ADMINISTRATOR, Image, World, caller, image, open_world, package, stream
from tests.unit.operations.inventories import hold

API = package("acme/team/api")
ACME = View.parse("acme")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A registry in which GHSA-1, which is CVE-2026-1, means requests before 2.31."""
    async with open_world(tmp_path) as opened:
        await opened.namespace("acme")
        affected = {
            "package": {"ecosystem": "PyPI", "name": "requests"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.31"}]}],
        }
        record = {
            "id": "GHSA-1",
            "modified": "2026-01-01T00:00:00Z",
            "aliases": ["CVE-2026-1"],
            "affected": [affected],
            "database_specific": {"severity": "HIGH"},
        }
        await import_advisories(opened.registry, ADMINISTRATOR, "files", stream(json.dumps(record).encode()))
        yield opened


async def pushed(world: World) -> Image:
    built = await world.push("acme/team/api", image(b"api"), "1.0")
    await world.settle()
    await hold(world, built.digest, "pkg:pypi/requests@2.30.0")
    # What is held was put straight into the catalog; anything that happens lets it be compared.
    await world.namespace("other")
    await world.settle()
    return built


def trivy(*flaws: dict[str, Any], version: str = "0.70.0") -> bytes:
    report = {
        "SchemaVersion": 2,
        "CreatedAt": "2026-01-31T11:00:00Z",
        "Trivy": {"Version": version},
        "Results": [{"Target": "app", "Vulnerabilities": list(flaws)}],
    }
    return json.dumps(report).encode()


def flaw(id: str = "CVE-2026-1", name: str = "requests", version: str = "2.30.0", **more: Any) -> dict[str, Any]:
    purl = {"PURL": f"pkg:pypi/{name}@{version}"}
    return {
        "VulnerabilityID": id,
        "PkgName": name,
        "PkgIdentifier": purl,
        "InstalledVersion": version,
        "Severity": "CRITICAL",
        "Title": "It leaks.",
        **more,
    }


def grype(*ids: str) -> bytes:
    matches = [
        {"vulnerability": {"id": id, "severity": "Low"}, "artifact": {"name": "requests", "version": "2.30.0"}}
        for id in ids
    ]
    return json.dumps({"matches": matches, "descriptor": {"name": "grype", "version": "0.90.0"}}).encode()


def sarif(*rules: str) -> bytes:
    results = [{"ruleId": rule, "level": "error", "message": {"text": "Look."}} for rule in rules]
    run = {"tool": {"driver": {"name": "semgrep", "version": "1.2"}}, "results": results}
    return json.dumps({"version": "2.1.0", "runs": [run]}).encode()


async def send(world: World, subject: Image, content: bytes) -> Digest:
    carrier, _ = await push_report(world.registry, ADMINISTRATOR, API, subject.digest, content)
    return carrier


async def found(world: World, subject: Image) -> dict[str, Finding]:
    scanned = await scan(world.registry, ADMINISTRATOR, ACME, API, digest=subject.digest)
    return {each.id: each for each in scanned.findings}


def bringing(subject: Image, content: bytes, media_type: str) -> Image:
    """A referrer with a report, as clients push it."""
    layer = {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}
    return image(content, subject=subject, artifact_type=media_type, layers=[layer])


@pytest.mark.parametrize("id", ["CVE-2026-1", "GHSA-1"])
async def test_what_was_found_here_too_is_one_finding_that_says_who_else_reports_it(world: World, id: str) -> None:
    built = await pushed(world)

    await send(world, built, trivy(flaw(id)))
    await send(world, built, grype(id))
    await send(world, built, sarif(id))

    ((name, finding),) = (await found(world, built)).items()
    assert (name, finding.severity.level, finding.source) == ("CVE-2026-1", Level.HIGH, "files")
    assert finding.reported_by == ("grype 0.90.0", "semgrep 1.2", "trivy 0.70.0")
    assert finding.compared


async def test_what_only_others_report_is_a_finding_with_its_source(world: World) -> None:
    built = await pushed(world)

    await send(world, built, trivy(flaw("CVE-2026-2"), flaw("CVE-2026-1", name="urllib3", version="1.0")))
    await send(world, built, grype("CVE-2026-2"))

    scanned = await scan(world.registry, ADMINISTRATOR, ACME, API, digest=built.digest)
    told = {(each.id, str(each.component)): each for each in scanned.findings}
    assert set(told) == {
        ("CVE-2026-1", "pkg:pypi/requests@2.30.0"),
        ("CVE-2026-1", "pkg:pypi/urllib3@1.0"),
        ("CVE-2026-2", "pkg:pypi/requests@2.30.0"),
    }
    both = told["CVE-2026-2", "pkg:pypi/requests@2.30.0"]
    assert (both.source, both.severity.level, both.compared) == ("trivy 0.70.0", Level.CRITICAL, False)
    assert both.reported_by == ("grype 0.90.0", "trivy 0.70.0")
    assert both.imported_at is not None


async def test_of_each_tool_and_sender_the_latest_report_counts(world: World) -> None:
    built = await pushed(world)
    robot = caller(Role.PUBLISHER, "acme", name="scanner")

    await send(world, built, trivy(flaw("CVE-2026-2")))
    await push_report(world.registry, robot, API, built.digest, trivy(flaw("CVE-2026-3"), version="0.69.0"))
    await send(world, built, trivy(version="0.71.0"))

    assert set(await found(world, built)) == {"CVE-2026-1", "CVE-2026-3"}
    rows = await list_reports(world.registry, ADMINISTRATOR, ACME, API, digest=built.digest)
    assert [(row.report.version, row.findings, row.actor) for row in rows] == [
        ("0.71.0", 0, ADMINISTRATOR.name),
        ("0.69.0", 1, "scanner"),
        ("0.70.0", 1, ADMINISTRATOR.name),
    ]


async def test_a_report_is_a_referrer_as_it_was_sent(world: World) -> None:
    built = await pushed(world)
    content = trivy(flaw("CVE-2026-2"))

    carrier = await send(world, built, content)

    referrers = await world.catalog.list_referrers(
        ACME, API, built.digest, artifact_type=REPORT_TYPE, after="", limit=10
    )
    assert [each.digest for each in referrers] == [carrier]
    blob = await world.catalog.find_blob(ACME, API, Digest.of(content))
    assert blob is not None
    assert blob.size == len(content)


async def test_a_report_that_other_clients_attach_is_read_too(world: World) -> None:
    built = await pushed(world)

    await world.push("acme/team/api", bringing(built, sarif("CVE-2026-9"), SARIF_TYPE))
    await world.settle()

    assert set(await found(world, built)) == {"CVE-2026-1", "CVE-2026-9"}


async def test_a_report_that_cannot_be_read_is_no_good_sign(world: World) -> None:
    built = await pushed(world)

    with pytest.raises(InvalidMetadata):
        await send(world, built, b'{"runs": 1}')
    before = await scan(world.registry, ADMINISTRATOR, ACME, API, digest=built.digest)
    await world.push("acme/team/api", bringing(built, b"{", SARIF_TYPE))
    await world.settle()

    after = await scan(world.registry, ADMINISTRATOR, ACME, API, digest=built.digest)
    assert (before.unread, after.unread, after.is_complete) == (0, 1, False)


async def test_a_report_that_is_deleted_counts_no_more(world: World) -> None:
    built = await pushed(world)
    carrier = await send(world, built, trivy(flaw("CVE-2026-2")))

    await delete_artifact(world.registry, ADMINISTRATOR, API, carrier)

    assert set(await found(world, built)) == {"CVE-2026-1"}


async def test_beyond_so_many_reports_it_is_told_that_no_more_are_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MOST_REPORTS", 1)
    built = await pushed(world)
    await send(world, built, trivy())

    await send(world, built, sarif("CVE-2026-2"))

    rows = await list_reports(world.registry, ADMINISTRATOR, ACME, API, digest=built.digest)
    assert [row.problem is None for row in rows] == [False, True]


async def test_who_may_not_publish_sends_no_report(world: World) -> None:
    built = await pushed(world)

    with pytest.raises(Denied):
        await push_report(world.registry, caller(Role.READER, "acme"), API, built.digest, trivy())
    with pytest.raises(ArtifactUnknown):
        await push_report(world.registry, ADMINISTRATOR, API, Digest.of(b"nothing"), trivy())


async def test_what_others_report_counts_in_facts_and_is_told_apart(world: World) -> None:
    built = await pushed(world)
    await send(world, built, trivy(flaw("CVE-2026-2"), flaw("CVE-2026-3")))
    await add_exemption(world.registry, ADMINISTRATOR, API, "CVE-2026-3", reason="never called")
    await world.settle()

    facts = await gather(world.registry, API, built.digest, Asked(), now=world.clock.now())

    names = ("findings.total", "findings.critical", "findings.reported", "findings.suppressed")
    assert [facts[name] for name in names] == [2, 1, 1, 1]

"""Findings that somebody says do not matter: who may say so, for what, and for how long."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from entrepot.model.access import Role
from entrepot.model.assessment import VexStatus
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, Denied, ExemptionUnknown, Invalid, PackageUnknown
from entrepot.model.names import EVERY_PACKAGE, PackageId, PackagePattern, View
from entrepot.model.purl import Purl
from entrepot.model.signer import Scope, Signer, SignerKind, SignerName, SignerState
from entrepot.operations.advisories import import_advisories
from entrepot.operations.exempt import add_exemption, end_exemption, list_exemptions, list_vex
from entrepot.operations.facts import Asked, gather
from entrepot.operations.impact import find_impact
from entrepot.operations.scan import Scan, scan
from entrepot.operations.signers import add_signer, set_signer_state
from entrepot.operations.state import attest
from entrepot.operations.why import why
from entrepot.scanning.vex import OPENVEX_TYPE, UNTIL
from entrepot.testing.builders import ADMINISTRATOR, Image, World, caller, image, open_world, package, stream
from entrepot.trust import bundle
from entrepot.trust.signing import LocalKey, Named, make_statement, sign_statement
from tests.unit.operations.inventories import hold

API = package("acme/team/api")
ACME = View.parse("acme")
KEY = LocalKey.generate()
CYCLONEDX = "https://cyclonedx.org/bom"
SAYS_SO = Scope(
    (EVERY_PACKAGE,), (PackagePattern("https://openvex.dev/ns*"), PackagePattern("https://cyclonedx.org/*"))
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A registry with a key of its own; the advisory CVE-2026-1 means requests before 2.31."""
    async with open_world(tmp_path, signing=LocalKey.generate()) as opened:
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


async def pushed(world: World, name: str = "1.0", purl: str = "pkg:pypi/requests@2.30.0") -> Image:
    built = await world.push("acme/team/api", image(name.encode()), name)
    await world.settle()
    await hold(world, built.digest, purl)
    # What is held was put straight into the catalog; anything that happens lets it be compared.
    await world.namespace(f"n{built.digest.hex[:8]}")
    await world.settle()
    return built


async def look(world: World, digest: Digest) -> Scan:
    return await scan(world.registry, ADMINISTRATOR, ACME, API, digest=digest)


async def suppressed(world: World, digest: Digest) -> list[str | None]:
    """Of each finding, by whom it is suppressed."""
    return [None if each.suppressed is None else each.suppressed.by for each in (await look(world, digest)).findings]


def openvex(subject: Digest, **more: Any) -> dict[str, Any]:
    said = {
        "vulnerability": {"name": "CVE-2026-1"},
        "products": [{"@id": str(subject)}],
        "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path",
        **more,
    }
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex/1",
        "author": "Ada",
        "timestamp": "2026-01-30T00:00:00Z",
        "version": 1,
        "statements": [said],
    }


def cyclonedx(**analysis: Any) -> dict[str, Any]:
    flaw = {
        "id": "CVE-2026-1",
        "analysis": {"state": "false_positive", "detail": "never called", **analysis},
        "affects": [{"ref": "lib"}],
    }
    component = {"bom-ref": "lib", "type": "library", "name": "requests", "purl": "pkg:pypi/requests@2.30.0"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": [component],
        "vulnerabilities": [flaw],
    }


def signed(subject: Image, predicate: dict[str, Any], predicate_type: str = OPENVEX_TYPE) -> Image:
    content = sign_statement(KEY, make_statement([Named("api", (subject.digest,))], predicate_type, predicate))
    return image(content, subject=subject, artifact_type=bundle.MEDIA_TYPE, layers=[layer(content, bundle.MEDIA_TYPE)])


def layer(content: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


async def believe(world: World, scope: Scope = SAYS_SO) -> None:
    signer = Signer(
        SignerName("security"),
        SignerKind.KEY,
        {"key": KEY.public_key.pem},
        namespace=API.namespace,
        scope=scope,
    )
    await add_signer(world.registry, ADMINISTRATOR, signer)


async def exempt(world: World, flaw: str = "CVE-2026-1", *, within: PackageId = API, **more: Any) -> str:
    found = await add_exemption(world.registry, ADMINISTRATOR, within, flaw, reason="never called", **more)
    return found.id


# --- signed statements ---


@pytest.mark.parametrize("form", ["openvex", "cyclonedx"])
async def test_a_signed_statement_suppresses_and_says_by_whom_and_why(world: World, form: str) -> None:
    await believe(world)
    built = await pushed(world)
    said = (
        signed(built, openvex(built.digest))
        if form == "openvex"
        else signed(built, cyclonedx(), predicate_type=CYCLONEDX)
    )

    await world.push("acme/team/api", said)
    await world.settle()

    (finding,) = (await look(world, built.digest)).findings
    assert finding.suppressed is not None
    assert finding.suppressed.by == ("security (Ada)" if form == "openvex" else "security")
    assert finding.suppressed.why == ("vulnerable_code_not_in_execute_path" if form == "openvex" else "never called")
    assert finding.suppressed.through == str(said.digest)


async def test_what_nobody_signed_suppresses_nothing(world: World) -> None:
    await believe(world)
    built = await pushed(world)
    content = json.dumps(openvex(built.digest)).encode()
    plain = image(content, subject=built, artifact_type="application/vnd.openvex+json")

    await world.push("acme/team/api", plain)
    await world.settle()

    assert await suppressed(world, built.digest) == [None]


@pytest.mark.parametrize(
    "scope", [Scope(), Scope((EVERY_PACKAGE,), (PackagePattern("https://slsa.dev/*"),))], ids=["everything", "builds"]
)
async def test_a_signer_suppresses_only_if_its_scope_says_so_in_so_many_words(world: World, scope: Scope) -> None:
    await believe(world, scope)
    built = await pushed(world)

    await world.push("acme/team/api", signed(built, openvex(built.digest)))
    await world.settle()

    assert await suppressed(world, built.digest) == [None]
    (row,) = await list_vex(world.registry, ADMINISTRATOR, API, built.digest)
    assert not any(signer.counts for signer in row.signers)


async def test_a_stranger_s_signature_suppresses_nothing_until_it_is_believed(world: World) -> None:
    built = await pushed(world)
    await world.push("acme/team/api", signed(built, openvex(built.digest)))
    await world.settle()
    before = await suppressed(world, built.digest)

    await believe(world)
    await world.settle()

    assert (before, await suppressed(world, built.digest)) == ([None], ["security (Ada)"])


async def test_who_is_revoked_suppresses_no_more_at_once(world: World) -> None:
    await believe(world)
    built = await pushed(world)
    await world.push("acme/team/api", signed(built, openvex(built.digest)))
    await world.settle()
    before = await suppressed(world, built.digest)

    await set_signer_state(
        world.registry, ADMINISTRATOR, API.namespace, SignerName("security"), SignerState.COMPROMISED, reason="lost"
    )

    assert (before, await suppressed(world, built.digest)) == (["security (Ada)"], [None])


async def test_a_statement_about_something_else_suppresses_nothing(world: World) -> None:
    await believe(world)
    built, other = await pushed(world), await pushed(world, "2.0")

    await world.push("acme/team/api", signed(other, openvex(other.digest)))
    await world.push("acme/team/api", signed(built, openvex(other.digest)))
    await world.push("acme/team/api", signed(built, openvex(built.digest, status="under_investigation")))
    await world.push("acme/team/api", signed(built, openvex(built.digest, vulnerability={"name": "CVE-2026-2"})))
    await world.settle()

    assert await suppressed(world, built.digest) == [None]
    assert await suppressed(world, other.digest) == ["security (Ada)"]


async def test_a_statement_without_products_is_about_what_it_is_attached_to(world: World) -> None:
    await believe(world)
    built = await pushed(world)

    await world.push("acme/team/api", signed(built, openvex(built.digest, products=[])))
    await world.settle()

    assert await suppressed(world, built.digest) == ["security (Ada)"]


async def test_a_statement_may_have_an_end(world: World) -> None:
    await believe(world)
    built = await pushed(world)
    until = world.clock.now() + timedelta(days=1)
    await world.push("acme/team/api", signed(built, openvex(built.digest, **{UNTIL: until.isoformat()})))
    await world.settle()
    before = await suppressed(world, built.digest)

    world.clock.advance(days=1)

    assert (before, await suppressed(world, built.digest)) == (["security (Ada)"], [None])


async def test_what_cannot_be_read_suppresses_nothing(world: World) -> None:
    await believe(world)
    built = await pushed(world)
    broken = openvex(built.digest, **{UNTIL: "soon"})

    await world.push("acme/team/api", signed(built, broken))
    await world.settle()

    assert await suppressed(world, built.digest) == [None]


async def test_the_registry_signs_what_who_governs_says(world: World) -> None:
    built = await pushed(world)
    document = openvex(built.digest)

    await attest(world.registry, ADMINISTRATOR, API, built.digest, predicate_type=OPENVEX_TYPE, predicate=document)
    await world.settle()

    (who,) = await suppressed(world, built.digest)
    assert who is not None
    assert who.startswith("entrepot-")
    with pytest.raises(Denied):
        await attest(
            world.registry,
            caller(Role.PUBLISHER, "acme"),
            API,
            built.digest,
            predicate_type=OPENVEX_TYPE,
            predicate=document,
        )


# --- people's own decisions ---


async def test_a_decision_suppresses_says_who_why_and_until_when_and_ends_by_itself(world: World) -> None:
    built = await pushed(world)
    until = world.clock.now() + timedelta(days=30)

    id = await exempt(world, until=until)

    (finding,) = (await look(world, built.digest)).findings
    assert finding.suppressed is not None
    assert (finding.suppressed.by, finding.suppressed.why) == (ADMINISTRATOR.name, "never called")
    assert (finding.suppressed.until, finding.suppressed.through) == (until, id)
    world.clock.advance(days=30)
    assert await suppressed(world, built.digest) == [None]


@pytest.mark.parametrize("flaw", ["CVE-2026-1", "GHSA-1"])
async def test_a_decision_is_about_the_flaw_by_any_of_its_names(world: World, flaw: str) -> None:
    built = await pushed(world)

    await exempt(world, flaw)

    assert await suppressed(world, built.digest) == [ADMINISTRATOR.name]


async def test_a_decision_may_be_about_one_artifact_or_one_component(world: World) -> None:
    built, other = await pushed(world), await pushed(world, "2.0", "pkg:pypi/requests@2.29.0")

    await exempt(world, digest=other.digest)
    assert [await suppressed(world, each.digest) for each in (built, other)] == [[None], [ADMINISTRATOR.name]]

    await exempt(world, component=Purl.parse("pkg:pypi/requests@2.30.0"))
    assert await suppressed(world, built.digest) == [ADMINISTRATOR.name]


async def test_a_decision_counts_in_its_package_alone(world: World) -> None:
    built = await pushed(world)
    await world.push("acme/other", image(b"x"), "1.0")

    await exempt(world, within=package("acme/other"))

    assert await suppressed(world, built.digest) == [None]


async def test_a_decision_that_is_taken_back_counts_no_more(world: World) -> None:
    built = await pushed(world)
    id = await exempt(world)

    await end_exemption(world.registry, ADMINISTRATOR, API, id, reason="it is called after all")

    assert await suppressed(world, built.digest) == [None]
    assert await list_exemptions(world.registry, ADMINISTRATOR, API) == []
    with pytest.raises(ExemptionUnknown):
        await end_exemption(world.registry, ADMINISTRATOR, API, id)
    assert (await world.events())[-2:] == ["exemption.added", "exemption.ended"]


async def test_who_publishes_does_not_decide(world: World) -> None:
    await pushed(world)

    for role in (Role.PUBLISHER, Role.PROMOTER, Role.APPROVER):
        with pytest.raises(Denied):
            await add_exemption(world.registry, caller(role, "acme"), API, "CVE-2026-1", reason="mine")
    with pytest.raises(PackageUnknown):
        await add_exemption(world.registry, caller(Role.MAINTAINER, "zeta"), API, "CVE-2026-1", reason="mine")


async def test_a_decision_has_a_reason_and_an_end_to_come(world: World) -> None:
    await pushed(world)

    for wrong in ({"reason": " "}, {"until": world.clock.now()}, {"status": VexStatus.AFFECTED}, {"flaw": "?"}):
        with pytest.raises(Invalid):
            await add_exemption(world.registry, ADMINISTRATOR, API, **{"flaw": "CVE-2026-1", "reason": "so", **wrong})
    with pytest.raises(ArtifactUnknown):
        await exempt(world, digest=Digest.of(b"nothing"))
    with pytest.raises(PackageUnknown):
        await exempt(world, within=package("acme/nothing"))


# --- where it counts ---


async def test_what_is_suppressed_is_counted_apart(world: World) -> None:
    built = await pushed(world)
    before = await gather(world.registry, API, built.digest, Asked(), now=world.clock.now())

    await exempt(world)
    await world.settle()

    after = await gather(world.registry, API, built.digest, Asked(), now=world.clock.now())
    assert [before[name] for name in ("findings.high", "findings.total", "findings.suppressed")] == [1, 1, 0]
    assert [after[name] for name in ("findings.high", "findings.total", "findings.suppressed")] == [0, 0, 1]
    assert after["findings.worst"] == "none"
    told = await why(world.registry, ADMINISTRATOR, API, built.digest)
    assert [each.suppressed is not None for each in told.scan.findings] == [True]


async def test_who_asks_who_has_a_flaw_is_told_where_it_does_not_matter(world: World) -> None:
    built, other = await pushed(world), await pushed(world, "2.0")

    await exempt(world, digest=other.digest)

    found = await find_impact(world.registry, ADMINISTRATOR, "CVE-2026-1", limit=10)
    assert {hit.digest: hit.suppressed is not None for hit in found.hits} == {built.digest: False, other.digest: True}

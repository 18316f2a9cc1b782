"""What was found is stated in the registry's own name: when that can be said, and not again and again."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from entrepot.model.access import Role
from entrepot.model.artifact import Artifact
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, Conflict, Denied, Unavailable
from entrepot.model.names import View
from entrepot.operations.advisories import import_advisories
from entrepot.operations.attach_sbom import attach_sbom
from entrepot.operations.exempt import add_exemption
from entrepot.operations.signers import establish_own_signer
from entrepot.operations.state_findings import VULNS_PREDICATE, state_findings
from entrepot.testing.builders import ADMINISTRATOR, Image, World, caller, image, open_world, package, stream
from entrepot.trust.bundle import MEDIA_TYPE
from entrepot.trust.signing import LocalKey

API, ACME = package("acme/api"), View.parse("acme")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, signing=LocalKey.generate()) as opened:
        await opened.namespace("acme")
        await establish_own_signer(opened.registry)
        yield opened


async def take_in(world: World, id: str, package: str = "requests") -> None:
    affected = {"package": {"ecosystem": "PyPI", "name": package}, "versions": ["2.30.0"]}
    record = {
        "id": id,
        "modified": "2026-01-01T00:00:00Z",
        "affected": [affected],
        "database_specific": {"severity": "HIGH"},
    }
    await import_advisories(world.registry, ADMINISTRATOR, "files", stream(json.dumps(record).encode()))


async def pushed(world: World) -> Image:
    built = await world.push("acme/api", image(b"api"), "1.0")
    component = {"type": "library", "name": "requests", "version": "2.30.0", "purl": "pkg:pypi/requests@2.30.0"}
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [component]}
    await attach_sbom(world.registry, ADMINISTRATOR, API, built.digest, json.dumps(document).encode())
    await world.settle()
    return built


async def stated(world: World, subject: Digest) -> list[Digest]:
    """The statements of what was found, by their carriers."""
    rows = await world.catalog.attestations.list_attestations(API, [subject])
    return [row.attestation.carrier for row in rows if row.attestation.predicate_type == VULNS_PREDICATE]


async def predicate_of(world: World, carrier: Digest) -> dict[str, Any]:
    found = await world.catalog.find_artifact(ACME, API, digest=carrier)
    assert found is not None
    (layer,) = [
        each for each in Artifact.parse(found.content, found.media_type).links if each.target.media_type == MEDIA_TYPE
    ]
    content = b"".join([piece async for piece in world.registry.blobs.read(layer.target.digest)])
    envelope = json.loads(content)["dsseEnvelope"]
    predicate: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    return predicate


async def test_it_says_what_was_found_by_whom_and_when(world: World) -> None:
    await take_in(world, "TEST-1")
    built = await pushed(world)
    await add_exemption(world.registry, ADMINISTRATOR, API, "TEST-1", reason="never called")

    carrier = await state_findings(world.registry, caller(Role.PUBLISHER), API, built.digest)

    predicate = await predicate_of(world, carrier)
    assert predicate["scanner"]["uri"] == "pkg:pypi/entrepot"
    assert predicate["scanner"]["db"]["lastUpdate"].endswith("Z")
    assert set(predicate["metadata"]) == {"scanStartedOn", "scanFinishedOn"}
    (found,) = predicate["scanner"]["result"]
    assert (found["id"], found["severity"]) == ("TEST-1", [{"method": "level", "score": "high"}])
    said = {key: value for each in found["annotations"] for key, value in each.items()}
    assert (said["component"], said["state"]) == ("pkg:pypi/requests@2.30.0", "affected")
    assert (said["suppressedBy"], said["suppressedBecause"]) == (ADMINISTRATOR.name, "never called")
    await world.settle()
    (row,) = [
        row
        for row in await world.catalog.attestations.list_attestations(API, [built.digest])
        if row.attestation.predicate_type == VULNS_PREDICATE
    ]
    assert row.verified


async def test_it_is_not_stated_again_while_it_is_the_same(world: World) -> None:
    await take_in(world, "TEST-1")
    built = await pushed(world)
    first = await state_findings(world.registry, ADMINISTRATOR, API, built.digest)
    await world.settle()

    again = await state_findings(world.registry, ADMINISTRATOR, API, built.digest)
    world.clock.advance(hours=1)
    await take_in(world, "TEST-2", "other")
    unchanged = await state_findings(world.registry, ADMINISTRATOR, API, built.digest, renew=False)
    renewed = await state_findings(world.registry, ADMINISTRATOR, API, built.digest)
    await world.settle()
    await take_in(world, "TEST-3")
    changed = await state_findings(world.registry, ADMINISTRATOR, API, built.digest, renew=False)

    assert again == unchanged == first
    assert len({first, renewed, changed}) == 3


async def test_nothing_is_stated_that_nobody_can_say(world: World) -> None:
    built = await pushed(world)
    empty = await world.push("acme/api", image(b"unknown"), "2.0")

    with pytest.raises(Conflict):
        await state_findings(world.registry, ADMINISTRATOR, API, built.digest)
    await take_in(world, "TEST-1")
    with pytest.raises(Conflict):
        await state_findings(world.registry, ADMINISTRATOR, API, empty.digest)
    with pytest.raises((ArtifactUnknown, Conflict)):
        await state_findings(world.registry, ADMINISTRATOR, API, Digest.of(b"nothing"))
    with pytest.raises(Denied):
        await state_findings(world.registry, caller(Role.READER), API, built.digest)


async def test_without_a_key_nothing_is_stated(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.namespace("acme")
        await take_in(world, "TEST-1")
        built = await pushed(world)
        with pytest.raises(Unavailable):
            await state_findings(world.registry, ADMINISTRATOR, API, built.digest)

        await world.clear("acme/api", built.digest)
        await world.settle()

        assert await stated(world, built.digest) == []


async def test_what_is_let_into_a_channel_is_stated_once(world: World) -> None:
    await take_in(world, "TEST-1")
    built = await pushed(world)
    assert await stated(world, built.digest) == []

    await world.clear("acme/api", built.digest, "staging")
    await world.settle()
    await world.clear("acme/api", built.digest, "prod")
    await world.settle()

    assert len(await stated(world, built.digest)) == 1

"""What is known to be in artifacts: SBOMs that came, and those that are made."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from entrepot.inventory.documents import CYCLONEDX_TYPE, read_document
from entrepot.model.access import ANONYMOUS
from entrepot.model.component import Relation
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, Denied, InvalidInventory, PackageUnknown, RegistryError, TooLarge
from entrepot.model.names import View
from entrepot.operations import index_sbom
from entrepot.operations.advisories import import_advisories
from entrepot.operations.attach_sbom import attach_sbom
from entrepot.operations.check import check
from entrepot.operations.delete import delete_artifact
from entrepot.operations.export_sbom import export_sbom
from entrepot.operations.facts import Asked, gather
from entrepot.operations.read_sbom import list_documents, read_inventory
from entrepot.operations.scan import scan
from entrepot.ports.inventories import SbomRow
from entrepot.testing.builders import ADMINISTRATOR, Image, World, caller, image, index, package, referrer, stream
from tests.unit.inventory.documents import cyclonedx, spdx
from tests.unit.inventory.images import OS_RELEASE, dist_info, layer

API, ALL = package("acme/api"), View.parse("acme")
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"
EVERY = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]
A = "usr/lib/python3/dist-packages/a-1.dist-info/METADATA"


def built(*layers: bytes) -> Image:
    """A container's image."""
    config = b'{"architecture": "amd64", "os": "linux"}'
    plain = image(*layers, config=config)
    document = json.loads(plain.content)
    document["config"]["mediaType"] = CONFIG
    for each in document["layers"]:
        each["mediaType"] = LAYER
    return _as(plain, document)


def _as(plain: Image, document: dict[str, Any]) -> Image:
    content = json.dumps(document).encode()
    return Image(type(plain.artifact).parse(content, plain.artifact.media_type), blobs=plain.blobs)


def carrying(subject: Image, content: bytes, media_type: str = CYCLONEDX_TYPE) -> Image:
    """A referrer with a document, as clients push it."""
    plain = referrer(subject, media_type)
    document = json.loads(plain.content)
    document["layers"] = [{"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}]
    made = _as(plain, document)
    return Image(made.artifact, blobs=(*plain.blobs, content))


def statement(subject: Digest, predicate: object, predicate_type: str = "https://cyclonedx.org/bom") -> bytes:
    """An in-toto statement in an envelope, signed by nobody."""
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "api", "digest": {"sha256": subject.hex}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    payload = base64.b64encode(json.dumps(said).encode()).decode()
    return json.dumps({"payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": []}).encode()


async def documents(world: World, digest: Digest) -> list[tuple[str, str, str | None]]:
    known = await list_documents(world.registry, ADMINISTRATOR, ALL, API, digest=digest)
    return [(str(row.sbom.source), row.sbom.form, row.sbom.problem) for row in known.documents]


async def purls(world: World, digest: Digest) -> set[str]:
    return {str(purl) for purl, _ in await world.catalog.inventories.list_components(API, digest)}


async def test_an_image_is_taken_stock_of_layer_by_layer(world: World) -> None:
    lower = layer({"etc/os-release": OS_RELEASE, A: dist_info("a", "1", "License: MIT\n")}, "gzip")
    upper = layer({A: dist_info("a", "2", "License: GPL-3.0-only\n")}, "gzip")
    pushed = await world.push("acme/api", built(lower, upper), "1.0")

    await world.settle()

    assert await documents(world, pushed.digest) == [("generated", "CycloneDX 1.6", None)]
    found = await purls(world, pushed.digest)
    assert "pkg:pypi/a@2" in found
    assert "pkg:pypi/a@1" not in found
    known = await list_documents(world.registry, ADMINISTRATOR, ALL, API, digest=pushed.digest)
    assert [(row.expression, row.category) for row in known.licences] == [("GPL-3.0-only", "strong-copyleft")]
    assert (await world.events())[-1] != "artifact.published"
    assert await check(world.registry) == []


async def test_what_strangers_say_of_the_same_bytes_elsewhere_is_nothing_that_is_known_here(world: World) -> None:
    theirs = built(layer({A: dist_info("a", "1", "License: GPL-3.0-only\n")}, "gzip"))
    pushed = await world.push("acme/api", theirs, "1.0")
    await world.settle()
    before = await purls(world, pushed.digest)

    await world.push("acme/evil", theirs, "1.0")
    await world.settle()
    (made,) = await world.catalog.inventories.list_sboms(package("acme/evil"), pushed.digest)
    await delete_artifact(world.registry, ADMINISTRATOR, package("acme/evil"), made.sbom.carrier)
    await world.push("acme/evil", carrying(theirs, cyclonedx("1.6")))
    await world.settle()

    assert await purls(world, pushed.digest) == before
    assert "GPL-3.0-only" in {
        row.expression for row in await world.catalog.inventories.list_licences(API, pushed.digest)
    }
    there = await world.catalog.inventories.list_components(package("acme/evil"), pushed.digest)
    assert "pkg:pypi/requests@2.31.0" in {str(purl) for purl, _ in there}


async def test_all_documents_of_a_carrier_count(world: World) -> None:
    pushed = await world.push("acme/api", image(b"x"), "1.0")
    one, other = cyclonedx("1.4"), json.dumps(spdx()).encode()
    plain = carrying(pushed, one)
    document = json.loads(plain.content)
    document["layers"].append(
        {"mediaType": "application/spdx+json", "digest": str(Digest.of(other)), "size": len(other)}
    )
    both = _as(Image(plain.artifact, blobs=(*plain.blobs, other)), document)

    await world.push("acme/api", both)
    await world.settle()

    assert [form for _, form, _ in await documents(world, pushed.digest)] == ["CycloneDX 1.4", "SPDX 2.3"]

    await delete_artifact(world.registry, ADMINISTRATOR, API, both.digest)
    await world.settle()

    assert await documents(world, pushed.digest) == []
    assert await purls(world, pushed.digest) == set()


async def test_beyond_so_many_documents_it_is_told_that_no_more_are_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_sbom, "MOST_DOCUMENTS", 2)
    pushed = await world.push("acme/api", built(layer({A: dist_info("a", "1")}, "gzip")), "1.0")
    for version in ("1.3", "1.4", "1.5"):
        await world.push("acme/api", carrying(pushed, cyclonedx(version)))

    await world.settle()

    found = await documents(world, pushed.digest)
    assert {(source, form) for source, form, problem in found if problem is None} == {
        ("generated", "CycloneDX 1.6"),
        ("uploaded", "CycloneDX 1.3"),
        ("uploaded", "CycloneDX 1.4"),
    }
    assert [problem for *_, problem in found if problem is not None] == [
        "there are 2 documents about it already, and no more are read"
    ]


async def test_what_could_not_be_read_is_no_good_sign(world: World) -> None:
    pushed = await world.push("acme/api", built(layer({A: dist_info("a", "1")}, "gzip")), "1.0")
    await world.settle()
    before = await scan(world.registry, ADMINISTRATOR, ALL, API, digest=pushed.digest)

    broken = await world.push("acme/api", carrying(pushed, b"no document"))
    await world.settle()
    after = await scan(world.registry, ADMINISTRATOR, ALL, API, digest=pushed.digest)
    await delete_artifact(world.registry, ADMINISTRATOR, API, broken.digest)

    assert (before.is_complete, before.unread) == (True, 0)
    assert (after.is_complete, after.unread) == (False, 1)
    again = await scan(world.registry, ADMINISTRATOR, ALL, API, digest=pushed.digest)
    assert again.is_complete


async def test_the_sbom_that_is_made_is_a_referrer_that_others_can_read(world: World) -> None:
    pushed = await world.push("acme/api", built(layer({A: dist_info("a", "1")}, "gzip")), "1.0")

    await world.settle()

    (found,) = await world.catalog.list_referrers(
        ALL, API, pushed.digest, artifact_type=CYCLONEDX_TYPE, after="", limit=10
    )
    assert found.artifact_type == CYCLONEDX_TYPE


async def test_an_image_that_cannot_be_read_is_known_as_that(world: World) -> None:
    pushed = await world.push("acme/api", built(b"no layer at all"), "1.0")

    await world.settle()

    ((source, form, problem),) = await documents(world, pushed.digest)
    assert (source, form) == ("generated", "")
    assert problem is not None
    assert "archive" in problem
    inventory = await read_inventory(world.registry, ADMINISTRATOR, ALL, API, digest=pushed.digest)
    assert inventory.components == ()
    assert problem in inventory.unread[0]


@pytest.mark.parametrize("form", ["CycloneDX 1.4", "SPDX 2.3"])
async def test_an_sbom_that_came_is_indexed_and_none_is_lost_by_another(world: World, form: str) -> None:
    pushed = await world.push("acme/api", built(layer({A: dist_info("a", "1")}, "gzip")), "1.0")
    await world.settle()
    content = cyclonedx("1.4") if form.startswith("Cyc") else json.dumps(spdx()).encode()
    media_type = CYCLONEDX_TYPE if form.startswith("Cyc") else "application/spdx+json"

    await world.push("acme/api", carrying(pushed, content, media_type))
    await world.settle()

    assert await documents(world, pushed.digest) == [("generated", "CycloneDX 1.6", None), ("uploaded", form, None)]
    assert {"pkg:pypi/requests@2.31.0", "pkg:pypi/urllib3@2.0.0", "pkg:pypi/a@1"} <= await purls(world, pushed.digest)


async def test_who_publishes_does_not_say_alone_what_is_in_it(world: World) -> None:
    pushed = await world.push("acme/api", built(layer({A: dist_info("a", "1")}, "gzip")), "1.0")
    await world.push("acme/api", carrying(pushed, cyclonedx("1.5")))

    await world.settle()

    assert {kind for kind, *_ in await documents(world, pushed.digest)} == {"generated", "uploaded"}
    assert {"pkg:pypi/requests@2.31.0", "pkg:pypi/a@1"} <= await purls(world, pushed.digest)


async def test_an_sbom_that_is_wrong_says_so_and_hides_nothing(world: World) -> None:
    pushed = await world.push("acme/api", built(layer({A: dist_info("a", "1")}, "gzip")), "1.0")
    await world.settle()

    await world.push("acme/api", carrying(pushed, b'{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": 1}'))
    await world.settle()

    assert [problem is None for _, _, problem in await documents(world, pushed.digest)] == [True, False]
    assert "pkg:pypi/a@1" in await purls(world, pushed.digest)


async def test_an_sbom_in_a_statement_counts_for_what_the_statement_is_about(world: World) -> None:
    pushed = await world.push("acme/api", image(b"x"), "1.0")
    predicate = json.loads(cyclonedx("1.5"))
    kind = "application/vnd.in-toto+json"

    await world.push("acme/api", carrying(pushed, statement(pushed.digest, predicate), kind))
    await world.push("acme/api", carrying(pushed, statement(Digest.of(b"other"), predicate), kind))
    await world.push("acme/api", carrying(pushed, statement(pushed.digest, {}, "https://slsa.dev/provenance/v1"), kind))
    await world.settle()

    found = await documents(world, pushed.digest)
    assert sorted((source, form, problem is None) for source, form, problem in found) == [
        ("attested", "", False),
        ("attested", "CycloneDX 1.5", True),
    ]


async def test_an_sbom_in_a_statement_with_nul_says_so_and_holds_up_nobody(world: World) -> None:
    pushed = await world.push("acme/api", image(b"x"), "1.0")
    predicate = {**json.loads(cyclonedx("1.5")), "components": [{"type": "library", "name": "a\0b"}]}

    await world.push("acme/api", carrying(pushed, statement(pushed.digest, predicate), "application/vnd.in-toto+json"))
    await world.settle()

    [(source, form, problem)] = await documents(world, pushed.digest)
    assert (source, form) == ("attested", "")
    assert "NUL" in str(problem)


def described(*statements: bytes) -> Image:
    """An attestation manifest as BuildKit writes it: like an image, whose layers are statements."""
    plain = built(*statements)
    document = json.loads(plain.content)
    for each in document["layers"]:
        each["mediaType"] = "application/vnd.in-toto+json"
        each["annotations"] = {"in-toto.io/predicate-type": "https://spdx.dev/Document"}
    return Image(_as(plain, document).artifact, blobs=plain.blobs)


def built_together(about: Image, said: Image, named: Image | None = None) -> Image:
    """An index of an image, and of what is said of it; or of something else."""
    plain = index(about, said)
    document = json.loads(plain.content)
    document["manifests"][1]["annotations"] = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": str((named or about).digest),
    }
    return Image(_as(plain, document).artifact, children=(about, said))


def bare(subject: Digest, predicate: object, predicate_type: str) -> bytes:
    """A statement without an envelope."""
    envelope = json.loads(statement(subject, predicate, predicate_type))
    return base64.b64decode(envelope["payload"])


async def test_what_buildkit_says_of_an_image_is_indexed_for_the_image(world: World) -> None:
    made = built(layer({A: dist_info("a", "1")}, "gzip"))
    sbom = bare(made.digest, spdx(), "https://spdx.dev/Document")
    provenance = bare(made.digest, {"buildDefinition": {}, "runDetails": {}}, "https://slsa.dev/provenance/v1")
    said = described(sbom, provenance)
    await world.push("acme/api", built_together(made, said), "1.0")

    await world.settle()

    assert sorted(await documents(world, made.digest)) == [
        ("attested", "SPDX 2.3", None),
        ("generated", "CycloneDX 1.6", None),
    ]
    assert await documents(world, said.digest) == []
    rows = await world.catalog.attestations.list_attestations(API, {made.digest})
    assert {(row.attestation.carrier, row.attestation.kind, row.attestation.predicate_type) for row in rows} == {
        (said.digest, "statement", "https://spdx.dev/Document"),
        (said.digest, "statement", "https://slsa.dev/provenance/v1"),
    }
    assert all(row.attestation.reason is not None and not row.verifications for row in rows)


async def test_an_index_says_nothing_of_what_it_does_not_contain(world: World) -> None:
    other = await world.push("acme/api", built(layer({A: dist_info("b", "1")}, "gzip")), "other")
    made = built(layer({A: dist_info("a", "1")}, "gzip"))
    said = described(bare(other.digest, spdx(), "https://spdx.dev/Document"))
    await world.push("acme/api", built_together(made, said, named=other), "1.0")

    await world.settle()

    assert await documents(world, other.digest) == [("generated", "CycloneDX 1.6", None)]
    assert list(await world.catalog.attestations.list_attestations(API, {other.digest})) == []


async def test_an_image_with_a_statement_among_its_layers_is_an_image(world: World) -> None:
    plain = built(layer({A: dist_info("a", "1")}, "gzip"), b"{}")
    document = json.loads(plain.content)
    document["layers"][1]["mediaType"] = "application/vnd.in-toto+json"
    pushed = await world.push("acme/api", Image(_as(plain, document).artifact, blobs=plain.blobs), "1.0")

    await world.settle()

    assert "pkg:pypi/a@1" in await purls(world, pushed.digest)


async def test_what_a_lockfile_declares_is_shown_and_counts_for_no_policy(world: World) -> None:
    files = {A: dist_info("installed", "1"), "srv/requirements.txt": b"wanted==1.0\n"}
    pushed = await world.push("acme/api", built(layer(files, "gzip")), "1.0")
    await world.settle()

    for name in ("wanted", "installed"):
        affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": EVERY}
        record = {"id": f"T-{name}", "modified": "2026-01-01T00:00:00Z", "affected": [affected]}
        await import_advisories(world.registry, ADMINISTRATOR, "osv", stream(json.dumps(record).encode()))

    found = await scan(world.registry, ADMINISTRATOR, ALL, API, digest=pushed.digest)
    assert [(each.id, each.relation) for each in found.findings] == [
        ("T-installed", "contained"),
        ("T-wanted", "declared"),
    ]
    asked = Asked("1.0")
    facts = await gather(world.registry, API, pushed.digest, asked, now=world.clock.now())
    assert facts.values["findings.total"] == 1
    assert facts.values["findings.unknown"] == 0


async def test_cosigns_older_tags_are_understood(world: World) -> None:
    pushed = await world.push("acme/api", image(b"x"), "1.0")
    content = cyclonedx("1.4")
    plain = image(content)
    document = json.loads(plain.content)
    document["layers"][0]["mediaType"] = CYCLONEDX_TYPE

    await world.push("acme/api", _as(plain, document), f"sha256-{pushed.digest.hex}.sbom")
    await world.settle()

    assert await documents(world, pushed.digest) == [("uploaded", "CycloneDX 1.4", None)]


async def test_an_index_has_what_its_images_have(world: World) -> None:
    one = built(layer({A: dist_info("a", "1")}, "gzip"))
    other = built(layer({A: dist_info("b", "1")}, "gzip"))
    both = await world.push("acme/api", index(one, other), "1.0")

    await world.settle()

    found = await read_inventory(world.registry, ADMINISTRATOR, ALL, API, digest=both.digest)
    assert {each.name for each in found.components if each.relation is Relation.CONTAINED} == {"a", "b"}
    assert len((await list_documents(world.registry, ADMINISTRATOR, ALL, API, digest=both.digest)).documents) == 2


async def test_what_is_exported_is_valid_in_both_forms(world: World) -> None:
    pushed = await world.push("acme/api", built(layer({A: dist_info("a", "1")}, "gzip")), "1.0")
    await world.settle()

    for form, expected in (("cyclonedx", ("CycloneDX", "1.6")), ("spdx", ("SPDX", "2.3"))):
        content, _ = await export_sbom(world.registry, ADMINISTRATOR, ALL, API, (None, pushed.digest), form=form)

        document = read_document(content)
        assert (document.format, document.version) == expected
        assert "a" in {each.name for each in document.inventory.components}
    with pytest.raises(RegistryError):
        await export_sbom(world.registry, ADMINISTRATOR, ALL, API, (None, pushed.digest), form="xml")


async def test_attaching_takes_a_valid_document_an_artifact_and_the_right_to_publish(world: World) -> None:
    pushed = await world.push("acme/api", image(b"x"), "1.0")
    content = cyclonedx("1.6")

    first = await attach_sbom(world.registry, caller("publisher"), API, pushed.digest, content)
    again = await attach_sbom(world.registry, caller("publisher"), API, pushed.digest, content)

    assert first == again
    with pytest.raises(InvalidInventory):
        await attach_sbom(world.registry, caller("publisher"), API, pushed.digest, b"{}")
    with pytest.raises(ArtifactUnknown):
        await attach_sbom(world.registry, caller("publisher"), API, Digest.of(b"none"), content)
    with pytest.raises(Denied):
        await attach_sbom(world.registry, caller("reader"), API, pushed.digest, content)


async def test_who_may_not_read_learns_nothing(world: World) -> None:
    pushed = await world.push("acme/api", built(layer({A: dist_info("a", "1")}, "gzip")), "1.0")
    await world.settle()

    for stranger in (ANONYMOUS, caller("reader", "other")):
        with pytest.raises(RegistryError) as refused:
            await read_inventory(world.registry, stranger, ALL, API, digest=pushed.digest)
        assert not isinstance(refused.value, TooLarge)
    prod = View.parse("acme.prod")
    with pytest.raises((ArtifactUnknown, PackageUnknown)):
        await list_documents(world.registry, ADMINISTRATOR, prod, API, digest=pushed.digest)


async def test_a_document_that_is_deleted_says_nothing_more(world: World) -> None:
    pushed = await world.push("acme/api", image(b"x"), "1.0")
    came = await world.push("acme/api", carrying(pushed, cyclonedx("1.5")))
    await world.settle()
    assert await purls(world, pushed.digest)

    await delete_artifact(world.registry, ADMINISTRATOR, API, came.digest)
    await world.settle()

    rows: list[SbomRow] = list(await world.catalog.inventories.list_sboms(API, pushed.digest))
    assert rows == []
    assert await purls(world, pushed.digest) == set()

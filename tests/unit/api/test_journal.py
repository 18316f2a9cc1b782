from __future__ import annotations

from hashlib import sha256

import pytest

from entrepot.model.events import GENESIS, chain
from entrepot.model.position import START
from tests.unit.api.world import World


async def test_the_journal_tells_what_happened_in_order(world: World) -> None:
    await world.ask("POST", "/api/v1/namespaces", {"name": "acme"})
    image = await world.image("1.0")

    entries = (await world.ask("GET", "/api/v1/journal")).items

    assert [(entry["position"], entry["actor"], entry["type"]) for entry in entries] == [
        (1, "entrepot", "dev.entrepot.token.created.v1"),
        (2, "administrator", "dev.entrepot.namespace.created.v1"),
        (3, "anonymous", "dev.entrepot.artifact.published.v1"),
    ]
    assert entries[2]["data"] == {
        "namespace": "acme",
        "package": "oci/api",
        "digest": str(image.digest),
        "media_type": image.media_type,
        "artifact_type": "application/vnd.oci.empty.v1+json",
        "references": ["1.0"],
    }


async def test_the_hashes_tie_each_entry_to_the_one_before(world: World) -> None:
    await world.namespace()
    await world.image("1.0")

    entries = (await world.ask("GET", "/api/v1/journal")).items

    previous = GENESIS
    for shown, stored in zip(entries, await world.registry.catalog.list_entries(after=START, limit=10), strict=True):
        previous = chain(previous, stored.position, stored.at, actor=stored.actor, content=stored.content)
        assert shown["hash"] == previous.hex()
    assert len(previous) == sha256().digest_size


async def test_the_journal_is_read_from_a_position(world: World) -> None:
    await world.namespace()
    for number in range(4):
        await world.image(f"{number}.0")

    first = (await world.ask("GET", "/api/v1/journal?after=1&limit=3")).json
    second = (await world.ask("GET", f"/api/v1/journal?after={first['next']}&limit=3")).json
    end = (await world.ask("GET", "/api/v1/journal?after=6")).json

    assert [entry["position"] for entry in first["items"] + second["items"]] == [2, 3, 4, 5, 6]
    assert (first["next"], second["next"]) == ("4", None)
    assert end == {"items": [], "next": None}


async def test_an_auditor_of_a_namespace_reads_what_happened_there(world: World) -> None:
    await world.namespace()
    await world.namespace("other")
    await world.image("1.0")
    await world.image("1.0", namespace="other")
    auditor = await world.token("auditor")

    there = await world.ask("GET", "/api/v1/journal?namespace=acme", token=auditor)
    everywhere = await world.ask("GET", "/api/v1/journal", token=auditor)
    elsewhere = await world.ask("GET", "/api/v1/journal?namespace=other", token=auditor)

    assert {entry["data"]["namespace"] for entry in there.items} == {"acme"}
    assert len(there.items) == 2
    assert (everywhere.status, elsewhere.status, elsewhere.code) == (403, 404, "namespace-unknown")


async def test_nobody_else_reads_the_journal(world: World) -> None:
    await world.namespace()
    maintainer = await world.token("maintainer")

    assert (await world.ask("GET", "/api/v1/journal", token=None)).status == 401
    assert (await world.ask("GET", "/api/v1/journal?namespace=acme", token=None)).status == 401
    assert (await world.ask("GET", "/api/v1/journal", token=maintainer)).status == 403
    assert (await world.ask("GET", "/api/v1/journal?namespace=acme", token=maintainer)).status == 403


@pytest.mark.parametrize("query", ["after=x", "after=-1", f"after={2**64}", "limit=0", "namespace=A", "before=1"])
async def test_a_question_that_is_not_well_formed_is_refused(world: World, query: str) -> None:
    answer = await world.ask("GET", f"/api/v1/journal?{query}")

    assert answer.status == 400

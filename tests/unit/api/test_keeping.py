from __future__ import annotations

from entrepot.model.digest import Digest
from tests.unit.api.world import World

API = "/api/v1/packages/acme/oci/api"
TRASH = "/api/v1/namespaces/acme/trash"
COLLECTION = "/api/v1/collection"
ERASURES = "/api/v1/erasures"


async def test_what_was_deleted_is_listed_in_pages_and_had_back(world: World) -> None:
    await world.namespace()
    digests = [(await world.image(f"1.{number}", annotations={"number": str(number)})).digest for number in range(3)]
    for digest in digests:
        assert (await world.ask("DELETE", f"{API}/-/artifacts/{digest}")).status == 204

    first = await world.ask("GET", f"{TRASH}?limit=2")
    second = await world.ask("GET", f"{TRASH}?limit=2&after={first.json['next']}")
    restored = await world.ask("POST", f"{API}/-/trash/1.1")

    assert [item["names"] for item in (*first.items, *second.items)] == [["1.2"], ["1.1"], ["1.0"]]
    assert restored.json == {"digest": str(digests[1]), "names": ["1.1"]}
    assert [item["names"] for item in (await world.ask("GET", TRASH)).items] == [["1.2"], ["1.0"]]
    assert (await world.ask("GET", f"{API}/-/references")).items[0]["name"] == "1.1"


async def test_what_never_was_or_is_not_for_the_caller_cannot_be_had_back(world: World) -> None:
    await world.namespace()
    await world.image("1.0")
    publisher = await world.token("publisher")

    assert (await world.ask("POST", f"{API}/-/trash/2.0")).code == "reference-unknown"
    assert (await world.ask("POST", f"{API}/-/trash/{Digest.of(b'x')}")).code == "artifact-unknown"
    assert (await world.ask("POST", "/api/v1/packages/acme.prod/oci/api/-/trash/1.0")).code == "read-only"
    assert (await world.ask("POST", f"{API}/-/trash/1.0", token=publisher)).status == 403
    assert (await world.ask("GET", TRASH, token=publisher)).status == 403


async def test_a_round_of_the_collector_is_planned_done_and_explained(world: World) -> None:
    await world.namespace()
    built = await world.image("1.0")
    await world.ask("DELETE", f"{API}/-/artifacts/{built.digest}")

    plan = await world.ask("GET", COLLECTION)
    found = await world.ask("POST", COLLECTION)
    known = await world.ask("GET", f"{COLLECTION}/{built.digest}")

    assert plan.json["unreachable"] == found.json["condemned"] == {"count": 1, "size": len(built.content)}
    assert (known.json["state"], known.json["holdings"]) == ("condemned", [])
    assert (await world.ask("GET", f"{COLLECTION}/{Digest.of(b'x')}")).code == "blob-unknown"
    assert (await world.ask("GET", COLLECTION, token=await world.token("maintainer"))).status == 403


async def test_bytes_are_erased_by_a_plan_and_what_is_left_of_them_is_shown_to_auditors(world: World) -> None:
    await world.namespace()
    built = await world.image("1.0")
    target = f"{ERASURES}/{built.digest}"
    auditor, maintainer = await world.token("auditor"), await world.token("maintainer")

    plan = await world.ask("GET", f"{target}/plan")
    stale = await world.ask("POST", target, {"reason": "a key got out", "fingerprint": "0" * 16})
    done = await world.ask("POST", target, {"reason": "a key got out", "fingerprint": plan.json["fingerprint"]})

    assert plan.json["plan"] == f"{built.digest}@{plan.json['fingerprint']}"
    assert [place["names"] for place in plan.json["extent"]["places"] if place["names"]] == [["1.0"]]
    assert (stale.status, stale.code) == (409, "plan-outdated")
    assert done.json["reason"] == "a key got out"
    assert done.json["tombstone"]["payloadType"] == "application/vnd.in-toto+json"
    assert (await world.ask("GET", target, token=auditor)).json == done.json
    assert (await world.ask("GET", ERASURES)).items == [done.json]
    assert (await world.ask("GET", f"{API}/-/artifacts/{built.digest}")).code == "erased"
    for method, path in (("GET", f"{target}/plan"), ("POST", target), ("GET", ERASURES), ("POST", f"{target}/lift")):
        body = {"reason": "please"} if method == "POST" else None
        assert (await world.ask(method, path, body, token=maintainer)).status == 403
    assert (await world.ask("GET", target, token=maintainer)).code == "erasure-unknown"
    assert (await world.ask("POST", f"{target}/lift", {"reason": "a mistake"})).status == 204
    assert (await world.ask("GET", target)).code == "erasure-unknown"

from __future__ import annotations

import pytest

from tests.unit.api.world import World

API = "/api/v1/packages/acme/oci/api"
NOTHING = "sha256:" + 64 * "0"


async def test_a_clearance_is_opened_once_and_seals_the_version(world: World) -> None:
    await world.namespace()
    image = await world.image("1.0", sealed=False)

    opened = await world.ask("PUT", f"{API}/-/clearances/prod/{image.digest}", {"reason": "tested"})
    again = await world.ask("PUT", f"{API}/-/clearances/prod/{image.digest}")

    assert (opened.status, again.status) == (201, 200)
    assert opened.json == again.json == {"channel": "prod", "digest": str(image.digest)}
    assert [item["sealed"] for item in (await world.ask("GET", f"{API}/-/references")).items] == [True]
    assert (await world.ask("GET", f"{API}/-/clearances")).items == [
        {"channel": "prod", "digest": str(image.digest), "from_position": 4, "until_position": None}
    ]


async def test_a_closed_clearance_is_history(world: World) -> None:
    await world.namespace()
    image = await world.image("1.0")
    address = f"{API}/-/clearances/prod/{image.digest}"
    await world.ask("PUT", address)

    closed = await world.ask("DELETE", f"{address}?reason=recalled%20%E2%98%A0")
    again = await world.ask("DELETE", address)

    assert (closed.status, again.status, again.code) == (204, 404, "clearance-unknown")
    assert (await world.ask("GET", f"{API}/-/clearances")).items == []
    (past,) = (await world.ask("GET", f"{API}/-/clearances?history=1")).items
    assert (past["from_position"], past["until_position"]) == (4, 5)
    assert (await world.ask("GET", "/api/v1/journal?after=4")).items[0]["data"]["reason"] == "recalled ☠"


async def test_what_a_clearance_covers_is_seen_and_not_listed(world: World) -> None:
    await world.namespace()
    image = await world.image()
    index = await world.index("1.0", of=image)

    await world.ask("PUT", f"{API}/-/clearances/prod/{index.digest}")

    assert [item["digest"] for item in (await world.ask("GET", f"{API}/-/clearances")).items] == [str(index.digest)]
    covered = await world.ask("GET", f"/api/v1/packages/acme.prod/oci/api/-/artifacts/{image.digest}")
    assert covered.json["clearances"] == [{"channel": "prod", "from_position": 5}]


async def test_pages_of_clearances_join_to_the_whole(world: World) -> None:
    await world.namespace()
    image = await world.image("1.0")
    for channel in ("prod", "dev", "staging"):
        await world.ask("PUT", f"{API}/-/clearances/{channel}/{image.digest}")

    first = (await world.ask("GET", f"{API}/-/clearances?limit=2")).json
    second = (await world.ask("GET", f"{API}/-/clearances?limit=2&after={first['next']}")).json

    assert [item["channel"] for item in first["items"] + second["items"]] == ["prod", "dev", "staging"]


@pytest.mark.parametrize(
    ("package", "channel", "digest", "status", "code"),
    [
        ("acme/oci/api", "nowhere", "", 404, "channel-unknown"),
        ("acme/oci/api", "prod", NOTHING, 404, "artifact-unknown"),
        ("acme/oci/ghost", "prod", "", 404, "artifact-unknown"),
        ("ghost/oci/api", "prod", "", 404, "namespace-unknown"),
        ("acme/oci/api", "Prod", "", 400, "invalid-name"),
        ("acme/oci/api", "prod", "1.0", 400, "invalid-digest"),
        ("acme.prod/oci/api", "prod", "", 403, "read-only"),
    ],
)
async def test_a_clearance_that_cannot_be_is_refused(
    world: World, package: str, channel: str, digest: str, status: int, code: str
) -> None:
    await world.namespace()
    image = await world.image("1.0")

    answer = await world.ask("PUT", f"/api/v1/packages/{package}/-/clearances/{channel}/{digest or image.digest}")

    assert (answer.status, answer.code) == (status, code)
    assert (await world.ask("GET", f"{API}/-/clearances?history=true")).items == []


async def test_only_who_administers_opens_and_closes(world: World) -> None:
    await world.namespace()
    image = await world.image("1.0")
    address = f"{API}/-/clearances/prod/{image.digest}"
    promoter, administrator = await world.token("promoter"), await world.token("administrator")

    assert (await world.ask("PUT", address, token=promoter)).status == 403
    assert (await world.ask("PUT", address, token=None)).status == 401
    assert (await world.ask("PUT", address, token=administrator)).status == 201
    assert (await world.ask("DELETE", address, token=promoter)).status == 403
    assert (await world.ask("DELETE", address, token=administrator)).status == 204

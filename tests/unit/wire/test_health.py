"""What probes and Prometheus are told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from entrepot import followers
from entrepot.followers.transparency import TRANSPARENCY
from entrepot.model.errors import StorageReadOnly, Unavailable
from entrepot.testing.builders import image
from entrepot.wire.health import Presence

if TYPE_CHECKING:
    from entrepot.testing.builders import World


async def figures(world: World) -> dict[str, float]:
    """Every sample of a scrape, by its name and labels."""
    async with world.client() as client:
        text = (await client.get("/metrics")).text
    samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


@pytest.mark.parametrize("page", ["livez", "healthz", "startupz", "readyz"])
async def test_a_sound_registry_is_well(world: World, page: str) -> None:
    async with world.client() as client:
        answer = await client.get(f"/{page}")

    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_a_registry_that_cannot_write_is_alive_and_not_ready(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def probe() -> None:
        raise StorageReadOnly("blob store")

    monkeypatch.setattr(world.registry.blobs, "probe", probe)
    async with world.client() as client:
        alive, ready = await client.get("/livez"), await client.get("/readyz")

    assert (alive.status_code, ready.status_code) == (200, 503)
    assert "does not accept writes" in ready.json()["detail"]


async def test_a_server_that_was_told_to_stop_is_alive_and_not_ready() -> None:
    presence = Presence()
    presence.confirm()

    presence.leave()

    with pytest.raises(Unavailable, match="about to stop"):
        presence.confirm()


async def test_the_root_says_where_to_go(world: World) -> None:
    async with world.client() as client:
        answer = await client.get("/")

    assert answer.json()["name"] == "Entrepot"


async def test_requests_are_counted_by_format_operation_and_outcome(world: World) -> None:
    async with world.client(await world.token("reader")) as client:
        await client.get("/v2/")
        await client.get("/v2/acme/nothing/manifests/1.0")

    found = await figures(world)

    assert found['entrepot_requests_total{format="oci",operation="ping",outcome="ok"}'] == 1
    assert found['entrepot_requests_total{format="oci",operation="get_manifest",outcome="client_error"}'] == 1
    assert found['entrepot_errors_total{code="NAME_UNKNOWN",format="oci"}'] == 1
    assert found['entrepot_request_seconds_count{format="oci",operation="ping"}'] == 1


async def test_what_is_stored_is_counted(world: World) -> None:
    pushed = await world.push("acme/api", image(layer=b"layer"), "1.0")

    found = await figures(world)

    assert found["entrepot_storage_artifacts"] == 1
    assert found["entrepot_storage_blobs"] == len(pushed.blobs) + 1
    assert found["entrepot_storage_damaged"] == 0


async def test_how_far_each_follower_is_behind_is_counted(world: World) -> None:
    await followers.catch_up(world.registry, [TRANSPARENCY])
    before = await figures(world)
    await world.push("acme/api", image(layer=b"layer"), "1.0")

    found = await figures(world)

    assert before['entrepot_follower_behind{follower="transparency"}'] == 0
    assert found['entrepot_follower_behind{follower="transparency"}'] > 0


async def test_no_label_takes_what_a_client_chose(world: World) -> None:
    async with world.client() as client:
        await client.get("/v2/chosen-by-somebody/x/manifests/chosen")
        await client.request("CHOSEN", "/chosen/by/somebody")

    assert not [name for name in await figures(world) if re.search("chosen", name, re.IGNORECASE)]


async def test_answers_from_the_front_cache_count_like_others(world: World) -> None:
    world.app._metrics.count_hits(("oci", "ping", "ok"), hits=3, sent=6, seconds=0.0003)

    found = await figures(world)

    assert found['entrepot_requests_total{format="oci",operation="ping",outcome="ok"}'] == 3
    assert found['entrepot_front_cache_hits_total{format="oci"}'] == 3
    assert found['entrepot_sent_bytes_total{format="oci"}'] == 6
    assert found['entrepot_request_seconds_count{format="oci",operation="ping"}'] == 3
    assert found['entrepot_request_seconds_sum{format="oci",operation="ping"}'] == pytest.approx(0.0003)

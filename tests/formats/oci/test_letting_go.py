"""What registries of images lose when they tidy up, and what they never let go: neither happens here.

Asked as clients ask, over a blob store of files; each test names the threads of users who were hit by it elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.model.artifact import IMAGE_MANIFEST
from entrepot.model.block import BlockKind
from entrepot.model.deployment import Particulars, Place
from entrepot.model.digest import Digest
from entrepot.model.names import PackagePattern, ReferenceName, View, parse_namespace
from entrepot.model.retention import NameKind, Retention, RetentionRule
from entrepot.operations.block import block, release
from entrepot.operations.check import check
from entrepot.operations.deploy import record_deployment
from entrepot.operations.govern import set_namespace
from entrepot.operations.hold import place_hold
from entrepot.operations.pulls import write_pulls
from entrepot.operations.retain import list_items, plan_retention, set_retention
from entrepot.schedules.collect import COLLECT
from entrepot.schedules.retain import GO_ON, RETAIN
from entrepot.schedules.scrub import SCRUB
from entrepot.schedules.sweep import SWEEP
from entrepot.testing.builders import ADMINISTRATOR, World, image, index, open_world, package, referrer

ACME, ALL, API = parse_namespace("acme"), View.parse("acme"), package("acme/api")
BASE, AMD, ARM = b"base " * 100, b"amd64 " * 100, b"arm64 " * 100
ON_AMD, ON_ARM = image(BASE, AMD), image(BASE, ARM)
LATEST = ReferenceName("latest")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    blobs = FileBlobStore(tmp_path / "blobs", threads=1)
    async with open_world(tmp_path, blobs=blobs) as world:
        await world.namespace("acme")
        await world.namespace("beta")
        yield world
        assert await check(world.registry, read_bytes=True) == []
    blobs.close()


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client(await world.token("administrator", None)) as client:
        yield client


async def pull(client: httpx.AsyncClient, name: str, reference: str | Digest) -> int:
    """Have an image with all that it needs, verified; how many documents and blobs that is."""
    answer = await client.get(f"/v2/{name}/manifests/{reference}")
    assert answer.status_code == 200, answer.text
    Digest.parse(answer.headers["docker-content-digest"]).verify(answer.content)
    document, count = answer.json(), 1
    for child in document.get("manifests", []):
        count += await pull(client, name, child["digest"])
    for blob in [*([document["config"]] if "config" in document else []), *document.get("layers", [])]:
        bytes_of_it = await client.get(f"/v2/{name}/blobs/{blob['digest']}")
        assert bytes_of_it.status_code == 200, bytes_of_it.text
        Digest.parse(blob["digest"]).verify(bytes_of_it.content)
        count += 1
    return count


async def tidy_up(world: World, *, rounds: int = 2) -> None:
    """Let all that runs by itself run, again and again."""
    for _ in range(rounds):
        world.clock.advance(days=9)
        for schedule in (SWEEP, RETAIN, GO_ON, COLLECT, SCRUB):
            await schedule.run(world.registry)


def stored(world: World) -> list[Path]:
    """What lies on the disk."""
    return [path for path in (world.folder / "blobs").rglob("*") if path.is_file()]


async def keep(world: World, *rules: RetentionRule) -> None:
    await set_retention(world.registry, ADMINISTRATOR, ACME, Retention(rules, automatic=True))


async def test_what_another_project_uses_stays_whoever_deletes_what(world: World, client: httpx.AsyncClient) -> None:
    """Users' threads 1 and 7: blobs in use were deleted across many projects, shared manifests with a repository."""
    for name in ("acme/api", "acme/copy", "beta/api"):
        await world.push(name, index(ON_AMD, ON_ARM), "1.0")

    for digest in (index(ON_AMD, ON_ARM).digest, ON_AMD.digest, ON_ARM.digest):
        assert (await client.delete(f"/v2/acme/api/manifests/{digest}")).status_code == 202
    await tidy_up(world, rounds=4)

    assert (await client.get("/v2/acme/api/manifests/1.0")).status_code == 404
    assert await pull(client, "acme/copy", "1.0") == await pull(client, "beta/api", "1.0") == 9


async def test_what_indexes_contain_is_never_taken_for_untagged(world: World, client: httpx.AsyncClient) -> None:
    """Users' threads 2, 3 and 4: a collection that did not follow indexes left 4 of 445 GB."""
    attested = index(ON_AMD, ON_ARM, image(b"provenance " * 20, artifact_type="application/vnd.in-toto+json"))
    await world.push("acme/api", index(attested, index(ON_ARM)), "1.0")
    signature = await world.push("acme/api", referrer(ON_ARM))
    await keep(world, RetentionRule("nameless", kinds=(NameKind.UNNAMED,), last=0))
    before = stored(world)

    await tidy_up(world, rounds=6)

    assert stored(world) == before
    assert await pull(client, "acme/api", "1.0") == 1 + 1 + 4 + 4 + 3 + 1 + 4
    assert await pull(client, "acme/api", signature.digest) == 2


async def test_deleted_images_free_their_bytes_without_anybody_setting_up_anything(
    world: World, client: httpx.AsyncClient
) -> None:
    """Users' threads 9, 10 and 11: five tasks to schedule, and an empty repository still held 1.5 GB."""
    for number in range(5):
        await world.push("acme/api", image(BASE, b"own %d " % number * 50), f"{number}.0")
    await world.push_blob("acme/api", b"never linked " * 50)
    assert len(stored(world)) == 7

    for number in range(5):
        digest = (await client.head(f"/v2/acme/api/manifests/{number}.0")).headers["docker-content-digest"]
        assert (await client.delete(f"/v2/acme/api/manifests/{digest}")).status_code == 202
    await tidy_up(world)

    assert stored(world) == []


async def test_no_other_task_than_the_collector_takes_content_away(world: World, client: httpx.AsyncClient) -> None:
    """Users' thread 14: the cleaning up of something else deleted content that others shared."""
    await world.push("acme/api", ON_AMD, "1.0")
    await world.push("beta/api", ON_AMD, "1.0")
    await plan_retention(world.registry, ADMINISTRATOR, ACME)
    assert (await client.delete(f"/v2/beta/api/manifests/{ON_AMD.digest}")).status_code == 202
    before = stored(world)

    for _ in range(6):
        world.clock.advance(days=30)
        for schedule in (SWEEP, RETAIN, GO_ON, SCRUB):
            await schedule.run(world.registry)

    assert stored(world) == before
    assert await pull(client, "acme/api", "1.0") == 4


async def test_what_must_not_change_may_go_by_a_rule_and_what_is_released_is_spared(
    world: World, client: httpx.AsyncClient
) -> None:
    """Users' thread 17: what is immutable could not be cleaned up, so nobody made anything immutable."""
    await set_namespace(world.registry, ADMINISTRATOR, ACME, movable=[PackagePattern("latest")])
    for number in range(4):
        await world.push("acme/api", image(b"build %d " % number * 50), f"build-{number}")
        world.clock.advance(hours=1)
    await world.push("acme/api", image(b"build 1 " * 50), "release-1")
    other = image(b"another " * 50)
    await world.push("acme/api", other)
    headers = {"content-type": IMAGE_MANIFEST}
    async with world.client(await world.token("publisher")) as publisher:
        refused = await publisher.put("/v2/acme/api/manifests/build-3", content=other.content, headers=headers)
    await keep(world, RetentionRule("builds", names=PackagePattern("build-*"), last=1))

    await tidy_up(world)

    assert refused.json()["errors"][0]["code"] == "DENIED"
    answers = [
        await client.head(f"/v2/acme/api/manifests/{tag}") for tag in ("build-0", "build-1", "build-2", "build-3")
    ]
    # The second build is the release, too, so it stays, and its name with it.
    assert [answer.status_code for answer in answers] == [404, 200, 404, 200]
    assert await pull(client, "acme/api", "release-1") == 3


async def test_a_whole_repository_is_had_back_as_it_was(world: World, client: httpx.AsyncClient) -> None:
    """Users' threads 20, 21 and 22: a deleted repository could not be had back, though its bytes were still there."""
    await world.push("acme/api", index(ON_AMD, ON_ARM), "1.0", "latest")
    await world.push("acme/api", ON_AMD, "amd")
    await world.push("acme/api", referrer(ON_AMD))
    tags = (await client.get("/v2/acme/api/tags/list")).json()
    referrers = (await client.get(f"/v2/acme/api/referrers/{ON_AMD.digest}")).json()
    for digest in (index(ON_AMD, ON_ARM).digest, referrer(ON_AMD).digest, ON_AMD.digest, ON_ARM.digest):
        assert (await client.delete(f"/v2/acme/api/manifests/{digest}")).status_code == 202
    await tidy_up(world, rounds=1)
    assert (await client.get("/v2/acme/api/manifests/latest")).status_code == 404

    trash = (await client.get("/api/v1/namespaces/acme/trash")).json()["items"]
    for item in trash:
        back = await client.post(f"/api/v1/packages/acme/oci/api/-/trash/{item['digest']}")
        assert back.status_code == 200, back.text

    assert (await client.get("/v2/acme/api/tags/list")).json() == tags
    assert (await client.get(f"/v2/acme/api/referrers/{ON_AMD.digest}")).json() == referrers
    assert await pull(client, "acme/api", "latest") == 9
    assert all(item["until"] is not None for item in trash), "it is said until when"


async def test_an_image_can_be_taken_out_of_service_for_months_and_put_back(
    world: World, client: httpx.AsyncClient
) -> None:
    """Users' thread 23: hide it, and keep the bytes, before it is deleted for good."""
    await world.push("acme/api", ON_AMD, "1.0")
    reason = "decommissioned, unless somebody complains"
    await block(world.registry, ADMINISTRATOR, API, ReferenceName("1.0"), kind=BlockKind.QUARANTINED, reason=reason)

    await tidy_up(world, rounds=12)
    hidden = await client.get("/v2/acme/api/manifests/1.0")
    await release(world.registry, ADMINISTRATOR, API, ON_AMD.digest, reason="somebody did")

    assert hidden.status_code in (403, 404)
    assert await pull(client, "acme/api", "1.0") == 4


async def test_a_plan_says_of_everything_whether_it_is_still_needed_and_by_whom(
    world: World, client: httpx.AsyncClient
) -> None:
    """Users' thread 26: we want to clean up what we no longer need but do not know which ones we still need."""
    for number, version in enumerate(("1.0", "1.1", "1.2")):
        await world.push("acme/api", image(b"layer %d " % number * 50), version)
    runs = Place(ACME, "prod", "payments")
    await record_deployment(
        world.registry, ADMINISTRATOR, API, ReferenceName("1.0"), place=runs, particulars=Particulars()
    )
    assert (await client.get("/v2/acme/api/manifests/1.1")).status_code == 200
    await write_pulls(world.registry)
    await tidy_up(world, rounds=5)
    rule = RetentionRule("used", pulled_within=timedelta(days=30))
    await set_retention(world.registry, ADMINISTRATOR, ACME, Retention((rule,)))

    made = await plan_retention(world.registry, ADMINISTRATOR, ACME)

    said = {item.names: item for item in await list_items(world.registry, ADMINISTRATOR, made.name, limit=10)}
    assert said["1.0",].keeper is not None
    assert "payments" in said["1.0",].keeper
    assert said["1.1",].keeper is None
    assert said["1.1",].pulled_by == "administrator-robot"
    assert "never pulled" in said["1.2",].reason
    assert made.size == said["1.1",].size + said["1.2",].size > 0


async def test_a_name_may_go_while_what_it_meant_is_kept(world: World, client: httpx.AsyncClient) -> None:
    """Users' thread 29: cleaning up after an experiment must be able to keep its artifacts."""
    await world.push("acme/api", ON_AMD, "experiment-7")
    await place_hold(world.registry, ADMINISTRATOR, API, ON_AMD.digest, reason="the paper cites it")
    await keep(world, RetentionRule("none", kinds=tuple(NameKind), last=0))
    assert (await client.delete("/v2/acme/api/manifests/experiment-7")).status_code == 202

    await tidy_up(world, rounds=4)

    assert (await client.get("/v2/acme/api/manifests/experiment-7")).status_code == 404
    assert await pull(client, "acme/api", ON_AMD.digest) == 4


async def test_a_reader_of_the_journal_knows_every_tag(world: World, client: httpx.AsyncClient) -> None:
    """Users' thread 74: replication by events dropped tags, the one by schedule did not."""
    for number in range(3):
        await world.push("acme/api", image(b"layer %d " % number * 50), f"{number}.0", "latest", f"build-{number}")
    same = image(b"layer 0 " * 50)
    await client.put("/v2/acme/api/manifests/stable", content=same.content, headers={"content-type": IMAGE_MANIFEST})
    await client.delete("/v2/acme/api/manifests/build-1")
    await client.delete(f"/v2/acme/api/manifests/{image(b'layer 2 ' * 50).digest}")
    await client.post(f"/api/v1/packages/acme/oci/api/-/trash/{image(b'layer 2 ' * 50).digest}")
    listed = set((await client.get("/v2/acme/api/tags/list")).json()["tags"])

    known: set[str] = set()
    for event in (await client.get("/api/v1/journal?limit=1000")).json()["items"]:
        match event["type"].split(".")[2:4]:
            case ["artifact", "published" | "restored"]:
                known |= set(event["data"]["references"])
            case ["artifact", "deleted"]:
                known -= set(event["data"]["references"])
            case ["reference", "deleted"]:
                known.remove(event["data"]["name"])

    assert known == listed == {"0.0", "1.0", "2.0", "latest", "build-0", "build-2", "stable"}

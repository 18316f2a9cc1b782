"""Whatever is killed, wherever: the registry is sound, and doing it again does it, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from entrepot.formats.generic.metadata import compose
from entrepot.formats.generic.versions import FileAddition
from entrepot.model.access import Allowance, Role
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    BlobUnknown,
    ClearanceUnknown,
    DigestMismatch,
    NotFound,
    ReferenceUnknown,
    UploadUnknown,
)
from entrepot.model.names import PackageName, PrincipalName, ReferenceName, View, parse_channel, parse_namespace
from entrepot.model.retention import Retention, RetentionRule
from entrepot.model.tier import Tier
from entrepot.model.upload import Upload, UploadId
from entrepot.operations.add_file import Incoming, add_file
from entrepot.operations.check import check
from entrepot.operations.clear import close_clearance, open_clearance
from entrepot.operations.collect import collect
from entrepot.operations.delete import delete_artifact, delete_blob, delete_reference
from entrepot.operations.erase import continue_erasures, erase
from entrepot.operations.govern import set_channels
from entrepot.operations.log import grow_log, prove_consistency
from entrepot.operations.mark import yank
from entrepot.operations.mount import mount
from entrepot.operations.move import move_blob
from entrepot.operations.purge import purge
from entrepot.operations.read_blob import read_whole
from entrepot.operations.restore import list_trash
from entrepot.operations.retain import apply_plan, plan_retention, set_retention
from entrepot.operations.tag import tag
from entrepot.operations.token import create_token
from entrepot.operations.upload import add_chunk, begin_upload, find_upload, finish_upload, received_size
from entrepot.testing.builders import ADMINISTRATOR, World, image, index, package, referrer, stream
from entrepot.testing.faults import every_crash
from entrepot.trust.log.merkle import check_consistency

pytestmark = pytest.mark.faults

Step = Callable[[World], Awaitable[object]]

API, OTHER, TOOL = package("acme/api"), package("acme/other"), package("acme/tool", format="generic")
ALL = View.parse("acme")
LATEST, VERSION, PROD = ReferenceName("latest"), ReferenceName("1.0"), parse_channel("prod")
SMALL, LARGE = b"small", b"large " * 1_000
LAYER = image(LARGE)
BUILT, LISTED = image(SMALL, LARGE), index(image(SMALL, LARGE))


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is there, what is done, and how a client does it again that got no answer."""

    prepare: Step
    act: Step
    done: Callable[[World], Awaitable[bool]]
    gone: tuple[type[NotFound], ...] = ()
    """What a client is told that deletes again what is gone."""

    async def again(self, world: World) -> None:
        with suppress(*self.gone):
            await self.act(world)


async def namespace(world: World) -> None:
    await world.namespace("acme")


async def an_image(world: World) -> None:
    await namespace(world)
    await world.push("acme/api", BUILT, "1.0", "latest")


async def a_cleared_index(world: World) -> None:
    await namespace(world)
    await world.push("acme/api", LISTED, "1.0")
    await world.push("acme/api", referrer(BUILT))
    await world.clear("acme/api", LISTED.digest)


async def a_loose_blob(world: World) -> None:
    await namespace(world)
    await world.push_blob(API, LARGE)


def has_blob(content: bytes, where: object = API) -> Callable[[World], Awaitable[bool]]:
    async def has(world: World) -> bool:
        return await world.catalog.find_blob(ALL, where, Digest.of(content)) is not None  # type: ignore[arg-type]

    return has


def means(name: ReferenceName, digest: Digest | None, view: View = ALL) -> Callable[[World], Awaitable[bool]]:
    async def does(world: World) -> bool:
        found = await world.catalog.find_artifact(view, API, name=name)
        return (None if found is None else found.digest) == digest

    return does


def is_absent(digest: Digest) -> Callable[[World], Awaitable[bool]]:
    async def absent(world: World) -> bool:
        return await world.catalog.find_blob(ALL, API, digest) is None

    return absent


async def push_in_chunks(world: World) -> None:
    upload = await begin_upload(world.registry, ADMINISTRATOR, API)
    await add_chunk(world.registry, upload, stream(LARGE[:2_000], LARGE[2_000:3_000]), at=0)
    await add_chunk(world.registry, upload, stream(LARGE[3_000:4_000]), at=3_000)
    await finish_upload(
        world.registry,
        ADMINISTRATOR,
        upload,
        expected=Digest.of(LARGE),
        content=stream(LARGE[4_000:]),
        size=len(LARGE) - 4_000,
    )


def session(world: World) -> str:
    """An upload whose name the client has, and goes on with after the crash."""
    return Upload(
        id=UploadId("0b8f7e5c-6a0e-4c38-9a55-3a4b4f0f7a41"),
        package=API,
        principal=ADMINISTRATOR.name,
        expires_at=world.clock.now() + timedelta(hours=1),
    ).seal(world.registry.upload_secret)


async def half_an_upload(world: World) -> None:
    await namespace(world)
    upload = await find_upload(world.registry, ADMINISTRATOR, API, session(world))
    await add_chunk(world.registry, upload, stream(LARGE[:2_500]))


async def resume(world: World) -> None:
    """Go on where the server stands; when it knows nothing any more, see whether it was done, or begin again."""
    try:
        upload = await find_upload(world.registry, ADMINISTRATOR, API, session(world))
        held = await received_size(world.registry, upload)
        await add_chunk(world.registry, upload, stream(LARGE[held : held + 500]), at=held)
        held = await received_size(world.registry, upload)
        await finish_upload(
            world.registry,
            ADMINISTRATOR,
            upload,
            expected=Digest.of(LARGE),
            content=stream(LARGE[held:]),
            size=len(LARGE) - held,
            at=held,
        )
    except (UploadUnknown, DigestMismatch):
        if not await has_blob(LARGE)(world):
            await world.push_blob(API, LARGE)


def add(path: str, content: bytes) -> Step:
    async def act(world: World) -> object:
        addition = FileAddition(PackageName("tool"), VERSION, path, "application/octet-stream", {})  # type: ignore[arg-type]
        incoming = Incoming(stream(content), len(content))
        return await add_file(world.registry, ADMINISTRATOR, TOOL, addition, incoming)

    return act


async def a_file(world: World) -> None:
    await namespace(world)
    await add("bin/one", SMALL)(world)


async def has_both_files(world: World) -> bool:
    found = await world.catalog.find_artifact(ALL, TOOL, name=VERSION)
    assert compose  # The canonical manifest is the format's.
    return found is not None and found.content.count(b'"bin/') == 2


async def a_deleted_image(world: World) -> None:
    await an_image(world)
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    world.clock.advance(days=2)


async def a_cold_image_in_the_trash(world: World) -> None:
    """Its layer is in the cold tier."""
    await namespace(world)
    await world.push("acme/api", LAYER, "1.0")
    await move_blob(world.registry, "ann", Digest.of(LARGE), Tier.COLD)
    await delete_artifact(world.registry, ADMINISTRATOR, API, LAYER.digest)
    world.clock.advance(hours=2)


async def is_purged(world: World) -> bool:
    trash = await list_trash(world.registry, ADMINISTRATOR, parse_namespace("acme"), limit=10)
    kept = [each.digest for tier in Tier async for each in world.registry.store(tier).kept()]
    return not trash and not kept


async def a_condemned_image(world: World) -> None:
    await a_deleted_image(world)
    await collect(world.registry)
    world.clock.advance(days=8)


async def is_condemned(world: World) -> bool:
    return (await world.catalog.collection.measure_condemned()).count == len(BUILT.blobs) + 1


async def is_gone(world: World) -> bool:
    kept = [each async for each in world.registry.blobs.kept()]
    return not kept and (await world.catalog.collection.measure_garbage()).count == 0


async def is_yanked(world: World) -> bool:
    found = await world.catalog.find_artifact(ALL, API, name=VERSION)
    return found is not None and found.yanked == "broken"


async def has_robot(world: World) -> bool:
    return bool(await world.catalog.list_tokens(PrincipalName("robot")))


async def has_channels(world: World) -> bool:
    found = await world.catalog.find_namespace(parse_namespace("acme"))
    return found is not None and found.channels == ("qa", "prod")


async def a_planned_retention(world: World) -> None:
    await namespace(world)
    await world.push("acme/api", LISTED, "1.0")
    await world.push("acme/api", referrer(LISTED))
    for number in (1, 2):
        await world.push("acme/api", image(b"layer %d" % number), f"1.{number}")
    rules = Retention((RetentionRule("last", last=1),))
    await set_retention(world.registry, ADMINISTRATOR, parse_namespace("acme"), rules)
    await plan_retention(world.registry, ADMINISTRATOR, parse_namespace("acme"))


async def apply_the_plan(world: World) -> object:
    [plan] = await world.catalog.retentions.list_plans(parse_namespace("acme"), limit=2)
    return await apply_plan(world.registry, ADMINISTRATOR, plan.name)


async def has_let_go(world: World) -> bool:
    names = await world.catalog.list_references(ALL, API, limit=10)
    return [each.name for each in names] == ["1.2"] and await is_absent(LISTED.digest)(world)


SCENARIOS = {
    "push a small blob": Scenario(namespace, lambda world: world.push_blob(API, SMALL), has_blob(SMALL)),
    "push a large blob": Scenario(namespace, lambda world: world.push_blob(API, LARGE), has_blob(LARGE)),
    "push a blob in chunks": Scenario(namespace, push_in_chunks, has_blob(LARGE)),
    "resume an upload": Scenario(half_an_upload, resume, has_blob(LARGE)),
    "push an image": Scenario(
        namespace,
        lambda world: world.push("acme/api", BUILT, "1.0", "latest"),
        means(LATEST, BUILT.digest),
    ),
    "push an index of what is there": Scenario(
        an_image, lambda world: world.push("acme/api", LISTED, "latest"), means(LATEST, LISTED.digest)
    ),
    "push a referrer of what is cleared": Scenario(
        a_cleared_index,
        lambda world: world.push("acme/api", referrer(LISTED), "signed"),
        means(ReferenceName("signed"), referrer(LISTED).digest, View.parse("acme.prod")),
    ),
    "tag": Scenario(
        an_image,
        lambda world: tag(world.registry, ADMINISTRATOR, API, BUILT.digest, ReferenceName("stable")),
        means(ReferenceName("stable"), BUILT.digest),
    ),
    "delete a tag": Scenario(
        an_image,
        lambda world: delete_reference(world.registry, ADMINISTRATOR, API, LATEST),
        means(LATEST, None),
        gone=(ReferenceUnknown,),
    ),
    "delete an artifact": Scenario(
        an_image,
        lambda world: delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest),
        is_absent(BUILT.digest),
        gone=(ArtifactUnknown,),
    ),
    "delete a blob": Scenario(
        a_loose_blob,
        lambda world: delete_blob(world.registry, ADMINISTRATOR, API, Digest.of(LARGE)),
        is_absent(Digest.of(LARGE)),
        gone=(BlobUnknown,),
    ),
    "apply a plan of retention": Scenario(a_planned_retention, apply_the_plan, has_let_go),
    "mount": Scenario(
        a_loose_blob,
        lambda world: mount(world.registry, ADMINISTRATOR, OTHER, Digest.of(LARGE), source=(ALL, API)),
        has_blob(LARGE, OTHER),
    ),
    "open a clearance": Scenario(
        an_image,
        lambda world: open_clearance(world.registry, ADMINISTRATOR, API, PROD, BUILT.digest),
        means(VERSION, BUILT.digest, View.parse("acme.prod")),
    ),
    "close a clearance": Scenario(
        a_cleared_index,
        lambda world: close_clearance(world.registry, ADMINISTRATOR, API, PROD, LISTED.digest),
        means(VERSION, None, View.parse("acme.prod")),
        gone=(ClearanceUnknown,),
    ),
    "add a file to a version": Scenario(a_file, add("bin/two", LARGE), has_both_files),
    "condemn what nobody can reach": Scenario(a_deleted_image, lambda world: collect(world.registry), is_condemned),
    "give up what nobody can reach": Scenario(a_condemned_image, lambda world: collect(world.registry), is_gone),
    "purge": Scenario(
        a_cold_image_in_the_trash,
        lambda world: purge(world.registry, ADMINISTRATOR, API, LAYER.digest),
        is_purged,
    ),
    "erase": Scenario(
        a_cleared_index,
        lambda world: erase(world.registry, ADMINISTRATOR, Digest.of(LARGE), reason="a key got out"),
        is_absent(Digest.of(LARGE)),
    ),
    "yank": Scenario(
        an_image, lambda world: yank(world.registry, ADMINISTRATOR, API, VERSION, reason="broken"), is_yanked
    ),
    "set channels": Scenario(
        namespace,
        lambda world: set_channels(
            world.registry, ADMINISTRATOR, parse_namespace("acme"), [parse_channel("qa"), parse_channel("prod")]
        ),
        has_channels,
    ),
}


async def outcome(folder: Path, scenario: Scenario) -> tuple[list[str], dict[str, int]]:
    """What happens when nothing crashes."""
    folder.mkdir()
    async for crashed in every_crash(folder, prepare=scenario.prepare, act=scenario.act):
        await scenario.act(crashed.world)
        return await crashed.world.events(), await crashed.world.catalog.storage()
    raise AssertionError("no port is called")


@pytest.mark.parametrize("name", SCENARIOS)
async def test_after_a_crash_the_registry_is_sound_and_doing_it_again_does_it_once(tmp_path: Path, name: str) -> None:
    scenario = SCENARIOS[name]
    events, storage = await outcome(tmp_path / "once", scenario)
    (tmp_path / "crashing").mkdir()

    crashes = 0
    async for crashed in every_crash(tmp_path / "crashing", prepare=scenario.prepare, act=scenario.act):
        world = crashed.world
        assert await check(world.registry, read_bytes=True) == [], crashed

        await scenario.again(world)
        assert await scenario.done(world), crashed
        assert await check(world.registry, read_bytes=True) == [], crashed
        assert await world.events() == events, crashed
        assert await world.catalog.storage() == storage, crashed
        crashes += 1

    assert crashes >= 6


async def test_an_erasure_is_gone_on_with_by_whoever_comes_next(tmp_path: Path) -> None:
    """From the first step on nobody has the bytes; the rest is done by the schedule, wherever the power went."""
    large = Digest.of(LARGE)

    async def prepare(world: World) -> None:
        await a_cleared_index(world)
        await world.push("acme/other", BUILT, "2.0")
        await move_blob(world.registry, "ann", large, Tier.COLD)

    begun = 0
    async for crashed in every_crash(
        tmp_path,
        prepare=prepare,
        act=lambda world: erase(world.registry, ADMINISTRATOR, large, reason="a key got out"),
    ):
        world = crashed.world
        is_begun = "bytes.erased" in await world.events()
        for where in (API, OTHER):
            assert (await world.catalog.find_blob(ALL, where, large) is None) == is_begun, crashed
        await continue_erasures(world.registry)

        assert await check(world.registry, read_bytes=True) == [], crashed
        assert await continue_erasures(world.registry) == 0, crashed
        if is_begun:
            begun += 1
            kept = [kept.digest for each in Tier async for kept in world.registry.store(each).kept()]
            assert large not in kept, crashed
            assert (await world.events()).count("erasure.sealed") == 1, crashed
            assert [each async for each in world.registry.blobs.stages()] == [], crashed
    assert begun >= 10


async def test_a_token_whose_secret_nobody_got_is_only_one_more(tmp_path: Path) -> None:
    """It cannot be had again, so doing it again makes another; what is left of the first can be revoked."""

    async def act(world: World) -> object:
        return await create_token(world.registry, ADMINISTRATOR, PrincipalName("robot"), Allowance(Role.READER, ALL))

    async for crashed in every_crash(tmp_path, prepare=namespace, act=act):
        assert await check(crashed.world.registry) == [], crashed
        before = len(await crashed.world.catalog.list_tokens())
        await act(crashed.world)
        assert len(await crashed.world.catalog.list_tokens()) == before + 1 <= 2, crashed
        assert await has_robot(crashed.world)


async def test_an_upload_that_ended_in_a_crash_leaves_at_most_a_stage_to_be_swept(tmp_path: Path) -> None:
    scenario = SCENARIOS["push a blob in chunks"]

    async for crashed in every_crash(tmp_path, prepare=scenario.prepare, act=scenario.act):
        blobs = crashed.world.registry.blobs
        stages = [stage async for stage, _ in blobs.stages()]
        kept = [kept.digest async for kept in blobs.kept()]
        assert len(stages) <= 1, crashed
        assert kept in ([], [Digest.of(LARGE)]), crashed
        for stage in stages:
            await blobs.discard(stage)
        assert await check(replace(crashed.world.registry)) == [], crashed


@pytest.mark.parametrize("tier", list(Tier))
async def test_a_blob_that_is_moved_when_the_power_goes_lies_in_one_place(tmp_path: Path, tier: Tier) -> None:
    """And is served from there; whoever does it again does it, and what was copied for nothing goes (users' thread 1)."""
    large = Digest.of(LARGE)

    async def prepare(world: World) -> None:
        await an_image(world)
        if tier is Tier.HOT:
            await move_blob(world.registry, "ann", large, Tier.COLD)

    crashes = 0
    async for crashed in every_crash(
        tmp_path, prepare=prepare, act=lambda world: move_blob(world.registry, "ann", large, tier)
    ):
        world = crashed.world
        assert await check(world.registry, read_bytes=True) == [], crashed
        found = await world.catalog.find_blob(ALL, API, large)
        assert found is not None, crashed
        assert await read_whole(world.registry, found) == LARGE, crashed

        world.clock.advance(minutes=10)  # Nobody is believed to be copying it any more.
        await move_blob(world.registry, "ann", large, tier)
        found = await world.catalog.find_blob(ALL, API, large)
        assert found is not None, crashed
        assert found.tier is tier, crashed
        world.clock.advance(days=3650)  # Files are written at the machine's time.
        await collect(world.registry)
        assert await read_whole(world.registry, found) == LARGE, crashed
        assert await check(world.registry, read_bytes=True) == [], crashed
        for each in Tier:
            kept = [kept async for kept in world.registry.store(each).kept()]
            assert len(kept) == (each is tier), crashed
        crashes += 1

    assert crashes >= 10


async def test_a_crash_never_leaves_a_checkpoint_without_its_tiles(tmp_path: Path) -> None:
    """Nor tiles without their checkpoint; and what was signed before it is still a part of what is signed after."""

    async def prepare(world: World) -> None:
        await an_image(world)
        await grow_log(world.registry)
        await world.push("acme/api", LISTED, "latest")

    crashes = 0
    async for crashed in every_crash(tmp_path, prepare=prepare, act=lambda world: grow_log(world.registry)):
        world = crashed.world
        before = await world.catalog.log.head()
        assert before is not None
        assert await check(world.registry) == [], crashed

        end = await grow_log(world.registry)

        proof = await prove_consistency(world.registry, ADMINISTRATOR, before.size)
        after = await world.catalog.log.head()
        assert after is not None
        check_consistency(before.size, before.root, end, new_root=after.root, path=proof.path)
        assert await check(world.registry) == [], crashed
        crashes += 1

    assert crashes >= 6

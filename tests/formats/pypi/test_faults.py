"""A process that dies at any step of an upload, and clients that send at the same time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from entrepot.operations.check import check
from entrepot.testing.builders import World
from entrepot.testing.faults import every_crash
from tests.formats.pypi.attested import attestation
from tests.formats.pypi.building import FORM, Built, sdist, wheel
from tests.formats.pypi.index import JSON, LEGACY, Index


async def test_after_a_crash_the_index_is_sound_and_the_next_attempt_succeeds(tmp_path: Path) -> None:
    """With metadata and an attestation beside the file: all of it is there, or nothing."""
    first, second = wheel(), sdist()
    form = second.form(attestations=json.dumps([attestation(second)]))
    tokens: list[str] = []

    async def prepare(world: World) -> None:
        await world.namespace("acme")
        tokens.append(await world.token("publisher"))
        await post(world, first.form())

    async def post(world: World, form: bytes) -> object:
        world.app.registry = world.registry  # Whose ports crash.
        async with world.client(tokens[-1]) as client:
            answer = await client.post(LEGACY, content=form, headers=FORM)
            assert answer.status_code == 200, answer.text
        return None

    async def offered(world: World) -> list[str]:
        async with world.client(tokens[-1]) as client:
            page = (await client.get("/pypi/acme/simple/tool/", headers={"accept": JSON})).json()
            return [file["filename"] for file in page["files"]]

    crashes = 0
    async for crashed in every_crash(tmp_path, prepare=prepare, act=lambda world: post(world, form)):
        assert await check(crashed.world.registry, read_bytes=True) == [], crashed
        assert first.filename in await offered(crashed.world), crashed

        await post(crashed.world, form)
        assert await offered(crashed.world) == [first.filename, second.filename], crashed
        assert await check(crashed.world.registry, read_bytes=True) == [], crashed
        crashes += 1

    assert crashes >= 6


async def test_files_that_come_at_the_same_time_are_all_there(index: Index) -> None:
    files = [wheel(tag=f"cp3{minor}-cp3{minor}-linux_x86_64") for minor in range(10, 18)] + [sdist()]

    answers = await asyncio.gather(*[index.post(built.form(), by="administrator") for built in files])

    assert {answer.status_code for answer in answers} == {200}
    assert [file["filename"] for file in (await index.project())["files"]] == sorted(built.filename for built in files)
    assert await index.violations() == []


async def test_of_two_files_of_one_name_that_come_at_the_same_time_one_is_there(index: Index) -> None:
    files: list[Built] = [wheel(content=bytes([number])) for number in range(6)]

    answers = await asyncio.gather(*[index.post(built.form(), by="administrator") for built in files])

    taken = [built for built, answer in zip(files, answers, strict=True) if answer.status_code == 200]
    assert len(taken) == 1
    assert [file["hashes"]["sha256"] for file in (await index.project())["files"]] == [taken[0].sha256]
    assert await index.violations() == []

"""The log's static files, and what a witness answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from entrepot.testing.builders import LOG, World, open_world
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.identity import LogReaders
from entrepot.trust.log.merkle import consistency_ranges, prove
from entrepot.trust.log.notes import Note, parse_signatures, sign_note
from entrepot.trust.log.tiles import EMPTY, TileHashes
from entrepot.trust.log.witness import AddCheckpoint

OTHER = replace(LOG, witnessed={LOG.origin: LOG.keys}, readers=LogReaders.HASHES)


async def test_the_files_say_what_they_are_and_how_long_they_are_good(world: World) -> None:
    await world.namespace("beta")
    await world.settle()
    end, _ = await world.catalog.head()

    async with world.client(await world.token("auditor", None)) as client:
        checkpoint = await client.get("/log/checkpoint")
        tile = await client.get(f"/log/tile/0/000.p/{end}")
        bundle = await client.get(f"/log/tile/entries/000.p/{end}")

    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["cache-control"] == "private, max-age=1"
    assert Checkpoint.open(checkpoint.content, LOG.origin, LOG.keys)[0].size == end
    assert tile.headers["content-type"] == bundle.headers["content-type"] == "application/octet-stream"
    assert tile.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert len(tile.content) == 32 * end


async def test_what_everybody_may_read_any_cache_may_keep(tmp_path: Path) -> None:
    async with open_world(tmp_path, log=OTHER) as world:
        await world.namespace("beta")
        await world.settle()
        async with world.client() as client:
            checkpoint = await client.get("/log/checkpoint")
            tile = await client.get("/log/tile/0/000.p/1")
            bundle = await client.get("/log/tile/entries/000.p/1")

    assert checkpoint.headers["cache-control"] == "public, max-age=1"
    assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert bundle.status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/000",
        "tile/0/000.p/200",
        "tile/0/001",
        "tile/64/000",
        "tile/8/0/000",
        "tile/0/000.p/256",
        "tile/0/x000/000",
    ],
)
async def test_there_is_no_file_but_those_of_the_tree(world: World, path: str) -> None:
    await world.namespace("beta")
    await world.settle()

    async with world.client(await world.token("auditor", None)) as client:
        assert (await client.get(f"/log/{path}")).status_code == 404


async def test_a_witness_answers_as_its_specification_says(tmp_path: Path) -> None:
    edge, tiles = EMPTY.grow([bytes([number]) * 32 for number in range(5)])
    small, _ = EMPTY.grow([bytes([number]) * 32 for number in range(3)])
    path = tuple(prove(consistency_ranges(3, 5), TileHashes(tiles)))
    first = bytes(Checkpoint(LOG.origin, 3, small.root).sign(LOG.signers))
    second = Checkpoint(LOG.origin, 5, edge.root).sign(LOG.signers)
    unsigned = bytes(sign_note(second.unchecked_text, [LOG.witness]))
    unknown = bytes(Checkpoint("other.example.com/log", 5, edge.root).sign(LOG.signers))
    forged = bytes(Checkpoint(LOG.origin, 3, bytes(32)).sign(LOG.signers))

    async with open_world(tmp_path, log=OTHER) as world, world.client() as client:

        async def ask(old: int, path: tuple[bytes, ...], checkpoint: bytes) -> httpx.Response:
            return await client.post("/log/add-checkpoint", content=bytes(AddCheckpoint(old, path, checkpoint)))

        assert (await ask(0, (), first)).status_code == 200
        moved = await ask(0, (), first)
        assert (moved.status_code, moved.headers["content-type"], moved.text) == (409, "text/x.tlog.size", "3\n")
        assert (await ask(3, (), forged)).status_code == 409
        assert (await ask(3, path[:1], bytes(second))).status_code == 422
        assert (await ask(6, (), bytes(second))).status_code == 400
        assert (await ask(3, path, unsigned)).status_code == 403
        assert (await ask(3, path, unknown)).status_code == 404
        assert (await client.post("/log/add-checkpoint", content=b"nonsense")).status_code == 400
        assert (await client.post("/log/add-checkpoint", content=bytes(10**6))).status_code == 413
        answer = await ask(3, path, bytes(second))

    assert answer.status_code == 200
    cosigned = Note(second.unchecked_text, (*second.signatures, *parse_signatures(answer.text)))
    _, signatures = Checkpoint.open(cosigned, LOG.origin, [*LOG.keys, LOG.witness.key])
    assert len(signatures) == 3

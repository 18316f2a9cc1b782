from __future__ import annotations

from base64 import b64decode

import pytest

from entrepot.followers import catch_up
from entrepot.testing.builders import LOG
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.merkle import check_consistency, check_inclusion, leaf_hash
from entrepot.trust.log.proofs import LogProof
from tests.unit.api.world import World


@pytest.fixture
async def logged(world: World) -> World:
    await world.namespace()
    await world.namespace("other")
    await catch_up(world.registry)
    return world


async def test_the_log_is_shown_with_its_keys(logged: World) -> None:
    shown = (await logged.ask("GET", "/api/v1/log")).json

    checkpoint, _ = Checkpoint.open(shown["checkpoint"].encode(), shown["origin"], LOG.keys)
    assert shown["keys"] == [str(key) for key in LOG.keys]
    assert shown["witness"] == str(LOG.witness.key)
    assert (shown["size"], b64decode(shown["root"])) == (checkpoint.size, checkpoint.root)


async def test_an_entry_is_proved(logged: World) -> None:
    shown = (await logged.ask("GET", "/api/v1/log/inclusion?position=2")).json

    leaf = b64decode(shown["leaf"])
    path = [b64decode(value) for value in shown["path"]]
    check_inclusion(leaf_hash(leaf), shown["index"], shown["size"], path=path, root=b64decode(shown["root"]))
    LogProof.parse(shown["proof"].encode()).check(leaf, LOG.origin, LOG.keys)
    assert shown["index"] == 1


async def test_growth_is_proved(logged: World) -> None:
    before = (await logged.ask("GET", "/api/v1/log")).json
    await logged.namespace("later")
    await catch_up(logged.registry)
    after = (await logged.ask("GET", "/api/v1/log")).json

    shown = (await logged.ask("GET", f"/api/v1/log/consistency?old={before['size']}")).json

    check_consistency(
        before["size"],
        b64decode(before["root"]),
        shown["size"],
        new_root=b64decode(after["root"]),
        path=[b64decode(value) for value in shown["path"]],
    )
    again = (await logged.ask("GET", f"/api/v1/log/consistency?old=1&size={before['size']}")).json
    assert again["size"] == before["size"]


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ("inclusion?position=99", 404),
        ("inclusion?position=0", 400),
        ("inclusion", 400),
        ("consistency?old=9&size=3", 400),
        ("consistency?old=1&size=99", 400),
    ],
)
async def test_what_cannot_be_proved_is_refused(logged: World, question: str, status: int) -> None:
    assert (await logged.ask("GET", f"/api/v1/log/{question}")).status == status


@pytest.mark.parametrize("question", ["", "/inclusion?position=1", "/inclusion?position=99", "/consistency?old=1"])
async def test_the_log_is_not_for_everybody(logged: World, question: str) -> None:
    reader = await logged.token("reader", "acme")

    assert (await logged.ask("GET", f"/api/v1/log{question}", token=None)).status == 401
    assert (await logged.ask("GET", f"/api/v1/log{question}", token=reader)).status == 403

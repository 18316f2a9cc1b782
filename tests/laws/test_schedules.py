"""Whatever is done at once, in whatever order, and whoever dies meanwhile: nothing that somebody can reach is ever lost.

What nobody can reach is gone after two rounds, what was answered is done, and `check` is clean. What was run to see that
is written down in RUNS.md beside this page, with how to run it again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from random import Random

import pytest

from entrepot.drivers.catalog.statements import Statement
from tests.laws.cases import CASES
from tests.laws.deeds import DEEDS, IMAGES, PLACES, Deed
from tests.laws.orders import Case, every_order
from tests.laws.play import (
    Begin,
    Die,
    Move,
    Pass,
    Score,
    Stage,
    Step,
    improvise,
    opened,
    perform,
    shorten,
)
from tests.laws.stores import PostgresInOneTransaction, SqliteInMemory

LONG = os.environ.get("ENTREPOT_TEST_LONG") == "1"
MOVES = 120
BLOCK = 100
"""How many plays are improvised in a test of the long form."""
only_long = [pytest.mark.long, pytest.mark.skipif(not LONG, reason="ENTREPOT_TEST_LONG=1 runs it, for half an hour")]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with opened(SqliteInMemory()) as stage:
        yield stage


def improvised(stage: Stage, seeds: range) -> Score:
    """Run a play for each seed; one that fails is made short, to be read."""
    score = Score()
    for seed in seeds:
        with stage.play() as play:
            try:
                improvise(play, Random(seed), moves=MOVES)
                play.finish()
            except AssertionError as error:
                failed: list[Move] = play.moves
                problem = str(error)
            else:
                score.add(play.score)
                continue
        shortest = "\n".join(map(repr, shorten(stage, failed)))
        pytest.fail(f"seed {seed}: {problem}\n{shortest}")
    return score


def in_orders(
    stage: Stage, case: Case, *, switches: int, deaths: bool, sample: Random | None = None, most: int
) -> Score:
    """Run a case in its orders, or in some of them."""
    score = Score()
    for number, (_, each) in enumerate(every_order(stage, case, switches=switches, deaths=deaths, sample=sample)):
        score.add(each)
        if number + 1 >= most:
            break
    return score


def test_nothing_is_lost_whoever_does_what(stage: Stage) -> None:
    """Users' threads 1, 2, 13 and 74: live content was collected, and what readers of events knew was not what was so."""
    score = improvised(stage, range(10))

    assert score.crashes > 10
    assert len(score.done) > len(DEEDS) / 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_is_lost_in_some_orders(stage: Stage, case: Case) -> None:
    score = in_orders(stage, case, switches=2, deaths=True, sample=Random(0), most=5)

    assert score.plays == 5


def test_who_pushes_and_who_collects_never_fail_by_each_other(stage: Stage) -> None:
    """Users' thread 13: cleaning up raced with a synchronisation, and failed as a whole at the first conflict."""
    [case] = [case for case in CASES if case.name == "an image is pushed again while its bytes are given up"]

    score = in_orders(stage, case, switches=2, deaths=False, sample=Random(0), most=25)

    assert score.plays == 25
    assert score.done["schedule"] == 25
    # It may only be asked to send again what went while it was sent.
    assert score.done["push"] + score.refused["push"] == 25


def test_a_collector_that_hangs_keeps_nobody_from_anything(stage: Stage) -> None:
    """Users' thread 8: an instance stayed read-only because its collection hung."""
    push, collect = Deed("push", (0, 0, ("1.0",), 1)), Deed("schedule", ("collect",))
    for steps in count():
        with stage.play() as play:
            for move in (Begin(0, Deed("push", (0, 1, (), 1))), Begin(0, Deed("delete", (0, 1))), Pass(50)):
                play.move(move)
                play.rest()
            play.move(Begin(1, collect))
            for _ in range(steps):
                play.move(Step(1))
            is_over = not play.actors

            play.move(Begin(0, push))
            while 0 in play.actors:
                play.move(Step(0))

            assert play.score.done["push"] == 2
            assert not play.score.refused
            play.move(Die(1))
            play.finish()
        if is_over:
            break
    assert steps > 10


def test_an_erasure_that_hangs_takes_nothing_that_came_after_another_one_had_finished_it(stage: Stage) -> None:
    """It was sealed, and let again: what is brought then is not what was erased."""
    push, erase = Deed("push", (0, 0, ("1.0",), 1)), Deed("erase_bytes", (0,))
    for steps in count():
        with stage.play() as play:
            play.move(Begin(0, push))
            play.rest()
            play.move(Begin(1, erase))
            for _ in range(steps):
                play.move(Step(1))
            is_over = not play.actors
            if not play.ledger.erased:
                continue  # It has not begun: it would erase what comes, as it should.

            afterwards = [erase, *[Deed("let_again", (0,))] * 6, push]
            for deed in afterwards:
                play.move(Begin(0, deed))
                while 0 in play.actors:
                    play.move(Step(0))
            play.rest()

            assert play.score.done["push"] == 2
            assert not play.ledger.erased
            play.finish()
            assert str(IMAGES[0].digest) in play.ledger.packages[PLACES[0].path].artifacts
        if is_over:
            break
    assert steps > 10


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_lost_over_postgresql(database: str, seed: int) -> None:
    with opened(PostgresInOneTransaction(database)) as stage:
        score = improvised(stage, range(seed, seed + 1))

    assert score.plays == 1


def test_nothing_is_lost_in_some_orders_over_postgresql(database: str) -> None:
    with opened(PostgresInOneTransaction(database)) as stage:
        # Each fifth one: all are run over SQLite.
        for case in CASES[::5]:
            assert in_orders(stage, case, switches=2, deaths=True, sample=Random(1), most=1).plays == 1


PUSH = Begin(0, Deed("push", (0, 0, ("1.0",), 1)))
TAMPERED = [
    "UPDATE blob SET state = 'condemned', condemned_at = '2026-01-01T00:00:00Z' WHERE state = 'present'",
    "UPDATE membership SET until_position = from_position WHERE role = 'blob'",
    "UPDATE reference SET until_position = from_position",
    "UPDATE blob SET size = size + 1",
]


@pytest.mark.parametrize("tampering", TAMPERED)
def test_what_is_lost_is_seen(stage: Stage, tampering: str) -> None:
    """Else all that is tried here would show nothing."""
    with stage.play() as play:
        play.move(PUSH)
        play.rest()
        stage.database.connection().execute(Statement(tampering), {})

        with pytest.raises(AssertionError):
            play.finish()


def test_bytes_that_are_lost_are_seen(stage: Stage) -> None:
    with stage.play() as play:
        play.move(PUSH)
        play.rest()
        play.lose_bytes()

        with pytest.raises(AssertionError, match="bytes are gone"):
            play.look()


def test_a_play_that_fails_is_made_short(stage: Stage) -> None:
    unheard_of = Begin(1, Deed("unheard of"))
    with pytest.raises(KeyError):
        perform(stage, [PUSH, Step(0), unheard_of, Step(0)])

    assert shorten(stage, [PUSH, Step(0), Pass(3), unheard_of, Step(0)]) == [unheard_of]


# --- the long form ---


@pytest.mark.parametrize("block", [pytest.param(block, marks=only_long) for block in range(40)])
def test_nothing_is_lost_in_a_million_steps(stage: Stage, block: int) -> None:
    score = improvised(stage, range(block * BLOCK, (block + 1) * BLOCK))

    print(f"\nseeds {block * BLOCK} to {(block + 1) * BLOCK - 1}: {score}")  # noqa: T201 - the figures of RUNS.md
    assert score.plays == BLOCK


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=only_long) for case in CASES])
@pytest.mark.parametrize(("switches", "deaths"), [(2, False), (0, True)], ids=["no deaths", "deaths"])
def test_nothing_is_lost_in_every_order(stage: Stage, case: Case, switches: int, deaths: bool) -> None:
    score = in_orders(stage, case, switches=switches, deaths=deaths, most=20_000)

    print(f"\n{case.name}, {switches} switches, deaths {deaths}: {score.plays} orders, {score.steps} steps")  # noqa: T201 - the figures of RUNS.md
    assert score.plays < 20_000


@pytest.mark.parametrize("block", [pytest.param(block, marks=only_long) for block in range(4)])
def test_nothing_is_lost_in_many_steps_over_postgresql(database: str, block: int) -> None:
    with opened(PostgresInOneTransaction(database)) as stage:
        score = improvised(stage, range(100_000 + block * BLOCK, 100_000 + block * BLOCK + 40))

    print(f"\nPostgreSQL, seeds from {100_000 + block * BLOCK}: {score}")  # noqa: T201 - the figures of RUNS.md
    assert score.plays == 40

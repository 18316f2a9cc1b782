"""All orders of the steps of what is done at once, as far as nobody is interrupted too often; and who may die in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.laws.deeds import Deed
from tests.laws.play import Begin, Die, Pass, Play, Score, Stage, State, Step


@dataclass(frozen=True, slots=True)
class Case:
    """What is there, and what is done at once."""

    name: str
    before: tuple[Deed | int, ...]
    """One thing behind another; a number is so many hours."""
    at_once: tuple[Deed, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Whose turn it is, choice by choice; `ALL_DIE` and `-1 - who` are deaths."""

    choices: tuple[int, ...] = ()


ALL_DIE = -100


def every_order(
    stage: Stage, case: Case, *, switches: int, deaths: bool, sample: Random | None = None
) -> Iterator[tuple[Order, Score]]:
    """Run a case in every order of its steps in which nobody is interrupted more than *switches* times in all.

    With *deaths* also with the death of one, or of all, at every step of each; what got no answer is done again then.
    With *sample* they come in no order of theirs, so that the first ones are as good as any.
    """
    with stage.play() as prepared:
        for each in case.before:
            prepared.move(Pass(each) if isinstance(each, int) else Begin(0, each))
            prepared.rest()
        yield from _orders(stage, case, prepared.state, switches=switches, deaths=deaths, sample=sample)


def _orders(
    stage: Stage, case: Case, state: State, *, switches: int, deaths: bool, sample: Random | None
) -> Iterator[tuple[Order, Score]]:
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        prefix = waiting.pop(-1 if sample is None else sample.randrange(len(waiting)))
        with stage.play(state) as play:
            for who, deed in enumerate(case.at_once):
                play.move(Begin(who, deed))
            choices, open_choices = _run_order(play, prefix, switches=switches, deaths=deaths)
            order = Order(tuple(choices))
            if any(choice < 0 for choice in choices):
                for who, deed in enumerate(case.at_once):
                    play.move(Begin(who, deed))
                    play.rest()
            try:
                play.finish()
            except AssertionError as error:
                error.add_note(f"{case.name}: {order}")
                raise
        yield order, play.score
        waiting += open_choices


def _run_order(
    play: Play, prefix: Sequence[int], *, switches: int, deaths: bool
) -> tuple[list[int], list[tuple[int, ...]]]:
    """Choose as *prefix* says, and then let everybody finish; and the other choices that there were behind it."""
    choices: list[int] = []
    others: list[tuple[int, ...]] = []
    last, switched, died = -1, 0, False
    while play.actors:
        ready = sorted(play.actors)
        usual = last if last in ready else ready[0]
        choice = prefix[len(choices)] if len(choices) < len(prefix) else usual
        if len(choices) >= len(prefix):
            here = tuple(choices)
            if last not in ready or switched < switches:
                others += [(*here, who) for who in ready if who != usual]
            if deaths and not died:
                others += [(*here, -1 - who) for who in ready]
                others += [(*here, ALL_DIE)] if len(ready) > 1 else []
        choices.append(choice)
        if choice < 0:
            died = True
            for who in ready if choice == ALL_DIE else [-1 - choice]:
                play.move(Die(who))
            continue
        switched += last in ready and choice != last
        last = choice
        play.move(Step(choice))
    return choices, others

"""What may come to somebody's mind: deeds by chance, more often than not about something that is there."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.laws.deeds import CONTENTS, DEEDS, IMAGES, NAMES, PLACES, RULES, SERVICES, TIERINGS, Deed
from tests.laws.ledger import Ledger


def think_of(chance: Random, ledger: Ledger) -> Deed:  # noqa: C901, PLR0912, PLR0915 - a table of what each deed is asked
    """Something that somebody may want to do next, more often than not to something that is there."""
    what = chance.choice(WISHES)
    if not _is_possible(what, ledger) and chance.random() < 0.8:
        what = "push"
    if what in ("have_back", "purge_left"):
        place, which, name = _there(
            chance, {path: held.left.keys() - held.artifacts for path, held in ledger.packages.items()}
        )
    else:
        place, which, name = _there(chance, {path: held.artifacts for path, held in ledger.packages.items()})
    if what in ("take_tag", "yank_version", "unyank_version") and (
        names := sorted(ledger.packages[PLACES[place].path].names)
    ):
        name = chance.choice(names)
    how: tuple[Any, ...]
    match what:
        case "push":
            place, which = chance.randrange(len(PLACES)), chance.randrange(len(IMAGES))
            names_of_it = tuple(chance.sample(NAMES, chance.choice((0, 1, 1, 2))))
            how = (place, which, names_of_it, chance.choice((0, 1, 1, 2)))
        case "bring_blob" | "mount_blob" | "remove_blob":
            how = (place, chance.randrange(len(CONTENTS)))
        case "give_tag":
            how = (place, which, name)
        case "push_manifest":
            how = (chance.randrange(len(PLACES)), chance.randrange(len(IMAGES)), (name,))
        case "wait":
            how = (chance.choice((1, 25, 200)),)
        case "take_tag" | "yank_version" | "unyank_version":
            how = (place, name)
        case "deploy":
            how = (place, chance.choice((which, which, name)), chance.randrange(len(SERVICES)))
        case "stop":
            how = (chance.randrange(len(SERVICES)),)
        case "lease":
            how = (place, which, chance.choice((1, 30, 200)))
        case "renew":
            how = (chance.randrange(4), chance.choice((1, 30, 200)))
        case "release" | "lift":
            how = (chance.randrange(4),)
        case "have_back":
            how = (place, chance.choice((which, which, name)))
        case "set_rules":
            how = (chance.randrange(len(RULES)),)
        case "plan" | "apply":
            how = ()
        case "schedule":
            how = (chance.choice(("collect", "collect", "collect", "sweep", "retain", "go on", "erase", "tier")),)
        case "erase_bytes":
            how = (chance.randrange(len(IMAGES) + len(CONTENTS)),)
        case "let_again":
            how = (chance.randrange(8),)
        case "move":
            how = (place, which, chance.choice(("cold", "cold", "hot")))
        case "set_tiers":
            how = (chance.randrange(len(TIERINGS)),)
        case _:
            how = (place, which)
    return Deed(what, how)


def _is_possible(what: str, ledger: Ledger) -> bool:
    """Whether there is anything that it could be done to."""
    match what:
        case "let_again":
            return bool(ledger.erased)
        case "lift":
            return bool(ledger.holds)
        case "renew" | "release":
            return bool(ledger.leases)
        case "stop":
            return bool(ledger.running)
        case "have_back" | "purge_left":
            return any(held.left for held in ledger.packages.values())
        case _:
            return True


def _there(chance: Random, known: dict[str, set[str]]) -> tuple[int, int, str]:
    """A package and an image that is known there, mostly, and some name."""
    place, name = chance.randrange(len(PLACES)), chance.choice(NAMES)
    there = [
        (at, which)
        for at, each in enumerate(PLACES)
        for which, held in enumerate(IMAGES)
        if str(held.digest) in known[each.path]
    ]
    if there and chance.random() < 0.9:
        return (*chance.choice(there), name)
    return place, chance.randrange(len(IMAGES)), name


WISHES = [
    *DEEDS,
    *["push"] * 12,
    *["delete"] * 4,
    *["have_back", "purge_left"] * 2,
    *["let_again"] * 3,
    *["plan", "apply"] * 2,
    *["schedule"] * 6,
    "move",
    "pull",
]
"""What is wished for, some of it more often."""

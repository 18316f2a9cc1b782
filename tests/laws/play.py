"""Some processes of one registry, that do things step by step and die; and what is looked at after each step.

A *play* is a list of moves: somebody begins a deed, does a step of it, or dies; time passes. It is run the same way
every time, and what is left out of it does not matter to the rest, so that one that fails can be made short.

What must hold, after every step: everything that the ledger has is stored, whole; what the registry says that it has
is what the ledger says. What was answered is done. And at the end, when all that died is gone on with: after two rounds
of the schedules nothing is stored but what is wanted, and `check` is clean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, cast

from entrepot.drivers.blobs.packed import PackedStore
from entrepot.drivers.fetch.http import HttpFetcher
from entrepot.drivers.fetch.proxies import Proxies
from entrepot.formats import discover
from entrepot.model.digest import Digest
from entrepot.model.errors import RegistryError
from entrepot.model.names import View, parse_namespace
from entrepot.model.position import Position
from entrepot.model.retention import NameKind, Retention, RetentionRule
from entrepot.model.tier import Tier
from entrepot.operations.check import check
from entrepot.operations.collect import collect
from entrepot.operations.erase import continue_erasures
from entrepot.operations.flights import Flights
from entrepot.operations.govern import create_namespace, set_namespace
from entrepot.operations.pull_notes import PullNotes
from entrepot.operations.registry import Registry
from entrepot.operations.retain import begin_plan, carry_on, make_plan, set_retention
from entrepot.operations.sweep import sweep
from entrepot.ports.catalog import Catalog
from entrepot.schedules.retain import go_on
from entrepot.testing.builders import ADMINISTRATOR, LOG, TIGHT, StoppedClock
from entrepot.testing.faults import FaultyBlobStore
from entrepot.testing.memory import MemoryBlobStore
from entrepot.trust.erasure import Tombstone
from entrepot.wire.format import ecosystems_of, rules_of
from entrepot.wire.server import Epochs
from tests.laws.deeds import DEEDS, IMAGES, KEY, PLACES, Act, Deed, Scene
from tests.laws.ledger import Ledger, Package
from tests.laws.stepping import Actor, SteppingCatalog, SteppingLoop, Turns
from tests.laws.stores import Database, InlineCatalog
from tests.laws.wishes import think_of

ACME, ALL = parse_namespace("acme"), View.parse("acme")
ROLLBACKS = 1
NAMELESS = RetentionRule("nameless", kinds=(NameKind.UNNAMED,), last=0)
CHANGING = ("write", "remove", "keep", "discard")
"""The steps after which something may be gone."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Somebody begins to do something."""

    who: int
    deed: Deed


@dataclass(frozen=True, slots=True)
class Step:
    """They do the next step of it."""

    who: int


@dataclass(frozen=True, slots=True)
class Die:
    """Their process ends there."""

    who: int


@dataclass(frozen=True, slots=True)
class Pass:
    """Time passes."""

    hours: int


Move = Begin | Step | Die | Pass


@dataclass(slots=True)
class Score:
    """What was run, over many plays."""

    plays: int = 0
    steps: int = 0
    crashes: int = 0
    done: Counter[str] = field(default_factory=Counter)
    """How often each deed was answered."""
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, other: Score) -> None:
        """Count what *other* has, too."""
        self.plays += other.plays
        self.steps += other.steps
        self.crashes += other.crashes
        self.done += other.done
        self.refused += other.refused


@dataclass(slots=True)
class Doing:
    """What somebody is about."""

    deed: Deed
    act: Act
    actor: Actor
    was_so: bool
    """Whether what is to be done was done at some time meanwhile."""
    might_fail: bool
    """Whether it might be refused at some time meanwhile."""


class Stage:
    """A database and what else takes long to set up; plays are run on it one behind another."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.epochs = Epochs(folder / "epochs", count=64)
        self.formats = discover()
        self.loop = SteppingLoop()
        play = Play(self)
        self.loop.run(self._prepare(play.registry))

    async def _prepare(self, registry: Registry) -> None:
        await create_namespace(registry, ADMINISTRATOR, ACME, public=False)
        await set_namespace(registry, ADMINISTRATOR, ACME, rollbacks=ROLLBACKS)

    def close(self) -> None:
        """Forget everything."""
        self.database.close()
        self.epochs.close()

    @contextmanager
    def play(self, state: State | None = None) -> Iterator[Play]:
        """A new play, in a world in which nothing has happened yet; or in which that has after which *state* was."""
        self.loop.problems.clear()
        play = Play(self, state)
        self.database.mark()
        try:
            yield play
        finally:
            play.abandon()
            self.database.go_back()


@contextmanager
def opened(database: Database) -> Iterator[Stage]:
    """A stage over a database."""
    with TemporaryDirectory() as folder:
        stage = Stage(database, Path(folder))
        try:
            yield stage
        finally:
            stage.close()


State = tuple[StoppedClock, MemoryBlobStore, MemoryBlobStore, Ledger]


def _new_state() -> State:
    clock = StoppedClock()
    images = {str(each.digest): each for each in IMAGES}
    packages = {place.path: Package() for place in PLACES}
    return clock, MemoryBlobStore(clock), MemoryBlobStore(clock), Ledger(images, ROLLBACKS, packages, clock.now())


def _copied(state: State) -> State:
    images = state[3].images
    return deepcopy(state, {id(images): images})


class Play:
    """One world, who acts in it, and the ledger of it."""

    def __init__(self, stage: Stage, state: State | None = None) -> None:
        self._loop = stage.loop
        self.clock, self.blobs, self._cold, self.ledger = _new_state() if state is None else _copied(state)
        self.catalog = InlineCatalog(stage.database, clock=self.clock, epochs=stage.epochs)
        self.registry = Registry(
            catalog=self.catalog,
            blobs=self.blobs,
            clock=self.clock,
            formats=rules_of(stage.formats),
            read_through={},
            ecosystems=ecosystems_of(stage.formats),
            upload_secret=self.catalog.secret("uploads"),
            fetcher=HttpFetcher(proxies=Proxies.read({})),
            log=LOG,
            limits=TIGHT,
            cold=PackedStore(self._cold),
        )
        self.actors: dict[int, Doing] = {}
        self.score = Score(plays=1)
        self.moves: list[Move] = []

    @property
    def state(self) -> State:
        """What is there beside the database."""
        return _copied((self.clock, self.blobs, self._cold, self.ledger))

    # --- moves ---

    def move(self, move: Move) -> None:
        """Make a move. One that cannot be made, because another was left out, is none."""
        self.moves.append(move)
        match move:
            case Begin(who, deed) if who not in self.actors:
                self._begin(who, deed)
            case Step(who) if who in self.actors:
                self._step(who)
            case Die(who) if who in self.actors:
                self.score.crashes += 1
                self.actors.pop(who).actor.crash()
            case Pass(hours):
                self.clock.advance(hours=hours)

    def _begin(self, who: int, deed: Deed) -> None:
        turns = Turns()
        registry = replace(
            self.registry,
            catalog=cast("Catalog", SteppingCatalog(self.catalog, turns)),
            blobs=FaultyBlobStore(self.blobs, turns),
            cold=PackedStore(FaultyBlobStore(self._cold, turns)),
            flights=Flights(),
            pulls=PullNotes(),
        )
        scene = Scene(registry, self.ledger, self.clock)
        act = DEEDS[deed.what](scene, *deed.how)
        actor = Actor(self._loop, turns, act.work)
        self.actors[who] = Doing(deed, act, actor, act.is_so(self.ledger), act.may_fail(self.ledger))
        self._look(who)

    def _step(self, who: int) -> None:
        self.score.steps += 1
        if self.actors[who].actor.step() in CHANGING:
            self.look()
        self._look(who)

    def _look(self, who: int) -> None:
        """Has somebody answered, and is what they answered true?"""
        doing = self.actors[who]
        if not doing.actor.is_over:
            return
        del self.actors[who]
        failure = doing.actor.failure
        if failure is None:
            self.score.done[doing.deed.what] += 1
            assert doing.was_so or not doing.act.is_done(doing.actor.result), f"{doing.deed} is answered, and not so"
        elif isinstance(failure, RegistryError):
            self.score.refused[doing.deed.what] += 1
            assert doing.might_fail, f"{doing.deed} is refused, and must not be: {failure}"
        else:
            raise failure

    def finish(self) -> None:
        """Let everybody finish, and see what is left in the end."""
        self.rest()
        self._run(self._go_on())
        assert not self._loop.problems, self._loop.problems

    def rest(self) -> None:
        """Let everybody finish."""
        while self.actors:
            for who in sorted(self.actors):
                self.move(Step(who))

    def abandon(self) -> None:
        """End it, wherever it is."""
        for doing in self.actors.values():
            doing.actor.crash()
        self.actors = {}

    def lose_bytes(self) -> None:
        """Let the blob store lose all that it has."""
        self._run(self._lose_bytes())

    async def _lose_bytes(self) -> None:
        for kept in [kept async for kept in self.blobs.kept()]:
            await self.blobs.remove(kept.digest, generation=kept.generation)

    def _run(self, work: Any) -> Any:
        return self._loop.run(work)

    # --- what must hold ---

    def look(self) -> None:
        """Is everything there that the ledger has, and nothing besides?"""
        self._run(self._compare())

    async def _compare(self) -> None:
        for entry in await self.catalog.list_entries(after=Position(self.ledger.length), limit=1_000):
            self.ledger.read(entry)
            for doing in self.actors.values():
                doing.was_so = doing.was_so or doing.act.is_so(self.ledger)
                doing.might_fail = doing.might_fail or doing.act.may_fail(self.ledger)
        rows = {str(row.digest): row for row in await self.catalog.iter_blobs(after="", limit=1_000)}
        for digest in self.ledger.stored:
            assert digest in rows, f"I1: {digest} is needed, and not present"
            row = rows[digest]
            if row.content is None:
                size = await self.registry.store(row.tier).size(row.digest, generation=row.generation)
                assert size == row.size, f"I1: {digest} is needed, and its bytes are gone"
        assert rows.keys().isdisjoint(self.ledger.erased), "what was erased is here"
        for place in PLACES:
            package = self.ledger.packages[place.path]
            names = await self.catalog.list_references(ALL, place, limit=100)
            assert {str(each.name): str(each.digest) for each in names} == package.names

    async def _go_on(self) -> None:
        """What happens by itself when the processes are started again; and what somebody does who tidies up."""
        registry = self.registry
        assert await check(registry, read_bytes=True) == []
        await go_on(registry)
        await continue_erasures(replace(registry, signing=KEY))
        await self._compare()
        await self._is_erased()
        await set_retention(registry, ADMINISTRATOR, ACME, Retention((NAMELESS,)))
        self.clock.advance(days=2)
        await sweep(registry)
        plan = await make_plan(registry, ACME, "retain")
        await begin_plan(registry, plan, "retain")
        assert await carry_on(registry, plan.name)
        await collect(registry)
        await self._compare()
        self.ledger.now = self.clock.now()
        for path, package in self.ledger.packages.items():
            wanted = self.ledger.wanted(path)
            assert package.artifacts == wanted, "what nobody can reach is still there"
            assert package.blobs == {layer for digest in wanted for layer in self.ledger.layers(digest)}
        self.clock.advance(days=8)
        await collect(registry)
        await self._compare()
        await self._is_tidy()
        assert await check(registry, read_bytes=True) == []

    async def _is_erased(self) -> None:
        """Is each erasure finished, and signed?"""
        for digest, position in self.ledger.erased.items():
            erasure = await self.catalog.erasures.find(Digest.parse(digest))
            assert erasure is not None
            assert erasure.tombstone is not None
            assert str(Digest.of(erasure.tombstone)) == self.ledger.sealed[position]
            tombstone = Tombstone.open(erasure.tombstone, [KEY.public_key])
            assert tombstone.position == position
            assert tombstone.growth is not None

    async def _is_tidy(self) -> None:
        rows = {str(row.digest): row for row in await self.catalog.iter_blobs(after="", limit=1_000)}
        assert rows.keys() == self.ledger.stored, "what nobody can reach is still there"
        for tier, store in ((Tier.HOT, self.blobs), (Tier.COLD, self._cold)):
            kept = {(str(each.digest), each.generation) async for each in store.kept()}
            there = {
                (digest, row.generation) for digest, row in rows.items() if row.content is None and row.tier is tier
            }
            assert kept == there
            assert [stage async for stage in store.stages()] == []
        assert (await self.catalog.collection.measure_garbage()).count == 0


def improvise(play: Play, chance: Random, *, moves: int) -> None:
    """Let up to three processes do what comes to their mind, and die now and then."""
    for _ in range(moves):
        who = chance.randrange(3)
        if who not in play.actors:
            play.move(
                Pass(chance.choice((1, 25, 80, 200)))
                if chance.random() < 0.1
                else Begin(who, think_of(chance, play.ledger))
            )
        elif chance.random() < 0.01:
            for each in [who] if chance.random() < 0.5 else sorted(play.actors):
                play.move(Die(each))
        else:
            # Who has begun often goes on for a while.
            for _ in range(chance.choice((1, 1, 2, 5, 30))):
                play.move(Step(who))
                if who not in play.actors:
                    break


def perform(stage: Stage, moves: Sequence[Move]) -> Score:
    """Run a play to its end."""
    with stage.play() as play:
        for move in moves:
            play.move(move)
        play.finish()
        return play.score


def shorten(stage: Stage, moves: Sequence[Move]) -> list[Move]:
    """The fewest of the moves of a play that fails with which it still does."""
    shortest = list(moves)
    size = len(shortest) // 2
    while size:
        start = 0
        while start < len(shortest):
            without = shortest[:start] + shortest[start + size :]
            if _fails(stage, without):
                shortest = without
            else:
                start += size
        size //= 2
    return shortest


def _fails(stage: Stage, moves: Sequence[Move]) -> bool:
    try:
        perform(stage, moves)
    except Exception:  # noqa: BLE001 (whatever it was, there is something wrong)
        return True
    return False

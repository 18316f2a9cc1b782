"""A registry under any sequence of changes, beside a model of it that a reader can believe (`tests.laws.model`).

After every step the registry says what the model says, has the bytes and in both tiers nothing that was erased, `check`
finds nothing, and the journal has grown by exactly one entry if something changed, or by as many as the step says.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from entrepot.drivers.blobs.packed import PackedStore
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    BlobErased,
    BlobUnknown,
    ClearanceUnknown,
    Erased,
    ErasedForGood,
    ErasureUnknown,
    Invalid,
    LinkUnknown,
    Protected,
    ReferenceUnknown,
    RegistryError,
    VersionExists,
)
from entrepot.model.names import PackageId, PackagePattern, ReferenceName, View, parse_channel, parse_namespace
from entrepot.model.reference import ReferenceKind
from entrepot.model.retention import NameKind, Retention, RetentionRule
from entrepot.model.tier import Tier
from entrepot.operations.check import check
from entrepot.operations.clear import close_clearance, open_clearance
from entrepot.operations.collect import collect
from entrepot.operations.delete import delete_artifact, delete_blob, delete_reference
from entrepot.operations.erase import erase, lift_erasure
from entrepot.operations.govern import set_namespace
from entrepot.operations.mark import seal, unyank, yank
from entrepot.operations.mount import mount
from entrepot.operations.publish import Draft, publish
from entrepot.operations.purge import purge
from entrepot.operations.read_blob import read_whole
from entrepot.operations.resolve import find_blob, resolve
from entrepot.operations.restore import restore
from entrepot.operations.retain import begin_plan, carry_on, plan_retention, read_plan, set_retention
from entrepot.operations.tag import tag
from entrepot.operations.tier import move_artifact
from entrepot.ports.retention import ItemState
from entrepot.testing.builders import ADMINISTRATOR, Image, StoppedClock, open_world
from entrepot.testing.memory import MemoryBlobStore
from entrepot.trust.erasure import Tombstone
from entrepot.trust.signing import LocalKey
from tests.laws.model import BLOBS, CHANNELS, CONTENTS, EVERYBODYS, IMAGES, LARGE, NAMES, PLACES, Holding, Model, Name

ACME, ALL = parse_namespace("acme"), View.parse("acme")
ARTIFACTS = [each.digest for each in IMAGES]
EVERYTHING = [*map(Digest.of, CONTENTS), *ARTIFACTS]
KEY = LocalKey.generate()
"""What tombstones are signed with."""
TIMES = int(os.environ.get("ENTREPOT_TEST_STORIES", "1"))
"""How many times as many stories as usual (RUNS.md)."""


def likely(there: Iterable[Any], everything: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of what is there, if anything is, as often as one of everything."""
    found = sorted(there, key=str)
    return st.sampled_from(found) | st.sampled_from(everything) if found else st.sampled_from(everything)


class RegistryMachine(RuleBasedStateMachine):
    """The registry and the model, side by side."""

    @initialize(
        first=st.lists(
            st.tuples(st.sampled_from(PLACES), st.sampled_from(IMAGES), st.lists(st.sampled_from(NAMES), max_size=1)),
            min_size=2,
            max_size=4,
        ),
        sealed=st.booleans(),
    )
    def begin(self, first: list[tuple[PackageId, Image, list[str]]], sealed: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        clock = StoppedClock()
        cold = PackedStore(MemoryBlobStore(clock))
        self.opening = open_world(Path(self.folder.name), clock=clock, cold=cold, signing=KEY)
        self.world = self.run(self.opening.__aenter__())
        self.run(self.world.namespace("acme"))
        self.events, _ = self.run(self.world.catalog.head())
        self.release_is_version = False
        self.model = Model()
        for place, pushed, names in first:
            self.push(place, pushed, names, sealed=sealed, whole=True)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.run(self.opening.__aexit__(None, None, None))
            self.runner.close()
            self.folder.cleanup()

    def run(self, work: Awaitable[Any]) -> Any:
        return self.runner.run(work)  # type: ignore[arg-type]

    def expect(self, work: Awaitable[Any], *, refused: type[RegistryError] | None, changes: int = 1) -> None:
        """Do it; it is refused as foreseen, or there are as many events as it changes something."""
        error: RegistryError | None = None
        try:
            self.run(work)
        except RegistryError as raised:
            error = raised
        assert isinstance(error, refused or type(None)), f"{error}, not {refused}"
        if error is None:
            self.events += changes
        self.compare()

    def held(self, place: PackageId) -> Holding:
        return self.model.packages[place]

    def is_known(self, place: PackageId) -> bool:
        return self.run(self.world.catalog.find_package(ALL, place)) is not None

    def may_give(self, held: Holding, name: str, pushed: Digest, *, sealed: bool) -> Name | None:
        is_version = name == "1.0" or (name == "rel-a" and self.release_is_version)
        return held.may_give(name, pushed, sealed=sealed, is_version=is_version)

    # --- the steps ---

    @rule(place=st.sampled_from(PLACES), content=st.sampled_from(CONTENTS))
    def push_blob(self, place: PackageId, content: bytes) -> None:
        held, digest = self.held(place), Digest.of(content)
        refused, new = None, digest not in held.blobs
        if digest in self.model.erased:
            refused = ErasedForGood
        else:
            held.blobs.add(digest)
            self.model.bring(digest)
            self.model.cold.discard(digest)
        self.expect(self.world.push_blob(place, content), refused=refused, changes=new)

    @rule(
        place=st.sampled_from(PLACES),
        pushed=st.sampled_from(IMAGES),
        names=st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
        sealed=st.booleans(),
        whole=st.booleans(),
    )
    def push(self, place: PackageId, pushed: Image, names: list[str], sealed: bool, whole: bool) -> None:
        if whole:
            self.push_parts(place, pushed)
        held, digest = self.held(place), pushed.digest
        given = {name: self.may_give(held, name, digest, sealed=sealed) for name in names}
        refused: type[RegistryError] | None = None
        if held.missing(digest):
            refused = LinkUnknown
        elif digest in self.model.erased:
            refused = ErasedForGood
        elif None in given.values():
            refused = VersionExists
        changes = digest not in held.artifacts or any(held.names.get(name) != new for name, new in given.items())
        if refused is None:
            held.artifacts.add(digest)
            self.model.bring(digest)
            for name, new in given.items():
                assert new is not None
                held.give(name, new)
        draft = Draft(pushed.artifact, tags=tuple(ReferenceName(name) for name in names), sealed=sealed)
        self.expect(publish(self.world.registry, ADMINISTRATOR, place, draft), refused=refused, changes=changes)

    def push_parts(self, place: PackageId, pushed: Image) -> None:
        """What a client pushes first."""
        for content in pushed.blobs:
            self.push_blob(place, content)
        for child in pushed.children:
            self.push(place, child, [], sealed=True, whole=True)

    @rule(place=st.sampled_from(PLACES), name=st.sampled_from(NAMES), data=st.data())
    def tag(self, place: PackageId, name: str, data: st.DataObject) -> None:
        held = self.held(place)
        named = data.draw(likely(held.artifacts, ARTIFACTS))
        refused: type[RegistryError] | None = None
        changes = False
        if named not in held.artifacts:
            refused = RegistryError  # The package may not be there at all.
        elif (new := self.may_give(held, name, named, sealed=True)) is None:
            refused = VersionExists
        else:
            changes = held.names.get(name) != new
            held.give(name, new)
        work = tag(self.world.registry, ADMINISTRATOR, place, named, ReferenceName(name))
        self.expect(work, refused=refused, changes=changes)

    @rule(place=st.sampled_from(PLACES), data=st.data())
    def untag(self, place: PackageId, data: st.DataObject) -> None:
        if not self.is_known(place):
            return
        held = self.held(place)
        name = data.draw(likely(held.names, NAMES))
        present = held.names.get(name)
        refused: type[RegistryError] | None = None
        if present is None:
            refused = ReferenceUnknown
        elif present.version and present.digest in held.all_shown:
            refused = Protected
        else:
            held.end(name)
        self.expect(delete_reference(self.world.registry, ADMINISTRATOR, place, ReferenceName(name)), refused=refused)

    @rule(place=st.sampled_from(PLACES), data=st.data())
    def delete_artifact(self, place: PackageId, data: st.DataObject) -> None:
        if not self.is_known(place):
            return
        held = self.held(place)
        deleted = data.draw(likely(held.artifacts, ARTIFACTS))
        refused: type[RegistryError] | None = None
        if deleted not in held.artifacts:
            refused = ArtifactUnknown
        elif deleted in held.all_shown or held.contains(deleted):
            refused = Protected
        else:
            held.leave({deleted} | held.parts(deleted, held.all_shown | held.named, whole=False))
        self.expect(delete_artifact(self.world.registry, ADMINISTRATOR, place, deleted), refused=refused)

    @rule(place=st.sampled_from(PLACES), content=st.sampled_from(CONTENTS))
    def delete_blob(self, place: PackageId, content: bytes) -> None:
        if not self.is_known(place):
            return
        held, digest = self.held(place), Digest.of(content)
        refused: type[RegistryError] | None = None
        if digest not in held.blobs:
            refused = BlobUnknown
        elif held.needs(digest):
            refused = Protected
        else:
            held.blobs.remove(digest)
        self.expect(delete_blob(self.world.registry, ADMINISTRATOR, place, digest), refused=refused)

    @rule(content=st.sampled_from(CONTENTS), back=st.booleans())
    def mount(self, content: bytes, back: bool) -> None:
        source, target = reversed(PLACES) if back else PLACES
        digest = Digest.of(content)
        possible = self.held(source).has(digest)
        new = possible and digest not in self.held(target).blobs
        if possible:
            self.held(target).blobs.add(digest)
        mounted = self.run(mount(self.world.registry, ADMINISTRATOR, target, digest, source=(ALL, source)))
        assert mounted == possible
        self.events += new
        self.compare()

    @rule(place=st.sampled_from(PLACES), channel=st.sampled_from(CHANNELS), data=st.data())
    def clear(self, place: PackageId, channel: str, data: st.DataObject) -> None:
        held = self.held(place)
        cleared = data.draw(likely(held.artifacts, ARTIFACTS))
        new = (channel, cleared) not in held.cleared
        refused = None if cleared in held.artifacts else ArtifactUnknown
        if refused is None and new:
            held.cleared.add((channel, cleared))
            for name, meaning in held.names.items():
                if meaning.version and meaning.digest == cleared:
                    held.give(name, replace(meaning, sealed=True))
        work = open_clearance(self.world.registry, ADMINISTRATOR, place, parse_channel(channel), cleared)
        self.expect(work, refused=refused, changes=new)

    @rule(place=st.sampled_from(PLACES), channel=st.sampled_from(CHANNELS), data=st.data())
    def unclear(self, place: PackageId, channel: str, data: st.DataObject) -> None:
        held = self.held(place)
        closed = data.draw(likely({digest for name, digest in held.cleared if name == channel}, ARTIFACTS))
        refused = None if (channel, closed) in held.cleared else ClearanceUnknown
        held.cleared.discard((channel, closed))
        work = close_clearance(self.world.registry, ADMINISTRATOR, place, parse_channel(channel), closed)
        self.expect(work, refused=refused)

    @rule(place=st.sampled_from(PLACES), what=st.sampled_from(["seal", "yank", "unyank"]), data=st.data())
    def mark(self, place: PackageId, what: str, data: st.DataObject) -> None:
        held = self.held(place)
        name = data.draw(likely(held.names, NAMES))
        present = held.names.get(name)
        refused: type[RegistryError] | None = None
        changes = False
        if present is None or not present.version:
            refused = ReferenceUnknown
        else:
            marked = {
                "seal": replace(present, sealed=True),
                "yank": replace(present, yanked="broken"),
                "unyank": replace(present, yanked=None),
            }[what]
            changes = marked != present
            held.give(name, marked)
        registry, version = self.world.registry, ReferenceName(name)
        work = {
            "seal": lambda: seal(registry, ADMINISTRATOR, place, version),
            "yank": lambda: yank(registry, ADMINISTRATOR, place, version, reason="broken"),
            "unyank": lambda: unyank(registry, ADMINISTRATOR, place, version),
        }[what]()
        self.expect(work, refused=refused, changes=changes)

    @precondition(lambda self: hasattr(self, "world"))
    @rule(on=st.booleans())
    def name_releases(self, on: bool) -> None:
        changes = on != self.release_is_version
        self.release_is_version = on
        versions = [PackagePattern("rel-*")] if on else []
        self.expect(
            set_namespace(self.world.registry, ADMINISTRATOR, ACME, versions=versions), refused=None, changes=changes
        )

    @precondition(lambda self: hasattr(self, "world"))
    @rule(days=st.sampled_from([2, 8]))
    def collect(self, days: int) -> None:
        """What nobody can reach goes from either tier, once it has waited; what somebody can reach stays."""
        self.world.clock.advance(days=days)
        events, due = self.model.collect(self.world.clock.now())
        self.events += events

        found = self.run(collect(self.world.registry))

        assert found.given_up.count == len(due)
        is_cold, is_hot = LARGE in self.model.cold, LARGE in self.model.kept - self.model.cold
        assert self.run(self.stored()) == {Tier.HOT: [LARGE] * is_hot, Tier.COLD: [LARGE] * is_cold}
        self.compare()

    @precondition(lambda self: hasattr(self, "world"))
    @rule(named=st.booleans(), again=st.booleans())
    def retain(self, named: bool, again: bool) -> None:
        """What no rule keeps goes, with its parts, and nothing that a channel shows or that somebody else needs."""
        registry, none = self.world.registry, RetentionRule("none", last=0)
        kinds = tuple(NameKind) if named else (NameKind.UNNAMED,)
        wanted = Retention((replace(none, kinds=kinds),))
        self.events += self.run(registry.catalog.retentions.find(ACME)) != wanted
        self.run(set_retention(registry, ADMINISTRATOR, ACME, wanted))
        gone = {place: held.goes(named=named) for place, held in self.model.packages.items()}
        made = self.run(plan_retention(registry, ADMINISTRATOR, ACME))
        self.run(begin_plan(registry, made, "administrator"))
        self.events += 3 + sum(len(roots) for roots in gone.values())
        for place, roots in gone.items():
            for root, parts in roots.items():
                self.held(place).leave({root} | parts)

        while not self.run(carry_on(registry, made.name, limit=1 if again else None)):
            assert self.run(check(registry)) == []

        done = self.run(read_plan(registry, ADMINISTRATOR, made.name))
        assert ItemState.MOVED not in done.counts
        self.compare()

    # --- the trash ---

    @rule(place=st.sampled_from(PLACES), data=st.data())
    def restore(self, place: PackageId, data: st.DataObject) -> None:
        """What left comes back as it was, unless it was purged, was erased, or is not whole any more."""
        if not self.is_known(place):
            return
        held = self.held(place)
        deleted = data.draw(likely(held.trash, [*map(ReferenceName, NAMES), *ARTIFACTS]))
        refused: type[RegistryError] | None = None
        changes = False
        if (found := held.deleted(deleted)) is None:
            refused = ArtifactUnknown if isinstance(deleted, Digest) else ReferenceUnknown
        else:
            digest, names = found
            is_back = digest not in held.artifacts
            changes = is_back or bool(names)
            if digest in self.model.erased:
                refused = Erased
            elif is_back and not (held.may_have_back(digest) and self.model.is_whole(digest)):
                refused = ArtifactUnknown
            else:
                self.model.restore(held, digest, names)
        self.expect(restore(self.world.registry, ADMINISTRATOR, place, deleted), refused=refused, changes=changes)

    @rule(place=st.sampled_from(PLACES), data=st.data())
    def purge(self, place: PackageId, data: st.DataObject) -> None:
        """What left is not to be had back, and bytes that nobody else may need are deleted at once."""
        if not self.is_known(place):
            return
        held = self.held(place)
        deleted = data.draw(likely(held.trash, [*map(ReferenceName, NAMES), *ARTIFACTS]))
        refused: type[RegistryError] | None = None
        changes = False
        if (found := held.deleted(deleted)) is None:
            refused = ArtifactUnknown if isinstance(deleted, Digest) else ReferenceUnknown
        elif found[0] in held.artifacts:
            refused = Protected
        elif changes := held.may_have_back(found[0]):
            self.model.purge(held, found[0])
        self.expect(purge(self.world.registry, ADMINISTRATOR, place, deleted), refused=refused, changes=changes)

    # --- erasing ---

    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        """One change says what goes, each package that loses some of it has one, and the last one seals it."""
        digest = data.draw(likely(self.model.kept, EVERYTHING))
        registry, is_new = self.world.registry, digest not in self.model.erased
        work = erase(registry, ADMINISTRATOR, digest, reason="a key got out")
        if digest == EVERYBODYS:
            self.expect(work, refused=Invalid)
            return
        goes = self.model.goes_with(digest)
        if is_new:
            self.events += 2 + self.model.erase(digest)

        erasure = self.run(work)

        if is_new:
            tombstone = Tombstone.open(erasure.tombstone, [KEY.public_key])
            assert (tombstone.target, set(tombstone.digests) & {*EVERYTHING}) == (digest, goes)
        self.compare()

    @rule(whole=st.booleans(), data=st.data())
    def let_again(self, whole: bool, data: st.DataObject) -> None:
        """It may be pushed again, and does not come by itself; with *whole* all that was erased may."""
        digest = data.draw(likely(self.model.erased, EVERYTHING))
        for each in sorted(self.model.erased - {digest}, key=str) if whole else ():
            self.lift(each)
        self.lift(digest)

    def lift(self, digest: Digest) -> None:
        refused = None if digest in self.model.erased else ErasureUnknown
        self.model.erased.discard(digest)
        self.expect(lift_erasure(self.world.registry, ADMINISTRATOR, digest, reason="a mistake"), refused=refused)

    # --- the two tiers ---

    @rule(place=st.sampled_from(PLACES), tier=st.sampled_from(Tier), data=st.data())
    def move(self, place: PackageId, tier: Tier, data: st.DataObject) -> None:
        """What an artifact needs lies in the other tier from then on, for whoever else needs it, too."""
        moved = data.draw(likely(self.held(place).artifacts, ARTIFACTS))
        model, is_cold = self.model, tier is Tier.COLD
        refused: type[RegistryError] | None = None
        changes = False
        if moved not in self.held(place).artifacts:
            refused = RegistryError  # The package may not be there at all.
        elif changes := LARGE in model.within(moved) and (LARGE in model.cold) != is_cold:
            model.cold = {LARGE} if is_cold else set()
        work = move_artifact(self.world.registry, ADMINISTRATOR, place, moved, tier)
        self.expect(work, refused=refused, changes=changes)

    # --- what must hold ---

    def compare(self) -> None:
        self.run(self.compare_all())

    async def compare_all(self) -> None:
        assert await check(self.world.registry, read_bytes=True) == []
        position, _ = await self.world.catalog.head()
        assert position == self.events
        stored = await self.stored()
        assert not self.model.erased & {digest for digests in stored.values() for digest in digests}
        if LARGE in self.model.kept:
            assert LARGE in stored[Tier.COLD if LARGE in self.model.cold else Tier.HOT]
        for place, held in self.model.packages.items():
            await self.compare_package(place, held)
            await self.compare_erased(place, held)

    async def stored(self) -> dict[Tier, list[Digest]]:
        """What lies in each tier."""
        return {tier: [kept.digest async for kept in self.world.registry.store(tier).kept()] for tier in Tier}

    async def compare_package(self, place: PackageId, held: Holding) -> None:
        registry, catalog = self.world.registry, self.world.catalog
        assert {
            reference.name: Name(
                reference.kind is ReferenceKind.VERSION, reference.digest, reference.sealed, reference.yanked
            )
            for reference in await catalog.list_references(ALL, place, limit=100)
        } == held.names
        for digest in EVERYTHING:
            assert (await catalog.find_blob(ALL, place, digest) is not None) == held.has(digest)
        for content in CONTENTS:
            if held.has(Digest.of(content)):
                found = await find_blob(registry, ADMINISTRATOR, ALL, place, Digest.of(content))
                assert content == (await read_whole(registry, found) if found.content is None else found.content)
        for channel in CHANNELS:
            view, shown = View(ACME, parse_channel(channel)), held.shown(channel)
            assert await self.seen(view, place) == shown
            layers = {blob for digest in shown for blob in BLOBS[digest]}
            for content in CONTENTS:
                found = await catalog.find_blob(view, place, Digest.of(content))
                assert (found is not None) == (Digest.of(content) in layers)
            listed = await catalog.list_references(view, place, limit=100)
            assert {reference.name for reference in listed} == {
                name for name, meaning in held.names.items() if meaning.digest in shown
            }

    async def seen(self, view: View, place: PackageId) -> set[Digest]:
        find = self.world.catalog.find_artifact
        return {digest for digest in ARTIFACTS if await find(view, place, digest=digest) is not None}

    async def compare_erased(self, place: PackageId, held: Holding) -> None:
        """Who may read there is told that it was erased, by whatever it was called."""
        registry, erased = self.world.registry, self.model.erased
        for digest in erased & held.left.keys():
            with pytest.raises(Erased):
                await resolve(registry, ADMINISTRATOR, ALL, place, digest=digest)
            with pytest.raises(BlobErased):
                await find_blob(registry, ADMINISTRATOR, ALL, place, digest)
        for name in (name for name, meant in held.last.items() if meant.digest in erased):
            with pytest.raises(Erased):
                await resolve(registry, ADMINISTRATOR, ALL, place, name=ReferenceName(name))


TestRegistry = RegistryMachine.TestCase
TestRegistry.settings = settings(max_examples=30 * TIMES, stateful_step_count=50, deadline=None)


class ManyShortStories(RegistryMachine):
    """The same changes, in many more short sequences than long ones: most faults need few steps."""


TestManyShortStories = ManyShortStories.TestCase
TestManyShortStories.settings = settings(max_examples=340 * TIMES, stateful_step_count=25, deadline=None)

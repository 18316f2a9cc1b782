"""A registry under any sequence of changes, beside a model of it that a reader can believe.

After every step the registry says what the model says, `check` finds nothing, and the journal has grown by exactly one
entry if something changed.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    BlobUnknown,
    ClearanceUnknown,
    LinkUnknown,
    Protected,
    ReferenceUnknown,
    RegistryError,
    VersionExists,
)
from entrepot.model.names import PackageId, PackagePattern, ReferenceName, View, parse_channel, parse_namespace
from entrepot.model.reference import ReferenceKind
from entrepot.model.retention import NameKind, Retention, RetentionRule
from entrepot.operations.check import check
from entrepot.operations.clear import close_clearance, open_clearance
from entrepot.operations.collect import collect
from entrepot.operations.delete import delete_artifact, delete_blob, delete_reference
from entrepot.operations.govern import set_namespace
from entrepot.operations.mark import seal, unyank, yank
from entrepot.operations.mount import mount
from entrepot.operations.publish import Draft, publish
from entrepot.operations.retain import begin_plan, carry_on, plan_retention, read_plan, set_retention
from entrepot.operations.tag import tag
from entrepot.ports.blobs import BlobStore
from entrepot.ports.retention import ItemState
from entrepot.testing.builders import ADMINISTRATOR, Image, image, index, open_world, package, referrer

ACME, ALL = parse_namespace("acme"), View.parse("acme")
PLACES = [package("acme/one"), package("acme/two")]
NAMES = ["1.0", "rel-a", "latest"]
CONTENTS = [b"{}", b"small", b"large " * 20]

ONE, TWO = image(CONTENTS[1]), image(CONTENTS[2])
BOTH = image(CONTENTS[1], CONTENTS[2])
LIST, NESTED = index(ONE, TWO), index(index(ONE, TWO))
SIGNATURE = referrer(ONE)
COUNTERSIGNATURE = referrer(SIGNATURE, "application/vnd.example.countersignature")
IMAGES = [ONE, TWO, BOTH, LIST, NESTED, SIGNATURE, COUNTERSIGNATURE, referrer(LIST)]
CHANNELS = ["dev", "prod"]


@dataclass(frozen=True)
class Name:
    """What a name means."""

    version: bool
    digest: Digest
    sealed: bool = False
    yanked: str | None = None


@dataclass
class Holding:
    """What a package has, as a person would note it down."""

    blobs: set[Digest] = field(default_factory=set)
    artifacts: dict[Digest, Image] = field(default_factory=dict)
    names: dict[str, Name] = field(default_factory=dict)
    versions: dict[str, Name] = field(default_factory=dict)
    """The last version that each name meant."""
    cleared: set[tuple[str, Digest]] = field(default_factory=set)

    def has(self, digest: Digest) -> bool:
        return digest in self.blobs or digest in self.artifacts

    def missing(self, pushed: Image) -> bool:
        needed = {Digest.of(blob) for blob in pushed.blobs}
        children = {child.digest for child in pushed.children}
        return not (all(self.has(digest) for digest in needed) and children <= set(self.artifacts))

    def shown(self, channel: str) -> set[Digest]:
        """What a channel shows: what was cleared, what that contains, and the referrers of each."""
        found: set[Digest] = set()
        new = {digest for name, digest in self.cleared if name == channel}
        while new:
            found |= new
            contained = {child.digest for digest in new for child in self.artifacts[digest].children}
            referring = {
                digest
                for digest, held in self.artifacts.items()
                if held.artifact.subject is not None and held.artifact.subject.digest in new
            }
            new = (contained | referring) - found
        return found

    def goes(self, *, named: bool) -> dict[Digest, set[Digest]]:
        """What stands for itself and nothing keeps, each with what goes with it; with *named* also what has names."""
        shown = set.union(*map(self.shown, CHANNELS))
        bearing = {meaning.digest for meaning in self.names.values()}
        return {
            digest: self.parts(digest, shown | bearing)
            for digest, held in self.artifacts.items()
            if not self.contains(digest)
            and not (held.artifact.subject is not None and self.has(held.artifact.subject.digest))
            and digest not in shown
            and (named or digest not in bearing)
        }

    def parts(self, root: Digest, kept: set[Digest], *, whole: bool = True) -> set[Digest]:
        """What refers to an artifact, and with *whole* what it contains, without what is needed by what stays."""
        found, new = {root}, {root}
        while new:
            holding = new if whole else new - {root}
            new = {child.digest for digest in holding for child in self.artifacts[digest].children} | {
                digest
                for digest, held in self.artifacts.items()
                if held.artifact.subject is not None and held.artifact.subject.digest in new
            }
            new -= found
            found |= new
        going = {root} | (found - kept)
        while stay := {digest for digest in going - {root} if not self.needing(digest) <= going}:
            going -= stay
        return going - {root}

    def needing(self, digest: Digest) -> set[Digest]:
        """What contains an artifact, or what it refers to, and what contains that."""
        subject = self.artifacts[digest].artifact.subject
        wanted = {digest} if subject is None else {digest, subject.digest}
        containing = {
            other for other, held in self.artifacts.items() if wanted & {child.digest for child in held.children}
        }
        return containing | ({subject.digest} & set(self.artifacts) if subject is not None else set())

    def needs(self, digest: Digest) -> bool:
        """Whether some artifact has these bytes as a layer or config."""
        return any(digest in {Digest.of(blob) for blob in held.blobs} for held in self.artifacts.values())

    def contains(self, digest: Digest) -> bool:
        """Whether some index lists this artifact."""
        return any(digest in {child.digest for child in held.children} for held in self.artifacts.values())


def files(held: Image) -> set[Digest]:
    return {Digest.of(layer) for layer in held.blobs[1:]}


async def _digests(blobs: BlobStore) -> list[Digest]:
    return [kept.digest async for kept in blobs.kept()]


class RegistryMachine(RuleBasedStateMachine):
    """The registry and the model, side by side."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.opening = open_world(Path(self.folder.name))
        self.world = self.run(self.opening.__aenter__())
        self.run(self.world.namespace("acme"))
        self.events = 1
        self.release_is_version = False
        self.kept: set[Digest] = set()
        self.condemned: dict[Digest, datetime] = {}
        self.model = {place: Holding() for place in PLACES}

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.run(self.opening.__aexit__(None, None, None))
            self.runner.close()
            self.folder.cleanup()

    def run(self, work: Awaitable[Any]) -> Any:
        return self.runner.run(work)  # type: ignore[arg-type]

    def expect(self, work: Awaitable[Any], *, refused: type[RegistryError] | None, changes: bool = True) -> None:
        """Do it; it is refused as foreseen, or there is one event if it changes something."""
        error: RegistryError | None = None
        try:
            self.run(work)
        except RegistryError as raised:
            error = raised
        assert isinstance(error, refused or type(None)), f"{error}, not {refused}"
        if error is None:
            self.events += changes
        self.compare()

    # --- the steps ---

    @rule(place=st.sampled_from(PLACES), content=st.sampled_from(CONTENTS))
    def push_blob(self, place: PackageId, content: bytes) -> None:
        digest = Digest.of(content)
        new = digest not in self.model[place].blobs
        self.model[place].blobs.add(digest)
        self.bring(digest)
        self.expect(self.world.push_blob(place, content), refused=None, changes=new)

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
        held = self.model[place]
        given = {name: self.may_give(held, name, pushed, sealed=sealed) for name in names}
        refused: type[RegistryError] | None = None
        if held.missing(pushed):
            refused = LinkUnknown
        elif None in given.values():
            refused = VersionExists
        changes = pushed.digest not in held.artifacts or any(held.names.get(name) != new for name, new in given.items())
        if refused is None:
            held.artifacts[pushed.digest] = pushed
            self.bring(pushed.digest)
            for name, new in given.items():
                assert new is not None
                self.give(held, name, new)
        draft = Draft(pushed.artifact, tags=tuple(ReferenceName(name) for name in names), sealed=sealed)
        self.expect(publish(self.world.registry, ADMINISTRATOR, place, draft), refused=refused, changes=changes)

    def bring(self, digest: Digest) -> None:
        """Somebody pushed these bytes."""
        self.kept.add(digest)
        self.condemned.pop(digest, None)

    def push_parts(self, place: PackageId, pushed: Image) -> None:
        """What a client pushes first."""
        for content in pushed.blobs:
            self.push_blob(place, content)
        for child in pushed.children:
            self.push(place, child, [], sealed=True, whole=True)

    def may_give(self, held: Holding, name: str, pushed: Image, *, sealed: bool) -> Name | None:
        """What a name becomes; None when it may not."""
        present = held.names.get(name)
        version = (present if present.version else None) if present else held.versions.get(name)
        is_version = version is not None or name == "1.0" or (name == "rel-a" and self.release_is_version)
        if present is not None and present.digest == pushed.digest and present.version == is_version:
            return present
        if version is not None and present is None and version.digest != pushed.digest:
            return None
        if version is not None and present is not None:
            before = held.artifacts[present.digest]
            if present.sealed or bool(before.children) != bool(pushed.children) or not files(before) <= files(pushed):
                return None
        return Name(
            is_version,
            pushed.digest,
            sealed=is_version and (sealed or (version is not None and version.sealed)),
            yanked=None if version is None else version.yanked,
        )

    def give(self, held: Holding, name: str, new: Name) -> None:
        held.names[name] = new
        if new.version:
            held.versions[name] = new

    @rule(place=st.sampled_from(PLACES), named=st.sampled_from(IMAGES), name=st.sampled_from(NAMES))
    def tag(self, place: PackageId, named: Image, name: str) -> None:
        held = self.model[place]
        refused: type[RegistryError] | None = None
        changes = False
        if not self.has_artifact(place, named):
            refused = RegistryError  # The package may not be there at all.
        elif (new := self.may_give(held, name, named, sealed=True)) is None:
            refused = VersionExists
        else:
            changes = held.names.get(name) != new
            self.give(held, name, new)
        self.expect(
            tag(self.world.registry, ADMINISTRATOR, place, named.digest, ReferenceName(name)),
            refused=refused,
            changes=changes,
        )

    def has_artifact(self, place: PackageId, held: Image) -> bool:
        return held.digest in self.model[place].artifacts

    def is_known(self, place: PackageId) -> bool:
        return self.run(self.world.catalog.find_package(ALL, place)) is not None

    @rule(place=st.sampled_from(PLACES), name=st.sampled_from(NAMES))
    def untag(self, place: PackageId, name: str) -> None:
        if not self.is_known(place):
            return
        held = self.model[place]
        present = held.names.get(name)
        refused: type[RegistryError] | None = None
        if present is None:
            refused = ReferenceUnknown
        elif present.version and any(present.digest in held.shown(channel) for channel in CHANNELS):
            refused = Protected
        else:
            del held.names[name]
        self.expect(delete_reference(self.world.registry, ADMINISTRATOR, place, ReferenceName(name)), refused=refused)

    @rule(place=st.sampled_from(PLACES), deleted=st.sampled_from(IMAGES))
    def delete_artifact(self, place: PackageId, deleted: Image) -> None:
        if not self.is_known(place):
            return
        held = self.model[place]
        refused: type[RegistryError] | None = None
        if not self.has_artifact(place, deleted):
            refused = ArtifactUnknown
        elif any(deleted.digest in held.shown(channel) for channel in CHANNELS) or held.contains(deleted.digest):
            refused = Protected
        else:
            bearing = {meaning.digest for meaning in held.names.values()}
            kept = set.union(*map(held.shown, CHANNELS)) | bearing
            for digest in (deleted.digest, *held.parts(deleted.digest, kept, whole=False)):
                del held.artifacts[digest]
            held.names = {name: meaning for name, meaning in held.names.items() if meaning.digest != deleted.digest}
        self.expect(delete_artifact(self.world.registry, ADMINISTRATOR, place, deleted.digest), refused=refused)

    @rule(place=st.sampled_from(PLACES), content=st.sampled_from(CONTENTS))
    def delete_blob(self, place: PackageId, content: bytes) -> None:
        if not self.is_known(place):
            return
        held, digest = self.model[place], Digest.of(content)
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
        possible = self.model[source].has(digest)
        new = possible and digest not in self.model[target].blobs
        if possible:
            self.model[target].blobs.add(digest)
        mounted = self.run(mount(self.world.registry, ADMINISTRATOR, target, digest, source=(ALL, source)))
        assert mounted == possible
        self.events += new
        self.compare()

    @rule(place=st.sampled_from(PLACES), cleared=st.sampled_from(IMAGES), channel=st.sampled_from(CHANNELS))
    def clear(self, place: PackageId, cleared: Image, channel: str) -> None:
        held = self.model[place]
        new = (channel, cleared.digest) not in held.cleared
        refused = None if self.has_artifact(place, cleared) else ArtifactUnknown
        if refused is None and new:
            held.cleared.add((channel, cleared.digest))
            for name, meaning in held.names.items():
                if meaning.version and meaning.digest == cleared.digest:
                    self.give(held, name, replace(meaning, sealed=True))
        work = open_clearance(self.world.registry, ADMINISTRATOR, place, parse_channel(channel), cleared.digest)
        self.expect(work, refused=refused, changes=new)

    @rule(place=st.sampled_from(PLACES), closed=st.sampled_from(IMAGES), channel=st.sampled_from(CHANNELS))
    def unclear(self, place: PackageId, closed: Image, channel: str) -> None:
        held = self.model[place]
        refused = None if (channel, closed.digest) in held.cleared else ClearanceUnknown
        held.cleared.discard((channel, closed.digest))
        work = close_clearance(self.world.registry, ADMINISTRATOR, place, parse_channel(channel), closed.digest)
        self.expect(work, refused=refused)

    @rule(place=st.sampled_from(PLACES), name=st.sampled_from(NAMES), what=st.sampled_from(["seal", "yank", "unyank"]))
    def mark(self, place: PackageId, name: str, what: str) -> None:
        held = self.model[place]
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
            self.give(held, name, marked)
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
        """What nobody can reach goes, once it has waited; what somebody can reach stays."""
        self.world.clock.advance(days=days)
        now = self.world.clock.now()
        for held in self.model.values():
            loose = {digest for digest in held.blobs if not held.needs(digest)}
            held.blobs -= loose
            self.events += bool(loose)
        unreachable = {digest for digest in self.kept if not any(held.has(digest) for held in self.model.values())}
        waiting = dict.fromkeys(unreachable, now) | self.condemned
        self.events += waiting != self.condemned
        due = {digest for digest, since in waiting.items() if since <= now - timedelta(days=7)}
        self.condemned = {digest: since for digest, since in waiting.items() if digest not in due}
        self.kept -= due
        self.events += bool(due)

        found = self.run(collect(self.world.registry))

        assert found.given_up.count == len(due)
        stored = self.run(_digests(self.world.registry.blobs))
        assert stored == [digest for digest in [Digest.of(CONTENTS[2])] if digest in self.kept]
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
        gone = {place: held.goes(named=named) for place, held in self.model.items()}
        made = self.run(plan_retention(registry, ADMINISTRATOR, ACME))
        self.run(begin_plan(registry, made, "administrator"))
        self.events += 3 + sum(len(roots) for roots in gone.values())
        for place, roots in gone.items():
            held, leaving = self.model[place], {each for root, parts in roots.items() for each in (root, *parts)}
            held.artifacts = {digest: image for digest, image in held.artifacts.items() if digest not in leaving}
            held.names = {name: meaning for name, meaning in held.names.items() if meaning.digest not in leaving}

        while not self.run(carry_on(registry, made.name, limit=1 if again else None)):
            assert self.run(check(registry)) == []

        done = self.run(read_plan(registry, ADMINISTRATOR, made.name))
        assert ItemState.MOVED not in done.counts
        self.compare()

    # --- what must hold ---

    def compare(self) -> None:
        assert self.run(check(self.world.registry)) == []
        position, _ = self.run(self.world.catalog.head())
        assert position == self.events
        for place, held in self.model.items():
            self.compare_package(place, held)

    def compare_package(self, place: PackageId, held: Holding) -> None:
        catalog = self.world.catalog
        names = self.run(catalog.list_references(ALL, place, limit=100))
        assert {
            reference.name: Name(
                reference.kind is ReferenceKind.VERSION, reference.digest, reference.sealed, reference.yanked
            )
            for reference in names
        } == held.names
        for digest in (*map(Digest.of, CONTENTS), *(each.digest for each in IMAGES)):
            assert (self.run(catalog.find_blob(ALL, place, digest)) is not None) == held.has(digest)
        for channel in CHANNELS:
            view, shown = View(ACME, parse_channel(channel)), held.shown(channel)
            assert self.seen(view, place, (each.digest for each in IMAGES)) == shown
            layers = {Digest.of(blob) for digest in shown for blob in held.artifacts[digest].blobs}
            for content in CONTENTS:
                found = self.run(catalog.find_blob(view, place, Digest.of(content)))
                assert (found is not None) == (Digest.of(content) in layers)
            listed = self.run(catalog.list_references(view, place, limit=100))
            assert {reference.name for reference in listed} == {
                name for name, meaning in held.names.items() if meaning.digest in shown
            }

    def seen(self, view: View, place: PackageId, digests: Iterable[Digest]) -> set[Digest]:
        return {
            digest
            for digest in digests
            if self.run(self.world.catalog.find_artifact(view, place, digest=digest)) is not None
        }


TestRegistry = RegistryMachine.TestCase
TestRegistry.settings = settings(max_examples=20, stateful_step_count=50, deadline=None)


class ManyShortStories(RegistryMachine):
    """The same changes, in many more short sequences than long ones: most faults need few steps."""


TestManyShortStories = ManyShortStories.TestCase
TestManyShortStories.settings = settings(max_examples=270, stateful_step_count=25, deadline=None)

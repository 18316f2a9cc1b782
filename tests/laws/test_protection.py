"""What is kept, under any sequence of changes and of time, beside a model of it that a reader can believe.

After every step nothing has gone that was protected, and a deletion is refused just when something protects it; at the
end everything that nothing protects can be deleted.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from entrepot.model.deployment import Particulars, Place
from entrepot.model.digest import Digest
from entrepot.model.errors import Protected
from entrepot.model.hold import Hold
from entrepot.model.names import ReferenceName, View, parse_namespace
from entrepot.operations.check import check
from entrepot.operations.delete import delete_artifact, delete_blob, delete_reference
from entrepot.operations.deploy import end_deployment, record_deployment
from entrepot.operations.govern import set_namespace
from entrepot.operations.hold import lift_hold, place_hold, release_lease, renew_lease, take_lease
from entrepot.operations.publish import Draft, publish
from entrepot.operations.sweep import sweep
from entrepot.testing.builders import ADMINISTRATOR, Image, StoppedClock, image, index, open_world, package, referrer

ACME, ALL, API = parse_namespace("acme"), View.parse("acme"), package("acme/api")
WHEEL = image(b"wheel")
"""What version 1.0 is at first: it may grow into the next two."""
WITH_SOURCE = image(b"wheel", b"source")
WITH_BOTH = image(b"wheel", b"source", b"windows")
ONE, TWO, THREE = image(b"one"), image(b"two"), image(b"three")
LIST, NESTED = index(ONE, TWO), index(index(ONE, TWO), THREE)
SIGNATURE, OF_LIST = referrer(ONE), referrer(LIST)
COUNTERSIGNATURE = referrer(SIGNATURE, "application/vnd.example.countersignature")
GROWING = [WHEEL, WITH_SOURCE, WITH_BOTH]
IMAGES = [*GROWING, ONE, TWO, THREE, LIST, NESTED, NESTED.children[0], SIGNATURE, OF_LIST, COUNTERSIGNATURE]
PLACES = [Place(ACME, "prod", "payments", cluster) for cluster in ("eu-1", "us-1")]
V1, STABLE = ReferenceName("1.0"), ReferenceName("stable")
KEPT = st.sampled_from([V1, STABLE]) | st.sampled_from(IMAGES)
"""What is kept by a name, or by its digest."""
MONTH = timedelta(days=30)


@dataclass
class Ran:
    """What ran at a place: each artifact as often as it did, with when it ended."""

    ended: list[tuple[Digest, datetime]] = field(default_factory=list)
    running: Digest | None = None
    name: ReferenceName | None = None


class ProtectionMachine(RuleBasedStateMachine):
    """One package, what keeps its artifacts, and the clock."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.clock = StoppedClock()
        self.opening = open_world(Path(self.folder.name), clock=self.clock)
        self.world = self.run(self.opening.__aenter__())
        self.run(self.world.namespace("acme"))
        self.present: dict[Digest, Image] = {}
        self.names: dict[str, Digest] = {}
        self.versions: list[Digest] = []
        """All that version 1.0 has meant, the last of it last."""
        self.holds: dict[str, Hold] = {}
        self.ran = {place: Ran() for place in PLACES}
        self.rollbacks = 3

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.delete_all()
            self.run(self.opening.__aexit__(None, None, None))
            self.runner.close()
            self.folder.cleanup()

    def run(self, work: Awaitable[Any]) -> Any:
        return self.runner.run(work)  # type: ignore[arg-type]

    # --- the model: what protects an artifact ---

    def roots(self) -> set[Digest]:
        now = self.clock.now()
        found = {hold.digest for hold in self.holds.values() if hold.expires_at is None or hold.expires_at > now}
        for ran in self.ran.values():
            if ran.running is not None:
                found.add(ran.running)
            if ran.running is not None or (ran.ended and max(at for _, at in ran.ended) > now - MONTH):
                last = [digest for digest, _ in reversed(ran.ended) if digest != ran.running and digest in self.present]
                found.update(list(dict.fromkeys(last))[: self.rollbacks])
        return found

    def protected(self) -> set[Digest]:
        """The roots, what they contain, what refers to any of it, and what the version has become that they were."""
        found: set[Digest] = set()
        new = self.roots()
        while new:
            found |= new
            contained = {
                child.digest for digest in new if digest in self.present for child in self.present[digest].children
            }
            referring = {
                digest
                for digest, held in self.present.items()
                if held.artifact.subject is not None and held.artifact.subject.digest in new
            }
            grown = {self.names["1.0"]} if "1.0" in self.names and new & set(self.versions) else set()
            new = (contained | referring | grown) - found
        return found & set(self.present)

    def contained(self, digest: Digest) -> bool:
        return any(digest in {child.digest for child in held.children} for held in self.present.values())

    # --- the steps ---

    @rule(pushed=st.sampled_from(IMAGES), tagged=st.booleans())
    def push(self, pushed: Image, tagged: bool) -> None:
        self.run(self.world.push(API, pushed, *(["stable"] if tagged else [])))
        self.note(pushed)
        if tagged:
            self.names["stable"] = pushed.digest

    def note(self, pushed: Image) -> None:
        self.present[pushed.digest] = pushed
        for child in pushed.children:
            self.note(child)

    @rule()
    def grow(self) -> None:
        """Version 1.0 gets its next file; one that was deleted comes back as it was."""
        last = next((each for each in GROWING if self.versions and each.digest == self.versions[-1]), None)
        if last is None:
            grown = GROWING[0]
        elif "1.0" not in self.names or last is GROWING[-1]:
            grown = last
        else:
            grown = GROWING[GROWING.index(last) + 1]
        for blob in grown.blobs:
            self.run(self.world.push_blob(API, blob))
        self.run(publish(self.world.registry, ADMINISTRATOR, API, Draft(grown.artifact, version=V1, sealed=False)))
        self.note(grown)
        self.names["1.0"] = grown.digest
        self.versions.append(grown.digest)

    @rule(kept=KEPT, hours=st.integers(1, 100))
    def lease(self, kept: Image | ReferenceName, hours: int) -> None:
        target = kept if isinstance(kept, str) else kept.digest
        if self.means(kept) is not None:
            ttl = timedelta(hours=hours)
            work = take_lease(self.world.registry, ADMINISTRATOR, API, target, ttl=ttl, reason="a build")
            taken = self.run(work)
            assert taken.digest == self.means(kept)
            self.holds[taken.id] = taken

    @rule(kept=KEPT, legal=st.booleans())
    def hold(self, kept: Image | ReferenceName, legal: bool) -> None:
        target = kept if isinstance(kept, str) else kept.digest
        if self.means(kept) is not None:
            work = place_hold(self.world.registry, ADMINISTRATOR, API, target, reason="case 7", legal=legal)
            placed = self.run(work)
            assert placed.digest == self.means(kept)
            self.holds[placed.id] = placed

    def means(self, kept: Image | ReferenceName) -> Digest | None:
        digest = self.names.get(kept) if isinstance(kept, str) else kept.digest
        return digest if digest in self.present else None

    @rule(which=st.integers(0, 10), hours=st.integers(1, 100), end=st.booleans())
    def change_hold(self, which: int, hours: int, end: bool) -> None:
        now = self.clock.now()
        live = [hold for hold in self.holds.values() if hold.expires_at is None or hold.expires_at > now]
        if not live:
            return
        hold = live[which % len(live)]
        if hold.expires_at is None:
            self.run(lift_hold(self.world.registry, ADMINISTRATOR, hold.id))
            del self.holds[hold.id]
        elif end:
            self.run(release_lease(self.world.registry, ADMINISTRATOR, hold.id))
            del self.holds[hold.id]
        else:
            work = renew_lease(self.world.registry, ADMINISTRATOR, hold.id, ttl=timedelta(hours=hours))
            self.holds[hold.id] = self.run(work)

    @rule(deployed=KEPT, place=st.sampled_from(PLACES))
    def deploy(self, deployed: Image | ReferenceName, place: Place) -> None:
        digest = self.means(deployed)
        if digest is None:
            return
        target = deployed if isinstance(deployed, str) else digest
        self.clock.advance(seconds=1)
        work = record_deployment(
            self.world.registry, ADMINISTRATOR, API, target, place=place, particulars=Particulars()
        )
        self.run(work)
        ran = self.ran[place]
        if ran.running not in (None, digest):
            ran.ended.append((ran.running, self.clock.now()))
        ran.running, ran.name = digest, deployed if isinstance(deployed, str) else None

    @rule(place=st.sampled_from(PLACES))
    def decommission(self, place: Place) -> None:
        ran = self.ran[place]
        if ran.running is not None:
            self.clock.advance(seconds=1)
            self.run(end_deployment(self.world.registry, ADMINISTRATOR, place))
            ran.ended.append((ran.running, self.clock.now()))
            ran.running = ran.name = None

    @rule(count=st.integers(0, 3))
    def set_rollbacks(self, count: int) -> None:
        self.run(set_namespace(self.world.registry, ADMINISTRATOR, ACME, rollbacks=count))
        self.rollbacks = count

    @rule(hours=st.sampled_from([1, 50, 721]), swept=st.booleans())
    def wait(self, hours: int, swept: bool) -> None:
        self.clock.advance(hours=hours)
        if swept:
            self.run(sweep(self.world.registry))
        self.compare()

    @rule(deleted=st.sampled_from(IMAGES))
    def delete(self, deleted: Image) -> None:
        if deleted.digest in self.present:
            self.delete_one(deleted.digest)

    def delete_one(self, digest: Digest) -> None:
        stays = digest in self.protected() or self.contained(digest)
        assert self.refused(delete_artifact(self.world.registry, ADMINISTRATOR, API, digest)) == stays
        if not stays:
            for gone in (digest, *self.referring(digest)):
                del self.present[gone]
            self.names = {name: meant for name, meant in self.names.items() if meant != digest}
        self.compare()

    def referring(self, digest: Digest) -> set[Digest]:
        """What refers to an artifact, directly or not, and neither has a name nor is kept by something."""
        kept, found, new = self.protected() | set(self.names.values()), set[Digest](), {digest}
        while new:
            new = {
                each
                for each, held in self.present.items()
                if held.artifact.subject is not None and held.artifact.subject.digest in new and each not in kept
            }
            found |= new
        return found

    @rule(name=st.sampled_from([V1, STABLE]))
    def delete_name(self, name: ReferenceName) -> None:
        if name in self.names:
            is_kept = name == V1 and self.names[name] in self.protected()
            stays = is_kept or any(ran.name == name for ran in self.ran.values())
            assert self.refused(delete_reference(self.world.registry, ADMINISTRATOR, API, name)) == stays
            if not stays:
                del self.names[name]
            self.compare()

    @rule(content=st.sampled_from([b"{}", b"wheel", b"source", b"one", b"three"]))
    def delete_blob(self, content: bytes) -> None:
        digest = Digest.of(content)
        if self.run(self.world.catalog.find_blob(ALL, API, digest)) is not None:
            needed = any(content in held.blobs for held in self.present.values())
            assert self.refused(delete_blob(self.world.registry, ADMINISTRATOR, API, digest)) == needed
            self.compare()

    def refused(self, work: Awaitable[Any]) -> bool:
        try:
            self.run(work)
        except Protected:
            return True
        return False

    # --- what must hold ---

    def compare(self) -> None:
        assert self.run(check(self.world.registry)) == []
        protected = self.protected()
        now = self.clock.now()
        for each in IMAGES:
            found = self.run(self.world.catalog.find_artifact(ALL, API, digest=each.digest))
            assert (found is not None) == (each.digest in self.present)
            if each.digest in self.present:
                why = self.run(self.world.catalog.protections.find(API, each.digest, now=now, limit=1))
                assert bool(why) == (each.digest in protected)

    def delete_all(self) -> None:
        """Everything that nothing protects can go, what contains something before that."""
        while removable := [
            digest for digest in self.present if digest not in self.protected() and not self.contained(digest)
        ]:
            self.delete_one(removable[0])
        kept = self.protected()
        for digest in self.present:
            assert digest in kept or self.contained(digest)


TestProtection = ProtectionMachine.TestCase
TestProtection.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)

"""What a registry has, as a person would note it down who reads its journal; and what must not have happened.

Nothing here asks the registry. Each entry is judged as it is read: whether that might go which the entry says has gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from entrepot.model import events as e
from entrepot.model.digest import Digest
from entrepot.testing.builders import Image

FORGOTTEN_AFTER = timedelta(days=30)
"""How long what ran where nothing runs any more may be rolled back to."""
DELAY = timedelta(days=7)
"""How long what is condemned waits."""


@dataclass(slots=True)
class Package:
    """What is in a package, and what its names mean."""

    blobs: set[str] = field(default_factory=set)
    artifacts: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    yanked: set[str] = field(default_factory=set)
    cleared: set[tuple[str, str]] = field(default_factory=set)
    versions: dict[str, str] = field(default_factory=dict)
    """What each version ever meant, for ever."""
    left: dict[str, set[str]] = field(default_factory=dict)
    """What left together with an artifact when it last did."""
    purged: set[str] = field(default_factory=set)
    """What nobody has back, although it left."""


@dataclass(frozen=True, slots=True)
class Run:
    """Something ran, until then."""

    package: str
    digest: str
    until: datetime


@dataclass(slots=True)
class Ledger:
    """A registry with one namespace."""

    images: dict[str, Image]
    """Everything that may be pushed, by its digest."""
    rollbacks: int
    packages: dict[str, Package]
    now: datetime
    running: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """At each place, what package and artifact runs, and by what name."""
    ran: dict[str, list[Run]] = field(default_factory=dict)
    leases: dict[str, tuple[str, str, datetime]] = field(default_factory=dict)
    holds: dict[str, tuple[str, str]] = field(default_factory=dict)
    condemned: dict[str, datetime] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)
    erased: dict[str, int] = field(default_factory=dict)
    """What may not come again, and the position since when."""
    sealed: dict[int, str] = field(default_factory=dict)
    """The erasures of which all is done, by their position, with the digest of the signed tombstone."""
    plans: dict[str, str] = field(default_factory=dict)
    """Each plan of retention, and how far it is."""
    length: int = 0

    # --- what is reachable ---

    def layers(self, digest: str) -> set[str]:
        """The bytes that an artifact needs beside itself and its children."""
        return {str(Digest.of(blob)) for blob in self.images[digest].blobs}

    def children(self, digest: str) -> set[str]:
        """What an index lists."""
        return {str(child.digest) for child in self.images[digest].children}

    def subject(self, digest: str) -> str | None:
        """What an artifact refers to."""
        subject = self.images[digest].artifact.subject
        return None if subject is None else str(subject.digest)

    def reach(self, package: str, roots: set[str]) -> set[str]:
        """What lives as long as *roots* do: what they contain, what refers to any of it, and so on."""
        here = self.packages[package].artifacts
        found: set[str] = set()
        new = roots & here
        while new:
            found |= new
            contained = {child for digest in new for child in self.children(digest)}
            referring = {digest for digest in here if self.subject(digest) in new}
            new = ((contained | referring) & here) - found
        return found

    def kept(self, package: str) -> set[str]:
        """What nobody may delete: what is cleared, runs, may be rolled back to, is leased or held."""
        held = self.packages[package]
        roots = {digest for _, digest in held.cleared}
        roots |= {digest for at, digest, _ in self.running.values() if at == package}
        roots |= {digest for at, digest, expires in self.leases.values() if at == package and expires > self.now}
        roots |= {digest for at, digest in self.holds.values() if at == package}
        for place in self.ran:
            roots |= {digest for at, digest in self.targets(place) if at == package}
        return self.reach(package, roots)

    def wanted(self, package: str) -> set[str]:
        """The same, and what has a name."""
        return self.kept(package) | self.reach(package, set(self.packages[package].names.values()))

    def targets(self, place: str) -> list[tuple[str, str]]:
        """What a place may be rolled back to."""
        ran, runs = self.ran[place], self.running.get(place)
        if runs is None and ran[-1].until <= self.now - FORGOTTEN_AFTER:
            return []
        found: list[tuple[str, str]] = []
        for each in reversed(ran):
            target = each.package, each.digest
            is_here = each.digest in self.packages[each.package].artifacts
            if is_here and target not in found and (runs is None or target != runs[:2]):
                found.append(target)
        return found[: self.rollbacks]

    @property
    def stored(self) -> set[str]:
        """Everything that some package has; not what it only has not let go of yet, and nobody is served any more."""
        return {digest for held in self.packages.values() for digest in held.blobs | held.artifacts} - set(self.erased)

    def in_trash(self, *, whole: bool) -> set[str]:
        """What may be had back, and all that it needs for that; unless *whole* also what cannot any more."""
        found: set[str] = set()
        for package in self.packages.values():
            for digest in package.left.keys() - package.artifacts - package.purged:
                within = self._within(digest)
                if not whole or not within & self.given_up:
                    found |= within
        return found

    # --- what happened ---

    def read(self, entry: e.Entry) -> None:  # noqa: C901, PLR0912, PLR0915 - a table of what each event means
        """Note an entry down, unless it says that something went that must not."""
        self.length += 1
        assert entry.position == self.length
        self.now = entry.at
        event = entry.event
        package = self.packages.get(event.package or "")
        match event:
            case e.BlobAdded():
                assert package is not None
                self._bring(event.digest)
                package.blobs.add(event.digest)
            case e.BlobDeleted():
                self._drop(event, (event.digest,))
            case e.BlobsDropped():
                self._drop(event, event.digests)
            case e.ArtifactRestored():
                self._restore(event)
            case e.ArtifactPublished():
                assert package is not None
                self._bring(event.digest)
                assert self.layers(event.digest) <= package.blobs | package.artifacts, "I2"
                assert self.children(event.digest) <= package.artifacts, "I2"
                package.artifacts.add(event.digest)
                package.purged.discard(event.digest)
                self._name(package, event)
            case e.ReferenceDeleted():
                assert package is not None
                assert package.names.pop(event.name) == event.digest
                assert event.kind == "tag" or event.digest not in self.kept(event.package), "I9: a version that is kept"
                by_name = (event.package, event.digest, event.name)
                assert by_name not in self.running.values(), "I9: a name by which something runs"
            case e.VersionYanked():
                self.packages[event.package].yanked.add(event.version)
            case e.VersionUnyanked():
                self.packages[event.package].yanked.discard(event.version)
            case e.ArtifactDeleted():
                self._delete(event)
            case e.ArtifactPurged():
                self._purge(event)
            case e.BytesErased():
                self._erase(event, entry.position)
            case e.ArtifactsErased():
                self._drop_erased(event)
            case e.ErasureSealed():
                for held in self.packages.values():
                    assert not (held.artifacts | held.blobs) & self._erased_at(event.erased), "it is not erased yet"
                assert event.tombstone is not None
                self.sealed[event.erased] = event.tombstone
            case e.ErasureLifted():
                assert self.erased.pop(event.digest) in self.sealed
            case e.ClearanceOpened():
                assert package is not None
                assert event.digest in package.artifacts
                package.cleared.add((event.channel, event.digest))
            case e.ClearanceClosed():
                assert package is not None
                package.cleared.remove((event.channel, event.digest))
            case e.DeploymentRecorded():
                if self.running.get(event.service, ())[:2] != (event.package, event.digest):
                    self._end(event.service, entry.at)
                self.running[event.service] = (event.package, event.digest, event.version)
            case e.DeploymentEnded():
                self._end(event.service, entry.at)
            case e.LeaseTaken():
                self.leases[event.lease] = (event.package, event.digest, event.expires_at)
            case e.LeaseRenewed():
                at, digest, until = self.leases[event.lease]
                assert until > entry.at, "a lease that has run out is over"
                self.leases[event.lease] = (at, digest, event.expires_at)
            case e.LeaseReleased():
                del self.leases[event.lease]
            case e.LeaseExpired():
                assert self.leases.pop(event.lease)[2] <= entry.at
            case e.HoldPlaced():
                self.holds[event.hold] = (event.package, event.digest)
            case e.HoldLifted():
                del self.holds[event.hold]
            case e.BlobsCondemned():
                for digest in event.digests:
                    assert digest not in self.stored, "I9"
                    self.condemned[digest] = entry.at
            case e.BlobsCollected():
                for digest in event.digests:
                    assert digest not in self.stored, "I9"
                    assert self.condemned.pop(digest) <= entry.at - DELAY
                    self.given_up.add(digest)
            case e.RetentionPlanned():
                self.plans[event.plan] = "planned"
            case e.RetentionBegun():
                self.plans[event.plan] = "begun"
            case e.RetentionApplied():
                self.plans[event.plan] = "applied"
            case _:
                pass  # It brings nothing and takes nothing away.

    def _bring(self, digest: str) -> None:
        assert digest not in self.erased, "what was erased does not come again"
        self.condemned.pop(digest, None)
        self.given_up.discard(digest)

    def _drop(self, event: e.Event, digests: tuple[str, ...]) -> None:
        package = self.packages[event.package]
        for digest in digests:
            needed = {each for each in package.artifacts if digest in self.layers(each)}
            assert not needed, f"I2: {digest} is a part of {needed}"
            package.blobs.remove(digest)

    def _name(self, package: Package, event: e.ArtifactPublished) -> None:
        for name in event.references:
            package.names[name] = event.digest
            if name[0].isdigit():
                assert package.versions.setdefault(name, event.digest) == event.digest, "I4"

    def _delete(self, event: e.ArtifactDeleted) -> None:
        package = self.packages[event.package]
        kept, gone = self.kept(event.package), {event.digest, *event.parts}
        assert not gone & kept, "I9: it is cleared, runs, may be rolled back to, is leased or held"
        names = {name: digest for name, digest in package.names.items() if digest in gone}
        assert {name for name, digest in names.items() if digest == event.digest} == set(event.references)
        if event.plan is not None:
            lost = {name for name in names if not name.startswith("build-")}
            assert not lost, f"no rule lets go of {lost}"
        assert gone <= package.artifacts
        package.artifacts -= gone
        for name in names:
            del package.names[name]
        contained = {child for digest in package.artifacts for child in self.children(digest)}
        assert not gone & contained, "I2: an index that stays contains it"
        if event.plan is not None:
            orphans = {digest for digest in gone if self.subject(digest) in package.artifacts}
            assert not orphans, "I9: a referrer lives as long as its subject"
        for digest in gone:
            package.left[digest] = gone - {digest}

    def _restore(self, event: e.ArtifactRestored) -> None:
        package = self.packages[event.package]
        if event.digest not in package.artifacts:
            assert event.digest not in package.purged
            self._put_back(package, event.digest)
            # What left with it comes back with it, as far as its bytes are still there.
            for other in package.left[event.digest]:
                if other not in package.purged and not self._within(other) & self.given_up:
                    self._put_back(package, other)
        for name, digest in {**dict.fromkeys(event.references, event.digest), **event.others}.items():
            assert name not in package.names, "what a name means by now is not taken from it"
            assert digest in package.artifacts
            package.names[name] = digest

    def _within(self, digest: str) -> set[str]:
        found = {digest} | self.layers(digest)
        for child in self.children(digest):
            found |= self._within(child)
        return found

    def _put_back(self, package: Package, digest: str) -> None:
        within = self._within(digest)
        assert not within & self.given_up, "its bytes were given up"
        for each in within:
            self._bring(each)
            if each in self.images:
                package.artifacts.add(each)
                package.purged.discard(each)
            else:
                package.blobs.add(each)

    def _purge(self, event: e.ArtifactPurged) -> None:
        package, given_up = self.packages[event.package], set(event.blobs)
        gone = {event.digest, *event.parts}
        there = package.artifacts - self.erased.keys()
        assert not gone & there, "it is there"
        # What was erased may be purged before its package lets go of it.
        assert set(event.parts) == package.left.get(event.digest, set()) - there
        package.purged |= gone
        content = gone.union(*map(self.layers, gone))
        for layer in content - gone - self.given_up:
            if not any(layer in self.layers(each) for each in package.artifacts):
                package.blobs.discard(layer)
        assert given_up <= content - self.given_up
        assert not given_up & self.stored, "I9"
        assert not given_up & self.in_trash(whole=True), "somebody may have it back"
        left = content - given_up - self.given_up
        assert left <= self.stored | self.in_trash(whole=False), "nothing but what was purged had it"
        for digest in given_up:
            self.condemned.pop(digest, None)
        self.given_up |= given_up

    def _erase(self, event: e.BytesErased, position: int) -> None:
        """Does what was asked for go, and all that is nothing without it, and of the rest only what nobody else needs?"""
        gone = set(event.digests)
        assert event.target in gone
        known = gone & self.images.keys()
        for at, digest in self.holds.values():
            assert digest not in gone or digest not in self.packages[at].artifacts, "it is held"
        here = {digest for held in self.packages.values() for digest in held.artifacts} - set(self.erased)
        for digest in here - gone:
            assert not self._needs(digest) & gone, f"{digest} is nothing without what was erased"
        inside = {part for digest in known for part in self.layers(digest) | self.children(digest)}
        for digest in gone & (inside | known):
            is_nothing_without = digest in known and self._needs(digest) & gone
            assert digest == event.target or is_nothing_without or digest in inside, f"{digest} was not asked for"
        for digest in event.digests:
            self.condemned.pop(digest, None)
            self.erased.setdefault(digest, position)
        self.given_up |= gone

    def _needs(self, digest: str) -> set[str]:
        subject = self.subject(digest)
        return self.layers(digest) | self.children(digest) | (set() if subject is None else {subject})

    def _erased_at(self, position: int) -> set[str]:
        return {digest for digest, since in self.erased.items() if since == position}

    def _drop_erased(self, event: e.ArtifactsErased) -> None:
        package, gone = self.packages[event.package], set(event.digests)
        position = self.erased[event.target]
        assert gone == self._erased_at(position) & (package.artifacts | package.blobs)
        names = {name for name, digest in package.names.items() if digest in gone}
        assert names == set(event.references)
        left = gone & package.artifacts
        package.artifacts -= gone
        package.blobs -= gone
        for name in names:
            del package.names[name]
        package.cleared = {each for each in package.cleared if each[1] not in gone}
        for digest in package.artifacts:
            assert not (self.layers(digest) | self.children(digest)) & gone, "I2"
        for digest in left:
            package.left[digest] = left - {digest}
            package.purged.discard(digest)

    def _end(self, place: str, at: datetime) -> None:
        if place in self.running:
            package, digest, _ = self.running.pop(place)
            self.ran.setdefault(place, []).append(Run(package, digest, at))

"""What a registry has, as a person would note it down: in its packages, in the trash, in two tiers, and what is erased.

Nothing here asks the registry or knows of its rows; `test_registry.py` does the same to both, and compares them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from entrepot.model.digest import Digest
from entrepot.model.names import PackageId, ReferenceName
from entrepot.testing.builders import image, index, package, referrer

PLACES = [package("acme/one"), package("acme/two")]
NAMES = ["1.0", "rel-a", "latest"]
CHANNELS = ["dev", "prod"]
CONTENTS = [b"{}", b"small", b"large " * 20]
EVERYBODYS, SMALL, LARGE = map(Digest.of, CONTENTS)
"""A config that nobody erases, what the catalog keeps, and what lies in a blob store, in one tier or the other."""

ONE, TWO = image(CONTENTS[1]), image(CONTENTS[2])
BOTH = image(CONTENTS[1], CONTENTS[2])
LIST, NESTED = index(ONE, TWO), index(index(ONE, TWO))
SIGNATURE = referrer(ONE)
COUNTERSIGNATURE = referrer(SIGNATURE, "application/vnd.example.countersignature")
IMAGES = [ONE, TWO, BOTH, LIST, NESTED, SIGNATURE, COUNTERSIGNATURE, referrer(LIST)]

BLOBS = {each.digest: {Digest.of(blob) for blob in each.blobs} for each in IMAGES}
LAYERS = {each.digest: {Digest.of(blob) for blob in each.blobs[1:]} for each in IMAGES}
CHILDREN = {each.digest: {child.digest for child in each.children} for each in IMAGES}
MADE_OF = {digest: BLOBS[digest] | CHILDREN[digest] for digest in BLOBS}
SUBJECT = {each.digest: each.artifact.subject and each.artifact.subject.digest for each in IMAGES}

DELAY = timedelta(days=7)
"""How long what is condemned waits."""


@dataclass(frozen=True)
class Name:
    """What a name means."""

    version: bool
    digest: Digest
    sealed: bool = False
    yanked: str | None = None


@dataclass
class Left:
    """How an artifact left its package when it last did."""

    names: dict[str, Name]
    together: set[Digest]
    """What left by the same change."""
    purged: bool = False


@dataclass
class Holding:
    """What a package has, and what left it."""

    blobs: set[Digest] = field(default_factory=set)
    artifacts: set[Digest] = field(default_factory=set)
    names: dict[str, Name] = field(default_factory=dict)
    last: dict[str, Name] = field(default_factory=dict)
    """What each name means, or meant last."""
    versions: dict[str, Name] = field(default_factory=dict)
    """The last version that each name meant."""
    states: dict[str, set[Digest]] = field(default_factory=dict)
    """All that each version ever was."""
    settled: set[str] = field(default_factory=set)
    """Versions that were deleted once: they come again as they were, and do not grow any more."""
    cleared: set[tuple[str, Digest]] = field(default_factory=set)
    left: dict[Digest, Left] = field(default_factory=dict)

    # --- what is there ---

    def has(self, digest: Digest) -> bool:
        return digest in self.blobs or digest in self.artifacts

    def missing(self, pushed: Digest) -> bool:
        return not (all(map(self.has, BLOBS[pushed])) and CHILDREN[pushed] <= self.artifacts)

    def needs(self, digest: Digest) -> bool:
        """Whether some artifact has these bytes as a layer or config."""
        return any(digest in BLOBS[held] for held in self.artifacts)

    def contains(self, digest: Digest) -> bool:
        """Whether some index lists this artifact."""
        return any(digest in CHILDREN[held] for held in self.artifacts)

    def referring(self, digests: set[Digest]) -> set[Digest]:
        return {held for held in self.artifacts if SUBJECT[held] in digests}

    def shown(self, channel: str) -> set[Digest]:
        """What a channel shows: what was cleared, what that contains, and the referrers of each."""
        found: set[Digest] = set()
        new = {digest for name, digest in self.cleared if name == channel}
        while new:
            found |= new
            new = (self.referring(new).union(*(CHILDREN[digest] for digest in new))) - found
        return found

    @property
    def all_shown(self) -> set[Digest]:
        return set.union(*map(self.shown, CHANNELS))

    @property
    def named(self) -> set[Digest]:
        return {meaning.digest for meaning in self.names.values()}

    # --- what comes ---

    def may_give(self, name: str, pushed: Digest, *, sealed: bool, is_version: bool) -> Name | None:
        """What a name becomes that the rules call a version, or not; None when it may not."""
        present = self.names.get(name)
        version = (present if present.version else None) if present else self.versions.get(name)
        is_version = is_version or version is not None
        if present is not None and present.digest == pushed and present.version == is_version:
            return present
        if version is not None and version.digest != pushed:
            grows = (
                bool(CHILDREN[version.digest]) == bool(CHILDREN[pushed]) and LAYERS[version.digest] <= LAYERS[pushed]
            )
            if present is None or name in self.settled or version.sealed or not grows:
                return None
        return Name(
            is_version,
            pushed,
            sealed=is_version and (sealed or (version is not None and version.sealed)),
            yanked=None if version is None else version.yanked,
        )

    def give(self, name: str, new: Name) -> None:
        self.names[name] = self.last[name] = new
        if new.version:
            self.versions[name] = new
            self.states.setdefault(name, set()).add(new.digest)

    # --- what goes ---

    def end(self, name: str) -> Name:
        """Let a name mean nothing."""
        ended = self.names.pop(name)
        if ended.version:
            self.settled.add(name)
        return ended

    def leave(self, going: set[Digest]) -> None:
        """Let artifacts go by one change, with their names."""
        for digest in going:
            names = [name for name, meaning in self.names.items() if meaning.digest == digest]
            self.left[digest] = Left({name: self.end(name) for name in names}, going - {digest})
        self.artifacts -= going

    def goes(self, *, named: bool) -> dict[Digest, set[Digest]]:
        """What stands for itself and nothing keeps, each with what goes with it; with *named* also what has names."""
        kept = self.all_shown | self.named
        return {
            digest: self.parts(digest, kept)
            for digest in self.artifacts - (self.all_shown if named else kept)
            if not self.contains(digest) and SUBJECT[digest] not in self.artifacts
        }

    def parts(self, root: Digest, kept: set[Digest], *, whole: bool = True) -> set[Digest]:
        """What refers to an artifact, and with *whole* what it contains, without what is needed by what stays."""
        found, new = {root}, {root}
        while new:
            holding = new if whole else new - {root}
            new = self.referring(new).union(*(CHILDREN[digest] for digest in holding)) - found
            found |= new
        going = {root} | (found - kept)
        while stay := {digest for digest in going - {root} if not self.needing(digest) <= going}:
            going -= stay
        return going - {root}

    def needing(self, digest: Digest) -> set[Digest]:
        """What contains an artifact, or what it refers to, and what contains that."""
        wanted = {digest, SUBJECT[digest]}
        return {held for held in self.artifacts if held == SUBJECT[digest] or CHILDREN[held] & wanted}

    # --- the trash ---

    @property
    def trash(self) -> set[Digest | str]:
        """What left, and the names that mean nothing any more."""
        return {*(self.left.keys() - self.artifacts), *(self.last.keys() - self.names.keys())}

    def deleted(self, target: ReferenceName | Digest) -> tuple[Digest, dict[str, Name]] | None:
        """What a digest, or a name, meant last, and the names that come back with it; None for what never was here."""
        if isinstance(target, Digest):
            known = target in self.artifacts or target in self.left
            return (target, self.names_of(target)) if known else None
        if target not in self.last:
            return None
        meant = self.last[target]
        back = {} if target in self.names else {target: meant}
        return meant.digest, self.names_of(meant.digest) | back

    def names_of(self, digest: Digest) -> dict[str, Name]:
        """The names with which an artifact left that is not here, as far as they are free now."""
        return {} if digest in self.artifacts else self.free_names(digest)

    def free_names(self, digest: Digest) -> dict[str, Name]:
        names = self.left[digest].names if digest in self.left else {}
        taken = [
            name for name, was in names.items() if name in self.names or (name in self.versions and not was.version)
        ]
        return {name: was for name, was in names.items() if name not in taken}

    def may_have_back(self, digest: Digest) -> bool:
        return digest in self.left and not self.left[digest].purged


@dataclass
class Model:
    """All packages, and the bytes that are here."""

    packages: dict[PackageId, Holding] = field(default_factory=lambda: {place: Holding() for place in PLACES})
    known: set[Digest] = field(default_factory=set)
    """The artifacts that ever were here."""
    kept: set[Digest] = field(default_factory=set)
    condemned: dict[Digest, datetime] = field(default_factory=dict)
    cold: set[Digest] = field(default_factory=set)
    erased: set[Digest] = field(default_factory=set)

    def bring(self, digest: Digest) -> None:
        """Somebody has pushed these bytes, or has them back."""
        self.kept.add(digest)
        self.condemned.pop(digest, None)
        self.known |= {digest} & BLOBS.keys()

    def lose(self, gone: set[Digest]) -> None:
        """These bytes are here no more."""
        self.kept -= gone
        self.cold -= gone
        self.condemned = {digest: since for digest, since in self.condemned.items() if digest not in gone}

    def within(self, digest: Digest) -> set[Digest]:
        """Some bytes, with all that they need."""
        return {digest}.union(*map(self.within, MADE_OF.get(digest, set())))

    # --- what nobody can reach ---

    def collect(self, now: datetime) -> tuple[int, set[Digest]]:
        """Drop, condemn and give up; how many events that is, and what was given up."""
        events = 0
        for held in self.packages.values():
            loose = {digest for digest in held.blobs if not held.needs(digest)}
            held.blobs -= loose
            events += bool(loose)
        unreachable = {digest for digest in self.kept if not any(held.has(digest) for held in self.packages.values())}
        waiting = dict.fromkeys(unreachable, now) | self.condemned
        events += waiting != self.condemned
        self.condemned = waiting
        due = {digest for digest, since in waiting.items() if since <= now - DELAY}
        self.lose(due)
        return events + bool(due), due

    # --- what was deleted ---

    def is_whole(self, digest: Digest) -> bool:
        return self.within(digest) <= self.kept

    def restore(self, held: Holding, digest: Digest, names: dict[str, Name]) -> None:
        """Have an artifact back, what left with it as far as it is whole, and the names of both that are free."""
        if digest not in held.artifacts:
            together = held.left[digest].together
            back = {each for each in together if held.may_have_back(each) and self.is_whole(each)}
            theirs = [held.free_names(each) for each in together]
            for each in set[Digest]().union(*map(self.within, {digest} | back)):
                self.bring(each)
                (held.artifacts if each in BLOBS else held.blobs).add(each)
            had = {name: meaning for each in theirs for name, meaning in each.items()}
            names = names | {name: meaning for name, meaning in had.items() if meaning.digest in held.artifacts}
        for name, meaning in names.items():
            held.give(name, meaning)

    def purge(self, held: Holding, digest: Digest) -> None:
        """Let an artifact, and what left with it, never be had back, and lose what nobody else may need."""
        gone = {digest} | (held.left[digest].together - held.artifacts)
        for each in gone:
            held.left[each].purged = True
        layers = set[Digest]().union(*(BLOBS[each] for each in gone))
        held.blobs -= {layer for layer in layers if not held.needs(layer)}
        self.lose({each for each in gone | layers if not self.is_wanted(each)})

    def is_wanted(self, digest: Digest) -> bool:
        """Whether a package has some bytes, or has in its trash what is made of them."""
        users = {digest} | {user for user in self.known if digest in BLOBS[user]}
        while more := {user for user in self.known if users & CHILDREN[user]} - users:
            users |= more
        return any(
            held.has(user) or held.may_have_back(user) for user in users & self.kept for held in self.packages.values()
        )

    # --- what is erased ---

    def goes_with(self, target: Digest) -> set[Digest]:
        """Some bytes, all that is nothing without them, what speaks of that, and what nothing else has of it."""
        versions = [states for held in self.packages.values() for states in held.states.values() if target in states]
        whole = {target}.union(*versions)
        going = set(whole)
        for speaking in (False, True):
            new = {target}
            while new:
                holders = {each for each in self.known if MADE_OF[each] & going} - going
                speakers = {each for each in self.known if speaking and SUBJECT[each] in going} - going
                new = holders | speakers
                if not new:
                    new = speakers = self.only_has(whole, going)
                whole |= speakers
                going |= new
        return going

    def only_has(self, whole: set[Digest], going: set[Digest]) -> set[Digest]:
        """What *whole* is made of, unless something that stays is, or it has a name."""
        content = set[Digest]().union(*(MADE_OF[each] for each in whole & self.known))
        stays = (self.known & self.kept) - going
        needed = set[Digest]().union(*(MADE_OF[each] for each in stays))
        named = set[Digest]().union(*(held.named for held in self.packages.values()))
        return (content & self.kept) - going - needed - named - {EVERYBODYS}

    def erase(self, target: Digest) -> int:
        """Let bytes be nowhere, and not come again; how many packages lose something."""
        gone, losing = self.goes_with(target), 0
        for held in self.packages.values():
            losing += any(map(held.has, gone))
            held.leave(held.artifacts & gone)
            held.blobs -= gone
            held.cleared = {each for each in held.cleared if each[1] not in gone}
        self.lose(gone)
        self.erased |= gone
        return losing

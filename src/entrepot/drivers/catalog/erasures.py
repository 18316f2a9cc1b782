"""What was erased, and what would be: the erasure area of the catalog."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import Statement, load
from entrepot.drivers.catalog.tiers import TIERS, SqlTierChanges
from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.erasure import EVERYBODYS, ErasedPart, ErasedPlace, Erasure, Extent
from entrepot.model.errors import TooMany
from entrepot.model.names import ChannelName, ReferenceName
from entrepot.model.position import Position
from entrepot.model.tier import Tier
from entrepot.ports.collection import Garbage

if TYPE_CHECKING:
    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import PackageId, View
    from entrepot.model.reference import Reference

ERASURES: Final = load("erasures")

_MOST: Final = 10_000
"""Parts of one erasure: all of them go in one change, which nobody else may be kept waiting for."""

T = TypeVar("T")

_Dialogue = Generator[tuple[Statement, dict[str, Any]], list[tuple[Any, ...]], T]
"""Asks one statement after another, and is sent the rows of each: of a question, or inside a change."""


class SqlErasures:
    """Implements `entrepot.ports.erasures.Erasures`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def measure(self, digest: Digest) -> Extent:
        """What would go with some bytes."""
        dialogue = _measure(digest)
        try:
            statement, parameters = next(dialogue)
            while True:
                statement, parameters = dialogue.send(await self._questions.all(statement, **parameters))
        except StopIteration as end:
            extent: Extent = end.value
            return extent

    async def find(self, digest: Digest) -> Erasure | None:
        """The erasure that some bytes went with."""
        row = await self._questions.one(ERASURES.find, digest=str(digest))
        return None if row is None else _erasure(row)

    async def find_told(
        self, view: View, package: PackageId, *, name: ReferenceName | None = None, digest: Digest | None = None
    ) -> Digest | None:
        """What a name of a package meant last, or a digest, if it was there as the view shows it and was erased."""
        asked = {**identity(package), "channel": view.channel}
        if name is not None:
            row = await self._questions.one(ERASURES.find_told_name, **asked, name=name)
        else:
            row = await self._questions.one(ERASURES.find_told_digest, **asked, digest=str(digest))
        return None if row is None else Digest.parse(row[0])

    async def list(self, *, after: Position, limit: int) -> Sequence[Erasure]:
        """A page of erasures, the oldest first."""
        return [_erasure(row) for row in await self._questions.all(ERASURES.list, after=after, limit=limit)]

    async def list_unfinished(self, *, limit: int) -> Sequence[Erasure]:
        """Those that are not sealed, the oldest first."""
        return [_erasure(row) for row in await self._questions.all(ERASURES.list_unfinished, limit=limit)]

    async def list_erased(self, *, after: str = "", limit: int) -> Sequence[Digest]:
        """A page of all that may not come again, in the order of digests."""
        found = await self._questions.all(ERASURES.list_erased, after=after, limit=limit)
        return [Digest.parse(digest) for (digest,) in found]

    async def may_be(self, size: int | None) -> bool:
        """Whether bytes of this size, or of one that nobody knows, could be some that may not come again."""
        return await self._questions.one(ERASURES.may_be, size=size) is not None

    async def list_left(self, erasure: Erasure) -> Sequence[PackageId]:
        """The packages that still have something of it."""
        found = await self._questions.all(ERASURES.list_left, position=erasure.position)
        return [rows.package_id(*row) for row in found]

    async def list_bytes(self, erasure: Erasure) -> Sequence[Garbage]:
        """Where the bytes of it were, and may have been brought since by who had begun before."""
        return [
            Garbage(Digest.parse(digest), generation, size, tier)
            for digest, last, size in await self._questions.all(ERASURES.list_bytes, position=erasure.position)
            for generation in range(last + 1)
            for tier in Tier
        ]


class SqlErasureChanges:
    """Implements `entrepot.ports.erasures.ErasureChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def measure(self, digest: Digest) -> Extent:
        """What would go with some bytes, as it stands now."""
        dialogue = _measure(digest)
        try:
            statement, parameters = next(dialogue)
            while True:
                statement, parameters = dialogue.send(self._session.all(statement, **parameters))
        except StopIteration as end:
            extent: Extent = end.value
            return extent

    def find(self, digest: Digest) -> Erasure | None:
        """The erasure that some bytes went with."""
        row = self._session.one(ERASURES.find, digest=str(digest))
        return None if row is None else _erasure(row)

    def erase(self, erasure: Erasure) -> None:
        """Have all of an erasure's extent here no more, and never again."""
        (number,) = self._session.returned(
            ERASURES.add,
            target=str(erasure.target),
            reason=erasure.reason,
            actor=erasure.actor,
            extent=_written(erasure.extent),
            position=erasure.position,
        )
        for part in erasure.extent.parts:
            for digest in part.digests:
                blob = self._session.name_blob(digest, part.size)
                self._session.run(ERASURES.add_blob, blob=blob, erasure=number)
                self._empty(digest)
        self.forget(erasure)

    def _empty(self, digest: Digest) -> None:
        blob, size, state, tier, generation, _ = self._session.returned(TIERS.find_row, digest=str(digest))
        tiers = SqlTierChanges(self._session)
        tiers.leave(blob, digest, size)
        is_here = self._session.run(ERASURES.delete_content, blob=blob) > 0
        self._session.run(ERASURES.empty, blob=blob)
        if not is_here and BlobState(state) is not BlobState.ABSENT:
            tiers.give_up(digest, Tier(tier), generation, size)
        self._session.run(ERASURES.delete_now, digest=str(digest))

    def list_names(self, package: PackageId, erasure: Erasure) -> Sequence[Reference]:
        """What in a package still means something of it."""
        return [rows.reference(row) for row in self._session.all(ERASURES.names, **self._of(package, erasure))]

    def list_members(self, package: PackageId, erasure: Erasure) -> Sequence[Digest]:
        """What of it a package still has."""
        found = self._session.all(ERASURES.members, **self._of(package, erasure))
        return [Digest.parse(digest) for (digest,) in found]

    def drop(self, package: PackageId, erasure: Erasure) -> None:
        """Let a package have, name and clear nothing of it."""
        for statement in (ERASURES.end_references, ERASURES.end_clearances, ERASURES.end_memberships):
            self._session.run(statement, **self._of(package, erasure), position=self._session.position)

    def forget(self, erasure: Erasure) -> None:
        """Know nothing any more of what was found out by reading it."""
        for name, statement in vars(ERASURES).items():
            if name.startswith("forget_"):
                self._session.run(statement, erasure=erasure.position)

    def seal(self, erasure: Erasure, tombstone: bytes | None) -> bool:
        """Let an erasure be finished; False when it is already."""
        position = self._session.position
        sealed = self._session.run(ERASURES.seal, erasure=erasure.position, position=position, tombstone=tombstone)
        return sealed > 0

    def lift(self, digest: Digest) -> bool:
        """Let some bytes be brought again; False when they may be."""
        if not self._session.run(ERASURES.lift, digest=str(digest), position=self._session.position):
            return False
        self._session.run(ERASURES.leave_place, digest=str(digest))
        return True

    def _of(self, package: PackageId, erasure: Erasure) -> dict[str, int | None]:
        return {"package": self._session.find_package_id(package), "erasure": erasure.position}


# --- what goes with some bytes ---


def _measure(digest: Digest) -> _Dialogue[Extent]:
    found = yield ERASURES.find_row, {"digest": str(digest)}
    if not found:
        return Extent((ErasedPart(digest, 0),))
    blob, is_artifact = found[0]
    whole, rest = {int(blob)}, set[int]()
    if is_artifact:
        whole |= {int(state) for (state,) in (yield ERASURES.states, {"blob": blob})}
    # First what goes by itself, and then what speaks of that, with what only goes for it.
    yield from _spread(digest, whole, rest, set(whole), speaking=False)
    itself = whole | rest
    shared = yield from _spread(digest, whole, rest, set(itself), speaking=True)
    asked = {"blobs": _numbers(whole | rest)}
    parts = yield ERASURES.parts, asked
    places = yield ERASURES.places, asked
    return Extent(
        tuple(
            ErasedPart(Digest.parse(name), size, media_type, artifact_type, speaks=number not in itself)
            for number, name, size, media_type, artifact_type in parts
        ),
        _places(places),
        tuple(Digest.parse(name) for name in sorted(shared)),
    )


def _spread(digest: Digest, whole: set[int], rest: set[int], fresh: set[int], *, speaking: bool) -> _Dialogue[set[str]]:
    """Add all that goes with *fresh*, also what refers to it when that is asked for; what of its content stays."""
    shared = set[str]()
    while fresh:
        yield from _rise(fresh, whole, rest, speaking=speaking)
        if len(whole) + len(rest) > _MOST:
            raise TooMany(digest, expected=f"something with which at most {_MOST} blobs and artifacts go")
        # Only now is it known what else could need their content.
        fresh, shared = yield from _sink(whole, rest)
        whole |= fresh
    return shared


def _rise(fresh: set[int], whole: set[int], rest: set[int], *, speaking: bool) -> _Dialogue[None]:
    """Add what refers to *fresh*, which goes as a whole, and the rest that holds any of it, and so on from there."""
    while fresh:
        asked = {"blobs": _numbers(fresh)}
        referrers = set[int]()
        if speaking:
            referrers = {int(each) for (each,) in (yield ERASURES.referrers, asked)} - whole - rest
        holders = {int(each) for (each,) in (yield ERASURES.holders, asked)} - whole - rest - referrers
        whole |= referrers
        rest |= holders
        fresh = referrers | holders


def _sink(whole: set[int], rest: set[int]) -> _Dialogue[tuple[set[int], set[str]]]:
    """What is linked by what goes as a whole, and the configs of the rest: what nothing else needs, and what stays."""
    fresh, shared = set[int](), set[str]()
    known = _numbers(whole | rest)
    for of, is_whole in ((whole, True), (rest, False)):
        for part, name, is_needed in (
            yield ERASURES.content, {"blobs": _numbers(of), "known": known, "whole": is_whole}
        ):
            if Digest.parse(name) in EVERYBODYS:
                continue
            if not is_needed:
                fresh.add(part)
            elif is_whole:
                shared.add(name)
    return fresh, shared


def _numbers(blobs: Iterable[int]) -> str:
    return msgspec.json.encode(sorted(blobs)).decode()


def _places(found: Iterable[tuple[Any, ...]]) -> tuple[ErasedPlace, ...]:
    """A place for each package and digest, whether or not it left in between."""
    places: dict[tuple[str, str, str, str], ErasedPlace] = {}
    for owner, format_, name, digest, is_open, names, channels in found:
        key = (owner, format_, name, digest)
        before = places.get(key)
        places[key] = ErasedPlace(
            rows.package_id(owner, format_, name),
            Digest.parse(digest),
            bool(is_open) or (before is not None and before.is_open),
            tuple(ReferenceName(each) for each in sorted(msgspec.json.decode(names, type=list[str]))),
            tuple(ChannelName(each) for each in sorted(msgspec.json.decode(channels, type=list[str]))),
        )
    return tuple(places[key] for key in sorted(places))


# --- how an extent is written down ---


class _Part(msgspec.Struct, omit_defaults=True):
    digest: str
    size: int
    media_type: str | None = None
    artifact_type: str | None = None
    also: str | None = None
    speaks: bool = False


class _Place(msgspec.Struct, omit_defaults=True):
    namespace: str
    format: str
    package: str
    digest: str
    is_open: bool
    names: list[str] = []
    channels: list[str] = []


class _Extent(msgspec.Struct, omit_defaults=True):
    parts: list[_Part]
    places: list[_Place] = []
    shared: list[str] = []


def _written(extent: Extent) -> str:
    document = _Extent(
        [
            _Part(
                str(each.digest),
                each.size,
                each.media_type,
                each.artifact_type,
                None if each.also is None else str(each.also),
                each.speaks,
            )
            for each in extent.parts
        ],
        [
            _Place(
                each.package.namespace,
                each.package.format,
                each.package.name,
                str(each.digest),
                each.is_open,
                list(each.names),
                list(each.channels),
            )
            for each in extent.places
        ],
        [str(each) for each in extent.shared],
    )
    return msgspec.json.encode(document).decode()


def _erasure(row: tuple[Any, ...]) -> Erasure:
    _, target, reason, actor, text, position, at, sealed_position, tombstone = row
    read = msgspec.json.decode(text, type=_Extent)
    extent = Extent(
        tuple(
            ErasedPart(
                Digest.parse(each.digest),
                each.size,
                each.media_type,
                each.artifact_type,
                None if each.also is None else Digest.parse(each.also),
                each.speaks,
            )
            for each in read.parts
        ),
        tuple(
            ErasedPlace(
                rows.package_id(each.namespace, each.format, each.package),
                Digest.parse(each.digest),
                each.is_open,
                tuple(ReferenceName(name) for name in each.names),
                tuple(ChannelName(name) for name in each.channels),
            )
            for each in read.places
        ),
        tuple(Digest.parse(each) for each in read.shared),
    )
    return Erasure(
        target=Digest.parse(target),
        reason=reason,
        actor=actor,
        extent=extent,
        position=Position(position),
        at=rows.parse_time(at),
        sealed_position=None if sealed_position is None else Position(sealed_position),
        tombstone=None if tombstone is None else bytes(tombstone),
    )

"""In which of the two blob stores bytes lie: the area of tiers of the catalog."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.retention import read_rules
from entrepot.drivers.catalog.session import CHANGE, identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.names import NamespaceName
from entrepot.model.tier import Recall, Stays, Tier, Tiering, TierRule
from entrepot.ports.collection import Amount
from entrepot.ports.tiers import Placement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import PackageId
    from entrepot.ports.tiers import Move

TIERS: Final = load("tiers")

_STILL_READ: Final = timedelta(hours=1)
"""How long a place is left alone after a blob has gone from it: whoever was sent there may not have begun to read."""


class _Recalled(msgspec.Struct):
    """What a rule of tiers has beside what a rule of retention has."""

    recall: Recall = Recall.STREAM


class SqlTiers:
    """Implements `entrepot.ports.tiers.Tiers`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def find(self, digest: Digest) -> Placement | None:
        """Where some bytes lie; None when their name never came up."""
        row = await self._questions.one(TIERS.find_placement, digest=str(digest))
        return None if row is None else _placement(row)

    async def measure(self) -> Mapping[Tier, Amount]:
        """How much lies in each tier, as it is stored there; bytes in the catalog are not counted."""
        cold = await self._questions.one(TIERS.measure) or (0, 0)
        hot = await self._questions.one(TIERS.measure_hot) or (0, 0)
        return {Tier.HOT: Amount(hot[0], hot[1]), Tier.COLD: Amount(cold[0], cold[1])}

    async def list_cold(
        self, namespace: NamespaceName | None = None, *, after: str = "", limit: int
    ) -> Sequence[Placement]:
        """A page of what is cold, of a namespace or at all, in the order of digests."""
        found = await self._questions.all(TIERS.list_cold, namespace=namespace, after=after, limit=limit)
        return [_placement(row) for row in found]

    async def list_users(self, digest: Digest, *, limit: int) -> Sequence[tuple[PackageId, Digest]]:
        """The artifacts that need some bytes, each with a package that has it; no more than *limit*."""
        found = await self._questions.all(TIERS.list_users, digest=str(digest), limit=limit)
        return [(rows.package_id(owner, format_, name), Digest.parse(user)) for owner, format_, name, user in found]

    async def list_blobs(self, package: PackageId, artifact: Digest) -> Sequence[Placement]:
        """The blobs in the blob store that an artifact of a package consists of."""
        found = await self._questions.all(TIERS.list_blobs, **identity(package), digest=str(artifact))
        return [_placement(row) for row in found]

    async def find_tiering(self, namespace: NamespaceName) -> Tiering:
        """What a namespace keeps hot."""
        return _tiering(await self._questions.one(TIERS.find_tiering, namespace=namespace))

    async def list_tiered(self) -> Sequence[NamespaceName]:
        """The namespaces where what does not stay hot goes by itself."""
        return [NamespaceName(name) for (name,) in await self._questions.all(TIERS.list_tiered)]


class SqlTierChanges:
    """Implements `entrepot.ports.tiers.TierChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_tiering(self, namespace: NamespaceName) -> Tiering:
        """What a namespace keeps hot."""
        return _tiering(self._session.one(TIERS.find_tiering, namespace=namespace))

    def set(self, namespace: NamespaceName, tiering: Tiering, actor: str) -> bool:
        """Keep that hot from now on; False when it is so already."""
        number = self._session.namespace_id(namespace)
        changed = self._session.run(
            TIERS.set_tiering,
            namespace=number,
            rules=msgspec.json.encode([rule.document for rule in tiering.rules]).decode(),
            stays=rows.json_list(sorted(tiering.stays)),
            automatic=tiering.automatic,
            actor=actor,
            position=self._session.position,
        )
        if changed:
            self._session.run(CHANGE.touch_namespace, namespace=number, position=self._session.position)
        return changed > 0

    def reserve(self, digest: Digest, tier: Tier, *, idle_since: datetime | None = None) -> int | None:
        """A place in a tier where nothing was ever, to copy a blob to: its generation there."""
        row = self._session.one(TIERS.find_row, digest=str(digest))
        if row is None:
            return None
        blob, size, _, _, generation, reserved = row
        known = self._session.one(TIERS.find_move, blob=blob)
        if known is not None:
            if idle_since is not None and rows.parse_time(known[2]) > idle_since:
                return None
            self.give_up(digest, Tier(known[0]), known[1], size)
        number = max(generation, reserved) + 1
        now = rows.time_text(self._session.now)
        self._session.run(TIERS.set_reserved, blob=blob, generation=number)
        self._session.run(TIERS.begin_move, blob=blob, tier=tier, generation=number, now=now)
        return int(number)

    def renew(self, digest: Digest, generation: int) -> bool:
        """Say that the blob is still being copied there; False when somebody else does that now."""
        now = rows.time_text(self._session.now)
        return self._session.run(TIERS.renew_move, digest=str(digest), generation=generation, now=now) > 0

    def release(self, digest: Digest, tier: Tier, generation: int, size: int) -> None:
        """Give a reserved place up, with whatever is there."""
        row = self._session.one(TIERS.find_row, digest=str(digest))
        if row is not None and self._is_reserved(row[0], tier, generation):
            self._session.run(TIERS.end_move, blob=row[0])
            self.give_up(digest, tier, generation, size)

    def move(self, move: Move) -> bool:
        """Let a blob lie where it was copied to, and give up the place where it lay."""
        row = self._session.one(TIERS.find_row, digest=str(move.digest))
        if row is None or (Tier(row[3]), row[4]) != move.source or BlobState(row[2]) is not BlobState.PRESENT:
            return False
        blob, size, *_ = row
        if not self._is_reserved(blob, move.tier, move.generation):
            return False
        self._place(blob, move.tier, move.generation)
        if move.tier is Tier.COLD:
            now = rows.time_text(self._session.now)
            recall = move.recall or Recall.STREAM
            self._session.run(TIERS.keep_cold, blob=blob, stored=move.stored, recall=recall, rule=move.rule, now=now)
        self.give_up(move.digest, *move.source, size, still_read=True)
        return True

    # --- for the other areas: bytes that somebody brings again, and those that nobody can reach ---

    def arrive(self, digest: Digest, generation: int) -> bool:
        """Let a blob lie in the hot tier, where somebody has brought its bytes; False when the place is not reserved."""
        row = self._session.one(TIERS.find_row, digest=str(digest))
        if row is None or not self._is_reserved(row[0], Tier.HOT, generation):
            return False
        blob, size, state, tier, before, _ = row
        self._place(blob, Tier.HOT, generation)
        if BlobState(state) is not BlobState.ABSENT:
            self.give_up(digest, Tier(tier), before, size, still_read=True)
        return True

    def leave(self, blob: int, digest: Digest, size: int) -> None:
        """Forget where a blob lay that was given up, and where somebody may be copying it to."""
        known = self._session.one(TIERS.find_move, blob=blob)
        if known is not None:
            self._session.run(TIERS.end_move, blob=blob)
            self.give_up(digest, Tier(known[0]), known[1], size)
        self._session.run(TIERS.forget_cold, blob=blob)

    def disown(self, digest: Digest, tier: Tier, generation: int) -> bool:
        """Let nobody count on bytes in a tier that no row leads to; False when one does.

        The name is known, and not absent.
        """
        row = self._session.one(TIERS.find_row, digest=str(digest))
        if row is None or (Tier(row[3]), row[4]) == (tier, generation):
            return False
        blob, *_, reserved = row
        if self._is_reserved(blob, tier, generation):
            self._session.run(TIERS.end_move, blob=blob)
        if generation > reserved:
            self._session.run(TIERS.set_reserved, blob=blob, generation=generation)
        return True

    def give_up(self, digest: Digest, tier: Tier, generation: int, size: int, *, still_read: bool = False) -> None:
        """Let the bytes at a place be deleted; later, where somebody may still be reading them."""
        not_before = rows.time_text(self._session.now + _STILL_READ) if still_read else None
        self._session.run(
            TIERS.add_garbage,
            digest=str(digest),
            generation=generation,
            size=size,
            tier=tier,
            not_before=not_before,
        )

    def _is_reserved(self, blob: int, tier: Tier, generation: int) -> bool:
        known = self._session.one(TIERS.find_move, blob=blob)
        return known is not None and (Tier(known[0]), known[1]) == (tier, generation)

    def _place(self, blob: int, tier: Tier, generation: int) -> None:
        self._session.run(TIERS.end_move, blob=blob)
        self._session.run(TIERS.set_place, blob=blob, tier=tier, generation=generation)
        self._session.run(TIERS.forget_cold, blob=blob)


def _placement(row: tuple[Any, ...]) -> Placement:
    digest, size, state, tier, generation, inline, stored, recall, rule, at, moving = row
    return Placement(
        digest=Digest.parse(digest),
        size=size,
        state=BlobState(state),
        tier=Tier(tier),
        generation=generation,
        inline=bool(inline),
        stored=stored,
        recall=None if recall is None else Recall(recall),
        rule=rule or "",
        since=None if at is None else rows.parse_time(at),
        moving_to=None if moving is None else Tier(moving),
    )


def _tiering(row: tuple[Any, ...] | None) -> Tiering:
    if row is None:
        return Tiering()
    text, stays, automatic = row
    recalls = msgspec.json.decode(text, type=list[_Recalled])
    return Tiering(
        rules=tuple(TierRule(rule, each.recall) for rule, each in zip(read_rules(text), recalls, strict=True)),
        stays=frozenset(msgspec.json.decode(stays, type=list[Stays])),
        automatic=bool(automatic),
    )

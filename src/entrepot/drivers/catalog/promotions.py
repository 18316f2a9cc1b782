"""How artifacts came into channels: an area of the catalog."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.policies import PROMOTIONS
from entrepot.drivers.catalog.session import CHANGE, identity
from entrepot.model.digest import Digest
from entrepot.model.names import ChannelName, NamespaceName
from entrepot.model.position import Position
from entrepot.model.promotion import Approval, ChannelRules, Promotion, PromotionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import PackageId


class SqlPromotions:
    """Implements `entrepot.ports.promotions.Promotions`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def find(self, id: str) -> Promotion | None:
        """One promotion."""
        row = await self._questions.one(PROMOTIONS.find_promotion, id=id)
        return None if row is None else _promotion(row)

    async def find_proposed(self, package: PackageId, channel: ChannelName, digest: Digest) -> Promotion | None:
        """The one that is on its way."""
        where = identity(package) | {"channel": channel, "digest": str(digest)}
        row = await self._questions.one(PROMOTIONS.find_proposed, **where)
        return None if row is None else await self.find(row[0])

    async def list(
        self,
        namespace: NamespaceName,
        package: PackageId | None = None,
        *,
        digest: Digest | None = None,
        open_only: bool = False,
        before: Position | None = None,
        limit: int,
    ) -> Sequence[Promotion]:
        """A page of promotions, the newest first."""
        where = {"namespace": namespace, "format": None, "package": None} if package is None else identity(package)
        found = await self._questions.all(
            PROMOTIONS.list_promotions,
            **where,
            digest=None if digest is None else str(digest),
            open_only=open_only,
            before=before,
            limit=limit,
        )
        return [promotion for (each,) in found if (promotion := await self.find(each)) is not None]

    async def list_rules(self, namespace: NamespaceName) -> Mapping[ChannelName, ChannelRules]:
        """What each channel asks."""
        found = await self._questions.all(PROMOTIONS.list_rules, namespace=namespace)
        return {ChannelName(channel): _rules(tuple(rule)) for channel, *rule in found}

    async def list_waiting(self, *, limit: int) -> Sequence[Promotion]:
        """Those that are on their way, everywhere."""
        found = await self._questions.all(PROMOTIONS.list_waiting, limit=limit)
        return [promotion for (each,) in found if (promotion := await self.find(each)) is not None]

    async def list_due(self, *, limit: int) -> Sequence[tuple[PackageId, Digest, ChannelName]]:
        """What is in the channel before one that promotes by itself, and never was in that."""
        found = await self._questions.all(PROMOTIONS.list_due, limit=limit)
        return [
            (rows.package_id(owner, format_, name), Digest.parse(digest), ChannelName(channel))
            for owner, format_, name, digest, channel in found
        ]

    async def first_seen(self, package: PackageId, digest: Digest) -> tuple[datetime, str] | None:
        """When an artifact came into the package first, and who brought it."""
        return _first_seen(await self._questions.one(PROMOTIONS.first_seen, **identity(package), digest=str(digest)))

    async def cleared_since(self, package: PackageId, digest: Digest) -> Mapping[ChannelName, datetime]:
        """The channels that an artifact is cleared for, each with when it was."""
        return _cleared(await self._questions.all(PROMOTIONS.cleared_since, **identity(package), digest=str(digest)))

    async def is_cleared(self, package: PackageId, channel: ChannelName, digest: Digest) -> bool:
        """Whether an artifact itself, and not what contains it, is cleared for a channel."""
        where = identity(package) | {"channel": channel, "digest": str(digest)}
        return await self._questions.one(PROMOTIONS.is_cleared, **where) is not None

    async def measure(self, digest: Digest) -> int:
        """Bytes of an artifact and of all that it links."""
        row = await self._questions.one(PROMOTIONS.measure, digest=str(digest))
        return 0 if row is None else int(row[0])


class SqlPromotionChanges:
    """Implements `entrepot.ports.promotions.PromotionChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_proposed(self, package: PackageId, channel: ChannelName, digest: Digest) -> Promotion | None:
        """The one that is on its way."""
        where = identity(package) | {"channel": channel, "digest": str(digest)}
        known = self._session.one(PROMOTIONS.find_proposed, **where)
        row = None if known is None else self._session.one(PROMOTIONS.find_promotion, id=known[0])
        return None if row is None else _promotion(row)

    def keep(self, promotion: Promotion) -> None:
        """Know of a promotion, or what has become of one."""
        decided = promotion.state is not PromotionState.PROPOSED
        self._session.run(
            PROMOTIONS.keep_promotion,
            id=promotion.id,
            package=self._session.package_id(promotion.package),
            blob=self._session.blob_id(promotion.digest),
            version=promotion.version,
            channel=self._session.channel_id(promotion.package.namespace, promotion.channel),
            state=promotion.state,
            actor=promotion.actor,
            reason=promotion.reason,
            refusals=_text(promotion.refusals),
            facts=_text(promotion.facts),
            policies=_text(promotion.policies),
            summary=None if promotion.statement is None else str(promotion.statement),
            position=self._session.position,
            until=self._session.position if decided else None,
        )

    def approve(self, id: str, principal: str, note: str) -> bool:
        """Add an approval; False when that principal has approved already."""
        position = self._session.position
        return self._session.run(PROMOTIONS.approve, id=id, principal=principal, note=note, position=position) > 0

    def set_rules(self, namespace: NamespaceName, channel: ChannelName, rules: ChannelRules) -> bool:
        """Say what a channel asks; False when it does so already."""
        if self.find_rules(namespace, channel) == rules:
            return False
        self._session.run(
            PROMOTIONS.set_rules,
            channel=self._session.channel_id(namespace, channel),
            approvals=rules.approvals,
            self_approval=rules.self_approval,
            soak=int(rules.soak.total_seconds()),
            ordered=rules.ordered,
            automatic=rules.automatic,
        )
        namespace_id = self._session.namespace_id(namespace)
        self._session.run(CHANGE.touch_namespace, namespace=namespace_id, position=self._session.position)
        return True

    def find_rules(self, namespace: NamespaceName, channel: ChannelName) -> ChannelRules:
        """What a channel asks."""
        row = self._session.one(PROMOTIONS.find_rules, channel=self._session.channel_id(namespace, channel))
        return ChannelRules() if row is None else _rules(row)

    def first_seen(self, package: PackageId, digest: Digest) -> tuple[datetime, str] | None:
        """When an artifact came into the package first, and who brought it; None for what this change brings."""
        return _first_seen(self._session.one(PROMOTIONS.first_seen, **identity(package), digest=str(digest)))

    def cleared_since(self, package: PackageId, digest: Digest) -> Mapping[ChannelName, datetime]:
        """The channels that an artifact is cleared for, each with when it was."""
        return _cleared(self._session.all(PROMOTIONS.cleared_since, **identity(package), digest=str(digest)))

    def measure(self, digest: Digest) -> int:
        """Bytes of an artifact and of all that it links."""
        row = self._session.one(PROMOTIONS.measure, digest=str(digest))
        return 0 if row is None else int(row[0])

    def revision(self, package: PackageId) -> Position | None:
        """The position of the last event that touched the package."""
        row = self._session.one(PROMOTIONS.revision, package=self._session.find_package_id(package))
        return None if row is None else Position(row[0])


def _first_seen(row: tuple[Any, ...] | None) -> tuple[datetime, str] | None:
    return None if row is None else (rows.parse_time(row[0]), row[1])


def _cleared(found: Iterable[tuple[Any, ...]]) -> dict[ChannelName, datetime]:
    return {ChannelName(channel): rows.parse_time(at) for channel, at in found}


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _rules(row: tuple[Any, ...]) -> ChannelRules:
    approvals, self_approval, soak, ordered, automatic = row
    return ChannelRules(approvals, bool(self_approval), timedelta(seconds=soak), bool(ordered), bool(automatic))


def _promotion(row: tuple[Any, ...]) -> Promotion:
    id_, owner, format_, name, digest, version, channel, state, actor, reason, refusals, facts, policies, *rest = row
    statement, start, end, at, decided_at, approvals = rest
    return Promotion(
        id=id_,
        package=rows.package_id(owner, format_, name),
        digest=Digest.parse(digest),
        version=version,
        channel=ChannelName(channel),
        state=PromotionState(state),
        actor=actor,
        reason=reason,
        refusals=tuple(msgspec.json.decode(refusals)),
        facts=msgspec.json.decode(facts),
        policies=msgspec.json.decode(policies),
        approvals=tuple(
            Approval(principal, rows.parse_time(when), note) for principal, when, note in msgspec.json.decode(approvals)
        ),
        statement=None if statement is None else Digest.parse(statement),
        from_position=Position(start),
        until_position=None if end is None else Position(end),
        at=None if at is None else rows.parse_time(at),
        decided_at=None if decided_at is None else rows.parse_time(decided_at),
    )

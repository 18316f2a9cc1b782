"""What a namespace demands at its doors: set it, try it, and see what it would have meant."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.errors import (
    ChannelUnknown,
    InvalidPolicy,
    NamespaceUnknown,
    PolicyUnknown,
    ReferenceUnknown,
    TooMany,
)
from entrepot.model.events import PolicyRemoved, PolicySet
from entrepot.model.names import View
from entrepot.model.policy import Door, Mode
from entrepot.operations import access
from entrepot.operations.admission import is_statement
from entrepot.operations.facts import Asked, gather
from entrepot.policy.defaults import DEFAULTS
from entrepot.policy.facts import Facts
from entrepot.policy.rules import check_policy, decide, policy_set

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName, NamespaceName, PackageId, ReferenceName
    from entrepot.model.policy import Policy
    from entrepot.operations.registry import Registry
    from entrepot.policy.rules import Decision
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.policies import Entered

MOST_POLICIES: Final = 200
_PAGE: Final = 200


async def list_policies(
    registry: Registry, caller: Caller, namespace: NamespaceName, *, history: bool = False
) -> Sequence[Policy]:
    """A namespace's policies by name, with the defaults that it has not replaced; or its own with their history.

    Raises what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.READ, View(namespace))
    own = await registry.catalog.policies.list(namespace, history=history)
    return own if history else policy_set(own, DEFAULTS).policies


async def set_policy(registry: Registry, caller: Caller, policy: Policy) -> Policy:
    """Demand something from now on, in these words. The same again is no event.

    Raises `InvalidPolicy`, `InvalidName`, `ChannelUnknown`, `NamespaceUnknown`, `TooMany`, or what `access.require_anywhere` raises.
    """
    namespace = policy.namespace
    if namespace is None:
        raise InvalidPolicy(policy.name, expected="a namespace whose policy it is")
    access.require_anywhere(caller, Action.GOVERN, View(namespace))
    check_policy(policy)
    _require_asked(policy)
    if any(each not in registry.formats for each in policy.formats):
        raise InvalidPolicy(policy.name, expected=f"formats among {', '.join(sorted(registry.formats))}")

    def change(transaction: Transaction) -> Policy:
        known = transaction.find_namespace(namespace)
        if known is None:
            raise NamespaceUnknown(namespace)
        for channel in policy.channels:
            if channel not in known.channels:
                raise ChannelUnknown(f"{namespace}.{channel}")
        before = transaction.policies.list(namespace)
        if len(before) >= MOST_POLICIES and policy.name not in {each.name for each in before}:
            raise TooMany("policies", expected=f"at most {MOST_POLICIES}")
        now = transaction.policies.set(policy, caller.name)
        if now is None:
            return next(each for each in before if each.name == policy.name)
        transaction.append(caller.name, _event(now))
        return replace(now, at=transaction.now)

    return await registry.catalog.write(change)


def _require_asked(policy: Policy) -> None:
    """Raise `InvalidPolicy` for what nobody would ever ask: it would let everything through, and nobody would notice."""
    if policy.door is Door.ADMISSION and policy.channels:
        raise InvalidPolicy(policy.name, expected="no channels: what comes in comes into the namespace")


def _event(policy: Policy) -> PolicySet:
    return PolicySet(
        namespace=policy.namespace,
        policy=policy.name,
        version=policy.version,
        door=policy.door,
        condition=policy.condition,
        mode=policy.mode,
        channels=policy.channels,
        formats=policy.formats,
        packages=str(policy.packages),
        message=policy.message,
        description=policy.description,
    )


async def remove_policy(registry: Registry, caller: Caller, namespace: NamespaceName, name: str) -> None:
    """Demand it no more; where there is a default of that name, it holds again.

    Raises `PolicyUnknown`, `NamespaceUnknown`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.GOVERN, View(namespace))

    def change(transaction: Transaction) -> None:
        if not transaction.policies.remove(namespace, name):
            raise PolicyUnknown(name)
        transaction.append(caller.name, PolicyRemoved(namespace=namespace, policy=name))

    await registry.catalog.write(change)


@dataclass(frozen=True, slots=True)
class Trial:
    """What the policies of a door say of one artifact, though nobody acts on it."""

    digest: Digest
    facts: Facts
    decision: Decision


async def try_policies(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    target: ReferenceName | Digest,
    *,
    door: Door,
    channel: ChannelName | None = None,
    draft: Policy | None = None,
) -> Trial:
    """Ask the policies of a door about one artifact; a *draft* stands for the policy of its name, or beside the others.

    That is not for who reads because everybody may: it computes, and speaks of what is barred.
    Raises `ReferenceUnknown`, `ArtifactUnknown`, `ChannelUnknown`, `InvalidPolicy`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.READ, package)
    view, name, digest = View(package.namespace), None, None
    if isinstance(target, str):
        name = target
    else:
        digest = target
    found = await registry.catalog.find_artifact(view, package, name=name, digest=digest, barred=True)
    if found is None:
        raise ReferenceUnknown(target)
    namespace = await registry.catalog.find_namespace(package.namespace)
    channels = () if namespace is None else namespace.channels
    if door is Door.ADMISSION:
        channel = None  # What comes in comes into the namespace.
    if channel is not None and channel not in channels:
        raise ChannelUnknown(f"{package.namespace}.{channel}")
    own = list(await registry.catalog.policies.list(package.namespace))
    if draft is not None:
        check_policy(draft)
        own = [*(policy for policy in own if policy.name != draft.name), draft]
    policies = policy_set(own, DEFAULTS).at(package, door, channel, first=_is_first(channels, channel))
    version = target if isinstance(target, str) else ""
    asked = Asked(version=version, channel=channel, channels=channels, requester=caller.name)
    facts = await gather(registry, package, found.digest, asked, now=registry.clock.now())
    return Trial(found.digest, facts, decide(policies, facts))


def _is_first(channels: Sequence[ChannelName], channel: ChannelName | None) -> bool:
    return channel is not None and bool(channels) and channels[0] == channel


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a policy would have said of something that came to its door, or says of what is behind it."""

    package: PackageId
    digest: Digest
    version: str
    """What it is called; empty where it has no name."""
    channel: ChannelName | None
    was: str
    """What has become of it."""
    at: datetime | None
    """When it came to the door."""
    allowed: bool
    text: str
    promotion: str | None = None
    """Which one that was, if it was one."""


async def replay_policy(
    registry: Registry, caller: Caller, policy: Policy, *, over: timedelta, limit: int = 1_000
) -> Sequence[Replayed]:
    """Hold a policy against what came to its door since then, the newest first.

    - Promotion: what was asked for, each with what was known of it then. What was not recorded is not known, and refuses.
    - Admission: what is here and came in since then, as it would be asked about at that time; but with what was found
      out until today, because that is what it would have waited for.
    - Reading: the same, with all that is known today: what would be taken away.

    Raises `InvalidPolicy`, `InvalidName`, or what `access.require_anywhere` raises.
    """
    namespace = policy.namespace
    if namespace is None:
        raise InvalidPolicy(policy.name, expected="a namespace whose policy it is")
    access.require_anywhere(caller, Action.READ, View(namespace))
    check_policy(policy)
    _require_asked(policy)
    asked = replace(policy, mode=Mode.ENFORCE)
    known = await registry.catalog.find_namespace(namespace)
    channels = () if known is None else known.channels
    since = registry.clock.now() - over
    if policy.door is Door.PROMOTION:
        return await _replay_promotions(registry, asked, namespace, channels, since=since, limit=limit)
    said: list[Replayed] = []
    for entered in await registry.catalog.policies.list_recent(namespace, since=since, limit=limit):
        said += await _replay_entered(registry, asked, entered, channels)
    return said[:limit]


async def _replay_entered(
    registry: Registry, policy: Policy, entered: Entered, channels: Sequence[ChannelName]
) -> list[Replayed]:
    """What a policy says of something that came in: once, or for each channel that it guards."""
    package, digest = entered.package, entered.digest
    view = View(package.namespace)
    found = await registry.catalog.find_artifact(view, package, digest=digest, barred=True)
    details = await registry.catalog.find_details(view, package, digest)
    if found is None or details is None or is_statement(package, found.content, found.media_type, details.references):
        return []
    block = await registry.catalog.blocks.find(package, digest)
    cleared = await registry.catalog.promotions.cleared_since(package, digest) if policy.channels else ()
    said: list[Replayed] = []
    for channel in (*cleared, None):
        if not policy.guards(package, policy.door, channel):
            continue
        asked = Asked(channel=channel, channels=channels)
        now = entered.at if policy.door is Door.ADMISSION else registry.clock.now()
        facts = await gather(registry, package, digest, asked, now=now)
        (reason,) = decide([policy], facts).reasons
        said.append(
            Replayed(
                package,
                digest,
                str(facts["version"] or ""),
                channel,
                "readable" if block is None else block.kind,
                entered.at,
                reason.allowed,
                reason.text,
            )
        )
        await asyncio.sleep(0)  # Others have their turn.
    return said


async def _replay_promotions(
    registry: Registry,
    asked: Policy,
    namespace: NamespaceName,
    channels: Sequence[ChannelName],
    *,
    since: datetime,
    limit: int,
) -> Sequence[Replayed]:
    said: list[Replayed] = []
    before = None
    while len(said) < limit:
        page = await registry.catalog.promotions.list(namespace, before=before, limit=_PAGE)
        for promotion in page:
            first = _is_first(channels, promotion.channel)
            recent = promotion.at is not None and promotion.at >= since
            if recent and asked.guards(promotion.package, asked.door, promotion.channel, first=first):
                (reason,) = decide([asked], Facts.read(promotion.facts)).reasons
                said.append(
                    Replayed(
                        promotion.package,
                        promotion.digest,
                        promotion.version,
                        promotion.channel,
                        promotion.state,
                        promotion.at,
                        reason.allowed,
                        reason.text,
                        promotion.id,
                    )
                )
        if len(page) < _PAGE or page[-1].at is None or page[-1].at < since:
            break
        before = page[-1].from_position
    return said[:limit]

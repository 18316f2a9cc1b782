"""Ask the doors again of what is here, when something about it has changed.

- *Admission*: what awaits is let in as soon as the door is open to it.
- *Reading*, of all that a namespace has: what must not be read any more is put into quarantine, and let go by itself
  when it may be read again. What is blocked by somebody is left to them.
- *Reading through a channel*: what must not be read there loses its clearance; it comes back by a promotion.

Nobody who reads waits for any of this: what a door comes to is a block or the end of a clearance, and a pull asks no
more than before. What is not known (yet) refuses, except that nothing is taken away while it is being examined again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from entrepot.model.block import Block, BlockKind
from entrepot.model.errors import ArtifactUnknown
from entrepot.model.events import ReadingDoubted
from entrepot.model.names import View
from entrepot.model.policy import Door
from entrepot.model.position import START
from entrepot.operations.admission import is_statement, words_of
from entrepot.operations.block import admit_block, close_block, open_block, refusal_of
from entrepot.operations.clear import withdraw_clearance
from entrepot.operations.facts import EXAMINERS, Asked, examined, gather
from entrepot.policy.defaults import DEFAULTS
from entrepot.policy.rules import Decision, PolicySet, decide, policy_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName, NamespaceName, PackageId
    from entrepot.model.policy import Policy
    from entrepot.model.position import Position
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.policies import Entered

ACTOR: Final = "entrepot:doors"
"""Who opens and closes, as the journal calls it. No principal is called so."""
WAIT_SECONDS: Final = 10.0
"""How long somebody who fetches something through us waits for the door to open."""
_LOOK_SECONDS: Final = 0.05
MOST: Final = 100
"""So many of a package are looked at in one go, the newest: the others when their turn comes (`settle_namespace`)."""
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class _Grounds:
    """What an answer was given on; another one may be right when any of it has moved."""

    package: PackageId
    policies: PolicySet
    revision: Position
    trust: Position

    done: frozenset[str]
    """Who has examined all that happened to the package."""

    def hold(self, transaction: Transaction) -> bool:
        """Whether all of it is still so."""
        return (
            transaction.promotions.revision(self.package) == self.revision
            and transaction.attestations.trust_revision(self.package.namespace) == self.trust
            and policy_set(transaction.policies.list(self.package.namespace), DEFAULTS).digest == self.policies.digest
        )


@dataclass(slots=True)
class Tour:
    """One tour past many doors: what a door itself does to a package leaves known what was found out about it.

    Else each that opens or closes would make all the others wait until everything is examined again.
    """

    _examined: dict[PackageId, tuple[Position, frozenset[str]]] = field(default_factory=dict)

    async def stand(self, registry: Registry, package: PackageId) -> _Grounds:
        """On what grounds the doors of a package are asked now."""
        # Before anything is asked that depends on it.
        trust = await registry.catalog.attestations.trust_revision(package.namespace)
        row = await registry.catalog.find_package(View(package.namespace), package)
        revision = START if row is None else row.revision
        known = self._examined.get(package)
        done = known[1] if known is not None and known[0] == revision else await examined(registry, package)
        self._examined[package] = revision, done
        policies = policy_set(await registry.catalog.policies.list(package.namespace), DEFAULTS)
        return _Grounds(package, policies, revision, trust, done)

    def move(self, transaction: Transaction, grounds: _Grounds) -> None:
        """A door opens or closes by this change."""
        self._examined[grounds.package] = transaction.position, grounds.done


# --- coming in ---


async def is_guarded(registry: Registry, package: PackageId) -> bool:
    """Whether anything is asked of what comes into the package."""
    policies = policy_set(await registry.catalog.policies.list(package.namespace), DEFAULTS)
    return any(policies.at(package, door) for door in (Door.ADMISSION, Door.READING))


async def require_admitted(
    registry: Registry, package: PackageId, digest: Digest, *, seconds: float = WAIT_SECONDS
) -> None:
    """Return once something that was published this moment is served, and wait for that as long as it may.

    Raises `Quarantined` or `PolicyDenied` when it is not.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while await registry.catalog.find_blob(View(package.namespace), package, digest) is None:
        block = await registry.catalog.blocks.find(package, digest)
        if block is None:
            return
        if block.kind is not BlockKind.AWAITING or asyncio.get_running_loop().time() >= deadline:
            raise refusal_of(block)
        await asyncio.sleep(_LOOK_SECONDS)


async def settle_awaiting(registry: Registry, block: Block, tour: Tour, *, aloud: bool = True) -> bool:
    """Ask the doors of something that awaits: let it in, or say why not yet; whether that is news.

    Not *aloud*, only what opens is news: not that a door says no in other words.
    """
    package, digest = block.package, block.digest
    grounds = await tour.stand(registry, package)
    decision = Decision()
    if policies := (*grounds.policies.at(package, Door.ADMISSION), *grounds.policies.at(package, Door.READING)):
        try:
            facts = await gather(registry, package, digest, Asked(), now=registry.clock.now(), done=grounds.done)
        except ArtifactUnknown:
            return False  # It was deleted; its block is remembered.
        decision = decide(policies, facts)
    if not decision.allowed and (not aloud or decision.undecided or words_of(decision) == block.reason):
        return False
    new_id = registry.clock.new_id()

    def change(transaction: Transaction) -> bool:
        known = transaction.blocks.find(package, digest)
        if known is None or known.kind is not BlockKind.AWAITING or not grounds.hold(transaction):
            return False  # Whatever has moved is an event, and the door is asked again.
        if decision.allowed:
            admit_block(transaction, ACTOR, package, digest, reason="the doors are open to it")
        else:
            open_block(transaction, _block(new_id, package, digest, BlockKind.AWAITING, decision))
        tour.move(transaction, grounds)
        return True

    return await registry.catalog.write(change)


async def settle_package(registry: Registry, package: PackageId, tour: Tour) -> int:
    """Ask the doors of what awaits in a package, the newest first; how much of that is news."""
    awaiting = await registry.catalog.blocks.list_awaiting(package, limit=MOST)
    return sum([await settle_awaiting(registry, block, tour) for block in awaiting])


def _block(id: str, package: PackageId, digest: Digest, kind: BlockKind, decision: Decision) -> Block:
    policy = next(reason.policy.name for reason in decision.reasons if reason.refuses)
    return Block(id, package, digest, kind, words_of(decision), ACTOR, policy=policy)


# --- being read ---


async def guards_reading(registry: Registry, namespace: NamespaceName) -> bool:
    """Whether a namespace asks anything of what is read."""
    own = policy_set(await registry.catalog.policies.list(namespace), DEFAULTS).policies
    return any(policy.door is Door.READING and policy.is_asked for policy in own)


async def settle_reading(registry: Registry, package: PackageId, digest: Digest, tour: Tour) -> bool:
    """Ask whether an artifact may still be read, and do what follows; False when that cannot be said yet."""
    if not await _is_asked_about(registry, package, digest):
        return True
    namespace = await registry.catalog.find_namespace(package.namespace)
    channels = () if namespace is None else namespace.channels
    settled = True
    block = await registry.catalog.blocks.find(package, digest)
    if block is None or (block.digest == digest and block.kind is BlockKind.QUARANTINED and block.actor == ACTOR):
        grounds = await tour.stand(registry, package)
        decision = await _ask(registry, grounds, digest, Asked(channels=channels))
        settled = decision is not None and await _bar(registry, tour, grounds, digest, decision, barred=block)
    for channel in await registry.catalog.promotions.cleared_since(package, digest):
        if not await registry.catalog.promotions.is_cleared(package, channel, digest):
            continue  # What contains it is, and is asked itself.
        grounds = await tour.stand(registry, package)
        decision = await _ask(registry, grounds, digest, Asked(channel=channel, channels=channels))
        settled &= decision is not None and await _withdraw(registry, tour, grounds, digest, decision, channel=channel)
    return settled


async def _is_asked_about(registry: Registry, package: PackageId, digest: Digest) -> bool:
    """Whether it is there, and something that anybody installs or runs."""
    view = View(package.namespace)
    found = await registry.catalog.find_artifact(view, package, digest=digest, barred=True)
    details = await registry.catalog.find_details(view, package, digest)
    if found is None or details is None:
        return False
    return not is_statement(package, found.content, found.media_type, details.references)


async def _ask(registry: Registry, grounds: _Grounds, digest: Digest, asked: Asked) -> Decision | None:
    """What the policies say; None while somebody still examines what they ask for."""
    policies = grounds.policies.at(grounds.package, Door.READING, asked.channel)
    if not policies:
        return Decision()
    try:
        facts = await gather(registry, grounds.package, digest, asked, now=registry.clock.now(), done=grounds.done)
    except ArtifactUnknown:
        return Decision()  # It was deleted meanwhile.
    decision = decide(policies, facts)
    unknown = any(reason.missing is not None for reason in decision.reasons)
    return None if unknown and not grounds.done.issuperset(EXAMINERS) else decision


async def _bar(
    registry: Registry, tour: Tour, grounds: _Grounds, digest: Digest, decision: Decision, *, barred: Block | None
) -> bool:
    package, new_id = grounds.package, registry.clock.new_id()
    wanted = None if decision.allowed else _block(new_id, package, digest, BlockKind.QUARANTINED, decision)
    # Of what is barred the words are those of when it was: they may change with every minute.
    same = (wanted is None and barred is None) or (
        wanted is not None and barred is not None and wanted.policy == barred.policy
    )

    def change(transaction: Transaction) -> bool:
        known = transaction.blocks.find(package, digest)
        if known != barred or not grounds.hold(transaction):
            return False
        if wanted is not None:
            open_block(transaction, wanted)
        else:
            close_block(transaction, ACTOR, package, digest, reason="it may be read again")
        tour.move(transaction, grounds)
        return True

    if not same:
        return await registry.catalog.write(change)
    return barred is not None or await _doubt(registry, tour, grounds, digest, decision, channel=None)


async def _withdraw(
    registry: Registry, tour: Tour, grounds: _Grounds, digest: Digest, decision: Decision, *, channel: ChannelName
) -> bool:
    def change(transaction: Transaction) -> bool:
        if not grounds.hold(transaction):
            return False
        tour.move(transaction, grounds)
        reason = words_of(decision)
        return withdraw_clearance(transaction, ACTOR, grounds.package, channel, digest, reason=reason)

    if not decision.allowed:
        return await registry.catalog.write(change)
    return await _doubt(registry, tour, grounds, digest, decision, channel=channel)


async def _doubt(
    registry: Registry,
    tour: Tour,
    grounds: _Grounds,
    digest: Digest,
    decision: Decision,
    *,
    channel: ChannelName | None,
) -> bool:
    """Put on record what policies say that do not enforce, when it is something else than before."""
    package = grounds.package
    doubts = tuple(f"{reason.policy.name}@{reason.policy.version}" for reason in decision.reasons if not reason.allowed)
    if await registry.catalog.policies.find_doubts(package, digest, channel) == doubts:
        return True

    def change(transaction: Transaction) -> bool:
        if not grounds.hold(transaction) or not transaction.policies.doubt(package, digest, channel, doubts):
            return False
        transaction.append(
            ACTOR,
            ReadingDoubted(
                namespace=package.namespace,
                package=package.path,
                digest=str(digest),
                channel=channel,
                warnings=decision.warnings,
                unenforced=decision.unenforced,
            ),
        )
        tour.move(transaction, grounds)
        return True

    return await registry.catalog.write(change)


# --- all of it ---


@dataclass(frozen=True, slots=True)
class Said:
    """What a door says of an artifact now."""

    door: Door
    channel: ChannelName | None
    decision: Decision


async def ask_doors(
    registry: Registry, package: PackageId, digest: Digest, block: Block | None, channels: Sequence[ChannelName]
) -> list[Said]:
    """What the doors say now: that of admission of what awaits, that of reading of what is in and where it is cleared."""
    if not await _is_asked_about(registry, package, digest):
        return []
    grounds = await Tour().stand(registry, package)
    awaits = block is not None and block.kind is BlockKind.AWAITING
    cleared = await registry.catalog.promotions.cleared_since(package, digest)
    asked = [(Door.ADMISSION, None)] if awaits else []
    said: list[Said] = []
    for door, channel in (*asked, *((Door.READING, each) for each in (None, *cleared))):
        if policies := grounds.policies.at(package, door, channel):
            question = Asked(channel=channel, channels=channels)
            facts = await gather(registry, package, digest, question, now=registry.clock.now(), done=grounds.done)
            said.append(Said(door, channel, decide(policies, facts)))
    return said


async def settle_around(registry: Registry, package: PackageId, digest: Digest, tour: Tour) -> bool:
    """Ask about reading of an artifact that something happened to, and of what contains it or what it is about."""
    around = await registry.catalog.blocks.list_around(package, digest)
    return all([await settle_reading(registry, package, each, tour) for each in around])


async def settle_namespace(
    registry: Registry, namespace: NamespaceName, *, aloud: bool = True
) -> list[tuple[PackageId, Digest]]:
    """Ask the doors of all that a namespace has: of what awaits, of what is read, and of what is in quarantine.

    Returns of what it cannot be said yet whether it may be read.
    """
    tour = Tour()
    later = await _settle_blocks(registry, namespace, tour, aloud=aloud)
    if not await guards_reading(registry, namespace):
        return later
    after: Entered | None = None
    while page := await registry.catalog.policies.list_entered(namespace, after=after, limit=_PAGE):
        for entered in page:
            if not await settle_reading(registry, entered.package, entered.digest, tour):
                later.append((entered.package, entered.digest))
            await asyncio.sleep(0)  # Others have their turn.
        after = page[-1]
    return later


async def _settle_blocks(
    registry: Registry, namespace: NamespaceName, tour: Tour, *, aloud: bool
) -> list[tuple[PackageId, Digest]]:
    later: list[tuple[PackageId, Digest]] = []
    after: Position = START
    while page := await registry.catalog.blocks.list(namespace, after=after, limit=_PAGE):
        for block in page:
            if block.kind is BlockKind.AWAITING:
                await settle_awaiting(registry, block, tour, aloud=aloud)
            elif block.actor == ACTOR and not await settle_reading(registry, block.package, block.digest, tour):
                later.append((block.package, block.digest))
            await asyncio.sleep(0)
        after = page[-1].from_position or after
    return later


async def settle_everything(registry: Registry, *, asks_time: bool = False) -> list[tuple[PackageId, Digest]]:
    """Ask the doors of all namespaces; or only of those whose policies may say something else as time passes.

    Returns what `settle_namespace` returns.
    """
    later: list[tuple[PackageId, Digest]] = []
    after = ""
    while page := await registry.catalog.list_namespaces(after=after, limit=_PAGE):
        for namespace in page:
            own = policy_set(await registry.catalog.policies.list(namespace.name), DEFAULTS).policies
            if not asks_time or any(_turns_with_time(policy) for policy in own):
                later += await settle_namespace(registry, namespace.name, aloud=not asks_time)
        after = page[-1].name
    return later


def _turns_with_time(policy: Policy) -> bool:
    return policy.is_asked and policy.door is not Door.PROMOTION and policy.asks_time

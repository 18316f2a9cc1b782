"""Ask the doors again of what is here, when something about it has changed.

The door of admission is asked of what awaits, until it opens. Nobody who reads waits for any of this: what a door
comes to is a block, and a pull asks no more than before.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from entrepot.model.block import Block, BlockKind
from entrepot.model.errors import ArtifactUnknown
from entrepot.model.names import View
from entrepot.model.policy import Door
from entrepot.operations.admission import words_of
from entrepot.operations.block import admit_block, open_block, refusal_of
from entrepot.operations.facts import Asked, gather
from entrepot.policy.defaults import DEFAULTS
from entrepot.policy.rules import Decision, PolicySet, decide, policy_set

if TYPE_CHECKING:
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.model.position import Position
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

ACTOR: Final = "entrepot:doors"
"""Who opens and closes, as the journal calls it. No principal is called so."""
WAIT_SECONDS: Final = 10.0
"""How long somebody who fetches something through us waits for the door to open."""
_LOOK_SECONDS: Final = 0.05
MOST: Final = 100
"""So many of a package are looked at in one go, the newest: the others when their turn comes (`settle_all`)."""


class _Grounds:
    """What an answer was given on; another one may be right when any of it has moved."""

    __slots__ = ("package", "policies", "revision", "trust")

    def __init__(self, package: PackageId, policies: PolicySet, revision: Position | None, trust: Position) -> None:
        self.package = package
        self.policies = policies
        self.revision = revision
        self.trust = trust

    def hold(self, transaction: Transaction) -> bool:
        """Whether all of it is still so."""
        return (
            transaction.promotions.revision(self.package) == self.revision
            and transaction.attestations.trust_revision(self.package.namespace) == self.trust
            and policy_set(transaction.policies.list(self.package.namespace), DEFAULTS).digest == self.policies.digest
        )


async def _stand(registry: Registry, package: PackageId) -> _Grounds:
    # Before anything is asked that depends on it.
    trust = await registry.catalog.attestations.trust_revision(package.namespace)
    row = await registry.catalog.find_package(View(package.namespace), package)
    policies = policy_set(await registry.catalog.policies.list(package.namespace), DEFAULTS)
    return _Grounds(package, policies, None if row is None else row.revision, trust)


async def is_guarded(registry: Registry, package: PackageId) -> bool:
    """Whether anything is asked of what comes into the package."""
    policies = policy_set(await registry.catalog.policies.list(package.namespace), DEFAULTS)
    return bool(policies.at(package, Door.ADMISSION))


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


async def settle_awaiting(registry: Registry, block: Block) -> bool:
    """Ask the door of admission of something that awaits: let it in, or say why not yet; whether that is news."""
    package, digest = block.package, block.digest
    grounds = await _stand(registry, package)
    decision = Decision()
    if policies := grounds.policies.at(package, Door.ADMISSION):
        try:
            facts = await gather(registry, package, digest, Asked(), now=registry.clock.now())
        except ArtifactUnknown:
            return False  # It was deleted; its block is remembered.
        decision = decide(policies, facts)
    if decision.undecided or (not decision.allowed and words_of(decision) == block.reason):
        return False
    new_id = registry.clock.new_id()

    def change(transaction: Transaction) -> bool:
        known = transaction.blocks.find(package, digest)
        if known is None or known.kind is not BlockKind.AWAITING or not grounds.hold(transaction):
            return False  # Whatever has moved is an event, and the door is asked again.
        if decision.allowed:
            admit_block(transaction, ACTOR, package, digest, reason="the door of admission is open to it")
        else:
            policy = next(reason.policy.name for reason in decision.reasons if reason.refuses)
            open_block(transaction, Block(new_id, package, digest, known.kind, words_of(decision), ACTOR, policy))
        return True

    return await registry.catalog.write(change)


async def settle_all(registry: Registry, namespace: NamespaceName | None = None) -> int:
    """Ask the door of admission of all that awaits, in a namespace or everywhere; how much of that is news."""
    news, before = 0, None
    while page := await registry.catalog.blocks.list_awaiting(before=before, limit=MOST):
        for block in page:
            if namespace in (None, block.package.namespace):
                news += await settle_awaiting(registry, block)
                await asyncio.sleep(0)  # Others have their turn.
        before = page[-1].from_position
    return news


async def settle_package(registry: Registry, package: PackageId) -> int:
    """Ask the door of admission of what awaits in a package, the newest first; how much of that is news."""
    awaiting = await registry.catalog.blocks.list_awaiting(package, limit=MOST)
    return sum([await settle_awaiting(registry, block) for block in awaiting])

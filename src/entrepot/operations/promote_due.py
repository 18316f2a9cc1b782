"""Promote what waits for nothing any more: proposals, and what comes by itself from the channel before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind, Rights, Role
from entrepot.model.errors import RegistryError
from entrepot.model.names import EVERY_PACKAGE, PrincipalName
from entrepot.operations.promote import plan_promotion, promote, settle_promotion

if TYPE_CHECKING:
    from entrepot.operations.registry import Registry

_MOST: Final = 200
"""So many are looked at in one go; the others' turn comes next time, when these are gone."""
_ITSELF: Final = Caller(
    Principal(PrincipalName("schedule:promote"), PrincipalKind.ROBOT),
    Rights(((Allowance(Role.ADMINISTRATOR, None, EVERY_PACKAGE),),)),
)


async def promote_due(registry: Registry) -> int:
    """Apply what nothing is in the way of, and return how much that was. What is refused now is no event."""
    applied = 0
    for promotion in await registry.catalog.promotions.list_waiting(limit=_MOST):
        try:
            settled = await settle_promotion(registry, _ITSELF, promotion)
        except RegistryError:
            continue  # It was deleted, or changed meanwhile: the next time is soon.
        applied += settled.state is not promotion.state
    for package, digest, channel in await registry.catalog.promotions.list_due(limit=_MOST):
        try:
            plan = await plan_promotion(registry, _ITSELF, package, digest, channel)
            if plan.decision.allowed and not plan.cleared:
                await promote(registry, _ITSELF, package, digest, channel, reason="automatic", seconds=0)
                applied += 1
        except RegistryError:
            continue
    return applied

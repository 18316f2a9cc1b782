"""Every minute, search some of what was searched for secrets by an older detector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind, Rights, Role
from entrepot.model.names import EVERY_PACKAGE, PrincipalName
from entrepot.operations.search_secrets import search_again
from entrepot.schedules.schedule import Schedule

if TYPE_CHECKING:
    from entrepot.operations.registry import Registry

_AT_ONCE: Final = 1_000
_ITSELF: Final = Caller(
    Principal(PrincipalName("schedule:secrets"), PrincipalKind.ROBOT),
    Rights(((Allowance(Role.ADMINISTRATOR, None, EVERY_PACKAGE),),)),
)


async def _run(registry: Registry) -> int:
    return await search_again(registry, _ITSELF, limit=_AT_ONCE)


SECRETS = Schedule(name="secrets", every_seconds=60, run=_run)

"""Every quarter of an hour, ask the sources of advisories that were not asked for six hours."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind, Rights, Role
from entrepot.model.names import EVERY_PACKAGE, PrincipalName
from entrepot.operations.advisories import refresh_sources
from entrepot.schedules.schedule import Schedule

if TYPE_CHECKING:
    from entrepot.operations.registry import Registry

_OLD: Final = timedelta(hours=6)
_CALLER: Final = Caller(
    Principal(PrincipalName("schedule:advisories"), PrincipalKind.ROBOT),
    Rights(((Allowance(Role.ADMINISTRATOR, None, EVERY_PACKAGE),),)),
)


async def refresh(registry: Registry) -> object:
    """Ask them; in every worker this comes round, and the first one has asked."""
    return await refresh_sources(registry, _CALLER, older_than=_OLD)


ADVISORIES = Schedule(name="advisories", every_seconds=900, run=refresh)

"""A crate's owners: who holds a role that may publish it.

Cargo knows people who own crates; here there are grants. So to own is to be granted ``publisher`` of one package, and
whoever may publish through a wider grant is listed too, but cannot be taken off a single crate.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from entrepot.model.access import Action, Allowance, Role
from entrepot.model.errors import Conflict
from entrepot.model.names import PackagePattern, View
from entrepot.operations.grant import add_grant, list_grants, remove_grant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId, PrincipalName
    from entrepot.operations.registry import Registry


def describe_owner(name: PrincipalName) -> dict[str, object]:
    """An owner as Cargo reads it; the number, which Cargo wants, is made from the name."""
    return {"id": zlib.crc32(name.encode()), "login": name, "name": None}


async def list_owners(registry: Registry, caller: Caller, package: PackageId) -> Sequence[PrincipalName]:
    """Who may publish *package*, as far as the caller may know. Raises `Unauthenticated`, `Denied`."""
    grants = await list_grants(registry, caller)
    view = View(package.namespace)
    return sorted({grant.principal for grant in grants if grant.allowance.allows(Action.PUBLISH, view, package.name)})


async def add_owners(registry: Registry, caller: Caller, package: PackageId, names: Sequence[PrincipalName]) -> None:
    """Let each of *names* publish *package*. Raises `PrincipalUnknown`, `Unauthenticated`, `Denied`."""
    for name in names:
        await add_grant(registry, caller, name, _ownership(package))


async def remove_owners(registry: Registry, caller: Caller, package: PackageId, names: Sequence[PrincipalName]) -> None:
    """Take from each of *names* what `add_owners` gave. Raises `GrantUnknown`, `Conflict`, and like `add_owners`."""
    for name in names:
        await remove_grant(registry, caller, name, _ownership(package))
    left = set(names) & set(await list_owners(registry, caller, package))
    if left:
        raise Conflict(
            ", ".join(sorted(left)),
            expected="nobody who may publish by a wider grant: take that with entrepot grant remove",
        )


def _ownership(package: PackageId) -> Allowance:
    return Allowance(Role.PUBLISHER, View(package.namespace), PackagePattern(package.name))

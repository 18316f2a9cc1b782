"""May they? Asked on every request, of the rights as they are now.

What a caller may not know answers exactly like what does not exist: whoever may not read a package is told that
there is no such package, in the same words as when there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.errors import Denied, InsufficientScope, NamespaceUnknown, PackageUnknown, ReadOnly, Unauthenticated
from entrepot.model.names import View

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.model.errors import RegistryError
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry


def may_read(caller: Caller, view: View, package: PackageId, *, public: bool) -> bool:
    """Whether the caller may know the package at all."""
    return public or caller.rights.allows(Action.READ, view, package.name)


def refusal(caller: Caller, action: Action, view: View, package: PackageId, *, known: bool) -> RegistryError:
    """The error for a caller who may not: *known* says whether they may read the package."""
    if caller.unscoped is not None and caller.unscoped.allows(action, view, package.name):
        return InsufficientScope(f"{action} on {view}/{package.name}")
    if caller.principal is None:
        return Unauthenticated()
    if known:
        return Denied(f"{caller.name} may not {action} {view}/{package.name}")
    return PackageUnknown(f"{view}/{package.name}")


async def require(registry: Registry, caller: Caller, action: Action, package: PackageId) -> None:
    """Raise unless the caller may do *action* to *package*.

    Raises `Unauthenticated`, `InsufficientScope`, `Denied`, `PackageUnknown`.
    """
    view = View(package.namespace)
    if caller.rights.allows(action, view, package.name):
        return
    namespace = await registry.catalog.find_namespace(package.namespace)
    public = namespace is not None and namespace.public
    # What an access token is narrowed to hides nothing from its holder.
    rights = caller.rights if caller.unscoped is None else caller.unscoped
    known = public or rights.allows(Action.READ, view, package.name)
    raise refusal(caller, action, view, package, known=known)


async def require_read(registry: Registry, caller: Caller, view: View, package: PackageId) -> None:
    """Raise unless the caller may read *package* through *view*, whether or not there is one.

    Raises `Unauthenticated`, `InsufficientScope`, `PackageUnknown`.
    """
    if caller.rights.allows(Action.READ, view, package.name):
        return
    namespace = await registry.catalog.find_namespace(package.namespace)
    if namespace is None or not namespace.public:
        raise refusal(caller, Action.READ, view, package, known=False)


def require_anywhere(caller: Caller, action: Action, view: View | None = None) -> None:
    """Raise unless the caller may do *action* to a whole namespace, or (``view=None``) to the registry.

    Raises `Unauthenticated`, `InsufficientScope`, `Denied`.
    """
    if caller.rights.allows(action, view):
        return
    if caller.unscoped is not None and caller.unscoped.allows(action, view):
        raise InsufficientScope(action)
    if caller.principal is None:
        raise Unauthenticated
    raise Denied(f"{caller.name} may not {action}" + ("" if view is None else f" in {view}"))


async def require_somewhere(registry: Registry, caller: Caller, action: Action, view: View) -> None:
    """Raise unless the caller may do *action* to some package of a namespace; to which is asked of each, too.

    Raises `Unauthenticated`, `InsufficientScope`, `Denied`, `NamespaceUnknown`.
    """
    if caller.rights.reaches(action, view):
        return
    if caller.principal is None:
        raise Unauthenticated
    if caller.unscoped is not None and caller.unscoped.reaches(action, view):
        raise InsufficientScope(action)
    namespace = await registry.catalog.find_namespace(view.namespace)
    if namespace is not None and (namespace.public or caller.rights.touches(view)):
        raise Denied(f"{caller.name} may not {action} in {view}")
    raise NamespaceUnknown(view.namespace)


def require_writable(view: View) -> None:
    """Raise `ReadOnly` for a channel's view: content enters it by clearance alone."""
    if not view.writable:
        raise ReadOnly(view, expected=f"{view.namespace}, and a clearance for {view.channel}")

"""Make namespaces, and set their rules and channels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.errors import Denied, Invalid, NamespaceUnknown, NameTaken, Unauthenticated
from entrepot.model.events import ChannelsChanged, NamespaceChanged, NamespaceCreated
from entrepot.model.names import FormatName, View
from entrepot.model.namespace import Namespace
from entrepot.model.reference import TagRules
from entrepot.operations import access
from entrepot.operations.purls import spell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.names import ChannelName, NamespaceName, PackagePattern
    from entrepot.model.upstream import PurlPattern
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_MAX_CHANNELS = 20
_MAX_ROLLBACKS = 100


async def create_namespace(registry: Registry, caller: Caller, name: NamespaceName, *, public: bool) -> Namespace:
    """Create a namespace. Raises `NameTaken`, `Unauthenticated`, `Denied`."""
    access.require_anywhere(caller, Action.ADMINISTER)
    if FormatName(name) in registry.formats:
        raise NameTaken(name, expected="a name that is not a format's")
    namespace = Namespace(name=name, public=public)

    def change(transaction: Transaction) -> Namespace:
        if not transaction.add_namespace(namespace):
            raise NameTaken(name)
        revision = transaction.append(caller.name, NamespaceCreated(namespace=name, public=public))
        return replace(namespace, revision=revision)

    return await registry.catalog.write(change)


async def read_namespace(registry: Registry, caller: Caller, name: NamespaceName) -> Namespace:
    """The namespace, for whoever may do anything in it. Raises `NamespaceUnknown`, `Unauthenticated`."""
    namespace = await registry.catalog.find_namespace(name)
    if namespace is not None and (namespace.public or caller.rights.touches(View(name))):
        return namespace
    if caller.principal is None:
        raise Unauthenticated
    raise NamespaceUnknown(name)


async def set_namespace(
    registry: Registry,
    caller: Caller,
    name: NamespaceName,
    *,
    public: bool | None = None,
    movable: Sequence[PackagePattern] | None = None,
    versions: Sequence[PackagePattern] | None = None,
    reserved: Sequence[PurlPattern] | None = None,
    rollbacks: int | None = None,
) -> Namespace:
    """Change who may read a namespace, its rules for tags, what names are its own, or how many *rollbacks* it keeps.

    None leaves something as it is.

    Raises `Invalid`, `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    await _require_govern(registry, caller, name)
    if rollbacks is not None and not 0 <= rollbacks <= _MAX_ROLLBACKS:
        raise Invalid("rollbacks", expected=f"0 to {_MAX_ROLLBACKS}", actual=rollbacks)
    own = None if reserved is None else tuple(_checked(registry, pattern) for pattern in reserved)

    def change(transaction: Transaction) -> Namespace:
        old = transaction.find_namespace(name)
        if old is None:
            raise NamespaceUnknown(name)
        rules = TagRules(
            movable=old.rules.movable if movable is None else tuple(movable),
            versions=old.rules.versions if versions is None else tuple(versions),
        )
        new = replace(
            old,
            public=old.public if public is None else public,
            rules=rules,
            reserved=old.reserved if own is None else own,
            rollbacks=old.rollbacks if rollbacks is None else rollbacks,
        )
        if new == old:
            return old
        transaction.set_namespace(new)
        revision = transaction.append(
            caller.name,
            NamespaceChanged(
                namespace=name,
                public=new.public,
                movable=tuple(str(pattern) for pattern in rules.movable),
                versions=tuple(str(pattern) for pattern in rules.versions),
                reserved=tuple(str(pattern) for pattern in new.reserved),
                rollbacks=new.rollbacks,
            ),
        )
        return replace(new, revision=revision)

    return await registry.catalog.write(change)


def _checked(registry: Registry, pattern: PurlPattern) -> PurlPattern:
    if pattern.version is not None:
        raise Invalid(str(pattern), expected="a name without a version: all of a package is the namespace's own")
    return spell(registry, pattern)


async def set_channels(
    registry: Registry, caller: Caller, name: NamespaceName, channels: Sequence[ChannelName]
) -> Namespace:
    """Replace a namespace's channels, given in order; one that clears something must stay.

    Raises `NamespaceUnknown`, `Invalid`, `Protected`, `Unauthenticated`, `Denied`.
    """
    await _require_govern(registry, caller, name)
    if len(set(channels)) != len(channels) or len(channels) > _MAX_CHANNELS:
        raise Invalid("channels", expected=f"at most {_MAX_CHANNELS}, each once")

    def change(transaction: Transaction) -> Namespace:
        old = transaction.find_namespace(name)
        if old is None:
            raise NamespaceUnknown(name)
        if old.channels == tuple(channels):
            return old
        transaction.set_channels(name, channels)
        revision = transaction.append(caller.name, ChannelsChanged(namespace=name, channels=tuple(channels)))
        return replace(old, channels=tuple(channels), revision=revision)

    return await registry.catalog.write(change)


async def _require_govern(registry: Registry, caller: Caller, name: NamespaceName) -> None:
    """Conceal the namespace from who may do nothing in it, refuse who may do less."""
    await read_namespace(registry, caller, name)
    if not caller.rights.allows(Action.GOVERN, View(name)):
        if caller.principal is None:
            raise Unauthenticated
        raise Denied(f"{caller.name} may not {Action.GOVERN} {name}")

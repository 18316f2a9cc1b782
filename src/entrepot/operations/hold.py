"""Keep an artifact whatever happens to its names: take, renew and release leases; place and lift holds.

What is leased or held cannot be deleted, nor what it contains, nor its referrers, nor the version that it is.
A lease is bounded, and protects nothing once it has run out, whether or not anybody looks; a hold is not, and only who
may do nothing else about it lifts it. To read is not enough for a lease: it costs the namespace room, and its people
the right to delete.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.errors import (
    ArtifactUnknown,
    Denied,
    HoldUnknown,
    Invalid,
    LeaseUnknown,
    PackageUnknown,
    ReferenceUnknown,
    TooManyHolds,
    Unauthenticated,
)
from entrepot.model.events import HoldLifted, HoldPlaced, LeaseExpired, LeaseReleased, LeaseRenewed, LeaseTaken
from entrepot.model.hold import Hold, HoldKind
from entrepot.model.names import View
from entrepot.model.position import START
from entrepot.operations import access

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId, ReferenceName
    from entrepot.model.position import Position
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_LONGEST_REASON: Final = 1_000
_LONGEST_HOLDER: Final = 128
_PAGE: Final = 1_000
_REGISTRY: Final = "entrepot"
"""Who closes leases that have run out."""


async def take_lease(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    target: ReferenceName | Digest,
    *,
    ttl: timedelta,
    reason: str,
    holder: str = "",
) -> Hold:
    """Keep what a name or a digest means for a time; without *holder* for the caller.

    Raises `Invalid`, `TooManyHolds`, `PackageUnknown`, `ReferenceUnknown`, `ArtifactUnknown`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.LEASE, package)
    _check_ttl(registry, ttl)
    expires_at = registry.clock.now() + ttl
    return await _open(
        registry, caller, package, target, HoldKind.LEASE, holder=holder, reason=reason, expires_at=expires_at
    )


async def place_hold(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    target: ReferenceName | Digest,
    *,
    reason: str,
    legal: bool = False,
    holder: str = "",
) -> Hold:
    """Keep what a name or a digest means until somebody lifts the hold; a *legal* one only who may lift it places.

    Raises `Invalid`, `TooManyHolds`, `PackageUnknown`, `ReferenceUnknown`, `ArtifactUnknown`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.LIFT if legal else Action.HOLD, package)
    kind = HoldKind.LEGAL if legal else HoldKind.MANUAL
    return await _open(registry, caller, package, target, kind, holder=holder, reason=reason)


async def renew_lease(registry: Registry, caller: Caller, id: str, *, ttl: timedelta) -> Hold:
    """Let a lease last for at least *ttl* from now; never for less than it would. One that has run out is gone.

    Raises `Invalid`, `LeaseUnknown`, or what `access.require` raises.
    """
    await _find(registry, caller, id, leases=True)
    _check_ttl(registry, ttl)

    def change(transaction: Transaction) -> Hold:
        lease = _live(transaction, id)
        expires_at = transaction.now + ttl
        if lease.expires_at is not None and lease.expires_at >= expires_at:
            return lease
        transaction.holds.renew(id, expires_at)
        transaction.append(
            caller.name,
            LeaseRenewed(
                namespace=lease.package.namespace,
                package=lease.package.path,
                digest=str(lease.digest),
                lease=id,
                holder=lease.holder,
                expires_at=expires_at,
            ),
        )
        return replace(lease, expires_at=expires_at)

    return await registry.catalog.write(change)


async def release_lease(registry: Registry, caller: Caller, id: str) -> Hold:
    """End a lease: who took it, or who may lift holds. Raises `LeaseUnknown`, or what `access.require` raises."""
    await _find(registry, caller, id, leases=True)

    def change(transaction: Transaction) -> Hold:
        lease = _live(transaction, id)
        transaction.holds.close(id)
        transaction.append(
            caller.name,
            LeaseReleased(
                namespace=lease.package.namespace,
                package=lease.package.path,
                digest=str(lease.digest),
                lease=id,
                holder=lease.holder,
            ),
        )
        return replace(lease, until_position=transaction.position, ended_at=transaction.now)

    return await registry.catalog.write(change)


async def lift_hold(registry: Registry, caller: Caller, id: str, *, reason: str = "") -> Hold:
    """Lift a hold. Raises `HoldUnknown`, `Invalid`, or what `access.require` raises."""
    hold = await _find(registry, caller, id, leases=False)
    await access.require(registry, caller, Action.LIFT, hold.package)
    if len(reason) > _LONGEST_REASON:
        raise Invalid("reason", expected=f"at most {_LONGEST_REASON} characters")

    def change(transaction: Transaction) -> Hold:
        known = transaction.holds.find(id)
        if known is None or not transaction.holds.close(id):
            raise HoldUnknown(id)
        transaction.append(
            caller.name,
            HoldLifted(
                namespace=known.package.namespace,
                package=known.package.path,
                digest=str(known.digest),
                hold=id,
                kind=known.kind,
                holder=known.holder,
                reason=reason,
            ),
        )
        return replace(known, until_position=transaction.position, ended_at=transaction.now)

    return await registry.catalog.write(change)


async def list_holds(
    registry: Registry,
    caller: Caller,
    namespace: NamespaceName,
    package: PackageId | None = None,
    *,
    leases: bool,
    history: bool = False,
    after: Position = START,
    limit: int,
) -> Sequence[Hold]:
    """A page of what is leased, or held, in a namespace or in a package of it, the oldest first.

    Raises what `access.require_read` and `access.require_anywhere` raise.
    """
    if package is None:
        access.require_anywhere(caller, Action.READ, View(namespace))
    else:
        await access.require_read(registry, caller, View(namespace), package)
    now = None if history else registry.clock.now()
    return await registry.catalog.holds.list(namespace, package, leases=leases, now=now, after=after, limit=limit)


async def close_expired(registry: Registry) -> int:
    """Note of leases that they have run out; how many. They had protected nothing since."""
    count = 0
    while expired := await registry.catalog.holds.list_expired(registry.clock.now(), limit=_PAGE):
        for lease in expired:
            await registry.catalog.write(partial(_expire, id=lease.id))
        count += len(expired)
    return count


def _expire(transaction: Transaction, *, id: str) -> None:
    lease = transaction.holds.find(id)
    if lease is None or lease.expires_at is None or lease.expires_at > transaction.now:
        return  # Another worker was here, or it was renewed just in time.
    if transaction.holds.close(id):
        transaction.append(
            _REGISTRY,
            LeaseExpired(
                namespace=lease.package.namespace,
                package=lease.package.path,
                digest=str(lease.digest),
                lease=id,
                holder=lease.holder,
                expires_at=lease.expires_at,
            ),
        )


def _check_ttl(registry: Registry, ttl: timedelta) -> None:
    longest = registry.limits.longest_lease
    if not timedelta(0) < ttl <= longest:
        raise Invalid("ttl", expected=f"more than nothing, and at most {longest.days} days", actual=ttl)


async def _open(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    target: ReferenceName | Digest,
    kind: HoldKind,
    *,
    holder: str,
    reason: str,
    expires_at: datetime | None = None,
) -> Hold:
    holder = holder or caller.name
    if len(holder) > _LONGEST_HOLDER or not holder.isprintable() or holder != holder.strip():
        raise Invalid(f"holder {holder[:80]!r}", expected=f"at most {_LONGEST_HOLDER} printable characters")
    if not 0 < len(reason.strip()) <= _LONGEST_REASON:
        raise Invalid("reason", expected=f"1 to {_LONGEST_REASON} characters that say why")
    if await registry.catalog.find_package(View(package.namespace), package) is None:
        raise PackageUnknown(f"{package.namespace}/{package.name}")
    new_id, limits = registry.clock.new_id(), registry.limits

    def change(transaction: Transaction) -> Hold:
        digest = find_kept(transaction, package, target)
        if transaction.holds.count(package, digest) >= limits.holds_per_artifact:
            raise TooManyHolds(digest, expected=f"at most {limits.holds_per_artifact}")
        if transaction.holds.count(package) >= limits.holds_per_namespace:
            raise TooManyHolds(package.namespace, expected=f"at most {limits.holds_per_namespace}")
        hold = Hold(new_id, package, digest, kind, holder, reason, caller.name, expires_at)
        transaction.holds.open(hold)
        transaction.append(caller.name, _opened(hold))
        return replace(hold, from_position=transaction.position, at=transaction.now)

    return await registry.catalog.write(change)


def _opened(hold: Hold) -> LeaseTaken | HoldPlaced:
    package, digest = hold.package, str(hold.digest)
    if hold.expires_at is None:
        return HoldPlaced(
            namespace=package.namespace,
            package=package.path,
            digest=digest,
            hold=hold.id,
            kind=hold.kind,
            holder=hold.holder,
            reason=hold.reason,
        )
    return LeaseTaken(
        namespace=package.namespace,
        package=package.path,
        digest=digest,
        lease=hold.id,
        holder=hold.holder,
        reason=hold.reason,
        expires_at=hold.expires_at,
    )


def find_kept(transaction: Transaction, package: PackageId, target: ReferenceName | Digest) -> Digest:
    """The artifact of the package that is to be kept, blocked or not. Raises `ReferenceUnknown`, `ArtifactUnknown`."""
    if isinstance(target, str):
        reference = transaction.find_reference(package, target)
        if reference is None:
            raise ReferenceUnknown(target)
        return reference.digest
    if not transaction.has_artifact(package, target):
        raise ArtifactUnknown(target)
    return target


def _live(transaction: Transaction, id: str) -> Hold:
    lease = transaction.holds.find(id)
    if lease is None or not lease.is_live(transaction.now):
        raise LeaseUnknown(id)
    return lease


async def _find(registry: Registry, caller: Caller, id: str, *, leases: bool) -> Hold:
    """A lease that the caller may end, or a hold that they may know of."""
    if caller.principal is None:
        raise Unauthenticated
    unknown = LeaseUnknown(id) if leases else HoldUnknown(id)
    found = await registry.catalog.holds.find(id)
    if found is None or (found.kind is HoldKind.LEASE) is not leases:
        raise unknown
    view, name = View(found.package.namespace), found.package.name
    namespace = await registry.catalog.find_namespace(found.package.namespace)
    if not access.may_read(caller, view, found.package, public=namespace is not None and namespace.public):
        raise unknown
    if leases and not caller.rights.allows(Action.LIFT, view, name):
        await access.require(registry, caller, Action.LEASE, found.package)
        if found.actor != caller.name:
            raise Denied(f"{caller.name} may not end the lease of {found.actor}")
    return found

"""Decide that a flaw does not matter in a package, or in one artifact of it: with a reason, and until when.

Whoever makes the policies of a namespace may make exemptions from what they ask. A publisher may not: the same hands
would bring something and keep quiet what is found in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.assessment import SUPPRESSING, Exemption, VexStatus
from entrepot.model.errors import ArtifactUnknown, ExemptionUnknown, Invalid, PackageUnknown, TooMany
from entrepot.model.events import ExemptionAdded, ExemptionEnded
from entrepot.model.names import View
from entrepot.operations import access

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.model.purl import Purl
    from entrepot.operations.registry import Registry
    from entrepot.ports.assessments import VexRow
    from entrepot.ports.catalog import Transaction

MOST_EXEMPTIONS: Final = 1_000
"""Of a package: each is asked about each finding."""
MOST_STATEMENTS: Final = 20_000
"""So many statements about an artifact are looked at."""

_LONGEST_REASON: Final = 1_000
_FLAW: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")


async def add_exemption(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    flaw: str,
    *,
    reason: str,
    digest: Digest | None = None,
    component: Purl | None = None,
    status: VexStatus = VexStatus.NOT_AFFECTED,
    until: datetime | None = None,
) -> Exemption:
    """Decide that a flaw, by any of its names, does not matter; its findings stay, and are shown as suppressed.

    Raises `Invalid`, `TooMany`, `PackageUnknown`, `ArtifactUnknown`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.GOVERN, package)
    now = registry.clock.now()
    if _FLAW.fullmatch(flaw) is None:
        raise Invalid(flaw[:200], expected="the name of a flaw, such as CVE-2021-44228")
    if not 0 < len(reason.strip()) <= _LONGEST_REASON:
        raise Invalid("reason", expected=f"1 to {_LONGEST_REASON} characters that say why")
    if status not in SUPPRESSING:
        raise Invalid(status, expected=f"one of {', '.join(sorted(SUPPRESSING))}")
    if until is not None and until <= now:
        raise Invalid("until", expected="a time to come", actual=until.isoformat())
    if await registry.catalog.find_package(View(package.namespace), package) is None:
        raise PackageUnknown(f"{package.namespace}/{package.name}")
    exemption = Exemption(
        id=registry.clock.new_id(),
        package=package,
        flaw=flaw,
        reason=reason.strip(),
        actor=caller.name,
        digest=digest,
        component=component,
        status=status,
        at=now,
        until=until,
    )

    def change(transaction: Transaction) -> Exemption:
        if digest is not None and not transaction.has_artifact(package, digest):
            raise ArtifactUnknown(digest)
        if transaction.assessments.count_exemptions(package) >= MOST_EXEMPTIONS:
            raise TooMany("exemptions", expected=f"at most {MOST_EXEMPTIONS} in a package")
        transaction.assessments.add_exemption(exemption)
        transaction.append(
            caller.name,
            ExemptionAdded(
                namespace=package.namespace,
                package=package.path,
                exemption=exemption.id,
                flaw=flaw,
                digest=None if digest is None else str(digest),
                component=None if component is None else str(component),
                status=status,
                reason=exemption.reason,
                until=until,
            ),
        )
        return exemption

    return await registry.catalog.write(change)


async def end_exemption(
    registry: Registry, caller: Caller, package: PackageId, id: str, *, reason: str = ""
) -> Exemption:
    """Take a decision back: what it suppressed counts again, at once.

    Raises `ExemptionUnknown`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.GOVERN, package)
    if await registry.catalog.find_package(View(package.namespace), package) is None:
        raise ExemptionUnknown(id[:100])

    def change(transaction: Transaction) -> Exemption:
        known = transaction.assessments.find_exemption(package, id)
        if known is None or not transaction.assessments.end_exemption(package, id):
            raise ExemptionUnknown(id[:100])
        transaction.append(
            caller.name,
            ExemptionEnded(
                namespace=package.namespace, package=package.path, exemption=id, flaw=known.flaw, reason=reason
            ),
        )
        return known

    return await registry.catalog.write(change)


async def list_exemptions(registry: Registry, caller: Caller, package: PackageId) -> Sequence[Exemption]:
    """What people have decided of a package; also what has ended by itself. Raises what `access.require_read` raises."""
    await access.require_read(registry, caller, View(package.namespace), package)
    return await registry.catalog.assessments.list_exemptions(package)


async def list_vex(registry: Registry, caller: Caller, package: PackageId, digest: Digest) -> Sequence[VexRow]:
    """What signed statements say of flaws in an artifact, whether or not it counts.

    Raises what `access.require_read` raises.
    """
    await access.require_read(registry, caller, View(package.namespace), package)
    return await registry.catalog.assessments.list_vex(package, digest, counting=False, limit=MOST_STATEMENTS)

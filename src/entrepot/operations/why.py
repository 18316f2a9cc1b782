"""Why is it as it is? All that is known about one artifact's standing, in one answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.errors import ArtifactUnknown, ReferenceUnknown
from entrepot.model.names import View
from entrepot.model.protection import ProtectionKind
from entrepot.model.reference import ReferenceKind
from entrepot.operations import access
from entrepot.operations.doors import ask_doors
from entrepot.operations.promote import plan_promotion
from entrepot.operations.scan import scan_digest
from entrepot.operations.secrets import may_see_places, read_leaks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.block import Block
    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName, PackageId, ReferenceName
    from entrepot.model.promotion import Promotion
    from entrepot.model.protection import Protection
    from entrepot.model.reference import Reference
    from entrepot.operations.doors import Said
    from entrepot.operations.promote import Plan
    from entrepot.operations.registry import Registry
    from entrepot.operations.scan import Scan
    from entrepot.operations.secrets import Leaks
    from entrepot.ports.attestations import AttestationRow
    from entrepot.ports.catalog import Clearance

_HISTORY = 20
_MOST_PROTECTIONS = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """How an artifact stands in one view."""

    view: View
    visible: bool
    text: str
    """Why, in words."""


@dataclass(frozen=True, slots=True)
class Why:
    """All that is known about an artifact's standing."""

    package: PackageId
    digest: Digest
    references: Sequence[Reference]
    """The names that mean it."""
    standings: Sequence[Standing]
    block: Block | None
    kept: Sequence[str]
    """What it is kept by, one sentence each."""
    protections: Sequence[Protection]
    """Why it cannot be deleted; only for who may read the package by a role, not for everybody."""
    plans: Sequence[Plan]
    """What would come of promoting it, for each channel that it is not in."""
    promotions: Sequence[Promotion]
    """How it came where it is, or did not, the newest first."""
    evidence: Sequence[AttestationRow]
    """Who says something of it."""
    scan: Scan
    """What was found."""
    leaks: Leaks
    """Which secrets are in it."""
    shows_places: bool = False
    """Whether the caller is told where these lie."""
    doors: Sequence[Said] = ()
    """What is asked of it, beside promotion, and what comes of that."""


async def why(registry: Registry, caller: Caller, package: PackageId, target: ReferenceName | Digest) -> Why:
    """Why an artifact is visible or not, blocked, kept, cleared, or cannot be promoted; who signed it, what was found.

    For who may read the whole namespace. Raises `ReferenceUnknown`, `ArtifactUnknown`, or what `access.require_read` raises.
    """
    view = View(package.namespace)
    await access.require_read(registry, caller, view, package)
    name, digest = (target, None) if isinstance(target, str) else (None, target)
    found = await registry.catalog.find_artifact(view, package, name=name, digest=digest, barred=True)
    if found is None:
        raise await _missing(registry, package, target)
    details = await registry.catalog.find_details(view, package, found.digest)
    names = () if details is None else details.references
    references = [
        each
        for each_name in names
        for each in await registry.catalog.list_history(package, each_name)
        if each.until_position is None
    ]
    block = await registry.catalog.blocks.find(package, found.digest)
    protections = await _protections(registry, caller, package, found.digest)
    clearances = () if details is None else details.clearances
    namespace = await registry.catalog.find_namespace(package.namespace)
    channels = () if namespace is None else namespace.channels
    plans = [
        await plan_promotion(registry, caller, package, found.digest if name is None else name, channel)
        for channel in channels
        if channel not in {each.channel for each in clearances}
    ]
    return Why(
        package=package,
        digest=found.digest,
        references=references,
        standings=[
            _whole(view, block, references),
            *_through(view, channels, clearances, digest=found.digest, block=block, protections=protections),
        ],
        block=block,
        kept=_kept(references, clearances, protections, found.digest),
        protections=protections,
        plans=plans,
        promotions=await registry.catalog.promotions.list(
            package.namespace, package, digest=found.digest, limit=_HISTORY
        ),
        evidence=await registry.catalog.attestations.list_attestations(package, [found.digest]),
        scan=await scan_digest(registry, package, found.digest),
        doors=await ask_doors(registry, package, found.digest, block, channels),
        leaks=await read_leaks(registry, package, found.digest),
        shows_places=may_see_places(caller, package),
    )


async def _protections(registry: Registry, caller: Caller, package: PackageId, digest: Digest) -> Sequence[Protection]:
    """What protects it. What runs where is not for everybody who may read what is public."""
    if not caller.rights.allows(Action.READ, View(package.namespace), package.name):
        return ()
    return await registry.catalog.protections.find(package, digest, now=registry.clock.now(), limit=_MOST_PROTECTIONS)


async def _missing(
    registry: Registry, package: PackageId, target: ReferenceName | Digest
) -> ReferenceUnknown | ArtifactUnknown:
    """What is not there, with what became of it."""
    if not isinstance(target, str):
        is_withheld = str(target) in await registry.catalog.tombstones.list_withheld(package)
        withheld = f"{target} was deleted, and does not come from an upstream again before somebody readmits it"
        return ArtifactUnknown(withheld if is_withheld else target)
    history = await registry.catalog.list_history(package, target)
    if not history:
        return ReferenceUnknown(target)
    last = history[-1]
    told = f"{target} meant {last.digest} until position {last.until_position}, when it was deleted"
    if target in await registry.catalog.tombstones.list_withheld(package):
        told += "; it does not come from an upstream again before somebody readmits it"
    return ReferenceUnknown(told)


def _whole(view: View, block: Block | None, references: Sequence[Reference]) -> Standing:
    if block is not None:
        return Standing(view, visible=False, text=f"it is {block.kind} by {block.actor}: {block.reason}")
    marks = [
        f"{each.name} is {word}" + (f": {reason}" if reason else "")
        for each in references
        for word, reason in (("yanked", each.yanked), ("deprecated", each.deprecated))
        if reason is not None
    ]
    return Standing(view, visible=True, text="; ".join(["it is in the package", *marks]))


def _through(
    view: View,
    channels: Sequence[ChannelName],
    clearances: Sequence[Clearance],
    *,
    digest: Digest,
    block: Block | None,
    protections: Sequence[Protection],
) -> list[Standing]:
    running = {
        each.place.environment: each
        for each in reversed(protections)
        if each.kind is ProtectionKind.DEPLOYED and each.place is not None
    }
    cleared = {each.channel: each for each in clearances}
    found: list[Standing] = []
    for channel in channels:
        through, clearance = View(view.namespace, channel), cleared.get(channel)
        if clearance is None:
            # What runs where it is not cleared any more does not start again.
            deployed = f", and it is {running[channel]}" if channel in running else ""
            found.append(Standing(through, visible=False, text=f"it is not cleared{deployed}"))
            continue
        by = "it is cleared" if clearance.digest == digest else f"{clearance.digest}, which covers it, is cleared"
        text = f"{by} since position {clearance.from_position}"
        if block is not None:
            text += f", and {block.kind}"
        found.append(Standing(through, visible=block is None, text=text))
    return found


def _kept(
    references: Sequence[Reference],
    clearances: Sequence[Clearance],
    protections: Sequence[Protection],
    digest: Digest,
) -> list[str]:
    """What keeps it from being collected."""
    named = [
        f"the {'version' if each.kind is ReferenceKind.VERSION else 'tag'} {each.name} means it" for each in references
    ]
    cleared = [
        f"it is cleared for {each.channel}"
        if each.digest == digest
        else f"{each.digest}, which covers it, is cleared for {each.channel}"
        for each in clearances
    ]
    protected = [
        f"it is {each}" if each.digest == digest else f"{each.digest}, which it is kept with, is {each}"
        for each in protections
    ]
    return [*named, *cleared, *protected] or ["nothing but its membership in the package"]

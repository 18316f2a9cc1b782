"""What is known of an artifact, as policies ask it: gathered from what has been found out, never found out here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.advisory import Level, State
from entrepot.model.artifact import TITLE, Artifact, LinkKind
from entrepot.model.component import Relation
from entrepot.model.errors import ArtifactUnknown, InvalidManifest, Unavailable
from entrepot.model.names import View
from entrepot.model.reference import ReferenceKind
from entrepot.model.signer import SignerState
from entrepot.operations.described import REFERENCE_TYPE
from entrepot.operations.follow import wait_for
from entrepot.operations.scan import scan_digest
from entrepot.operations.secrets import SecretState, read_leaks
from entrepot.policy.facts import Facts
from entrepot.ports.inventories import SbomSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName, PackageId
    from entrepot.model.promotion import Approval
    from entrepot.model.reference import Reference
    from entrepot.operations.registry import Registry
    from entrepot.policy.facts import Value
    from entrepot.ports.attestations import AttestationRow, VerificationRow
    from entrepot.ports.catalog import FoundArtifact

VERIFIES: Final = "verify"
"""The follower that verifies signatures: as long as it has not come to an artifact, nobody knows who signed it."""
MATCHES: Final = "match"
"""The follower that holds what is in an artifact against advisories."""
INVENTORIES: Final = "inventory"
"""The follower that finds out what is in an artifact."""
SEARCHES: Final = "secrets"
"""The follower that searches for secrets."""
EXAMINERS: Final = (VERIFIES, INVENTORIES, MATCHES, SEARCHES)
"""The followers that find out what policies ask."""

_UNREADABLE: Final = "unknown"
"""What BuildKit says of the attestations that it puts into an index."""
_PROVENANCE: Final = ("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2")
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What the facts are wanted for."""

    version: str = ""
    channel: ChannelName | None = None
    channels: Sequence[ChannelName] = ()
    """The namespace's, in order."""
    requester: str = ""
    approvals: Sequence[Approval] = ()


async def examined(registry: Registry, package: PackageId, *, seconds: float = 0) -> frozenset[str]:
    """Which followers have dealt with all that happened to the package; waits for them as long as it may."""
    row = await registry.catalog.find_package(View(package.namespace), package)
    ends = asyncio.get_running_loop().time() + seconds
    while seconds and row is not None:
        seen, known = row.revision, await registry.catalog.cursors.list()
        followers = [name for name in EXAMINERS if name in known]
        try:
            await wait_for(registry, followers, seen, seconds=ends - asyncio.get_running_loop().time())
        except Unavailable:
            break  # What is not known by then is no fact, and whoever asks for it is refused.
        row = await registry.catalog.find_package(View(package.namespace), package)
        if row is None or row.revision == seen:
            break  # Else what one of them found out happened to the package, too, and the others look at that.
    if row is None:
        return frozenset()
    cursors = await registry.catalog.cursors.list()
    return frozenset(name for name in EXAMINERS if cursors.get(name, 0) >= row.revision)


async def gather(
    registry: Registry,
    package: PackageId,
    digest: Digest,
    asked: Asked,
    *,
    now: datetime,
    done: frozenset[str] | None = None,
) -> Facts:
    """The facts of an artifact of the package, blocked or not; *done* says who is known to have examined it.

    Raises `ArtifactUnknown`.
    """
    if done is None:
        done = await examined(registry, package)
    found = await registry.catalog.find_artifact(View(package.namespace), package, digest=digest, barred=True)
    if found is None:
        raise ArtifactUnknown(digest)
    values = await _about(registry, package, found, asked, now=now)
    if VERIFIES in done:
        values |= await _said(registry, package, digest)
    if INVENTORIES in done:
        values |= await _content(registry, package, found)
    values |= await _findings(registry, package, digest, matched={MATCHES, INVENTORIES} <= done, now=now)
    values |= await _secrets(registry, package, digest)
    running = await registry.catalog.deployments.list_running([(package, digest)])
    values["deployed"] = tuple(sorted({each.place.environment for each in running.get((package, digest), ())}))
    return Facts.of(values)


async def _about(
    registry: Registry, package: PackageId, found: FoundArtifact, asked: Asked, *, now: datetime
) -> dict[str, Value]:
    """What is known as soon as it is there."""
    digest = found.digest
    details = await registry.catalog.find_details(View(package.namespace), package, digest)
    row = await registry.catalog.find_package(View(package.namespace), package)
    names = [] if details is None else details.references
    standing = Standing(
        references=[each for name in names if (each := await _reference(registry, package, name)) is not None],
        size=await registry.catalog.promotions.measure(digest),
        hosted=row is not None and row.hosted,
        first_seen=await registry.catalog.promotions.first_seen(package, digest),
        cleared=await registry.catalog.promotions.cleared_since(package, digest),
    )
    try:
        artifact = Artifact.parse(found.content, found.media_type)
    except InvalidManifest:
        artifact = None
    return known_at_once(package, digest, artifact, standing, asked, now=now)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an artifact stands in its package."""

    references: Sequence[Reference]
    """The names that mean it."""
    size: int
    hosted: bool
    first_seen: tuple[datetime, str] | None
    """When, and by whom; None for what is only on its way."""
    cleared: Mapping[ChannelName, datetime]


def known_at_once(
    package: PackageId,
    digest: Digest,
    artifact: Artifact | None,
    standing: Standing,
    asked: Asked,
    *,
    now: datetime,
) -> dict[str, Value]:
    """The facts that are known as soon as an artifact is there, before anything has examined it."""
    references = standing.references
    versions = [each for each in references if each.kind is ReferenceKind.VERSION]
    values: dict[str, Value] = {
        "owner": package.namespace,
        "format": package.format,
        "name": package.name,
        "version": asked.version or (versions[0].name if versions else ""),
        "versions": tuple(each.name for each in versions),
        "tags": tuple(each.name for each in references if each.kind is ReferenceKind.TAG),
        "digest": str(digest),
        "size": standing.size,
        "now": now,
        "sealed": bool(versions) and all(each.sealed for each in versions),
        "yanked": any(each.yanked is not None for each in versions),
        "deprecated": any(each.deprecated is not None for each in versions),
        "hosted": standing.hosted,
        "approvals.count": len(asked.approvals),
        "approvals.by": tuple(each.principal for each in asked.approvals),
        "requested_by": asked.requester,
        **({} if artifact is None else _told(artifact)),
        **_channels(asked, standing.cleared, now),
    }
    if standing.first_seen is not None:
        at, actor = standing.first_seen
        values |= {"first_seen": at, "age": max(now - at, now - now), "published_by": actor}
    return values


def _told(artifact: Artifact) -> dict[str, Value]:
    """What an artifact says of itself."""
    files = [link.target.annotations.get(TITLE) for link in artifact.links if link.kind is LinkKind.LAYER]
    return {
        "media_type": artifact.media_type,
        "artifact_type": artifact.effective_type or "",
        "annotations": dict(artifact.annotations),
        "files": tuple(name for name in files if name is not None),
    }


def _channels(asked: Asked, cleared: Mapping[ChannelName, datetime], now: datetime) -> dict[str, Value]:
    values: dict[str, Value] = {"channel": asked.channel or "", "channels": tuple(sorted(cleared))}
    before = previous_channel(asked.channels, asked.channel)
    values["previous.channel"] = before or ""
    values["previous.cleared"] = before is not None and before in cleared
    if before is not None and before in cleared:
        values["previous.soaked"] = now - cleared[before]
    else:
        values["previous.soaked"] = now - now
    return values


def previous_channel(channels: Sequence[ChannelName], channel: ChannelName | None) -> ChannelName | None:
    """The channel before one; None for the first, and for one that is none."""
    if channel is None or channel not in channels:
        return None
    place = channels.index(channel)
    return None if place == 0 else channels[place - 1]


async def _reference(registry: Registry, package: PackageId, name: str) -> Reference | None:
    """What a name means, blocked or not."""
    history = await registry.catalog.list_history(package, name)  # type: ignore[arg-type]  # the catalog's own
    return next((each for each in reversed(history) if each.until_position is None), None)


# --- what is in it ---


async def _content(registry: Registry, package: PackageId, found: FoundArtifact) -> dict[str, Value]:
    """What SBOMs say of it; of an index, what they say of all that it contains."""
    subjects = _parts(found)
    known = {each: await registry.catalog.inventories.list_sboms(package, each) for each in subjects}
    readable = {each: [row.sbom for row in rows if row.sbom.problem is None] for each, rows in known.items()}
    inventories = registry.catalog.inventories
    components = {purl for each in subjects for purl, _ in await inventories.list_components(package, each)}
    licences = [row for each in subjects for row in await inventories.list_licences(package, each)]
    present = all(readable.values())
    sources = {sbom.source for sboms in readable.values() for sbom in sboms}
    values: dict[str, Value] = {
        "sbom.known": True,
        "sbom.present": present,
        "sbom.generated": present and sources == {SbomSource.GENERATED},
        "sbom.components": len(components),
    }
    if not present:
        return values  # Then nobody knows its licences either.
    return values | {
        "licences.known": True,
        "licences.categories": tuple(sorted({row.category for row in licences})),
        "licences.expressions": tuple(sorted({row.expression for row in licences})),
        "licences.unknown": sum(row.components for row in licences if row.category == _UNREADABLE),
    }


def _parts(found: FoundArtifact) -> list[Digest]:
    """The artifact itself; or what an index contains, without what only says something of it."""
    try:
        artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
    except InvalidManifest:
        return [found.digest]
    contained = [
        link.target.digest
        for link in artifact.links
        if link.kind is LinkKind.MANIFEST and REFERENCE_TYPE not in link.target.annotations
    ]
    return contained or [found.digest]


async def _findings(
    registry: Registry, package: PackageId, digest: Digest, *, matched: bool, now: datetime
) -> dict[str, Value]:
    """Vulnerabilities; none of them known before all that is in the artifact was held against the advisories."""
    sources = [source for source in await registry.catalog.advisories.list_sources() if source.advisories]
    read = [source.read_at for source in sources]
    values: dict[str, Value] = {"findings.enabled": bool(sources)}
    ages = [now - at for at in read if at is not None]
    if ages:
        values["findings.advisories_age"] = min(ages)
    if not matched:
        return values
    scan = await scan_digest(registry, package, digest)
    if not scan.is_complete:
        return values
    # What a lockfile in an image wants is perhaps not there: it is shown, and nobody is refused for it.
    held = [each for each in scan.findings if each.relation != Relation.DECLARED]
    counted = [each for each in held if each.suppressed is None]
    certain = [each for each in counted if each.state is State.AFFECTED]
    fixable = [each for each in certain if each.fixed is not None]
    counts = {level: sum(each.severity.level is level for each in certain) for level in Level}
    worst = min((each.severity.level for each in certain), key=lambda level: level.rank, default=Level.NONE)
    return values | {
        "findings.known": True,
        "findings.critical": counts[Level.CRITICAL],
        "findings.high": counts[Level.HIGH],
        "findings.medium": counts[Level.MEDIUM],
        "findings.low": counts[Level.LOW],
        "findings.unrated": counts[Level.UNKNOWN],
        "findings.total": len(certain),
        "findings.fixable": len(fixable),
        "findings.fixable_critical": sum(each.severity.level is Level.CRITICAL for each in fixable),
        "findings.fixable_high": sum(each.severity.level is Level.HIGH for each in fixable),
        "findings.exploited": sum(each.exploited_since is not None for each in certain),
        "findings.unknown": len(counted) - len(certain),
        "findings.suppressed": len(held) - len(counted),
        "findings.reported": sum(not each.compared for each in certain),
        "findings.worst": "unrated" if worst is Level.UNKNOWN else str(worst),
        "findings.ids": tuple(dict.fromkeys(each.id for each in certain)),
    }


async def _secrets(registry: Registry, package: PackageId, digest: Digest) -> dict[str, Value]:
    """Secrets; none of them known before all of the artifact was searched."""
    leaks = await read_leaks(registry, package, digest)
    if not leaks.searched:
        return {}
    counts = leaks.counts
    live, possible = counts[SecretState.LIVE], counts[SecretState.POSSIBLE]
    certain = counts[SecretState.CERTAIN] + live
    worth = {SecretState.LIVE, SecretState.CERTAIN, SecretState.POSSIBLE}
    kinds = tuple(sorted({each.found.rule for each in leaks.secrets if each.state in worth}))
    return {
        "secrets.known": True,
        "secrets.count": certain + possible,
        "secrets.certain": certain,
        "secrets.possible": possible,
        "secrets.live": live,
        "secrets.accepted": counts[SecretState.ACCEPTED],
        "secrets.kinds": kinds,
        "secrets.summary": ", ".join(kinds),
        "secrets.unread": leaks.unread,
    }


# --- who says so ---


async def _said(registry: Registry, package: PackageId, digest: Digest) -> dict[str, Value]:
    """Signatures and provenance, of the artifact itself."""
    signers = await registry.catalog.attestations.list_signers(package.namespace)
    may_vouch = [
        row
        for row in signers
        if row.signer.state is SignerState.ACTIVE
        and any(pattern.matches(package.path) for pattern in row.signer.scope.packages)
        and row.signer.namespace is not None
    ]
    found = await registry.catalog.attestations.list_attestations(package, [digest])
    counted = [(row, each) for row in found for each in row.verifications if each.reason is None]
    ours = [(row, each) for row, each in counted if each.namespace is not None]
    return {
        "signed.known": True,
        "signed.registered": len(may_vouch),
        "signed.by": tuple(sorted({each.signer for _, each in ours})),
        "signed.refused": sum(not row.verified for row in found),
        "signatures": tuple(_signature(row, each) for row, each in counted),
        **_provenance(found),
    }


def _signature(row: AttestationRow, each: VerificationRow) -> dict[str, str]:
    return {
        "signer": each.signer,
        "kind": each.kind,
        "predicate": row.attestation.predicate_type or "",
        "issuer": each.issuer or "",
        "subject": each.identity or "",
    }


def _provenance(found: Sequence[AttestationRow]) -> dict[str, Value]:
    """The provenance that is believed most: verified before claimed, and the highest level first."""
    told = [row for row in found if row.attestation.build is not None or row.attestation.predicate_type in _PROVENANCE]
    best = max(told, key=lambda row: (row.verified, _level(row)), default=None)
    build = None if best is None else best.attestation.build
    return {
        "provenance.known": True,
        "provenance.present": best is not None,
        "provenance.verified": best is not None and best.verified,
        "provenance.level": 0 if best is None else _level(best),
        "provenance.builder": "" if build is None else build.builder or "",
        "provenance.repository": "" if build is None else build.repository or "",
        "provenance.commit": "" if build is None else build.revision or "",
    }


def _level(row: AttestationRow) -> int:
    return max((each.level for each in row.verifications if each.reason is None), default=0)

"""Examine the evidence that an artifact holds: who is proven to have signed it, and what it says of a build.

What comes out is a cache: the catalog has it, no event tells of it, and examining again gives the same.
Whatever cannot be read or checked is kept with the reason, and counts for nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.build import Build, Material
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    InvalidDigest,
    InvalidEvidence,
    InvalidKey,
    InvalidMetadata,
    InvalidName,
    TooLarge,
    Unavailable,
)
from entrepot.model.signer import OWN_PREFIX
from entrepot.operations.evidence import content_of, find_evidence, read_evidence
from entrepot.operations.signers import parse_root, recognize
from entrepot.ports.attestations import Accepted, Attestation, Examined
from entrepot.scanning.vex import is_vex, parse_vex
from entrepot.trust.evidence import EvidenceKind
from entrepot.trust.provenance import Provenance
from entrepot.trust.verify import read, verify

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from entrepot.model.assessment import VexStatement
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.model.position import Position
    from entrepot.model.signer import Signer
    from entrepot.operations.evidence import Holding, Piece
    from entrepot.operations.registry import Registry
    from entrepot.ports.attestations import AttestationRow, SignerRow
    from entrepot.ports.catalog import Transaction
    from entrepot.trust import signers as trust
    from entrepot.trust.evidence import Acceptance, Claims, Evidence, Subject, Verdict
    from entrepot.trust.roots import TrustedRoot

FOLLOWER: Final = "verify"
"""Who examines what comes (`entrepot.followers.verify`)."""
FOLLOWER_AGAIN: Final = "verify-again"
"""Who examines what is here when those who are believed change (`entrepot.followers.verify_again`)."""

_ATTEMPTS: Final = 5
_MATERIALS: Final = 10_000
_REASON: Final = 1_000
_COMMITS: Final = ("gitCommit", "sha1")

KINDS_OF: Final = {
    "key": frozenset(EvidenceKind) - {EvidenceKind.OPENPGP_DETACHED, EvidenceKind.OPENPGP_CLEARSIGNED},
    "identity": frozenset(EvidenceKind) - {EvidenceKind.OPENPGP_DETACHED, EvidenceKind.OPENPGP_CLEARSIGNED},
    "openpgp": frozenset({EvidenceKind.OPENPGP_DETACHED, EvidenceKind.OPENPGP_CLEARSIGNED}),
    "x509": frozenset(EvidenceKind) - {EvidenceKind.OPENPGP_DETACHED, EvidenceKind.OPENPGP_CLEARSIGNED},
}
"""What each kind of signer may have signed."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a namespace knows, as evidence is held against it."""

    revision: Position
    signers: Sequence[trust.Signer]
    rows: dict[str, SignerRow]
    """By the name that `entrepot.trust` knows each by."""
    roots: Sequence[TrustedRoot]
    now: datetime


async def examine(registry: Registry, package: PackageId, digest: Digest, *, again: bool = False) -> None:
    """Have what an artifact holds examined and known; what is known of it already only *again*.

    Raises `Unavailable` when those whom the namespace believes change all the time.
    """
    holding = await find_evidence(registry, package, digest)
    if holding is None:
        return
    if not holding.pieces:
        if again:  # It may have lost the tag that made evidence of it.
            await registry.catalog.write(lambda transaction: transaction.attestations.keep(package, digest, ()))
        return
    known = {} if again else await _known(registry, package, holding)
    for _ in range(_ATTEMPTS):
        trusted = await read_trust(registry, package.namespace)
        found = [
            await _examine(registry, package, holding, piece, trusted)
            for piece in holding.pieces
            if _place(piece) not in known
        ]
        if not found and all(row.attestation.holder == digest for row in known.values()):
            return
        if await _keep(registry, package, digest, found, unchanged=known.values(), trusted=trusted):
            return
    raise Unavailable(f"whom {package.namespace} believes changes all the time")


async def read_trust(registry: Registry, namespace: NamespaceName) -> Trust:
    """Whom a namespace knows, now; in whatever state, because what they signed is a fact of its own."""
    attestations = registry.catalog.attestations
    revision = await attestations.trust_revision(namespace)
    roots = await attestations.list_roots(namespace)
    shared = [root for root in await attestations.list_roots(None) if root.namespace is None]
    known: list[trust.Signer] = []
    rows: dict[str, SignerRow] = {}
    for row in await attestations.list_signers(namespace):
        try:
            signer = recognize(row.signer, roots if row.signer.namespace is not None else shared)
        except (InvalidKey, InvalidName):
            continue  # One that we accepted before and would not today, such as a certificate that was revoked since.
        if signer is not None:
            known.append(signer)
            rows[_key(row)] = row
    named = [_named(signer, row) for signer, row in zip(known, rows.values(), strict=True)]
    trusted = tuple(parse_root(root.name, root.content) for root in roots)
    return Trust(revision, named, rows, trusted, registry.clock.now())


def _key(row: SignerRow) -> str:
    return str(row.id)


def _named(signer: trust.Signer, row: SignerRow) -> trust.Signer:
    """The same, called by its number: a namespace and the registry may have two of one name."""
    return replace(signer, id=_key(row))


async def _known(
    registry: Registry, package: PackageId, holding: Holding
) -> dict[tuple[Digest, Digest, int], AttestationRow]:
    """What of it was examined before: nothing of it has changed, and of changes to signers somebody else hears."""
    subjects = {piece.subject.digest for piece in holding.pieces}
    rows = await registry.catalog.attestations.list_attestations(package, subjects)
    places = {_place(piece) for piece in holding.pieces}
    found = {(row.attestation.subject, row.attestation.carrier, row.attestation.ordinal): row for row in rows}
    return {place: row for place, row in found.items() if place in places}


def _place(piece: Piece) -> tuple[Digest, Digest, int]:
    return piece.subject.digest, piece.carrier, piece.ordinal


async def _keep(
    registry: Registry,
    package: PackageId,
    digest: Digest,
    found: Sequence[Examined],
    *,
    unchanged: Collection[AttestationRow],
    trusted: Trust,
) -> bool:
    """Have it known, unless somebody else is believed by now."""

    def change(transaction: Transaction) -> bool:
        if transaction.attestations.trust_revision(package.namespace) != trusted.revision:
            return False
        if transaction.has_artifact(package, digest):
            transaction.attestations.keep(package, digest, found, unchanged=[row.id for row in unchanged])
        return True

    return await registry.catalog.write(change)


async def _examine(registry: Registry, package: PackageId, holding: Holding, piece: Piece, trusted: Trust) -> Examined:
    evidence = await read_evidence(registry, package, piece)
    if isinstance(evidence, str):
        return Examined(_attestation(piece, holding, piece.content, reason=evidence))
    # Cryptography takes its time, and everybody else need not wait for it.
    return await asyncio.to_thread(_check, package, holding, piece, evidence, trusted)


def _check(package: PackageId, holding: Holding, piece: Piece, evidence: Evidence, trusted: Trust) -> Examined:
    content = content_of(evidence)
    try:
        claims = read(evidence)
    except InvalidEvidence as error:
        return Examined(_attestation(piece, holding, content, reason=str(error)))
    verdict = _verify(evidence, piece.subject, trusted)
    build, problem = _read_build(claims)
    vex, unread = _read_vex(claims, piece.subject)
    reason = None if verdict.verified else verdict.reason
    attestation = replace(
        _attestation(piece, holding, content, claims=claims, build=build, reason=reason or problem or unread), vex=vex
    )
    if problem is not None:
        return Examined(attestation)  # Signed or not: of a build that nobody can read nobody vouches.
    accepted = {each.signer: _accept(package, each, claims, build, trusted) for each in verdict.accepted}
    return Examined(attestation, tuple(accepted.values()))


def _verify(evidence: Evidence, subject: Subject, trusted: Trust) -> Verdict:
    return verify(evidence, subject, trusted.signers, now=trusted.now, roots=trusted.roots)


def _accept(
    package: PackageId, acceptance: Acceptance, claims: Claims, build: Build | None, trusted: Trust
) -> Accepted:
    row = trusted.rows[acceptance.signer]
    scope, builder = row.signer.scope, None if build is None else build.builder
    identity = acceptance.identity
    return Accepted(
        signer_id=row.id,
        key=acceptance.key,
        issuer=None if identity is None else identity.issuer,
        identity=None if identity is None else identity.subject,
        signed_at=acceptance.signed_at,
        level=0 if build is None else scope.level_of(builder),
        objection=scope.objection(package, claims.predicate_type, builder),
        suppresses=_may_suppress(row.signer, claims.predicate_type),
    )


def _may_suppress(signer: Signer, predicate_type: str | None) -> bool:
    """What the registry signs itself, it signs for who governs the namespace."""
    if predicate_type is None or not is_vex(predicate_type):
        return False
    ours = signer.namespace is None and signer.name.startswith(OWN_PREFIX)
    return ours or signer.scope.may_suppress(predicate_type)


def _attestation(
    piece: Piece,
    holding: Holding,
    content: Digest,
    *,
    claims: Claims | None = None,
    build: Build | None = None,
    reason: str | None = None,
) -> Attestation:
    identity = None if claims is None else claims.identity
    return Attestation(
        subject=piece.subject.digest,
        carrier=piece.carrier,
        ordinal=piece.ordinal,
        source=piece.source,
        holder=holding.details.summary.digest,
        kind=piece.kind,
        content=content,
        seen_at=holding.details.summary.published_at,
        predicate_type=None if claims is None else claims.predicate_type,
        issuer=None if identity is None else identity.issuer,
        identity=None if identity is None else identity.subject,
        hint=None if claims is None or not claims.key_hints else claims.key_hints[0],
        reason=None if reason is None else reason[:_REASON],
        build=build,
    )


def _read_build(claims: Claims) -> tuple[Build | None, str | None]:
    """What the evidence says of a build, if it is about one; or why that cannot be read."""
    if claims.statement is None:
        return None, None
    try:
        found = Provenance.of(claims.statement)
    except InvalidEvidence as error:
        return None, str(error)
    if found is None:
        return None, None
    materials = tuple(
        Material(each.uri, _digest_text(each.digests), each.name) for each in found.materials[:_MATERIALS]
    )
    return (
        Build(
            builder=found.builder,
            build_type=found.build_type or None,
            build=found.build,
            repository=None if found.source is None else found.source.repository,
            revision=None if found.source is None else found.source.commit,
            started_at=found.started_at,
            finished_at=found.finished_at,
            materials=materials,
        ),
        None,
    )


def _read_vex(claims: Claims, subject: Subject) -> tuple[tuple[VexStatement, ...], str | None]:
    """What the evidence says of flaws, or why that cannot be read: then it says nothing of any.

    Where it names no product it is about what it is a statement about (OpenVEX 0.2.0, "Inheritance").
    """
    statement = claims.statement
    if statement is None or not is_vex(statement.predicate_type):
        return (), None
    try:
        said = parse_vex(msgspec.json.encode(statement.predicate))
    except (InvalidMetadata, TooLarge, msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        # CycloneDX says what is inside, too: what it may say of flaws besides need not be readable.
        return (), str(error)
    return tuple(each if each.products else replace(each, products=(str(subject.digest),)) for each in said), None


def _digest_text(digests: Mapping[str, str]) -> str | None:
    """The name that a material is looked up by."""
    for algorithm in ("sha256", "sha512"):
        try:
            return str(Digest.parse(f"{algorithm}:{digests[algorithm].lower()}"))
        except (KeyError, InvalidDigest):
            continue
    return next((f"gitCommit:{digests[name].lower()[:128]}" for name in _COMMITS if name in digests), None)

"""Signers and evidence: the attestation area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog.assessments import keep_vex
from entrepot.drivers.catalog.rows import parse_time, time_text
from entrepot.drivers.catalog.session import CHANGE
from entrepot.drivers.catalog.statements import Statement, load
from entrepot.drivers.catalog.tracing import Trace
from entrepot.model.build import Build, Material
from entrepot.model.digest import Digest
from entrepot.model.names import (
    ChannelName,
    FormatName,
    NamespaceName,
    PackageId,
    PackageName,
    PackagePattern,
    ReferenceName,
)
from entrepot.model.position import Position
from entrepot.model.signer import Scope, Signer, SignerKind, SignerName, SignerState
from entrepot.ports.attestations import (
    Affected,
    Attestation,
    AttestationRow,
    BuildKey,
    Built,
    Completeness,
    Found,
    Origin,
    RootRow,
    SignerRow,
    Source,
    VerificationRow,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.ports.attestations import Examined, MayRead

ATTESTATIONS: Final = load("attestations")

_AGAIN: Final = "this is being verified again, because the signer or a trusted root has changed"
_LAST: Final = "\U0010ffff"

_MATERIAL: Final = "material x CROSS JOIN provenance pr USING (attestation_id)"
_BY: Final = {
    key: Statement(
        ATTESTATIONS.list_builds_by_revision.replace("pr.revision BETWEEN", f"{column} BETWEEN").replace(
            "FROM provenance pr\n", f"FROM {tables}\n"
        )
    )
    for key, column, tables in (
        (BuildKey.REVISION, "pr.revision", "provenance pr"),
        (BuildKey.REPOSITORY, "pr.repository", "provenance pr"),
        (BuildKey.BUILD, "pr.build", "provenance pr"),
        (BuildKey.BUILDER, "pr.builder", "provenance pr"),
        (BuildKey.MATERIAL, "x.digest", _MATERIAL),
        (BuildKey.MATERIAL_URI, "x.uri", _MATERIAL),
    )
}


class _Scope(msgspec.Struct, omit_defaults=True):
    packages: list[str]
    predicate_types: list[str]
    builders: dict[str, int] = {}


class SqlAttestations:
    """Implements `entrepot.ports.attestations.Attestations`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def list_signers(self, namespace: NamespaceName | None, *, inherited: bool = True) -> Sequence[SignerRow]:
        """The signers of a namespace by name, with those of the whole registry when *inherited*."""
        found = await self._questions.all(ATTESTATIONS.list_signers, namespace=namespace, inherited=inherited)
        return [_signer(row) for row in found]

    async def find_signer(self, namespace: NamespaceName | None, name: SignerName) -> SignerRow | None:
        """A signer of just this namespace, or of the registry."""
        row = await self._questions.one(ATTESTATIONS.find_signer, namespace=namespace, name=name)
        return None if row is None else _signer(row)

    async def list_roots(self, namespace: NamespaceName | None) -> Sequence[RootRow]:
        """The trusted roots that a namespace may name."""
        return [
            RootRow(name, bytes(content), None if owner is None else NamespaceName(owner), Position(position))
            for name, content, owner, position in await self._questions.all(
                ATTESTATIONS.list_roots, namespace=namespace
            )
        ]

    async def trust_revision(self, namespace: NamespaceName | None) -> Position:
        """As `AttestationChanges.trust_revision`."""
        row = await self._questions.one(ATTESTATIONS.find_trust_revision, namespace=namespace)
        return Position(0 if row is None else row[0])

    async def list_attestations(self, package: PackageId, subjects: Collection[Digest]) -> Sequence[AttestationRow]:
        """All evidence in a package about any of *subjects*, in the order in which it came."""
        row = await self._questions.one(
            CHANGE.package_id, namespace=package.namespace, format=package.format, package=package.name
        )
        if row is None:
            return []
        found = await self._questions.all(ATTESTATIONS.list_attestations, package=row[0], subjects=_texts(subjects))
        return [_attestation(package, each) for each in found]

    async def list_holders(
        self, namespace: NamespaceName | None, kinds: Collection[str], *, after: int, limit: int
    ) -> Sequence[Found]:
        """A page of the artifacts that hold evidence of *kinds*."""
        found = await self._questions.all(
            ATTESTATIONS.list_holders, namespace=namespace, kinds=_texts(kinds), after=after, limit=limit
        )
        return [Found(row[0], _package(*row[1:4]), Digest.parse(row[4])) for row in found]

    async def list_affected(self, signer_id: int, *, after: int, limit: int) -> Sequence[Affected]:
        """A page of what a signer vouches for, whatever its state."""
        found = await self._questions.all(ATTESTATIONS.list_affected, signer=signer_id, after=after, limit=limit)
        return [_affected(row) for row in found]

    async def list_builds(
        self, key: BuildKey, value: str, *, namespace: NamespaceName | None, may_read: MayRead, after: int, limit: int
    ) -> Sequence[Built]:
        """A page of what provenance that the caller may read says was built so."""
        known: dict[PackageId, bool] = {}
        built: list[Built] = []
        while True:
            page = await self._questions.all(
                _BY[key],
                value=value,
                # Commits are called by how they begin.
                last=value + _LAST if key is BuildKey.REVISION else value,
                namespace=namespace,
                after=after,
                limit=limit,
            )
            for *row, public in page:
                each = _built(row)
                if each.package not in known:
                    known[each.package] = may_read(each.package, bool(public))
                if known[each.package]:
                    built.append(each)
            if len(page) < limit or len(built) >= limit:
                return built[:limit]
            after = page[-1][0]

    async def trace(
        self, package: PackageId, subject: Digest, *, may_read: MayRead, depth: int, limit: int
    ) -> Sequence[Origin]:
        """What went into an artifact of a package and its files, and into that."""
        found = await Trace(self._questions, may_read).follow(
            subject, namespace=package.namespace, depth=depth, limit=limit
        )
        return [
            Origin(
                depth=row[0],
                product=Digest.parse(row[1]),
                material=Material(uri=row[2], digest=row[3], name=row[4]),
                package=_package(*row[5:8]),
                builder=row[8],
                build=row[9],
                verified_by=tuple(SignerName(name) for name in sorted(_list(row[10]))),
            )
            for row in found
        ]

    async def completeness(self, namespace: NamespaceName) -> Completeness:
        """How much of a namespace has provenance."""
        row = await self._questions.one(ATTESTATIONS.completeness, namespace=namespace)
        return Completeness(0, 0, 0) if row is None else Completeness(*row)


class SqlAttestationChanges:
    """Implements `entrepot.ports.attestations.AttestationChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_signer(self, signer: Signer) -> bool:
        """Know a signer; False when there is one of the name. Raises `NamespaceUnknown`."""
        namespace = self._namespace(signer.namespace)
        added = self._session.run(
            ATTESTATIONS.add_signer,
            namespace=namespace,
            name=signer.name,
            kind=signer.kind,
            material=msgspec.json.encode(signer.material).decode(),
            **self._state(signer),
        )
        self._touch(namespace)
        return added > 0

    def find_signer(self, namespace: NamespaceName | None, name: SignerName) -> SignerRow | None:
        """A signer of just this namespace, or of the registry."""
        row = self._session.one(ATTESTATIONS.find_signer, namespace=namespace, name=name)
        return None if row is None else _signer(row)

    def set_signer(self, signer: Signer) -> None:
        """Replace its state and what it may vouch for. A new scope makes nothing count until it is verified again."""
        before = self.find_signer(signer.namespace, signer.name)
        if before is None:
            message = f"there is no signer {signer.name}"
            raise RuntimeError(message)
        namespace = self._namespace(signer.namespace)
        self._session.run(ATTESTATIONS.set_signer, namespace=namespace, name=signer.name, **self._state(signer))
        if before.signer.scope != signer.scope:
            self._session.run(ATTESTATIONS.object_to_signer, signer=before.id, objection=_AGAIN)
        self._touch(namespace)

    def list_affected(self, signer_id: int, *, limit: int) -> Sequence[Affected]:
        """The first of what a signer vouches for, as this change leaves it."""
        found = self._session.all(ATTESTATIONS.list_affected, signer=signer_id, after=0, limit=limit)
        return [_affected(row) for row in found]

    def set_root(self, namespace: NamespaceName | None, name: str, content: bytes) -> bool:
        """Trust a root, instead of one of the name; False when it is that already."""
        owner = self._namespace(namespace)
        position = self._session.position
        if not self._session.run(ATTESTATIONS.set_root, namespace=owner, name=name, content=content, position=position):
            return False
        self._mistrust(owner)
        return True

    def remove_root(self, namespace: NamespaceName | None, name: str) -> bool:
        """Trust it no more; False when there is none."""
        owner = self._namespace(namespace)
        position = self._session.position
        if not self._session.run(ATTESTATIONS.remove_root, namespace=owner, name=name, empty=b"", position=position):
            return False
        self._mistrust(owner)
        return True

    def trust_revision(self, namespace: NamespaceName | None) -> Position:
        """The position of the last change to any signer or root that the namespace has or inherits."""
        return Position(self._session.returned(ATTESTATIONS.find_trust_revision, namespace=namespace)[0])

    def keep(
        self, package: PackageId, holder: Digest, found: Sequence[Examined], *, unchanged: Collection[int] = ()
    ) -> None:
        """Know this of what an artifact of the package holds, and nothing else of it."""
        session = self._session
        package_id, holder_id = session.package_id(package), session.blob_id(holder)
        kept = [*unchanged, *(self._keep(package_id, holder_id, each) for each in found)]
        for number in unchanged:
            session.run(ATTESTATIONS.keep_unchanged, attestation=number, holder=holder_id)
        session.run(
            ATTESTATIONS.forget_others,
            holder=holder_id,
            package=package_id,
            kept=msgspec.json.encode(kept).decode(),
        )

    def _keep(self, package: int, holder: int, examined: Examined) -> int:
        session, found = self._session, examined.attestation
        (attestation,) = session.returned(
            ATTESTATIONS.keep_attestation,
            package=package,
            subject=session.name_blob(found.subject, 0),
            carrier=session.blob_id(found.carrier),
            ordinal=found.ordinal,
            source=found.source,
            holder=holder,
            kind=found.kind,
            content=str(found.content),
            predicate_type=found.predicate_type,
            issuer=found.issuer,
            identity=found.identity,
            hint=found.hint,
            reason=found.reason,
            seen_at=time_text(found.seen_at),
        )
        session.run(ATTESTATIONS.forget_verifications, attestation=attestation)
        for each in examined.accepted:
            session.run(
                ATTESTATIONS.keep_verification,
                attestation=attestation,
                signer=each.signer_id,
                key=each.key,
                issuer=each.issuer,
                identity=each.identity,
                signed_at=_time_text(each.signed_at),
                level=each.level,
                objection=each.objection,
                suppresses=each.suppresses,
            )
        session.run(ATTESTATIONS.forget_materials, attestation=attestation)
        session.run(ATTESTATIONS.forget_provenance, attestation=attestation)
        if found.build is not None:
            self._keep_build(attestation, found.build)
        keep_vex(session, attestation, found.vex)
        return int(attestation)

    def _keep_build(self, attestation: int, build: Build) -> None:
        self._session.run(
            ATTESTATIONS.keep_provenance,
            attestation=attestation,
            builder=build.builder,
            build_type=build.build_type,
            build=build.build,
            repository=build.repository,
            revision=build.revision,
            started_at=_time_text(build.started_at),
            finished_at=_time_text(build.finished_at),
        )
        materials = [(each.uri, each.name, each.digest) for each in build.materials]
        self._session.run_rows(ATTESTATIONS.keep_materials, materials, attestation=attestation)

    def _namespace(self, name: NamespaceName | None) -> int | None:
        return None if name is None else self._session.namespace_id(name)

    def _touch(self, namespace: int | None) -> None:
        if namespace is not None:
            self._session.run(CHANGE.touch_namespace, namespace=namespace, position=self._session.position)

    def _mistrust(self, namespace: int | None) -> None:
        self._session.run(ATTESTATIONS.object_to_certified, namespace=namespace, objection=_AGAIN)
        self._touch(namespace)

    def _state(self, signer: Signer) -> dict[str, object]:
        scope = _Scope(
            [str(pattern) for pattern in signer.scope.packages],
            [str(pattern) for pattern in signer.scope.predicate_types],
            dict(signer.scope.builders),
        )
        return {
            "scope": msgspec.json.encode(scope).decode(),
            "state": signer.state,
            "until": _time_text(signer.until),
            "reason": signer.reason,
            "position": self._session.position,
        }


# --- from rows to values ---


def _signer(row: tuple[Any, ...]) -> SignerRow:
    number, namespace, name, kind, material, scope_text, state, until, reason, added, changed = row
    scope = msgspec.json.decode(scope_text, type=_Scope)
    return SignerRow(
        number,
        Signer(
            name=SignerName(name),
            kind=SignerKind(kind),
            material=msgspec.json.decode(material, type=dict[str, str | dict[str, str]]),
            namespace=None if namespace is None else NamespaceName(namespace),
            scope=Scope(
                tuple(map(PackagePattern, scope.packages)),
                tuple(map(PackagePattern, scope.predicate_types)),
                scope.builders,
            ),
            state=SignerState(state),
            until=_time(until),
            reason=reason,
        ),
        Position(added),
        Position(changed),
    )


def _attestation(package: PackageId, row: tuple[Any, ...]) -> AttestationRow:
    (number, subject, carrier, ordinal, source, holder, kind, content, seen_at, *said) = row
    predicate_type, issuer, identity, hint, reason = said[:5]
    found = Attestation(
        subject=Digest.parse(subject),
        carrier=Digest.parse(carrier),
        ordinal=ordinal,
        source=Source(source),
        holder=Digest.parse(holder),
        kind=kind,
        content=Digest.parse(content),
        seen_at=parse_time(seen_at),
        predicate_type=predicate_type,
        issuer=issuer,
        identity=identity,
        hint=hint,
        reason=reason,
        build=_build(said[5:13]),
    )
    return AttestationRow(number, package, found, tuple(_verification(each) for each in _list(said[13])))


def _verification(row: list[Any]) -> VerificationRow:
    name, namespace, kind, key, issuer, identity, signed_at, level, reason = row
    return VerificationRow(
        signer=SignerName(name),
        namespace=None if namespace is None else NamespaceName(namespace),
        kind=SignerKind(kind),
        key=key,
        issuer=issuer,
        identity=identity,
        signed_at=_time(signed_at),
        level=level,
        reason=reason,
    )


def _affected(row: Sequence[Any]) -> Affected:
    return Affected(
        id=row[0],
        package=_package(*row[1:4]),
        subject=Digest.parse(row[4]),
        predicate_type=row[5],
        references=tuple(ReferenceName(name) for name in sorted(_list(row[6]))),
        channels=tuple(ChannelName(name) for name in sorted(_list(row[7]))),
        still_verified=bool(row[8]),
    )


def _built(row: Sequence[Any]) -> Built:
    number, namespace, format_, name, subject, references, verified, *build = row
    signers = _list(verified)
    return Built(
        id=number,
        package=_package(namespace, format_, name),
        subject=Digest.parse(subject),
        references=tuple(ReferenceName(each) for each in sorted(_list(references))),
        build=_build(build) or Build(),
        verified_by=tuple(SignerName(signer) for signer, _ in sorted(signers)),
        level=max((level for _, level in signers), default=0),
    )


def _build(row: Sequence[Any]) -> Build | None:
    number, builder, build_type, build, repository, revision, started_at, finished_at = row
    if number is None:
        return None
    return Build(
        builder=builder,
        build_type=build_type,
        build=build,
        repository=repository,
        revision=revision,
        started_at=_time(started_at),
        finished_at=_time(finished_at),
    )


def _package(namespace: str, format_: str, name: str) -> PackageId:
    return PackageId(NamespaceName(namespace), FormatName(format_), PackageName(name))


def _time_text(time: datetime | None) -> str | None:
    return None if time is None else time_text(time)


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)


def _texts(values: Collection[object]) -> str:
    return msgspec.json.encode([str(value) for value in values]).decode()


def _list(text: str) -> list[Any]:
    found: list[Any] = msgspec.json.decode(text)
    return found

"""Make an artifact part of a package, and give it names: the one write path of every format.

A request is authenticated and parsed by the wire; here it is authorised, its bytes are stored already (`upload`),
and one transaction does the rest: content, links (I2), membership, names (I3, I4), what the policies at the first door
say (`admission`), the event (I5).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.artifact import TITLE, LinkKind
from entrepot.model.errors import (
    InvalidManifest,
    InvalidName,
    LinkUnknown,
    NamespaceUnknown,
    PolicyDenied,
    ReferenceUnknown,
    TagImmutable,
    TooLarge,
    TooMany,
    VersionExists,
    VersionSealed,
)
from entrepot.model.events import ArtifactPublished
from entrepot.model.names import View
from entrepot.model.redaction import holds_token
from entrepot.model.reference import Reference, ReferenceKind
from entrepot.model.upstream import ACTOR
from entrepot.operations import access
from entrepot.operations.admission import ask_admission
from entrepot.operations.block import refusal_of
from entrepot.operations.quota import require_within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.artifact import Artifact
    from entrepot.model.digest import Digest
    from entrepot.model.events import AdmissionRefused
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.model.namespace import Namespace
    from entrepot.operations.admission import Admission
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob
    from entrepot.ports.catalog import Transaction


_IMAGES: Final = "oci"


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be published: an artifact, the names it shall have, and blobs that enter the package with it."""

    artifact: Artifact
    tags: tuple[ReferenceName, ...] = ()
    """Names whose kind the namespace's rules decide: OCI's."""
    version: ReferenceName | None = None
    """The name that the format itself calls a version."""
    moving: tuple[ReferenceName, ...] = ()
    """Names that the format itself calls tags, which whoever publishes may move: npm's."""
    blobs: tuple[StoredBlob, ...] = ()
    sealed: bool = True
    """Whether its versions are complete: a sealed one never changes, an open one may still gain files."""


async def publish(registry: Registry, caller: Caller, package: PackageId, draft: Draft) -> Artifact:
    """Publish *draft* in *package*. Publishing the same again is not an error, and no event.

    Raises `LinkUnknown`, `TooLarge`, `TooMany`, `NamespaceUnknown`, `VersionExists`, `VersionSealed`, `TagImmutable`,
    `QuotaExceeded`, `PolicyDenied`, `Quarantined`, or what `access.require` raises.
    """
    return await publish_composed(registry, caller, package, lambda _: draft)


async def publish_composed(
    registry: Registry, caller: Caller, package: PackageId, compose: Callable[[Transaction], Draft]
) -> Artifact:
    """Publish what *compose* makes of the package's present state, inside the same transaction.

    So two writers that each add a file to one version both succeed, whatever their order.
    """
    await access.require(registry, caller, Action.PUBLISH, package)
    may_overwrite = caller.rights.allows(Action.OVERWRITE, View(package.namespace), package.name)
    is_upstream = caller.name.startswith(ACTOR)
    block_id = registry.clock.new_id()
    refused: AdmissionRefused | None = None
    told: tuple[str, ...] = ()

    def change(transaction: Transaction) -> Artifact:
        nonlocal refused, told
        refused, told = None, ()
        namespace = transaction.find_namespace(package.namespace)
        if namespace is None:
            raise NamespaceUnknown(package.namespace)
        account = transaction.usage.find(package.namespace)
        draft = compose(transaction)
        _check_limits(registry, draft)
        _require_no_token(package, draft)
        _require_not_blocked(transaction, package, draft)
        if is_upstream:
            _require_not_withheld(transaction, package, draft)
        changed = add_content(transaction, package, draft)
        kinds = {name: namespace.rules.kind_of(name) for name in draft.tags}
        kinds |= dict.fromkeys(draft.moving, ReferenceKind.TAG)
        if draft.version is not None:
            kinds[draft.version] = ReferenceKind.VERSION
        named = tuple(
            name
            for name, kind in kinds.items()
            if _give_name(
                transaction,
                namespace,
                package,
                draft,
                name,
                kind=kind,
                may_overwrite=may_overwrite,
                is_upstream=is_upstream,
            )
        )
        if changed or named:
            require_within(transaction, account)
            admission = ask_admission(transaction, caller.name, package, draft.artifact, tuple(kinds))
            if admission.refused:
                refused = admission.refused_event()
                raise admission.refusal()
            told = admission.told
            _let_wait(transaction, admission, block_id)
            transaction.append(caller.name, admission.mark(_event(package, draft.artifact, named)))
        return draft.artifact

    try:
        artifact = await registry.catalog.write(change)
    except PolicyDenied:
        if (event := refused) is not None:
            # Of what was refused nothing is kept but that it was.
            await registry.catalog.write(lambda transaction: transaction.append(caller.name, event))
        raise
    if caller.told is not None:
        caller.told.extend(told)
    return artifact


def _let_wait(transaction: Transaction, admission: Admission, id: str) -> None:
    """Keep from being served what must wait; what is in takes with it what it contains."""
    if not admission.decision.reasons:
        return
    package, digest = admission.package, admission.artifact.digest
    transaction.blocks.supersede(package, digest)
    if admission.awaiting is not None:
        transaction.blocks.open(replace(admission.awaiting, id=id))
    else:
        transaction.blocks.admit(package, digest)


def _require_no_token(package: PackageId, draft: Draft) -> None:
    """A name is told to everybody, for ever: no token of ours may become one."""
    for name in (package.name, draft.version, *draft.tags, *draft.moving):
        if name is not None and holds_token(name):
            raise InvalidName(name, expected="no token of this registry in a name; revoke it, it was sent in the clear")


def _check_limits(registry: Registry, draft: Draft) -> None:
    if len(draft.artifact.content) > registry.limits.manifest_size:
        raise TooLarge(
            "manifest",
            expected=f"at most {registry.limits.manifest_size} bytes",
            actual=len(draft.artifact.content),
        )
    if len(draft.tags) > registry.limits.tags_per_manifest:
        raise TooMany("tags", expected=f"at most {registry.limits.tags_per_manifest}", actual=len(draft.tags))


def _require_not_blocked(transaction: Transaction, package: PackageId, draft: Draft) -> None:
    """What was blocked does not come back: not the artifact, not what it contains, not the version's name, no file.

    Of images only the artifacts count: their layers are everywhere.
    """
    if not transaction.blocks.has_any(package):
        return
    artifact = draft.artifact
    contained = [link.target.digest for link in artifact.links if link.kind is LinkKind.MANIFEST]
    meant = [transaction.find_meaning(package, name) for name in (*draft.tags, draft.version) if name is not None]
    versions = [known.digest for known in meant if known is not None and known.kind is ReferenceKind.VERSION]
    for digest in (artifact.digest, *contained, *versions):
        if (block := transaction.blocks.find_refusal(package, digest)) is not None:
            raise refusal_of(block)
    if package.format != _IMAGES:
        files = [link.target.digest for link in artifact.links if link.kind is LinkKind.LAYER]
        if (block := transaction.blocks.find_file_refusal(package, files)) is not None:
            raise refusal_of(block)


def _require_not_withheld(transaction: Transaction, package: PackageId, draft: Draft) -> None:
    """What was deleted here while it was on its way from an upstream does not arrive."""
    names = draft.tags if draft.version is None else (*draft.tags, draft.version)
    targets: tuple[ReferenceName | Digest, ...] = (draft.artifact.digest, *names)
    for target in targets:
        if transaction.tombstones.holds(package, target):
            raise ReferenceUnknown(f"{target} was deleted here, and does not come again by itself")


def add_content(transaction: Transaction, package: PackageId, draft: Draft) -> bool:
    """Bytes, then rows, then membership; whether the package has something new.

    Without names and without an event: for changes that publish something beside what they are about.
    """
    changed = False
    for blob in draft.blobs:
        transaction.keep_blob(blob.digest, blob.size, blob.content, generation=blob.generation)
        changed |= transaction.add_blob_member(package, blob.digest)
    artifact = draft.artifact
    if missing := transaction.missing_members(package, artifact):
        raise LinkUnknown(missing[0])
    transaction.keep_artifact(artifact)
    return transaction.add_artifact_member(package, artifact.digest) or changed


def _give_name(
    transaction: Transaction,
    namespace: Namespace,
    package: PackageId,
    draft: Draft,
    name: ReferenceName,
    *,
    kind: ReferenceKind,
    may_overwrite: bool,
    is_upstream: bool,
) -> bool:
    """Let *name* mean the artifact; whether that is news."""
    digest = draft.artifact.digest
    known = transaction.find_meaning(package, name)
    present = known if known is not None and known.until_position is None else None
    version = known if known is not None and known.kind is ReferenceKind.VERSION else None
    if version is not None:
        kind = ReferenceKind.VERSION  # Whatever the rules have become: a version's name is never a tag's (I4).
    if present is not None and present.digest == digest and present.kind == kind:
        return False
    deleted = [] if version is None else transaction.list_deleted(package, name)
    if version is not None:
        _require_version_may_be(transaction, draft, version, deleted, is_upstream=is_upstream)
    elif (
        present is not None
        and present.digest != digest
        and not (may_overwrite or name in draft.moving or namespace.rules.lets_move(name))
    ):
        raise TagImmutable(name, expected=present.digest, actual=digest)
    # What was said of a version holds for what it grows into, and when it comes back.
    transaction.set_reference(
        package,
        Reference(
            kind=kind,
            name=name,
            digest=digest,
            from_position=transaction.position,
            sealed=kind is ReferenceKind.VERSION and (draft.sealed or _is_whole_again(transaction, draft, deleted)),
            yanked=None if version is None else version.yanked,
            deprecated=None if version is None else version.deprecated,
        ),
    )
    return True


def _require_version_may_be(
    transaction: Transaction, draft: Draft, version: Reference, deleted: Sequence[Reference], *, is_upstream: bool
) -> None:
    """I4: a version that is there may only grow, and one that was there may only come back as it was.

    What was readmitted comes from its upstream as clients ask for it, and that is file by file.
    """
    digest = draft.artifact.digest
    if deleted and not _returns(transaction, draft, deleted):
        raise VersionExists(version.name, expected=deleted[-1].digest, actual=digest)
    if version.until_position is not None:
        if digest != version.digest and not is_upstream:
            raise VersionExists(version.name, expected=version.digest, actual=digest)
        return
    if version.sealed:
        raise VersionSealed(version.name, expected=version.digest, actual=digest)
    content = transaction.find_content(version.digest)
    if content is None or not _contains(draft.artifact, content):
        raise VersionExists(version.name, expected=version.digest, actual=digest)


def _returns(transaction: Transaction, draft: Draft, deleted: Sequence[Reference]) -> bool:
    """Whether a draft is what was deleted, or, where files come one by one, on its way there or grown beyond."""
    if draft.artifact.digest in {each.digest for each in deleted}:
        return True
    old = _files_of_all(transaction, draft, deleted)
    if draft.version is None or old is None:
        return False
    new = _files(draft.artifact)
    if draft.sealed or any(each.sealed for each in deleted):
        return new == old or (new < old and not draft.sealed)
    return new <= old or new >= old


def _is_whole_again(transaction: Transaction, draft: Draft, deleted: Sequence[Reference]) -> bool:
    """Whether a draft has all files of what was complete when it was deleted."""
    if not any(each.sealed for each in deleted):
        return False
    return _files(draft.artifact) == _files_of_all(transaction, draft, deleted)


def _files_of_all(
    transaction: Transaction, draft: Draft, deleted: Sequence[Reference]
) -> set[tuple[Digest, str | None]] | None:
    """All files that a version had when it was deleted, or deleted again before it was whole; None for another kind."""
    found: set[tuple[Digest, str | None]] = set()
    for each in deleted:
        content = transaction.find_content(each.digest)
        if content is None:
            if transaction.trash.describe(each.digest).media_type != draft.artifact.media_type:
                return None
            found |= _files_left(draft, transaction.list_files(each.digest))
            continue
        before = _parse(draft.artifact, content)
        if before is None:
            return None
        found |= _files(before)
    return found


def _files_left(draft: Draft, digests: Sequence[Digest]) -> set[tuple[Digest, str | None]]:
    """The files of a version whose manifest is waiting to be given up, or was: only what they were is known then.

    As many as there were have the names that *draft* has for the same bytes.
    """
    names: dict[Digest, list[str | None]] = {}
    for digest, name in sorted(_files(draft.artifact), key=str):
        names.setdefault(digest, []).append(name)
    return {(digest, names[digest].pop() if names.get(digest) else None) for digest in digests}


def _contains(artifact: Artifact, content: bytes) -> bool:
    """Whether *artifact* has every file of the stored manifest *content*, each under the name that it has there."""
    before = _parse(artifact, content)
    return before is not None and _files(before) <= _files(artifact)


def _parse(artifact: Artifact, content: bytes | None) -> Artifact | None:
    """An earlier state of *artifact*; None when that is something else."""
    try:
        return None if content is None else type(artifact).parse(content, artifact.media_type)
    except InvalidManifest:
        return None


def _files(artifact: Artifact) -> set[tuple[Digest, str | None]]:
    return {
        (link.target.digest, link.target.annotations.get(TITLE))
        for link in artifact.links
        if link.kind is LinkKind.LAYER
    }


def _event(package: PackageId, artifact: Artifact, names: tuple[ReferenceName, ...]) -> ArtifactPublished:
    return ArtifactPublished(
        namespace=package.namespace,
        package=package.path,
        digest=str(artifact.digest),
        media_type=artifact.media_type,
        artifact_type=artifact.effective_type,
        subject=None if artifact.subject is None else str(artifact.subject.digest),
        references=names,
    )

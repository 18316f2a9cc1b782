"""Index the SBOM that an artifact brings: what it says is in its subject, component by component.

What several documents say of one artifact is put together: nobody takes a component away from what another one lists.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from entrepot.inventory.documents import MEDIA_TYPES, Document, is_predicate, read_document, read_predicate
from entrepot.inventory.licences import category_of, normalise
from entrepot.inventory.limits import LIMITS
from entrepot.model.artifact import Artifact, LinkKind
from entrepot.model.component import Relation
from entrepot.model.digest import Digest
from entrepot.model.errors import Invalid, InvalidDigest, InvalidInventory, NotFound
from entrepot.model.events import InventoryIndexed
from entrepot.model.names import View
from entrepot.model.nul import has_nul
from entrepot.operations.described import iter_attestations
from entrepot.operations.receive_file import look_into_blob
from entrepot.ports.inventories import LicenceRow, Sbom, SbomSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from entrepot.inventory.inventory import Inventory
    from entrepot.model.access import Caller
    from entrepot.model.artifact import Link
    from entrepot.model.names import PackageId
    from entrepot.model.purl import Purl
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_STATEMENTS: Final = (
    "application/vnd.in-toto+json",
    "application/vnd.dsse.envelope.v1+json",
    "application/vnd.dev.sigstore.bundle",
)
"""How the media types of what may hold a statement begin."""
_ENVELOPE_SIZE: Final = 2 * LIMITS.document_size
_SBOM_TAG: Final = ".sbom"
_FEW: Final = 5_000
"""So many components are written at once: everybody else who writes waits meanwhile."""
_LONGEST: Final = 1_000
_HELD: Final = (Relation.SUBJECT, Relation.CONTAINED)
MOST_DOCUMENTS: Final = 32
"""So many documents about one artifact are read, beside the one that we made; of a further one that it was not read is
known. All are read again with each that comes."""


async def index_sbom(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    carrier: Digest,
    names: Sequence[str] = (),
    *,
    ours: bool,
    about: Digest | None = None,
) -> bool:
    """Index what an artifact brings, if it brings SBOMs; return whether it does.

    *names* are its tags: cosign attaches by ``sha256-….sbom``, too. *ours* says that we made it. *about* is what it is
    about where it does not say so itself.
    A document that cannot be read is known as that, and nothing of what is in its subject is known from it.
    """
    found = await registry.catalog.find_artifact(View(package.namespace), package, digest=carrier)
    if found is None:
        return False  # Deleted meanwhile.
    artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
    subject = _subject(artifact, names) or about
    if subject is None or not (links := _documents_in(artifact)):
        return False
    if await registry.catalog.find_artifact(View(package.namespace), package, digest=subject) is None:
        return False  # What it is about has not come, or is gone: pushed again, it is looked at again.
    others = [said for said in await read_indexed(registry, package, subject) if said[0].carrier != carrier]
    brought: list[tuple[Sbom, Inventory | None]] = []
    room = MOST_DOCUMENTS - sum(sbom.source is not SbomSource.GENERATED for sbom, _ in others)
    for looked_at, (ordinal, link) in enumerate(links):
        if not ours and (len(brought) >= room or looked_at >= MOST_DOCUMENTS):
            brought.append((_too_many(carrier, link, ordinal), None))
            break
        sbom, inventory = await _read(registry, package, carrier, link, ordinal=ordinal, subject=subject, ours=ours)
        if sbom is not None:
            brought.append((sbom, inventory))
    if brought:
        await _keep(registry, caller, package, subject, brought=brought, others=others)
    return bool(brought)


async def index_described(registry: Registry, caller: Caller, package: PackageId, digest: Digest) -> None:
    """Index the SBOMs that an index brings of its own images (`entrepot.operations.described`)."""
    found = await registry.catalog.find_artifact(View(package.namespace), package, digest=digest)
    if found is None:
        return
    artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
    for carrier, about in iter_attestations(artifact):
        await index_sbom(registry, caller, package, carrier, ours=False, about=about)


def _too_many(carrier: Digest, link: Link, ordinal: int) -> Sbom:
    """What is known of a document for which there is no room: that it was not read."""
    problem = f"there are {MOST_DOCUMENTS} documents about it already, and no more are read"
    return Sbom(carrier, link.target.digest, _source(link, ours=False), "", 0, problem=problem, ordinal=ordinal)


def _subject(artifact: Artifact, names: Iterable[str]) -> Digest | None:
    if artifact.subject is not None:
        return artifact.subject.digest
    for name in names:
        if name.endswith(_SBOM_TAG):
            try:
                return Digest.parse(name.removesuffix(_SBOM_TAG).replace("-", ":", 1))
            except InvalidDigest:
                continue
    return None


def _documents_in(artifact: Artifact) -> list[tuple[int, Link]]:
    """The layers that are SBOMs, or may hold one, each with its place."""
    layers = [link for link in artifact.links if link.kind is LinkKind.LAYER]
    return [
        (ordinal, link)
        for ordinal, link in enumerate(layers)
        if link.target.media_type in MEDIA_TYPES
        or artifact.effective_type in MEDIA_TYPES
        or "spdx" in link.target.media_type
        or "cyclonedx" in link.target.media_type
        or link.target.media_type.startswith(_STATEMENTS)
    ]


@dataclass(frozen=True, slots=True)
class _Statement:
    """A document with what its statement is about; no subjects where it came by itself."""

    document: Document
    subjects: frozenset[str] | None


def _source(link: Link, *, ours: bool) -> SbomSource:
    if ours:
        return SbomSource.GENERATED
    return SbomSource.ATTESTED if link.target.media_type.startswith(_STATEMENTS) else SbomSource.UPLOADED


async def _read(
    registry: Registry, package: PackageId, carrier: Digest, link: Link, *, ordinal: int, subject: Digest, ours: bool
) -> tuple[Sbom | None, Inventory | None]:
    """What is known of the document, and what it says; neither for a statement about something else than contents."""
    source = _source(link, ours=ours)
    examine = _examine_statement if source is SbomSource.ATTESTED else _examine
    try:
        read = await look_into_blob(registry, package, link.target.digest, examine, limit=_ENVELOPE_SIZE)
        if read is None:
            return None, None
        if read.subjects is not None and str(subject) not in read.subjects:
            raise InvalidInventory("statement", expected=f"{subject} as its subject")
    except (Invalid, NotFound) as error:
        problem = str(error)[:_LONGEST]
        return Sbom(carrier, link.target.digest, source, "", 0, problem=problem, ordinal=ordinal), None
    document = read.document
    return (
        Sbom(
            carrier=carrier,
            content=link.target.digest,
            source=source,
            form=f"{document.format} {document.version}",
            components=len(document.inventory.components),
            unread=len(document.inventory.unread),
            ordinal=ordinal,
        ),
        document.inventory,
    )


def _examine(file: BinaryIO) -> _Statement | None:
    return _Statement(read_document(file.read(LIMITS.document_size + 1)), None)


def _examine_statement(file: BinaryIO) -> _Statement | None:
    """The document in a statement, which may be in an envelope, which may be in a bundle; None for other statements."""
    try:
        content = file.read()
        found: Any = msgspec.json.decode(content)
        if isinstance(found, dict) and isinstance(found.get("dsseEnvelope"), dict):
            found = found["dsseEnvelope"]
        if isinstance(found, dict) and isinstance(found.get("payload"), str):
            content = base64.b64decode(found["payload"], validate=True)
            found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, binascii.Error, ValueError):
        return None  # Verification says what is wrong with it.
    if not isinstance(found, dict) or not is_predicate(str(found.get("predicateType"))):
        return None
    if has_nul(content):
        raise InvalidInventory("statement", expected="texts without NUL")
    return _Statement(read_predicate(found.get("predicate")), frozenset(_digests(found.get("subject"))))


def _digests(subjects: object) -> list[str]:
    found = []
    for each in subjects if isinstance(subjects, list) else ():
        digest = each.get("digest") if isinstance(each, dict) else None
        for algorithm, value in digest.items() if isinstance(digest, dict) else ():
            found.append(f"{algorithm}:{value}")
    return found


async def read_indexed(registry: Registry, package: PackageId, subject: Digest) -> list[tuple[Sbom, Inventory]]:
    """Every document about an artifact that can be read, with what it says."""
    found = []
    for row in await registry.catalog.inventories.list_sboms(package, subject):
        sbom = row.sbom
        if sbom.problem is not None:
            continue
        examine = _examine_statement if sbom.source is SbomSource.ATTESTED else _examine
        try:
            read = await look_into_blob(registry, package, sbom.content, examine, limit=_ENVELOPE_SIZE)
        except (Invalid, NotFound):
            continue
        if read is not None:
            found.append((sbom, read.document.inventory))
    return found


async def _keep(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    subject: Digest,
    *,
    brought: Sequence[tuple[Sbom, Inventory | None]],
    others: Iterable[tuple[Sbom, Inventory]],
) -> None:
    said = [inventory for _, inventory in (*others, *brought) if inventory is not None]
    components, licences = _components(said), _licences(said)
    first = list(components.items())
    for start in range(0, len(first) - _FEW, _FEW):
        some = dict(first[start : start + _FEW])
        await registry.catalog.write(_adding(package, subject, some))
    for sbom, _ in brought:
        await registry.catalog.write(_knowing(caller, package, subject, sbom, contents=(components, licences)))


def _knowing(
    caller: Caller,
    package: PackageId,
    subject: Digest,
    sbom: Sbom,
    *,
    contents: tuple[dict[Purl, Relation], list[LicenceRow]],
) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        news = transaction.inventories.keep(package, subject, sbom)
        transaction.inventories.set_components(package, subject, *contents)
        if news:
            transaction.append(
                caller.name,
                InventoryIndexed(
                    namespace=package.namespace,
                    package=package.path,
                    digest=str(subject),
                    carrier=str(sbom.carrier),
                    source=sbom.source,
                    form=sbom.form,
                    components=sbom.components,
                    problem=sbom.problem,
                ),
            )

    return change


def _adding(package: PackageId, subject: Digest, components: dict[Purl, Relation]) -> Callable[[Transaction], None]:
    return lambda transaction: transaction.inventories.add_components(package, subject, components)


def _components(said: Iterable[Inventory]) -> dict[Purl, Relation]:
    """By package URL; of several relations the closest."""
    found: dict[Purl, Relation] = {}
    for each in said:
        for component in each.components:
            if component.purl is not None:
                known = found.get(component.purl, component.relation)
                found[component.purl] = min(known, component.relation, key=lambda each: each.rank)
    return found


def _licences(said: Iterable[Inventory]) -> list[LicenceRow]:
    """Those of what is in it, and of itself; what it only needs has its own where it is."""
    counted: Counter[str] = Counter()
    seen: set[object] = set()
    for each in said:
        for component in each.components:
            key = (component.purl or component.name, component.version, component.licence)
            if component.licence and component.relation in _HELD and key not in seen:
                seen.add(key)
                counted[normalise(component.licence) or component.licence] += 1
    return [LicenceRow(text, str(category_of(normalise(text))), count) for text, count in sorted(counted.items())]


async def forget_sbom(registry: Registry, package: PackageId, carrier: Digest) -> None:
    """Let what a deleted artifact brought say nothing more of what it was about."""
    for subject in await registry.catalog.inventories.find_subjects(package, carrier):
        said = [inventory for _, inventory in await read_indexed(registry, package, subject)]
        await registry.catalog.write(_setting(package, subject, _components(said), _licences(said)))


def _setting(
    package: PackageId, subject: Digest, components: dict[Purl, Relation], licences: list[LicenceRow]
) -> Callable[[Transaction], None]:
    return lambda transaction: transaction.inventories.set_components(package, subject, components, licences)


async def note_failure(registry: Registry, caller: Caller, package: PackageId, subject: Digest, problem: str) -> None:
    """Know that what is in an artifact could not be found out, and why."""
    sbom = Sbom(subject, subject, SbomSource.GENERATED, "", 0, problem=problem[:_LONGEST])
    others = [said for said in await read_indexed(registry, package, subject) if said[0].carrier != subject]
    await _keep(registry, caller, package, subject, brought=[(sbom, None)], others=others)

"""Have sound bytes of what is damaged again, from wherever they are.

Asked are, in this order: other copies in the registry's own stores, a second blob store, other registries that have the
same content, and the upstreams that it came from. Whatever comes is compared with its digest before it takes the
place of the damaged bytes, as if somebody had pushed it again. What nobody has stays damaged: it is not served, and
tried again every day (docs/decisions/0032-repair.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.errors import BlobUnknown, Corrupt, DigestMismatch, RegistryError, TooLarge
from entrepot.model.events import BlobRepaired
from entrepot.model.oci_name import encode
from entrepot.model.tier import Tier
from entrepot.model.upload import UploadId
from entrepot.operations import access
from entrepot.operations.upload import StoredBlob, keep
from entrepot.operations.upstreams import origin_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.model.upstream import Upstream
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.collection import Place
    from entrepot.ports.fetch import Origin
    from entrepot.ports.scrubs import Damaged

ACTOR: Final = "repair"
_EVERY: Final = timedelta(days=1)
_PAGE: Final = 100
_MOST_PLACES: Final = 5
"""Packages that a registry is asked for the same bytes in."""
_OK: Final = 200
_OCI: Final = "oci"


@dataclass(frozen=True, slots=True)
class Repair:
    """What came of repairing a blob."""

    digest: Digest
    source: str | None
    """Where sound bytes were; None when nobody had them."""
    outcome: str
    """In words, what each who was asked had."""


async def list_damaged(registry: Registry, caller: Caller, *, after: str = "", limit: int) -> Sequence[Damaged]:
    """What is damaged, and not served. Raises what `access.require_anywhere` raises."""
    access.require_anywhere(caller, Action.AUDIT)
    return await registry.catalog.scrubs.list_damaged(after=after, limit=limit)


async def repair_due(registry: Registry) -> None:
    """Repair what was found damaged, and try again once a day what could not be."""
    horizon = registry.clock.now() - _EVERY
    after = ""
    while page := await registry.catalog.scrubs.list_damaged(after=after, limit=_PAGE):
        for damaged in page:
            if damaged.tried_at is None or damaged.tried_at <= horizon:
                await repair(registry, damaged)
        after = str(page[-1].digest)


async def repair(registry: Registry, damaged: Damaged, actor: str = ACTOR) -> Repair:
    """Have sound bytes of a blob again. It may be ended at any point, and two may do it at once."""
    digest, tried = damaged.digest, list[str]()
    async for source, content in _sources(registry, damaged):
        try:
            blob = await _receive(registry, damaged, content)
        except (RegistryError, OSError) as error:
            tried.append(f"{source}: {_in_words(error)}")
            continue
        await registry.catalog.write(_mending(actor, blob, source))
        return Repair(digest, source, f"{source}: sound")
    outcome = "; ".join(tried) or "there is nobody to ask"
    await registry.catalog.write(lambda transaction: transaction.scrubs.note_attempt(digest, outcome))
    return Repair(digest, None, outcome)


async def _sources(registry: Registry, damaged: Damaged) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    """Everybody who may have the bytes, with what they have."""
    digest = damaged.digest
    for left in await registry.catalog.collection.list_places_left(digest):  # It lay there before it was moved.
        if left.tier is Tier.HOT or registry.cold is not None:
            yield f"the {left.tier} tier", registry.store(left.tier).read(digest, generation=left.generation)
    for number, store in enumerate(registry.replica_stores, start=1):
        for generation in dict.fromkeys((damaged.generation, 0)):
            yield f"replica store {number}", store.read(digest, generation=generation)
    async for source, origin, target in _addresses(registry, digest):
        yield source, _fetched(registry, origin, target, digest)


async def _addresses(registry: Registry, digest: Digest) -> AsyncIterator[tuple[str, Origin, str]]:
    """Where other registries have the bytes, if they do: the replicas, and the upstreams of images."""
    places = await registry.catalog.collection.list_places(digest, limit=_MOST_PLACES)
    for origin in registry.replicas:
        for place in places:
            for target in _targets(_name(place.package), place, digest):
                yield f"{origin} ({place.package})", origin, target
    for place in places:
        package = place.package
        if package.format != _OCI:
            continue
        for upstream in await registry.catalog.list_upstreams(package.namespace, format=package.format):
            if upstream.rules.lets_in(package.format, package.name):
                origin = await _origin_of(registry, upstream)
                for target in _targets(package.name, place, digest):
                    yield f"upstream {upstream.name} of {upstream.namespace}", origin, target


def _targets(name: str, place: Place, digest: Digest) -> list[str]:
    kinds = ("blobs", "manifests") if place.is_artifact else ("blobs",)
    return [f"v2/{name}/{kind}/{digest}" for kind in kinds]


async def _origin_of(registry: Registry, upstream: Upstream) -> Origin:
    """Where to ask an upstream, with what its protocol exchanges its credentials for."""
    find = registry.read_through[upstream.format].probe.find_origin or origin_of
    return await find(registry, upstream)


async def _fetched(registry: Registry, origin: Origin, target: str, digest: Digest) -> AsyncIterator[bytes]:
    async with registry.fetcher.stream(origin, target, headers={"accept": "*/*"}) as stream:
        if stream.status != _OK:
            raise BlobUnknown(digest, actual=f"status {stream.status}")
        async for piece in stream.content:
            yield piece


def _name(package: PackageId) -> str:
    """What another registry of this kind calls the package in OCI's protocol; any other one as far as it is an image."""
    if package.format == _OCI:
        return f"{package.namespace}/{package.name}"
    return f"{package.namespace}/{package.format}/{encode(package.name)}"


async def _receive(registry: Registry, damaged: Damaged, content: AsyncIterator[bytes]) -> StoredBlob:
    """Verified bytes where the catalog will look for them. Raises `DigestMismatch`, and what *content* raises."""
    if damaged.inline:
        gathered = b""
        async for piece in content:
            gathered += piece
            if len(gathered) > damaged.size:
                raise TooLarge(damaged.digest, expected=f"{damaged.size} bytes")
        damaged.digest.verify(gathered)
        return StoredBlob(damaged.digest, len(gathered), gathered)
    stage = UploadId(registry.clock.new_id())
    try:
        algorithm = damaged.digest.algorithm
        await registry.blobs.append(stage, content, at=0, limit=damaged.size, algorithm=algorithm)
        return await keep(registry, stage, damaged.digest)
    finally:
        await registry.blobs.discard(stage)


def _mending(actor: str, blob: StoredBlob, source: str) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        transaction.keep_blob(blob.digest, blob.size, blob.content, generation=blob.generation)
        transaction.append(actor, BlobRepaired(digest=str(blob.digest), source=source))

    return change


def _in_words(error: Exception) -> str:
    match error:
        case DigestMismatch() | Corrupt():
            return "other bytes"
        case BlobUnknown():
            return "has none"
        case _:
            return str(error)[:300]

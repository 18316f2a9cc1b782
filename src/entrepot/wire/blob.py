"""Answer with the bytes of a blob: whole, a part, or not at all because the client has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import BlobUnknown, Corrupt, Unavailable
from entrepot.model.tier import Recall, Tier
from entrepot.operations.read_blob import read_blob, recall
from entrepot.ports.blobs import Locates, Presigns
from entrepot.wire.conditionals import is_unchanged
from entrepot.wire.ranges import parse_range
from entrepot.wire.reply import IMMUTABLE, PRIVATE_IMMUTABLE, FileSlice, HeaderList, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.ports.catalog import FoundBlob
    from entrepot.wire.call import Call

_READY_SIZE: Final = 1024 * 1024
"""Bytes up to which a file that is asked for again and again may be sent from memory."""

_RESPOND_ASYNC: Final = re.compile(r"(?i)(?:^|[,;\s])respond-async(?:$|[,;\s])")
_SOON: Final = 5
_A_SECOND: Final = 50 * 1024 * 1024
"""Bytes that are brought back in a second, to say when it is worth asking again."""

_OF_THE_CONTENT: Final = frozenset(
    {b"content-type", b"content-range", b"content-disposition", b"etag", b"accept-ranges", b"cache-control"}
)


async def blob_reply(
    call: Call, blob: FoundBlob, headers: HeaderList, *, of: PackageId | None = None, immutable: bool = True
) -> Reply:
    """The answer to GET or HEAD for *blob*, with the protocol's own *headers* (its content type among them).

    *of* is the package whose version is used by that; None where the version was asked for by itself before.

    Raises `Corrupt` and `Unavailable`.
    """
    if of is not None:
        call.use(of, blob.digest)
    etag = f'"{blob.digest}"'
    call.facts["digest"] = str(blob.digest)
    headers = [*headers, (b"etag", etag.encode("ascii")), (b"accept-ranges", b"bytes")]
    if immutable:
        headers.append(IMMUTABLE if blob.public else PRIVATE_IMMUTABLE)
    if is_unchanged(call.headers, etag):
        return Reply(304, headers, cacheable=True)
    # Only GET has ranges (RFC 9110, 14.2): HEAD says how long the whole is.
    part = parse_range(call.headers, blob.size, etag) if call.method == "GET" else None
    start, stop = part or (0, blob.size)
    if part is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, blob.size)))
    status = 200 if part is None else 206
    if blob.content is not None:
        return Reply(status, headers, blob.content[start:stop], cacheable=part is None)
    store = call.registry.blobs
    if blob.tier is Tier.HOT and isinstance(store, Locates):
        file = FileSlice(store.locate(blob.digest, generation=blob.generation), start, stop - start)
        return Reply(status, headers, file, cacheable=part is None and blob.size <= _READY_SIZE)
    content = read_blob(call.registry, blob, start, stop)
    if call.method == "GET":
        instead = await _instead(call, blob, headers)
        if instead is not None:
            return instead
        content = await _begun(blob.digest, content)
    return Reply(status, headers, content, size=stop - start)


async def _instead(call: Call, blob: FoundBlob, headers: HeaderList) -> Reply | None:
    """Where a client is to go, or when it is to come again, who is not sent the bytes now; None for who is.

    Who says that an answer may come later (RFC 7240, 4.1) is told 202; everybody else 503, which their programs know how
    to wait for. Raises `Unavailable` then.
    """
    store = call.registry.blobs
    if blob.tier is Tier.HOT:
        if not isinstance(store, Presigns):
            return None
        address = await store.presign(blob.digest, generation=blob.generation)
        return None if address is None else _elsewhere(address, headers)
    placed = await call.registry.catalog.tiers.find(blob.digest)
    recall(call.registry, blob.digest)
    if placed is None or placed.recall is not Recall.REQUEST:
        return None
    after = _SOON + blob.size // _A_SECOND
    if not _RESPOND_ASYNC.search(call.headers.get("prefer") or ""):
        raise Unavailable(f"{blob.digest} is being brought back from the cold tier", after=after)
    again = [
        (b"retry-after", b"%d" % after),
        (b"preference-applied", b"respond-async"),
        (b"cache-control", b"no-store"),
    ]
    return Reply(202, again)


async def _begun(digest: Digest, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same, with its first piece here: what fails until then can still be said with a status.

    Raises `Corrupt` for what is not where the catalog says that it is, and `Unavailable`.
    """
    try:
        first = await anext(content, b"")
    except BlobUnknown as error:
        raise Corrupt(digest) from error

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in content:
            yield piece

    return whole()


def _elsewhere(address: str, headers: HeaderList) -> Reply:
    """Send the client to the store itself: the same request again (RFC 9110, 15.4.8), its range included.

    The address lets in whoever has it, so nobody may keep this answer; what describes the content comes with it there.
    """
    kept = [(name, value) for name, value in headers if name not in _OF_THE_CONTENT]
    return Reply(307, [*kept, (b"location", address.encode("ascii")), (b"cache-control", b"no-store")])

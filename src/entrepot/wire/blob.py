"""Answer with the bytes of a blob: whole, a part, or not at all because the client has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.ports.blobs import Locates
from entrepot.wire.conditionals import is_unchanged
from entrepot.wire.ranges import parse_range
from entrepot.wire.reply import IMMUTABLE, PRIVATE_IMMUTABLE, FileSlice, HeaderList, Reply

if TYPE_CHECKING:
    from entrepot.model.names import PackageId
    from entrepot.ports.catalog import FoundBlob
    from entrepot.wire.call import Call

_READY_SIZE: Final = 1024 * 1024
"""Bytes up to which a file that is asked for again and again may be sent from memory."""


def blob_reply(
    call: Call, blob: FoundBlob, headers: HeaderList, *, of: PackageId | None = None, immutable: bool = True
) -> Reply:
    """The answer to GET or HEAD for *blob*, with the protocol's own *headers* (its content type among them).

    *of* is the package whose version is used by that; None where the version was asked for by itself before.
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
    if isinstance(store, Locates):
        content = FileSlice(store.locate(blob.digest, generation=blob.generation), start, stop - start)
        return Reply(status, headers, content, cacheable=part is None and blob.size <= _READY_SIZE)
    return Reply(status, headers, store.read(blob.digest, start, stop, generation=blob.generation), size=stop - start)

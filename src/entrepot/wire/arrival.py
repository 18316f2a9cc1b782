"""Answer with a file that is just being fetched from an upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.ports.catalog import FoundBlob
from entrepot.wire.blob import blob_reply
from entrepot.wire.reply import Reply

if TYPE_CHECKING:
    from entrepot.operations.fetch_file import Arrival
    from entrepot.wire.call import Call
    from entrepot.wire.reply import HeaderList


async def arrival_reply(call: Call, arrival: Arrival, headers: HeaderList) -> Reply:
    """The answer to GET or HEAD for a file that is on its way, with the protocol's own *headers*.

    The whole of it is passed on as it comes; who wants a part, or only to know, waits until all is here.

    Raises what the fetch raises, as long as nothing has been sent.
    """
    is_whole = call.method == "GET" and call.headers.get("range") is None
    if is_whole and arrival.size is not None and not arrival.blob.done():
        return Reply(200, [*headers, (b"accept-ranges", b"bytes")], arrival.content(), size=arrival.size)
    blob = await arrival.blob
    found = FoundBlob(
        digest=blob.digest, size=blob.size, content=blob.content, public=False, generation=blob.generation
    )
    return await blob_reply(call, found, headers)

"""Answer with an index document: remembered or rendered, or not at all because the client has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.wire.conditionals import is_anything, is_unchanged
from entrepot.wire.reply import REVALIDATE, HeaderList, Reply

if TYPE_CHECKING:
    from collections.abc import Hashable

    from entrepot.model.position import Position
    from entrepot.wire.call import Call
    from entrepot.wire.documents import Render


async def index_reply(
    call: Call,
    key: Hashable,
    revision: Position,
    render: Render,
    *,
    content_type: str,
    headers: HeaderList | None = None,
    mirrored: str | None = None,
) -> Reply:
    """The answer to GET or HEAD for an index document, whose entity tag is its revision.

    *key* says which document it is among all: its format, view, package and representation.
    *mirrored* names what of upstreams is shown in it, if anything; such an answer is made anew as time passes.
    """
    # Representations of one address have tags of their own (RFC 9110, 8.8.3.3).
    shown = "" if mirrored is None else f"-{mirrored}"
    etag = f'"{revision}{shown}-{content_type.partition(";")[0].rpartition("/")[2]}"'
    fields: HeaderList = [
        (b"content-type", content_type.encode("ascii")),
        (b"etag", etag.encode("ascii")),
        REVALIDATE,
        *(headers or ()),
    ]
    unchanged = Reply(304, fields, cacheable=mirrored is None)
    if is_unchanged(call.headers, etag) and not is_anything(call.headers):
        return unchanged
    content = await call.documents.get((key, mirrored), revision, render)
    if is_anything(call.headers):
        return unchanged
    return Reply(200, fields, content, cacheable=mirrored is None)

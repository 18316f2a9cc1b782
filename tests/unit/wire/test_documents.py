"""Index documents: rendered once for a revision, and told apart by their tags."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from entrepot.model.position import Position
from entrepot.wire.call import Call, Headers
from entrepot.wire.documents import Documents
from entrepot.wire.index import index_reply


class Counting:
    """Renders, and counts how often."""

    def __init__(self, content: bytes = b"document") -> None:
        self.content = content
        self.times = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> bytes:
        self.times += 1
        await self.gate.wait()
        return self.content


ONE, TWO = Position(1), Position(2)


async def test_a_document_is_rendered_once_for_each_revision() -> None:
    documents, render = Documents(1_000), Counting()

    for revision in (ONE, ONE, TWO, TWO, TWO):
        assert await documents.get("key", revision, render) == b"document"

    assert render.times == 2


async def test_of_many_who_ask_at_once_one_renders() -> None:
    documents, render = Documents(1_000), Counting()
    render.gate.clear()
    asking = [asyncio.ensure_future(documents.get("key", ONE, render)) for _ in range(50)]
    await asyncio.sleep(0)

    asking[0].cancel()
    await asyncio.sleep(0)
    render.gate.set()

    assert await asyncio.gather(*asking[1:]) == [b"document"] * 49
    assert render.times == 1


async def test_a_failure_is_told_to_who_asked_and_not_remembered() -> None:
    documents, render = Documents(1_000), Counting()

    async def fail() -> bytes:
        raise LookupError

    with pytest.raises(LookupError):
        await documents.get("key", ONE, fail)
    assert await documents.get("key", ONE, render) == b"document"


async def test_what_was_asked_for_last_is_kept_as_far_as_there_is_room() -> None:
    documents = Documents(30)
    renders = {key: Counting(key.encode() * 10) for key in "abcd"}

    for key in "abcacdab":
        await documents.get(key, ONE, renders[key])

    assert {key: render.times for key, render in renders.items()} == {"a": 1, "b": 2, "c": 1, "d": 1}


async def test_a_late_rendering_of_an_old_revision_does_not_take_the_place_of_a_newer() -> None:
    documents, old, new = Documents(1_000), Counting(b"old"), Counting(b"new")
    old.gate.clear()
    asking = asyncio.ensure_future(documents.get("key", ONE, old))
    await asyncio.sleep(0)
    await documents.get("key", TWO, new)

    old.gate.set()
    await asking

    assert await documents.get("key", TWO, new) == b"new"
    assert new.times == 1


async def test_one_that_is_larger_than_all_room_is_served_and_not_kept() -> None:
    documents, render = Documents(3), Counting()

    assert await documents.get("key", ONE, render) == b"document"
    assert await documents.get("key", ONE, render) == b"document"

    assert render.times == 2


def asked(documents: Documents, etag: bytes | None = None) -> Call:
    fields = [] if etag is None else [(b"if-none-match", etag)]
    return cast("Call", SimpleNamespace(headers=Headers(fields), documents=documents))


async def test_the_tag_is_the_revision_and_representations_differ() -> None:
    documents, render = Documents(1_000), Counting()

    tags = set()
    for revision in (ONE, TWO):
        for kind in ("application/json", "text/html; charset=utf-8"):
            reply = await index_reply(asked(documents), (kind,), revision, render, content_type=kind)
            tags.add(dict(reply.headers)[b"etag"])
            assert reply.cacheable

    assert tags == {b'"1-json"', b'"1-html"', b'"2-json"', b'"2-html"'}


async def test_who_has_it_gets_304_and_nothing_is_rendered() -> None:
    documents, render = Documents(1_000), Counting()

    reply = await index_reply(
        asked(documents, b'"1-json"'), "key", ONE, render, content_type="application/json", headers=[(b"vary", b"x")]
    )

    assert (reply.status, reply.body, render.times) == (304, b"", 0)
    assert dict(reply.headers)[b"vary"] == b"x"

"""Fuzzers: whatever comes as a crate or as a publish request is answered, never with a server's error."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.formats.cargo.announcement import read_announcement
from entrepot.formats.cargo.crate import examine
from entrepot.formats.cargo.framing import reading_frame
from entrepot.model.errors import Invalid, Unavailable
from entrepot.wire.call import Body, Load
from tests.formats.cargo.conftest import Cargo
from tests.formats.cargo.crates import Needs, crate, frame, packed
from tests.hostile import effort

fuzz = settings(effort.fuzz, max_examples=10_000 if effort.LONG else 100)

_MADE = crate("hello", "1.0.0", Needs("serde", optional=True), features={"full": ["dep:serde"]})
_TEXT = st.one_of(
    st.sampled_from(["hello", "1.0.0", "serde", "^1.0", "normal", "../x", "", "\x00", "a" * 2000]), st.text()
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
    max_leaves=12,
)
_KEYS = st.sampled_from([*_MADE.announcement, "unknown"])
_TOML = st.one_of(
    st.binary(max_size=200),
    st.text(alphabet="[].=\"{}, \n\tabc019-_'#", max_size=200).map(str.encode),
    st.lists(
        st.sampled_from(
            [
                '[package]\nname = "hello"\nversion = "1.0.0"',
                "[dependencies]",
                '[target."cfg(unix)".dependencies]',
                "[features]",
                'serde = "1.0"',
                "serde = { version = 1 }",
                'serde = { version = "1.0", features = [[]] }',
                "x = 1979-05-27T07:32:00Z",
                "y = " + "[" * 3000,
                "z = nan",
                "[a." + "b." * 90 + "c]",
                "full = []",
            ]
        ),
        max_size=6,
    ).map(lambda lines: "\n".join(lines).encode()),
)


@fuzz
@given(changes=st.dictionaries(_KEYS, _JSON, max_size=3), key=_KEYS)
async def test_no_announcement_finds_a_bug(cargo: Cargo, changes: dict[str, Any], key: str) -> None:
    said = {name: value for name, value in _MADE.announcement.items() if name != key} | changes
    try:
        content = json.dumps(said).encode()
    except UnicodeEncodeError:
        return

    answer = await cargo.send(frame(content, _MADE.crate))

    assert answer.status_code in {200, 400, 409, 413}
    if answer.status_code != 200:
        assert answer.json()["errors"][0]["detail"]


@fuzz
@given(start=st.integers(0, 600), length=st.integers(0, 40), put=st.binary(max_size=40))
async def test_no_spoilt_request_finds_a_bug(cargo: Cargo, start: int, length: int, put: bytes) -> None:
    body = _MADE.body()

    answer = await cargo.send(body[:start] + put + body[start + length :])

    assert answer.status_code in {200, 400, 409, 413}


@fuzz
@given(manifest=_TOML)
def test_no_manifest_finds_a_bug(manifest: bytes) -> None:
    _examined(packed({"hello-1.0.0/Cargo.toml": manifest}))


@fuzz
@given(start=st.integers(0, 3000), put=st.binary(max_size=60))
def test_no_spoilt_archive_finds_a_bug(start: int, put: bytes) -> None:
    tar = gzip.decompress(_MADE.crate)

    _examined(gzip.compress(tar[:start] + put + tar[start + len(put) :]))
    _examined(_MADE.crate[:start] + put + _MADE.crate[start + len(put) :])


def _examined(content: bytes) -> None:
    _, _, said = read_announcement(json.dumps(dict(_MADE.announcement)).encode())
    with suppress(Invalid):
        examine(io.BytesIO(content), said)


@fuzz
@given(st.lists(st.binary(max_size=30), max_size=8))
async def test_no_framing_finds_a_bug(pieces: list[bytes]) -> None:
    body = Body(sender(pieces), None, Load(concurrency=1, held_size=10_000))
    try:
        async with reading_frame(body) as read:
            crate = b"".join([piece async for piece in read.crate])
    except (Invalid, Unavailable):
        return
    assert frame(read.announcement, crate) == b"".join(pieces)


def sender(pieces: list[bytes]) -> Callable[[], Awaitable[dict[str, Any]]]:
    """What the server gives a request's body from."""
    messages = iter([{"type": "http.request", "body": piece, "more_body": True} for piece in pieces])

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.request", "body": b"", "more_body": False})

    return receive

"""Whoever may not read a namespace is answered as if it were not there: byte for byte, whatever is asked."""

from __future__ import annotations

import pytest

from tests.formats.cargo.conftest import Cargo
from tests.formats.cargo.crates import crate

_BODY = crate().body()
_OTHER = crate(description="other").body()
_USERS = b'{"users":["reader-robot"]}'

REQUESTS = [
    ("GET", "config.json", b""),
    ("GET", "he/ll/hello", b""),
    ("GET", "no/su/nosuch", b""),
    ("GET", "api/v1/crates/hello/1.0.0/download", b""),
    ("GET", "api/v1/crates/hello/9.0.0/download", b""),
    ("GET", "api/v1/crates/hello/owners", b""),
    ("GET", "api/v1/crates?q=hello", b""),
    ("GET", "me", b""),
    ("PUT", "api/v1/crates/new", _BODY),
    ("PUT", "api/v1/crates/new", _OTHER),
    ("PUT", "api/v1/crates/new", b"\x00"),
    ("PUT", "api/v1/crates/hello/owners", _USERS),
    ("DELETE", "api/v1/crates/hello/owners", _USERS),
    ("DELETE", "api/v1/crates/hello/1.0.0/yank", b""),
    ("PUT", "api/v1/crates/hello/1.0.0/unyank", b""),
]


@pytest.mark.parametrize("by", [None, "stranger"])
@pytest.mark.parametrize("channel", ["", ".prod", ".nosuch"])
@pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=lambda part: part if isinstance(part, str) else "")
async def test_what_is_there_and_what_is_not_are_answered_alike(
    cargo: Cargo, by: str | None, channel: str, method: str, path: str, body: bytes
) -> None:
    await cargo.publish(crate())
    await cargo.world.namespace("other")
    if by is not None:
        client = cargo.world.client()
        client.headers["authorization"] = await cargo.world.token("maintainer", "other", name="stranger")
        cargo.clients[by] = await cargo.stack.enter_async_context(client)

    private, absent = [
        await cargo.ask(method, path, by=by, view=f"{namespace}{channel}", content=body)
        for namespace in ("acme", "zzzz")
    ]

    assert private.status_code == absent.status_code
    assert private.text.replace("acme", "zzzz") == absent.text
    assert {name: value.replace("acme", "zzzz") for name, value in private.headers.items()} == dict(absent.headers)
    assert path == "me" or private.status_code >= 400

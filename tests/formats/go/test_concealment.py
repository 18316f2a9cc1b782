"""Whoever may not read a namespace is answered as if it were not there: byte for byte, whatever is asked."""

from __future__ import annotations

import httpx
import pytest

from entrepot.model.names import FormatName, parse_namespace
from entrepot.model.upstream import Upstream, UpstreamName
from entrepot.operations.upstreams import add_upstream
from entrepot.testing.builders import ADMINISTRATOR
from tests.formats.go.conftest import Go
from tests.formats.go.modules import MODULE, module

REQUESTS = [
    ("GET", f"{MODULE}/@v/list", b""),
    ("GET", f"{MODULE}/@latest", b""),
    ("GET", f"{MODULE}/@v/v1.0.0.info", b""),
    ("GET", f"{MODULE}/@v/v1.0.0.mod", b""),
    ("GET", f"{MODULE}/@v/v1.0.0.zip", b""),
    ("GET", f"{MODULE}/@v/v9.0.0.zip", b""),
    ("GET", f"{MODULE}/@v/main.info", b""),
    ("GET", "example.com/nosuch/@v/list", b""),
    ("GET", "example.com/nosuch/@latest", b""),
    ("GET", "example.com/nosuch/@v/main.info", b""),
    ("GET", "example.com/nosuch/@v/v1.0.0.info", b""),
    ("GET", "example.com/nosuch/@v/v1.0.0.mod", b""),
    ("GET", "example.com/nosuch/@v/v1.0.0.zip", b""),
    ("GET", "greet?go-get=1", b""),
    ("GET", "sumdb/sum.example.com/supported", b""),
    ("GET", "sumdb/sum.example.com/latest", b""),
    ("GET", f"sumdb/sum.example.com/lookup/{MODULE}@v1.0.0", b""),
    ("GET", "sumdb/sum.example.com/lookup/example.com/nosuch@v1.0.0", b""),
    ("GET", "sumdb/sum.example.com/lookup/fmt@v1", b""),
    ("GET", "sumdb/sum.example.com/tile/8/0/000", b""),
    ("GET", "sumdb/sum.example.com/tile/30/0/000", b""),
    ("PUT", f"{MODULE}/@v/v1.0.0.zip", module()),
    ("PUT", f"{MODULE}/@v/v1.0.0.zip", b"no zip"),
]


@pytest.mark.parametrize("by", [None, "stranger"])
@pytest.mark.parametrize("channel", ["", ".prod", ".nosuch"])
@pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=lambda part: part if isinstance(part, str) else "")
async def test_what_is_there_and_what_is_not_are_answered_alike(
    go: Go, by: str | None, channel: str, method: str, path: str, body: bytes
) -> None:
    await go.publish("v1.0.0")
    await go.world.namespace("other")
    # Who may not read makes nobody ask; and whether there is somebody to ask is not told either.
    upstream = Upstream(
        parse_namespace("acme"), FormatName("go"), UpstreamName("public"), "https://registry.example.com"
    )
    await add_upstream(go.world.registry, ADMINISTRATOR, upstream)
    if by is not None:
        client = go.world.client()
        client.auth = httpx.BasicAuth("any", await go.world.token("maintainer", "other", name="stranger"))
        go.clients[by] = await go.stack.enter_async_context(client)

    private, absent = [
        await go.ask(method, path, by=by, view=f"{namespace}{channel}", content=body) for namespace in ("acme", "zzzz")
    ]

    assert private.status_code == absent.status_code >= 400
    assert private.text.replace("acme", "zzzz") == absent.text
    assert {name: value.replace("acme", "zzzz") for name, value in private.headers.items()} == dict(absent.headers)

"""A fuzzer over every route, against the whole application in this process."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import strategies, world
from tests.hostile.effort import fuzz
from tests.hostile.exchange import Request
from tests.hostile.inside import Inside
from tests.hostile.sending import ADMINISTRATOR, send


@fuzz
@given(request=strategies.requests(strategies.OCI, ADMINISTRATOR))
def test_no_oci_request_finds_a_bug_or_is_done_by_half(app: Inside, request: Request) -> None:
    send(app, request)


@fuzz
@given(request=strategies.requests(strategies.FILES, ADMINISTRATOR))
def test_no_request_for_files_finds_a_bug_or_is_done_by_half(app: Inside, request: Request) -> None:
    send(app, request)


@fuzz
@given(request=strategies.requests(strategies.NPM, ADMINISTRATOR))
def test_no_npm_request_finds_a_bug_or_is_done_by_half(app: Inside, request: Request) -> None:
    send(app, request)


@fuzz
@given(request=strategies.requests(strategies.LOG, ADMINISTRATOR))
def test_no_request_for_the_log_or_to_the_witness_finds_a_bug(app: Inside, request: Request) -> None:
    send(app, request)


@fuzz
@given(
    request=strategies.requests(
        [*strategies.OCI, *strategies.FILES, *strategies.NPM, *strategies.API, *strategies.LOG], None
    )
)
def test_no_request_without_credentials_changes_anything(app: Inside, request: Request) -> None:
    before = app.position()

    send(app, request)

    assert app.position() == before


@fuzz
@given(content=strategies.MANIFESTS, reference=st.sampled_from(["latest", "other", "2.0"]))
def test_no_manifest_breaks_the_registry(app: Inside, content: bytes, reference: str) -> None:
    send(app, _put(content, reference))


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 1_000_000,
        b'{"layers":' + b"[" * 500_000 + b"]" * 500_000 + b"}",
        b'{"a":' * 300_000 + b"1" + b"}" * 300_000,
        world.encode(world.manifest(layers=[world.descriptor(world.SMALL, "a/b")] * 10_001)),
        world.encode(world.manifest(annotations={f"key-{number}": "x" for number in range(100_000)})),
        world.encode(world.manifest(annotations={f"org.opencontainers.image.{n}": "x" for n in range(80_000)})),
        world.encode(
            world.manifest(layers=[{"mediaType": "a/b", "digest": f"sha256:{n:064x}", "size": 1} for n in range(9_999)])
        ),
        world.encode(world.manifest(layers=[world.descriptor(world.SMALL, "a/b")] * 9_999)),
        world.encode(world.manifest(annotations={"org.opencontainers.image.title": "x" * 3_000_000})),
        world.encode(world.manifest(unknown=list(range(400_000)))),
        b'{"schemaVersion":' + b"9" * 1_000_000 + b"}",
        b" " * 4 * 1024 * 1024,
        b" " * (4 * 1024 * 1024 + 1),
        b"\x00" * 1_000_000,
        b"",
    ],
    ids=[
        "open brackets",
        "deep layers",
        "deep objects",
        "too many layers",
        "a hundred thousand annotations",
        "eighty thousand standard annotations",
        "ten thousand layers that are not there",
        "ten thousand times one layer",
        "a huge annotation",
        "a long list",
        "a long number",
        "the largest blank",
        "one byte too large",
        "zeros",
        "nothing",
    ],
)
def test_a_manifest_of_great_size_or_depth_is_answered_like_any_other(app: Inside, content: bytes) -> None:
    send(app, _put(content, "great"))


def _put(content: bytes, reference: str) -> Request:
    fields = ((b"host", b"x"), (b"authorization", ADMINISTRATOR), (b"content-type", world.MANIFEST))
    return Request("PUT", f"/v2/{world.PACKAGE}/manifests/{reference}".encode(), fields, (content,))

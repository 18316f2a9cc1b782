"""Whatever is sent, the answer is an answer: no 5xx, nothing half stored."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.formats.pypi.attested import attestation
from tests.formats.pypi.building import FORM, encode_form, sdist, wheel
from tests.formats.pypi.index import LEGACY, open_index

GOOD = wheel()
TEXTS = st.one_of(
    st.sampled_from(
        [
            *("", "tool", "Tool", "1.0", "2.0", "1!1", "file_upload", "submit", "1", "2", "bdist_wheel", "sdist"),
            *(GOOD.sha256, "0" * 64, "x" * 5000, "\x00", "é", "../..", "[]", "[{}]", "{}", "[" * 10_000),
            json.dumps([attestation(GOOD)]),
        ]
    ).map(str.encode),
    st.binary(max_size=30),
)
NAMES = st.sampled_from(
    [
        *(":action", "protocol_version", "name", "version", "filetype", "sha256_digest", "md5_digest"),
        *("blake2_256_digest", "attestations", "gpg_signature", "content", "metadata_version", "", "x"),
    ]
)
FILENAMES = st.none() | st.sampled_from(
    [GOOD.filename, sdist().filename, "", "a", "tool-1.0.zip", "../tool-1.0.tar.gz"]
)
CONTENTS = st.sampled_from([GOOD.content, sdist().content, b"", b"PK\x05\x06" + bytes(18), b"\x1f\x8b\x08"]) | TEXTS
FORMS = st.lists(
    st.tuples(NAMES, st.none(), TEXTS) | st.tuples(st.just("content"), FILENAMES, CONTENTS), max_size=8
).map(encode_form)
NEARLY = st.lists(st.tuples(st.sampled_from(sorted(GOOD.fields)), TEXTS), max_size=2).map(
    lambda changes: encode_form(
        [
            *((name, None, dict(changes).get(name, value.encode())) for name, value in GOOD.fields.items()),
            ("content", GOOD.filename, GOOD.content),
        ]
    )
)
BODIES = st.one_of(
    FORMS, NEARLY, st.binary(max_size=200), st.builds(lambda form, at: form[:at], FORMS, st.integers(0, 500))
)
CONTENT_TYPES = st.sampled_from(
    [
        FORM["content-type"],
        FORM["content-type"],
        "multipart/form-data",
        "multipart/form-data; boundary=" + "x" * 300,
        "",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(CONTENT_TYPES, BODIES), min_size=5, max_size=25))
def test_no_form_makes_it_fail(forms: list[tuple[str, bytes]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_index(Path(folder)) as index:
                for content_type, body in forms:
                    answer = await index.ask(
                        "POST", LEGACY, by="publisher", content=body, headers={"content-type": content_type}
                    )
                    assert answer.status_code < 500, (content_type, body, answer.text)
                    assert answer.status_code == 200 or len(answer.text) < 5_000
                assert await index.violations() == []
                assert [stage async for stage, _ in index.world.registry.blobs.stages()] == []

    asyncio.run(run())


SEGMENTS = st.sampled_from(
    [
        *("acme", "acme.prod", "acme.void", "other", "void", "simple", "legacy", "files", "json", "pypi", "integrity"),
        *("status", "tool", "Tool", "1.0", "9.9", "1_1", GOOD.filename, f"{GOOD.filename}.metadata", "provenance"),
        *("_project-status", "", ".", "..", "%2e%2e", "%2F", "%00", "%ff", "%0a", "%5c", "%C3%A9"),
    ]
) | st.text(max_size=8).map(lambda text: quote(text.encode("utf-8", "surrogatepass"), safe=""))
REQUESTS = st.tuples(
    st.sampled_from(["GET", "GET", "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"]),
    st.lists(SEGMENTS, max_size=6).map(lambda segments: "/pypi/" + "/".join(segments)),
    st.sampled_from(["", "?format=text/html", "?format=", "?%zz", "?format=%ff", "?a" * 50]),
    st.dictionaries(
        st.sampled_from(["accept", "range", "if-none-match", "content-type", "host", "if-range"]),
        st.sampled_from(
            ["", "*", "*/*", "bytes=0-", "bytes=-0", "bytes=9-1", ";q=", "a/b;q=1.1.1", "a" * 5000, ",,,;;="]
        ),
        max_size=3,
    ),
    st.sampled_from([b"", b"{", b'{"status": "archived"}', b'{"status": 1}', b"[" * 50_000]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(REQUESTS, min_size=5, max_size=40))
def test_no_request_makes_it_fail(requests: list[tuple[str, str, str, dict[str, str], bytes]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_index(Path(folder)) as index:
                await index.upload(GOOD, sdist())
                for method, path, query, headers, body in requests:
                    options: dict[str, Any] = {"headers": headers, "content": body}
                    answer = await index.ask(method, path + query, by="maintainer", **options)
                    assert answer.status_code < 500, (method, path, query, headers, body, answer.text)
                    assert all("\n" not in value and "\r" not in value for value in answer.headers.values())
                assert await index.violations() == []

    asyncio.run(run())

"""Whatever is sent, the answer is an answer: no 5xx, nothing half stored, nothing that is served where it was not put."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.formats.generic.served import Cut, serve

BLOBS = Path(tempfile.mkdtemp(prefix="entrepot-hostile-"))
atexit.register(shutil.rmtree, BLOBS, ignore_errors=True)

SEGMENTS = st.sampled_from(
    [
        "acme",
        "acme.prod",
        "other",
        "tool",
        "1.0",
        "file",
        "",
        ".",
        "..",
        "%2e%2e",
        "%2F",
        "%00",
        "%ff",
        "%0a",
        "%5c",
        "é",
    ]
) | st.text(max_size=8).map(lambda text: quote(text.encode("utf-8", "surrogatepass"), safe=""))
TARGETS = st.one_of(
    st.sampled_from(["/files/acme/tool/1.0/file", "/files/acme/tool/1.0/", "/files/acme/tool/", "/files/acme/"]),
    st.lists(SEGMENTS, max_size=6).map(lambda segments: "/files/" + "/".join(segments)),
)
QUERIES = st.sampled_from(
    [
        "",
        "?upload",
        "?upload=x",
        "?upload=%ff",
        "?seal",
        "?yank",
        "?limit=-1",
        "?after=%00",
        "?limit=2&after=z",
        "?%zz",
        "?a" * 50,
    ]
)
VALUES = st.sampled_from(
    [
        *("", "*", '"', '"sha256:x"', "W/", "bytes=0-", "bytes=-0", "bytes=99999999999999999999-", "bytes=5-1", "0-5"),
        *("bytes 0-6/7", "bytes */*", "sha-256=:AAAA:", "sha-256=:", "md5=AAAA", "{", "[]", '{"a":"b"}', "text/html"),
        *("gzip", "multipart/mixed", "\xff\xfe", "a" * 2000, ",,,,", ";" * 200, "=" * 200, "-1", "1e3"),
    ]
) | st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("range", "if-range", "if-match", "if-none-match", "content-range", "content-digest", "repr-digest"),
            *("digest", "x-checksum-sha256", "x-checksum-md5", "entrepot-annotations", "content-type"),
            *("content-encoding", "host", "if-modified-since", "accept"),
        ]
    ),
    VALUES,
    max_size=4,
)
BODIES = st.one_of(
    st.binary(max_size=300),
    st.lists(st.binary(max_size=100) | st.just(Cut), max_size=4),
    st.sampled_from([b"{", b'{"reason": "x"}', b"[" * 50_000]),
)
REQUESTS = st.tuples(
    st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "get", "X"]),
    TARGETS,
    QUERIES,
    HEADERS,
    BODIES,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(REQUESTS, min_size=1, max_size=6))
def test_no_request_makes_it_fail(requests: list[tuple[str, str, str, dict[str, str], object]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with serve(Path(folder), blob_folder=BLOBS) as served:
                await served.put("/files/acme/tool/1.0/file", b"content" * 20)
                for method, target, query, headers, body in requests:
                    answer = await served.ask(method, target + query, by="maintainer", headers=headers, body=body)  # type: ignore[arg-type]
                    assert answer.status < 500, (method, target, query, headers, body, answer)
                    assert all("\n" not in value and "\r" not in value for value in answer.headers.values())
                    if answer.status >= 400 and method != "HEAD":
                        assert answer.json["request_id"] == "request-1"
                assert await served.violations() == []

    asyncio.run(run())

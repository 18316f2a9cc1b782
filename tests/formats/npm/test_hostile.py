"""Whatever is sent, the answer is an answer: no 5xx, nothing half stored, no memory that grows with what comes."""

from __future__ import annotations

import asyncio
import atexit
import base64
import json
import shutil
import tarfile
import tempfile
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entrepot.operations.registry import Limits
from tests.formats.generic.served import Cut
from tests.formats.npm.packages import bundle, packed, publication, tarball
from tests.formats.npm.served import REGISTRY, Npm, serve

BLOBS = Path(tempfile.mkdtemp(prefix="entrepot-hostile-"))
atexit.register(shutil.rmtree, BLOBS, ignore_errors=True)

_FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

# --- requests ---

SEGMENTS = st.sampled_from(
    [
        *("tool", "@acme", "@acme%2ftool", "1.0.0", "latest", "-", "-rev", "tool-1.0.0.tgz", "package", "dist-tags"),
        *("npm", "v1", "user", "token", "tokens", "security", "attestations", "tool@1.0.0", "login", "search", "_x"),
        *("", ".", "..", "%2e%2e", "%2F", "%00", "%ff", "%0a", "%5c", "é", "org.couchdb.user:x", "9" * 5_000),
    ]
) | st.text(max_size=8).map(lambda text: quote(text.encode("utf-8", "surrogatepass"), safe=""))
TARGETS = st.one_of(
    st.sampled_from(
        [
            *("/tool", "/@acme%2ftool", "/tool/-rev/1-0", "/tool/-/tool-1.0.0.tgz/-rev/3-0", "/tool/latest"),
            *("/-/package/tool/dist-tags/next", "/-/package/tool/access", "/-/npm/v1/tokens", "/-/v1/search?text=a"),
            *(
                "/-/user/org.couchdb.user:me",
                "/-/npm/v1/security/advisories/bulk",
                "/-/npm/v1/user",
                "/-/v1/search?%zz",
            ),
        ]
    ),
    st.lists(SEGMENTS, max_size=7).map(lambda segments: "/" + "/".join(segments)),
)
HEADERS = st.dictionaries(
    st.sampled_from(["accept", "range", "if-none-match", "content-type", "content-encoding", "npm-otp", "host"]),
    st.sampled_from(
        ["", "*", ",;q=;;", "application/vnd.npm.install-v1+json;q=x", "bytes=5-1", "gzip", "\xff", "a" * 2_000]
    )
    | st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20),
    max_size=3,
)

# --- bodies ---

_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**20), 1e308, "", "x" * 3_000, "\ud800", "\x00", "1.0.0", "../..", [], {}]),
    st.text(max_size=10),
    st.recursive(st.none(), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner)),
)
_PLACES = st.sampled_from(
    [
        ("name",),
        ("_rev",),
        ("versions",),
        ("dist-tags",),
        ("_attachments",),
        ("versions", "1.0.0"),
        ("versions", "1.0.0", "name"),
        ("versions", "1.0.0", "version"),
        ("versions", "1.0.0", "dist"),
        ("versions", "1.0.0", "dist", "shasum"),
        ("versions", "1.0.0", "dist", "integrity"),
        ("versions", "1.0.0", "deprecated"),
        ("versions", "1.0.0", "dependencies"),
        ("dist-tags", "latest"),
        ("_attachments", "tool-1.0.0.tgz"),
        ("_attachments", "tool-1.0.0.tgz", "data"),
        ("_attachments", "tool-1.0.0.tgz", "length"),
        ("_attachments", "tool-1.0.0.sigstore"),
        ("_attachments", "tool-1.0.0.sigstore", "data"),
        ("other",),
    ]
)
_INSIDE = st.dictionaries(
    st.sampled_from(["dependencies", "bin", "scripts", "engines", "os", "bundleDependencies", "directories", "readme"]),
    _ODD.filter(lambda value: value != "\ud800"),
    max_size=4,
)


@st.composite
def publications(draw: st.DrawFn) -> bytes:
    """Something like what ``npm publish`` sends, with things in it that do not belong there."""
    inside = draw(_INSIDE)
    content = draw(
        st.one_of(
            st.just(tarball(**inside)),
            st.binary(max_size=50).map(lambda noise: packed({"package/package.json": noise})),
            st.binary(max_size=50).map(lambda noise: tarball()[:-20] + noise),
        )
    )
    document = publication(content=content)
    document["_attachments"]["tool-1.0.0.sigstore"] = {"data": bundle("tool", "1.0.0", content)}
    for place, value in draw(st.lists(st.tuples(_PLACES, _ODD), max_size=2)):
        holder: Any = document
        for key in place[:-1]:
            holder = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder[place[-1]] = value
    body = json.dumps(document).encode()
    return draw(
        st.one_of(
            st.just(body),
            st.integers(0, len(body)).map(lambda end: body[:end]),
            st.tuples(st.integers(0, len(body)), st.binary(max_size=4)).map(
                lambda cut: body[: cut[0]] + cut[1] + body[cut[0] :]
            ),
            st.sampled_from(["name", "versions", "_attachments"]).map(
                lambda key: body[:-1] + f', "{key}": {json.dumps(document.get(key))}}}'.encode()
            ),
        )
    )


BODIES = st.one_of(
    publications(),
    st.binary(max_size=100),
    st.lists(st.binary(max_size=100) | st.just(Cut), max_size=4),
    st.sampled_from([b"", b"{}", b'"1.0.0"', b"[" * 50_000, b'{"a":' * 5_000, b'{"name":' + b"9" * 50_000 + b"}"]),
)
REQUESTS = st.tuples(st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "X"]), TARGETS, HEADERS, BODIES)


async def check_answer(npm: Npm, method: str, target: str, headers: dict[str, str], body: Any) -> None:
    answer = await npm.ask(method, REGISTRY + target, by="maintainer", headers=headers, body=body)
    assert answer.status < 500, (method, target, headers, body, answer)
    assert all("\n" not in value and "\r" not in value for value in answer.headers.values())
    if answer.status >= 400 and method != "HEAD":
        assert isinstance(answer.json["error"], str)


@_FUZZ
@given(st.lists(REQUESTS, min_size=1, max_size=6))
def test_no_request_makes_it_fail(requests: list[tuple[str, str, dict[str, str], object]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with serve(Path(folder), blob_folder=BLOBS) as npm:
                await npm.publish()
                for method, target, headers, body in requests:
                    await check_answer(npm, method, target, headers, body)
                assert await npm.staged() == []
                assert await npm.violations() == []

    asyncio.run(run())


@_FUZZ
@given(st.lists(publications(), min_size=1, max_size=5))
def test_no_publication_makes_it_fail_and_what_is_taken_can_be_read(bodies: list[bytes]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with serve(Path(folder), blob_folder=BLOBS) as npm:
                for body in bodies:
                    await check_answer(npm, "PUT", "/tool", {}, body)
                for accept in ("application/json", "application/vnd.npm.install-v1+json"):
                    answer = await npm.read("/tool", accept=accept)
                    assert answer.status in (200, 404), answer
                assert await npm.staged() == []
                assert await npm.violations() == []

    asyncio.run(run())


# --- size ---

_LARGE = 200 * 1024 * 1024


def _large_tarball() -> Iterator[bytes]:
    """A gzipped tar with a file of `_LARGE` bytes, not compressed, made as it is read."""
    deflater = zlib.compressobj(0, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    manifest = b'{"name": "tool", "version": "1.0.0"}'
    for name, size, content in [
        ("package/package.json", len(manifest), [manifest]),
        ("package/data", _LARGE, [bytes(1024 * 1024)] * (_LARGE >> 20)),
    ]:
        member = tarfile.TarInfo(name)
        member.size = size
        yield deflater.compress(member.tobuf())
        yield from map(deflater.compress, content)
        yield deflater.compress(bytes(-size % 512))
    yield deflater.compress(bytes(1024)) + deflater.flush()


def _large_publication() -> Iterator[bytes]:
    document = publication(content=b"")
    del document["versions"]["1.0.0"]["dist"]
    attachment = document["_attachments"]["tool-1.0.0.tgz"]
    del attachment["length"]
    before, mark, after = json.dumps(document).encode().partition(b'"data": "')
    yield before + mark
    rest = b""
    for piece in _large_tarball():
        rest += piece
        whole = len(rest) - len(rest) % 3
        text = base64.b64encode(rest[:whole])
        rest = rest[whole:]
        yield from (text[start : start + 65_536] for start in range(0, len(text), 65_536))
    yield base64.b64encode(rest) + after


async def test_memory_does_not_grow_with_a_tarball(tmp_path: Path) -> None:
    async with serve(tmp_path, limits=Limits()) as npm:
        await npm.token("publisher")
        tracemalloc.start()

        answer = await npm.put(f"{REGISTRY}/tool", _large_publication())

        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert answer.status == 201, answer
        size = (await npm.packument())["versions"]["1.0.0"]["dist"]["unpackedSize"]
        assert size > _LARGE
        assert peak < 12 * 1024 * 1024
        head = await npm.ask("HEAD", f"{REGISTRY}/tool/-/tool-1.0.0.tgz")
        assert int(head.headers["content-length"]) > _LARGE


async def test_a_document_beyond_the_limit_is_refused_as_it_comes(npm: Npm) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b'{"name": "tool", "readme": "'
        for _ in range(1_000):
            sent += 65_536
            yield b"x" * 65_536

    answer = await npm.put(f"{REGISTRY}/tool", body())

    assert answer.status == 413
    assert sent < 17 * 1024 * 1024

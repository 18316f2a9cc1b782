"""Fuzzers: whatever comes as a module's zip, or is asked of the proxy, is answered, never with a server's error."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.formats.go.module import examine, examine_remote, module_path
from entrepot.formats.go.rules import Version
from entrepot.model.errors import Invalid
from tests.formats.go.conftest import Go
from tests.formats.go.modules import MODULE, module, zipped
from tests.hostile import effort

fuzz = settings(effort.fuzz, max_examples=10_000 if effort.LONG else 100)

_PREFIX = f"{MODULE}@v1.0.0/"
_NAMES = st.one_of(
    st.sampled_from(
        ["go.mod", "a.go", "A.go", "a/b", "a", "vendor/x/y", "sub/go.mod", "LICENSE", "../x", "con", "", "/"]
    ),
    st.text(max_size=20).filter(lambda text: "\x00" not in text),
)
_MEMBERS = st.dictionaries(
    st.tuples(st.sampled_from([_PREFIX, _PREFIX, _PREFIX, "", MODULE]), _NAMES).map("".join),
    st.one_of(st.binary(max_size=50), st.just(f"module {MODULE}\n".encode())),
    max_size=6,
)


@fuzz
@given(members=_MEMBERS)
def test_no_zip_finds_a_bug(members: dict[str, bytes]) -> None:
    try:
        content = zipped(members)
    except UnicodeEncodeError:
        return
    with suppress(Invalid):
        found = examine(BytesIO(content), MODULE, Version.parse("v1.0.0"))
        assert all(name.startswith(_PREFIX) for name in members)
        assert found.zip_hash.startswith("h1:")
        assert examine_remote(BytesIO(content), MODULE, Version.parse("v1.0.0")) == found


@fuzz
@given(members=_MEMBERS, start=st.integers(0, 500), put=st.binary(max_size=10), cut=st.integers(0, 10))
def test_no_zip_of_an_upstream_finds_a_bug(members: dict[str, bytes], start: int, put: bytes, cut: int) -> None:
    try:
        content = zipped(members)
    except UnicodeEncodeError:
        return
    with suppress(Invalid):
        examine_remote(BytesIO(content[:start] + put + content[start + cut :]), MODULE, Version.parse("v1.0.0"))
    with suppress(Invalid):
        examine_remote(BytesIO(content), MODULE, Version.parse("v1.0.0"))
        assert all(name.startswith(_PREFIX) for name in members)


@fuzz
@given(start=st.integers(0, 500), put=st.binary(max_size=30), cut=st.integers(0, 30))
async def test_no_spoilt_zip_finds_a_bug(go: Go, start: int, put: bytes, cut: int) -> None:
    content = module(files={"more.go": b"package greet\n" * 20})

    answer = await go.put(f"{MODULE}/@v/v1.0.0.zip", content[:start] + put + content[start + cut :])

    assert answer.status_code in {200, 201, 400, 409, 413}


@fuzz
@given(
    content=st.one_of(st.binary(max_size=100), st.text(alphabet='module "`/\\\n\r\t x.(', max_size=60).map(str.encode))
)
def test_no_go_mod_finds_a_bug(content: bytes) -> None:
    path = module_path(content)

    assert path is None or path in content.decode() or '"' in content.decode()


@fuzz
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT"]),
    path=st.one_of(
        st.text(max_size=30),
        st.sampled_from([MODULE, "a.b/!!", "a.b/!a", "sumdb/x", "sumdb/x.y/lookup", "sumdb/x/tile/8", "a.b/@v/@v"]),
    ),
    rest=st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            [
                "@v/list",
                "@latest",
                "@v/v1.0.0.info",
                "@v/v1.0.0.zip",
                "@v/.zip",
                "@v/!.mod",
                "@v/v1.0.0-!a.mod",
                "a.b@v1.0.0",
                "@",
                "0/000",
                "supported",
            ]
        ),
    ),
)
async def test_no_request_finds_a_bug(go: Go, method: str, path: str, rest: str) -> None:
    target = quote(f"{path}/{rest}".encode("utf-8", "surrogatepass"))

    answer = await go.ask(method, target, content=b"body" if method == "PUT" else None)

    assert answer.status_code < 500

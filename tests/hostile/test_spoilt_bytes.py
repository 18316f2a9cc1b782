"""Good requests with their bytes spoilt, sent to a real server: no bug, no 5xx, no change that was not asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.line import Line
from tests.faults.server import Server, make_namespace, running, violations
from tests.hostile import strategies
from tests.hostile.effort import fuzz
from tests.hostile.exchange import DELIBERATE, Answer, Request, assert_answer_is_sound
from tests.hostile.raw import Ended, Raw
from tests.hostile.sending import ADMINISTRATOR
from tests.hostile.world import LARGE, World, basic

pytestmark = pytest.mark.xdist_group("spoilt bytes")  # one server for all of them

MEBI: Final = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with something of everything in it; its log and its catalog must be clean at the end."""
    with running(
        tmp_path_factory.mktemp("spoilt"), workers=2, login_failures=10**9, head_seconds=2, body_idle_seconds=1
    ) as started:
        make_namespace(started.data, "acme")
        make_namespace(started.data, "open", public=True)
        World(lambda request: _ask(started, request), basic(started.token)).fill()
        with Line(started.address, started.token) as line:
            line.push("acme/well", LARGE * 10)
        yield started
        assert violations(started.data) == []
        with Line(started.address, started.token) as line:
            line.must(200, "GET", "/readyz")


@pytest.fixture(scope="module", autouse=True)
def size(server: Server) -> int:
    """What it held once it had done everything once: how much that is depends on what it keeps things in."""
    return server.resident_size()


def _ask(server: Server, request: Request) -> Answer:
    with Raw(server.address) as raw:
        return raw.send(_written(request)).answer(request.method)


def _written(request: Request) -> bytes:
    """The request as it goes over the wire."""
    lines = [request.method.encode() + b" " + request.target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.framed()]
    body = request.body
    if request.chunked:
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in request.pieces if piece) + b"0\r\n\r\n"
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


Spoil = Callable[[bytes], bytes]

_PLACES: Final = st.floats(0, 1, exclude_max=True)
_NUISANCES: Final = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"\x00",
        b" ",
        b"\t",
        b":",
        b"%",
        b"%00",
        b"%C2%85",
        b"%E2%80%A8",
        b"\xff",
        b"\r\n\r\n",
        b"0\r\n\r\n",
        b"HTTP/1.1",
        b"?",
    ]
)


def _insert(place: float, what: bytes) -> Spoil:
    return lambda text: text[: int(place * len(text))] + what + text[int(place * len(text)) :]


def _remove(place: float, size: int) -> Spoil:
    return lambda text: text[: int(place * len(text))] + text[int(place * len(text)) + size :]


def _flip(place: float, bit: int) -> Spoil:
    def flip(text: bytes) -> bytes:
        at = int(place * len(text))
        return text[:at] + bytes([text[at] ^ (1 << bit)]) + text[at + 1 :] if text else text

    return flip


def _repeat(place: float, size: int) -> Spoil:
    return lambda text: _insert(place, text[int(place * len(text)) :][:size])(text)


def _cut(place: float) -> Spoil:
    return lambda text: text[: int(place * len(text))]


# Most of a request's bytes are its body, so that most places would be there: the head is where it hurts.
_IN_HEAD: Final = _PLACES.map(lambda place: place * 0.3)
_ANYWHERE: Final = st.one_of(_IN_HEAD, _PLACES)
_SPOILS: Final = st.one_of(
    st.builds(_insert, _ANYWHERE, _NUISANCES),
    st.builds(_insert, _ANYWHERE, st.binary(min_size=1, max_size=8)),
    st.builds(_remove, _ANYWHERE, st.integers(1, 20)),
    st.builds(_flip, _ANYWHERE, st.integers(0, 7)),
    st.builds(_repeat, _ANYWHERE, st.integers(1, 200)),
    st.builds(_cut, _ANYWHERE),
)
_SHAPES: Final = [*strategies.OCI, *strategies.FILES, *strategies.NPM, *strategies.ELSEWHERE]


def _answers(server: Server, sent: bytes) -> Iterator[Answer]:
    """All that the server says to *sent*, until it closes."""
    with Raw(server.address, timeout=60) as raw:
        raw.send(sent).finish()
        with suppress(Ended):
            while True:
                yield raw.answer(_method_of(sent))


def _method_of(sent: bytes) -> str:
    return "HEAD" if sent.startswith(b"HEAD ") else "GET"


@fuzz
@given(request=strategies.requests(_SHAPES, ADMINISTRATOR), spoils=st.lists(_SPOILS, max_size=3))
def test_no_spoilt_request_finds_a_bug(server: Server, request: Request, spoils: list[Spoil]) -> None:
    session = _ask(
        server,
        Request(
            "POST", b"/v2/acme/team/api/blobs/uploads/", ((b"host", b"x"), (b"authorization", basic(server.token)))
        ),
    ).header(b"location")
    assert session is not None
    sent = _written(request).replace(strategies.SESSION, session).replace(ADMINISTRATOR, basic(server.token))
    for spoil in spoils:
        sent = spoil(sent)

    for answer in _answers(server, sent):
        assert answer.status < 500 or answer.status in {*DELIBERATE, 505}, (sent[:500], answer)
        if answer.status >= 400 and not sent.startswith(b"HEAD"):
            # Which protocol's form it has depends on what the server made of the target.
            assert answer.header(b"content-type") in (b"application/json", b"application/problem+json"), sent[:500]


@fuzz
@given(noise=st.binary(max_size=400))
def test_no_noise_finds_a_bug(server: Server, noise: bytes) -> None:
    for answer in _answers(server, noise):
        assert 400 <= answer.status < 500 or answer.status in (501, 505), (noise, answer)
        assert_answer_is_sound(Request("GET", b"/"), answer, deliberate=(501, 505))


def test_after_all_that_the_server_is_well_and_has_not_grown(server: Server, size: int) -> None:
    with Line(server.address, server.token) as line:
        line.must(200, "GET", "/readyz")
        line.push("acme/well", LARGE * 11)

    # The rest of its threads have begun meanwhile: of those that talk to an object store there are many.
    assert server.resident_size() - size < 60 * MEBI
    assert server.complaints() == []

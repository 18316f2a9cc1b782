from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from entrepot.client import (
    Busy,
    Client,
    Conflict,
    Denied,
    Interrupted,
    Misuse,
    NotFound,
    NotLoggedIn,
    Refused,
    Retry,
    ServerFailed,
    Unintelligible,
    Unreachable,
)
from entrepot.client.answers import Namespace
from tests.unit.client.conftest import TOKEN, Open
from tests.unit.client.loopback import Asked, Hangup, Say, Script, loopback

_SECOND = timedelta(seconds=1)
STATUS = {"version": "1.2.3", "formats": ["oci", "generic"], "storage": None}


def _answers(*answers: Say) -> Script:
    """A script that gives one answer after another."""
    left = iter(answers)

    def script(_: Asked) -> Say:
        return next(left)

    return script


# --- trying again ---


def test_waits_as_long_as_the_server_asks(connect: Open, waits: list[float]) -> None:
    busy = Say.problem(503, "unavailable", "later", **{"Retry-After": "7"})
    with loopback(_answers(busy, Say.json(STATUS))) as server:
        status = connect(server.url).status()

    assert status.version == "1.2.3"
    assert waits == [8]


def test_understands_a_date_by_the_servers_own_clock(connect: Open, waits: list[float]) -> None:
    now = datetime(2001, 1, 1, tzinfo=UTC)
    said = {name: format_datetime(at, usegmt=True) for name, at in (("Date", now), ("Retry-After", now + 9 * _SECOND))}
    with loopback(_answers(Say(503, headers=said), Say.json(STATUS))) as server:
        connect(server.url).status()

    assert waits == [10]


def test_a_date_that_is_over_is_not_waited_for(connect: Open, waits: list[float]) -> None:
    over = {"Retry-After": format_datetime(datetime(2001, 1, 1, tzinfo=UTC), usegmt=True)}
    with loopback(_answers(Say(429, headers=over), Say.json(STATUS))) as server:
        connect(server.url).status()

    assert waits == [1]


@pytest.mark.parametrize("text", ["soon", "-5", "Sat, 99 Nov 2026"])
def test_a_time_to_wait_that_makes_no_sense_is_passed_over(connect: Open, waits: list[float], text: str) -> None:
    with loopback(_answers(Say(503, headers={"Retry-After": text}), Say.json(STATUS))) as server:
        connect(server.url).status()

    assert waits == [1]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_tried_again_until_the_attempts_are_used_up(
    connect: Open, waits: list[float], status: int
) -> None:
    with loopback(lambda _: Say(status)) as server, pytest.raises(Busy):
        connect(server.url).status()

    assert waits == [1, 2, 4, 8]
    assert len(server.asked) == 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 500, 501, 507])
def test_what_does_not_pass_is_not_tried_again(connect: Open, waits: list[float], status: int) -> None:
    with loopback(lambda _: Say(status)) as server, pytest.raises(Refused):
        connect(server.url).status()

    assert waits == []


def test_a_connection_that_breaks_is_made_anew(connect: Open, waits: list[float]) -> None:
    def script(asked: Asked) -> Say:
        if not waits:
            raise Hangup
        return Say.json(STATUS)

    with loopback(script) as server:
        connect(server.url).status()

    assert waits == [1]


def test_an_answer_that_breaks_off_is_asked_for_again(connect: Open, waits: list[float]) -> None:
    def script(asked: Asked) -> Say:
        whole = Say.json(STATUS)
        return whole if waits else Say(200, whole.body, whole.headers, cut_after=5)

    with loopback(script) as server:
        assert connect(server.url).status().version == "1.2.3"


def test_what_may_not_be_done_twice_is_not_repeated(connect: Open, waits: list[float]) -> None:
    def script(asked: Asked) -> Say:
        raise Hangup

    with loopback(script) as server, pytest.raises(Interrupted):
        connect(server.url).namespaces.create("acme")

    assert waits == []
    assert len(server.asked) == 1


def test_a_busy_server_is_not_asked_twice_to_make_a_token(connect: Open) -> None:
    with loopback(lambda _: Say(503, headers={"Retry-After": "1"})) as server, pytest.raises(Busy):
        connect(server.url).tokens.create("ci", "publisher")

    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_tried_a_few_times_whatever_the_method(connect: Open, waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(Unreachable) as failed:
        connect(f"http://127.0.0.1:{port}").namespaces.create("acme")

    assert waits == [1, 2, 4, 8]
    assert f"http://127.0.0.1:{port}" in str(failed.value)
    assert "entrepot doctor" in (failed.value.hint or "")


def test_a_repeated_delete_that_finds_nothing_did_its_work_the_first_time(connect: Open, waits: list[float]) -> None:
    def script(asked: Asked) -> Say:
        if not waits:
            raise Hangup
        return Say.problem(404, "token-unknown", "There is no such token.")

    with loopback(script) as server:
        connect(server.url).tokens.revoke("t1")

    assert server.lines == ["DELETE /api/v1/tokens/t1"] * 2


def test_a_first_delete_that_finds_nothing_says_so(connect: Open) -> None:
    with loopback(lambda _: Say.problem(404, "token-unknown", "No.")) as server, pytest.raises(NotFound):
        connect(server.url).tokens.revoke("t1")


# --- whom the token is told ---


def test_the_token_goes_to_the_registry(connect: Open) -> None:
    with loopback(lambda _: Say.json(STATUS)) as server:
        connect(server.url).status()

    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_the_token_does_not_follow_a_redirect_to_another_host(connect: Open) -> None:
    with (
        loopback(lambda _: Say.json(STATUS)) as elsewhere,
        loopback(lambda _: Say(307, headers={"Location": f"{elsewhere.url}/there"})) as server,
    ):
        connect(server.url).status()

    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert elsewhere.lines == ["GET /there"]
    assert "authorization" not in elsewhere.asked[0].headers
    assert TOKEN not in str(elsewhere.asked[0].headers)


def test_the_token_follows_a_redirect_to_the_same_host(connect: Open) -> None:
    def script(asked: Asked) -> Say:
        return Say.json(STATUS) if asked.path == "/there" else Say(302, headers={"Location": "/there"})

    with loopback(script) as server:
        connect(server.url).status()

    assert server.asked[1].headers["authorization"] == f"Bearer {TOKEN}"


def test_the_token_comes_back_with_the_way_back(connect: Open) -> None:
    urls: list[str] = []

    def home(asked: Asked) -> Say:
        there = {"Location": f"{urls[0]}/away"}
        return Say.json(STATUS) if asked.path == "/back" else Say(302, headers=there)

    with (
        loopback(home) as server,
        loopback(lambda _: Say(302, headers={"Location": f"{server.url}/back"})) as elsewhere,
    ):
        urls.append(elsewhere.url)
        connect(server.url).status()

    assert "authorization" not in elsewhere.asked[0].headers
    assert server.asked[1].headers["authorization"] == f"Bearer {TOKEN}"


def test_who_is_refused_after_a_redirect_is_told_why(connect: Open) -> None:
    with (
        loopback(lambda _: Say(401)) as elsewhere,
        loopback(lambda _: Say(307, headers={"Location": elsewhere.url})) as server,
        pytest.raises(NotLoggedIn) as refused,
    ):
        connect(server.url).status()

    assert elsewhere.url in (refused.value.hint or "")


def test_nothing_is_pushed_after_a_redirect(connect: Open) -> None:
    with (
        loopback(lambda _: Say(201)) as elsewhere,
        loopback(lambda _: Say(308, headers={"Location": f"{elsewhere.url}/x"})) as server,
        pytest.raises(Unintelligible) as refused,
    ):
        connect(server.url).namespaces.create("acme")

    assert elsewhere.asked == []
    assert elsewhere.url in (refused.value.hint or "")


def test_redirects_without_end_are_given_up(connect: Open) -> None:
    with loopback(lambda _: Say(302, headers={"Location": "/again"})) as server, pytest.raises(Unintelligible):
        connect(server.url).status()

    assert len(server.asked) == 5


def test_a_redirect_to_nowhere_is_no_answer(connect: Open) -> None:
    with loopback(lambda _: Say(302)) as server, pytest.raises(Unintelligible, match="redirects to no address"):
        connect(server.url).status()


def test_without_a_token_none_is_sent(connect: Open) -> None:
    with loopback(lambda _: Say.json(STATUS)) as server:
        connect(server.url, None).status()

    assert "authorization" not in server.asked[0].headers


# --- what errors say ---


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NotLoggedIn), (403, Denied), (404, NotFound), (409, Conflict), (412, Conflict), (500, ServerFailed)],
)
def test_a_problem_carries_its_fields(connect: Open, status: int, kind: type[Refused]) -> None:
    say = Say.problem(status, "version-exists", "The version exists: 1.0")
    with loopback(lambda _: say) as server, pytest.raises(kind) as refused:
        connect(server.url).status()

    assert str(refused.value) == "The version exists: 1.0"
    assert refused.value.status == status
    assert refused.value.code == "version-exists"
    assert refused.value.request_id == "r-1"
    assert refused.value.hint == "A version never changes: push under a new one."


def test_an_oci_error_carries_its_fields(connect: Open) -> None:
    detail = {"request_id": "r-2", "expected": "x"}
    said = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "No such manifest: 1.0", "detail": detail}]}
    with loopback(lambda _: Say.json(said, 404)) as server, pytest.raises(NotFound) as refused:
        connect(server.url).pull("acme/oci/pkg:1.0")

    assert str(refused.value) == "No such manifest: 1.0"
    assert (refused.value.code, refused.value.request_id) == ("MANIFEST_UNKNOWN", "r-2")
    assert refused.value.fields == said


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad Gateway</html>", b"[1]", b'{"errors":[]}', b'{"errors":"x"}', b"\xff"]
)
def test_an_error_that_is_neither_says_what_was_asked_and_answered(connect: Open, body: bytes) -> None:
    with loopback(lambda _: Say(500, body, {"X-Request-Id": "r-3"})) as server, pytest.raises(ServerFailed) as refused:
        connect(server.url).status()

    assert str(refused.value) == f"GET {server.url}/api/v1/status was answered 500 Internal Server Error"
    assert "r-3" in (refused.value.hint or "")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"version": 5, "formats": []}', b"[" * 100_000])
def test_an_answer_of_something_else_asks_to_check_the_address(connect: Open, body: bytes) -> None:
    with loopback(lambda _: Say(200, body)) as server, pytest.raises(Unintelligible) as refused:
        connect(server.url).status()

    assert "Check the address" in (refused.value.hint or "")


def test_an_answer_without_end_does_not_fill_the_memory(connect: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrepot.client.connection._MAX_ANSWER", 1000)
    with loopback(lambda _: Say(200, b"x" * 1001)) as server, pytest.raises(Unintelligible, match="more than 1000"):
        connect(server.url).status()


# --- lists ---


def _namespace(name: str) -> dict[str, object]:
    return {"name": name, "public": False, "movable": [], "versions": [], "channels": [], "revision": 1}


def test_a_list_is_read_to_its_end(connect: Open) -> None:
    def script(asked: Asked) -> Say:
        if asked.query.get("after") == "b c":
            return Say.json({"items": [_namespace("d")], "next": None})
        return Say.json({"items": [_namespace("a"), _namespace("b")], "next": "b c"})

    with loopback(script) as server:
        found = list(connect(server.url).namespaces.iter())

    assert [each.name for each in found] == ["a", "b", "d"]
    assert isinstance(found[0], Namespace)


def test_a_list_that_turns_in_a_circle_is_given_up(connect: Open) -> None:
    page = Say.json({"items": [_namespace("a")], "next": "a"})
    with loopback(lambda _: page) as server, pytest.raises(Unintelligible, match="again and again"):
        list(connect(server.url).namespaces.iter())


def test_a_client_that_was_told_to_wait_little_gives_up_soon() -> None:
    with (
        loopback(lambda _: Say(503, headers={"Retry-After": "900"})) as server,
        Client(server.url, retry=Retry(patience_seconds=60), environment={}) as client,
        pytest.raises(Busy),
    ):
        client.status()

    assert len(server.asked) == 1


def test_a_view_to_push_to_must_be_the_namespaces_own(connect: Open, tmp_path: object) -> None:
    with pytest.raises(Misuse, match="read-only"):
        connect("http://localhost:1").push([], "acme.prod/pkg:1.0")

"""The smaller parts of the wire: routes, the throttle, metrics, replies."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from entrepot.model.digest import Digest
from entrepot.model.errors import MethodNotAllowed, PreconditionFailed, RateLimited, RouteUnknown
from entrepot.testing.builders import World
from entrepot.wire.asked import AskedFiles
from entrepot.wire.call import Call, Headers
from entrepot.wire.conditionals import require_preconditions
from entrepot.wire.metrics import Metrics, outcome
from entrepot.wire.reply import FileSlice, Reply, json_reply, text_header
from entrepot.wire.routes import Route, Router, namespace_of_view
from entrepot.wire.throttle import Throttle


async def handler(call: Call) -> Reply:
    raise AssertionError(call)


# --- routes ---


def test_a_route_is_found_with_the_parts_of_its_path() -> None:
    get, put = (Route(method, r"/files/(?P<name>[^/]+)", handler, method.lower()) for method in ("GET", "PUT"))
    router = Router([get, put, Route("POST", r"/files/?", handler, "post")])

    assert router.find("GET", "/files/a") == (get, {"name": "a"})
    assert router.find("HEAD", "/files/a") == (get, {"name": "a"})
    assert router.find("PUT", "/files/a") == (put, {"name": "a"})


def test_a_method_that_an_address_does_not_take_is_told_which_it_takes() -> None:
    router = Router([Route("GET", r"/a", handler, "a"), Route("PUT", r"/[a-z]", handler, "any")])

    with pytest.raises(MethodNotAllowed) as refused:
        router.find("DELETE", "/a")

    assert refused.value.expected == "GET, HEAD, PUT"


@pytest.mark.parametrize("path", ["/b/c", "/", "", "/a/", "/a\n"])
def test_a_path_matches_whole_or_not_at_all(path: str) -> None:
    with pytest.raises(RouteUnknown):
        Router([Route("GET", r"/a", handler, "a")]).find("GET", path)


def test_a_heads_own_route_comes_before_gets() -> None:
    head = Route("HEAD", "/a", handler, "head")

    assert Router([head, Route("GET", "/a", handler, "get")]).find("HEAD", "/a")[0] is head


@pytest.mark.parametrize(
    ("path", "expected"), [({"view": "acme"}, "acme"), ({"view": "acme.prod"}, "acme"), ({"other": "x"}, None)]
)
def test_a_route_says_whose_caches_its_answers_belong_to(path: dict[str, str], expected: str | None) -> None:
    assert namespace_of_view(path) == expected


# --- the throttle ---


class Watch:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_an_address_that_fails_too_often_waits_for_the_next_window(tmp_path: Path) -> None:
    watch = Watch()
    throttle = Throttle(tmp_path / "tries", watch, failures=2, window_seconds=60)
    for _ in range(2):
        throttle.check("192.0.2.1")
        throttle.record_failure("192.0.2.1")

    with pytest.raises(RateLimited) as refused:
        throttle.check("192.0.2.1")
    throttle.check("192.0.2.2")

    watch.now += refused.value.after - 1
    with pytest.raises(RateLimited):
        throttle.check("192.0.2.1")
    watch.now += 1
    throttle.check("192.0.2.1")
    throttle.record_failure("192.0.2.1")
    throttle.check("192.0.2.1")


def test_all_workers_count_together(tmp_path: Path) -> None:
    watch = Watch()
    one, other = (Throttle(tmp_path / "tries", watch, failures=2) for _ in range(2))
    one.record_failure("192.0.2.1")
    other.record_failure("192.0.2.1")

    for each in (one, other):
        with pytest.raises(RateLimited):
            each.check("192.0.2.1")


def test_a_file_of_another_size_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "tries").write_bytes(b"\xff" * 7)

    throttle = Throttle(tmp_path / "tries", Watch())

    throttle.check("192.0.2.1")
    throttle.record_failure("192.0.2.1")
    throttle.check("192.0.2.1")


# --- metrics ---


@pytest.mark.parametrize(
    ("status", "word"), [(200, "ok"), (304, "ok"), (400, "client_error"), (499, "client_error"), (500, "server_error")]
)
def test_a_status_is_one_of_three_outcomes(status: int, word: str) -> None:
    assert outcome(status) == word


def test_what_is_counted_is_what_a_scrape_shows() -> None:
    metrics = Metrics()
    label = ("oci", "get_blob", "ok")

    metrics.count(label, seconds=0.02, received=3, sent=0)
    metrics.count(label, seconds=0.02, received=0, sent=5)
    metrics.count_hits(label, hits=10, sent=70, seconds=0.01)
    shown = metrics.render({"blobs": 4}, {}, None).decode()

    for line in (
        'entrepot_requests_total{format="oci",operation="get_blob",outcome="ok"} 12.0',
        'entrepot_request_seconds_count{format="oci",operation="get_blob"} 12.0',
        'entrepot_request_seconds_bucket{format="oci",le="0.001",operation="get_blob"} 10.0',
        'entrepot_request_seconds_bucket{format="oci",le="+Inf",operation="get_blob"} 12.0',
        'entrepot_received_bytes_total{format="oci"} 3.0',
        'entrepot_sent_bytes_total{format="oci"} 75.0',
        'entrepot_front_cache_hits_total{format="oci"} 10.0',
        "entrepot_storage_blobs 4.0",
    ):
        assert line in shown.splitlines()


def test_hits_that_took_longer_than_any_bound_are_counted_too() -> None:
    metrics = Metrics()

    metrics.count_hits(("oci", "get_blob", "ok"), hits=2, sent=0, seconds=10_000)

    assert 'le="+Inf",operation="get_blob"} 2.0' in metrics.render({}, {}, None).decode()


def test_when_everything_was_read_again_is_a_metric_from_the_first_time_on() -> None:
    metrics = Metrics()

    assert "entrepot_scrub" not in metrics.render({}, {}, None).decode()
    at = datetime(2026, 1, 31, tzinfo=UTC)
    assert "entrepot_scrub_ended_timestamp_seconds 1.7698176e+09" in metrics.render({}, {}, at).decode()


def test_several_workers_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    assert "entrepot_storage_blobs 4.0" in Metrics().render({"blobs": 4}, {}, None).decode()


# --- replies and preconditions ---


def test_a_reply_knows_how_long_it_is(world: World) -> None:
    stored = world.registry.blobs.read(Digest.of(b"x"))

    assert Reply(body=b"hello").length == 5
    assert Reply(body=FileSlice("/file", 3, 7)).length == 7
    assert Reply(body=stored, size=9).length == 9
    assert Reply(body=stored).length == 0
    assert json_reply([1]).body == b"[1]"


@pytest.mark.parametrize("text", ["plain", "line\r\nbreak", "é", "\x00", "tab\t"])
def test_a_header_carries_printable_text_alone(text: str) -> None:
    name, value = text_header("x-name", text)

    assert name == b"x-name"
    assert all(32 <= byte < 127 for byte in value)
    assert len(value) == len(text)


ETAG = '"a"'


@pytest.mark.parametrize(
    ("field", "value", "etag", "passes"),
    [
        ("if-match", ETAG, ETAG, True),
        ("if-match", '"b", "a"', ETAG, True),
        ("if-match", "*", ETAG, True),
        ("if-match", '"b"', ETAG, False),
        ("if-match", 'W/"a"', ETAG, False),
        ("if-match", "*", None, False),
        ("if-none-match", "*", None, True),
        ("if-none-match", "*", ETAG, False),
        ("if-none-match", 'W/"a"', ETAG, False),
        ("if-none-match", '"b"', ETAG, True),
    ],
)
def test_a_change_is_made_only_to_what_the_client_has_seen(
    field: str, value: str, etag: str | None, passes: bool
) -> None:
    headers = Headers([(field.encode(), value.encode())])

    if passes:
        require_preconditions(headers, etag)
        return
    with pytest.raises(PreconditionFailed):
        require_preconditions(headers, etag)


def test_a_reader_who_has_it_already_is_not_refused() -> None:
    require_preconditions(Headers([(b"if-none-match", b"*")]), ETAG, reading=True)


# --- files that are asked for again ---


async def test_a_file_is_read_when_it_is_asked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    asked, content = AskedFiles(), FileSlice(str(path), 2, 5)

    assert await asked.borrow(content) is content
    assert await asked.borrow(content) == b"23456"


async def test_a_file_that_is_not_all_there_is_left_to_who_sends_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"01")
    asked, short, absent = AskedFiles(), FileSlice(str(path), 0, 5), FileSlice(str(tmp_path / "absent"), 0, 1)

    for content in (short, absent):
        assert await asked.borrow(content) is content
        assert await asked.borrow(content) is content


async def test_what_was_asked_for_long_ago_counts_as_new(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0")
    asked, content = AskedFiles(), FileSlice(str(path), 0, 1)
    await asked.borrow(content)
    for number in range(5_000):
        await asked.borrow(FileSlice(f"{path}-{number}", 0, 1))

    assert await asked.borrow(content) is content


async def test_who_asks_for_the_same_file_shares_it_and_too_much_on_its_way_goes_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    asked, content = AskedFiles(size=20), FileSlice(str(path), 0, 10)
    await asked.borrow(content)

    first, second, third = [await asked.borrow(content) for _ in range(3)]
    asked.give_back(10)
    fourth = await asked.borrow(content)

    assert first is second is fourth
    assert third is content


async def test_what_is_kept_of_files_has_an_end(tmp_path: Path) -> None:
    asked, contents = AskedFiles(size=20), []
    for number in range(5):
        (tmp_path / str(number)).write_bytes(b"0123456789")
        contents.append(FileSlice(str(tmp_path / str(number)), 0, 10))
    for content in contents:
        await asked.borrow(content)
        assert await asked.borrow(content) == b"0123456789"
        asked.give_back(10)

    assert await asked.borrow(contents[0]) is contents[0], "it was forgotten"
    assert await asked.borrow(contents[4]) == b"0123456789"

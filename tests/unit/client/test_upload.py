from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from entrepot.client import Conflict, FileChanged, Interrupted, LocalFailure, Misuse, Refused, Retry, WrongContent
from entrepot.client.transfer import Progress
from tests.unit.client.conftest import Open
from tests.unit.client.loopback import Asked, Say, loopback
from tests.unit.client.shelf import Shelf

LARGE = random.Random(5).randbytes(9 * 1024 * 1024)
"""More than is sent in one request."""
PATH = "/files/acme/pkg/1.0/large.bin"


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(LARGE)
    return path


def _methods(asked: list[Asked]) -> list[str]:
    return [each.method for each in asked]


# --- which files, and what they are called ---


def test_a_directory_is_pushed_with_all_below_it(connect: Open, shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "dist" / "sub dir").mkdir(parents=True)
    (tmp_path / "dist" / "a.txt").write_bytes(b"a")
    (tmp_path / "dist" / "sub dir" / "b#.txt").write_bytes(b"b")
    (tmp_path / "c.txt").write_bytes(b"")

    with loopback(shelf) as server:
        pushed = connect(server.url).push([tmp_path / "dist", tmp_path / "c.txt"], "acme/pkg:1.0")

    assert shelf.files == {
        "/files/acme/pkg/1.0/a.txt": b"a",
        "/files/acme/pkg/1.0/sub%20dir/b%23.txt": b"b",
        "/files/acme/pkg/1.0/c.txt": b"",
    }
    assert str(pushed.address) == "acme/generic/pkg:1.0"
    assert str(pushed.digest) == shelf.version
    assert [file.path for file in pushed.files] == ["a.txt", "sub dir/b#.txt", "c.txt"]


def test_a_mapping_gives_the_names(connect: Open, shelf: Shelf, large: Path) -> None:
    small = large.with_name("small")
    small.write_bytes(b"s")

    with loopback(shelf) as server:
        connect(server.url).push({"bin/tool": small}, "acme/pkg:1.0")

    assert list(shelf.files) == ["/files/acme/pkg/1.0/bin/tool"]


@pytest.mark.parametrize(
    ("names", "said"), [(["missing"], "there is no file"), ([], "no file to push"), (["/dev/null"], "neither")]
)
def test_what_cannot_be_pushed_is_misuse(connect: Open, tmp_path: Path, names: list[str], said: str) -> None:
    with pytest.raises(Misuse, match=said):
        connect("http://localhost:1").push([tmp_path / name for name in names], "acme/pkg:1.0")


def test_two_files_of_one_name_are_misuse(connect: Open, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same").write_bytes(b"")

    with pytest.raises(Misuse, match="would both be called same"):
        connect("http://localhost:1").push([tmp_path / "a" / "same", tmp_path / "b" / "same"], "acme/pkg:1.0")


def test_a_name_with_slashes_is_no_package_of_plain_files(connect: Open, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")

    with pytest.raises(Misuse) as refused:
        connect("http://localhost:1").push([tmp_path / "f"], "acme/team/pkg:1.0")

    assert "--format oci" in (refused.value.hint or "")


@pytest.mark.parametrize("address", ["acme/pkg", f"acme/pkg@sha256:{'a' * 64}", "acme/pypi/pkg:1.0"])
def test_where_files_cannot_be_pushed_to_is_misuse(connect: Open, tmp_path: Path, address: str) -> None:
    (tmp_path / "f").write_bytes(b"")

    with pytest.raises(Misuse):
        connect("http://localhost:1").push([tmp_path / "f"], address)


# --- what is sent ---


def test_annotations_are_sent_in_ascii(connect: Open, shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")

    with loopback(shelf) as server:
        connect(server.url).push([tmp_path / "f"], "acme/pkg:1.0", annotations={"team": "Zoë"})

    assert json.loads(server.asked[0].headers["entrepot-annotations"]) == {"team": "Zoë"}
    assert server.asked[0].headers["entrepot-annotations"].isascii()


def test_too_many_annotations_are_misuse(connect: Open, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")

    with pytest.raises(Misuse, match="annotations are"):
        connect("http://localhost:1").push([tmp_path / "f"], "acme/pkg:1.0", annotations={"k": "v" * 9000})


def test_a_small_file_is_sent_whole_with_its_digest(connect: Open, shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"hello")

    with loopback(shelf) as server:
        connect(server.url).push([tmp_path / "f"], "acme/pkg:1.0")

    assert server.lines[0] == "PUT /files/acme/pkg/1.0/f"
    assert server.asked[0].headers["content-digest"] == "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"


def test_a_registry_that_stores_other_bytes_is_noticed(connect: Open, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"hello")
    other = {"path": "f", "digest": f"sha256:{'0' * 64}", "size": 5, "artifact": f"sha256:{'0' * 64}"}

    with loopback(lambda _: Say.json(other, 201)) as server, pytest.raises(WrongContent, match="stored f as"):
        connect(server.url).push([tmp_path / "f"], "acme/pkg:1.0")


# --- large files ---


def test_a_large_file_is_sent_in_a_session(connect: Open, shelf: Shelf, large: Path) -> None:
    with loopback(shelf) as server:
        connect(server.url).push([large], "acme/pkg:1.0")

    assert shelf.files[PATH] == LARGE
    assert _methods(server.asked) == ["HEAD", "POST", "PATCH", "PUT"]


def test_the_token_stays_with_the_registry_whatever_name_it_gives_itself(
    connect: Open, shelf: Shelf, large: Path
) -> None:
    with loopback(shelf) as server:
        connect(server.url).push([large], "acme/pkg:1.0")

    assert all("authorization" in each.headers for each in server.asked)


def test_an_upload_that_breaks_goes_on_where_the_registry_has_it(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.cuts = [3_000_000, 2_000_000]

    with loopback(shelf) as server:
        connect(server.url).push([large], "acme/pkg:1.0")

    ranges = [each.headers["content-range"] for each in server.asked if each.method == "PATCH"]
    assert shelf.files[PATH] == LARGE
    assert ranges == [f"0-{len(LARGE) - 1}", f"3000000-{len(LARGE) - 1}", f"5000000-{len(LARGE) - 1}"]


def test_an_upload_that_goes_on_may_break_more_often_than_a_request(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.cuts = [1_000_000] * 8

    with loopback(shelf) as server:
        connect(server.url).push([large], "acme/pkg:1.0")

    assert shelf.files[PATH] == LARGE


def test_an_upload_that_never_gets_further_is_given_up(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.cuts = [0] * 100

    with loopback(shelf) as server, pytest.raises(Interrupted):
        connect(server.url).push([large], "acme/pkg:1.0")

    assert len(shelf.cuts) > 80


# --- a process that was killed, and the next one ---


def _break_off(connect: Open, url: str, path: Path) -> None:
    """Leave an upload where its first connection breaks."""
    with pytest.raises(Interrupted):
        connect(url, retry=Retry(attempts=1)).push([path], "acme/pkg:1.0")


def test_a_later_process_goes_on_where_a_killed_one_was(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.cuts = [4_000_000]
    with loopback(shelf) as server:
        _break_off(connect, server.url, large)
        before = len(server.asked)

        connect(server.url).push([large], "acme/pkg:1.0")

    after = server.asked[before:]
    assert _methods(after) == ["HEAD", "GET", "PATCH", "PUT"]
    assert after[2].headers["content-range"] == f"4000000-{len(LARGE) - 1}"
    assert shelf.files[PATH] == LARGE


def test_a_session_that_is_gone_is_begun_anew(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.cuts = [4_000_000]
    with loopback(shelf) as server:
        _break_off(connect, server.url, large)
        shelf.sessions.clear()

        connect(server.url).push([large], "acme/pkg:1.0")

    assert shelf.files[PATH] == LARGE


def test_another_file_does_not_go_on_in_its_session(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.cuts = [4_000_000]
    changed = LARGE[::-1]
    with loopback(shelf) as server:
        _break_off(connect, server.url, large)
        large.write_bytes(changed)

        connect(server.url).push([large], "acme/pkg:1.0")

    assert shelf.files[PATH] == changed


def test_a_finished_upload_is_not_remembered(
    connect: Open, shelf: Shelf, large: Path, environment: dict[str, str]
) -> None:
    with loopback(shelf) as server:
        connect(server.url).push([large], "acme/pkg:1.0")

    assert list(Path(environment["XDG_STATE_HOME"]).rglob("uploads/*")) == []


def test_a_session_that_holds_damaged_bytes_is_not_gone_on_with_twice(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.cuts = [4_000_000]
    with loopback(shelf) as server:
        _break_off(connect, server.url, large)
        shelf.sessions["s1"][7] ^= 1
        with pytest.raises(Refused, match="does not have the digest"):
            connect(server.url).push([large], "acme/pkg:1.0")

        connect(server.url).push([large], "acme/pkg:1.0")

    assert shelf.files[PATH] == LARGE


# --- what else may happen ---


def test_bytes_that_were_still_being_taken_in_are_asked_for_again(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.cuts = [1_000_000]
    late = iter([b"x" * 0])

    def before(asked: Asked) -> Say | None:
        # What broke off is still being written while the client asks how far it is: the first answer is too small.
        if asked.method == "GET" and "upload" in asked.query and next(late, None) is not None:
            return Say(204, headers={"Upload-Offset": "500000"})
        return None

    shelf.before = before
    with loopback(shelf) as server:
        connect(server.url).push([large], "acme/pkg:1.0")

    ranges = [each.headers["content-range"].partition("-")[0] for each in server.asked if each.method == "PATCH"]
    assert ranges == ["0", "500000", "1000000"]
    assert shelf.files[PATH] == LARGE


def test_a_session_whose_answers_do_not_fit_is_left(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.cuts = [1_000_000]

    def before(asked: Asked) -> Say | None:
        lies = asked.method == "GET" and asked.query.get("upload") == "s1"
        return Say(204, headers={"Upload-Offset": "0"}) if lies else None

    shelf.before = before
    with loopback(shelf) as server:
        connect(server.url).push([large], "acme/pkg:1.0")

    assert shelf.files[PATH] == LARGE
    assert len(shelf.sessions) == 1


def test_a_session_that_another_request_still_holds_is_waited_for(
    connect: Open, shelf: Shelf, large: Path, waits: list[float]
) -> None:
    busy = iter([Say.problem(409, "upload-busy", "busy")] * 2)
    shelf.before = lambda asked: next(busy, None) if asked.method == "PATCH" else None

    with loopback(shelf) as server:
        connect(server.url).push([large], "acme/pkg:1.0")

    assert waits == [1, 2]
    assert shelf.files[PATH] == LARGE


def test_a_lost_answer_to_the_last_request_is_not_a_failure(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.lose_answers = 1

    with loopback(shelf) as server:
        connect(server.url).push([large], "acme/pkg:1.0")

    assert _methods(server.asked) == ["HEAD", "POST", "PATCH", "PUT", "PUT", "HEAD", "GET"]


def test_a_large_file_that_is_there_is_not_sent_again(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.files[PATH] = LARGE

    with loopback(shelf) as server:
        connect(server.url).push([large], "acme/pkg:1.0")

    assert _methods(server.asked) == ["HEAD", "GET"]


def test_a_large_file_that_would_be_refused_is_not_sent_first(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.files[PATH] = b"other"

    with loopback(shelf) as server, pytest.raises(Conflict) as refused:
        connect(server.url).push([large], "acme/pkg:1.0")

    assert _methods(server.asked) == ["HEAD"]
    assert "large.bin" in str(refused.value)
    assert "new one" in (refused.value.hint or "")


def test_a_file_that_changes_while_it_is_sent_is_noticed(connect: Open, shelf: Shelf, large: Path) -> None:
    def before(asked: Asked) -> Say | None:
        if asked.method == "POST":
            large.write_bytes(LARGE[:-1] + b"!")
        return None

    shelf.before = before
    with loopback(shelf) as server, pytest.raises(FileChanged, match="changed while it was being sent"):
        connect(server.url).push([large], "acme/pkg:1.0")

    assert PATH not in shelf.files


def test_a_file_that_shrinks_while_it_is_sent_is_noticed(connect: Open, shelf: Shelf, large: Path) -> None:
    def before(asked: Asked) -> Say | None:
        if asked.method == "POST":
            large.write_bytes(b"")
        return None

    shelf.before = before
    with loopback(shelf) as server, pytest.raises(FileChanged):
        connect(server.url).push([large], "acme/pkg:1.0")


def test_a_file_that_cannot_be_read_is_named(connect: Open, shelf: Shelf, large: Path) -> None:
    def before(asked: Asked) -> Say | None:
        if asked.method == "POST":
            large.unlink()
        return None

    shelf.before = before
    with loopback(shelf) as server, pytest.raises(LocalFailure, match=r"large\.bin cannot be read"):
        connect(server.url).push([large], "acme/pkg:1.0")


def test_a_refusal_in_the_middle_of_an_upload_is_heard(connect: Open, shelf: Shelf, large: Path) -> None:
    def before(asked: Asked) -> Say | None:
        if asked.method == "PATCH":
            asked.take(1000)
            return Say.problem(507, "storage-full", "The registry has no room left on its storage.")
        return None

    shelf.before = before
    with loopback(shelf) as server, pytest.raises(Refused, match="no room left"):
        connect(server.url).push([large], "acme/pkg:1.0")


def test_the_first_failure_stops_the_other_files(connect: Open, shelf: Shelf, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"f{number:02}").write_bytes(b"x")
    refusal = Say.problem(403, "denied", "You may not.")
    shelf.before = lambda asked: refusal if asked.path.endswith("/f00") else None

    with loopback(shelf) as server, pytest.raises(Refused, match="You may not"):
        connect(server.url, parallel=1).push([tmp_path], "acme/pkg:1.0")

    assert len(server.asked) == 1


def test_progress_ends_with_every_file_finished(connect: Open, shelf: Shelf, large: Path) -> None:
    shelf.cuts = [3_000_000]
    seen: list[Progress] = []

    with loopback(shelf) as server:
        connect(server.url).push([large], "acme/pkg:1.0", progress=seen.append)

    assert seen[-1] == Progress("large.bin", len(LARGE), len(LARGE), finished=True)
    assert [each for each in seen if each.finished] == [seen[-1]]
    assert max(each.done for each in seen) == len(LARGE)


def test_a_home_that_cannot_be_written_to_does_not_stop_an_upload(
    connect: Open, shelf: Shelf, large: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "blocked").write_bytes(b"")
    blocked = environment | {"XDG_STATE_HOME": str(tmp_path / "blocked")}

    with loopback(shelf) as server:
        connect(server.url, environment=blocked).push([large], "acme/pkg:1.0")

    assert shelf.files[PATH] == LARGE

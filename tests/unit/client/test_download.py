from __future__ import annotations

import fcntl
import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from entrepot.client import Busy, Interrupted, LocalFailure, Misuse, NotFound, Retry, WrongContent
from entrepot.client.transfer import Progress
from tests.unit.client.conftest import Open
from tests.unit.client.loopback import Asked, Say, loopback

CONTENT = random.Random(7).randbytes(3_000_000)
PATH = "/files/acme/pkg/1.0/"


def _name(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _part(directory: Path, content: bytes = CONTENT, name: str = "f.bin") -> Path:
    return directory / f".{name}.{hashlib.sha256(content).hexdigest()[:12]}.part"


def _everything(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*"))


class Files:
    """A version of plain files: what is listed, and what is served, which a fault makes differ."""

    def __init__(self, **content: bytes) -> None:
        self.content = {name.replace("_", "."): each for name, each in content.items()}
        self.served: Callable[[Asked, str], Say] = self.serve

    def __call__(self, asked: Asked) -> Say:
        if asked.path == PATH:
            files = [
                {"path": name, "digest": _name(each), "size": len(each), "media_type": ""}
                for name, each in self.content.items()
            ]
            return Say.json({"package": "pkg", "version": "1.0", "digest": _name(b""), "files": files})
        return self.served(asked, asked.path.removeprefix(PATH))

    def serve(self, asked: Asked, name: str, *, cut_after: int | None = None) -> Say:
        content = self.content[name]
        first = asked.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0]
        start = int(first)
        if "range" not in asked.headers:
            return Say(200, content, cut_after=cut_after)
        if start >= len(content):
            return Say.problem(416, "invalid-range", "no such range")
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        return Say(206, content[start:], headers, cut_after)


def test_files_come_under_their_names(connect: Open, tmp_path: Path) -> None:
    with loopback(Files(f_bin=CONTENT, empty=b"")) as server:
        pulled = connect(server.url).pull("acme/generic/pkg:1.0", tmp_path / "into")

    assert (tmp_path / "into" / "f.bin").read_bytes() == CONTENT
    assert _everything(tmp_path / "into") == ["empty", "f.bin"]
    assert str(pulled.digest) == _name(b"")
    assert [file.path for file in pulled.files] == ["f.bin", "empty"]


def test_directories_are_made_for_names_with_slashes(connect: Open, tmp_path: Path) -> None:
    files = Files()
    files.content = {"a/b/c.txt": b"c", "a/d é#.txt": b"d"}
    files.served = lambda asked, _: Say(200, b"c" if asked.path.endswith("c.txt") else b"d")

    with loopback(files) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert _everything(tmp_path) == ["a", "a/b", "a/b/c.txt", "a/d é#.txt"]
    assert "GET /files/acme/pkg/1.0/a/d%20%C3%A9%23.txt" in server.lines


# --- wrong bytes ---


def test_wrong_bytes_are_never_left_under_the_final_name(connect: Open, tmp_path: Path) -> None:
    files = Files(f_bin=CONTENT)
    files.served = lambda _, __: Say(200, CONTENT[:-1] + b"!")

    with loopback(files) as server, pytest.raises(WrongContent) as refused:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert _everything(tmp_path) == []
    assert _name(CONTENT) in str(refused.value)
    assert _name(CONTENT[:-1] + b"!") in str(refused.value)
    assert "entrepot scrub" in (refused.value.hint or "")


def test_wrong_bytes_do_not_replace_what_was_there(connect: Open, tmp_path: Path) -> None:
    (tmp_path / "f.bin").write_bytes(b"mine")
    files = Files(f_bin=CONTENT)
    files.served = lambda _, __: Say(200, b"x" * len(CONTENT))

    with loopback(files) as server, pytest.raises(WrongContent):
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert (tmp_path / "f.bin").read_bytes() == b"mine"
    assert _everything(tmp_path) == ["f.bin"]


def test_more_bytes_than_promised_are_not_taken(connect: Open, tmp_path: Path) -> None:
    files = Files(f_bin=CONTENT)
    files.served = lambda _, __: Say(200, CONTENT + b"!")

    with loopback(files) as server, pytest.raises(WrongContent, match="more than its 3000000 bytes"):
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert _everything(tmp_path) == []


def test_fewer_bytes_than_promised_are_not_taken(connect: Open, tmp_path: Path) -> None:
    files = Files(f_bin=CONTENT)
    files.served = lambda _, __: Say(200, CONTENT[:1000])

    with loopback(files) as server, pytest.raises(WrongContent, match="only 1000 of its 3000000 bytes"):
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert _everything(tmp_path) == []


def test_an_encoded_answer_is_not_taken_for_the_content(connect: Open, tmp_path: Path) -> None:
    files = Files(f_bin=CONTENT)
    files.served = lambda _, __: Say(200, b"\x1f\x8b\x08", {"Content-Encoding": "gzip"})

    with loopback(files) as server, pytest.raises(WrongContent):
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert server.asked[-1].headers["accept-encoding"] == "identity"


# --- going on ---


def test_a_download_that_breaks_goes_on_where_it_was(connect: Open, tmp_path: Path) -> None:
    files = Files(f_bin=CONTENT)
    cuts = iter([1_000_000, 500_000])
    files.served = lambda asked, name: files.serve(asked, name, cut_after=next(cuts, None))

    with loopback(files) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    ranges = [each.headers.get("range") for each in server.asked if each.path.endswith("f.bin")]
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert ranges == [None, "bytes=1000000-", "bytes=1500000-"]
    assert _everything(tmp_path) == ["f.bin"]


def test_a_download_that_goes_on_may_break_more_often_than_a_request(connect: Open, tmp_path: Path) -> None:
    files = Files(f_bin=CONTENT)
    cuts = iter([300_000] * 9)
    files.served = lambda asked, name: files.serve(asked, name, cut_after=next(cuts, None))

    with loopback(files) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_what_a_killed_process_left_is_gone_on_with(connect: Open, tmp_path: Path) -> None:
    _part(tmp_path).write_bytes(CONTENT[:2_000_000])

    with loopback(Files(f_bin=CONTENT)) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert server.asked[-1].headers["range"] == "bytes=2000000-"
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_what_broke_off_is_kept_for_the_next_one(connect: Open, tmp_path: Path) -> None:
    files = Files(f_bin=CONTENT)
    files.served = lambda asked, name: files.serve(asked, name, cut_after=1_000_000)

    with loopback(files) as server, pytest.raises(Interrupted):
        connect(server.url, retry=Retry(attempts=1)).pull("acme/generic/pkg:1.0", tmp_path)

    assert _everything(tmp_path) == [_part(tmp_path).name]
    assert _part(tmp_path).read_bytes() == CONTENT[:1_000_000]


def test_what_is_whole_already_is_not_asked_for(connect: Open, tmp_path: Path) -> None:
    _part(tmp_path).write_bytes(CONTENT)

    with loopback(Files(f_bin=CONTENT)) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert server.lines == [f"GET {PATH}"]
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_what_a_crash_damaged_is_fetched_again_from_the_start(connect: Open, tmp_path: Path) -> None:
    _part(tmp_path).write_bytes(b"\0" * 2_000_000)

    with loopback(Files(f_bin=CONTENT)) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert "range" not in server.asked[-1].headers


def test_what_is_too_long_is_fetched_again_from_the_start(connect: Open, tmp_path: Path) -> None:
    _part(tmp_path).write_bytes(CONTENT + b"more")

    with loopback(Files(f_bin=CONTENT)) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert (tmp_path / "f.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "say",
    [
        Say(200, CONTENT),
        Say(206, CONTENT[5:], {"Content-Range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"}),
        Say(206, CONTENT[2_000_000:]),
    ],
    ids=["the whole", "another range", "a range that is not said"],
)
def test_an_answer_that_is_not_the_rest_is_not_appended(connect: Open, tmp_path: Path, say: Say) -> None:
    _part(tmp_path).write_bytes(CONTENT[:2_000_000])
    files = Files(f_bin=CONTENT)
    files.served = lambda asked, name: say if "range" in asked.headers else files.serve(asked, name)

    with loopback(files) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_range_that_is_refused_means_to_begin_again(connect: Open, tmp_path: Path) -> None:
    _part(tmp_path).write_bytes(CONTENT[:2_000_000])
    files = Files(f_bin=CONTENT)
    refusal = Say.problem(416, "invalid-range", "no")
    files.served = lambda asked, name: refusal if "range" in asked.headers else files.serve(asked, name)

    with loopback(files) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_busy_server_is_waited_for(connect: Open, tmp_path: Path, waits: list[float]) -> None:
    files = Files(f_bin=CONTENT)
    busy = Say(503, headers={"Retry-After": "3"})
    files.served = lambda asked, name: files.serve(asked, name) if waits else busy

    with loopback(files) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert waits == [4]


def test_a_server_that_stays_busy_is_given_up(connect: Open, tmp_path: Path) -> None:
    files = Files(f_bin=CONTENT)
    files.served = lambda _, __: Say(503)

    with loopback(files) as server, pytest.raises(Busy):
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert _everything(tmp_path) == []


# --- what is there already ---


def test_a_file_that_is_there_is_not_fetched_again(connect: Open, tmp_path: Path) -> None:
    (tmp_path / "f.bin").write_bytes(CONTENT)

    with loopback(Files(f_bin=CONTENT)) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert server.lines == [f"GET {PATH}"]


def test_a_file_of_the_same_size_and_other_content_is_replaced(connect: Open, tmp_path: Path) -> None:
    (tmp_path / "f.bin").write_bytes(CONTENT[::-1])

    with loopback(Files(f_bin=CONTENT)) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_only_what_is_wanted_is_fetched(connect: Open, tmp_path: Path) -> None:
    with loopback(Files(a_whl=b"a", b_tar=b"b")) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path, only=["*.whl"])

    assert _everything(tmp_path) == ["a.whl"]


def test_wanting_what_is_not_there_is_misuse(connect: Open, tmp_path: Path) -> None:
    with loopback(Files(a_whl=b"a")) as server, pytest.raises(Misuse, match=r"no file that matches \*\.zip"):
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path, only=["*.zip"])


def test_another_process_that_fetches_the_same_is_not_written_over(connect: Open, tmp_path: Path) -> None:
    with _part(tmp_path).open("wb") as others:
        fcntl.flock(others, fcntl.LOCK_EX)
        others.write(b"theirs")
        others.flush()

        with loopback(Files(f_bin=CONTENT)) as server:
            connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert _part(tmp_path).read_bytes() == b"theirs"
    assert _everything(tmp_path) == [_part(tmp_path).name, "f.bin"]


# --- where files may go ---


@pytest.mark.parametrize("name", ["../escaped", "a/../../escaped", "/etc/escaped", "..", "a\\..\\b", "a\0b", ""])
def test_a_name_that_leads_outside_is_refused(connect: Open, tmp_path: Path, name: str) -> None:
    files = Files()
    files.content = {name: b"x"}

    with loopback(files) as server, pytest.raises(WrongContent, match="outside of where it is put"):
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path / "into")

    assert _everything(tmp_path) == []


def test_a_link_that_leads_outside_is_not_followed(connect: Open, tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "into" / "sub").symlink_to(tmp_path / "outside")
    files = Files()
    files.content = {"sub/f": b"x"}

    with loopback(files) as server, pytest.raises(WrongContent, match="leads out of"):
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path / "into")

    assert _everything(tmp_path / "outside") == []


def test_a_part_that_is_a_link_is_not_followed(connect: Open, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    into = tmp_path / "into"
    into.mkdir()
    _part(into).symlink_to(outside)

    with loopback(Files(f_bin=CONTENT)) as server, pytest.raises(LocalFailure):
        connect(server.url).pull("acme/generic/pkg:1.0", into)

    assert outside.read_bytes() == b"precious"


def test_a_place_that_cannot_be_written_to_is_named(connect: Open, tmp_path: Path) -> None:
    (tmp_path / "into").write_bytes(b"a file")

    with loopback(Files(f_bin=CONTENT)) as server, pytest.raises(LocalFailure, match=r"f\.bin cannot be written"):
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path / "into")


def test_a_directory_in_the_files_place_is_left_alone(connect: Open, tmp_path: Path) -> None:
    (tmp_path / "f.bin").mkdir()

    with loopback(Files(f_bin=CONTENT)) as server, pytest.raises(LocalFailure):
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert (tmp_path / "f.bin").is_dir()


def test_a_name_as_long_as_a_file_system_takes_can_be_fetched(connect: Open, tmp_path: Path) -> None:
    files = Files()
    files.content = {"n" * 255: b"x"}

    with loopback(files) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)

    assert _everything(tmp_path) == ["n" * 255]


def test_a_version_that_is_not_there_is_not_found(connect: Open, tmp_path: Path) -> None:
    say = Say.problem(404, "reference-unknown", "The package has no such tag or version: 1.0")
    with loopback(lambda _: say) as server, pytest.raises(NotFound, match="no such tag or version"):
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path)


def test_a_name_that_means_something_else_than_the_digest_is_not_pulled(connect: Open, tmp_path: Path) -> None:
    with loopback(Files(f_bin=CONTENT)) as server, pytest.raises(WrongContent, match="now"):
        connect(server.url).pull(f"acme/generic/pkg:1.0@sha256:{'f' * 64}", tmp_path)

    assert _everything(tmp_path) == []


def test_progress_is_told_in_order_and_by_one_thread_at_a_time(connect: Open, tmp_path: Path) -> None:
    seen: list[Progress] = []

    with loopback(Files(f_bin=CONTENT, g_bin=CONTENT[::-1])) as server:
        connect(server.url).pull("acme/generic/pkg:1.0", tmp_path, progress=seen.append)

    for name in ("f.bin", "g.bin"):
        done = [each.done for each in seen if each.name == name]
        assert done == sorted(done)
        assert done[-1] == len(CONTENT)

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import contents
from tests.cli.installation import PROGRAM, Installation
from tests.clients.cutting import CutLine
from tests.unit.client.loopback import Asked, Say, loopback

FORMATS = pytest.mark.parametrize("format", ["generic", "oci"])


@FORMATS
def test_what_was_pushed_is_pulled_byte_for_byte(
    installation: Installation, namespace: str, dist: Path, tmp_path: Path, format: str
) -> None:
    pushed = installation.must("push", dist, f"{namespace}/tool:1.0", "--format", format, "-o", "json").json
    pulled = installation.must("pull", f"{namespace}/tool:1.0", "--into", tmp_path / "into", "-o", "json").json

    assert contents(tmp_path / "into") == contents(dist)
    assert pulled["digest"] == pushed["digest"]
    assert pulled["reference"] == pushed["reference"] == f"{namespace}/{format}/tool:1.0"


@FORMATS
def test_the_same_again_is_no_error_and_other_content_is(
    installation: Installation, namespace: str, dist: Path, format: str
) -> None:
    words = ("push", dist, f"{namespace}/tool:1.0", "--format", format)
    first = installation.must(*words)
    again = installation.must(*words)
    (dist / "bin" / "tool").write_bytes(b"changed")
    other = installation.run(*words)

    assert again.out == first.out
    assert other.code == 1
    assert "push under a new one" in other.err
    assert len(other.err.splitlines()) == 2


@FORMATS
def test_a_digest_means_the_same_for_ever(
    installation: Installation, namespace: str, dist: Path, tmp_path: Path, format: str
) -> None:
    digest = installation.must("push", dist, f"{namespace}/tool:1.0", "--format", format, "-o", "json").json["digest"]

    installation.must("pull", f"{namespace}/tool@{digest}", "--into", tmp_path / "into")

    assert contents(tmp_path / "into") == contents(dist)


@FORMATS
def test_who_may_only_publish_can_push(
    installation: Installation, namespace: str, dist: Path, tmp_path: Path, format: str
) -> None:
    made = installation.must(
        "token", "create", namespace, "--role", "publisher", "--action", "publish", "--namespace", namespace
    )
    words = ("push", dist, f"{namespace}/tool:1.0", "--format", format)

    pushed = installation.must(*words, "-o", "json", token=made.out.strip()).json
    (dist / "bin" / "tool").write_bytes(b"changed")
    other = installation.run(*words, token=made.out.strip())

    assert installation.must("inspect", f"{namespace}/tool:1.0", "-o", "json").json["digest"] == pushed["digest"]
    assert installation.run("pull", f"{namespace}/tool:1.0", token=made.out.strip(), cwd=tmp_path).code == 1
    assert "push under a new one" in other.err


def test_a_package_with_slashes_is_an_artifact(
    installation: Installation, namespace: str, dist: Path, tmp_path: Path
) -> None:
    installation.must(
        *("push", dist, f"{namespace}/team/model:3", "--format", "oci"),
        *("--artifact-type", "application/vnd.acme.model", "--media-type", "application/vnd.acme.part"),
    )
    installation.must("pull", f"{namespace}/team/model:3", "--into", tmp_path / "into")

    shown = installation.must("inspect", f"{namespace}/team/model:3", "-o", "json").json
    assert contents(tmp_path / "into") == contents(dist)
    assert shown["artifact_type"] == "application/vnd.acme.model"
    assert {link["media_type"] for link in shown["links"] if link["kind"] == "layer"} == {"application/vnd.acme.part"}


def test_a_version_grows_until_it_is_sealed(
    installation: Installation, namespace: str, dist: Path, tmp_path: Path
) -> None:
    installation.must("push", dist / "empty", f"{namespace}/tool:1.0")
    installation.must("push", dist / "bin" / "tool", f"{namespace}/tool:1.0", "--seal")
    late = installation.run("push", dist / "large.img", f"{namespace}/tool:1.0")

    files = [each["path"] for each in installation.must("ls", f"{namespace}/tool:1.0", "-o", "json").json]
    assert files == ["empty", "tool"]
    assert late.code == 1
    assert "sealed" in late.err


def test_only_what_is_wanted_is_pulled(installation: Installation, namespace: str, dist: Path, tmp_path: Path) -> None:
    installation.must("push", dist, f"{namespace}/tool:1.0")

    installation.must("pull", f"{namespace}/tool:1.0", "--into", tmp_path / "into", "--only", "bin/*")

    assert list(contents(tmp_path / "into")) == ["bin/tool"]


def test_a_layout_can_be_read_by_anybody(
    installation: Installation, namespace: str, dist: Path, tmp_path: Path
) -> None:
    pushed = installation.must("push", dist, f"{namespace}/tool:1.0", "--format", "oci", "-o", "json").json

    installation.must("pull", f"{namespace}/tool:1.0", "--layout", tmp_path / "layout")

    index = json.loads((tmp_path / "layout" / "index.json").read_bytes())
    blobs = contents(tmp_path / "layout" / "blobs" / "sha256")
    assert index["manifests"][0]["digest"] == pushed["digest"]
    assert set(contents(dist).values()) <= set(blobs.values())


def test_a_name_in_two_formats_has_to_be_said_with_its_format(
    installation: Installation, namespace: str, dist: Path, tmp_path: Path
) -> None:
    for format_ in ("generic", "oci"):
        installation.must("push", dist / "empty", f"{namespace}/tool:1.0", "--format", format_)

    vague = installation.run("pull", f"{namespace}/tool:1.0", "--into", tmp_path)
    installation.must("pull", f"{namespace}/oci/tool:1.0", "--into", tmp_path)

    assert vague.code == 2
    assert f"{namespace}/generic/tool:1.0 or {namespace}/oci/tool:1.0" in vague.err


@FORMATS
def test_a_push_whose_line_is_cut_goes_on(
    installation: Installation, namespace: str, dist: Path, tmp_path: Path, format: str
) -> None:
    with CutLine(installation.url.removeprefix("http://"), after=5_000_000, direction="up") as line:
        installation.must("push", dist, f"{namespace}/tool:1.0", "--format", format, url=f"http://{line.host}")

    installation.must("pull", f"{namespace}/tool:1.0", "--into", tmp_path / "into")
    assert line.was_cut
    assert contents(tmp_path / "into") == contents(dist)


@FORMATS
def test_a_pull_whose_line_is_cut_goes_on(
    installation: Installation, namespace: str, dist: Path, tmp_path: Path, format: str
) -> None:
    installation.must("push", dist, f"{namespace}/tool:1.0", "--format", format)

    with CutLine(installation.url.removeprefix("http://"), after=5_000_000, direction="down") as line:
        installation.must("pull", f"{namespace}/tool:1.0", "--into", tmp_path / "into", url=f"http://{line.host}")

    assert line.was_cut
    assert contents(tmp_path / "into") == contents(dist)


def test_progress_is_drawn_on_terminals_alone(installation: Installation, namespace: str, dist: Path) -> None:
    quiet = installation.must("push", dist, f"{namespace}/tool:1.0")
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "push", dist, f"{namespace}/tool:2.0"],
        env=installation.environment() | {"TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.DEVNULL,
        stderr=end,
    )
    os.close(end)
    drawn = _read_terminal(terminal)

    assert process.wait(60) == 0
    assert quiet.err == ""
    assert "large.img" in drawn


def _read_terminal(terminal: int) -> str:
    """All that is written to a terminal until its last writer ends, which Linux tells by an error."""
    written = b""
    with contextlib.suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as reader:
        while piece := reader.read(4096):
            written += piece
    return written.decode(errors="replace")


def test_where_it_is_from_is_found_again(installation: Installation, namespace: str, dist: Path) -> None:
    commit = "4f2c1e05" * 5
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SHA": commit,
        "GITHUB_SERVER_URL": "https://git.example.com",
        "GITHUB_REPOSITORY": "acme/tool",
        "GITHUB_RUN_ID": "8123",
        "GITHUB_REF_NAME": "main",
    }
    pushed = installation.must("push", dist, f"{namespace}/tool:1.0", "-o", "json", variables=variables).json
    installation.must("push", dist, f"{namespace}/tool:0.9", "--no-build-info")

    for query in (f"commit:{commit[:7]}", "repository:https://git.example.com/acme/tool", "build:8123"):
        found = installation.must("search", query, "-o", "json").json
        named = [each["digest"] for each in found if each["namespace"] == namespace and each["references"]]
        assert named == [pushed["digest"]]


def test_what_is_said_by_hand_goes_before_what_is_collected(
    installation: Installation, namespace: str, dist: Path
) -> None:
    key = "org.opencontainers.image.created"
    installation.must("push", dist, f"{namespace}/tool:1.0", "--annotation", f"{key}=then", "--annotation", "team=a=b")

    annotations = installation.must("inspect", f"{namespace}/tool:1.0", "-o", "json").json["annotations"]
    assert annotations[key] == "then"
    assert annotations["team"] == "a=b"


@pytest.mark.on_disk
def test_damage_on_disk_is_never_pulled_as_good(installation: Installation, namespace: str, tmp_path: Path) -> None:
    content = namespace.encode() * 10_000
    (tmp_path / "f").write_bytes(content)
    installation.must("push", tmp_path / "f", f"{namespace}/tool:1.0")
    stored = next(
        path for path in (installation.data / "blobs").rglob("*") if path.is_file() and path.read_bytes() == content
    )
    stored.chmod(0o600)
    stored.write_bytes(b"X" + content[1:])

    pulled = installation.run("pull", f"{namespace}/tool:1.0", "--into", tmp_path / "into")
    scrubbed = installation.run("scrub", "--data", installation.data, "-o", "json")
    after = installation.run("pull", f"{namespace}/tool:1.0", "--into", tmp_path / "into")
    installation.must("push", tmp_path / "f", f"{namespace}/tool:1.0")
    installation.must("pull", f"{namespace}/tool:1.0", "--into", tmp_path / "into")

    assert pulled.code == 1
    assert "not what it should be" in pulled.err
    assert scrubbed.code == 1
    assert len(scrubbed.json["damaged"]) == 1
    assert after.code == 1
    assert contents(tmp_path / "into") == {"f": content}


def _until(process: subprocess.Popen[Any], reached: Callable[[], bool]) -> None:
    """Wait until a process that runs has got somewhere."""
    while not reached():
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"it ended before, with {process.wait(0.02)}")


def test_killed_pushes_go_on_in_the_next_process(installation: Installation, namespace: str, tmp_path: Path) -> None:
    large = tmp_path / "large.img"
    with large.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    process = subprocess.Popen(
        [PROGRAM, "push", large, f"{namespace}/tool:1.0"],
        env=installation.environment() | {"XDG_STATE_HOME": str(tmp_path / "state")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _until(process, lambda: bool(list((tmp_path / "state").rglob("uploads/*"))))
    process.kill()
    process.wait()
    remembered = list((tmp_path / "state").rglob("uploads/*"))

    installation.must("push", large, f"{namespace}/tool:1.0", variables={"XDG_STATE_HOME": str(tmp_path / "state")})

    assert remembered
    assert installation.must("ls", f"{namespace}/tool:1.0", "-o", "json").json[0]["size"] == 300 * 1024 * 1024
    assert not list((tmp_path / "state").rglob("uploads/*"))


def test_ctrl_c_ends_a_pull_at_once_and_keeps_what_came(tmp_path: Path) -> None:
    content = b"x" * 5_000_000
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    files = [{"path": "large.img", "digest": digest, "size": len(content)}]
    stalled, over = threading.Event(), threading.Event()

    def script(asked: Asked) -> Say:
        if asked.path.endswith("/"):
            return Say.json({"package": "tool", "version": "1.0", "digest": digest, "files": files})
        stalled.set()
        return Say(200, content, cut_after=1_000_000, hold=over)

    # A shell without a terminal lets what it starts in the background ignore Ctrl-C, so it is said anew.
    program = "import signal; signal.signal(2, signal.default_int_handler); from entrepot.cli import main; main()"
    with loopback(script) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "pull", "acme/generic/tool:1.0", "--into", tmp_path / "into"],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ENTREPOT_URL": server.url},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert stalled.wait(60)
        part = tmp_path / "into" / f".large.img.{digest[7:19]}.part"
        _until(process, lambda: part.exists() and part.stat().st_size == 1_000_000)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=120)
        over.set()

    assert process.returncode == 1
    assert "Traceback" not in told
    assert part.stat().st_size == 1_000_000
    assert list(contents(tmp_path / "into")) == [part.name]

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.client.loopback import Asked, Say, loopback

UPSTREAM = {
    "namespace": "acme",
    "format": "npm",
    "name": "public",
    "url": "https://registry.example.com",
    "private": False,
    "allow": [],
    "block": ["pkg:npm/evil", "pkg:npm/left-pad@1.*"],
    "exempt": [],
    "cooldown_seconds": 604_800,
    "refresh_seconds": 300,
    "has_credentials": True,
}
ADD = ("upstream", "add", "acme", "public", "https://registry.example.com", "--format", "npm")
SET = ("upstream", "set", "acme", "public", "--format", "npm")


def _registry(*formats: str, trial: dict[str, Any] | None = None) -> Any:
    """A registry whose namespace acme has an upstream ``public`` of each of the formats."""

    def script(asked: Asked) -> Say:
        if asked.method == "DELETE":
            return Say(204)
        if asked.path.endswith("/test"):
            return Say.json(trial)
        if asked.method == "GET" and asked.path.endswith("/upstreams"):
            return Say.json({"items": [UPSTREAM | {"format": each} for each in formats], "next": None})
        return Say.json(UPSTREAM)

    return script


def test_all_that_is_said_of_an_upstream_is_sent(run: Run, home: Path) -> None:
    (home / "password").write_text("hunter2\n")
    with loopback(_registry()) as server:
        done = run(
            *(*ADD, "--private", "--user", "ci", "--password-file", "password", "--cooldown", "7d"),
            *("--allow", "pkg:npm/a*", "--allow", "pkg:npm/b", "--block", "pkg:npm/evil", "--exempt", "pkg:npm/a-fix"),
            *("--refresh", "30s"),
            url=server.url,
        )

    assert done.exit_code == 0, done.output
    assert done.stdout == "acme reads npm packages through to https://registry.example.com\n"
    assert server.asked[0].document == {
        "format": "npm",
        "name": "public",
        "url": "https://registry.example.com",
        "private": True,
        "allow": ["pkg:npm/a*", "pkg:npm/b"],
        "block": ["pkg:npm/evil"],
        "exempt": ["pkg:npm/a-fix"],
        "cooldown_seconds": 604_800,
        "refresh_seconds": 30,
        "credentials": {"user": "ci", "password": "hunter2"},
    }


def test_an_upstream_is_shown_whole(run: Run) -> None:
    with loopback(_registry("npm")) as server:
        shown = run("upstream", "show", "acme", "public", url=server.url)
        document = run("upstream", "show", "acme", "public", "-o", "json", url=server.url)

    assert shown.stdout.splitlines() == [
        "namespace        acme",
        "format           npm",
        "name             public",
        "url              https://registry.example.com",
        "private address  no",
        "credentials      yes",
        "allow            everything",
        "block            pkg:npm/evil",
        "                 pkg:npm/left-pad@1.*",
        "cooldown         7d",
        "exempt           -",
        "refresh          5m",
    ]
    assert json.loads(document.stdout) == UPSTREAM


def test_only_what_is_given_is_changed_and_an_empty_pattern_is_none(run: Run) -> None:
    with loopback(_registry()) as server:
        run(*SET, "--block", "", "--cooldown", "0s", "--no-private", url=server.url)
        run(*SET, "--forget-credentials", url=server.url)

    documents = [asked.document for asked in server.asked]
    assert documents == [{"block": [], "cooldown_seconds": 0, "private": False}, {"credentials": None}]


def test_the_format_is_found_where_one_upstream_has_the_name(run: Run) -> None:
    with loopback(_registry("npm")) as server:
        run("upstream", "remove", "acme", "public", "--yes", url=server.url)

    assert server.lines[-1] == "DELETE /api/v1/namespaces/acme/upstreams/npm/public"


@pytest.mark.parametrize(
    ("formats", "said"), [(("npm", "pypi"), "Say which with --format."), ((), "entrepot upstream list acme")]
)
def test_a_name_that_does_not_say_which_upstream_is_misuse(run: Run, formats: tuple[str, ...], said: str) -> None:
    with loopback(_registry(*formats)) as server:
        done = run("upstream", "show", "acme", "public", url=server.url)

    assert done.exit_code == 2
    assert said in done.stderr


def test_nothing_is_removed_where_nobody_can_be_asked(run: Run) -> None:
    with loopback(_registry("npm")) as server:
        done = run("upstream", "remove", "acme", "public", input="y\n", url=server.url)

    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert not [line for line in server.lines if line.startswith("DELETE")]


@pytest.mark.parametrize(
    ("trial", "code"),
    [
        ({"status": 200, "seconds": 0.25, "problem": None}, 0),
        ({"status": None, "seconds": 0.25, "problem": "it does not answer"}, 1),
    ],
)
def test_a_trial_that_finds_a_problem_is_a_no(run: Run, trial: dict[str, Any], code: int) -> None:
    with loopback(_registry("npm", trial=trial)) as server:
        shown = run("upstream", "test", "acme", "public", url=server.url)
        document = run("upstream", "test", "acme", "public", "-o", "json", url=server.url)

    assert (shown.exit_code, document.exit_code) == (code, code)
    assert (trial["problem"] or "200") in shown.stdout
    assert json.loads(document.stdout) == trial


# --- secrets ---


def test_a_token_is_read_from_a_file_or_piped_in(run: Run, home: Path) -> None:
    (home / "token").write_text("s3cret\n")
    with loopback(_registry()) as server:
        from_file = run(*SET, "--token-file", "token", url=server.url)
        piped = run(*SET, "--token-file", "-", input="s3cret\r\n", url=server.url)

    assert [asked.document for asked in server.asked] == [{"credentials": {"token": "s3cret"}}] * 2
    assert "s3cret" not in from_file.output + piped.output


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff\xfe", b"x" * 16_385])
def test_what_is_no_secret_is_misuse_and_is_not_printed(run: Run, home: Path, content: bytes) -> None:
    (home / "token").write_bytes(content)

    done = run(*SET, "--token-file", "token", url="http://localhost:1")

    assert done.exit_code == 2
    assert "--token-file" in done.stderr
    assert "lines" not in done.output
    assert len(done.stderr) < 200


def test_a_secret_is_no_argument(run: Run) -> None:
    for option in ("--password", "--token"):
        done = run(*SET, option, "hunter2", url="http://localhost:1")

        assert done.exit_code == 2
        assert "hunter2" not in done.stderr


def test_forgetting_credentials_and_giving_some_exclude_each_other(run: Run, home: Path) -> None:
    (home / "token").write_text("s3cret")

    done = run(*SET, "--token-file", "token", "--forget-credentials", url="http://localhost:1")

    assert done.exit_code == 2


# --- ahead of clients ---


def _warming(asked: Asked) -> Say:
    """A registry that can fetch whatever is not called ``gone``."""
    if asked.path.endswith("/refresh"):
        stale = "it does not answer" if asked.document == {"package": "b"} else None
        return Say.json({"package": asked.document["package"], "versions": 2, "stale": stale})
    if asked.path.endswith("/packages"):
        return Say.json({"items": [{"name": "a"}, {"name": "b"}], "next": None})
    if asked.path == "/api/v1/namespaces/acme":
        return Say.json({"name": "acme", "public": False, "movable": [], "channels": [], "revision": 1})
    if "/gone/" in asked.path:
        return Say.json({"status": 404, "title": "There is none.", "detail": "nobody has it", "code": "x"}, 404)
    found = {"name": "a.whl", "digest": f"sha256:{'a' * 64}", "size": 1_000}
    return Say.json({"version": asked.document["version"], "files": [found]})


def test_all_that_an_upstream_was_asked_for_is_asked_for_again(run: Run) -> None:
    with loopback(_warming) as server:
        done = run("upstream", "refresh", "acme", "public", "--format", "pypi", url=server.url)
        one = run("upstream", "refresh", "acme", "public", "a", "--format", "pypi", "-o", "json", url=server.url)

    assert done.exit_code == 1, "one of them is not today's"
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["PACKAGE", "VERSIONS", "STALE"],
        ["a", "2", "-"],
        ["b", "2", "it", "does", "not", "answer"],
    ]
    assert one.exit_code == 0
    assert json.loads(one.stdout) == [{"package": "a", "versions": 2, "stale": None}]


def test_a_lockfile_is_fetched_and_what_is_not_to_be_had_is_named(run: Run, home: Path) -> None:
    (home / "requirements.txt").write_text(f"a==1.0 --hash=sha256:{'a' * 64}\ngone==2.0\nloose>=1\n")
    words = ("upstream", "warm", "acme", "requirements.txt")
    with loopback(_warming) as server:
        done = run(*words, url=server.url)
        document = json.loads(run(*words, "-o", "json", url=server.url).stdout)

    assert done.exit_code == 1
    assert done.stdout == "1 of 2 versions are in acme, 1,000 bytes of files\n"
    assert "skipped loose: it is pinned to no version" in done.stderr
    assert "missing pypi gone 2.0: " in done.stderr
    assert {each["name"]: each["problem"] is None for each in document["versions"]} == {"a": True, "gone": False}
    sent = [asked.document for asked in server.asked if "/a/" in asked.path]
    assert sent[0] == {"version": "1.0", "hashes": [f"sha256:{'a' * 64}"]}


def test_files_of_other_platforms_are_left_out(run: Run, home: Path) -> None:
    wheels = "".join(
        f'{{url = "https://registry.example.com/a-1.0-{tag}.whl", hash = "sha256:{digit * 64}"}},'
        for digit, tag in (("a", "py3-none-any"), ("b", "cp312-cp312-win_amd64"))
    )
    source = '{ registry = "https://registry.example.com/simple" }'
    (home / "uv.lock").write_text(f'[[package]]\nname="a"\nversion="1.0"\nsource={source}\nwheels=[{wheels}]\n')
    words = ("upstream", "warm", "acme", "uv.lock")
    with loopback(_warming) as server:
        run(*words, "--file", "*-none-any.whl", url=server.url)
        none = run(*words, "--file", "*.tar.gz", url=server.url)

    sent = [asked.document["hashes"] for asked in server.asked if asked.path.endswith("/fetch")]
    assert sent == [[f"sha256:{'a' * 64}"]]
    assert none.exit_code == 0


def test_what_was_deleted_is_readmitted_by_its_name_with_the_reason(run: Run) -> None:
    with loopback(lambda _: Say(204)) as server:
        done = run("upstream", "readmit", "acme/pypi/tool:1.0", "--reason", "by mistake", url=server.url)

    assert done.stdout == "acme/pypi/tool:1.0 may come from an upstream again\n"
    [asked] = server.asked
    assert (asked.method, asked.path) == ("DELETE", "/api/v1/packages/acme/pypi/tool/-/tombstones/1.0")
    assert asked.query == {"reason": "by mistake"}


@pytest.mark.parametrize("content", ["", "loose>=1\n"])
def test_a_lockfile_that_names_nothing_is_misuse(run: Run, home: Path, content: str) -> None:
    (home / "requirements.txt").write_text(content)

    done = run("upstream", "warm", "acme", "requirements.txt", url="http://localhost:1")

    assert done.exit_code == 2
    assert "names no version" in done.stderr

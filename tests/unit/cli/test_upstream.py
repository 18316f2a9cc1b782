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

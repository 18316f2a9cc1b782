"""Upstreams as an administrator has them: commands, two servers, and a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.model.access import TokenKind, TokenSecret
from tests.cli.installation import PROGRAM, Installation, install

SECRET = "hunter2-of-the-upstream"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Another registry."""
    with install(tmp_path_factory.mktemp("other")) as running:
        yield running


def test_an_upstream_is_added_shown_changed_and_removed(installation: Installation, namespace: str) -> None:
    url = "https://registry.example.com/simple"
    added = installation.must(
        *("upstream", "add", namespace, "public", url, "--format", "pypi", "--cooldown", "7d"),
        *("--block", "pkg:pypi/Evil_Tool", "--exempt", "pkg:pypi/acme-fix@1.*", "-o", "json"),
    ).json
    installation.must("upstream", "add", namespace, "second", "https://other.example.com", "--format", "pypi")
    listed = installation.must("upstream", "list", namespace)
    changed = installation.must(
        *("upstream", "set", namespace, "public", "--allow", "pkg:pypi/a*", "--block", ""),
        *("--refresh", "1h", "-o", "json"),
    ).json
    shown = installation.must("upstream", "show", namespace, "public", "-o", "json").json
    installation.must("upstream", "remove", namespace, "public", "--yes")
    gone = installation.run("upstream", "show", namespace, "public", "--format", "pypi")

    assert added["block"] == ["pkg:pypi/evil-tool"]
    assert (added["cooldown_seconds"], added["refresh_seconds"]) == (604_800, 300)
    assert [line.split() for line in listed.out.splitlines()] == [
        ["FORMAT", "NAME", "URL", "COOLDOWN", "CREDENTIALS"],
        ["pypi", "public", url, "7d", "no"],
        ["pypi", "second", "https://other.example.com", "-", "no"],
    ]
    assert changed == {**added, "allow": ["pkg:pypi/a*"], "block": [], "refresh_seconds": 3600}
    assert shown == changed
    assert [each["name"] for each in installation.must("upstream", "list", namespace, "-o", "json").json] == ["second"]
    assert gone.code == 1
    assert "entrepot upstream list" in gone.err


def test_names_are_reserved(installation: Installation, namespace: str) -> None:
    installation.must("namespace", "set", namespace, "--reserve", "pkg:npm/@acme/*", "--reserve", "pkg:pypi/Acme_Tool")
    shown = installation.must("namespace", "show", namespace, "-o", "json").json
    wrong = installation.run("namespace", "set", namespace, "--reserve", "acme-*")
    installation.must("namespace", "set", namespace, "--reserve", "")

    assert shown["reserved"] == ["pkg:npm/@acme/*", "pkg:pypi/acme-tool"]
    assert wrong.code == 1
    assert "pkg:npm/@acme/*" in wrong.err
    assert installation.must("namespace", "show", namespace, "-o", "json").json["reserved"] == []


def test_an_upstream_is_tried_with_and_without_credentials(
    installation: Installation, other: Installation, namespace: str, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(other.token)
    wrong = tmp_path / "wrong"
    wrong.write_text(TokenSecret.generate(TokenKind.ROBOT).text)
    words = ("upstream", "test", namespace, "other")
    installation.must("upstream", "add", namespace, "other", f"{other.url}/v2", "--format", "oci", "--private")

    # A registry gives tokens to nobody in particular, too. What they open cannot be known without a name.
    anybody = installation.must(*words, "-o", "json").json
    installation.must("upstream", "set", namespace, "other", "--user", "ci", "--password-file", wrong)
    stranger = installation.run(*words)
    installation.must("upstream", "set", namespace, "other", "--user", "ci", "--password-file", token)
    known = installation.must(*words, "-o", "json").json
    installation.must("upstream", "set", namespace, "other", "--no-private")
    refused = installation.run(*words)

    assert (anybody["status"], anybody["problem"]) == (200, None)
    assert stranger.code == 1
    assert "it refuses the credentials" in stranger.out
    assert (known["status"], known["problem"]) == (200, None)
    assert refused.code == 1
    assert "public addresses" in refused.out


def test_a_maintainer_has_upstreams_on_the_public_internet_alone(installation: Installation, namespace: str) -> None:
    token = installation.must(
        "token", "create", namespace, "--role", "maintainer", "--namespace", namespace
    ).out.strip()
    words = ("upstream", "add", namespace, "public", "http://10.0.0.7", "--format", "npm")

    refused = installation.run(*words, "--private", token=token)
    added = installation.run(*words, token=token)

    assert refused.code == 1
    assert "administer" in refused.err
    assert added.code == 0


def test_a_password_is_asked_for_at_a_terminal_without_echo(installation: Installation, namespace: str) -> None:
    words = ("upstream", "add", namespace, "public", "https://registry.example.com", "--format", "npm", "--user", "ci")
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, *words],
        env=installation.environment(),
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        start_new_session=True,
    ) as process:
        os.close(terminal)
        seen = b""
        while b"password of ci at the upstream" not in seen:
            seen += os.read(screen, 1024)
        os.write(screen, f"{SECRET}\n".encode())
        assert process.stdout is not None
        out = process.stdout.read()
    seen += _rest(screen)

    assert process.returncode == 0, seen
    assert SECRET.encode() not in seen + out
    shown = installation.must("upstream", "show", namespace, "public", "-o", "json")
    assert shown.json["has_credentials"] is True
    assert SECRET not in shown.out + installation.must("journal", "-o", "json").out


def _rest(screen: int) -> bytes:
    """What is still to be read of a terminal that nobody writes to any more."""
    found = b""
    try:
        while piece := os.read(screen, 1024):
            found += piece
    except OSError:  # how Linux says that it is the end
        pass
    finally:
        os.close(screen)
    return found

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from entrepot.client.build import Build, collect, strip_credentials

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SHA": "4f2c1e0",
    "GITHUB_SERVER_URL": "https://git.example.com",
    "GITHUB_REPOSITORY": "acme/tool",
    "GITHUB_RUN_ID": "81",
    "GITHUB_REF_NAME": "main",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_COMMIT_SHA": "4f2c1e0",
    "CI_PROJECT_URL": "https://git.example.com/acme/tool",
    "CI_REPOSITORY_URL": "https://gitlab-ci-token:s3cret@git.example.com/acme/tool.git",
    "CI_COMMIT_REF_NAME": "feature",
    "CI_PIPELINE_ID": "82",
    "CI_PIPELINE_URL": "https://git.example.com/acme/tool/-/pipelines/82",
    "CI_JOB_STARTED_AT": "2026-01-02T03:04:05+02:00",
}
JENKINS = {
    "JENKINS_URL": "https://ci.example.com/",
    "GIT_COMMIT": "4f2c1e0",
    "GIT_URL": "https://robot:s3cret@git.example.com/acme/tool.git",
    "GIT_BRANCH": "origin/main",
    "BUILD_TAG": "jenkins-tool-83",
    "BUILD_URL": "https://ci.example.com/job/tool/83/",
}


def _collect(environment: dict[str, str], directory: Path) -> Build:
    return collect({"PATH": os.environ["PATH"], "HOME": str(directory)} | environment, directory, now=lambda: NOW)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with one commit."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "file").write_text("content")
    for command in (
        ["init", "--quiet", "--initial-branch", "trunk"],
        ["remote", "add", "origin", "https://somebody:s3cret@git.example.com/acme/tool.git"],
        ["add", "file"],
        ["-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "one"],
    ):
        _git(folder, *command)
    return folder


def _git(folder: Path, *command: str) -> str:
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        ["git", *command], cwd=folder, env=clean, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_github_actions(tmp_path: Path) -> None:
    assert _collect(GITHUB, tmp_path).annotations("1.0") == {
        "org.opencontainers.image.revision": "4f2c1e0",
        "org.opencontainers.image.source": "https://git.example.com/acme/tool",
        "org.opencontainers.image.url": "https://git.example.com/acme/tool",
        "org.opencontainers.image.version": "1.0",
        "org.opencontainers.image.created": "2026-03-04T05:06:07Z",
        "dev.entrepot.build.id": "81",
        "dev.entrepot.build.url": "https://git.example.com/acme/tool/actions/runs/81",
        "dev.entrepot.build.builder": "github-actions",
        "dev.entrepot.build.ref": "main",
    }


def test_gitlab_ci(tmp_path: Path) -> None:
    assert _collect(GITLAB, tmp_path).annotations() == {
        "org.opencontainers.image.revision": "4f2c1e0",
        "org.opencontainers.image.source": "https://git.example.com/acme/tool",
        "org.opencontainers.image.url": "https://git.example.com/acme/tool",
        "org.opencontainers.image.created": "2026-01-02T01:04:05Z",
        "dev.entrepot.build.id": "82",
        "dev.entrepot.build.url": "https://git.example.com/acme/tool/-/pipelines/82",
        "dev.entrepot.build.builder": "gitlab-ci",
        "dev.entrepot.build.ref": "feature",
    }


def test_jenkins(tmp_path: Path) -> None:
    assert _collect(JENKINS, tmp_path).annotations() == {
        "org.opencontainers.image.revision": "4f2c1e0",
        "org.opencontainers.image.source": "https://git.example.com/acme/tool.git",
        "org.opencontainers.image.created": "2026-03-04T05:06:07Z",
        "dev.entrepot.build.id": "jenkins-tool-83",
        "dev.entrepot.build.url": "https://ci.example.com/job/tool/83/",
        "dev.entrepot.build.builder": "jenkins",
        "dev.entrepot.build.ref": "origin/main",
    }


def test_a_git_checkout(checkout: Path) -> None:
    assert _collect({}, checkout).annotations() == {
        "org.opencontainers.image.revision": _git(checkout, "rev-parse", "HEAD"),
        "org.opencontainers.image.source": "https://git.example.com/acme/tool.git",
        "org.opencontainers.image.url": "https://git.example.com/acme/tool",
        "org.opencontainers.image.created": "2026-03-04T05:06:07Z",
        "dev.entrepot.build.ref": "trunk",
    }


def test_a_checkout_at_a_tag_is_told_by_the_tag(checkout: Path) -> None:
    _git(checkout, "-c", "user.name=A", "-c", "user.email=a@example.com", "tag", "-m", "x", "v1.2")
    _git(checkout, "checkout", "--quiet", "v1.2")

    assert _collect({}, checkout).ref == "v1.2"


def test_uncommitted_changes_are_told(checkout: Path) -> None:
    (checkout / "file").write_text("changed")

    assert _collect({}, checkout).annotations()["dev.entrepot.build.modified"] == "true"


def test_a_new_file_beside_the_sources_is_no_change(checkout: Path) -> None:
    (checkout / "dist.tar").write_text("built")

    assert "dev.entrepot.build.modified" not in _collect({}, checkout).annotations()


def test_what_the_build_service_does_not_say_is_asked_of_the_checkout(checkout: Path) -> None:
    found = _collect({"JENKINS_URL": "https://ci.example.com/", "BUILD_TAG": "jenkins-tool-83"}, checkout)

    assert found.commit == _git(checkout, "rev-parse", "HEAD")
    assert (found.id, found.builder, found.ref) == ("jenkins-tool-83", "jenkins", "trunk")


def test_where_there_is_no_checkout_only_the_time_is_known(tmp_path: Path) -> None:
    assert _collect({}, tmp_path).annotations() == {"org.opencontainers.image.created": "2026-03-04T05:06:07Z"}


def test_where_there_is_no_git_only_the_time_is_known(checkout: Path) -> None:
    found = collect({"PATH": "/nonexistent"}, checkout, now=lambda: NOW)

    assert found == Build(created=NOW)


def test_a_program_that_a_repository_names_is_not_run(checkout: Path) -> None:
    trap = checkout / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {checkout}/sprung\n")
    trap.chmod(0o755)
    _git(checkout, "config", "core.fsmonitor", str(trap))

    _collect({}, checkout)

    assert not (checkout / "sprung").exists()


def test_a_build_that_is_to_be_repeated_says_its_time(tmp_path: Path) -> None:
    assert _collect(GITLAB | {"SOURCE_DATE_EPOCH": "1000000000"}, tmp_path).created == datetime(
        2001, 9, 9, 1, 46, 40, tzinfo=UTC
    )


@pytest.mark.parametrize("epoch", ["", "yesterday", "9" * 30])
def test_a_time_that_makes_no_sense_is_passed_over(tmp_path: Path, epoch: str) -> None:
    assert _collect({"SOURCE_DATE_EPOCH": epoch}, tmp_path).created == NOW


def test_no_secret_gets_into_an_annotation(checkout: Path) -> None:
    said = [_collect(environment, checkout).annotations() for environment in (GITHUB, GITLAB, JENKINS, {})]

    assert "s3cret" not in str(said)


@pytest.mark.parametrize(
    ("url", "stripped"),
    [
        ("https://git.example.com/a.git", "https://git.example.com/a.git"),
        ("https://user:pw@git.example.com:8443/a.git", "https://git.example.com:8443/a.git"),
        ("https://token@git.example.com/a.git?private_token=x#y", "https://git.example.com/a.git"),
        ("ssh://git:pw@git.example.com/a.git", "ssh://git@git.example.com/a.git"),
        ("git@git.example.com:acme/a.git", "git@git.example.com:acme/a.git"),
        ("/home/somebody/a.git", None),
        ("file:///home/somebody/a.git", None),
        ("../a", None),
        ("https://[broken", None),
        ("", None),
        (None, None),
    ],
)
def test_only_what_others_can_use_is_left_of_an_address(url: str | None, stripped: str | None) -> None:
    assert strip_credentials(url) == stripped


def test_an_annotation_is_one_line_of_bounded_length() -> None:
    said = Build(ref="a\nb\x1b[31m" + "x" * 5000).annotations()["dev.entrepot.build.ref"]

    assert said.startswith("ab[31mx")
    assert len(said) == 1000


def test_times_are_told_in_utc() -> None:
    created = datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=3)))

    assert Build(created=created).annotations() == {"org.opencontainers.image.created": "2025-12-31T22:00:00Z"}

"""Where a build output comes from, as the surroundings tell: GitHub Actions, GitLab CI, Jenkins, or a git checkout.

What is found becomes annotations of what is pushed, so that ``entrepot search commit:4f2c1e0`` finds it.
Credentials in addresses are taken out, and a remote that is a path of this machine is not told.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_GIT_SECONDS: Final = 5
_LONGEST: Final = 1_000
_SCP: Final = re.compile(r"[\w.-]+@[\w.-]+:(?!//)[^\s?#]+")
"""git's own form of an SSH address: ``git@example.com:team/api.git``; it has no place for a password."""


@dataclass(frozen=True, slots=True)
class Build:
    """What is known of a build; None is what nobody said."""

    commit: str | None = None
    repository: str | None = None
    """Where its sources are."""
    page: str | None = None
    """Where people read about it."""
    ref: str | None = None
    """The branch or tag."""
    id: str | None = None
    url: str | None = None
    """Where the build's log is."""
    builder: str | None = None
    created: datetime | None = None
    modified: bool = False
    """Whether the checkout had changes that are in no commit."""

    def annotations(self, version: str | None = None) -> dict[str, str]:
        """How an artifact says it; *version* is what it is pushed as."""
        created = None if self.created is None else self.created.astimezone(UTC)
        said = {
            "org.opencontainers.image.revision": self.commit,
            "org.opencontainers.image.source": self.repository,
            "org.opencontainers.image.url": self.page,
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.created": None if created is None else f"{created:%Y-%m-%dT%H:%M:%SZ}",
            "dev.entrepot.build.id": self.id,
            "dev.entrepot.build.url": self.url,
            "dev.entrepot.build.builder": self.builder,
            "dev.entrepot.build.ref": self.ref,
            "dev.entrepot.build.modified": "true" if self.modified else None,
        }
        return {key: _clean(value) for key, value in said.items() if value}


def collect(
    environment: Mapping[str, str] = os.environ,
    directory: Path | None = None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Build:
    """All that can be found out; what the build service does not say is asked of the checkout in *directory*.

    The time is SOURCE_DATE_EPOCH if it is set (so that a build that is repeated is the same), else the build's, else
    now.
    """
    checkout = _read_checkout(directory or Path.cwd(), environment)
    service = next((read(environment) for known, read in _SERVICES if environment.get(known)), None)
    # What a build service does to its checkout is nobody's uncommitted work.
    found = checkout if service is None else replace(_fill(service, checkout), modified=False)
    return replace(found, created=_epoch(environment.get("SOURCE_DATE_EPOCH")) or found.created or now())


def strip_credentials(url: str | None) -> str | None:
    """An address without password, query and fragment; None for one that is of no use elsewhere.

    The user name of an SSH address is no secret: it is ``git``, for everybody.
    """
    if not url or _SCP.fullmatch(url):
        return url or None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https", "ssh", "git") or not parts.hostname:
        return None
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme == "ssh" and parts.username:
        host = f"{parts.username}@{host}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _fill(service: Build, checkout: Build) -> Build:
    missing = {
        field.name: getattr(checkout, field.name) for field in fields(Build) if getattr(service, field.name) is None
    }
    return replace(service, **missing)


# --- build services ---


def _read_github(environment: Mapping[str, str]) -> Build:
    """GitHub Actions: https://docs.github.com/actions/reference/workflows-and-actions/variables ."""
    get = environment.get
    server, repository, run = get("GITHUB_SERVER_URL"), get("GITHUB_REPOSITORY"), get("GITHUB_RUN_ID")
    page = strip_credentials(f"{server}/{repository}") if server and repository else None
    return Build(
        commit=get("GITHUB_SHA"),
        repository=page,
        page=page,
        ref=get("GITHUB_REF_NAME") or get("GITHUB_REF"),
        id=run,
        url=f"{page}/actions/runs/{run}" if page and run else None,
        builder="github-actions",
    )


def _read_gitlab(environment: Mapping[str, str]) -> Build:
    """GitLab CI: https://docs.gitlab.com/ci/variables/predefined_variables/ ."""
    get = environment.get
    page = strip_credentials(get("CI_PROJECT_URL"))
    return Build(
        commit=get("CI_COMMIT_SHA"),
        repository=page or strip_credentials(get("CI_REPOSITORY_URL")),
        page=page,
        ref=get("CI_COMMIT_REF_NAME"),
        id=get("CI_PIPELINE_ID"),
        url=strip_credentials(get("CI_PIPELINE_URL")),
        builder="gitlab-ci",
        created=_time(get("CI_JOB_STARTED_AT")),
    )


def _read_jenkins(environment: Mapping[str, str]) -> Build:
    """Jenkins: https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables ."""
    get = environment.get
    return Build(
        commit=get("GIT_COMMIT"),
        repository=strip_credentials(get("GIT_URL") or get("GIT_URL_1")),
        ref=get("BRANCH_NAME") or get("GIT_BRANCH"),
        id=get("BUILD_TAG") or get("BUILD_NUMBER"),
        url=strip_credentials(get("BUILD_URL")),
        builder="jenkins",
    )


_SERVICES: Final[tuple[tuple[str, Callable[[Mapping[str, str]], Build]], ...]] = (
    ("GITHUB_ACTIONS", _read_github),
    ("GITLAB_CI", _read_gitlab),
    ("JENKINS_URL", _read_jenkins),
)
"""What each build service sets, and how its environment is read."""


# --- a git checkout ---


def _read_checkout(directory: Path, environment: Mapping[str, str]) -> Build:
    """What git says; nothing where there is no git, or no checkout."""

    def git(*command: str) -> str | None:
        # A repository may name programs of its own to run; this one shall not be run for a look at it.
        fixed = ["git", "-C", str(directory), "-c", "core.fsmonitor=false"]
        try:
            done = subprocess.run(  # noqa: S603 - our own words only
                [*fixed, *command],
                env={**environment, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_GIT_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.decode(errors="replace").strip()

    commit = git("rev-parse", "--verify", "HEAD")
    if not commit:
        return Build()
    repository = strip_credentials(git("config", "--get", "remote.origin.url"))
    return Build(
        commit=commit,
        repository=repository,
        page=(repository or "").removesuffix(".git") if (repository or "").startswith("http") else None,
        ref=git("symbolic-ref", "--quiet", "--short", "HEAD") or git("describe", "--tags", "--exact-match"),
        modified=bool(git("status", "--porcelain", "--untracked-files=no")),
    )


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _epoch(text: str | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(text or ""), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _clean(text: str) -> str:
    """*text* as an annotation: one line, of bounded length."""
    return "".join(character for character in text if character.isprintable())[:_LONGEST]

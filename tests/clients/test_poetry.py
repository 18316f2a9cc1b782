"""poetry: in and out, with locks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.clients.content import noise
from tests.clients.programs import Done, Shell, program
from tests.clients.python_packages import Environment, Place, buildable, module_wheel, project_name, publish, write
from tests.clients.server import Account, Registry
from tests.formats.pypi.building import Built

pytestmark = pytest.mark.clients


class Poetry:
    """poetry in an empty home, its credentials in the environment."""

    def __init__(self, shell: Shell, place: Place) -> None:
        self._program = program("poetry")
        self._shell = shell
        self._place = place

    def run(self, folder: Path, account: Account | None, *command: str) -> Done:
        return self._shell.run(*self._command(folder, command), environment=self._environment(account))

    def refused(self, folder: Path, account: Account | None, *command: str) -> str:
        done = self._shell.refuse(*self._command(folder, command), environment=self._environment(account))
        return " ".join(done.said.split())

    def built(self, project: str, *files: Built) -> Path:
        """A project that was built."""
        folder = self._shell.home / project
        folder.mkdir(exist_ok=True)
        (folder / "pyproject.toml").write_text(
            f'[project]\nname = "{project}"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
        )
        write(folder / "dist", *files)
        return folder

    def user(self) -> Path:
        """A project that depends on what is in the registry."""
        folder = self._shell.home / "user"
        folder.mkdir()
        (folder / "pyproject.toml").write_text(
            '[project]\nname = "user"\nversion = "0"\nrequires-python = ">=3.11,<4"\n'
            "[tool.poetry]\npackage-mode = false\n"
            f'[[tool.poetry.source]]\nname = "acme"\nurl = "{self._place.simple}"\npriority = "primary"\n'
        )
        return folder

    def _command(self, folder: Path, command: tuple[str, ...]) -> tuple[str | Path, ...]:
        return (self._program, "--no-interaction", "--no-ansi", "--directory", folder, *command)

    def _environment(self, account: Account | None) -> dict[str, str]:
        known = {
            "POETRY_REPOSITORIES_ACME_URL": self._place.legacy,
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        if account is None:
            return known
        return {
            **known,
            "POETRY_HTTP_BASIC_ACME_USERNAME": account.user,
            "POETRY_HTTP_BASIC_ACME_PASSWORD": account.password,
        }


@pytest.fixture
def poetry(shell: Shell, registry: Registry) -> Poetry:
    return Poetry(shell, Place(registry, registry.namespace))


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    return project_name(request)


def test_what_it_publishes_it_adds_and_installs(poetry: Poetry, registry: Registry, project: str) -> None:
    content = noise(project, 1 << 20)
    wheel, source = module_wheel(project, "1.0", content), buildable(project, "1.0", b"source")

    poetry.run(poetry.built(project, wheel, source), registry.publisher, "publish", "--repository", "acme")
    user = poetry.user()
    poetry.run(user, registry.reader, "add", project)
    added = Environment(user / ".venv").module(project)
    shutil.rmtree(user / ".venv")
    poetry.run(user, registry.reader, "install")

    assert added == content
    assert Environment(user / ".venv").module(project) == content
    lock = (user / "poetry.lock").read_text()
    assert wheel.sha256 in lock
    assert source.sha256 in lock


def test_the_same_files_can_be_published_again(poetry: Poetry, registry: Registry, project: str) -> None:
    folder = poetry.built(project, module_wheel(project, "1.0", b"content"))
    poetry.run(folder, registry.publisher, "publish", "--repository", "acme")

    poetry.run(folder, registry.publisher, "publish", "--repository", "acme")


def test_other_content_under_a_used_name_is_refused_or_skipped(
    poetry: Poetry, registry: Registry, project: str
) -> None:
    folder = poetry.built(project, module_wheel(project, "1.0", b"content"))
    poetry.run(folder, registry.publisher, "publish", "--repository", "acme")
    poetry.built(project, module_wheel(project, "1.0", b"other"))

    said = poetry.refused(folder, registry.publisher, "publish", "--repository", "acme")
    skipped = poetry.run(folder, registry.publisher, "publish", "--repository", "acme", "--skip-existing")

    assert "HTTP Error 400: File already exists" in said
    assert "File exists. Skipping" in skipped.said


def test_wrong_credentials_do_not_publish(poetry: Poetry, registry: Registry, project: str) -> None:
    folder = poetry.built(project, module_wheel(project, "1.0", b"content"))

    said = poetry.refused(folder, registry.stranger, "publish", "--repository", "acme")

    assert "HTTP Error 401: Credentials are needed, or those that were sent are not valid" in said


def test_who_may_only_read_is_told_so(poetry: Poetry, registry: Registry, project: str) -> None:
    folder = poetry.built(project, module_wheel(project, "1.0", b"content"))

    said = poetry.refused(folder, registry.reader, "publish", "--repository", "acme")

    assert f"HTTP Error 403: You are known, and may not do this: reader may not publish acme/{project}" in said


@pytest.mark.parametrize("wrong", [True, False], ids=["wrong", "missing"])
def test_credentials_that_do_not_do_are_named_as_the_reason(
    poetry: Poetry, registry: Registry, project: str, wrong: bool
) -> None:
    publish(registry, module_wheel(project, "1.0", b"content"))

    said = poetry.refused(poetry.user(), registry.stranger if wrong else None, "add", project)

    assert "Authorization error accessing" in said

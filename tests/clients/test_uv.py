"""uv: in and out, with locks."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.clients.content import noise
from tests.clients.programs import Done, Shell, program
from tests.clients.python_packages import Environment, Place, buildable, module_wheel, project_name, publish, write
from tests.clients.server import Account, Registry
from tests.formats.pypi.attested import attestation

pytestmark = pytest.mark.clients


class Uv:
    """uv with no configuration, no cache, and the Python that runs the tests."""

    def __init__(self, shell: Shell, environment: Environment) -> None:
        self._program = program("uv")
        self._shell = shell
        self.environment = environment

    def run(self, *command: str | Path, environment: dict[str, str] | None = None) -> Done:
        return self._shell.run(*self._command(command), environment=environment)

    def refused(self, *command: str | Path, environment: dict[str, str] | None = None) -> str:
        return " ".join(self._shell.refuse(*self._command(command), environment=environment).said.split())

    def install(self, index: str, *requirements: str) -> Done:
        return self.run("pip", "install", "--python", self.environment.python, "--default-index", index, *requirements)

    def publish(self, place: Place, account: Account, *files: Path) -> Done:
        return self.run("publish", "--publish-url", place.legacy, "--token", account.password, *files)

    def _command(self, command: tuple[str | Path, ...]) -> tuple[str | Path, ...]:
        return (self._program, "--no-config", "--no-cache", "--no-progress", "--no-python-downloads", *command)


@pytest.fixture
def uv(shell: Shell, tmp_path: Path) -> Uv:
    return Uv(shell, Environment.make(tmp_path / "environment"))


@pytest.fixture
def place(registry: Registry) -> Place:
    return Place(registry, registry.namespace)


@pytest.fixture
def index(place: Place, registry: Registry) -> str:
    return place.simple_as(registry.reader)


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    return project_name(request)


@pytest.mark.everywhere
def test_what_it_publishes_it_installs(
    uv: Uv, place: Place, registry: Registry, index: str, project: str, tmp_path: Path
) -> None:
    content = noise(project, 3 << 20)
    wheel, source = module_wheel(project, "1.0", content), buildable(project, "1.0", b"source")

    uv.publish(place, registry.publisher, *write(tmp_path / "dist", wheel, source))
    uv.install(index, project)

    assert uv.environment.module(project) == content


def test_a_source_is_built_and_installed(uv: Uv, registry: Registry, index: str, project: str) -> None:
    publish(registry, buildable(project, "1.0", b"print('built')\n"))

    uv.install(index, project)

    assert uv.environment.module(project) == b"print('built')\n"


def test_the_same_files_can_be_published_again(
    uv: Uv, place: Place, registry: Registry, project: str, tmp_path: Path
) -> None:
    files = write(tmp_path / "dist", module_wheel(project, "1.0", b"content"))
    uv.publish(place, registry.publisher, *files)

    uv.publish(place, registry.publisher, *files)


def test_it_sees_by_the_index_what_is_there_already(
    uv: Uv, place: Place, registry: Registry, index: str, project: str, tmp_path: Path
) -> None:
    files = write(tmp_path / "dist", module_wheel(project, "1.0", b"content"))
    command = ("publish", "--publish-url", place.legacy, "--token", registry.publisher.password, "--check-url", index)
    uv.run(*command, *files)

    again = uv.run(*command, *files)
    write(tmp_path / "dist", module_wheel(project, "1.0", b"other"))
    other = uv.refused(*command, *files)

    assert "already exists, skipping" in again.said
    assert "Local file and index file do not match" in other


def test_other_content_under_a_used_name_is_refused(
    uv: Uv, place: Place, registry: Registry, project: str, tmp_path: Path
) -> None:
    uv.publish(place, registry.publisher, *write(tmp_path / "dist", module_wheel(project, "1.0", b"content")))
    files = write(tmp_path / "dist", module_wheel(project, "1.0", b"other"))

    said = uv.refused("publish", "--publish-url", place.legacy, "--token", registry.publisher.password, *files)

    assert "400" in said
    assert "Server says: File already exists" in said


def test_attestations_beside_a_file_go_with_it(
    uv: Uv, place: Place, registry: Registry, project: str, tmp_path: Path
) -> None:
    """PEP 740: `<file>.publish.attestation`, as the tools that make them leave them."""
    wheel = module_wheel(project, "1.0", b"content")
    [path] = write(tmp_path / "dist", wheel)
    made = attestation(wheel)
    path.with_name(f"{path.name}.publish.attestation").write_text(json.dumps(made))

    uv.publish(place, registry.publisher, *path.parent.iterdir())

    account = registry.reader
    url = f"{registry.url}/pypi/acme/integrity/{project}/1.0/{wheel.filename}/provenance"
    provenance = httpx.get(url, auth=(account.user, account.password), trust_env=False).raise_for_status().json()
    assert provenance["attestation_bundles"][0]["attestations"] == [made]


@pytest.mark.parametrize("size", [100, 20 << 20], ids=["small", "large"])
def test_wrong_credentials_do_not_publish(
    uv: Uv, place: Place, registry: Registry, project: str, tmp_path: Path, size: int
) -> None:
    files = write(tmp_path / "dist", module_wheel(project, "1.0", noise(project, size)))

    said = uv.refused("publish", "--publish-url", place.legacy, "--token", registry.stranger.password, *files)

    assert "401 Unauthorized" in said
    assert "that is not one of this registry's tokens" in said


def test_who_may_only_read_is_told_so(uv: Uv, place: Place, registry: Registry, project: str, tmp_path: Path) -> None:
    files = write(tmp_path / "dist", module_wheel(project, "1.0", b"content"))

    said = uv.refused("publish", "--publish-url", place.legacy, "--token", registry.reader.password, *files)

    assert f"reader may not publish acme/{project}" in said


@pytest.mark.parametrize("wrong", [True, False], ids=["wrong", "missing"])
def test_credentials_that_do_not_do_are_named_as_the_reason(
    uv: Uv, place: Place, registry: Registry, project: str, wrong: bool
) -> None:
    publish(registry, module_wheel(project, "1.0", b"content"))
    index = place.simple_as(registry.stranger) if wrong else place.simple

    said = uv.refused("pip", "install", "--python", uv.environment.python, "--default-index", index, project)

    assert "lack of valid authentication credentials (401 Unauthorized)" in said


def test_a_project_is_locked_and_installed_from_its_lock(
    uv: Uv, shell: Shell, place: Place, registry: Registry, project: str
) -> None:
    """The lock has the index's addresses, sizes and times; credentials are in the environment."""
    publish(registry, module_wheel(f"{project}-below", "1.0", b"below"))
    built = module_wheel(project, "1.0", b"above", f"Requires-Dist: {project}-below>=1")
    publish(registry, built)
    user = shell.home / "user"
    user.mkdir()
    (user / "pyproject.toml").write_text(
        '[project]\nname = "user"\nversion = "0"\nrequires-python = ">=3.11"\n'
        f'[[tool.uv.index]]\nname = "acme"\nurl = "{place.simple}"\ndefault = true\n'
    )
    known = {
        "UV_INDEX_ACME_USERNAME": registry.reader.user,
        "UV_INDEX_ACME_PASSWORD": registry.reader.password,
        "UV_PYTHON": str(uv.environment.python),
    }
    command = (program("uv"), "--directory", user, "--no-cache", "--no-progress", "--no-python-downloads")

    shell.run(*command, "add", project, environment=known)
    shell.run(*command, "sync", "--frozen", "--reinstall", environment=known)

    lock = (user / "uv.lock").read_text()
    assert f'hash = "sha256:{built.sha256}", size = {len(built.content)}, upload-time = "20' in lock
    assert registry.reader.password not in lock
    assert Environment(user / ".venv").module(f"{project}-below") == b"below"

"""pip: out of the index, into an environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.content import noise
from tests.clients.programs import Done, Shell, program
from tests.clients.python_packages import (
    Environment,
    Place,
    buildable,
    clear,
    module_wheel,
    project_name,
    publish,
    run_entrepot,
)
from tests.clients.server import Account, Registry, serve
from tests.formats.pypi.building import wheel

pytestmark = pytest.mark.clients


class Pip:
    """pip with no configuration, no cache and one index, installing into an environment of its own."""

    def __init__(self, shell: Shell, environment: Environment) -> None:
        self._program = program("pip")
        self._shell = shell
        self.environment = environment

    def install(self, index: str, *requirements: str | Path) -> Done:
        return self._shell.run(*self._command("install", index), *requirements)

    def refused(self, index: str, *requirements: str | Path) -> str:
        return self._shell.refuse(*self._command("install", index), *requirements).said

    def download(self, index: str, folder: Path, *requirements: str) -> dict[str, bytes]:
        """The files that it gets, without installing them."""
        self._shell.run(*self._command("download", index), "--no-deps", "--dest", folder, *requirements)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    def versions(self, index: str, project: str) -> str:
        return self._shell.run(*self._command("index", index, "versions"), project).output

    def _command(self, verb: str, index: str, *more: str) -> tuple[str | Path, ...]:
        quiet = ("--isolated", "--no-input", "--no-cache-dir", "--disable-pip-version-check")
        return (self._program, *quiet, "--python", self.environment.python, verb, *more, "--index-url", index)


@pytest.fixture
def pip(shell: Shell, tmp_path: Path) -> Pip:
    return Pip(shell, Environment.make(tmp_path / "environment"))


@pytest.fixture
def index(registry: Registry) -> str:
    """The index with the reader's credentials in it."""
    return Place(registry, registry.namespace).simple_as(registry.reader)


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    return project_name(request)


def test_a_wheel_is_installed(pip: Pip, registry: Registry, index: str, project: str) -> None:
    content = b"print('installed')\n"
    publish(registry, module_wheel(project, "1.0", content))

    done = pip.install(index, project)

    assert f"Successfully installed {project}-1.0" in done.output
    assert pip.environment.module(project) == content


def test_a_source_is_built_and_installed(pip: Pip, registry: Registry, index: str, project: str) -> None:
    content = b"print('built')\n"
    publish(registry, buildable(project, "1.0", content))

    pip.install(index, project)

    assert pip.environment.module(project) == content


def test_files_come_as_they_were_published(
    pip: Pip, registry: Registry, index: str, project: str, tmp_path: Path
) -> None:
    built = module_wheel(project, "1!2.0+local.1", noise(project, 3 << 20))
    publish(registry, built)

    assert pip.download(index, tmp_path / "got", project) == {built.filename: built.content}


def test_entrepot_pulls_a_release_without_pip(shell: Shell, registry: Registry, project: str, tmp_path: Path) -> None:
    built = module_wheel(project, "1!2.0+local.1", b"content")
    publish(registry, built)
    address = f"{registry.namespace}/pypi/{project}:1_2.0+local.1"

    run_entrepot(shell, registry, registry.reader.password, "pull", address, "--into", str(tmp_path), "--only", "*.whl")

    assert (tmp_path / built.filename).read_bytes() == built.content


def test_a_file_is_verified_by_the_hash_that_was_locked(
    pip: Pip, registry: Registry, index: str, project: str, tmp_path: Path
) -> None:
    built = module_wheel(project, "1.0", b"content")
    publish(registry, built)
    (tmp_path / "good.txt").write_text(f"{project}==1.0 --hash=sha256:{built.sha256}\n")
    (tmp_path / "bad.txt").write_text(f"{project}==1.0 --hash=sha256:{'0' * 64}\n")

    said = pip.refused(index, "--require-hashes", "-r", tmp_path / "bad.txt")
    pip.install(index, "--require-hashes", "-r", tmp_path / "good.txt")

    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in said
    assert pip.environment.module(project) == b"content"


def test_dependencies_are_known_before_files_are_fetched(
    pip: Pip, registry: Registry, index: str, project: str
) -> None:
    """PEP 658: by the metadata alone."""
    publish(registry, module_wheel(f"{project}-below", "1.0", b"below"))
    publish(registry, module_wheel(project, "1.0", b"above", f"Requires-Dist: {project}-below>=1"))

    done = pip.install(index, project)

    assert f"{project.replace('-', '_')}-1.0-py3-none-any.whl.metadata" in done.output
    assert pip.environment.module(f"{project}-below") == b"below"


def test_a_version_for_another_python_is_passed_over(pip: Pip, registry: Registry, index: str, project: str) -> None:
    publish(registry, module_wheel(project, "1.0", b"old"), module_wheel(project, "2.0", b"new", "Requires-Python: <3"))

    pip.install(index, project)

    assert pip.environment.module(project) == b"old"


def test_a_name_may_be_spelt_otherwise(pip: Pip, registry: Registry, index: str, project: str) -> None:
    publish(registry, module_wheel(project, "1.0", b"content"))

    pip.install(index, project.replace("-", "_.").title())

    assert pip.environment.module(project) == b"content"


def test_a_yanked_version_is_installed_only_by_its_number(
    pip: Pip, shell: Shell, registry: Registry, index: str, project: str
) -> None:
    publish(registry, module_wheel(project, "1.0", b"old"), module_wheel(project, "2.0", b"bad"))
    run_entrepot(
        shell, registry, registry.maintainer.password, "yank", f"acme/pypi/{project}:2.0", "--reason", "it is broken"
    )

    pip.install(index, project)
    unasked = pip.environment.module(project)
    done = pip.install(index, f"{project}==2.0")

    assert unasked == b"old"
    assert "it is broken" in done.said
    assert pip.environment.module(project) == b"bad"


def test_versions_are_listed(pip: Pip, registry: Registry, index: str, project: str) -> None:
    publish(registry, *[module_wheel(project, version, b"") for version in ("1.9", "1.10", "2.0rc1")])

    assert f"{project} (1.10)" in pip.versions(index, project)


def test_a_channels_view_has_what_is_cleared_and_nothing_else(
    pip: Pip, shell: Shell, project: str, tmp_path: Path
) -> None:
    with serve(tmp_path / "server", "acme") as registry:
        publish(registry, module_wheel(project, "1.0", b"cleared"), module_wheel(project, "2.0", b"not yet"))
        publish(registry, module_wheel(f"{project}-secret", "1.0", b"secret"))
        administrator = (tmp_path / "server" / "data" / "admin-token").read_text().strip()
        clear(shell, registry, administrator, f"acme/pypi/{project}:1.0")
        index = Place(registry, "acme.prod").simple_as(registry.reader)

        pip.install(index, project)
        newer = pip.refused(index, f"{project}==2.0")
        secret = pip.refused(index, f"{project}-secret")

    assert pip.environment.module(project) == b"cleared"
    assert "(from versions: 1.0)" in newer
    assert "(from versions: none)" in secret


def test_a_wheel_for_another_machine_is_not_taken(pip: Pip, registry: Registry, index: str, project: str) -> None:
    publish(registry, wheel(project, "1.0", tag="cp27-cp27m-win32"))

    assert "No matching distribution found" in pip.refused(index, project)


def test_wrong_credentials_are_named_as_the_reason(pip: Pip, registry: Registry, project: str) -> None:
    publish(registry, module_wheel(project, "1.0", b"content"))
    index = Place(registry, registry.namespace).simple_as(registry.stranger)

    said = pip.refused(index, project)

    assert "401 Error, Credentials not correct for" in said
    assert not pip.environment.has(project)


def test_without_credentials_nothing_is_found(pip: Pip, registry: Registry, project: str) -> None:
    publish(registry, module_wheel(project, "1.0", b"content"))

    said = pip.refused(Place(registry, registry.namespace).simple, project)

    assert f"No matching distribution found for {project}" in said


def test_credentials_are_found_in_netrc(pip: Pip, shell: Shell, registry: Registry, project: str) -> None:
    publish(registry, module_wheel(project, "1.0", b"content"))
    netrc(shell, registry.reader)

    pip.install(Place(registry, registry.namespace).simple, project)

    assert pip.environment.module(project) == b"content"


def netrc(shell: Shell, account: Account) -> None:
    file = shell.home / ".netrc"
    file.write_text(f"machine localhost login {account.user} password {account.password}\n")
    file.chmod(0o600)

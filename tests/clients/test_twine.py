"""twine: distributions in, as most projects have published them for ten years."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.clients.content import noise
from tests.clients.programs import Done, Shell, program
from tests.clients.python_packages import Place, buildable, module_wheel, project_name, write
from tests.clients.server import Account, Registry
from tests.formats.pypi.building import Built, metadata, wheel

pytestmark = pytest.mark.clients


class Twine:
    """twine in an empty home, told where to publish."""

    def __init__(self, shell: Shell, place: Place) -> None:
        self._program = program("twine")
        self._shell = shell
        self._place = place

    def upload(self, account: Account | None, *files: Path) -> Done:
        return self._shell.run(*self._command(files), environment=_environment(account))

    def refused(self, account: Account | None, *files: Path) -> str:
        """What it says of an upload that must fail, in one line."""
        done = self._shell.refuse(*self._command(files), environment=_environment(account))
        return " ".join(done.said.split())

    def _command(self, files: tuple[Path, ...]) -> tuple[str | Path, ...]:
        where = ("--repository-url", self._place.legacy)
        return (self._program, "upload", "--non-interactive", "--disable-progress-bar", *where, *files)


def _environment(account: Account | None) -> dict[str, str]:
    quiet = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    if account is None:
        return quiet
    return {**quiet, "TWINE_USERNAME": account.user, "TWINE_PASSWORD": account.password}


@pytest.fixture
def place(registry: Registry) -> Place:
    return Place(registry, registry.namespace)


@pytest.fixture
def twine(shell: Shell, place: Place) -> Twine:
    return Twine(shell, place)


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    return project_name(request)


def stored(place: Place, project: str) -> dict[str, bytes]:
    """The files of a project, as anybody gets them."""
    account = place.registry.reader
    with httpx.Client(auth=(account.user, account.password), trust_env=False) as http:
        page = http.get(f"{place.simple}{project}/", headers={"accept": "application/vnd.pypi.simple.v1+json"})
        if page.status_code == httpx.codes.NOT_FOUND:
            return {}
        return {
            file["filename"]: http.get(page.url.join(file["url"])).raise_for_status().content
            for file in page.raise_for_status().json()["files"]
        }


def as_stored(*files: Built) -> dict[str, bytes]:
    return {built.filename: built.content for built in files}


def test_a_wheel_and_a_source_are_published(
    twine: Twine, place: Place, registry: Registry, project: str, tmp_path: Path
) -> None:
    files = (module_wheel(project, "1.0", b"content"), buildable(project, "1.0", b"content"))

    twine.upload(registry.publisher, *write(tmp_path / "dist", *files))

    assert stored(place, project) == as_stored(*files)


@pytest.mark.everywhere
def test_a_large_wheel_is_published(
    twine: Twine, place: Place, registry: Registry, project: str, tmp_path: Path
) -> None:
    built = module_wheel(project, "1.0", noise(project, 20 << 20))

    twine.upload(registry.publisher, *write(tmp_path / "dist", built))

    assert stored(place, project) == as_stored(built)


def test_the_same_files_can_be_published_again(
    twine: Twine, place: Place, registry: Registry, project: str, tmp_path: Path
) -> None:
    """A job that broke in the middle is run again."""
    built = module_wheel(project, "1.0", b"content")
    paths = write(tmp_path / "dist", built)
    twine.upload(registry.publisher, *paths)

    twine.upload(registry.publisher, *paths)

    assert stored(place, project) == as_stored(built)


def test_other_content_under_a_used_name_is_refused(
    twine: Twine, place: Place, registry: Registry, project: str, tmp_path: Path
) -> None:
    built = module_wheel(project, "1.0", b"content")
    twine.upload(registry.publisher, *write(tmp_path / "dist", built))

    said = twine.refused(registry.publisher, *write(tmp_path / "dist", module_wheel(project, "1.0", b"other")))

    assert f"File already exists ({built.filename})" in said
    assert stored(place, project) == as_stored(built)


def test_a_file_that_is_not_what_its_name_says_is_refused(
    twine: Twine, place: Place, registry: Registry, project: str, tmp_path: Path
) -> None:
    built = wheel(project, "2.0", described=metadata(project, "1.0"))

    said = twine.refused(registry.publisher, *write(tmp_path / "dist", built))

    assert "The metadata is not valid: form field version (expected 2.0" in said
    assert stored(place, project) == {}


@pytest.mark.parametrize("size", [100, 20 << 20], ids=["small", "large"])
def test_wrong_credentials_are_refused(
    twine: Twine, registry: Registry, project: str, tmp_path: Path, size: int
) -> None:
    built = module_wheel(project, "1.0", noise(project, size))

    said = twine.refused(registry.stranger, *write(tmp_path / "dist", built))

    assert "401 Unauthorized" in said
    assert "Credentials are needed, or those that were sent are not valid" in said


def test_without_credentials_it_asks_for_them(twine: Twine, registry: Registry, project: str, tmp_path: Path) -> None:
    said = twine.refused(None, *write(tmp_path / "dist", module_wheel(project, "1.0", b"content")))

    assert "Credential not found" in said or "API token" in said


def test_who_may_only_read_is_told_so(twine: Twine, registry: Registry, project: str, tmp_path: Path) -> None:
    said = twine.refused(registry.reader, *write(tmp_path / "dist", module_wheel(project, "1.0", b"content")))

    assert f"reader may not publish acme/{project}" in said


def test_a_release_is_pulled_by_oras(
    twine: Twine, shell: Shell, registry: Registry, project: str, tmp_path: Path
) -> None:
    """Every release is an OCI artifact: its files, and the metadata of each beside it."""
    oras = program("oras")
    files = (module_wheel(project, "1.0", b"content"), buildable(project, "1.0", b"content"))
    twine.upload(registry.publisher, *write(tmp_path / "dist", *files))
    login = (oras, "login", registry.host, "--plain-http", "--username", "me", "--password-stdin")
    shell.run(*login, given=registry.reader.password)

    shell.run(oras, "pull", "--plain-http", "--output", tmp_path / "pulled", f"{registry.host}/acme/pypi/{project}:1.0")

    pulled = {path.name: path.read_bytes() for path in (tmp_path / "pulled").iterdir()}
    assert pulled == as_stored(*files) | {f"{built.filename}.metadata": built.metadata for built in files}

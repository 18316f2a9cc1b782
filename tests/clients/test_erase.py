"""What clients are told of what was erased: pip, npm, oras and curl get a refusal that says so, and nobody brings it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot import client as entrepot
from entrepot.model.digest import Digest
from tests.clients.content import noise
from tests.clients.node import Client as Npm
from tests.clients.node import log_in
from tests.clients.programs import Shell, program
from tests.clients.python_packages import Environment, Place, module_wheel, project_name, publish
from tests.clients.server import Registry, serve

pytestmark = pytest.mark.clients


def erase(registry: Registry, digest: Digest | str) -> None:
    """As an administrator; whose tombstone says so."""
    assert registry.administrator is not None
    with entrepot.Client(registry.url, registry.administrator.password, environment={}) as administrator:
        wanted = digest if isinstance(digest, Digest) else administrator.packages.artifact(digest).digest
        done = administrator.erasures.erase(wanted, reason="a key got out")
    assert done.tombstone is not None


def test_pip_does_not_find_it_and_twine_cannot_bring_it_again(
    shell: Shell, registry: Registry, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    project = project_name(request)
    bad, good = (module_wheel(project, version, noise(f"{project} {version}", 100_000)) for version in ("1.0", "2.0"))
    publish(registry, bad, good)
    index = Place(registry, registry.namespace).simple_as(registry.reader)
    environment = Environment.make(tmp_path / "environment")
    pip = (program("pip"), "--isolated", "--no-input", "--no-cache-dir", "--disable-pip-version-check")
    install = (*pip, "--python", environment.python, "install", "--no-deps", "--index-url", index)
    locked = f"{registry.url}/pypi/{registry.namespace}/files/{project}/1.0/{bad.filename}"
    locked = locked.replace("://", f"://{registry.reader.user}:{registry.reader.password}@")
    shell.run(*install, f"{project}==1.0")

    erase(registry, Digest.of(bad.content))

    refused = shell.refuse(*install, "--force-reinstall", f"{project}==1.0").said
    assert "No matching distribution found" in refused
    shell.run(*install, project)
    assert "410" in shell.refuse(*install, "--force-reinstall", locked).said
    path = tmp_path / bad.filename
    path.write_bytes(bad.content)
    publisher = registry.publisher
    said = shell.refuse(
        *(program("twine"), "upload", "--non-interactive", "--disable-progress-bar", "--repository-url"),
        f"{registry.url}/pypi/{registry.namespace}/legacy/",
        *("--username", publisher.user, "--password", publisher.password, path),
    ).said
    assert "403" in said
    assert "erased" in said


def test_npm_is_told_that_it_is_gone(shell: Shell, registry: Registry, package: str) -> None:
    name = f"@acme/{package.rpartition('/')[2]}"
    log_in(shell, registry, registry.maintainer)
    npm = Npm(shell, "npm10")
    folder = npm.project(name)
    (folder / "data.bin").write_bytes(noise(name, 100_000))
    npm.run("publish", folder=folder)
    consumer = npm.consumer(**{name: "1.0.0"})
    npm.run("install", folder=consumer)

    erase(registry, f"{registry.namespace}/npm/{name}:1.0.0")

    again = npm.shell.home / "again"
    again.mkdir()
    for file in ("package.json", "package-lock.json"):
        (again / file).write_bytes((consumer / file).read_bytes())
    assert "410" in npm.refuse("ci", "--cache", str(npm.shell.home / "cache"), folder=again).said
    refused = npm.refuse("publish", folder=folder).said
    assert "erased" in refused


def test_oras_and_curl_are_told_too(shell: Shell, registry: Registry, package: str, tmp_path: Path) -> None:
    oras, reference = program("oras"), f"{registry.host}/{package}:1.0.0"
    (shell.home / "key.pem").write_bytes(noise(package, 100_000))
    leak = Digest.of((shell.home / "key.pem").read_bytes())
    account = registry.publisher
    shell.run(
        *(oras, "login", registry.host, "--plain-http", "--username", account.user, "--password-stdin"),
        given=account.password,
    )
    shell.run(oras, "push", "--plain-http", reference, "key.pem:application/octet-stream")
    files = f"{registry.url}/files/{registry.namespace}/{package.rpartition('/')[2]}/1.0.0/key.pem"
    curl = (program("curl"), "--silent", "--user", account.pair)
    shell.run(*curl, "--fail", "--upload-file", "key.pem", files)

    erase(registry, leak)

    pulled = shell.refuse(oras, "pull", "--plain-http", "--output", tmp_path / "pulled", reference).said
    assert "not found" in pulled or "erased" in pulled
    fetched = shell.refuse(
        oras, "blob", "fetch", "--plain-http", "--output", tmp_path / "key", f"{reference[:-6]}@{leak}"
    )
    assert "not found" in fetched.said
    pushed = shell.refuse(oras, "push", "--plain-http", reference, "key.pem:application/octet-stream").said
    assert "erased" in pushed
    assert shell.run(*curl, "--output", "/dev/null", "--write-out", "%{http_code}", files).output == "410"
    put = shell.run(*curl, "--upload-file", "key.pem", "--write-out", " %{http_code}", f"{files}.again").output
    assert put.endswith("403")
    assert "erased" in put


@pytest.mark.on_disk
def test_nothing_of_it_is_left_on_the_disk(shell: Shell, tmp_path: Path) -> None:
    """Small bytes are in the catalog, larger ones are files; the first were written to its log, too."""
    leaks = [noise(str(size), size) for size in (3_000, 100_000)]
    with serve(tmp_path / "registry", "acme") as registry:
        for number, leak in enumerate(leaks):
            (shell.home / "leak").write_bytes(leak)
            to = f"{registry.url}/files/acme/tool/1.0.0/leak-{number}"
            put = (program("curl"), "--silent", "--fail", "--user", registry.publisher.pair, "--upload-file", "leak")
            shell.run(*put, to)
        found = [holding(tmp_path / "registry", leak[1_000:1_100]) for leak in leaks]

        for leak in leaks:
            erase(registry, Digest.of(leak))

        assert all(found)
        assert [holding(tmp_path / "registry", leak[at : at + 100]) for leak in leaks for at in (0, 1_000, 2_900)] == [
            []
        ] * 6


def holding(folder: Path, content: bytes) -> list[Path]:
    """The files that have these bytes in them."""
    return [path for path in folder.rglob("*") if path.is_file() and content in path.read_bytes()]

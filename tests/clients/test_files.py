"""Versions of plain files as other tools see them: curl's resumed uploads, and OCI clients on what curl put there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.content import noise
from tests.clients.cutting import CutLine
from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients

_UNATTENDED = {"COSIGN_PASSWORD": "", "COSIGN_YES": "true", "COSIGN_EXPERIMENTAL": "1"}
_OFFLINE = ("--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry")
_VERIFY = ("--insecure-ignore-tlog", "--allow-http-registry")


class Curl:
    """curl as somebody, at a version of a package that no other test uses."""

    def __init__(self, shell: Shell, account: Account, version: str) -> None:
        self.version = version
        self._shell = shell
        self._start = (program("curl"), "--silent", "--show-error", "--user", account.pair)

    def ask(self, url: str, *options: str | Path) -> str:
        """The body of an answer that must not be an error."""
        return self._shell.run(*self._start, "--fail-with-body", *options, url).output

    def fail(self, url: str, *options: str | Path) -> None:
        """A transfer that must break."""
        self._shell.refuse(*self._start, *options, url)

    def fields(self, url: str, *options: str | Path) -> dict[str, str]:
        """The header fields of an answer."""
        lines = self.ask(url, "--dump-header", "-", "--output", "/dev/null", *options).splitlines()
        pairs = (line.partition(":") for line in lines if ":" in line)
        return {name.lower(): value.strip() for name, _, value in pairs}

    def put(self, path: str, content: bytes) -> None:
        file = self._shell.home / "sent"
        file.write_bytes(content)
        self.ask(f"{self.version}/{path}", "--upload-file", file)

    def resume(self, session: str, file: Path) -> list[int]:
        """Send the rest, as a script does: again, if the server was still taking in what came before the break."""
        offsets = []
        for _ in range(10):
            offsets.append(int(self.fields(session, "--head")["upload-offset"]))
            rest = ("--continue-at", str(offsets[-1]), "--upload-file", file)
            done = self._shell.attempt(
                *self._start, *rest, "--output", "/dev/null", "--write-out", "%{http_code}", session
            )
            if done.output == "201":
                return offsets
            assert done.output == "416", done.said
        raise AssertionError(f"not one of the offsets {offsets} was right")

    def digest(self) -> str:
        """The artifact's that the version is."""
        return str(json.loads(self.ask(f"{self.version}/"))["digest"])


def place(package: str) -> str:
    """The test's own package: a name without slashes."""
    return package.rpartition("/")[2]


@pytest.fixture
def curl(shell: Shell, registry: Registry, package: str) -> Curl:
    url = f"{registry.url}/files/{registry.namespace}/{place(package)}/1.0.0"
    return Curl(shell, registry.maintainer, url)


@pytest.fixture
def repository(registry: Registry, package: str) -> str:
    """The package's name at the OCI endpoint."""
    return f"{registry.namespace}/generic/{place(package)}"


def log_in(shell: Shell, name: str, *options: str, registry: Registry) -> str:
    path = program(name)
    account = registry.maintainer
    shell.run(
        *(path, "login", registry.host, *options, "--username", account.user, "--password-stdin"),
        given=account.password,
    )
    return path


@pytest.mark.everywhere
def test_a_broken_upload_goes_on_where_it_stopped(curl: Curl, shell: Shell, registry: Registry, tmp_path: Path) -> None:
    content = noise(curl.version, 8 << 20)
    file = shell.home / "big"
    file.write_bytes(content)
    session = curl.fields(f"{curl.version}/big?upload", "--request", "POST")["location"]

    with CutLine(registry.host, after=3 << 20, direction="up") as line:
        curl.fail(session.replace(registry.host, line.host), "--upload-file", file)
    offsets = curl.resume(session, file)
    curl.ask(f"{curl.version}/big", "--output", tmp_path / "got")

    assert all(0 < offset < len(content) for offset in offsets)
    assert (tmp_path / "got").read_bytes() == content


def test_curl_may_always_say_continue(curl: Curl, shell: Shell, tmp_path: Path) -> None:
    """``--continue-at -`` before anything was sent is a whole file with a range."""
    file = shell.home / "file"
    file.write_bytes(b"content")

    curl.ask(f"{curl.version}/file", "--continue-at", "-", "--upload-file", file)

    assert curl.ask(f"{curl.version}/file") == "content"


def test_a_file_that_did_not_change_is_not_sent_again(curl: Curl, tmp_path: Path) -> None:
    curl.put("file", b"content")
    etag, got, again = tmp_path / "etag", tmp_path / "got", tmp_path / "again"

    curl.ask(f"{curl.version}/file", "--etag-save", etag, "--output", got)
    status = curl.ask(f"{curl.version}/file", "--etag-compare", etag, "--output", again, "--write-out", "%{http_code}")

    assert got.read_bytes() == b"content"
    assert status == "304"
    assert not again.exists() or again.read_bytes() == b""


def test_oras_pulls_the_files_under_their_paths(
    curl: Curl, shell: Shell, registry: Registry, repository: str, tmp_path: Path
) -> None:
    large = noise(repository, 3 << 20)
    curl.put("bin/tool", large)
    curl.put("README.md", b"# A tool\n")
    oras = log_in(shell, "oras", "--plain-http", registry=registry)

    shell.run(oras, "pull", "--plain-http", "--output", tmp_path / "pulled", f"{registry.host}/{repository}:1.0.0")

    assert (tmp_path / "pulled" / "bin" / "tool").read_bytes() == large
    assert (tmp_path / "pulled" / "README.md").read_bytes() == b"# A tool\n"


def test_cosign_signs_a_version_of_files(
    curl: Curl, shell: Shell, registry: Registry, repository: str, wire: Wire
) -> None:
    curl.put("tool", b"content")
    curl.ask(f"{curl.version}/?seal", "--request", "POST")
    reference = f"{registry.host}/{repository}@{curl.digest()}"
    cosign = log_in(shell, "cosign", registry=registry)
    shell.run(cosign, "generate-key-pair", "--output-key-prefix", "release", environment=_UNATTENDED)

    shell.run(
        *(cosign, "sign", "--key", "release.key", "--registry-referrers-mode", "oci-1-1", *_OFFLINE, reference),
        environment=_UNATTENDED,
    )
    verified = shell.run(cosign, "verify", "--key", "release.pub", *_VERIFY, reference)

    assert curl.digest() in verified.said
    assert len(wire.referrers(repository, curl.digest())) == 1
    assert [version["version"] for version in json.loads(curl.ask(curl.version.removesuffix("1.0.0")))["versions"]] == [
        "1.0.0"
    ]


def test_an_oci_client_does_not_write_a_version_of_files(
    curl: Curl, shell: Shell, registry: Registry, repository: str
) -> None:
    curl.put("tool", b"content")
    oras = log_in(shell, "oras", "--plain-http", registry=registry)
    (shell.home / "other").write_bytes(b"other")

    refused = shell.refuse(oras, "push", "--plain-http", f"{registry.host}/{repository}:2.0.0", "other")

    assert "only referrers are pushed here" in refused.said

"""curl: plain files, in and out, from any script."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from tests.clients.content import digest_of, noise
from tests.clients.cutting import CutLine
from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry

pytestmark = pytest.mark.clients


class Curl:
    """curl with a scratch directory for what it gets."""

    def __init__(self, shell: Shell) -> None:
        self._program = program("curl")
        self._shell = shell

    def status(self, url: str, account: Account | None, *options: str | Path, into: Path | None = None) -> int:
        """The status of one request."""
        who = ("--user", account.pair) if account else ()
        done = self._shell.run(
            *(self._program, "--silent", "--show-error", *who, *options),
            *("--output", into or "/dev/null", "--write-out", "%{http_code}", url),
        )
        return int(done.output)

    def headers(self, url: str, account: Account, *options: str | Path) -> dict[str, str]:
        """The headers of the answer to a HEAD request."""
        done = self._shell.run(self._program, "--silent", "--head", "--user", account.pair, *options, url)
        lines = (line.partition(":") for line in done.output.splitlines()[1:] if ":" in line)
        return {name.lower(): value.strip() for name, _, value in lines}

    def body(self, url: str, account: Account) -> str:
        """The body of what must be there."""
        return self._shell.run(self._program, "--silent", "--fail", "--user", account.pair, url).output

    def cut(self, url: str, account: Account, *options: str | Path) -> None:
        """A request whose connection breaks."""
        self._shell.refuse(self._program, "--silent", "--user", account.pair, *options, url)


@pytest.fixture
def curl(shell: Shell) -> Curl:
    return Curl(shell)


@pytest.fixture
def url(registry: Registry, package: str) -> str:
    """A version of a package that no other test uses."""
    return f"{registry.url}/files/{registry.namespace}/{package.rpartition('/')[2]}/1.0.0"


def written(shell: Shell, content: bytes) -> Path:
    file = shell.home / "file"
    file.write_bytes(content)
    return file


def test_a_file_comes_back_as_it_was_sent(
    curl: Curl, shell: Shell, registry: Registry, url: str, tmp_path: Path
) -> None:
    content = noise(url, 5 << 20)

    sent = curl.status(f"{url}/bin/tool", registry.publisher, "--upload-file", written(shell, content))
    got = curl.status(f"{url}/bin/tool", registry.reader, into=tmp_path / "got")

    assert (sent, got) == (201, 200)
    assert (tmp_path / "got").read_bytes() == content


def test_a_file_sent_without_a_length_is_taken(
    curl: Curl, shell: Shell, registry: Registry, url: str, tmp_path: Path
) -> None:
    content = noise(url, 1 << 20)

    sent = curl.status(
        *(f"{url}/file", registry.publisher, "--upload-file", written(shell, content)),
        *("--header", "Transfer-Encoding: chunked"),
    )
    curl.status(f"{url}/file", registry.reader, into=tmp_path / "got")

    assert sent == 201
    assert (tmp_path / "got").read_bytes() == content


def test_an_empty_file_is_a_file(curl: Curl, shell: Shell, registry: Registry, url: str) -> None:
    sent = curl.status(f"{url}/empty", registry.publisher, "--upload-file", written(shell, b""))

    assert sent == 201
    assert curl.headers(f"{url}/empty", registry.reader)["content-length"] == "0"


def test_a_head_tells_length_and_tag_and_the_tag_spares_the_body(
    curl: Curl, shell: Shell, registry: Registry, url: str, tmp_path: Path
) -> None:
    curl.status(f"{url}/file", registry.publisher, "--upload-file", written(shell, noise(url, 4321)))

    told = curl.headers(f"{url}/file", registry.reader)
    again = curl.status(
        f"{url}/file", registry.reader, "--header", f"If-None-Match: {told['etag']}", into=tmp_path / "got"
    )

    assert told["content-length"] == "4321"
    assert told["accept-ranges"] == "bytes"
    assert again == 304
    assert not (tmp_path / "got").exists() or (tmp_path / "got").read_bytes() == b""


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("100-199", slice(100, 200)),
        ("4000-", slice(4000, None)),
        ("-10", slice(-10, None)),
        ("4300-9999", slice(4300, None)),
    ],
)
def test_a_range_is_exactly_that_part(
    curl: Curl, shell: Shell, registry: Registry, url: str, tmp_path: Path, wanted: str, part: slice
) -> None:
    content = noise(url, 4321)
    curl.status(f"{url}/file", registry.publisher, "--upload-file", written(shell, content))

    got = curl.status(f"{url}/file", registry.reader, "--range", wanted, into=tmp_path / "got")

    assert got == 206
    assert (tmp_path / "got").read_bytes() == content[part]


def test_a_range_beyond_the_end_is_refused(curl: Curl, shell: Shell, registry: Registry, url: str) -> None:
    curl.status(f"{url}/file", registry.publisher, "--upload-file", written(shell, noise(url, 100)))

    assert curl.status(f"{url}/file", registry.reader, "--range", "100-200") == 416


def test_a_broken_download_goes_on_where_it_stopped(
    curl: Curl, shell: Shell, registry: Registry, url: str, tmp_path: Path
) -> None:
    content = noise(url, 3 << 20)
    curl.status(f"{url}/file", registry.publisher, "--upload-file", written(shell, content))
    (tmp_path / "got").write_bytes(content[: 1 << 20])

    got = curl.status(f"{url}/file", registry.reader, "--continue-at", "-", into=tmp_path / "got")

    assert got == 206
    assert (tmp_path / "got").read_bytes() == content


def checksums(content: bytes) -> dict[str, str]:
    """The same fact in every header that people send."""
    raw = hashlib.sha256(content).digest()
    return {
        "X-Checksum-Sha256": raw.hex(),
        "Digest": f"sha-256={base64.b64encode(raw).decode()}",
        "Content-Digest": f"sha-256=:{base64.b64encode(raw).decode()}:",
    }


@pytest.mark.parametrize("header", ["X-Checksum-Sha256", "Digest", "Content-Digest"])
def test_a_checksum_that_fits_is_accepted(curl: Curl, shell: Shell, registry: Registry, url: str, header: str) -> None:
    content = noise(url, 1000)

    sent = curl.status(
        *(f"{url}/file", registry.publisher, "--upload-file", written(shell, content)),
        *("--header", f"{header}: {checksums(content)[header]}"),
    )

    assert sent == 201


@pytest.mark.parametrize("header", ["X-Checksum-Sha256", "Digest", "Content-Digest"])
def test_a_checksum_that_does_not_fit_stores_nothing(
    curl: Curl, shell: Shell, registry: Registry, url: str, header: str
) -> None:
    content = noise(url, 1000)

    sent = curl.status(
        *(f"{url}/file", registry.publisher, "--upload-file", written(shell, content)),
        *("--header", f"{header}: {checksums(content + b'.')[header]}"),
    )

    assert sent == 400
    assert curl.status(f"{url}/file", registry.reader) == 404


def test_other_bytes_under_the_same_name_are_refused(
    curl: Curl, shell: Shell, registry: Registry, url: str, tmp_path: Path
) -> None:
    curl.status(f"{url}/file", registry.publisher, "--upload-file", written(shell, b"first"))

    again = curl.status(f"{url}/file", registry.publisher, "--upload-file", written(shell, b"first"))
    other = curl.status(f"{url}/file", registry.publisher, "--upload-file", written(shell, b"second"))
    curl.status(f"{url}/file", registry.reader, into=tmp_path / "got")

    assert again in {200, 201}
    assert other == 409
    assert (tmp_path / "got").read_bytes() == b"first"


def test_a_version_lists_its_files_until_it_is_sealed_and_then_takes_no_more(
    curl: Curl, shell: Shell, registry: Registry, url: str
) -> None:
    content = {name: noise(f"{url}/{name}", 100) for name in ("LICENSE", "bin/tool")}
    for name, part in content.items():
        curl.status(f"{url}/{name}", registry.publisher, "--upload-file", written(shell, part))

    sealed = curl.status(f"{url}?seal", registry.publisher, "--request", "POST")
    late = curl.status(f"{url}/late", registry.publisher, "--upload-file", written(shell, b"too late"))

    listed = json.loads(curl.body(url, registry.reader))
    assert {file["path"]: file["digest"] for file in listed["files"]} == {
        name: digest_of(part) for name, part in content.items()
    }
    assert listed["sealed"] is True
    assert (sealed, late) == (204, 409)


def test_a_deleted_version_is_gone_and_its_name_is_never_other_bytes(
    curl: Curl, shell: Shell, registry: Registry, url: str
) -> None:
    curl.status(f"{url}/file", registry.publisher, "--upload-file", written(shell, b"first"))

    deleted = curl.status(url, registry.maintainer, "--request", "DELETE")
    gone = curl.status(f"{url}/file", registry.reader)
    other = curl.status(f"{url}/file", registry.publisher, "--upload-file", written(shell, b"second"))

    assert (deleted, gone, other) == (204, 404, 409)


def test_an_upload_over_a_line_that_is_cut_goes_on_where_it_stopped(
    curl: Curl, shell: Shell, registry: Registry, url: str, tmp_path: Path
) -> None:
    content = noise(url, 8 << 20)
    session = curl.headers(f"{url}/file?upload", registry.publisher, "--request", "POST")["location"]
    with CutLine(registry.host, after=3 << 20, direction="up") as line:
        curl.cut(
            *(session.replace(registry.host, line.host), registry.publisher),
            *("--request", "PATCH", "--upload-file", written(shell, content)),
        )
        line.wait()

    arrived = int(curl.headers(session, registry.publisher)["upload-offset"])
    rest = written(shell, content[arrived:])
    completed = curl.status(
        *(session, registry.publisher, "--upload-file", rest),
        *("--header", f"Content-Range: bytes {arrived}-{len(content) - 1}/{len(content)}"),
        *("--header", f"X-Checksum-Sha256: {hashlib.sha256(content).hexdigest()}"),
    )
    curl.status(f"{url}/file", registry.reader, into=tmp_path / "got")

    assert 0 < arrived < len(content)
    assert completed == 201
    assert (tmp_path / "got").read_bytes() == content


def test_a_token_is_accepted_as_a_bearer(curl: Curl, shell: Shell, registry: Registry, url: str) -> None:
    bearer = ("--header", f"Authorization: Bearer {registry.publisher.password}")

    sent = curl.status(f"{url}/file", None, *bearer, "--upload-file", written(shell, b"content"))

    assert sent == 201
    assert curl.status(f"{url}/file", None, *bearer) == 200


def test_wrong_missing_and_lesser_credentials_store_nothing(
    curl: Curl, shell: Shell, registry: Registry, url: str
) -> None:
    file = written(shell, b"content")

    wrong = curl.status(f"{url}/file", registry.stranger, "--upload-file", file)
    missing = curl.status(f"{url}/file", None, "--upload-file", file)
    lesser = curl.status(f"{url}/file", registry.reader, "--upload-file", file)

    assert (wrong, missing, lesser) == (401, 401, 403)
    assert curl.status(f"{url}/file", registry.publisher) == 404


def test_without_credentials_nothing_is_read(curl: Curl, shell: Shell, registry: Registry, url: str) -> None:
    curl.status(f"{url}/file", registry.publisher, "--upload-file", written(shell, b"content"))

    assert curl.status(f"{url}/file", None) == 401

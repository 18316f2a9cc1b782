from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from entrepot.operations.check import INVARIANTS
from tests.cli.installation import Installation, install
from tests.stores import chosen


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation whose server is stopped, with something in it."""
    home = tmp_path_factory.mktemp("own")
    (home / "f").write_bytes(b"x" * 100_000)
    with install(home) as running:
        running.must("namespace", "create", "acme")
        running.must("push", home / "f", "acme/tool:1.0")
    return running


def test_the_first_start_makes_the_administrators_token_once(tmp_path: Path) -> None:
    with install(tmp_path / "new") as running:
        token = running.token
        assert (running.data / "admin-token").stat().st_mode & 0o777 == 0o600
        assert running.must("whoami", "-o", "json").json["principal"] == "administrator"
        assert running.stop(signal.SIGTERM) == 0

        running.start()

        assert running.token == token
        assert (running.home / "server.log").read_text().count(token) == 1


def test_a_sound_installation_passes_every_check(own: Installation) -> None:
    checked = own.must("check", "--data", own.data)
    read = own.must("check", "--data", own.data, "--read-bytes", "-o", "json")
    scrubbed = own.must("scrub", "--data", own.data, "-o", "json")

    assert f"all {len(INVARIANTS)} invariants hold" in checked.out
    assert read.json == []
    assert scrubbed.json["bytes"] >= 100_000
    assert scrubbed.json["damaged"] == []


def test_a_lost_administrators_token_is_replaced_from_the_data_directory(own: Installation) -> None:
    made = own.must("token", "recover", "--data", own.data, "-o", "json").json["token"]

    own.start()
    told = own.must("whoami", "-o", "json", token=made).json
    own.stop()

    assert told["principal"] == "administrator"


@pytest.mark.on_disk
def test_a_missing_blob_is_a_violation(own: Installation, tmp_path: Path) -> None:
    blob = next(path for path in (own.data / "blobs").rglob("*") if path.is_file() and path.stat().st_size == 100_000)
    blob.rename(tmp_path / "away")

    done = own.run("check", "--data", own.data)
    (tmp_path / "away").rename(blob)

    assert done.code == 1
    assert "I1" in done.out
    assert "Traceback" not in done.err


def test_a_doctor_finds_a_running_server(installation: Installation) -> None:
    listen = installation.url.removeprefix("http://")
    (installation.home / "entrepot.toml").write_text(f'listen = "{listen}"\ndata = "data"\n')

    local = installation.run("doctor", "-o", "json")
    remote = installation.must("doctor", installation.url, "-o", "json")

    (installation.home / "entrepot.toml").unlink()
    # A database that is thrown away need not outlive its machine, and the doctor is right to mind.
    found = [each["finding"] for each in local.json if each["verdict"] != "ok"]
    expected = ["fsync = off", "full_page_writes = off"] if chosen()[0] == "postgresql" else []
    assert (local.code, found) == (bool(expected), expected), local.out
    assert "is ready at" in next(each["finding"] for each in local.json if each["subject"] == "server")
    assert {each["verdict"] for each in remote.json} == {"ok"}


def test_a_second_server_at_one_port_says_what_is_wrong(installation: Installation, tmp_path: Path) -> None:
    listen = installation.url.removeprefix("http://")

    done = installation.run("serve", "--listen", listen, "--data", tmp_path / "other")

    assert done.code == 1
    assert len(done.err.splitlines()) <= 2
    assert "another program listens there" in done.err


def test_settings_are_checked_and_described(own: Installation, tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text("workers = 3\n")
    (tmp_path / "bad.toml").write_text("wrokers = 3\n")

    good = own.must("config", "check", "--config", tmp_path / "good.toml", "-o", "json").json
    table = own.must("config", "check", "--config", tmp_path / "good.toml").out
    bad = own.run("config", "check", "--config", tmp_path / "bad.toml")
    schema = json.loads(own.must("config", "schema").out)

    assert good["workers"] == 3
    assert "ENTREPOT_WORKERS" in table
    assert bad.code == 2
    assert "wrokers" in bad.err
    assert "workers" in json.dumps(schema)


def test_every_route_is_listed_as_people_write_it(own: Installation) -> None:
    rows = own.must("routes", "-o", "json").json

    paths = {(row["method"], row["path"]) for row in rows}
    assert ("PUT", "/files/<view>/<package>/<version>/<path>") in paths
    assert ("GET", "/v2/<name>/manifests/<reference>") in paths
    assert ("GET", "/readyz") in paths
    assert not [path for _, path in paths if set(path) & set("()[]^$\\?*+|")]


def test_a_certificate_of_ones_own_is_trusted_once_it_is_named(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, and without it there is no certificate to test TLS with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made: list[str | Path] = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
    ]
    made += ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True)
    running = Installation(tmp_path)
    try:
        running.start(ENTREPOT_TLS_CERTIFICATE=str(certificate), ENTREPOT_TLS_PRIVATE_KEY=str(key))

        unknown = running.run("whoami")
        known = running.must("whoami", "-o", "json", variables={"SSL_CERT_FILE": str(certificate)})
    finally:
        running.stop()

    assert running.url.startswith("https://")
    assert unknown.code == 1
    assert "cannot be trusted" in unknown.err
    assert "SSL_CERT_FILE" in unknown.err
    assert known.json["principal"] == "administrator"

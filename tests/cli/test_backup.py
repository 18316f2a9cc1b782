"""An installation that is backed up while it serves, destroyed, and there again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.model.digest import Digest
from entrepot.trust.signing import LocalKey
from tests.cli.installation import Installation, install
from tests.faults.patience import eventually
from tests.stores import destroy, variables_of

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Installation]:
    """An installation that serves, with something in it, and a client that has verified its log."""
    with install(tmp_path, ENTREPOT_LOG_ORIGIN="registry.example.com/log", ENTREPOT_LOG_READERS="hashes") as running:
        (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
        (tmp_path / "app.bin").write_bytes(b"x" * 100_000)
        running.must("namespace", "create", "acme")
        running.must("push", "app.bin", "acme/tool:1.0")
        # The log is signed a moment after what it is about.
        eventually(lambda: running.run("log", "verify").code == 0)
        yield running


def test_what_was_backed_up_and_destroyed_is_there_again(serving: Installation) -> None:
    made = serving.must(
        "backup", "backups", "--data", serving.data, "--passphrase-file", "passphrase", "-o", "json"
    ).json
    token, inspected = serving.token, serving.must("inspect", "acme/tool:1.0", "-o", "json").json
    serving.stop(signal.SIGKILL)
    destroy(serving.data)

    serving.must("backup", "verify", "backups")
    serving.must("recover", "backups", "--data", serving.data, "--passphrase-file", "passphrase")
    (serving.data / "admin-token").write_text(token)
    serving.start(ENTREPOT_LOG_ORIGIN="registry.example.com/log", ENTREPOT_LOG_READERS="hashes")
    serving.must("pull", "acme/tool:1.0", "--into", "again")

    assert (serving.home / "again" / "app.bin").read_bytes() == b"x" * 100_000
    assert serving.must("inspect", "acme/tool:1.0", "-o", "json").json == inspected
    assert "goes on from" in serving.must("log", "verify").out
    assert "invariants hold" in serving.must("check", "--data", serving.data, "--read-bytes").out
    types = [each["type"] for each in serving.must("journal", "-o", "json").json]
    assert "dev.entrepot.registry.recovered.v1" in types
    assert made["new_blobs"] == made["backup"]["blobs"] == 1


def test_a_drill_makes_a_server_of_a_backup_and_looks_at_it(serving: Installation) -> None:
    serving.must("backup", "backups", "--data", serving.data, "--passphrase-file", "passphrase")

    whole = serving.must(
        *("backup", "verify", "backups", "--boot", "--scratch", serving.home, "--passphrase-file", "passphrase"),
        *("-o", "json"),
    ).json
    without_keys = serving.must("backup", "verify", "backups", "--boot").out
    blob = next(
        path
        for path in (serving.home / "backups" / "blobs").rglob("*")
        if path.is_file() and path.stat().st_size == 100_000
    )
    blob.write_bytes(b"y" * 100_000)
    damaged = serving.run("backup", "verify", "backups", "--boot", "-o", "json")

    assert whole["problems"] == []
    assert whole["entries"] > 0
    assert whole["proofs"] == whole["blobs"] > 0
    assert whole["recovery_seconds"] > 0
    assert "recovery time: " in without_keys
    assert damaged.code == 1
    assert f"{Digest.of(b'x' * 100_000)}: lost" in damaged.json["problems"]
    assert list(serving.home.glob("entrepot-scratch-*")) == []


def test_commands_say_in_a_line_what_is_wrong(serving: Installation, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.pub").write_text(LocalKey.generate().public_key.pem)
    serving.must("backup", "backups", "--data", serving.data)
    serving.must("backup", "backups", "--data", serving.data)

    listed = serving.must("backup", "list", "backups", "-o", "json").json
    positions = [each["position"] for each in listed]
    for expected, command in {
        "no folder of backups": ("backup", "list", "empty"),
        "such as": ("recover", "backups", "--at", "9999", "--data", "new"),
        "must be empty": ("recover", "backups", "--data", str(serving.data)),
        "those that it was signed with": ("recover", "backups", "--data", "new"),
        "signature": ("backup", "verify", "backups", "--key", "other.pub"),
    }.items():
        done = serving.run(*command, variables=variables_of(tmp_path / "new") if "new" in command else {})
        assert (done.code, expected in done.err) == (1, True), (command, done)
        assert "Traceback" not in done.err

    assert positions == sorted(positions)
    assert len(positions) == 2

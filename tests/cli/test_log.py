"""The log as whoever distrusts the registry has it: commands, two servers, and what is kept from one time to the next."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.installation import Installation, install
from tests.faults.patience import eventually
from tests.stores import variables_of

ORIGIN = "registry.example.com/log"


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A server of its own: what is kept of a log is kept of all of it."""
    with install(tmp_path_factory.mktemp("logged"), ENTREPOT_LOG_ORIGIN=ORIGIN) as running:
        running.must("namespace", "create", "beta")
        # The log is signed a moment after what it is about.
        eventually(lambda: running.run("log", "verify").code == 0)
        yield running


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Somebody who has seen nothing yet."""
    return {"HOME": str(tmp_path)}


def verified(logged: Installation, home: dict[str, str], *words: str) -> dict[str, object]:
    found: dict[str, object] = logged.must("log", "verify", *words, "-o", "json", variables=home).json
    return found


def test_the_log_is_verified_and_held_to_what_was_seen(logged: Installation, home: dict[str, str]) -> None:
    first = logged.must("log", "verify", variables=home)
    before = verified(logged, home)
    logged.must("namespace", "create", "held")
    position = json.loads(logged.must("journal", "-o", "json").out)[-1]["position"]
    _until_logged(logged, position)
    later = logged.must("log", "verify", variables=home)

    assert "these keys are kept" in first.err
    assert str(before["origin"]) == ORIGIN
    assert f"goes on from the {before['size']} that were verified before" in later.out
    assert Path(home["HOME"], ".config", "entrepot", "logs.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("wrong", ["the root", "more entries", "another key"])
def test_a_log_that_does_not_go_on_from_what_was_seen_is_refused(
    logged: Installation, home: dict[str, str], wrong: str
) -> None:
    verified(logged, home)
    path = Path(home["HOME"], ".config", "entrepot", "logs.json")
    content = json.loads(path.read_text())
    pin = content[ORIGIN]
    size = pin["size"]
    match wrong:
        case "the root":
            pin["checkpoint"] = pin["checkpoint"].replace(pin["root"], "A" * 43 + "=")
        case "more entries":
            pin["size"] = size + 1_000
        case "another key":
            pin["keys"] = ["registry.example.com/log+07e21b26+AQoVb3+KcUWhTMBTA8Zm0zl9x9BvOxSyl5gO1WjHyVq5"]
    path.write_text(json.dumps(content))

    refused = logged.run("log", "verify", variables=home)

    assert refused.code == 1
    assert "error:" in refused.err
    assert json.loads(path.read_text()) == content  # what was seen is not forgotten for what is shown now


def test_a_damaged_store_is_not_taken_for_an_empty_one(logged: Installation, home: dict[str, str]) -> None:
    verified(logged, home)
    Path(home["HOME"], ".config", "entrepot", "logs.json").write_text("{")

    assert logged.run("log", "verify", variables=home).code == 1


def test_a_proof_is_verified_without_the_registry(logged: Installation, home: dict[str, str], tmp_path: Path) -> None:
    keys = verified(logged, home)["keys"]
    assert isinstance(keys, list)
    logged.must("log", "prove", "2", "--file", tmp_path / "proof", variables=home)
    nowhere = {**home, "ENTREPOT_URL": "http://127.0.0.1:9", "ENTREPOT_TOKEN": ""}
    stranger = {**nowhere, "HOME": str(tmp_path / "stranger")}

    kept = logged.must("log", "verify", tmp_path / "proof", variables=nowhere)
    given = logged.must("log", "verify", tmp_path / "proof", "--key", keys[0], "-o", "json", variables=stranger).json
    unknown = logged.run("log", "verify", tmp_path / "proof", variables=stranger)
    content = (tmp_path / "proof").read_text()
    (tmp_path / "proof").write_text(content.replace("index 1", "index 0"))
    forged = logged.run("log", "verify", tmp_path / "proof", variables=nowhere)

    assert '"position": 2' in kept.out
    assert given["entry"]["position"] == given["position"] == 2
    assert unknown.code == 1
    assert "no key of registry.example.com/log is known" in unknown.err
    assert forged.code == 1


def test_a_second_registry_is_a_witness(logged: Installation, home: dict[str, str], tmp_path: Path) -> None:
    keys = verified(logged, home)["keys"]
    assert isinstance(keys, list)
    with install(tmp_path / "second", ENTREPOT_LOG_WITNESSED=keys[0]) as second:
        _until_logged(second, 1)
        witness = _ask(second, "/api/v1/log")["witness"]
        words = ("log", "witness", f"{second.url}/log", "--key", witness)
        first = logged.must(*words, "--file", tmp_path / "cosigned", "-o", "json", variables=home).json
        logged.must("namespace", "create", "witnessed")
        again = logged.must(*words, "-o", "json", variables=home).json
        stranger = logged.run("log", "witness", f"{logged.url}/log", "--key", witness, variables=home)

    assert first["from"] == 0
    assert again["from"] == first["size"]
    assert (tmp_path / "cosigned").read_text().count("\u2014 ") == 3
    assert stranger.code == 1
    assert "404" in stranger.err  # it does not witness itself


@pytest.mark.on_disk
def test_check_sees_a_row_that_was_edited(tmp_path: Path) -> None:
    with install(tmp_path / "edited", ENTREPOT_LOG_ORIGIN=ORIGIN) as running:
        running.must("namespace", "create", "beta")
        _until_logged(running, 2)
    connection = sqlite3.connect(running.data / "catalog.sqlite", isolation_level=None)
    good = running.run("check", "--data", running.data)
    connection.execute("DROP TRIGGER event_is_never_changed")
    connection.execute("UPDATE event SET actor = 'nobody' WHERE position = 1")
    connection.close()

    bad = running.run("check", "--data", running.data)

    assert good.code == 0
    assert bad.code == 1
    assert "I12" in bad.out


def test_a_recovery_to_before_what_was_seen_is_named(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("long and secret enough")
    kept = ("--passphrase-file", tmp_path / "passphrase")
    with install(tmp_path / "old", ENTREPOT_LOG_ORIGIN=ORIGIN) as old:
        old.must("backup", tmp_path / "backups", "--data", old.data, *kept)
        old.must("namespace", "create", "beta")
        old.must("namespace", "create", "zeta")
        position = json.loads(old.must("journal", "-o", "json").out)[-1]["position"]
        _until_logged(old, position)
        seen = verified(old, home)
    backup = json.loads(old.must("backup", "list", tmp_path / "backups", "-o", "json").out)[0]["position"]
    data = tmp_path / "new" / "data"
    old.must("recover", tmp_path / "backups", "--data", data, *kept, variables=variables_of(data))
    (data / "admin-token").write_text(old.token)
    with install(tmp_path / "new", ENTREPOT_LOG_ORIGIN=ORIGIN) as new:
        _until_logged(new, backup + 1)
        refused = new.run("log", "verify", variables=home)

    assert refused.code == 1
    assert f"was seen with {seen['size']} entries, and says that it was recovered" in refused.err
    assert f"goes on from position {backup}" in refused.err


def _until_logged(running: Installation, position: int) -> None:
    for _ in range(100):
        found = running.run("log", "prove", str(position), "--file", running.home / "proof")
        if found.code == 0:
            return
    raise AssertionError(found.err)


def _ask(running: Installation, path: str) -> dict[str, str]:

    answer = httpx.get(f"{running.url}{path}", headers={"authorization": f"Bearer {running.token}"})
    found: dict[str, str] = answer.raise_for_status().json()
    return found

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import psycopg
import pytest

from entrepot import __version__
from entrepot.app.parts import open_registry
from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.model.errors import StorageReadOnly
from entrepot.settings import Settings
from tests.unit.cli.conftest import Run
from tests.unit.client.loopback import Asked, Say, Script, loopback


def _found(run: Run, *words: str, **options: object) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and the worst finding about each subject."""
    done = run("doctor", *words, "--output", "json", **options)
    worst: dict[str, dict[str, str]] = {}
    for finding in json.loads(done.stdout):
        known = worst.get(finding["subject"])
        if known is None or known["verdict"] == "ok":
            worst[finding["subject"]] = finding
    return done.exit_code, worst


@pytest.fixture
def data(home: Path, run: Run) -> Path:
    """A data directory with an installation in it."""

    async def make() -> None:
        async with open_registry(Settings(data=str(home / "data"))):
            pass

    asyncio.run(make())
    return home / "data"


def test_a_sound_installation_has_no_problem(run: Run, data: Path) -> None:
    code, found = _found(run)

    assert code == 0
    assert found["catalog"]["verdict"] == "ok"
    assert found["blob store"]["verdict"] == "ok"
    assert "problem" not in {each["verdict"] for each in found.values()}


def test_settings_that_are_not_valid_are_the_only_finding(run: Run, home: Path) -> None:
    (home / "entrepot.toml").write_text("workers = 0\n")

    code, found = _found(run)

    assert code == 1
    assert list(found) == ["settings"]
    assert "workers" in found["settings"]["finding"]


def test_a_token_that_others_can_read_is_a_problem(run: Run, data: Path) -> None:
    (data / "admin-token").write_text("secret")
    (data / "admin-token").chmod(0o644)

    code, found = _found(run)

    assert code == 1
    assert found["administrator token"]["verdict"] == "problem"
    assert "chmod 600" in found["administrator token"]["advice"]


def test_a_data_directory_that_others_can_look_into_is_warned_of(run: Run, data: Path) -> None:
    data.chmod(0o755)

    code, found = _found(run)

    assert code == 0
    assert found["data directory"]["verdict"] == "warning"


def test_looking_at_an_installation_that_is_not_there_does_not_make_one(run: Run, home: Path) -> None:
    code, found = _found(run, "--data", str(home / "missing"))

    assert code == 0
    assert found["data directory"]["verdict"] == "warning"
    assert not (home / "missing").exists()


def test_a_damaged_catalog_is_a_problem(run: Run, data: Path) -> None:
    with (data / "catalog.sqlite").open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(40_000))

    code, found = _found(run)

    assert code == 1
    assert found["catalog"]["verdict"] == "problem"


def test_a_catalog_of_a_newer_program_is_a_problem(run: Run, data: Path) -> None:
    with closing(sqlite3.connect(data / "catalog.sqlite")) as database:
        database.execute("PRAGMA user_version = 999")

    code, found = _found(run)

    assert code == 1
    assert "999" in found["catalog"]["finding"]


def test_a_blob_store_that_takes_nothing_is_a_problem(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def probe(_: FileBlobStore) -> None:
        raise StorageReadOnly(data)

    # Nothing keeps root from writing, so the driver says here what it says of a read-only disk.
    monkeypatch.setattr(FileBlobStore, "probe", probe)

    code, found = _found(run)

    assert code == 1
    assert found["blob store"]["verdict"] == "problem"


def test_listening_to_the_world_without_saying_how_one_is_called_is_warned_of(run: Run, home: Path) -> None:
    (home / "entrepot.toml").write_text('listen = "0.0.0.0:0"\n')

    _, found = _found(run)

    assert found["public URL"]["verdict"] == "warning"
    assert found["encryption"]["verdict"] == "warning"


def test_few_open_files_are_warned_of(run: Run, home: Path) -> None:
    (home / "entrepot.toml").write_text("connections = 100000000\n")

    _, found = _found(run)

    assert found["open files"]["verdict"] == "warning"


def test_something_else_at_our_port_is_a_problem(run: Run, home: Path) -> None:
    with loopback(lambda _: Say(404)) as other:
        (home / "entrepot.toml").write_text(f'listen = "127.0.0.1:{other.url.rpartition(":")[2]}"\n')
        code, found = _found(run)

    assert code == 1
    assert "something listens" in found["server"]["finding"]


def test_a_login_that_others_can_read_is_a_problem(run: Run, home: Path) -> None:
    with loopback(_registry()) as server:
        run("login", server.url, "--token", "good")
        (home / ".config" / "entrepot" / "credentials.json").chmod(0o644)
        code, found = _found(run)

    assert code == 1
    assert found["login"]["verdict"] == "problem"


def test_a_login_that_is_over_is_a_problem(run: Run, home: Path) -> None:
    with loopback(_registry()) as server:
        run("login", server.url, "--token", "good")
        store = home / ".config" / "entrepot" / "credentials.json"
        store.write_text(store.read_text().replace("good", "old"))
        code, found = _found(run)

    assert code == 1
    assert found["credentials"]["verdict"] == "problem"


# --- a registry somewhere ---


def _registry(date: datetime | None = None, version: str = __version__, ready: int = 200) -> Script:
    def script(asked: Asked) -> Say:
        if asked.path == "/readyz":
            return Say(ready)
        if asked.path == "/api/v1/status":
            return Say.json({"version": version, "formats": ["oci"], "storage": None})
        if asked.path == "/api/v1/whoami":
            return _whoami(asked)
        return Say(200, headers={} if date is None else {"Date": format_datetime(date, usegmt=True)})

    return script


def _whoami(asked: Asked) -> Say:
    match asked.headers.get("authorization"):
        case None:
            return Say.json({"principal": None, "kind": None, "token_id": None, "expires_at": None, "allowances": []})
        case "Bearer good":
            return Say.json({"principal": "bob", "kind": "user", "token_id": "1", "allowances": []})
    return Say.problem(401, "unauthenticated", "no")


def test_a_sound_registry_has_no_problem(run: Run) -> None:
    with loopback(_registry()) as server:
        code, found = _found(run, server.url, url=server.url, token="good")

    assert code == 0
    assert {each["verdict"] for each in found.values()} == {"ok"}
    assert found["credentials"]["finding"] == "bob"


def test_a_registry_that_is_not_there_is_a_problem(run: Run) -> None:
    with loopback(_registry()) as server:
        url = server.url

    code, found = _found(run, url)

    assert code == 1
    assert list(found) == ["reachable"]


def test_credentials_that_do_not_work_are_a_problem(run: Run) -> None:
    with loopback(_registry()) as server:
        code, found = _found(run, server.url, url=server.url, token="bad")

    assert code == 1
    assert "entrepot login" in found["credentials"]["advice"]


def test_no_credentials_are_warned_of(run: Run) -> None:
    with loopback(_registry()) as server:
        code, found = _found(run, server.url)

    assert code == 0
    assert found["credentials"]["verdict"] == "warning"


def test_a_registry_that_is_not_ready_is_a_problem(run: Run) -> None:
    with loopback(_registry(ready=503)) as server:
        code, found = _found(run, server.url)

    assert code == 1
    assert found["ready"]["verdict"] == "problem"


def test_a_much_older_registry_is_warned_of(run: Run) -> None:
    with loopback(_registry(version="99.0.0")) as server:
        _, found = _found(run, server.url)

    assert found["version"]["verdict"] == "warning"


def test_a_registry_behind_a_web_server_that_knows_nothing_of_it_is_a_problem(run: Run) -> None:
    with loopback(lambda _: Say(200, b"<html>Welcome</html>")) as server:
        code, found = _found(run, server.url)

    assert code == 1
    assert found["version"]["verdict"] == "problem"


@pytest.mark.parametrize(("minutes", "said"), [(5, "ahead"), (-5, "behind")])
def test_two_clocks_that_differ_are_a_problem(run: Run, minutes: int, said: str) -> None:
    with loopback(_registry(date=datetime.now(UTC) + timedelta(minutes=minutes))) as server:
        code, found = _found(run, server.url)

    assert code == 1
    assert said in found["clock"]["finding"]


# --- over a database of many nodes ---


def test_a_database_is_asked_what_it_is_and_what_it_may_lose(
    run: Run, home: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of the tests does not wait for the disk, which would be a mistake anywhere else."""
    monkeypatch.setenv("ENTREPOT_DATABASE", database)

    code, found = _found(run, "--data", str(home / "node"))

    assert code == 1
    assert found["database"]["verdict"] == "problem"
    assert found["database"]["finding"] in ("fsync = off", "full_page_writes = off")
    assert found["catalog"]["verdict"] == "ok"
    assert found["blob store"]["verdict"] == "ok"


def test_a_database_that_cannot_be_reached_is_a_problem(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREPOT_DATABASE", f"postgresql://entrepot@/catalog?host={home}")

    code, found = _found(run, "--data", str(home / "node"))

    assert code == 1
    assert found["database"]["verdict"] == "problem"
    assert "catalog" not in found
    assert not (home / "node").exists()


def test_a_schema_of_the_version_before_is_to_be_migrated_first(
    run: Run, home: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENTREPOT_DATABASE", database)
    with closing(psycopg.connect(database, autocommit=True)) as connection:
        connection.execute("UPDATE schema_version SET version = version - 1")
        try:
            _, found = _found(run, "--data", str(home / "node"))
        finally:
            connection.execute("UPDATE schema_version SET version = version + 1")

    assert found["catalog"]["verdict"] == "warning"
    assert "migrate apply" in found["catalog"]["advice"]
    assert "blob store" not in found

"""The log's private keys are made once, stay the same, and are read by nobody else."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entrepot.drivers.log_keys import LogKeys, load_log_keys
from entrepot.model.errors import Corrupt


def public(keys: LogKeys) -> list[bytes]:
    return [key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in keys]


def test_keys_are_made_when_there_are_none_and_stay(tmp_path: Path) -> None:
    made = load_log_keys(tmp_path / "keys.pem")
    again = load_log_keys(tmp_path / "keys.pem")
    other = load_log_keys(tmp_path / "other.pem")

    assert public(made) == public(again)
    assert not set(public(made)) & set(public(other))
    assert len(set(public(made))) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys.pem", "other.pem"]


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    load_log_keys(tmp_path / "keys.pem")

    assert (tmp_path / "keys.pem").stat().st_mode & 0o777 == 0o600


def test_who_makes_them_at_once_gets_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        # Each with a name of its own for what it has not finished, as processes have.
        found = list(threads.map(lambda _: _made_by_another_process(tmp_path / "keys.pem"), range(8)))

    assert len(set(found)) == 1


def _made_by_another_process(path: Path) -> str:
    code = (
        "import sys; from pathlib import Path; from entrepot.drivers.log_keys import load_log_keys;"
        "print(load_log_keys(Path(sys.argv[1]))[0].public_key().public_bytes_raw().hex())"
    )
    return subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("spoil", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" * 3])
def test_keys_that_cannot_be_read_are_never_replaced(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "keys.pem"
    path.write_text(spoil)

    with pytest.raises(Corrupt):
        load_log_keys(path)
    assert path.read_text() == spoil


def test_keys_in_another_order_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    load_log_keys(path)
    first, second, third = path.read_text().split("-----END PRIVATE KEY-----\n")[:3]
    end = "-----END PRIVATE KEY-----\n"
    path.write_text(f"{second}{end}{first}{end}{third}{end}")

    with pytest.raises(Corrupt):
        load_log_keys(path)

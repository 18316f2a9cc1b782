"""Keys behind an address; those in hardware are in ``tests/clients/test_key_stores.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.drivers.key_store import StoredKey
from entrepot.model.errors import InvalidKey
from entrepot.trust.signing import LocalKey


def store(folder: Path, key: LocalKey) -> str:
    """The address of a store that has the key."""
    path = folder / "key.pem"
    path.write_bytes(key.to_pem())
    return f"file2:{path}"


def test_a_key_in_a_store_signs_as_one_in_a_file(tmp_path: Path) -> None:
    key = LocalKey.generate()

    stored = StoredKey.open(store(tmp_path, key), key.public_key)

    assert key.public_key.verify(stored.sign(b"message"), b"message")


def test_a_store_with_another_key_is_found_out(tmp_path: Path) -> None:
    address = store(tmp_path, LocalKey.generate())

    with pytest.raises(InvalidKey):
        StoredKey.open(address, LocalKey.generate().public_key)


@pytest.mark.parametrize(
    "address", ["nothing", "unknown:x", "file2:/nowhere", "awskms:x", "hv:x", "gcpkms:x", "hsm:1", "hsm:one"]
)
def test_an_address_that_leads_nowhere_is_an_error(address: str) -> None:
    with pytest.raises(InvalidKey):
        StoredKey.open(address, LocalKey.generate().public_key)


def test_a_hardware_module_needs_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYKCS11LIB", raising=False)

    with pytest.raises(InvalidKey, match="PYKCS11LIB"):
        StoredKey.open("hsm:1", LocalKey.generate().public_key, lambda: "1234")

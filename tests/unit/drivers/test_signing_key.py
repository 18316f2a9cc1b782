from __future__ import annotations

import stat
from pathlib import Path

import pytest

from entrepot.drivers.signing_key import open_signing_key
from entrepot.model.errors import InvalidKey
from entrepot.trust.signing import LocalKey


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "signing-key.pem"

    first = open_signing_key("", default=path, public_key=None)

    assert open_signing_key("", default=path, public_key=None).public_key == first.public_key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.public_key.verify(first.sign(b"hello"), b"hello")
    assert [each.name for each in tmp_path.iterdir()] == ["signing-key.pem"]


def test_a_key_of_the_operators_is_read_from_its_file(tmp_path: Path) -> None:
    key = LocalKey.generate()
    (tmp_path / "mine.pem").write_bytes(key.to_pem())

    found = open_signing_key(f"file:{tmp_path}/mine.pem", default=tmp_path / "default", public_key=None)

    assert found.public_key == key.public_key
    assert not (tmp_path / "default").exists()


def test_a_broken_key_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "signing-key.pem"
    path.write_bytes(b"damaged")

    with pytest.raises(InvalidKey):
        open_signing_key("", default=path, public_key=None)

    assert path.read_bytes() == b"damaged"


def test_a_key_store_is_asked_for_with_its_public_key(tmp_path: Path) -> None:
    with pytest.raises(InvalidKey, match="public key"):
        open_signing_key("awskms:arn", default=tmp_path / "default", public_key=None)


def test_a_file_that_is_not_there_is_said_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidKey, match="nothing"):
        open_signing_key(f"file:{tmp_path}/nothing", default=tmp_path / "default", public_key=None)

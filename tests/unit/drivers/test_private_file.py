"""Files that only their owner may read, made once."""

from __future__ import annotations

import stat
from pathlib import Path

from entrepot.drivers.private_file import make_private_file


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    make_private_file(tmp_path / "key", b"secret")

    assert (tmp_path / "key").read_bytes() == b"secret"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_what_is_there_stays_and_nothing_else_is_left(tmp_path: Path) -> None:
    make_private_file(tmp_path / "key", b"first")

    make_private_file(tmp_path / "key", b"second")

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"key": b"first"}

"""What a spool promises to those who read it at the same time."""

from __future__ import annotations

import os
from pathlib import Path

from entrepot.drivers.blobs.spool import Spool


def test_each_who_reads_a_spool_has_a_place_of_their_own_in_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(b"hello, world")

    with spool.open() as first, spool.open() as second:
        assert first.read(5) == b"hello"
        assert second.read(12) == b"hello, world"
        assert first.read(7) == b", world"


def test_who_sends_a_spool_once_more_reads_it_from_the_beginning_and_knows_its_size(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(b"hello, world")

    with spool.open() as file:
        assert file.seek(0, os.SEEK_END) == 12
        assert file.seek(-5, os.SEEK_CUR) == 7
        assert file.read() == b"world"
        assert file.seek(0) == file.tell() == 0
        assert file.read() == b"hello, world"


def test_a_spool_is_read_to_the_end_by_who_opened_it_before_it_was_let_go(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(b"hello")

    with spool.open() as file:
        del spool
        assert file.read(5) == b"hello"

    assert list(tmp_path.iterdir()) == []

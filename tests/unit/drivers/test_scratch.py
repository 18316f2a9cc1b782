"""Folders that do not outlive their processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from entrepot.drivers.scratch import scratch_folder

_HOLD = """
import sys, time
from pathlib import Path
from entrepot.drivers.scratch import scratch_folder
with scratch_folder("drill", inside=Path(sys.argv[1])) as folder:
    (folder / "within").mkdir()
    (folder / "within" / "bytes").write_bytes(bytes(1000))
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_its_owner_s_alone_and_gone_at_the_end(tmp_path: Path) -> None:
    with scratch_folder("drill", inside=tmp_path) as folder:
        (folder / "one").write_bytes(b"1")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert list(tmp_path.iterdir()) == [folder]

    assert list(tmp_path.iterdir()) == []


def test_a_folder_goes_with_what_fails_in_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="failed"), scratch_folder("drill", inside=tmp_path):
        raise ValueError("failed")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("killed", [True, False])
def test_what_a_killed_process_left_goes_with_the_next_and_what_a_living_one_has_stays(
    tmp_path: Path, killed: bool
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        other = Path(process.stdout.readline().rstrip())
        assert other.is_dir()
        if killed:
            process.kill()
            process.wait()
        with scratch_folder("metrics", inside=tmp_path):
            assert other.is_dir()  # Another kind is none of its business.
        with scratch_folder("drill", inside=tmp_path):
            assert other.exists() is not killed
        assert process.poll() is not None if killed else process.poll() is None


def test_what_is_not_a_folder_of_ours_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "entrepot-scratch-drill-link").symlink_to(precious)
    (tmp_path / "entrepot-scratch-drill-file").write_bytes(b"1")
    (tmp_path / "entrepot-scratch-drill-theirs").mkdir()
    before = set(tmp_path.iterdir())
    theirs = os.geteuid() + 1

    monkeypatch.setattr(os, "geteuid", lambda: theirs)
    with scratch_folder("drill", inside=tmp_path):
        pass

    assert set(tmp_path.iterdir()) == before

"""Folders for what a process needs while it runs; where it is killed, the next of the kind removes what it left."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX: Final = "entrepot-scratch-"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def scratch_folder(kind: str, *, inside: Path | None = None) -> Iterator[Path]:
    """A new folder that its owner alone may read, with *kind* in its name, until the end.

    It is locked for as long, and the kernel lets go of the locks of who is killed: so before it is made, folders of the
    kind that nobody holds are removed. It is below *inside*, or where temporary files are. Raises `OSError`.
    """
    place = Path(tempfile.gettempdir()) if inside is None else inside
    _remove_left(place, f"{_PREFIX}{kind}-")
    # It has no such name before it is locked.
    new = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}{kind}-", dir=place))
    folder = place / new.name.removeprefix(".")
    descriptor = os.open(new, _FOLDER)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        new.rename(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
    finally:
        os.close(descriptor)


def _remove_left(place: Path, prefix: str) -> None:
    for left in place.glob(f"{prefix}*"):
        try:
            descriptor = os.open(left, _FOLDER)
        except OSError:
            continue  # Somebody else's, or gone.
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            pass  # Its process lives.
        finally:
            os.close(descriptor)

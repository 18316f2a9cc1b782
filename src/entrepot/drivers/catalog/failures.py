"""What a failure of the database means, in the registry's words: the one place that meets the foreign library's."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from entrepot.model.errors import Corrupt, StorageFull, StorageReadOnly, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def translated() -> Iterator[None]:
    """Say a failure of the database in our words. Raises `StorageFull`, `StorageReadOnly`, `Unavailable`, `Corrupt`."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        raise_in_our_words(error)


def raise_in_our_words(error: sqlite3.DatabaseError | OSError) -> NoReturn:
    """Say one failure as `translated` does; what is no failure of the database or of the epochs' file stays as it is."""
    if isinstance(error, OSError):
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                raise StorageFull("epochs") from error
            case errno.EROFS:
                raise StorageReadOnly("epochs") from error
        raise Unavailable("epochs") from error
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:
        raise StorageFull("catalog") from error  # so it says that there is no room for its index of the log
    match code & 0xFF:
        case sqlite3.SQLITE_FULL:
            raise StorageFull("catalog") from error
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN:
            raise StorageReadOnly("catalog") from error
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_IOERR:
            raise Unavailable("catalog") from error
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            raise Corrupt("catalog") from error
    raise error

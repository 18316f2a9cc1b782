"""What the local file system refuses, in our words."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from entrepot.model.errors import StorageFull, StorageReadOnly, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def translated_disk_errors() -> Iterator[None]:
    """Say a failure of the file system in our words."""
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
                raise StorageFull("blob store") from error
            case errno.EROFS:
                raise StorageReadOnly("blob store") from error
            case errno.EIO | errno.EMFILE | errno.ENFILE | errno.ENOMEM:
                raise Unavailable("blob store") from error
        raise

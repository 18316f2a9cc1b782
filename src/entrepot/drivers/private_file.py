"""A file that only its owner may read, made once: whole or not at all, and never in the place of another."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def make_private_file(path: Path, content: bytes) -> None:
    """Put *content* there durably, unless something is there already, perhaps from another process meanwhile."""
    # Readable by its owner alone from the first byte on.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        new = Path(file.name)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link, unlike a rename, does not replace what is there.
        os.link(new, path)
    except FileExistsError:
        return
    finally:
        new.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)

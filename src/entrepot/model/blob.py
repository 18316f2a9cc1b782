"""Where some bytes stand in their life."""

from __future__ import annotations

from enum import StrEnum


class BlobState(StrEnum):
    """Where some bytes stand in their life."""

    ABSENT = "absent"
    """Named by a link or a subject, never seen (or gone)."""
    PRESENT = "present"
    DAMAGED = "damaged"
    """Not what they were: not served, and mended by whoever pushes them again."""
    CONDEMNED = "condemned"
    """Unreachable, and about to go; a writer that brings them again revives them."""

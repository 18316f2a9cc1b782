"""A place in the journal."""

from __future__ import annotations

from typing import Final, NewType

Position = NewType("Position", int)
"""Positions start at 1 and have no gaps; the revision of something is the position of the last event that touched it."""

START: Final = Position(0)
"""Before the first event."""

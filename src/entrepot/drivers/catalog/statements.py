"""SQL by name, from the ``.sql`` files of ``queries/``: ``-- name --`` begins a statement."""

from __future__ import annotations

import re
from importlib.resources import files
from types import SimpleNamespace
from typing import Final

_HEADING: Final = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def load(name: str) -> SimpleNamespace:
    """The statements of ``queries/<name>.sql``, an attribute each."""
    text = files(__package__).joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
    _, *parts = _HEADING.split(text)
    statements = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
    return SimpleNamespace(**statements)

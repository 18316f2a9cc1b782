"""SQL by name, from the ``.sql`` files of ``queries/``: ``-- name --`` begins a statement.

A statement is written once, in words that SQLite and PostgreSQL both know; the few that only SQLite knows are put into
PostgreSQL's here. Where that is not enough a second body follows: ``-- name [postgresql] --``. What several statements
have in common is a part, ``-- name [part] --``, which stands as ``{name}`` in those that follow.
"""

from __future__ import annotations

import re
from importlib.resources import files
from types import SimpleNamespace
from typing import Final, Self

_HEADING: Final = re.compile(r"^-- (\w+)(?: \[(postgresql|part)\])? --$", re.MULTILINE)
_PART: Final = re.compile(r"\{(\w+)\}")
_COMMENT: Final = re.compile(r"^--.*\n?", re.MULTILINE)
_WORDS: Final = (
    (re.compile(r"%"), "%%"),
    # SQLite's CROSS JOIN says in which order tables are looked into; PostgreSQL, which has statistics, finds one.
    (re.compile(r"\bCROSS JOIN (?=(?:\w+|json_each\(\S+\))(?: \w+)?\s+(?:ON|USING)\b)"), "JOIN "),
    # A parameter has no type by being NULL or not.
    (re.compile(r"(?<![:\w]):(\w+)(?= IS (?:NOT )?NULL)"), r"CAST(:\1 AS TEXT)"),
    (re.compile(r"\bIS (?=:\w)"), "IS NOT DISTINCT FROM "),
    (re.compile(r"\binstr\("), "strpos("),
    (re.compile(r"\bjson_array\("), "json_build_array("),
    (re.compile(r"(?<![:\w]):(\w+)"), r"%(\1)s"),
)
"""What PostgreSQL, or its driver, says otherwise. ``json_each``, the aggregates of JSON and ``->>`` of texts are functions of our schema."""


class Statement(str):
    """SQL as SQLite reads it, which is a text like any other; `postgresql` is the same for PostgreSQL."""

    __slots__ = ("postgresql",)

    postgresql: bytes

    def __new__(cls, sqlite: str, postgresql: str | None = None) -> Self:
        """A statement, with a second body where there is one."""
        statement = super().__new__(cls, sqlite)
        body = _COMMENT.sub("", sqlite if postgresql is None else postgresql)
        for word, instead in _WORDS:
            body = word.sub(instead, body)
        statement.postgresql = body.encode()
        return statement


def load(name: str) -> SimpleNamespace:
    """The statements of ``queries/<name>.sql``, a `Statement` each."""
    text = files(__package__).joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
    _, *parts = _HEADING.split(text)
    bodies: dict[tuple[str, str | None], str] = {}
    for heading, kind, body in zip(*[iter(parts)] * 3, strict=True):
        bodies[heading, kind] = _PART.sub(lambda found: bodies[found[1], "part"], body.strip())
    statements = {
        heading: Statement(body, bodies.get((heading, "postgresql")))
        for (heading, dialect), body in bodies.items()
        if dialect is None
    }
    return SimpleNamespace(**statements)

"""Every statement asks the indexes that its comment names, and none reads a whole table that grows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

import pytest

from entrepot.drivers.catalog.migrate import migrate
from entrepot.drivers.catalog.statements import load

STATEMENTS = [
    (f"{file}.{name}", statement)
    for file in ("pull", "listings", "change", "access")
    for name, statement in vars(load(file)).items()
]

WHOLE = {
    "listings.head": "backwards, and only the first row",
    "listings.search_names": "looks for text anywhere in a name",
    "listings.storage": "one row",
    "access.list_principals": "lists them all",
    "access.list_grants": "lists them all",
    "access.list_tokens": "lists them all",
}
"""Those that read a table from one end to the other, and why they may."""


@pytest.fixture(scope="module")
def schema() -> Iterator[sqlite3.Connection]:
    """An empty catalog: its plans are those of a large one, because nothing ever runs ANALYZE."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    yield connection
    connection.close()


def plan_of(schema: sqlite3.Connection, statement: str) -> list[str]:
    parameters = dict.fromkeys(re.findall(r":(\w+)", statement))
    return [step for *_, step in schema.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]


@pytest.mark.parametrize(("name", "statement"), STATEMENTS, ids=[name for name, _ in STATEMENTS])
def test_a_statement_uses_the_indexes_that_it_names(schema: sqlite3.Connection, name: str, statement: str) -> None:
    comment = " ".join(line for line in statement.splitlines() if line.startswith("--"))
    named = set(re.findall(r"\w+_idx", comment))

    used = set(re.findall(r"\w+_idx", "\n".join(plan_of(schema, statement))))

    assert named <= used


@pytest.mark.parametrize(("name", "statement"), STATEMENTS, ids=[name for name, _ in STATEMENTS])
def test_no_statement_reads_a_whole_table(schema: sqlite3.Connection, name: str, statement: str) -> None:
    tables = {table for (table,) in schema.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    aliases = dict(re.findall(r"(?:FROM|JOIN|,)\s+(\w+)\s+(?!ON\b|WHERE\b|ORDER\b|LIMIT\b)(\w+)", statement))
    spelled = tables | {alias for table, alias in aliases.items() if table in tables}

    scanned = [
        step
        for step in plan_of(schema, statement)
        if (match := re.match(r"SCAN (\w+)(?! VIRTUAL)", step))
        and match[1] in spelled | {"k", "m", "r", "t", "g", "p", "n", "b"}
    ]

    assert bool(scanned) == (name in WHOLE), scanned


@pytest.mark.parametrize(
    "statement",
    [statement for name, statement in STATEMENTS if name.startswith("listings.list_") and "LIMIT" in statement],
)
def test_a_page_is_walked_in_the_order_of_an_index(schema: sqlite3.Connection, statement: str) -> None:
    plan = plan_of(schema, statement)

    # Referrers are sorted: their index is by subject, and a subject has few.
    assert any("ORDER BY" in step for step in plan) == ("artifact_subject_idx" in statement)

"""What a change says to the database, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from entrepot.drivers.catalog.session import Session
from entrepot.drivers.catalog.statements import Statement
from entrepot.model.position import Position


class OneAtATime:
    """A connection that is asked nothing while it is told rows: over PostgreSQL both would wait for ever."""

    def __init__(self) -> None:
        self.rows: list[Mapping[str, object]] = []
        self._is_busy = False

    def execute(self, statement: Statement, parameters: Mapping[str, object], /) -> Any:
        assert not self._is_busy, f"{statement} is asked with {parameters} in between"
        return self

    def fetchone(self) -> tuple[Any, ...]:
        return (1,)

    def executemany(self, statement: Statement, parameters: Iterable[Mapping[str, object]], /) -> None:
        del statement
        self._is_busy = True
        self.rows += parameters
        self._is_busy = False


def test_rows_that_take_a_question_to_make_are_made_before_any_is_told() -> None:
    connection = OneAtATime()
    session = Session(connection, position=Position(1), now=datetime(2026, 1, 31, tzinfo=UTC))

    def rows() -> Iterator[Mapping[str, object]]:
        for _ in range(2):
            yield {"number": session.returned(Statement("SELECT 1"))[0]}

    session.run_each(Statement("INSERT INTO somewhere VALUES (:number)"), rows())

    assert connection.rows == [{"number": 1}, {"number": 1}]

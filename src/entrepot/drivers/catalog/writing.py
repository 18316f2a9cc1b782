"""Changes that share a commit: one behind another in the writer's transaction, each in a savepoint of its own.

One that is alone needs none: what becomes of it becomes of the transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from entrepot.drivers.catalog.statements import Statement
from entrepot.drivers.catalog.transaction import SqlTransaction
from entrepot.model.events import GENESIS
from entrepot.model.position import START, Position

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from entrepot.drivers.catalog.session import Connection
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.clock import Clock
    from entrepot.ports.epochs import Epochs

_SAVEPOINT: Final = Statement("SAVEPOINT change")
_BACK: Final = Statement("ROLLBACK TO change")
_RELEASE: Final = Statement("RELEASE change")


class Pending(NamedTuple):
    """A change, and who waits for it."""

    change: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    aside: bool
    """Whether others are to have the loop meanwhile."""


Outcome = tuple[Any, BaseException | None]
"""What a change returned, or why it was not made."""


@dataclass(frozen=True, slots=True)
class Ran:
    """Changes that were run and not committed yet."""

    outcomes: list[Outcome]
    slots: set[int]
    """Whose caches end with the commit."""
    position: Position
    hash: bytes
    """Where the journal stands then."""
    appended: bool
    """Whether that is elsewhere than before."""
    is_void: bool = False
    """Whether there is nothing to commit, and the transaction is to be rolled back."""


def run(
    batch: Sequence[Pending],
    connection: Connection,
    epochs: Epochs,
    clock: Clock,
    *,
    head: tuple[Any, ...] | None,
    database_error: type[Exception],
    of_the_change: tuple[type[Exception], ...],
) -> Ran:
    """Run each change, and say what came of it; *head* is the last row of the journal, as the transaction sees it.

    A *database_error* is of one change alone when it is *of_the_change*; else it is raised here, because nothing of the
    transaction can be trusted.
    """
    outcomes: list[Outcome] = []
    slots: set[int] = set()
    begin, last_hash = (START, GENESIS) if head is None else (Position(head[0]), bytes(head[1]))
    position = begin
    is_shared, is_void = len(batch) > 1, False
    for each in batch:
        transaction = SqlTransaction(
            connection, epochs, position=Position(position + 1), hash_before=last_hash, now=clock.now()
        )
        if is_shared:
            connection.execute(_SAVEPOINT, {})
        try:
            result = each.change(transaction)
        except BaseException as error:
            if isinstance(error, database_error) and not isinstance(error, of_the_change):
                raise
            if is_shared:
                connection.execute(_BACK, {})
            is_void = not is_shared
            # A future takes everything but StopIteration (PEP 479).
            outcomes.append((None, RuntimeError(error) if isinstance(error, StopIteration) else error))
        else:
            outcomes.append((result, None))
            if transaction.appended:
                position, last_hash = Position(position + 1), transaction.hash
                slots |= transaction.slots
        if is_shared:
            connection.execute(_RELEASE, {})
    return Ran(outcomes, slots, position, last_hash, appended=position > begin, is_void=is_void)

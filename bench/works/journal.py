"""The journal under load: durable events a second, and how soon each of them is in the signed log.

Events are appended as operations append them, each in a change of its own, by many at once; the server's follower, in
its own process, brings them into the log meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from statistics import quantiles

from bench.scale import Scale
from bench.session import ENTREPOT, Group, Session, say
from entrepot.app.parts import open_registry
from entrepot.model.events import PrincipalDisabled
from entrepot.model.position import Position
from entrepot.operations.registry import Registry
from entrepot.ports.catalog import Transaction
from entrepot.settings import load

_RATE = "journal, durable events"
_DELAY = "journal, until an event is in the signed log"
_EVENTS_AT_LEAST = 1_000.0
_DELAY_AT_MOST_SECONDS = 1.0
_WRITERS = 64
_LOOK_SECONDS = 0.02
_PATIENCE_SECONDS = 60


def works(scale: Scale) -> Sequence[str]:
    del scale
    return [_RATE, _DELAY]


def run(session: Session, wanted: Sequence[str]) -> None:
    rate = session.row(_RATE, "events/s", "higher", limit=_EVENTS_AT_LEAST) if _RATE in wanted else None
    delay = session.row(_DELAY, "s, p99", "lower", limit=_DELAY_AT_MOST_SECONDS) if _DELAY in wanted else None
    with session.entrepot() as (subject,):
        for number in range(session.scale.rounds):
            say(f"appending events, round {number + 1}")
            events, delays = asyncio.run(_round(str(subject.data), session.scale.events))
            if rate is not None:
                rate.record(ENTREPOT, events)
            if delay is not None:
                delay.record(ENTREPOT, quantiles(delays, n=100)[-1])


async def _round(data: str, count: int) -> tuple[float, list[float]]:
    """Events a second, and the seconds from each one's commit until a checkpoint covered it."""
    async with open_registry(load({"data": data, "log_level": "error"}, environ={})) as registry:
        first, _ = await registry.catalog.head()
        committed: dict[Position, float] = {}
        watching = asyncio.create_task(_watch(registry, Position(first + count), committed))
        start = time.perf_counter()
        each = count // _WRITERS
        await asyncio.gather(
            *(_write(registry, each + (writer < count % _WRITERS), committed) for writer in range(_WRITERS))
        )
        took = time.perf_counter() - start
        delays = await watching
        return count / took, delays


async def _write(registry: Registry, count: int, committed: dict[Position, float]) -> None:
    def change(transaction: Transaction) -> Position:
        return transaction.append("bench", PrincipalDisabled(principal="somebody-with-a-name-of-usual-length"))

    for _ in range(count):
        position = await registry.catalog.write(change)
        committed[position] = time.perf_counter()


async def _watch(registry: Registry, last: Position, committed: dict[Position, float]) -> list[float]:
    delays: list[float] = []
    size = 0
    deadline = time.perf_counter() + _PATIENCE_SECONDS
    while size < last:
        head = await registry.catalog.log.head()
        now = time.perf_counter()
        if head is not None and head.size > size:
            # What was signed before its writer was told of the commit had no delay.
            delays += [max(0.0, now - committed.get(Position(each), now)) for each in range(size + 1, head.size + 1)]
            size = head.size
        if now > deadline:
            raise TimeoutError(f"the log has {size} entries, the journal {last}")
        await asyncio.sleep(_LOOK_SECONDS)
    return delays[-len(committed) :]


GROUP = Group(works, run)

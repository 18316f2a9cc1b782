"""Write down what was pulled, now and then and many at once.

What one process has noted and not written is lost when it is killed: half a minute.
Of an artifact no more than one note an hour is written, so that what everybody wants costs no more than what one does.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import StorageFull, StorageReadOnly, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.pulls import Pull

_SECONDS: Final = 30.0
_BATCH: Final = 500


async def write_pulls(registry: Registry) -> None:
    """Write down what was noted. Raises what `Catalog.write` raises; what could not be written is still noted then."""
    while pulls := registry.pulls.take(_BATCH):
        try:
            await registry.catalog.write(_keeping(pulls))
        except BaseException:
            registry.pulls.give_back(pulls)
            raise


async def keep_writing(registry: Registry) -> None:
    """Write down what is noted every half minute, until it is cancelled."""
    while True:
        await asyncio.sleep(_SECONDS)
        try:
            await write_pulls(registry)
        except (StorageFull, StorageReadOnly, Unavailable):
            continue  # It stays noted, and is tried again.


def _keeping(pulls: Sequence[Pull]) -> Callable[[Transaction], None]:
    return lambda transaction: transaction.pulls.keep(pulls)

"""Be a witness of other logs: sign a checkpoint of theirs once it is proven to go on from the last one seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.operations.log import identity_of
from entrepot.ports.log import Seen
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.witness import AddCheckpoint, judge, open_request

if TYPE_CHECKING:
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.trust.log.notes import Signature


async def cosign(registry: Registry, body: bytes) -> Signature:
    """Judge a request to sign a checkpoint (``c2sp.org/tlog-witness``), remember it, and then sign it.

    Raises `InvalidProof`, `LogUnknown`, `LogUnsigned`, `LogMoved`, `LogForked`, `LogInconsistent`, `Unavailable`.
    """
    identity = identity_of(registry)
    request = AddCheckpoint.parse(body)
    checkpoint, note = open_request(request, identity.witnessed)

    def change(transaction: Transaction) -> int:
        # In one transaction, so that of two requests the second is judged by what the first has left.
        last = transaction.log.seen(checkpoint.origin)
        judge(request, checkpoint, None if last is None else Checkpoint(last.origin, last.size, last.root))
        transaction.log.see(
            Seen(checkpoint.origin, checkpoint.size, checkpoint.root, request.checkpoint, transaction.now)
        )
        return int(transaction.now.timestamp())

    seconds = await registry.catalog.write(change)
    return identity.witness.cosignature(note.unchecked_text, seconds)

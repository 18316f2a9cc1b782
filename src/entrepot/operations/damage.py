"""Let the registry know that bytes are not what they were: journaled, and not served from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.events import BlobDamaged

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrepot.model.digest import Digest
    from entrepot.ports.catalog import Transaction


def damaging(actor: str, digest: Digest, problem: str) -> Callable[[Transaction], None]:
    """A change by which a blob is known as damaged, and why."""

    def change(transaction: Transaction) -> None:
        if transaction.damage_blob(digest):
            transaction.scrubs.note_damage(digest, problem)
            transaction.append(actor, BlobDamaged(digest=str(digest), problem=problem))

    return change

"""What is kept, and not served."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.model.position import Position


class BlockKind(StrEnum):
    """Why something is not served."""

    BLOCKED = "blocked"
    """Somebody has decided that nobody shall have it."""
    QUARANTINED = "quarantined"
    """Somebody, or a policy, does not want it to be had until more is known."""
    AWAITING = "awaiting"
    """It is being examined, because a policy asks for what is not known yet. Whoever may publish it may read it."""

    @property
    def is_final(self) -> bool:
        """Whether the same content, or its version's name, is refused when it is published again."""
        return self is not BlockKind.AWAITING


@dataclass(frozen=True, slots=True)
class Block:
    """An artifact of a package that is kept and resolves nowhere, with what is only in it."""

    id: str
    package: PackageId
    digest: Digest
    kind: BlockKind
    reason: str
    actor: str
    policy: str | None = None
    """The policy that asked for it, if one did."""
    from_position: Position | None = None
    until_position: Position | None = None
    at: datetime | None = None
    """When it began."""

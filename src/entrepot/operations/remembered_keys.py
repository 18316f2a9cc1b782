"""The public keys of an issuer, as this process was told them last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from entrepot.trust.oidc.keys import KeySet


@dataclass(slots=True)
class RememberedKeys:
    """What is known, and since when."""

    asked_at: datetime
    """When the issuer was asked last, whatever came of it."""
    keys: KeySet | None = None
    """None while it never answered."""
    fetched_at: datetime | None = None

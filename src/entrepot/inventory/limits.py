"""How much a document or an image may ask of who takes stock of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class InventoryLimits:
    """Bounds on what is read; what is beyond them is refused, never read in part and taken for the whole."""

    document_size: int = 64 * 1024 * 1024
    """Bytes of an SBOM."""
    values: int = 6_000_000
    """Values in a document: in memory each takes many times the bytes that it takes in the document."""
    components: int = 100_000
    edges: int = 1_000_000
    depth: int = 40
    """How deep components may hold components."""
    text_size: int = 4_000
    """Characters of a name, a version or a licence that are kept."""
    places: int = 20
    """Paths that are kept of where a component was found."""


LIMITS: Final = InventoryLimits()

"""The name of some bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import DigestMismatch, InvalidDigest

if TYPE_CHECKING:
    from typing import Self

_HEX_LENGTH: Final = {"sha256": 64, "sha512": 128}
_HEX: Final = "0123456789abcdef"

ALGORITHMS: Final = tuple(_HEX_LENGTH)
"""The digest algorithms that are accepted, the canonical one first."""


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The name of some bytes: ``sha256:9f86d0…`` (OCI image specification, "Digests")."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a digest from the wire or the catalog. Raises `InvalidDigest`."""
        algorithm, _, hexadecimal = text.partition(":")
        if len(hexadecimal) != _HEX_LENGTH.get(algorithm) or hexadecimal.strip(_HEX):
            raise InvalidDigest(text, expected="sha256:<64 lower-case hex digits> or sha512:<128>")
        return cls(algorithm, hexadecimal)

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Self:
        """Name *content* that is in memory."""
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    def verify(self, content: bytes) -> None:
        """Raise `DigestMismatch` unless *content* has this name."""
        actual = Digest.of(content, self.algorithm)
        if actual != self:
            raise DigestMismatch(expected=self, actual=actual)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def parse_algorithm(text: str) -> str:
    """Read the name of a digest algorithm. Raises `InvalidDigest`."""
    if text not in _HEX_LENGTH:
        raise InvalidDigest(text, expected=" or ".join(ALGORITHMS))
    return text

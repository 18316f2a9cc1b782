"""Checksums: of files as they are received, and as clients send them, in headers or in files of their own.

A file is called by its sha256; the others are computed once, when it comes, because some clients know no better.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, BinaryIO, Final

from entrepot.formats.maven.rules import CHECKSUMS
from entrepot.model.errors import DigestMismatch, InvalidDigest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from entrepot.wire.call import Headers
    from entrepot.wire.reply import HeaderList

KEPT: Final = tuple(algorithm for algorithm in CHECKSUMS if algorithm != "sha256")
MAX_SIZE: Final = 4 * 1024
"""Bytes of a checksum's file: some have the name of the file behind the digits, or before them."""

_CHUNK: Final = 1024 * 1024
_DIGITS: Final = re.compile(r"[0-9a-fA-F]+")


def compute(file: BinaryIO, algorithms: Iterable[str]) -> dict[str, str]:
    """The checksums of a file, in hexadecimal."""
    hashes = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms}
    file.seek(0)
    while chunk := file.read(_CHUNK):
        for each in hashes.values():
            each.update(chunk)
    return {algorithm: each.hexdigest() for algorithm, each in hashes.items()}


def read_claims(headers: Headers) -> dict[str, str]:
    """What ``X-Checksum-Sha1`` and its kin say of the body. Raises `InvalidDigest`."""
    claims: dict[str, str] = {}
    for algorithm in CHECKSUMS:
        text = headers.get(f"x-checksum-{algorithm}")
        if text is not None:
            claims[algorithm] = parse_checksum(algorithm, text)
    return claims


def parse_checksum(algorithm: str, text: str) -> str:
    """Read a checksum that may have words around it: ``<digits>  lib-1.0.jar``. Raises `InvalidDigest`."""
    for word in text.split():
        if len(word) == CHECKSUMS[algorithm] and _DIGITS.fullmatch(word) is not None:
            return word.lower()
    raise InvalidDigest(ascii(text[:200]), expected=f"{CHECKSUMS[algorithm]} hexadecimal digits for {algorithm}")


def verify(claims: Mapping[str, str], actual: Mapping[str, str]) -> None:
    """Raise `DigestMismatch` unless all that is claimed is so."""
    for algorithm, value in claims.items():
        if actual[algorithm] != value:
            raise DigestMismatch(expected=f"{algorithm}:{value}", actual=f"{algorithm}:{actual[algorithm]}")


def checksum_headers(checksums: Mapping[str, str]) -> HeaderList:
    """What spares clients a request for each: maven-resolver's "remote-included" checksums."""
    return [
        (f"x-checksum-{algorithm}".encode("ascii"), checksums[algorithm].encode("ascii")) for algorithm in CHECKSUMS
    ]

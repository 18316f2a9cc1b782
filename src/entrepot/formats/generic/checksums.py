"""What a client says that its bytes hash to: the headers for it, and the check.

- ``Content-Digest`` and ``Repr-Digest``: RFC 9530, dictionaries such as ``sha-256=:4fVs…=:``. The first is about the
  body of the very request, the second about the whole file.
- ``Digest``: RFC 3230 (obsolete, and still sent), such as ``SHA-256=4fVs…=``; about the whole file.
- ``X-Checksum-Sha256`` and its kin: hexadecimal, as build tools and other registries have it; about the whole file.

Every checksum of an algorithm that is known here is verified.
Others are passed over, as both RFCs let a recipient do, also when they are the only ones: nothing was promised of them.
A header that cannot be read is an error, because whoever sent it believes that it protects the file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.digest import Digest
from entrepot.model.errors import DigestMismatch, InvalidDigest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from entrepot.wire.call import Headers

Checksums = dict[str, bytes]
"""By the algorithm's name in `hashlib`."""

_NAMES: Final = {"sha-256": "sha256", "sha-512": "sha512", "sha": "sha1", "md5": "md5"}
"""RFC 9530, 7.2, "Hash Algorithms for HTTP Digest Fields": the names on the wire, and `hashlib`'s."""
_WIRE_NAMES: Final = {ours: wire for wire, ours in _NAMES.items()}
_SIZES: Final = {"sha256": 32, "sha512": 64, "sha1": 20, "md5": 16}

_HEX_HEADERS: Final = {f"x-checksum-{algorithm}": algorithm for algorithm in _SIZES}

# RFC 8941, 3.2: a dictionary, here of byte sequences. Their parameters, of which none is defined, are passed over.
_MEMBER: Final = re.compile(r"(?P<key>[a-z*][a-z0-9_.*-]*)=:(?P<value>[A-Za-z0-9+/=]*):(?:;[ !#-+\--~]*)?")
_BETWEEN: Final = re.compile(r"[ \t]*,[ \t]*")

_INSTANCE: Final = re.compile(r"(?P<key>[!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?P<value>[!-+\--~]+)")


@dataclass(frozen=True, slots=True)
class Claims:
    """What the headers of one request say."""

    body: Checksums
    """Of what this request carries."""
    file: Checksums
    """Of the whole file."""

    @property
    def digest(self) -> Digest | None:
        """The name that the file must have, when it is said in the algorithm that names files."""
        value = self.file.get("sha256")
        return None if value is None else Digest("sha256", value.hex())

    def for_no_body(self) -> Claims:
        """The same when there is no body: what is not true of nothing is meant of the file, as clients do.

        Raises `InvalidDigest` when they contradict each other.
        """
        meant = {
            name: value
            for name, value in self.body.items()
            if value != hashlib.new(name, b"", usedforsecurity=False).digest()
        }
        return self._with(meant)

    def for_whole_body(self) -> Claims:
        """The same when the body is the whole file. Raises `InvalidDigest` when they contradict each other."""
        return self._with(self.body)

    def _with(self, more: Mapping[str, bytes]) -> Claims:
        merged = dict(self.file)
        _merge(merged, more)
        return Claims({}, merged)


def read_claims(headers: Headers) -> Claims:
    """Read all checksum headers of a request. Raises `InvalidDigest`."""
    body: Checksums = {}
    file: Checksums = {}
    _read(headers, "content-digest", parse_digest_field, body)
    _read(headers, "repr-digest", parse_digest_field, file)
    _read(headers, "digest", parse_instance_digest, file)
    for name, algorithm in _HEX_HEADERS.items():
        text = headers.get(name)
        if text is not None:
            _merge(file, {algorithm: _parse_hexadecimal(name, algorithm, text)})
    return Claims(body, file)


def _read(headers: Headers, name: str, parse: Callable[[str], Checksums], into: Checksums) -> None:
    text = headers.get(name)
    if text is not None:
        _merge(into, parse(text))


def _merge(into: Checksums, more: Mapping[str, bytes]) -> None:
    for algorithm, value in more.items():
        if into.setdefault(algorithm, value) != value:
            raise InvalidDigest(
                f"two different checksums by {algorithm}", expected=into[algorithm].hex(), actual=value.hex()
            )


def parse_digest_field(text: str) -> Checksums:
    """Read ``Content-Digest`` or ``Repr-Digest``. Raises `InvalidDigest`."""
    found: Checksums = {}
    at = 0
    while True:
        member = _MEMBER.match(text, at)
        if member is None:
            raise InvalidDigest(text[:200], expected="a dictionary such as sha-256=:<base64>: (RFC 9530)")
        algorithm = _NAMES.get(member["key"])
        if algorithm is not None:
            # RFC 8941, 4.2.2: of a key that is there twice, the last one counts.
            found[algorithm] = _decode(algorithm, member["value"])
        if member.end() == len(text):
            return found
        between = _BETWEEN.match(text, member.end())
        if between is None:
            raise InvalidDigest(text[:200], expected="members separated by commas (RFC 9530)")
        at = between.end()


def parse_instance_digest(text: str) -> Checksums:
    """Read ``Digest``. Raises `InvalidDigest`."""
    found: Checksums = {}
    for member in text.split(","):
        match = _INSTANCE.fullmatch(member.strip(" \t"))
        if match is None:
            raise InvalidDigest(text[:200], expected="a list such as SHA-256=<base64> (RFC 3230)")
        algorithm = _NAMES.get(match["key"].lower())
        if algorithm is not None:
            _merge(found, {algorithm: _decode(algorithm, match["value"])})
    return found


def print_digest_field(checksums: Mapping[str, bytes]) -> str:
    """What `parse_digest_field` reads."""
    return ", ".join(
        f"{_WIRE_NAMES[algorithm]}=:{base64.b64encode(value).decode('ascii')}:"
        for algorithm, value in checksums.items()
    )


def _decode(algorithm: str, text: str) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidDigest(text[:200], expected="base64") from error
    return _sized(algorithm, value, text)


def _parse_hexadecimal(name: str, algorithm: str, text: str) -> bytes:
    if len(text) != 2 * _SIZES[algorithm]:
        raise InvalidDigest(f"{name}: {text[:200]}", expected=f"{2 * _SIZES[algorithm]} hexadecimal digits")
    try:
        value = bytes.fromhex(text)
    except ValueError as error:
        raise InvalidDigest(f"{name}: {text[:200]}", expected="hexadecimal digits") from error
    return _sized(algorithm, value, text)


def _sized(algorithm: str, value: bytes, text: str) -> bytes:
    if len(value) != _SIZES[algorithm]:
        raise InvalidDigest(text[:200], expected=f"{_SIZES[algorithm]} bytes for {algorithm}", actual=len(value))
    return value


def verified(content: AsyncIterator[bytes], expected: Mapping[str, bytes]) -> AsyncIterator[bytes]:
    """The same content; it ends with `DigestMismatch` when it does not hash to what is *expected*."""
    return _verified(content, expected) if expected else content


async def _verified(content: AsyncIterator[bytes], expected: Mapping[str, bytes]) -> AsyncIterator[bytes]:
    hashes = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in expected}
    async for piece in content:
        for each in hashes.values():
            each.update(piece)
        yield piece
    for algorithm, value in expected.items():
        actual = hashes[algorithm].hexdigest()
        if actual != value.hex():
            raise DigestMismatch(expected=f"{algorithm}:{value.hex()}", actual=f"{algorithm}:{actual}")

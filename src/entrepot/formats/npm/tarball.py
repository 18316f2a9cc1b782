"""What is inside a package's tarball: its ``package.json``, and the sums that clients verify. Pure, for hostile input.

A tarball is a gzipped tar whose files lie in one folder (``package/`` by custom), which clients strip.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.archives.limits import LIMITS
from entrepot.archives.tar import open_tar
from entrepot.model.errors import InvalidArchive, InvalidMetadata

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from entrepot.archives.tar import Content

_CHUNK: Final = 1024 * 1024
_GZIP: Final = b"\x1f\x8b"
_MANIFEST_SIZE: Final = 1024 * 1024
_README_SIZE: Final = 24 * 1024
_README: Final = re.compile(r"readme(?:\.(?:md|markdown|mkd|txt|rst))?", re.IGNORECASE)
_IN_FOLDER: Final = 2


@dataclass(frozen=True, slots=True)
class Tarball:
    """What was found."""

    size: int
    sha1: str
    """In hexadecimal: npm's ``shasum``."""
    sha512: bytes
    manifest: Mapping[str, Any]
    """The ``package.json``."""
    unpacked_size: int
    file_count: int
    readme: str | None
    """No more than its beginning when it is long."""
    readme_name: str | None
    has_shrinkwrap: bool
    has_gyp: bool
    """Whether there is a ``binding.gyp``, which npm takes for an install script."""

    @property
    def integrity(self) -> str:
        """Its sha512 as Subresource Integrity says it."""
        return f"sha512-{b64encode(self.sha512).decode()}"


def examine(file: BinaryIO) -> Tarball:
    """Read a tarball. Raises `InvalidArchive`, `InvalidMetadata`."""
    if file.read(2) != _GZIP:
        raise InvalidArchive("tarball", expected="a gzipped tar")
    file.seek(0)
    sha1, sha512, size = hashlib.sha1(usedforsecurity=False), hashlib.sha512(), 0
    while piece := file.read(_CHUNK):
        sha1.update(piece)
        sha512.update(piece)
        size += len(piece)
    file.seek(0)
    found = _Found()
    for entry, content in open_tar(file, LIMITS).walk():
        if entry.is_file:
            found.add(entry.path, entry.size, content)
    if found.manifest is None:
        raise InvalidArchive("tarball", expected="package/package.json")
    return Tarball(
        size=size,
        sha1=sha1.hexdigest(),
        sha512=sha512.digest(),
        manifest=_read_manifest(found.manifest),
        unpacked_size=found.size,
        file_count=found.count,
        readme=found.readme,
        readme_name=found.readme_name,
        has_shrinkwrap=found.has_shrinkwrap,
        has_gyp=found.has_gyp,
    )


class _Found:
    """What the walk has come upon so far."""

    def __init__(self) -> None:
        self.size = 0
        self.count = 0
        self.manifest: bytes | None = None
        self.readme: str | None = None
        self.readme_name: str | None = None
        self.has_shrinkwrap = False
        self.has_gyp = False

    def add(self, path: str, size: int, content: Content) -> None:
        self.size += size
        self.count += 1
        segments = path.split("/")
        if len(segments) != _IN_FOLDER:
            return
        name = segments[1]
        if name == "package.json":
            # Two folders become one when they are stripped, and one file would hide the other.
            if self.manifest is not None:
                raise InvalidArchive("tarball", expected="one package.json in the folder that everything is in")
            self.manifest = content.read(_MANIFEST_SIZE)
        elif name == "npm-shrinkwrap.json":
            self.has_shrinkwrap = True
        elif name == "binding.gyp":
            self.has_gyp = True
        elif self.readme is None and _README.fullmatch(name) is not None:
            self.readme_name, self.readme = name, _beginning(content)


def _beginning(content: Content) -> str:
    pieces, size = [], 0
    for piece in content.chunks():
        pieces.append(piece)
        size += len(piece)
        if size > _README_SIZE:
            break
    return b"".join(pieces)[:_README_SIZE].decode("utf-8", "ignore")


def _read_manifest(content: bytes) -> dict[str, Any]:
    try:
        # Windows' editors put a byte order mark before it, and npm passes over it.
        return msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InvalidMetadata("package.json", expected=f"a JSON object: {error}") from error

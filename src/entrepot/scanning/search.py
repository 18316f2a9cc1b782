"""Searches what was published for secrets: a file, the archives that it is or holds, and what those hold.

Nothing is unpacked to a folder: members are read as they come, and an archive inside of another is put aside in a
file that has no name.
What cannot be opened is searched as the bytes that it is, and said to be unread: it may hold more than was seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from entrepot.archives.entry import shown
from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.stream import CHUNK, open_unpacked
from entrepot.archives.tar import open_layer
from entrepot.archives.zip import open_zip
from entrepot.model.errors import Invalid, TooLarge
from entrepot.scanning.secrets import MOST, Effort, find_secrets, holds_secret, mask

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from entrepot.scanning.secrets import Secret

DETECTOR: Final = 1
"""Counted up when more is found than before, or less: then all that was searched is searched again."""
SHORTEST: Final = 20
"""Bytes: no secret that is looked for is shorter."""

_MEBI: Final = 1024 * 1024
_GIBI: Final = 1024 * _MEBI
_LONGEST_PATH: Final = 500
_LONGEST_REASON: Final = 500

_ZIP: Final = b"PK\x03\x04"
_COMPRESSED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_TAR_MARK: Final = (257, b"ustar")
_HEAD: Final = 512

Scratch = Callable[[], BinaryIO]
"""Makes a file without a name, which is gone when it is closed."""
Pace = Callable[[int], None]
"""Told of so many bytes each time that they were searched; it may rest."""


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Bounds on what is read of one blob; what is beyond them is unread."""

    archive: ArchiveLimits = field(
        default_factory=lambda: ArchiveLimits(entries=2_000_000, unpacked_size=64 * _GIBI, ratio=1_000)
    )
    unpacked_size: int = 64 * _GIBI
    """Of everything together, however deep."""
    inner_size: int = 512 * _MEBI
    """Of an archive in an archive: it is put aside while it is read."""
    depth: int = 4
    """An archive in an archive, and so on."""
    archives: int = 20_000
    """Of all depths together."""
    unread: int = 100
    """So many notes of what could not be opened; the rest is counted."""


LIMITS: Final = SearchLimits()


@dataclass(frozen=True, slots=True)
class Located:
    """A secret, and where it lies."""

    secret: Secret
    path: str
    """In the file; in archives within, one behind the other with ``!/``. Empty for the file itself."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What came of searching a file."""

    secrets: tuple[Located, ...]
    """At most a thousand; of a secret that lies in several places each place."""
    unread: tuple[str, ...]
    """What could not be looked into, with the reason."""
    unread_count: int

    @property
    def is_complete(self) -> bool:
        """Whether that is all: only then is nothing found a good sign."""
        return not self.unread_count and len(self.secrets) < MOST


def search(file: BinaryIO, scratch: Scratch, pace: Pace, limits: SearchLimits = LIMITS) -> Searched:
    """Look for secrets in *file*, which can be moved about in. Whatever it holds, nothing is raised for it."""
    return _Search(scratch, pace, limits).run(file)


class _Enough(Exception):
    """A limit of the whole search is reached: it ends with what it has."""


class _Search:
    """What was found so far, and what is left of the limits."""

    def __init__(self, scratch: Scratch, pace: Pace, limits: SearchLimits) -> None:
        self._scratch = scratch
        self._pace = pace
        self._limits = limits
        self._found: list[Located] = []
        self._unread: list[str] = []
        self._unread_count = 0
        self._left = limits.unpacked_size
        self._archives_left = limits.archives
        self._effort = Effort()

    def run(self, file: BinaryIO) -> Searched:
        try:
            self._file(file, "", depth=0)
        except _Enough as enough:
            self._note("", str(enough))
        return Searched(tuple(self._found), tuple(self._unread), self._unread_count)

    def _file(self, file: BinaryIO, path: str, *, depth: int) -> None:
        """Search a file that can be moved about in, as the archive that it begins like, or as bytes."""
        file.seek(0)
        head = file.read(_HEAD)
        open_it = self._reader_of(head)
        begun = len(self._found)
        if open_it is not None:
            self._archives_left -= 1
            if self._archives_left < 0:
                raise _Enough(f"more than {self._limits.archives} archives in one file")
            try:
                open_it(file, path, depth)
            except Invalid as error:
                self._note(path, str(error))
            else:
                return
        file.seek(0)
        known = {each.secret.name for each in self._found[begun:]}
        self._look(iter(lambda: file.read(CHUNK), b""), path, known=known)

    def _reader_of(self, head: bytes) -> Callable[[BinaryIO, str, int], None] | None:
        if head.startswith(_ZIP):
            return self._zip
        if head.startswith(_COMPRESSED):
            return self._compressed
        return self._tar if _is_tar(head) else None

    def _zip(self, file: BinaryIO, path: str, depth: int) -> None:
        archive = open_zip(file, self._limits.archive)
        for entry in archive.entries():
            if entry.is_file:
                place = self._within(path, entry.path)
                try:
                    with archive.open(entry.path) as content:
                        self._member(iter(lambda: content.read(CHUNK), b""), place, depth)
                except Invalid as error:
                    # The other members are still where the directory says.
                    self._note(place, str(error))

    def _tar(self, file: BinaryIO, path: str, depth: int) -> None:
        for entry, content in open_layer(file, self._limits.archive).walk():
            if entry.is_file:
                self._member(content.chunks(), self._within(path, entry.path), depth)

    def _compressed(self, file: BinaryIO, path: str, depth: int) -> None:
        """A compressed tar, or something else that is compressed, which is searched as what it unpacks to."""
        begun = len(self._found)
        if _is_tar(open_unpacked(file, self._limits.archive, zstd=True).read(_HEAD)):
            try:
                self._tar(file, path, depth)
            except Invalid as error:
                # Members lie in the stream as they are: what cannot be read as a tar is searched as bytes.
                self._note(path, str(error))
            else:
                return
        source = open_unpacked(file, self._limits.archive, zstd=True)
        known = {each.secret.name for each in self._found[begun:]}
        self._look(iter(lambda: source.read(CHUNK), b""), path, known=known)

    def _member(self, chunks: Iterator[bytes], path: str, depth: int) -> None:
        """A file in an archive, which may be another archive."""
        first = next(chunks, b"")
        content = _chain(first, chunks)
        if self._reader_of(first) is None:
            self._look(content, path)
            return
        if depth + 1 >= self._limits.depth:
            self._note(path, f"archives more than {self._limits.depth} deep")
            self._look(content, path)
            return
        with self._scratch() as inner:
            size = 0
            for chunk in content:
                inner.write(chunk)
                size += len(chunk)
                if size > self._limits.inner_size:
                    self._note(path, f"an archive in an archive of more than {self._limits.inner_size} bytes")
                    inner.seek(0)
                    self._look(itertools.chain(iter(lambda: inner.read(CHUNK), b""), content), path)
                    return
            self._file(inner, path, depth=depth + 1)

    def _look(self, chunks: Iterable[bytes], path: str, *, known: Collection[str] = ()) -> None:
        """Search bytes. What is *known* was found in them before; of what comes again the first is enough."""
        seen = set(known)
        try:
            for secret in find_secrets(self._paced(chunks), self._effort):
                if secret.name not in seen:
                    seen.add(secret.name)
                    self._keep(secret, path)
        except TooLarge as error:
            self._note(path, str(error))

    def _keep(self, secret: Secret, path: str) -> None:
        self._found.append(Located(secret, path))
        if len(self._found) >= MOST:
            raise _Enough(f"{MOST} secrets or more")

    def _within(self, outer: str, inner: str) -> str:
        """Where a member lies; a secret in its name is found, and not shown."""
        secrets: list[Secret] = []
        if holds_secret(inner):
            inner, secrets = mask(inner)
        path = f"{outer}!/{inner}" if outer else inner
        path = path if len(path) <= _LONGEST_PATH and path.isprintable() else shown(path)
        for secret in secrets:
            self._keep(secret, path)
        return path

    def _paced(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._left -= len(chunk)
            if self._left < 0:
                raise _Enough(f"more than {self._limits.unpacked_size} bytes unpacked")
            self._pace(len(chunk))
            yield chunk

    def _note(self, path: str, reason: str) -> None:
        self._unread_count += 1
        if len(self._unread) < self._limits.unread:
            told, _ = mask(f"{path}: {reason}" if path else reason)
            self._unread.append(told[:_LONGEST_REASON])


def _is_tar(head: bytes) -> bool:
    at, mark = _TAR_MARK
    return head.startswith(mark, at)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest

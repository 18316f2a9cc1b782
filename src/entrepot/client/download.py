"""Fetch a file: into a ``.part`` file first, gone on with where it broke, and verified before it gets its name.

Nothing ever stands under the final name but the whole, verified content. What a broken or killed transfer left is in
the ``.part`` file, named after the digest, and the next one goes on from there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from entrepot.client.errors import LocalFailure, Refused, WrongContent
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    import httpx

    from entrepot.client.connection import Connection
    from entrepot.client.transfer import Tell

_PIECE: Final = 1024 * 1024
_PARTIAL: Final = 206
_RANGE_INVALID: Final = 416
_LONGEST_NAME: Final = 200
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


def place_in(directory: Path, name: str) -> Path:
    """Where a file called *name* by the registry goes: always inside of *directory*. Raises `WrongContent`."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name or "\\" in name:
        raise WrongContent(f"the package names a file outside of where it is put: {name!r}")
    target = directory.joinpath(*parts)
    if not target.parent.resolve().is_relative_to(directory.resolve()):
        raise WrongContent(f"{target.parent} is a link that leads out of {directory}")
    return target


def is_wanted(name: str, only: Sequence[str]) -> bool:
    """Whether a file matches one of the patterns; without any, all do."""
    return not only or any(fnmatchcase(name, pattern) for pattern in only)


def has_content(path: Path, digest: Digest, size: int, tell: Tell) -> bool:
    """Whether a file is there already, with the right bytes."""
    try:
        if path.stat().st_size != size or not path.is_file():
            return False
        with path.open("rb") as file:
            hasher = hashlib.new(digest.algorithm)
            while piece := file.read(_PIECE):
                hasher.update(piece)
                tell(0)
            return hasher.hexdigest() == digest.hex
    except OSError:
        return False


@dataclass(slots=True)
class Download:
    """A file on its way here."""

    connection: Connection
    path: str
    """Where it is at the registry."""
    target: Path
    digest: Digest
    size: int
    tell: Tell
    _hasher: hashlib._Hash = field(init=False)
    """Of all that is written."""
    _written: int = 0

    def fetch(self) -> None:
        """Bring the content under its final name, replacing what is there.

        Raises what `Connection.call` raises, `WrongContent`, `LocalFailure`.
        """
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            with _open_part(self.target, self.digest) as part:
                self._fill(part)
                os.replace(part.name, self.target)  # noqa: PTH105 - both are names
        except OSError as error:
            raise LocalFailure(
                f"{self.target} cannot be written: {error.strerror}", hint="Make room, or pull into another directory."
            ) from error

    def _fill(self, part: FileIO) -> None:
        resumed = self._take_up(part)
        try:
            self._receive(part)
        except WrongContent:
            if not resumed:
                raise
            # What an earlier transfer left may be damaged, by a crash perhaps, and the registry quite right.
            self._receive(part)

    def _receive(self, part: FileIO) -> None:
        """Receive the rest and verify the whole; after wrong content nothing is left of it."""
        try:
            self._receive_rest(part)
        except WrongContent:
            self._restart(part)
            raise

    def _receive_rest(self, part: FileIO) -> None:
        self.connection.retry.run(lambda _: self._go_on(part), reached=lambda: self._written)
        actual = Digest(self.digest.algorithm, self._hasher.hexdigest())
        if actual != self.digest:
            raise self._wrong(f"{self.digest} was asked for, {actual} came")

    def _go_on(self, part: FileIO) -> None:
        """Receive what is missing."""
        if self._written == self.size:
            return
        headers = {"Range": f"bytes={self._written}-"} if self._written else {}
        try:
            with self.connection.stream("GET", self.path, headers=headers) as response:
                if self._written and not self._is_rest(response):
                    self._restart(part)
                for piece in response.iter_raw():
                    if self._written + len(piece) > self.size:
                        raise self._wrong(f"more than its {self.size} bytes came")
                    _write(part, piece)
                    self._hasher.update(piece)
                    self._written += len(piece)
                    self.tell(self._written)
        except Refused as error:
            if error.status == _RANGE_INVALID and self._written:
                self._restart(part)
                error.transient = True
            raise
        if self._written < self.size:
            raise self._wrong(f"only {self._written} of its {self.size} bytes came")

    def _is_rest(self, response: httpx.Response) -> bool:
        """Whether the answer goes on where we are; a server may answer the whole instead."""
        first = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        return response.status_code == _PARTIAL and first == str(self._written)

    def _take_up(self, part: FileIO) -> bool:
        """Go on with what an earlier transfer left; whether there was anything."""
        self._hasher = hashlib.new(self.digest.algorithm)
        left = os.fstat(part.fileno()).st_size
        if left > self.size:
            part.truncate(0)
            left = 0
        while self._written < left:
            piece = part.read(_PIECE)
            self._hasher.update(piece)
            self._written += len(piece)
            self.tell(self._written)
        return left > 0

    def _restart(self, part: FileIO) -> None:
        part.seek(0)
        part.truncate(0)
        self._hasher = hashlib.new(self.digest.algorithm)
        self._written = 0

    def _wrong(self, what: str) -> WrongContent:
        return WrongContent(
            f"{self.target.name} is not what it should be: {what}",
            hint="Nothing of it was kept. If it happens again, tell the registry's administrator (`entrepot scrub`).",
        )


@contextmanager
def _open_part(target: Path, digest: Digest) -> Iterator[FileIO]:
    """The file that collects the content of *target*, for us alone; removed when nothing is in it afterwards."""
    name = f".{target.name[:_LONGEST_NAME]}.{digest.hex[:12]}"
    part = _open(target.with_name(f"{name}.part"))
    if not _is_ours(part):
        # Another process is fetching the same; neither shall write into the other's.
        part.close()
        part = _open(target.with_name(f"{name}.{os.getpid()}.part"))
    with part:
        try:
            yield part
        finally:
            with suppress(OSError):
                if os.fstat(part.fileno()).st_size == 0:
                    Path(part.name).unlink()


def _is_ours(part: FileIO) -> bool:
    """Whether we have the file for ourselves, and it has not got its final name while we opened it."""
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(part.fileno()), Path(part.name).lstat())
    except OSError:
        return False


def _open(path: Path) -> FileIO:
    return FileIO(path, "r+", opener=lambda name, _: os.open(name, _FLAGS, 0o666))


def _write(part: FileIO, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[part.write(left) :]

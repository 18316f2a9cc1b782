"""Send a file: hashed in passing, read a piece at a time, and gone on with where the connection broke.

An upload *session* holds what has come. The registry knows how much that is, so after a break we ask and go on from
there; and because where the session is is remembered on disk, so does the next process after a killed one.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from entrepot.client.errors import FileChanged, LocalFailure, Misuse, NotFound, Refused, Unintelligible
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from typing import Self

    import httpx

    from entrepot.client.connection import Connection
    from entrepot.client.transfer import Tell

WHOLE_SIZE: Final = 8 * 1024 * 1024
"""Files up to this size are sent in one request from memory; larger ones in a session."""

_PIECE: Final = 1024 * 1024
_RANGE_INVALID: Final = 416


@dataclass(frozen=True, slots=True)
class Source:
    """A file to send, as it was when it was first looked at."""

    path: Path
    name: str
    """What it is called in the package."""
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path, name: str) -> Self:
        """Look at a file. Raises `LocalFailure`."""
        try:
            status = path.stat()
        except OSError as error:
            raise LocalFailure(f"{path} cannot be read: {error.strerror}") from error
        return cls(path, name, status.st_size, status.st_mtime_ns)

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """Its bytes from *start* on. Raises `LocalFailure`."""
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(start)
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as error:
            raise LocalFailure(f"{self.path} cannot be read: {error.strerror}") from error

    def check(self) -> None:
        """Raise `FileChanged` unless it is as it was."""
        now = Source.of(self.path, self.name)
        if now != self:
            raise FileChanged(f"{self.path} changed while it was being sent", hint="Push again once it is complete.")


def collect_sources(files: Mapping[str, Path] | list[Path]) -> list[Source]:
    """The files that *files* means: itself each file, and all below each directory, named as they are below it.

    A mapping gives the names itself.

    Raises `Misuse`, `LocalFailure`.
    """
    named = list(files.items()) if isinstance(files, Mapping) else [pair for path in files for pair in _named(path)]
    found: dict[str, Path] = {}
    for name, path in named:
        if name in found:
            raise Misuse(f"{found[name]} and {path} would both be called {name}", hint="Push one directory, or rename.")
        found[name] = path
    if not found:
        raise Misuse("there is no file to push")
    return [Source.of(path, name) for name, path in found.items()]


def _named(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_dir():
        for below in sorted(path.rglob("*")):
            if below.is_file():
                yield below.relative_to(path).as_posix(), below
    elif path.exists():
        if not path.is_file():
            raise Misuse(f"{path} is neither a file nor a directory")
        yield path.name, path
    else:
        raise Misuse(f"there is no file {path}")


def digest_of(source: Source, tell: Tell, algorithm: str = "sha256") -> Digest:
    """Read a file to name it. Raises `LocalFailure`."""
    hasher = hashlib.new(algorithm)
    for piece in source.pieces():
        hasher.update(piece)
        tell(0)
    return Digest(algorithm, hasher.hexdigest())


@dataclass(frozen=True, slots=True)
class SessionStore:
    """Where unfinished uploads are, so that a later process can go on with them."""

    directory: Path

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Where this user's is."""
        home = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME") or Path.home()) / ".local" / "state"
        return cls(Path(home) / "entrepot" / "uploads")

    def recall(self, key: str) -> str | None:
        """The session of the upload *key*."""
        try:
            return (self.directory / key).read_text()
        except (OSError, ValueError):
            return None

    def remember(self, key: str, session: str) -> None:
        """Keep where a session is. Failing to is no reason to fail the upload."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.directory, delete=False) as file:
                file.write(session)
            Path(file.name).replace(self.directory / key)
        except OSError:
            return

    def forget(self, key: str) -> None:
        """The upload is over."""
        try:
            (self.directory / key).unlink(missing_ok=True)
        except OSError:
            return


@dataclass(slots=True)
class SessionUpload:
    """A file on its way into an upload session."""

    connection: Connection
    source: Source
    target: str
    """What the upload is for; with the file, it says which session is meant."""
    begin: Callable[[], str]
    """Opens a session and returns its address."""
    tell: Tell
    sessions: SessionStore
    _hasher: hashlib._Hash = field(default_factory=hashlib.sha256)
    _hashed: int = 0
    _reached: int = 0
    """How much the registry is known to have; what was sent may still be on its way when the connection breaks."""
    _session: str | None = None
    _refused_at: int = -1

    def send(self) -> tuple[str, Digest]:
        """Bring all bytes into a session; its address, and the digest of what was read.

        Raises what `Connection.call` raises, `LocalFailure`, `FileChanged`.
        """
        self._session = self.sessions.recall(self._key)
        session = self.connection.retry.run(lambda _: self._go_on(), reached=lambda: self._reached)
        self._hash_up_to(self.source.size)
        self.source.check()
        return session, Digest("sha256", self._hasher.hexdigest())

    @contextmanager
    def ending(self) -> Iterator[None]:
        """While the registry is asked to take the upload over: then, or if it refuses, the session is of no more use."""
        try:
            yield
        except Refused as error:
            if not error.transient:
                self.sessions.forget(self._key)
            raise
        self.sessions.forget(self._key)

    @property
    def _key(self) -> str:
        source = self.source
        what = [self.connection.login.url, self.target, str(source.path.resolve()), source.size, source.modified_ns]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()

    def _go_on(self) -> str:
        """Send what the registry does not have yet."""
        session, offset = self._session, None
        if session is not None:
            offset = self._offset(session)
        if session is None or offset is None or offset == self._refused_at:
            session, offset = self.begin(), 0
            self._remember(session)
        self._reached = max(self._reached, offset)
        if offset < self.source.size:
            session = self._patch(session, offset)
            self._remember(session)
        return session

    def _offset(self, session: str) -> int | None:
        """How many bytes the session has; None when it cannot be gone on with."""
        try:
            offset = _offset_from(self.connection.call("GET", session).headers)
        except NotFound:
            return None
        return offset if offset <= self.source.size else None

    def _patch(self, session: str, offset: int) -> str:
        """Send the rest; the session's address from now on."""
        self._hash_up_to(offset)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(self.source.size - offset),
            "Content-Range": f"{offset}-{self.source.size - 1}",
        }
        try:
            return self.connection.once("PATCH", session, content=self._pieces(offset), headers=headers).location
        except Refused as error:
            if error.status == _RANGE_INVALID:
                # It has more than it said: a request that broke was still being taken in. Ask again, once.
                self._refused_at, error.transient = offset, True
            raise

    def _remember(self, session: str) -> None:
        self._session = session
        self.sessions.remember(self._key, session)

    def _pieces(self, offset: int) -> Iterator[bytes]:
        done = offset
        for piece in self.source.pieces(offset):
            if done + len(piece) > self.source.size:
                self.source.check()
            if done + len(piece) > self._hashed:
                self._hasher.update(piece[self._hashed - done :])
                self._hashed = done + len(piece)
            yield piece
            done += len(piece)
            self.tell(done)
        if done < self.source.size:
            self.source.check()

    def _hash_up_to(self, offset: int) -> None:
        """Catch up with bytes that were sent before, perhaps by another process."""
        if self._hashed >= offset:
            return
        for piece in self.source.pieces(self._hashed):
            wanted = piece[: offset - self._hashed]
            self._hasher.update(wanted)
            self._hashed += len(wanted)
            self.tell(self._hashed)
            if self._hashed >= offset:
                return


def _offset_from(headers: httpx.Headers) -> int:
    """How much a session has: our own header, or OCI's ``Range: 0-<last byte>``, where nothing is 0-0 too."""
    text = headers.get("Upload-Offset")
    if text is not None and text.isdigit():
        return int(text)
    first, _, last = headers.get("Range", "").removeprefix("bytes=").partition("-")
    if first != "0" or not last.isdigit():
        raise Unintelligible("the registry does not say how much of the upload it has")
    return 0 if last == "0" else int(last) + 1

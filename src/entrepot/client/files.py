"""Plain files, in versions of a package: ``/files/<view>/<package>/<version>/<path>``."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from entrepot.client.answers import FileVersion, StoredFile
from entrepot.client.connection import escape
from entrepot.client.download import Download, has_content, is_wanted, place_in
from entrepot.client.errors import Conflict, Misuse, NotFound, WrongContent
from entrepot.client.upload import WHOLE_SIZE, SessionStore, SessionUpload, Source, digest_of
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.client.address import Address
    from entrepot.client.connection import Answer, Connection
    from entrepot.client.transfer import Transfers

_MAX_ANNOTATIONS: Final = 8_000


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a PUT of a file answers."""

    path: str
    digest: Digest
    size: int
    artifact: Digest
    """What the version is, with the file in it."""


@dataclass(frozen=True, slots=True)
class _Pushed:
    """A file that is there, and what the version is with it, as far as the registry said so."""

    file: StoredFile
    artifact: Digest | None = None


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one version."""

    connection: Connection
    transfers: Transfers
    address: Address
    sessions: SessionStore

    @property
    def _path(self) -> str:
        if "/" in self.address.package:
            raise Misuse(
                f"{self.address.package!r}: a package of plain files has no slashes in its name",
                hint="Push it as an OCI artifact: --format oci.",
            )
        address = self.address
        return f"/files/{address.view}/{escape(address.package)}/{escape(address.version)}/"

    def read(self) -> FileVersion:
        """What the version has."""
        return self.connection.call("GET", self._path).read(FileVersion)

    def delete(self) -> None:
        """Remove the whole version; its name stays used up."""
        self.connection.call("DELETE", self._path)

    def push(self, sources: Sequence[Source], annotations: Mapping[str, str]) -> tuple[Digest, tuple[StoredFile, ...]]:
        """Add files to the version, and return what it is then.

        A large file that is there already, with the same bytes, is not sent again.
        """
        said = {"Entrepot-Annotations": _ascii(annotations)} if annotations else {}
        # The answer to the last one is about the whole version, so it comes after all others; the smallest waits.
        *others, last = sorted(sources, key=lambda source: source.size, reverse=True)
        pushed = self.transfers.run([partial(self._push, source, said) for source in others])
        pushed += self.transfers.run([partial(self._push, last, said)])
        files = {each.file.path: each.file for each in pushed}
        return pushed[-1].artifact or self.read().digest, tuple(files[source.name] for source in sources)

    def pull(self, version: FileVersion, directory: Path, only: Sequence[str]) -> list[StoredFile]:
        """Fetch the files that match a pattern of *only* (all, without any) into a directory."""
        wanted = [file for file in version.files if is_wanted(file.path, only)]
        if only and not wanted:
            raise Misuse(f"{self.address} has no file that matches {' or '.join(only)}")
        return self.transfers.run([partial(self._pull, directory, file) for file in wanted])

    def _pull(self, directory: Path, file: StoredFile) -> StoredFile:
        target = place_in(directory, file.path)
        tell = self.transfers.tell(file.path, file.size)
        if not has_content(target, file.digest, file.size, tell):
            path = self._path + escape(file.path)
            Download(self.connection, path, target, digest=file.digest, size=file.size, tell=tell).fetch()
        self.transfers.finish(file.path, file.size)
        return file

    def _push(self, source: Source, said: Mapping[str, str]) -> _Pushed:
        path = self._path + escape(source.name)
        push = self._push_whole if source.size <= WHOLE_SIZE else self._push_in_session
        pushed = push(source, path, said)
        self.transfers.finish(source.name, source.size)
        return pushed

    def _push_whole(self, source: Source, path: str, said: Mapping[str, str]) -> _Pushed:
        content = b"".join(source.pieces())
        source.check()
        digest = Digest.of(content)
        headers = {**said, "Content-Digest": _content_digest(digest)}
        return _check(source, digest, self.connection.call("PUT", path, content=content, headers=headers))

    def _push_in_session(self, source: Source, path: str, said: Mapping[str, str]) -> _Pushed:
        tell = self.transfers.tell(source.name, source.size)
        present = self._find(path)
        if present is not None:
            return self._compare(source, digest_of(source, tell), present)

        def begin() -> str:
            return self.connection.call("POST", path, query={"upload": ""}, repeatable=True).location

        upload = SessionUpload(self.connection, source, path, begin, tell, self.sessions)
        session, digest = upload.send()
        headers = {**said, "Content-Digest": _content_digest(digest)}
        with upload.ending():
            try:
                return _check(source, digest, self.connection.call("PUT", session, content=b"", headers=headers))
            except NotFound:
                # The answer to a first PUT may have been lost after the upload had become a file.
                present = self._find(path)
                if present is None:
                    raise
                return self._compare(source, digest, present)

    def _find(self, path: str) -> Digest | None:
        """What is there under the name; None when nothing is."""
        try:
            answer = self.connection.call("HEAD", path)
        except NotFound:
            return None
        return answer.digest_in("ETag")

    def _compare(self, source: Source, digest: Digest, present: Digest) -> _Pushed:
        if digest != present:
            raise Conflict(
                f"{self.address} has a file {source.name} with other content",
                status=409,
                code="version-exists",
                hint="A version never changes: push under a new one.",
            )
        return _Pushed(StoredFile(source.name, digest, source.size))


def _check(source: Source, digest: Digest, answer: Answer) -> _Pushed:
    stored = answer.read(_Stored)
    if stored.digest != digest:
        raise WrongContent(f"the registry stored {source.name} as {stored.digest}; it is {digest}")
    return _Pushed(StoredFile(source.name, stored.digest, stored.size), stored.artifact)


def _content_digest(digest: Digest) -> str:
    """RFC 9530: ``sha-256=:<base64>:``."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(digest.hex)).decode()}:"


def _ascii(annotations: Mapping[str, str]) -> str:
    text = json.dumps(dict(annotations), separators=(",", ":"))
    if len(text) > _MAX_ANNOTATIONS:
        raise Misuse(f"the annotations are {len(text)} bytes long; at most {_MAX_ANNOTATIONS} can be sent")
    return text

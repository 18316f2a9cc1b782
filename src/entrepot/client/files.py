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

    def push(self, sources: Sequence[Source], annotations: Mapping[str, str]) -> list[StoredFile]:
        """Add files to the version; what is there already, with the same bytes, is not sent again."""
        said = {"Entrepot-Annotations": _ascii(annotations)} if annotations else {}
        return self.transfers.run([partial(self._push, source, said) for source in sources])

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

    def _push(self, source: Source, said: Mapping[str, str]) -> StoredFile:
        path = self._path + escape(source.name)
        push = self._push_whole if source.size <= WHOLE_SIZE else self._push_in_session
        stored = push(source, path, said)
        self.transfers.finish(source.name, source.size)
        return stored

    def _push_whole(self, source: Source, path: str, said: Mapping[str, str]) -> StoredFile:
        content = b"".join(source.pieces())
        source.check()
        digest = Digest.of(content)
        headers = {**said, "Content-Digest": _content_digest(digest)}
        return _check(source, digest, self.connection.call("PUT", path, content=content, headers=headers))

    def _push_in_session(self, source: Source, path: str, said: Mapping[str, str]) -> StoredFile:
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

    def _compare(self, source: Source, digest: Digest, present: Digest) -> StoredFile:
        if digest != present:
            raise Conflict(
                f"{self.address} has a file {source.name} with other content",
                status=409,
                code="version-exists",
                hint="A version never changes: push under a new one.",
            )
        return StoredFile(source.name, digest, source.size)


def _check(source: Source, digest: Digest, answer: Answer) -> StoredFile:
    stored = answer.read(_Stored)
    if stored.digest != digest:
        raise WrongContent(f"the registry stored {source.name} as {stored.digest}; it is {digest}")
    return StoredFile(stored.path, stored.digest, stored.size)


def _content_digest(digest: Digest) -> str:
    """RFC 9530: ``sha-256=:<base64>:``."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(digest.hex)).decode()}:"


def _ascii(annotations: Mapping[str, str]) -> str:
    text = json.dumps(dict(annotations), separators=(",", ":"))
    if len(text) > _MAX_ANNOTATIONS:
        raise Misuse(f"the annotations are {len(text)} bytes long; at most {_MAX_ANNOTATIONS} can be sent")
    return text

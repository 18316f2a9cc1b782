"""Stored versions as this format reads them: which files, with which checksums, and what their POM says."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.formats.maven.rules import KIND
from entrepot.model.contents import Contents
from entrepot.model.errors import Corrupt, NotFound, ReferenceUnknown
from entrepot.model.names import View
from entrepot.operations.resolve import find_blob, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.model.access import Caller
    from entrepot.model.contents import File, FilePath
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.operations.add_files import Metadata
    from entrepot.operations.registry import Registry


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """What a version holds."""

    contents: Contents
    metadata: Metadata

    def find(self, path: FilePath) -> File | None:
        """The file of this name."""
        return self.contents.files.get(path)

    def checksums(self, file: File) -> Mapping[str, str]:
        """The checksums of a file, by algorithm."""
        known: Mapping[str, str] = self.metadata["files"][file.path]
        return {**known, file.digest.algorithm: file.digest.hex}

    def modified_at(self, file: File) -> datetime | None:
        """When the registry that a file came from had it last changed; None for what was published here."""
        text = self.metadata.get("modified", {}).get(file.path)
        return None if text is None else datetime.fromisoformat(text)


async def read_stored(
    registry: Registry, caller: Caller, view: View, package: PackageId, version: ReferenceName
) -> StoredFiles:
    """What a version holds, as *view* shows it. Raises like `resolve`."""
    found = await resolve(registry, caller, view, package, name=version)
    known = _KNOWN.get(found.digest)
    if known is None:
        contents = Contents.read(found.content, KIND)
        if contents is None or contents.config is None:
            raise ReferenceUnknown(version)
        config = await find_blob(registry, caller, view, package, contents.config)
        if config.content is None:
            raise Corrupt(contents.config)
        metadata: dict[str, Any] = msgspec.json.decode(config.content, type=dict[str, Any])
        known = StoredFiles(contents, metadata)
        _KNOWN.put(found.digest, known)
    return known


async def find_stored(
    registry: Registry, caller: Caller, package: PackageId, version: ReferenceName
) -> StoredFiles | None:
    """The same, before something is added to it; None when there is no such version yet."""
    try:
        return await read_stored(registry, caller, View(package.namespace), package, version)
    except NotFound:
        return None


class _Memory:
    """What the manifests that were read last say: a digest says the same for ever. The bound is on files."""

    def __init__(self, files: int) -> None:
        self._room = files
        self._known: OrderedDict[Digest, StoredFiles] = OrderedDict()

    def get(self, digest: Digest) -> StoredFiles | None:
        known = self._known.get(digest)
        if known is not None:
            self._known.move_to_end(digest)
        return known

    def put(self, digest: Digest, stored: StoredFiles) -> None:
        if digest in self._known:
            return
        self._known[digest] = stored
        self._room -= 1 + len(stored.contents.files)
        while self._room < 0 and len(self._known) > 1:
            _, oldest = self._known.popitem(last=False)
            self._room += 1 + len(oldest.contents.files)


_KNOWN: Final = _Memory(files=20_000)

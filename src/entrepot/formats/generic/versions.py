"""Stored versions: what they hold, and how one grows by a file."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.formats.generic.metadata import KIND, compose, config_of
from entrepot.model.contents import Contents, File
from entrepot.model.digest import Digest
from entrepot.model.errors import VersionExists
from entrepot.operations.add_file import Growth
from entrepot.operations.grow import Stored
from entrepot.operations.upload import StoredBlob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.formats.generic.rules import MediaType
    from entrepot.model.contents import FilePath
    from entrepot.model.names import PackageName, ReferenceName


@dataclass(frozen=True, slots=True)
class FileAddition:
    """One file, and what is said with it, on its way into a version.

    Implements `entrepot.operations.add_file.Addition`.
    """

    package: PackageName
    version: ReferenceName
    path: FilePath
    media_type: MediaType
    annotations: Mapping[str, str]

    def find(self, before: Stored | None) -> Digest | None:
        """What the version has under the path. Raises `VersionExists` when the version is not made of files."""
        file = self._contents(before).files.get(self.path)
        return None if file is None else file.digest

    def grow(self, before: Stored | None, blob: StoredBlob) -> Growth:
        """The version with *blob* under the path. Raises `VersionExists`, `NameTaken`."""
        contents = self._contents(before)
        after = contents.with_file(File(self.path, self.media_type, blob.digest, blob.size))
        after = after.with_annotations(self.annotations)
        config = config_of(self.package, self.version)
        artifact = compose(self.package, self.version, after)
        # The next file of a large version will be asked of it.
        _KNOWN.put(artifact.digest, after)
        return Growth(
            artifact=artifact,
            blobs=(StoredBlob(Digest.of(config), len(config), config),),
            is_new=self.path not in contents.files,
        )

    def _contents(self, stored: Stored | None) -> Contents:
        if stored is None:
            return Contents()
        contents = read_contents(stored.digest, stored.manifest)
        if contents is None:
            raise VersionExists(self.version, expected=stored.digest)
        return contents


def read_contents(digest: Digest, manifest: bytes) -> Contents | None:
    """What a stored version holds; None when it is not made of files."""
    known = _KNOWN.get(digest)
    if known is None:
        known = Contents.read(manifest, KIND)
        if known is not None:
            _KNOWN.put(digest, known)
    return known


class _Memory:
    """The contents of the versions that were read last: a digest says the same for ever.

    A large version takes long to read and much room to keep, so the bound is on files, not on versions.
    """

    def __init__(self, files: int) -> None:
        self._room = files
        self._known: OrderedDict[Digest, Contents] = OrderedDict()

    def get(self, digest: Digest) -> Contents | None:
        known = self._known.get(digest)
        if known is not None:
            self._known.move_to_end(digest)
        return known

    def put(self, digest: Digest, contents: Contents) -> None:
        if digest in self._known:
            return
        self._known[digest] = contents
        self._room -= 1 + len(contents.files)
        while self._room < 0 and len(self._known) > 1:
            _, oldest = self._known.popitem(last=False)
            self._room += 1 + len(oldest.files)


_KNOWN: Final = _Memory(files=50_000)

"""The Sigstore bundle that comes with a version: the provenance of its tarball.

https://docs.npmjs.com/generating-provenance-statements.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from entrepot.formats.npm.metadata import KIND
from entrepot.model.contents import Contents, FilePath
from entrepot.model.digest import Digest
from entrepot.operations.registry import Carried
from entrepot.trust.evidence import EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from entrepot.model.artifact import Artifact
    from entrepot.model.names import PackageId

_BUNDLE: Final = ".sigstore"
_TARBALL: Final = ".tgz"
_INTEGRITY: Final = "sha512-"


def find_evidence(package: PackageId, artifact: Artifact, metadata: Mapping[str, Any]) -> Iterator[Carried]:
    """The bundle of a version, if it has one; it is about the package URL of the version."""
    contents = Contents.read(artifact.content, KIND)
    files = {} if contents is None else contents.files
    for path, file in files.items():
        stem = path.removesuffix(_BUNDLE)
        tarball = files.get(FilePath(stem + _TARBALL)) if path.endswith(_BUNDLE) else None
        if tarball is not None:
            version = stem.removeprefix(f"{package.name.rpartition('/')[2]}-")
            yield Carried(
                EvidenceKind.NPM_PROVENANCE,
                file.digest,
                tarball.digest,
                name=f"{package.name}@{version}",
                others=tuple(_sha512(metadata, tarball.path)),
            )


def _sha512(metadata: Mapping[str, Any], path: FilePath) -> Iterator[Digest]:
    """What the tarball is called by the algorithm that npm signs, as far as the version's metadata says it."""
    facts = metadata.get("files")
    known = facts.get(path) if isinstance(facts, dict) else None
    integrity = known.get("integrity") if isinstance(known, dict) else None
    if isinstance(integrity, str) and integrity.startswith(_INTEGRITY):
        try:
            value = base64.b64decode(integrity.removeprefix(_INTEGRITY), validate=True)
        except binascii.Error:
            return
        if len(value) == 64:  # noqa: PLR2004 (bytes of a sha512)
            yield Digest("sha512", value.hex())

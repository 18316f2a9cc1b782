"""Signatures among plain files: beside single files, and over all files of a model.

https://github.com/sigstore/model-transparency: ``model.sig`` is over every other file of the version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from entrepot.formats.generic.metadata import KIND
from entrepot.model.contents import Contents
from entrepot.operations.evidence import signatures_beside
from entrepot.operations.registry import Carried
from entrepot.trust.evidence import EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from entrepot.model.artifact import Artifact
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId

_MODEL_SIGNATURE: Final = "model.sig"


def find_evidence(_: PackageId, artifact: Artifact, __: Mapping[str, Any]) -> Iterator[Carried]:
    """What lies beside the files of a version, or over all of them."""
    contents = Contents.read(artifact.content, KIND)
    if contents is None:
        return
    yield from signatures_beside(contents.files)
    for path, file in contents.files.items():
        if path.rpartition("/")[2] == _MODEL_SIGNATURE:
            others: dict[str, Digest] = {other: each.digest for other, each in contents.files.items() if other != path}
            yield Carried(EvidenceKind.MODEL_SIGNING, file.digest, artifact.digest, files=others)

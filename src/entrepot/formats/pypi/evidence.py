"""The attestations of a release's files (PEP 740), and their signatures of old (``.asc``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from entrepot.formats.pypi.attestations import subject_of
from entrepot.formats.pypi.release import KIND
from entrepot.model.contents import Contents, FilePath
from entrepot.operations.evidence import signatures_beside
from entrepot.operations.registry import Carried
from entrepot.trust.evidence import EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from entrepot.model.artifact import Artifact
    from entrepot.model.names import PackageId


def find_evidence(_: PackageId, artifact: Artifact, __: Mapping[str, Any]) -> Iterator[Carried]:
    """What lies beside the distributions of a release."""
    contents = Contents.read(artifact.content, KIND)
    files = {} if contents is None else contents.files
    yield from signatures_beside(files)
    for path, file in files.items():
        name = subject_of(path)
        about = None if name is None else files.get(FilePath(name))
        if about is not None:
            yield Carried(EvidenceKind.PEP740, file.digest, about.digest, name=name)

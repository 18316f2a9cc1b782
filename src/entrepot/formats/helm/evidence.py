"""The provenance files of charts: signed lists of the digests of what they lie beside.

https://helm.sh/docs/topics/provenance/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from entrepot.formats.helm.rules import KIND
from entrepot.model.contents import Contents, FilePath
from entrepot.operations.registry import Carried
from entrepot.trust.evidence import EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from entrepot.model.artifact import Artifact
    from entrepot.model.names import PackageId

_SUFFIX: Final = ".prov"


def find_evidence(_: PackageId, artifact: Artifact, __: Mapping[str, Any]) -> Iterator[Carried]:
    """The provenance of a version's chart, if it has one."""
    contents = Contents.read(artifact.content, KIND)
    files = {} if contents is None else contents.files
    for path, file in files.items():
        name = path.removesuffix(_SUFFIX)
        chart = files.get(FilePath(name)) if path.endswith(_SUFFIX) else None
        if chart is not None:
            yield Carried(EvidenceKind.OPENPGP_CLEARSIGNED, file.digest, chart.digest, name=name)

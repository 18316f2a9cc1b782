"""The signatures that Maven's plugins put beside each file: ``.asc``, and ``.sigstore.json``.

https://maven.apache.org/plugins/maven-gpg-plugin/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from entrepot.formats.maven.rules import KIND
from entrepot.model.contents import Contents
from entrepot.operations.evidence import signatures_beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from entrepot.model.artifact import Artifact
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Carried


def find_evidence(_: PackageId, artifact: Artifact, __: Mapping[str, Any]) -> Iterable[Carried]:
    """What lies beside the files of a version."""
    contents = Contents.read(artifact.content, KIND)
    return () if contents is None else signatures_beside(contents.files)

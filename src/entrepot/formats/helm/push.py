"""Charts in through OCI: the manifest that ``helm push`` writes, looked into before it is a version.

The manifest stays as it was pushed, so the digest that the client was told is the version's, and the version is
complete: provenance that was not pushed with the chart cannot join it later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.formats.helm.archive import LIMITS, examine_chart
from entrepot.formats.helm.metadata import read_config
from entrepot.formats.helm.provenance import MAX_SIZE as PROVENANCE_SIZE
from entrepot.formats.helm.provenance import check_provenance, examine_provenance
from entrepot.formats.helm.rules import CHART, CONFIG, KIND, PROVENANCE, RULES, print_file
from entrepot.model.artifact import IMAGE_MANIFEST, LinkKind
from entrepot.model.contents import Contents
from entrepot.model.errors import InvalidDigest, InvalidManifest
from entrepot.operations.receive_file import look_into_blob

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from entrepot.formats.helm.metadata import ChartMetadata
    from entrepot.formats.helm.provenance import Provenance
    from entrepot.model.artifact import Artifact, Descriptor
    from entrepot.model.contents import FilePath
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.operations.registry import Registry

_CONFIG_SIZE: Final = 256 * 1024
_ALGORITHM: Final = "sha256"


async def accept_chart(
    registry: Registry, package: PackageId, artifact: Artifact, names: Sequence[ReferenceName]
) -> ReferenceName:
    """As `entrepot.operations.registry.Accept` says: a manifest as ``helm push`` writes it.

    Helm pushes it by its digest first, and then by its version; it is that version from the first on.
    """
    config, chart, provenance = _parts(artifact)
    found = await look_into_blob(registry, package, chart.digest, examine_chart, limit=LIMITS.unpacked_size)
    version = found.version
    if not {RULES.parse_version(name) for name in names} <= {version}:
        raise InvalidManifest("tags", expected=version, actual=", ".join(names)[:200])
    _require_same("the chart", found, package, version)
    said = await look_into_blob(registry, package, config.digest, _examine_config, limit=_CONFIG_SIZE)
    _require_same("the config", said, package, version)
    expected = {print_file(package.name, version): chart.digest}
    if provenance is not None:
        signed = await look_into_blob(registry, package, provenance.digest, examine_provenance, limit=PROVENANCE_SIZE)
        _require_same("the provenance", signed, package, version)
        check_provenance(signed, chart.digest)
        expected[print_file(package.name, version, is_provenance=True)] = provenance.digest
    _require_names(artifact, expected)
    return version


def _parts(artifact: Artifact) -> tuple[Descriptor, Descriptor, Descriptor | None]:
    """Config, chart and provenance. Raises `InvalidManifest`."""
    if artifact.media_type != IMAGE_MANIFEST or artifact.effective_type != CONFIG or artifact.config_type != CONFIG:
        raise InvalidManifest(
            "manifest", expected=f"a chart's, with a config of {CONFIG}", actual=artifact.effective_type
        )
    if artifact.subject is not None:
        raise InvalidManifest("subject", expected="none: a chart refers to nothing")
    config = [link.target for link in artifact.links if link.kind is LinkKind.CONFIG]
    layers = [link.target for link in artifact.links if link.kind is LinkKind.LAYER]
    charts = [layer for layer in layers if layer.media_type == CHART]
    provenance = [layer for layer in layers if layer.media_type == PROVENANCE]
    if len(charts) != 1 or len(provenance) > 1 or len(layers) != len(charts) + len(provenance):
        raise InvalidManifest(
            "layers",
            expected=f"one of {CHART}, and at most one of {PROVENANCE}",
            actual=", ".join(layer.media_type for layer in layers)[:300],
        )
    for part in (*config, *layers):
        if part.digest.algorithm != _ALGORITHM:
            raise InvalidDigest(part.digest, expected=f"{_ALGORITHM}, which a repository's index has")
    return config[0], charts[0], provenance[0] if provenance else None


def _examine_config(file: BinaryIO) -> ChartMetadata:
    return read_config(file.read())


def _require_same(what: str, found: ChartMetadata | Provenance, package: PackageId, version: ReferenceName) -> None:
    if (found.name, found.version) != (package.name, version):
        raise InvalidManifest(
            what, expected=print_file(package.name, version), actual=print_file(found.name, found.version)
        )


def _require_names(artifact: Artifact, expected: dict[FilePath, Digest]) -> None:
    """The names by which the files will be found: from the layers' titles, or else from the manifest's annotations."""
    contents = Contents.read(artifact.content, KIND)
    files = {} if contents is None else {path: file.digest for path, file in contents.files.items()}
    if files != expected:
        raise InvalidManifest(
            "annotations",
            expected=f"the chart's name and version, as helm push writes them, for {', '.join(expected)}",
            actual=", ".join(files)[:300],
        )

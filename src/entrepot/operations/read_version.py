"""One version as its format published it: its files, and its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from entrepot.model.contents import Contents
from entrepot.model.errors import InvalidMetadata
from entrepot.operations.receive_file import look_into_blob

if TYPE_CHECKING:
    from entrepot.model.artifact import Artifact
    from entrepot.model.contents import Kind
    from entrepot.model.names import PackageId
    from entrepot.operations.add_files import Metadata
    from entrepot.operations.registry import Registry


async def read_version(
    registry: Registry, package: PackageId, artifact: Artifact, kind: Kind
) -> tuple[Contents, Metadata] | None:
    """What an artifact holds as a version of *kind*; None when it is none.

    Raises `InvalidMetadata`, or what `look_into_blob` raises.
    """
    if artifact.is_index or (contents := Contents.read(artifact.content, kind)) is None or contents.config is None:
        return None
    return contents, await look_into_blob(
        registry, package, contents.config, _decode, limit=registry.limits.manifest_size
    )


def _decode(file: BinaryIO) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read(), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMetadata("config", expected="JSON", actual=str(error)[:200]) from error

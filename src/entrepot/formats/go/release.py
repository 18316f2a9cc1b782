"""What a version is made of here: its zip, its go.mod, and what is known of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.formats.go.rules import GO, RULES
from entrepot.model.contents import FilePath, Kind
from entrepot.operations.add_files import Addition, NewFile, add_files
from entrepot.operations.receive_file import receive_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from typing import BinaryIO

    from entrepot.formats.go.module import Module
    from entrepot.formats.go.rules import Version
    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId
    from entrepot.operations.add_files import Added, Metadata
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob

KIND: Final = Kind.of(GO)

_STORED_TYPES: Final = {"mod": "text/plain", "zip": "application/zip"}


def file_path(version: Version, kind: str) -> FilePath:
    """What the file of a kind (``mod``, ``zip``) is called in its version."""
    return FilePath(f"{version}.{kind}")


async def publish_module(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    version: Version,
    *,
    archive: StoredBlob,
    found: Module,
    time: datetime | None,
) -> Added:
    """Make a version of a zip that was looked into, with its go.mod. Raises what `add_files` raises."""
    go_mod, _ = await receive_file(
        registry, caller, package, _once(found.go_mod), _look_nowhere, size=len(found.go_mod)
    )
    metadata = _metadata(package, version, found, time=time)
    addition = Addition(
        version=RULES.parse_version(str(version)),
        files=(
            NewFile(file_path(version, "zip"), _STORED_TYPES["zip"], archive),
            NewFile(file_path(version, "mod"), _STORED_TYPES["mod"], go_mod),
        ),
        describe=lambda _: metadata,
        sealed=True,
    )
    return await add_files(registry, caller, package, KIND, addition)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _look_nowhere(_: BinaryIO) -> None:
    """It was looked into already."""


def _metadata(package: PackageId, version: Version, found: Module, *, time: datetime | None) -> Metadata:
    metadata = {
        "format": GO,
        "module": str(package.name),
        "version": str(version),
        "zip_hash": found.zip_hash,
        "go_mod_hash": found.go_mod_hash,
    }
    return metadata if time is None else {**metadata, "time": time.isoformat()}

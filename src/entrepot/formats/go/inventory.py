"""What a module says is needed by it: its ``go.mod`` (https://go.dev/ref/mod#go-mod-file)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from entrepot.formats.go.release import KIND
from entrepot.inventory.packages import Needed, describe_package, subject_of
from entrepot.operations.read_version import read_version
from entrepot.operations.receive_file import look_into_blob

if TYPE_CHECKING:
    from typing import BinaryIO

    from entrepot.inventory.inventory import Inventory
    from entrepot.model.artifact import Artifact
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry

_SIZE: Final = 16 * 1024 * 1024
"""The largest go.mod that the go command takes."""
_REQUIRED: Final = re.compile(r'(?:require\s+)?"?(?P<module>[^\s"()]+\.[^\s"()]+)"?\s+(?P<version>v[^\s/]+)')


async def describe(registry: Registry, package: PackageId, artifact: Artifact) -> Inventory | None:
    """As `entrepot.operations.registry.Describe` says."""
    found = await read_version(registry, package, artifact, KIND)
    if found is None:
        return None
    contents, metadata = found
    module = str(metadata.get("module") or package.name)
    namespace, _, name = module.rpartition("/")
    mod = next((file for path, file in contents.files.items() if path.endswith(".mod")), None)
    text = "" if mod is None else await look_into_blob(registry, package, mod.digest, _read, limit=_SIZE)
    return describe_package(
        subject_of("golang", name, str(metadata.get("version")), namespace=namespace or None, full=module),
        contents.files,
        list(_needed(text)),
    )


def _read(file: BinaryIO) -> str:
    return file.read(_SIZE).decode("utf-8", "replace")


def _needed(text: str) -> Iterator[Needed]:
    """What is required, directly or not: the version is the least that will do."""
    block = ""
    for line in text.splitlines():
        said = line.partition("//")[0].strip()
        if said.endswith("("):
            block = said[:-1].strip()
        elif said == ")":
            block = ""
        elif block == "require" or said.startswith("require "):
            match = _REQUIRED.fullmatch(said)
            if match is not None:
                namespace, _, name = match["module"].rpartition("/")
                yield Needed("golang", name, namespace or None, f">={match['version']}")

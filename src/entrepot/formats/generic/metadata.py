"""A version of plain files: its config says format, package and version, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.formats.generic.rules import GENERIC
from entrepot.model import contents
from entrepot.model.contents import Contents, Kind, encode_config

if TYPE_CHECKING:
    from entrepot.model.artifact import Artifact
    from entrepot.model.names import PackageName, ReferenceName

KIND: Final = Kind.of(GENERIC)


def config_of(package: PackageName, version: ReferenceName) -> bytes:
    """The version's normalised metadata, as canonical JSON."""
    return encode_config({"format": GENERIC, "package": package, "version": version})


def compose(package: PackageName, version: ReferenceName, files: Contents) -> Artifact:
    """The canonical manifest. Its config is `config_of` the same."""
    return contents.compose(KIND, config_of(package, version), files)

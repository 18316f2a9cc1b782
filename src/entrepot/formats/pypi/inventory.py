"""What a release says is in it and needed by it: its core metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from entrepot.formats.pypi.release import KIND, read_release
from entrepot.inventory.licences import normalise, normalise_classifiers
from entrepot.inventory.packages import Needed, describe_package, subject_of, texts
from entrepot.model.errors import InvalidMetadata
from entrepot.operations.read_version import read_version

if TYPE_CHECKING:
    from entrepot.inventory.inventory import Inventory
    from entrepot.model.artifact import Artifact
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry


async def describe(registry: Registry, package: PackageId, artifact: Artifact) -> Inventory | None:
    """As `entrepot.operations.registry.Describe` says."""
    found = await read_version(registry, package, artifact, KIND)
    if found is None:
        return None
    contents, metadata = found
    release = read_release(metadata)
    if release is None:
        raise InvalidMetadata("config", expected="a release of this format")
    info = release.info
    return describe_package(
        subject_of("pypi", package.name, release.version, full=release.name),
        contents.files,
        [needed for text in texts(info.get("requires_dist")) for needed in _needed(text)],
        licences=_licences(info),
    )


def _licences(info: Mapping[str, str | list[str]]) -> list[str]:
    """Core metadata 2.4 has an expression; before it there was a text, which may be a whole licence, or classifiers."""
    expression, text = info.get("license_expression"), info.get("license")
    if isinstance(expression, str) and expression:
        return [expression]
    classified = normalise_classifiers(texts(info.get("classifiers")))
    if isinstance(text, str) and text and (known := normalise(text)) is not None:
        return [known]
    return [classified] if classified is not None else [text.partition("\n")[0] for text in texts(text)]


def _needed(text: str) -> Iterator[Needed]:
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, RecursionError):
        return
    marker = "" if requirement.marker is None else str(requirement.marker)
    # What is only needed for an extra is not needed by the package.
    if "extra" not in marker:
        constraint = f"{requirement.specifier}{f'; {marker}' if marker else ''}"
        yield Needed("pypi", canonicalize_name(requirement.name), constraint=constraint or None)

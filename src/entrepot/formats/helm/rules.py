"""What charts, their versions and their files are called, and which version is newer: pure, for hostile input."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import TYPE_CHECKING, Final

from entrepot.model.contents import FilePath, Kind
from entrepot.model.errors import InvalidName, InvalidReference
from entrepot.model.names import FormatName, PackageName, ReferenceName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

HELM: Final = FormatName("helm")

CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
CHART: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
PROVENANCE: Final = "application/vnd.cncf.helm.chart.provenance.v1.prov"
"""Helm's own media types: so that ``helm pull oci://`` finds in our manifests what it finds in its own."""


def _name_layer(media_type: str, annotations: Mapping[str, str]) -> str:
    """What Helm's own manifests call a file: they have the chart's name and version, and layers by their types."""
    chart = f"{annotations.get(_NAME_SAID, '')}-{annotations.get(_VERSION_SAID, '')}.tgz"
    return {CHART: chart, PROVENANCE: f"{chart}.prov"}.get(media_type, "")


_NAME_SAID: Final = "org.opencontainers.image.title"
_VERSION_SAID: Final = "org.opencontainers.image.version"
KIND: Final = Kind(CONFIG, CONFIG, _name_layer)

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_IDENTIFIERS: Final = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION: Final = re.compile(
    rf"v?(?P<major>[0-9]+)(?:\.(?P<minor>[0-9]+))?(?:\.(?P<patch>[0-9]+))?"
    rf"(?:-(?P<prerelease>{_IDENTIFIERS}))?(?:\+(?P<build>{_IDENTIFIERS}))?"
)
_VERSION_LENGTH: Final = 128


class HelmRules:
    """A chart's name is what Helm lets one be created with; its version is what Helm reads as a semantic version."""

    format = HELM

    def normalize(self, name: str) -> PackageName:
        """The name as it is: ``Web`` and ``web`` are two charts. Raises `InvalidName`."""
        if _NAME.fullmatch(name) is None:
            raise InvalidName(
                name[:200], expected="a chart's name: letters, digits and . _ -, no dot first, at most 128 characters"
            )
        return PackageName(name)

    def parse_version(self, text: str) -> ReferenceName:
        """Read a version as a chart writes it, or as a tag: ``1.0.0+build`` is ``1.0.0_build``.

        That is Helm's own spelling in registries, whose tags have no ``+``; no version has a ``_`` of its own.

        Raises `InvalidReference`.
        """
        return ReferenceName(str(ChartVersion.parse(text.replace("_", "+"))).replace("+", "_"))


RULES: Final = HelmRules()


@total_ordering
@dataclass(frozen=True, slots=True)
class ChartVersion:
    """A version as Helm compares it: Semantic Versioning 2.0.0, where ``v1`` and ``1.0`` are read as ``1.0.0``."""

    text: str
    precedence: tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a version. Raises `InvalidReference`."""
        found = _VERSION.fullmatch(text) if len(text) <= _VERSION_LENGTH else None
        if found is None:
            raise InvalidReference(
                text[:200], expected=f"a semantic version such as 1.2.3, at most {_VERSION_LENGTH} characters"
            )
        prerelease = found["prerelease"]
        identifiers = [] if prerelease is None else prerelease.split(".")
        return cls(
            text,
            (
                (int(found["major"]), int(found["minor"] or 0), int(found["patch"] or 0)),
                prerelease is None,
                # SemVer 2.0.0, 11.4: numbers by their value and below words; build metadata says nothing.
                tuple((not each.isdigit(), int(each) if each.isdigit() else 0, each) for each in identifiers),
            ),
        )

    def __lt__(self, other: ChartVersion) -> bool:
        # The text decides between versions that Helm holds for equal, so that the order is the same every time.
        return (self.precedence, self.text) < (other.precedence, other.text)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class ChartFile:
    """A file of a chart's version, by what it is called: the chart itself, or its provenance."""

    version: ReferenceName
    path: FilePath
    is_provenance: bool


def parse_file(chart: PackageName, name: str) -> ChartFile:
    """Read ``web-1.2.3.tgz`` or ``web-1.2.3.tgz.prov`` as a file of the chart ``web``. Raises `InvalidName`."""
    is_provenance = name.endswith(".tgz.prov")
    version = name.removesuffix(".prov").removesuffix(".tgz").removeprefix(f"{chart}-")
    try:
        reference = HelmRules().parse_version(version)
    except InvalidReference:
        reference = None
    if reference is None or name != print_file(chart, reference, is_provenance=is_provenance):
        raise InvalidName(name[:300], expected=f"{chart}-<version>.tgz or {chart}-<version>.tgz.prov")
    return ChartFile(reference, FilePath(name), is_provenance)


def print_file(chart: PackageName, version: ReferenceName, *, is_provenance: bool = False) -> FilePath:
    """What `parse_file` reads."""
    return FilePath(f"{chart}-{print_version(version)}.tgz{'.prov' if is_provenance else ''}")


def url_of(chart: PackageName, path: FilePath) -> str:
    """Where a chart's file is, from the index."""
    return f"charts/{chart}/{path}"


def print_version(version: ReferenceName) -> str:
    """The version as charts write it."""
    return version.replace("_", "+")

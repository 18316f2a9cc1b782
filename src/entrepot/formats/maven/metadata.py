"""``maven-metadata.xml``: what there is, as data, and as the documents that clients read.

https://maven.apache.org/ref/3.9.9/maven-repository-metadata/repository-metadata.html.
The server makes these from what is stored. Clients read, change and write them back, so of two that deploy at once one
would undo the other's; what they write is not needed and not kept.

A version is listed once its POM is there: it comes late in a deployment, and a version without one cannot be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from entrepot.formats.maven.plugin import prefix_of
from entrepot.formats.maven.rules import ArtifactPath, Build, is_snapshot, parse_file, snapshot_of
from entrepot.scanning.versions.maven import sort_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from entrepot.model.names import PackageName
    from entrepot.operations.read_package import StoredPackage, StoredVersion

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'


@dataclass(frozen=True, slots=True)
class ListedVersions:
    """The versions of a package, by the names that people write: a snapshot is one, whatever its builds."""

    versions: frozenset[str]
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file of a snapshot, in the newest build that has it."""

    classifier: str
    extension: str
    build: Build

    def path(self, name: PackageName, snapshot: str) -> ArtifactPath:
        """Where it is. Raises `InvalidName`, `InvalidReference` for what no path can say."""
        artifact = name.partition("/")[2]
        classifier = f"-{self.classifier}" if self.classifier else ""
        return parse_file(name, snapshot, f"{artifact}-{self.build.value}{classifier}.{self.extension}")


@dataclass(frozen=True, slots=True)
class ListedBuilds:
    """What there is of a snapshot."""

    newest: Build
    files: Sequence[ListedFile]


@dataclass(frozen=True, slots=True)
class ListedPlugin:
    """A plugin of a group."""

    name: str
    prefix: str
    artifact: str


# --- what there is ---


def list_versions(package: StoredPackage) -> ListedVersions:
    """The versions that can be used and that nobody has yanked."""
    listed = _listed(package)
    return ListedVersions(
        frozenset(snapshot_of(version.name) for version in listed),
        max((version.published_at for version in listed), default=None),
    )


def list_builds(package: StoredPackage, name: PackageName, snapshot: str) -> ListedBuilds | None:
    """The newest build of a snapshot, and of each file the newest build that has it; None when there is none."""
    newest: dict[tuple[str, str], Build] = {}
    builds = [
        (build, version)
        for version in _listed(package)
        if (build := Build.parse(version.name)) is not None and snapshot_of(version.name) == snapshot
    ]
    if not builds:
        return None
    for build, version in sorted(builds, key=lambda pair: pair[0]):
        for classifier, extension in _kinds(name, snapshot, version):
            newest[classifier, extension] = build
    return ListedBuilds(
        max(build for build, _ in builds), [ListedFile(*kind, build) for kind, build in sorted(newest.items())]
    )


def find_newest(listed: ListedBuilds, classifier: str, extension: str) -> Build | None:
    """The newest build that has a file; of which it is not said what they have, the newest."""
    if not listed.files:
        return listed.newest
    kinds = {(file.classifier, file.extension): file.build for file in listed.files}
    return kinds.get((classifier, extension))


def list_yanked(package: StoredPackage) -> frozenset[str]:
    """The versions that are here and not listed because somebody has yanked them; builds are yanked by themselves."""
    return frozenset(version.name for version in package.versions if version.yanked is not None)


def find_listed_plugin(package: StoredPackage, name: PackageName) -> ListedPlugin | None:
    """How a package is called as a plugin, by its newest version; None when it is none."""
    artifact = name.partition("/")[2]
    for version in reversed(_listed(package)):
        if (plugin := version.metadata.get("plugin")) is not None:
            return ListedPlugin(plugin["name"] or artifact, plugin["prefix"], artifact)
        pom = version.metadata["pom"]
        if pom["packaging"] == "maven-plugin":
            return ListedPlugin(pom.get("name", artifact), prefix_of(artifact), artifact)
    return None


def _listed(package: StoredPackage) -> list[StoredVersion]:
    return [version for version in package.versions if version.yanked is None and "pom" in version.metadata]


def _kinds(name: PackageName, snapshot: str, version: StoredVersion) -> Iterator[tuple[str, str]]:
    """The classifier and extension of each file of a build."""
    for file in version.contents.files:
        path = parse_file(name, snapshot, file)
        yield path.classifier, path.extension


# --- as documents ---


def render_versions(name: PackageName, listed: ListedVersions) -> bytes:
    """The metadata of a package."""
    group, _, artifact = name.partition("/")
    ordered = sort_versions(listed.versions)
    releases = [version for version in ordered if not is_snapshot(version)]
    lines = [f"  <groupId>{group}</groupId>", f"  <artifactId>{artifact}</artifactId>", "  <versioning>"]
    if ordered:
        lines.append(f"    <latest>{_text(ordered[-1])}</latest>")
    if releases:
        lines.append(f"    <release>{_text(releases[-1])}</release>")
    lines += [
        "    <versions>",
        *(f"      <version>{_text(version)}</version>" for version in ordered),
        "    </versions>",
    ]
    if listed.updated_at is not None:
        lines.append(f"    <lastUpdated>{listed.updated_at:%Y%m%d%H%M%S}</lastUpdated>")
    return _document("<metadata>", [*lines, "  </versioning>"])


def render_builds(name: PackageName, snapshot: str, listed: ListedBuilds) -> bytes:
    """The metadata of a snapshot."""
    group, _, artifact = name.partition("/")
    newest = listed.newest
    lines = [
        f"  <groupId>{group}</groupId>",
        f"  <artifactId>{artifact}</artifactId>",
        f"  <version>{_text(snapshot)}</version>",
        "  <versioning>",
        "    <snapshot>",
        f"      <timestamp>{newest.timestamp}</timestamp>",
        f"      <buildNumber>{newest.number}</buildNumber>",
        "    </snapshot>",
        f"    <lastUpdated>{_updated(newest)}</lastUpdated>",
        "    <snapshotVersions>",
    ]
    for file in listed.files:
        lines.append("      <snapshotVersion>")
        if file.classifier:
            lines.append(f"        <classifier>{_text(file.classifier)}</classifier>")
        lines += [
            f"        <extension>{_text(file.extension)}</extension>",
            f"        <value>{_text(file.build.value)}</value>",
            f"        <updated>{_updated(file.build)}</updated>",
            "      </snapshotVersion>",
        ]
    return _document('<metadata modelVersion="1.1.0">', [*lines, "    </snapshotVersions>", "  </versioning>"])


def render_plugins(plugins: Iterable[ListedPlugin]) -> bytes:
    """The metadata of a group."""
    lines = ["  <plugins>"]
    for plugin in plugins:
        lines += [
            "    <plugin>",
            f"      <name>{_text(plugin.name)}</name>",
            f"      <prefix>{_text(plugin.prefix)}</prefix>",
            f"      <artifactId>{_text(plugin.artifact)}</artifactId>",
            "    </plugin>",
        ]
    return _document("<metadata>", [*lines, "  </plugins>"])


def _updated(build: Build) -> str:
    return build.timestamp.replace(".", "")


def _document(root: str, lines: list[str]) -> bytes:
    return "\n".join([_DECLARATION, root, *lines, "</metadata>\n"]).encode()


def _text(text: str) -> str:
    return escape(text)

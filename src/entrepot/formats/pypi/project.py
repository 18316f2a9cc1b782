"""What the indexes say of a project, as a value; how it is said is another matter (`simple`, `json_api`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.version import Version

from entrepot.formats.pypi.attestations import subject_of
from entrepot.formats.pypi.release import KIND, metadata_path, read_release, signature_path
from entrepot.formats.pypi.rules import FileType
from entrepot.formats.pypi.status import ProjectStatus, read_status
from entrepot.model.contents import FilePath
from entrepot.operations.read_package import read_package

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.formats.pypi.release import Release
    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, PackageName, ReferenceName, View
    from entrepot.model.position import Position
    from entrepot.operations.read_package import StoredPackage, StoredVersion
    from entrepot.operations.registry import Registry


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """One file of a project."""

    filename: str
    version: str
    """In PEP 440's normal form."""
    release: ReferenceName
    """The same as the registry's addresses have it."""
    sha256: str
    size: int | None
    """None when an upstream does not say."""
    uploaded_at: datetime | None = None
    requires_python: str | None = None
    metadata_sha256: str | None = None
    """Of the metadata from inside it, when installers may go by that alone."""
    yanked: str | None = None
    """Why it is; empty when nobody said."""
    signed: bool = False
    attested: bool = False
    filetype: FileType = FileType.WHEEL
    python_version: str = ""
    other_digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProjectRelease:
    """One release of a project, as far as the JSON API has more to say of it than of its files."""

    version: str
    name: ReferenceName
    display_name: str
    info: Mapping[str, str | list[str]]
    description_in: Digest | None
    """The metadata that its description is read from."""
    yanked: str | None


@dataclass(frozen=True, slots=True)
class Project:
    """All that a view shows of a project."""

    name: PackageName
    revision: Position
    files: Sequence[ProjectFile]
    """By version and name."""
    releases: Sequence[ProjectRelease] = ()
    """By version."""
    status: ProjectStatus = field(default_factory=ProjectStatus)

    @property
    def versions(self) -> list[str]:
        """Those that have files (PEP 700), oldest first."""
        return list(dict.fromkeys(file.version for file in self.files))

    @property
    def offered(self) -> Sequence[ProjectFile]:
        """The files that the index lists."""
        return self.files if self.status.status.offers_files else ()


async def read_project(registry: Registry, caller: Caller, view: View, package: PackageId) -> Project:
    """The project as it is. Raises like `entrepot.operations.browse.find_package`."""
    stored = await read_package(registry, caller, view, package, KIND)
    return make_project(package.name, stored, await read_status(registry, package))


def make_project(name: PackageName, stored: StoredPackage, status: ProjectStatus) -> Project:
    """The project that stored versions are."""
    found = [
        (Version(release.version), version, release)
        for version in stored.versions
        if (release := read_release(version.metadata)) is not None
    ]
    found.sort(key=lambda each: each[0])
    return Project(
        name=name,
        revision=stored.revision,
        files=[file for _, version, release in found for file in _files(version, release, stored.times)],
        releases=[_release(version, release) for _, version, release in found],
        status=status,
    )


def _release(version: StoredVersion, release: Release) -> ProjectRelease:
    described = version.contents.files.get(metadata_path(release.described_by))
    return ProjectRelease(
        version=release.version,
        name=version.name,
        display_name=release.name,
        info=release.info,
        description_in=None if described is None else described.digest,
        yanked=version.yanked,
    )


def _files(version: StoredVersion, release: Release, times: Mapping[Digest, datetime]) -> list[ProjectFile]:
    files = version.contents.files
    attested = {subject for path in files if (subject := subject_of(path)) is not None}
    found = []
    for path, facts in sorted(release.files.items()):
        file = files.get(FilePath(path))
        if file is None:
            continue
        metadata = files.get(metadata_path(path))
        # What a source says of its requirements may change as it is built, so PEP 658 is for wheels.
        final = metadata if facts.filetype is FileType.WHEEL else None
        found.append(
            ProjectFile(
                filename=path,
                version=release.version,
                release=version.name,
                sha256=file.digest.hex,
                size=file.size,
                uploaded_at=times.get(file.digest, version.published_at),
                requires_python=facts.requires_python,
                metadata_sha256=None if final is None else final.digest.hex,
                yanked=version.yanked,
                signed=signature_path(path) in files,
                attested=path in attested,
                filetype=facts.filetype,
                python_version=facts.python_version,
                other_digests={"md5": facts.md5, "blake2b_256": facts.blake2b_256},
            )
        )
    return found

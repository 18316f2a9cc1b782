"""What a path of the repository layout means, and what may be in it: pure, for hostile input.

https://maven.apache.org/repository/layout.html: ``org/acme/lib/1.0/lib-1.0-sources.jar`` is the file of the classifier
``sources`` and the extension ``jar`` of version ``1.0`` of ``org.acme:lib``.
A package is ``org.acme/lib``, which is also how OCI's clients name it; ``org.acme:lib`` is read, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.contents import FilePath, Kind
from entrepot.model.errors import InvalidName, InvalidReference
from entrepot.model.names import FormatName, PackageName, ReferenceName, parse_reference
from entrepot.model.reference import is_fallback

if TYPE_CHECKING:
    from typing import Self

MAVEN: Final = FormatName("maven")
KIND: Final = Kind.of(MAVEN)

METADATA: Final = "maven-metadata.xml"
SNAPSHOT: Final = "-SNAPSHOT"
CHECKSUMS: Final = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
"""The algorithms by which checksums are said, and how many digits each has."""

_GROUP: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_ARTIFACT: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_NAME_LENGTH: Final = 255
_FILE: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._+~@=,!-]{0,254}")
_BUILD: Final = re.compile(r"(?P<base>.+)-(?P<timestamp>[0-9]{8}\.[0-9]{6})-(?P<number>[1-9][0-9]{0,8})")
_STAMP: Final = re.compile(r"-(?P<timestamp>[0-9]{8}\.[0-9]{6})-(?P<number>[1-9][0-9]{0,8})(?=[.-])")
_EXTENSIONS: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9_+~-]*\.)*[A-Za-z0-9_+~-]+")
_EXTENSION: Final = re.compile(r"(?:tar\.)?[A-Za-z0-9_+~-]+(?:\.(?:asc|sig|sigstore(?:\.json)?))?")


class MavenRules:
    """Maven's identifiers; a version is any reference, and one of a snapshot is one build of it."""

    format = MAVEN

    def normalize(self, name: str) -> PackageName:
        """``org.acme/lib``, also from ``org.acme:lib``; case counts. Raises `InvalidName`."""
        group, _, artifact = name.replace(":", "/", 1).partition("/")
        if len(name) > _NAME_LENGTH or _GROUP.fullmatch(group) is None or _ARTIFACT.fullmatch(artifact) is None:
            raise InvalidName(
                name[:300],
                expected="group/artifact: letters, digits and . _ -, no empty segment in the group, "
                f"at most {_NAME_LENGTH} characters",
            )
        return PackageName(f"{group}/{artifact}")

    def parse_version(self, text: str) -> ReferenceName:
        """Read a version, or the version of one build of a snapshot. Raises `InvalidReference`.

        ``1.0-SNAPSHOT`` is none: it means another build each time, ``1.0-20260131.120000-1`` and its kin.
        """
        if is_fallback(text):
            raise InvalidReference(text, expected="a version, not a tag that belongs to a digest")
        if is_snapshot(text):
            raise InvalidReference(
                text, expected=f"one build of it, such as {text[: -len(SNAPSHOT)]}-20260131.120000-1"
            )
        return parse_reference(text)


RULES: Final = MavenRules()


def is_snapshot(version: str) -> bool:
    """Whether a version is the name of whatever build is the newest."""
    return version.upper().endswith(SNAPSHOT) or version.upper() == SNAPSHOT[1:]


@dataclass(frozen=True, slots=True, order=True)
class Build:
    """One build of a snapshot: ``1.0-20260131.120000-1`` is of ``1.0-SNAPSHOT``."""

    base: str
    """What stands for ``SNAPSHOT`` left out: ``1.0``."""
    timestamp: str
    number: int

    @classmethod
    def parse(cls, version: str) -> Self | None:
        """Read a version; None when it is no build of a snapshot."""
        found = _BUILD.fullmatch(version)
        return None if found is None else cls(found["base"], found["timestamp"], int(found["number"]))

    @property
    def value(self) -> str:
        """The version of this build."""
        return f"{self.base}-{self.timestamp}-{self.number}"


def snapshot_of(version: str) -> str:
    """The version that people write for this one: that of the snapshot, if it is one of its builds."""
    build = Build.parse(version)
    return version if build is None else f"{build.base}{SNAPSHOT}"


@dataclass(frozen=True, slots=True)
class ArtifactPath:
    """A file of a version; or a checksum of it."""

    package: PackageName
    folder: str
    """The version as the path has it: ``1.0`` or ``1.0-SNAPSHOT``."""
    version: ReferenceName | None
    """The version that it is a file of; None when that is the newest build of a snapshot."""
    file: FilePath
    classifier: str
    extension: str
    """Nothing for a file that is not called after its version."""
    checksum: str | None
    """The algorithm, when the path is a checksum's."""


@dataclass(frozen=True, slots=True)
class MetadataPath:
    """A ``maven-metadata.xml``, or a checksum of it."""

    folders: tuple[str, ...]
    checksum: str | None

    @property
    def group(self) -> str:
        """The group whose plugins it would list."""
        return ".".join(self.folders)

    @property
    def package(self) -> PackageName | None:
        """The package whose versions it would list."""
        return _package(self.folders)

    @property
    def snapshot(self) -> tuple[PackageName, str] | None:
        """The snapshot whose builds it lists, with its package."""
        package = _package(self.folders[:-1])
        return (package, self.folders[-1]) if package is not None and is_snapshot(self.folders[-1]) else None


def _package(folders: tuple[str, ...]) -> PackageName | None:
    if len(folders) < 2 or any("." in folder for folder in folders[:-1]):  # noqa: PLR2004 (a group and an artifact)
        return None
    try:
        return MavenRules().normalize(f"{'.'.join(folders[:-1])}/{folders[-1]}")
    except InvalidName:
        return None


def parse_path(path: str) -> ArtifactPath | MetadataPath:
    """Read what follows the view in a URL. Raises `InvalidName`, `InvalidReference`."""
    *folders, name = path.split("/")
    base, _, algorithm = name.rpartition(".")
    checksum = algorithm if base and algorithm in CHECKSUMS else None
    file = name if checksum is None else base
    if file == METADATA:
        if not folders or any(_ARTIFACT.fullmatch(folder) is None for folder in folders):
            raise InvalidName(path[:300], expected=f"<group>/<artifact>/{METADATA}")
        return MetadataPath(tuple(folders), checksum)
    package = _package(tuple(folders[:-1]))
    if package is None or _FILE.fullmatch(file) is None:
        raise InvalidName(
            path[:300], expected="<group>/<artifact>/<version>/<artifact>-<version>[-<classifier>].<extension>"
        )
    return parse_file(package, folders[-1], file, checksum)


def parse_folder(path: str) -> tuple[PackageName, str]:
    """Read ``<group>/<artifact>/<version>``, with or without a slash at the end. Raises `InvalidName`."""
    *folders, version = path.removesuffix("/").split("/")
    package = _package(tuple(folders))
    if package is None:
        raise InvalidName(path[:300], expected="<group>/<artifact>/<version>/")
    return package, version


def parse_file(package: PackageName, folder: str, file: str, checksum: str | None = None) -> ArtifactPath:
    """Read the name of a file in a version's folder. Raises `InvalidName`, `InvalidReference`."""
    artifact = package.partition("/")[2]
    if is_snapshot(folder):
        if not folder.endswith(SNAPSHOT) or folder == SNAPSHOT:
            raise InvalidReference(folder[:200], expected=f"a version before {SNAPSHOT}, in capitals")
        version, rest = _split_snapshot(artifact, folder, file)
    else:
        if Build.parse(folder) is not None:
            raise InvalidReference(folder[:200], expected=f"the folder {snapshot_of(folder)} for a build of a snapshot")
        version = MavenRules().parse_version(folder)
        rest = file.removeprefix(f"{artifact}-{folder}") if file.startswith(f"{artifact}-{folder}") else ""
    classifier, extension = _split_rest(rest)
    if not extension or _FILE.fullmatch(file) is None:
        raise InvalidName(file[:300], expected=f"{artifact}-{folder}[-<classifier>].<extension>")
    return ArtifactPath(package, folder, version, FilePath(file), classifier, extension, checksum)


def parse_loose(path: str) -> ArtifactPath:
    """Read the path of a file that lies in a release's folder whatever its name is: other registries have such files.

    Raises `InvalidName`, `InvalidReference`.
    """
    *folders, name = path.split("/")
    base, _, algorithm = name.rpartition(".")
    checksum = algorithm if base and algorithm in CHECKSUMS else None
    file = name if checksum is None else base
    package = _package(tuple(folders[:-1]))
    if package is None or _FILE.fullmatch(file) is None or file == METADATA or Build.parse(folders[-1]) is not None:
        raise InvalidName(path[:300], expected="<group>/<artifact>/<version>/<file>")
    version = MavenRules().parse_version(folders[-1])
    return ArtifactPath(package, folders[-1], version, FilePath(file), "", "", checksum)


def _split_snapshot(artifact: str, folder: str, file: str) -> tuple[ReferenceName | None, str]:
    base = folder[: -len(SNAPSHOT)]
    if file.startswith(f"{artifact}-{folder}"):
        return None, file.removeprefix(f"{artifact}-{folder}")
    stem = f"{artifact}-{base}"
    stamp = _STAMP.match(file, len(stem)) if base and file.startswith(stem) else None
    if stamp is None:
        return None, ""
    return MavenRules().parse_version(f"{base}{stamp[0]}"), file[stamp.end() :]


def _split_rest(rest: str) -> tuple[str, str]:
    """Classifier and extension of what follows the version: ``-sources.jar``, ``.tar.gz``, ``-jdk1.5.jar.asc``."""
    if rest.startswith("."):
        # ``.1.jar`` behind ``1.0`` is the file of another version.
        return "", rest[1:] if _EXTENSIONS.fullmatch(rest, 1) is not None else ""
    for dot in (at for at, character in enumerate(rest) if character == "."):
        if rest.startswith("-") and dot > 1 and _EXTENSION.fullmatch(rest, dot + 1) is not None:
            return rest[1:dot], rest[dot + 1 :]
    return "", ""

"""What another repository says in its ``maven-metadata.xml``, read with mistrust."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from entrepot.formats.maven.metadata import ListedBuilds, ListedFile, ListedPlugin
from entrepot.formats.maven.rules import METADATA, RULES, SNAPSHOT, Build, is_snapshot, snapshot_of
from entrepot.formats.maven.xml import Element, read_tree
from entrepot.model.errors import InvalidMetadata, InvalidName, InvalidReference, UpstreamInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from entrepot.model.names import PackageName

_MOST: Final = 10_000
"""Versions of an artifact, or plugins of a group."""
_MOST_FILES: Final = 1_000
"""Files of a snapshot."""
_REMEMBERED: Final = 16
_STAMP: Final = re.compile(r"[0-9]{14}")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a ``maven-metadata.xml`` of another repository says, as far as anybody needs it."""

    versions: Sequence[str]
    updated_at: datetime | None
    plugins: Sequence[ListedPlugin]
    newest: Sequence[tuple[str, str]]
    """Time and number of a snapshot's newest build."""
    files: Sequence[tuple[str, str, str]]
    """Classifier, extension and version of the files of a snapshot."""

    def builds(self, name: PackageName, snapshot: str) -> ListedBuilds | None:
        """The builds of a snapshot; None when there are none that have a time in their names."""
        base = snapshot[: -len(SNAPSHOT)]
        known = [build for timestamp, number in self.newest if (build := Build.parse(f"{base}-{timestamp}-{number}"))]
        files: dict[tuple[str, str], Build] = {}
        for classifier, extension, value in self.files:
            build = Build.parse(value)
            if build is not None and _is_file(name, snapshot, ListedFile(classifier, extension, build)):
                files[classifier, extension] = max(build, files.get((classifier, extension), build))
        known = [*(build for build in known if build.base == base), *files.values()]
        if not known:
            return None
        return ListedBuilds(max(known), [ListedFile(*kind, build) for kind, build in sorted(files.items())])


def _is_file(name: PackageName, snapshot: str, file: ListedFile) -> bool:
    if snapshot_of(file.build.value) != snapshot:
        return False
    try:
        path = file.path(name, snapshot)
    except (InvalidName, InvalidReference):
        return False
    return (path.classifier, path.extension) == (file.classifier, file.extension)


@lru_cache(maxsize=_REMEMBERED)
def read_metadata(content: bytes) -> Metadata:
    """Read another repository's metadata; versions that no path can have are passed over. Raises `UpstreamInvalid`."""
    try:
        root = read_tree(content, METADATA)
    except InvalidMetadata as error:
        raise UpstreamInvalid(METADATA, expected=str(error)) from error
    if root.name != "metadata":
        raise UpstreamInvalid(METADATA, expected="<metadata>", actual=f"<{root.name[:100]}>")
    said = [each.text.strip() for each in root.all("versioning", "versions", "version")]
    versioning = root.find("versioning")
    if not said and versioning is not None:
        said = [versioning.value("release")]
    # Of more than anybody has the last ones: whoever adds a version adds it there.
    return Metadata(
        tuple(dict.fromkeys(version for version in said if is_version(version)))[-_MOST:],
        None if versioning is None else _read_time(versioning.value("lastUpdated")),
        tuple(_plugins(root))[:_MOST],
        tuple(
            (each.value("timestamp"), each.value("buildNumber"))
            for each in islice(root.all("versioning", "snapshot"), _MOST_FILES)
        ),
        tuple(
            (each.value("classifier"), each.value("extension"), each.value("value"))
            for each in islice(root.all("versioning", "snapshotVersions", "snapshotVersion"), _MOST_FILES)
            if all(len(child.text) <= _MAX_NAME for child in each.children)
        ),
    )


def is_version(text: str) -> bool:
    """Whether a version that is listed may be in a path: a release, or a snapshot that is no build of one."""
    try:
        if is_snapshot(text):
            RULES.parse_version(f"{text[: -len(SNAPSHOT)]}-20260131.120000-1")
            return text.endswith(SNAPSHOT) and text != SNAPSHOT
        RULES.parse_version(text)
    except InvalidReference:
        return False
    return Build.parse(text) is None


def _read_time(text: str) -> datetime | None:
    digits = text.replace(".", "")
    if _STAMP.fullmatch(digits) is None:
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _plugins(root: Element) -> Iterator[ListedPlugin]:
    for each in root.all("plugins", "plugin"):
        prefix, artifact = each.value("prefix"), each.value("artifactId")
        if _PREFIX.fullmatch(prefix) is not None and _PREFIX.fullmatch(artifact) is not None:
            yield ListedPlugin(each.value("name")[:_MAX_NAME] or artifact, prefix, artifact)

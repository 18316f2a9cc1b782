"""Wheels and source distributions, looked into: hostile input, nothing extracted.

What a client says of a file counts for nothing; what the file says of itself counts, when its name agrees.
So an index never promises what an installer will not find.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Final

from entrepot.archives.entry import shown
from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.tar import open_tar
from entrepot.archives.zip import open_zip
from entrepot.formats.pypi.core_metadata import parse_core_metadata
from entrepot.formats.pypi.rules import RULES, FileType, parse_version
from entrepot.model.errors import InvalidArchive, InvalidMetadata, InvalidName, InvalidReference

if TYPE_CHECKING:
    from typing import BinaryIO

    from entrepot.archives.zip import ZipReader
    from entrepot.formats.pypi.core_metadata import CoreMetadata
    from entrepot.formats.pypi.rules import Filename

METADATA_SIZE: Final = 4 * 1024 * 1024
"""Of METADATA or PKG-INFO, description and all."""
_RECORD_SIZE: Final = 32 * 1024 * 1024
_WHEEL_SIZE: Final = 64 * 1024
_SDIST_LIMITS: Final = ArchiveLimits(unpacked_size=4 * 1024**3)
"""A tar is unpacked from front to back to find one member."""
_UNRECORDED: Final = frozenset({"RECORD", "RECORD.jws", "RECORD.p7s"})
"""Members of ``.dist-info`` that RECORD need not list (binary distribution format, "The .dist-info directory")."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is inside a file."""

    metadata: CoreMetadata
    content: bytes
    """METADATA or PKG-INFO, byte for byte."""


def read_distribution(file: BinaryIO, filename: Filename, *, tidy: bool = True) -> Distribution:
    """Look into a file, which must be what its name says. Raises `InvalidArchive`, `InvalidMetadata`.

    What is published here has to be *tidy*: RECORD complete, requirements readable, sources in one folder with their
    metadata. What another index has served for years need not be, as long as it is safe and what its name says.
    """
    if filename.kind is FileType.WHEEL:
        content = _read_wheel(file, filename, tidy=tidy)
    else:
        source = _read_zipped_source(file) if filename.text.endswith(".zip") else _read_source(file)
        content = source.required() if tidy else source.content or _said_by(filename)
    metadata = parse_core_metadata(content, tidy=tidy)
    for what, expected, actual in (
        ("Name", filename.project, metadata.project),
        ("Version", str(filename.version), str(metadata.version)),
    ):
        if expected != actual:
            raise InvalidMetadata(
                f"{what} in the metadata of {filename.text}",
                expected=f"{expected} as in the file's name",
                actual=actual,
            )
    return Distribution(metadata, content)


# --- wheels ---


def _read_wheel(file: BinaryIO, filename: Filename, *, tidy: bool) -> bytes:
    archive = open_zip(file)
    folder = _find_dist_info(archive, filename)
    for name in ("METADATA", "WHEEL", "RECORD"):
        if f"{folder}/{name}" not in archive:
            raise InvalidArchive(filename.text, expected=f"the file {folder}/{name}")
    _check_wheel_version(archive.read(f"{folder}/WHEEL", _WHEEL_SIZE), folder)
    if tidy:
        _check_record(archive, folder)
    return archive.read(f"{folder}/METADATA", METADATA_SIZE)


def _find_dist_info(archive: ZipReader, filename: Filename) -> str:
    """The one ``.dist-info`` folder, which is called like the wheel."""
    tops = {entry.path.partition("/")[0] for entry in archive.entries()}
    folders = sorted(top for top in tops if top.lower().endswith(".dist-info"))
    if len(folders) != 1:
        raise InvalidArchive(
            filename.text, expected="one .dist-info folder", actual=", ".join(map(shown, folders[:5])) or "none"
        )
    name, dash, version = folders[0][: -len(".dist-info")].rpartition("-")
    try:
        agrees = dash and RULES.normalize(name) == filename.project and parse_version(version) == filename.version
    except (InvalidName, InvalidReference):
        agrees = False
    if not agrees or not folders[0].endswith(".dist-info"):
        raise InvalidArchive(
            filename.text,
            expected=f"a folder {filename.project.replace('-', '_')}-{filename.version}.dist-info",
            actual=shown(folders[0]),
        )
    return folders[0]


def _check_wheel_version(content: bytes, folder: str) -> None:
    """Binary distribution format, "Installing a wheel": installers know the major version 1."""
    for line in content.decode("utf-8", "replace").splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip().lower() == "wheel-version":
            if value.strip().partition(".")[0] == "1":
                return
            raise InvalidArchive(f"{folder}/WHEEL", expected="Wheel-Version 1.x", actual=shown(value.strip()))
    raise InvalidArchive(f"{folder}/WHEEL", expected="the field Wheel-Version")


def _check_record(archive: ZipReader, folder: str) -> None:
    """RECORD lists all files and no others, so that installers that go by it install what the others do."""
    path = f"{folder}/RECORD"
    try:
        text = archive.read(path, _RECORD_SIZE).decode()
        recorded = {row[0] for row in csv.reader(StringIO(text), strict=True) if row}
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidArchive(path, expected="CSV in UTF-8", actual=str(error)) from None
    present = {entry.path for entry in archive.entries() if not entry.is_folder}
    apart = {f"{folder}/{name}" for name in _UNRECORDED}
    if unrecorded := present - recorded - apart:
        raise InvalidArchive(
            path, expected="a line for each file of the wheel", actual=f"none for {_first(unrecorded)}"
        )
    if absent := recorded - present - apart:
        raise InvalidArchive(path, expected="files that are in the wheel", actual=_first(absent))


def _first(paths: set[str]) -> str:
    return shown(min(paths))


# --- source distributions ---


@dataclass(slots=True)
class _Source:
    """What is found in a source distribution, from front to back."""

    content: bytes | None = None
    """Of PKG-INFO in the first folder that has one."""
    tops: dict[str, str] = field(default_factory=dict)
    """What lies on top, each with the path that says so."""

    def is_pkg_info(self, path: str) -> bool:
        """Whether this member is looked for; called for each of them in turn."""
        top, *below = path.split("/")
        self.tops.setdefault(top, path)
        return below == ["PKG-INFO"] and self.content is None

    def required(self) -> bytes:
        """What is there, when everything is in one folder with PKG-INFO (PEP 625). Raises `InvalidArchive`."""
        first, *others = self.tops or {"name-version": ""}
        if others:
            raise InvalidArchive(shown(self.tops[others[0]]), expected=f"everything in one folder, {shown(first)}")
        if self.content is None:
            raise InvalidArchive("archive", expected=f"the file {shown(first)}/PKG-INFO")
        return self.content


def _read_source(file: BinaryIO) -> _Source:
    source = _Source()
    for entry, member in open_tar(file, _SDIST_LIMITS).walk():
        if source.is_pkg_info(entry.path) and entry.is_file:
            source.content = member.read(METADATA_SIZE)
    return source


def _read_zipped_source(file: BinaryIO) -> _Source:
    archive = open_zip(file)
    source = _Source()
    for entry in archive.entries():
        if source.is_pkg_info(entry.path) and entry.is_file:
            source.content = archive.read(entry.path, METADATA_SIZE)
    return source


def _said_by(filename: Filename) -> bytes:
    """The metadata of a source that has none: what its name says."""
    return f"Metadata-Version: 1.0\nName: {filename.project}\nVersion: {filename.version}\n".encode()

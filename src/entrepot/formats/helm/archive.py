"""A packaged chart, looked into: one folder, files alone, and a ``Chart.yaml`` that says what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from entrepot.archives.entry import shown
from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.tar import open_tar
from entrepot.formats.helm.document import MAX_SIZE, read_document
from entrepot.formats.helm.metadata import (
    CHART_FILE,
    REQUIREMENTS,
    ChartMetadata,
    read_chart_file,
    read_leniently,
    read_metadata,
)
from entrepot.formats.helm.rules import print_file
from entrepot.model.errors import InvalidArchive, InvalidMetadata

if TYPE_CHECKING:
    from entrepot.model.names import PackageName, ReferenceName

LIMITS: Final = ArchiveLimits(entries=20_000, unpacked_size=100 * 1024 * 1024, entry_size=MAX_SIZE)
"""Helm itself unpacks no chart of more than 100 MiB."""

_GZIP: Final = b"\x1f\x8b"


def examine_chart(file: BinaryIO) -> ChartMetadata:
    """What a chart says of itself. Raises `InvalidArchive`, `InvalidMetadata`."""
    found = _read(file)
    return read_chart_file(found[CHART_FILE], found.get(REQUIREMENTS))


def examine_remote_chart(file: BinaryIO, name: PackageName, version: ReferenceName) -> ChartMetadata:
    """What a chart of another repository says of itself, which must be that it is this one.

    The archive must be as safe as anybody's; of ``Chart.yaml``, what is not as it should be is passed over.

    Raises `InvalidArchive`, `InvalidMetadata`.
    """
    found = _read(file)
    try:
        chart = read_chart_file(found[CHART_FILE], found.get(REQUIREMENTS))
    except InvalidMetadata:
        fields = read_leniently(read_document(found[CHART_FILE], CHART_FILE, lenient=True))
        chart = read_metadata({"apiVersion": "v1"} | fields, CHART_FILE)
    if (chart.name, chart.version) != (name, version):
        raise InvalidMetadata(
            CHART_FILE, expected=print_file(name, version), actual=print_file(chart.name, chart.version)
        )
    return chart


def _read(file: BinaryIO) -> dict[str, bytes]:
    """The files of a chart that say what it is. Raises `InvalidArchive`."""
    file.seek(0)
    if file.read(len(_GZIP)) != _GZIP:
        raise InvalidArchive("chart", expected="a tar compressed with gzip")
    found: dict[str, bytes] = {}
    root: str | None = None
    for entry, content in open_tar(file, LIMITS).walk():
        folder, slash, path = entry.path.partition("/")
        if not (entry.is_file or entry.is_folder):
            raise InvalidArchive(shown(entry.path), expected="files and folders, no link or device")
        if not slash and not entry.is_folder:
            raise InvalidArchive(shown(entry.path), expected="a file in the chart's folder")
        # Helm takes the first segment away, whatever it is: of two folders it would make one.
        if root not in (None, folder):
            raise InvalidArchive(shown(entry.path), expected=f"one folder, {shown(root or '')}")
        root = folder
        if entry.is_file and path in (CHART_FILE, REQUIREMENTS):
            found[path] = content.read()
    if CHART_FILE not in found:
        raise InvalidArchive("chart", expected=f"a {CHART_FILE} in the chart's folder", actual="none")
    return found

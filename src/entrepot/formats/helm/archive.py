"""A packaged chart, looked into: one folder, files alone, and a ``Chart.yaml`` that says what it is."""

from __future__ import annotations

from typing import BinaryIO, Final

from entrepot.archives.entry import shown
from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.tar import open_tar
from entrepot.formats.helm.document import MAX_SIZE
from entrepot.formats.helm.metadata import CHART_FILE, REQUIREMENTS, ChartMetadata, read_chart_file
from entrepot.model.errors import InvalidArchive

LIMITS: Final = ArchiveLimits(entries=20_000, unpacked_size=100 * 1024 * 1024, entry_size=MAX_SIZE)
"""Helm itself unpacks no chart of more than 100 MiB."""

_GZIP: Final = b"\x1f\x8b"


def examine_chart(file: BinaryIO) -> ChartMetadata:
    """What a chart says of itself. Raises `InvalidArchive`, `InvalidMetadata`."""
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
    return read_chart_file(found[CHART_FILE], found.get(REQUIREMENTS))

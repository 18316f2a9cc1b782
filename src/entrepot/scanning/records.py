"""Advisories as they are handed over: a zip of records, a record a line, or one record (and EPSS and KEV beside them).

Pure functions over a binary file that can be sought; they are synchronous: call them in a thread.
"""

from __future__ import annotations

import gzip
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.zip import open_zip
from entrepot.model.errors import InvalidMetadata, TooLarge
from entrepot.scanning.osv import LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMITS: Final = ArchiveLimits(entries=2_000_000, directory_size=512 * 1024 * 1024, entry_size=LONGEST)
"""The largest ecosystem has some 230,000 records, all of them together two millions."""
_ZIP: Final = b"PK"
_GZIP: Final = b"\x1f\x8b"
_LONGEST_LINE: Final = 4_096
_EPSS_COLUMNS: Final = 3

Exploitation = tuple[str, float | None, float | None, str | None]
"""A flaw's name, its score and percentile (EPSS), and the day since when it is known to be used (KEV)."""


def iter_records(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Each record with what to call it in a complaint. Raises `InvalidArchive`, `InvalidMetadata`, `TooLarge`."""
    beginning = file.read(2)
    file.seek(0)
    if beginning == _ZIP:
        archive = open_zip(file, _LIMITS)
        for entry in archive.entries():
            if entry.path.endswith(".json"):
                yield entry.path, archive.read(entry.path)
        return
    yield from _iter_lines(file)


def _iter_lines(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    first = file.readline(LONGEST + 1)
    if not _is_complete(first):
        # A record that is written for people goes over many lines, and is alone.
        whole = first + file.read(LONGEST + 1 - len(first))
        if len(whole) > LONGEST:
            raise TooLarge("the advisory", expected=f"at most {LONGEST} bytes, or one record a line")
        yield "the record", whole
        return
    number, line = 1, first
    while line:
        if len(line) > LONGEST:
            raise TooLarge(f"line {number}", expected=f"at most {LONGEST} bytes")
        if record := line.strip():
            yield f"line {number}", record
        number, line = number + 1, file.readline(LONGEST + 1)


def _is_complete(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


class _Exploited(msgspec.Struct, frozen=True, rename="camel"):
    cve_i_d: str = msgspec.field(name="cveID")
    date_added: str


class _Catalogue(msgspec.Struct, frozen=True):
    vulnerabilities: list[_Exploited]


def read_exploitation(content: bytes) -> list[Exploitation]:
    """EPSS scores (CSV, perhaps in gzip) or the catalogue of known exploited vulnerabilities (JSON).

    https://www.first.org/epss/data_stats. Raises `InvalidMetadata`, `TooLarge`.
    """
    if content.startswith(_GZIP):
        content = _unpacked(content)
    if content.lstrip()[:1] == b"{":
        try:
            catalogue = msgspec.json.decode(content, type=_Catalogue)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise InvalidMetadata(
                "known exploited vulnerabilities", expected="KEV's JSON", actual=str(error)
            ) from error
        return [(each.cve_i_d[:128], None, None, each.date_added[:10]) for each in catalogue.vulnerabilities]
    return [row for number, line in enumerate(content.splitlines(), 1) if (row := _score(line, number)) is not None]


def _unpacked(content: bytes) -> bytes:
    most = _LIMITS.ratio_floor
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as packed:
            unpacked = packed.read(most + 1)
    except (OSError, EOFError) as error:
        raise InvalidMetadata("scores", expected="gzip") from error
    if len(unpacked) > most:
        raise TooLarge("scores", expected=f"at most {most} bytes")
    return unpacked


def _score(line: bytes, number: int) -> Exploitation | None:
    text = line[:_LONGEST_LINE].decode("ascii", "replace").strip()
    if not text or text.startswith(("#", "cve,")):
        return None
    cells = text.split(",")
    try:
        score, percentile = float(cells[1]), float(cells[2])
    except (ValueError, IndexError):
        score, percentile = -1.0, -1.0
    if len(cells) != _EPSS_COLUMNS or not (0 <= score <= 1 and 0 <= percentile <= 1):
        raise InvalidMetadata(f"line {number}", expected="cve,epss,percentile", actual=text[:80])
    return cells[0][:128], score, percentile, None

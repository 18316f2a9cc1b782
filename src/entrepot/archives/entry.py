"""What an archive says is in it, and which paths are fit to be believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from unicodedata import combining, normalize

from entrepot.archives.limits import LIMITS, ArchiveLimits
from entrepot.model.errors import InvalidArchive

if TYPE_CHECKING:
    from collections.abc import Iterable

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHOWN: Final = 200
_MARKS: Final = 30
"""Marks on one character (UAX #15, "Stream-Safe Text Format"): putting more in order takes more than linear time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A member of an archive: a file, a folder, a link, or (when all three are false) a device or pipe."""

    path: str
    """Relative, its segments separated by single slashes; a folder's has none at its end."""
    size: int
    """Bytes of its content, unpacked."""
    is_file: bool
    is_folder: bool
    is_link: bool
    """Symbolic or hard: where to is not said, because nobody may follow it."""


def check_path(path: str, limits: ArchiveLimits = LIMITS) -> str:
    """Return *path* if it means the same place below any folder on any system.

    Raises `InvalidArchive` for one that is absolute, has a drive letter, a backslash, a control character, what is
    not Unicode, an empty, ``.`` or ``..`` segment, or is too long, too deep or heaped with combining marks.
    """
    try:
        # Characters are counted first: a path of megabytes is not encoded to learn that it is too long.
        fits = len(path) <= limits.path_size and len(path.encode()) <= limits.path_size
    except UnicodeEncodeError:
        raise InvalidArchive(shown(path), expected="a path in UTF-8") from None
    if not fits:
        raise InvalidArchive(shown(path), expected=f"a path of at most {limits.path_size} bytes")
    if _CONTROL.search(path) is not None:
        raise InvalidArchive(shown(path), expected="a path without control characters")
    if "\\" in path or path.startswith("/") or _DRIVE.match(path) is not None:
        raise InvalidArchive(shown(path), expected="a relative path, with / between its segments")
    segments = path.split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise InvalidArchive(shown(path), expected="a path of segments that are not empty, . or ..")
    if len(segments) > limits.depth:
        raise InvalidArchive(shown(path), expected=f"a path of at most {limits.depth} segments")
    if not path.isascii() and _most_marks(path) > _MARKS:
        raise InvalidArchive(shown(path), expected=f"at most {_MARKS} marks on one character")
    return path


def _most_marks(path: str) -> int:
    most = marks = 0
    for character in path:
        marks = marks + 1 if combining(character) else 0
        most = max(most, marks)
    return most


def folded_duplicates(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    """Pairs of paths that a file system that ignores case, or the form of Unicode, takes for one."""
    first: dict[str, str] = {}
    pairs = []
    for entry in entries:
        # Folding can undo the normal form, so it is brought back (Unicode, 3.13, D145).
        folded = normalize("NFC", normalize("NFD", entry.path).casefold())
        other = first.setdefault(folded, entry.path)
        if other != entry.path:
            pairs.append((other, entry.path))
    return pairs


def shown(path: str | bytes) -> str:
    """A hostile path as a message may hold it: short, printable, ASCII."""
    text = path[:_SHOWN].decode("utf-8", "backslashreplace") if isinstance(path, bytes) else path[:_SHOWN]
    return text if text.isascii() and text.isprintable() else ascii(text)

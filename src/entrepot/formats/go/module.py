"""What is inside a module's zip: its rules, its go.mod, and the hashes that go.sum will hold.

"Module zip files" in the Go Modules Reference; the go command refuses what breaks these rules, so nothing that does is
kept.
Beyond them, files of vendored packages are refused, which the go command leaves out when it makes a zip.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final
from unicodedata import category, normalize

from entrepot.archives.entry import shown
from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.zip import open_zip
from entrepot.formats.go.rules import BY_DOT, is_device
from entrepot.model.errors import InvalidArchive, InvalidMetadata

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from entrepot.archives.entry import Entry
    from entrepot.archives.zip import ZipReader
    from entrepot.formats.go.rules import Version

_MEBI: Final = 1024 * 1024
ZIP_SIZE: Final = 500 * _MEBI
"""Packed, and unpacked."""
GO_MOD_SIZE: Final = 16 * _MEBI
_SINGLE_SIZE: Final = GO_MOD_SIZE
"""For go.mod, and for LICENSE."""
LIMITS: Final = ArchiveLimits(
    entries=50_000,
    unpacked_size=ZIP_SIZE,
    ratio=1_100,  # more than deflate can do: the bound is what all may unpack to
    entry_size=_SINGLE_SIZE,
    directory_size=8 * _MEBI,
    path_size=1_024,
    depth=60,
)
_REMOTE_LIMITS: Final = replace(LIMITS, entries=100_000, directory_size=32 * _MEBI, path_size=4_096, depth=100)
_CHUNK: Final = 256 * 1024

_GO_MOD: Final = "go.mod"
_PUNCTUATION: Final = frozenset("!#$%&()+,-.=@[]^_{}~ ")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Module:
    """What was found in a zip."""

    go_mod: bytes
    """As it is in the zip; where there is none, what the reference says to take for it."""
    zip_hash: str
    """``h1:…``, the line of the module in go.sum."""
    go_mod_hash: str
    """The same of its ``/go.mod``."""


def examine(file: BinaryIO, module: str, version: Version) -> Module:
    """Read a module's zip from end to end. Raises `InvalidArchive`, `InvalidMetadata`."""
    archive = open_zip(file, LIMITS)
    prefix = f"{module}@{version}/"
    folded: dict[bytes, bytes] = {}
    if not archive.entries():
        raise InvalidArchive(prefix, expected="a module of one file at least")
    for entry in archive.entries():
        _examine_entry(entry, prefix, folded)
    go_mod = _read_go_mod(archive, prefix, module, version=version)
    return Module(
        go_mod,
        zip_hash=hash_files((entry.path, _sha256(archive, entry.path)) for entry in archive.entries() if entry.is_file),
        go_mod_hash=hash_go_mod(go_mod),
    )


def examine_remote(file: BinaryIO, module: str, version: Version, *, zip_hashes: Collection[str] = ()) -> Module:
    """The same of a zip that another proxy serves, which may be older than the rules: it is safe, and the module's.

    Vendored packages, names that some file systems cannot have, and the go.mod of whom it was forked from are let in.
    Where *zip_hashes* are given, it has one of them.

    Raises `InvalidArchive`.
    """
    archive = open_zip(file, _REMOTE_LIMITS)
    prefix = f"{module}@{version}/"
    if not archive.entries():
        raise InvalidArchive(prefix, expected="a module of one file at least")
    hashed = []
    for entry in archive.entries():
        path = f"{entry.path}/" if entry.is_folder else entry.path
        if not path.startswith(prefix):
            raise InvalidArchive(shown(entry.path), expected=f"a path in {prefix}")
        if not (entry.is_file or entry.is_folder):
            raise InvalidArchive(shown(entry.path), expected="a file or a folder, no link or device")
        hashed.append((path, _sha256(archive, path) if entry.is_file else hashlib.sha256().hexdigest()))
    zip_hash = hash_files(hashed)
    if zip_hashes and zip_hash not in zip_hashes:
        raise InvalidArchive(prefix, expected=" or ".join(sorted(zip_hashes)), actual=zip_hash)
    path = prefix + _GO_MOD
    go_mod = archive.read(path) if path in archive else f"module {module}\n".encode()
    return Module(go_mod, zip_hash, hash_go_mod(go_mod))


def hash_go_mod(content: bytes) -> str:
    """The hash of a go.mod, as go.sum has it behind ``/go.mod``."""
    return hash_files([(_GO_MOD, hashlib.sha256(content).hexdigest())])


def _examine_entry(entry: Entry, prefix: str, folded: dict[bytes, bytes]) -> None:
    if entry.is_folder:
        # The go command would count them in the hash of the zip, and not in that of the unpacked module.
        raise InvalidArchive(f"{shown(entry.path)}/", expected="files alone, no entries for folders")
    if not entry.path.startswith(prefix):
        raise InvalidArchive(shown(entry.path), expected=f"a path in {prefix}")
    if not entry.is_file:
        raise InvalidArchive(shown(entry.path), expected="a file, no link or device")
    path = entry.path.removeprefix(prefix)
    elements = path.split("/")
    for element in elements:
        if element.endswith(".") or is_device(element) or not all(map(_may_stand, element)):
            raise InvalidArchive(shown(entry.path), expected="names that every file system can have")
    _check_collisions(path, elements, folded)
    if elements[-1].casefold() == _GO_MOD and path != _GO_MOD:
        raise InvalidArchive(
            shown(entry.path), expected="one go.mod, at the module's root: below another is another module"
        )
    if "vendor" in elements[:-2]:
        raise InvalidArchive(shown(entry.path), expected="no files of vendored packages")
    if path in (_GO_MOD, "LICENSE") and entry.size > _SINGLE_SIZE:
        raise InvalidArchive(shown(entry.path), expected=f"at most {_SINGLE_SIZE} bytes", actual=entry.size)


def _may_stand(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in _PUNCTUATION
    return category(character).startswith("L")


def _check_collisions(path: str, elements: list[str], folded: dict[bytes, bytes]) -> None:
    """Refuse a path, or a folder of it, that is another one where case is ignored, or a file and a folder at once."""
    for count in range(len(elements), 0, -1):
        part = "/".join(elements[:count])
        # Digests take the same room however long the paths are.
        key = _mark(normalize("NFC", normalize("NFD", part).casefold()))
        value = _mark(part if part == path else f"{part}/")
        present = folded.get(key)
        if present is None:
            folded[key] = value
        elif present != value:
            raise InvalidArchive(shown(path), expected="paths that differ in more than case, each a file or a folder")
        else:
            # A folder that is known, and so are those above it.
            return


def _mark(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _sha256(archive: ZipReader, path: str) -> str:
    digest = hashlib.sha256()
    with archive.open(path) as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def hash_files(files: Iterable[tuple[str, str]]) -> str:
    """The go command's hash of some files, from the path and the SHA-256 of each ("go.sum files")."""
    lines = sorted((path.encode(), digest) for path, digest in files)
    total = hashlib.sha256(b"".join(digest.encode() + b"  " + path + b"\n" for path, digest in lines))
    return f"h1:{base64.b64encode(total.digest()).decode('ascii')}"


# --- go.mod -------------------------------------------------------------------------------------------------------


def _read_go_mod(archive: ZipReader, prefix: str, module: str, *, version: Version) -> bytes:
    path = prefix + _GO_MOD
    if path not in archive:
        if version.major > 1 and not version.is_incompatible and not module.startswith(BY_DOT):
            raise InvalidArchive(shown(path), expected="a go.mod: without one the version would be +incompatible")
        return f"module {module}\n".encode()
    if version.is_incompatible:
        raise InvalidArchive(shown(path), expected="no go.mod, as the version is +incompatible")
    content = archive.read(path)
    said = module_path(content)
    if said != module:
        raise InvalidMetadata(
            "go.mod", expected=f"module {module}", actual="none" if said is None else f"module {said[:200]}"
        )
    return content


def module_path(content: bytes) -> str | None:
    """The path in the ``module`` directive of a go.mod; None when there is none that can be read."""
    for line in BytesIO(content):
        try:
            text = line.partition(b"//")[0].decode().strip()
        except UnicodeDecodeError:
            return None
        word, _, rest = text.replace("\t", " ").partition(" ")
        said = rest.strip()
        if word == "module" and said:
            return _unquoted(said)
    return None


def _unquoted(text: str) -> str | None:
    if text.startswith("`"):
        return text[1:-1] if text.endswith("`") and len(text) > 1 else None
    if text.startswith('"'):
        if _QUOTED.fullmatch(text) is None:
            return None
        try:
            return str(json.loads(text))
        except ValueError:
            return None
    return text

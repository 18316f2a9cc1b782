"""Jars, and what archives of Java hold within each other.

A jar that Maven built says its coordinates in ``pom.properties``; one that holds others' classes has theirs beside its
own. Of any other jar the manifest and the file's name tell name and version. Its group is the folder of a ``pom.xml``
in it, or what ``Implementation-Vendor-Id`` says; else it is taken to be called like the jar, as it is of those that are
older than groups (``commons-io``, ``log4j``). Names of bundles and vendors look like groups and are others: what is made
up of them would match other people's packages.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.zip import open_zip
from entrepot.inventory.images.fields import read_fields
from entrepot.inventory.images.finding import Finding
from entrepot.inventory.images.languages import read_properties
from entrepot.inventory.reading import licence_of
from entrepot.model.component import Component
from entrepot.model.errors import Invalid, InvalidName
from entrepot.model.purl import Purl

if TYPE_CHECKING:
    from entrepot.archives.tar import Content
    from entrepot.archives.zip import ZipReader
    from entrepot.inventory.images.finding import Scratch

_MEBI: Final = 1024 * 1024
_SUFFIXES: Final = (".jar", ".war", ".ear", ".par", ".sar", ".nar", ".jpi", ".hpi", ".rar")
_SIZE: Final = 1024 * _MEBI
_LIMITS: Final = ArchiveLimits(unpacked_size=4096 * _MEBI)
_DEEPEST: Final = 4
_MOST_INNER: Final = 2_000
"""Archives within one file."""
_MOST_POMS: Final = 2_000
_TEXT: Final = 400

_POM: Final = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_POM_XML: Final = re.compile(r"META-INF/maven/(?P<group>[^/]+)/(?P<name>[^/]+)/pom\.xml")
_GROUP: Final = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+")
_LONGEST_NAME: Final = 255
"""No file system has longer ones, and what is made of a name takes time by the square of its length."""
_NAME: Final = re.compile(r"[A-Za-z][\w.-]*")
_FILE: Final = re.compile(r"(?P<name>[A-Za-z][\w.-]*?)(?:[-_](?P<version>[vV]?\d[\w.+-]*))?\.\w+")


class JavaReader:
    """Reads archives of Java."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch

    def wants(self, path: str, size: int) -> bool:
        """By the end of the name, as Java does."""
        return path.lower().endswith(_SUFFIXES) and size > 0

    def read(self, path: str, content: Content) -> Finding | None:
        """The packages whose classes are in it."""
        if content.size > _SIZE:
            return Finding(unread=f"{path}: more than {_SIZE} bytes")
        unread: list[str] = []
        with self._scratch() as file:
            for chunk in content.chunks():
                file.write(chunk)
            found = tuple(_Walk(self._scratch, unread).read(file, path, depth=0))
        return Finding(found, unread="; ".join(unread[:5])[:1_000] or None)


class _Walk:
    """Through a file and what is in it."""

    def __init__(self, scratch: Scratch, unread: list[str]) -> None:
        self._scratch = scratch
        self._unread = unread
        self._inner = 0
        self._left = _SIZE
        """Bytes of the archives within it."""

    def read(self, file: BinaryIO, place: str, *, depth: int) -> Iterator[Component]:
        """The packages in *file*; of what cannot be read, what its name says."""
        try:
            archive = open_zip(file, _LIMITS, prepended=True)
            found = list(_packages(archive, place))
        except Invalid as error:
            self._unread.append(f"{place}: {error}")
            if (named := _own({}, place)) is not None:
                yield named
            return
        yield from found
        for entry in archive.entries():
            if entry.is_file and entry.path.lower().endswith(_SUFFIXES):
                yield from self._read_inner(archive, entry.path, entry.size, place=place, depth=depth + 1)

    def _read_inner(self, archive: ZipReader, path: str, size: int, *, place: str, depth: int) -> Iterator[Component]:
        self._inner += 1
        self._left -= size
        inner = f"{place}:{path}"
        if depth > _DEEPEST or self._inner > _MOST_INNER or self._left < 0:
            self._unread.append(f"{inner}: archives within archives beyond what is looked into")
            return
        try:
            with self._scratch() as file, archive.open(path) as source:
                shutil.copyfileobj(source, file)
                yield from self.read(file, inner, depth=depth)
        except Invalid as error:
            self._unread.append(f"{inner}: {error}")


def _packages(archive: ZipReader, place: str) -> Iterator[Component]:
    paths = [entry.path for entry in archive.entries() if entry.is_file and _POM.fullmatch(entry.path)]
    manifest = _manifest(archive)
    licence = licence_of([manifest.get("bundle-license", "").partition(";")[0].partition(",")[0]], _TEXT)
    found = []
    for path in sorted(paths)[:_MOST_POMS]:
        said = read_properties(archive.read(path, _MEBI).decode("utf-8", "replace"))
        group, name, version = said.get("groupId"), said.get("artifactId"), said.get("version")
        if group and name and version:
            found.append(_component(group, name, version, licence=licence if len(paths) == 1 else None, place=place))
    if not found and (own := _own(manifest, place, _named_by_poms(archive))) is not None:
        found.append(own if licence is None else _with_licence(own, licence))
    yield from found


def _manifest(archive: ZipReader) -> dict[str, str]:
    """https://docs.oracle.com/javase/8/docs/technotes/guides/jar/jar.html#JAR_Manifest: a line goes on behind a space."""
    if "META-INF/MANIFEST.MF" not in archive:
        return {}
    text = archive.read("META-INF/MANIFEST.MF", 4 * _MEBI).decode("utf-8", "replace").replace("\r\n", "\n")
    return dict(read_fields(text.replace("\n ", "")))


def _named_by_poms(archive: ZipReader) -> tuple[str, str] | None:
    """Group and name, where one ``pom.xml`` is in it; of several nobody knows which is its own."""
    found = [match for entry in archive.entries() if entry.is_file and (match := _POM_XML.fullmatch(entry.path))]
    return (found[0]["group"], found[0]["name"]) if len(found) == 1 else None


def _own(manifest: dict[str, str], place: str, named: tuple[str, str] | None = None) -> Component | None:
    """What an archive is that does not say its coordinates."""
    file = place.replace(":", "/").rpartition("/")[2]
    match = _FILE.fullmatch(file) if len(file) <= _LONGEST_NAME else None
    symbolic = manifest.get("bundle-symbolicname", "").partition(";")[0].strip()
    name = (match["name"] if match is not None else None) or manifest.get("implementation-title") or symbolic
    version = (
        (match["version"] if match is not None else None)
        or manifest.get("implementation-version")
        or manifest.get("bundle-version")
        or manifest.get("specification-version")
    )
    if not name or not version:
        return None
    if named is not None:
        return _component(*named, version, licence=None, place=place)
    if _NAME.fullmatch(name) is None:
        return _component(None, name, version, licence=None, place=place)  # A title, and not what it is called.
    vendor = manifest.get("implementation-vendor-id", "")
    return _component(vendor if _GROUP.fullmatch(vendor) else name, name, version, licence=None, place=place)


def _component(group: str | None, name: str, version: str, *, licence: str | None, place: str) -> Component:
    try:
        purl = None if group is None else Purl.of("maven", name[:_TEXT], version[:_TEXT], namespace=group[:_TEXT])
    except InvalidName:
        purl = None
    full = name if group is None or group == name else f"{group}:{name}"
    return Component(full[:_TEXT], version[:_TEXT], purl, licence=licence, found_in=(place,))


def _with_licence(component: Component, licence: str) -> Component:
    return Component(component.name, component.version, component.purl, licence=licence, found_in=component.found_in)

"""What distributions install: the package databases of Debian, Alpine and those with RPM, and which distribution it is.

- ``os-release``: https://www.freedesktop.org/software/systemd/man/latest/os-release.html
- dpkg: ``status``, and ``status.d`` of images without dpkg; deb-control(5)
- apk: ``installed``; https://wiki.alpinelinux.org/wiki/Apk_spec
- rpm: the database in SQLite, in ndb, or in Berkeley DB
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Final

from entrepot.inventory.images.fields import read_paragraphs
from entrepot.inventory.images.finding import Finding, System
from entrepot.inventory.images.hash_file import read_hash
from entrepot.inventory.images.ndb_file import read_ndb
from entrepot.inventory.images.sqlite_file import read_blobs
from entrepot.inventory.licences import all_of, normalise
from entrepot.inventory.reading import licence_of
from entrepot.model.component import Component
from entrepot.model.errors import InvalidMetadata, InvalidName
from entrepot.model.purl import Purl

if TYPE_CHECKING:
    from entrepot.archives.tar import Content
    from entrepot.inventory.images.finding import Scratch

_MEBI: Final = 1024 * 1024
_TEXT: Final = 400

# --- which distribution ---


class SystemReader:
    """Reads ``os-release``."""

    def wants(self, path: str, size: int) -> bool:
        """One of the two places where it is."""
        return path in ("etc/os-release", "usr/lib/os-release") and 0 < size <= _MEBI

    def read(self, path: str, content: Content) -> Finding | None:
        """What it says."""
        said: dict[str, str] = {}
        for line in content.read().decode("utf-8", "replace").splitlines():
            name, equals, value = line.strip().partition("=")
            if equals and not name.startswith("#"):
                said[name] = value.strip().strip("\"'")[:_TEXT]
        if not said.get("ID"):
            return None
        system = System(
            said["ID"].lower(),
            said.get("VERSION_ID") or None,
            tuple(said.get("ID_LIKE", "").split()),
            said.get("PRETTY_NAME") or None,
        )
        component = Component(
            system.id, system.version or said.get("BUILD_ID"), None, kind="operating-system", found_in=(path,)
        )
        return Finding((component,), system=system)


def localise(component: Component, system: System | None) -> Component:
    """A package of a distribution with the distribution in its package URL."""
    purl = component.purl
    if purl is None or purl.type not in ("deb", "apk", "rpm") or purl.namespace is not None or system is None:
        return component
    namespace = _NAMESPACES.get(system.id, system.id)
    qualifiers = {**dict(purl.qualifiers), "distro": system.qualifier}
    try:
        found = Purl.of(purl.type, purl.name, purl.version, namespace=namespace, qualifiers=qualifiers)
    except InvalidName:
        return component
    return replace(component, purl=found)


_NAMESPACES: Final = {"rhel": "redhat", "sles": "suse", "sled": "suse", "opensuse-leap": "opensuse"}
"""What package URLs call a distribution where they do not call it as it calls itself."""


# --- Debian ---


class DebianReader:
    """Reads dpkg's ``status``, and one file for each package where there is no dpkg."""

    def wants(self, path: str, size: int) -> bool:
        """The database, or a part of it."""
        if not 0 < size <= 64 * _MEBI:
            return False
        if path == "var/lib/dpkg/status":
            return True
        return path.startswith("var/lib/dpkg/status.d/") and not path.endswith((".md5sums", ".list"))

    def read(self, path: str, content: Content) -> Finding | None:
        """The packages that are installed."""
        text = content.read(64 * _MEBI).decode("utf-8", "replace")
        return Finding(tuple(_debian_packages(text, path)))


_SOURCE: Final = re.compile(r"(?P<name>[^\s()]+)(?:\s+\((?P<version>[^()]+)\))?")


def _debian_packages(text: str, path: str) -> Iterator[Component]:
    for said in read_paragraphs(text):
        name, version = said.get("package"), said.get("version")
        # "deinstall ok config-files": its configuration was left behind, and it was not.
        if not name or not version or said.get("status", "install ok installed").split()[-1:] != ["installed"]:
            continue
        qualifiers = {}
        if architecture := said.get("architecture"):
            qualifiers["arch"] = architecture
        source = _SOURCE.fullmatch(said.get("source", ""))
        if source is not None and (source["name"] != name or source["version"]):
            # Advisories speak of source packages.
            upstream = source["name"]
            qualifiers["upstream"] = f"{upstream}@{source['version']}" if source["version"] else upstream
        yield Component(name[:_TEXT], version[:_TEXT], _purl("deb", name, version, qualifiers), found_in=(path,))


_COPYRIGHT: Final = re.compile(r"usr/share/doc/[^/]+/copyright")


class CopyrightReader:
    """Reads the licences of Debian's packages (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/)."""

    def wants(self, path: str, size: int) -> bool:
        """``copyright`` of a package."""
        return path.endswith("/copyright") and 0 < size <= 4 * _MEBI and _COPYRIGHT.fullmatch(path) is not None

    def read(self, path: str, content: Content) -> Finding | None:
        """The licences that it names; None where it is a text for people."""
        text = content.read().decode("utf-8", "replace")
        if not text.lstrip().lower().startswith(("format", "source", "upstream")):
            return None
        names = {
            said["license"].partition("\n")[0].strip()[:_TEXT]: None
            for said in read_paragraphs(text)
            if said.get("license") and "files" in said
        }
        return Finding(licences=tuple(names), package=path.split("/")[3]) if names else None


def licence_from(licences: tuple[str, ...]) -> str | None:
    """One licence of those that a copyright file names: all hold, each for its part."""
    return all_of(normalise(each) for each in licences) or licence_of(licences, 4_000)


# --- Alpine ---


class AlpineReader:
    """Reads apk's database."""

    def wants(self, path: str, size: int) -> bool:
        """The database."""
        return path in ("lib/apk/db/installed", "usr/lib/apk/db/installed") and 0 < size <= 64 * _MEBI

    def read(self, path: str, content: Content) -> Finding | None:
        """The packages that are installed."""
        text = content.read(64 * _MEBI).decode("utf-8", "replace")
        return Finding(tuple(_alpine_packages(text, path)))


def _alpine_packages(text: str, path: str) -> Iterator[Component]:
    for paragraph in text.replace("\r\n", "\n").split("\n\n"):
        # Fields are one letter, whose case counts.
        said: dict[str, str] = {}
        for line in paragraph.split("\n"):
            if line[1:2] == ":":
                said.setdefault(line[0], line[2:].strip())
        name, version = said.get("P"), said.get("V")
        if not name or not version:
            continue
        qualifiers = {}
        if said.get("A"):
            qualifiers["arch"] = said["A"]
        if said.get("o") and said["o"] != name:
            qualifiers["upstream"] = said["o"]
        checksum = _alpine_checksum(said.get("C", ""))
        yield Component(
            name[:_TEXT],
            version[:_TEXT],
            _purl("apk", name, version, qualifiers),
            licence=licence_of([said.get("L", "")], 4_000),
            hashes=() if checksum is None else (checksum,),
            found_in=(path,),
        )


def _alpine_checksum(text: str) -> str | None:
    """``Q1`` and the SHA-1 of the package's control part, in base 64."""
    if not text.startswith("Q1"):
        return None
    try:
        found = base64.b64decode(text[2:], validate=True)
    except ValueError:  # Also what is no ASCII.
        return None
    return f"sha1:{found.hex()}" if len(found) == 20 else None  # noqa: PLR2004 - a SHA-1


# --- RPM ---

_RPM_FOLDERS: Final = ("var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/")
_RPM_SIZE: Final = 512 * _MEBI

_INDEX: Final = struct.Struct(">4I")
_INT32: Final = 4
_STRINGS: Final = frozenset({6, 8, 9})
_TAGS: Final = {1000: "name", 1001: "version", 1002: "release", 1014: "licence", 1022: "arch", 1044: "source"}
_EPOCH: Final = 1003
_MOST_TAGS: Final = 10_000


def _in_sqlite(file: BinaryIO) -> Iterator[bytes]:
    return read_blobs(file, "Packages")


def _in_berkeley_db(file: BinaryIO) -> Iterator[bytes]:
    # Under number 0 is no package, but the number that the next one will have.
    return (value for key, value in read_hash(file) if key.strip(b"\x00"))


_RPM_DATABASES: Final[Mapping[str, Callable[[BinaryIO], Iterator[bytes]]]] = {
    "rpmdb.sqlite": _in_sqlite,
    "Packages.db": read_ndb,
    "Packages": _in_berkeley_db,
}
"""What each kind of database is called, and how the headers of the packages in it are read."""


class RpmReader:
    """Reads rpm's database, of whichever kind."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch

    def wants(self, path: str, size: int) -> bool:
        """The database."""
        folder, name = path[: path.rfind("/") + 1], path.rpartition("/")[2]
        return folder in _RPM_FOLDERS and size > 0 and name in _RPM_DATABASES

    def read(self, path: str, content: Content) -> Finding | None:
        """The packages that are installed."""
        if content.size > _RPM_SIZE:
            return Finding(unread=f"the packages of rpm in {path}: more than {_RPM_SIZE} bytes")
        with self._scratch() as file:
            for chunk in content.chunks():
                file.write(chunk)
            headers = _RPM_DATABASES[path.rpartition("/")[2]](file)
            return Finding(tuple(_rpm_packages(headers, path)))


def _rpm_packages(headers: Iterator[bytes], path: str) -> Iterator[Component]:
    for header in headers:
        said = read_rpm_header(header)
        name, version = said.get("name"), said.get("version")
        # The keys that signatures are checked by are in the database as if they were packages.
        if not name or not version or name == "gpg-pubkey":
            continue
        full = f"{version}-{said['release']}" if said.get("release") else version
        qualifiers = {key: said[key] for key in ("arch", "epoch") if said.get(key)}
        if said.get("source"):
            qualifiers["upstream"] = said["source"]
        yield Component(
            name,
            f"{said['epoch']}:{full}" if said.get("epoch") else full,
            _purl("rpm", name, full, qualifiers),
            licence=licence_of([said.get("licence", "")], 4_000),
            found_in=(path,),
        )


def read_rpm_header(header: bytes) -> Mapping[str, str]:
    """What a header says of its package; https://rpm-software-management.github.io/rpm/manual/format_header.html.

    Raises `InvalidMetadata`.
    """
    if len(header) < 8:  # noqa: PLR2004 - two numbers
        raise InvalidMetadata("header of rpm", expected="two sizes", actual=f"{len(header)} bytes")
    count, size = struct.unpack_from(">2I", header)
    start = 8 + count * _INDEX.size
    if count > _MOST_TAGS or start + size > len(header):
        raise InvalidMetadata("header of rpm", expected=f"{count} tags and {size} bytes", actual=f"{len(header)} bytes")
    said: dict[str, str] = {}
    for at in range(count):
        tag, kind, offset, _ = _INDEX.unpack_from(header, 8 + at * _INDEX.size)
        place = start + offset
        if offset >= size:
            continue
        if tag in _TAGS and kind in _STRINGS:
            end = header.find(b"\x00", place, start + size)
            text = header[place : end if end >= 0 else start + size]
            said.setdefault(_TAGS[tag], text[:_TEXT].decode("utf-8", "replace"))
        elif tag == _EPOCH and kind == _INT32 and offset + 4 <= size:
            said["epoch"] = str(int.from_bytes(header[place : place + 4], "big"))
    return said


def _purl(type: str, name: str, version: str, qualifiers: dict[str, str]) -> Purl | None:
    """Without the distribution, which another file says."""
    try:
        return Purl.of(type, name[:_TEXT], version[:_TEXT], qualifiers=qualifiers)
    except InvalidName:
        return None

"""Takes stock of an image: its layers from the lowest to the highest, and what is left of each in the end.

A layer adds files, and hides what the layers below it have: ``.wh.name`` hides a file or folder, ``.wh..wh..opq`` all
that a folder has (OCI image specification, "Whiteouts"), and a file hides what was below a folder of its name.
What a layer hides is below it, whatever the order within the layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO, Final

from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.tar import open_layer
from entrepot.inventory.images.finding import Finding
from entrepot.inventory.images.java import JavaReader
from entrepot.inventory.images.languages import NodeReader, PythonReader
from entrepot.inventory.images.lockfiles import LockfileReader
from entrepot.inventory.images.programs import ProgramReader
from entrepot.inventory.images.systems import (
    AlpineReader,
    CopyrightReader,
    DebianReader,
    RpmReader,
    SystemReader,
    licence_from,
    localise,
)
from entrepot.inventory.inventory import Inventory
from entrepot.inventory.limits import LIMITS, InventoryLimits
from entrepot.model.component import Component, Relation
from entrepot.model.errors import Invalid, TooLarge

if TYPE_CHECKING:
    from entrepot.archives.entry import Entry
    from entrepot.archives.tar import Content
    from entrepot.inventory.images.finding import Reader, Scratch, System

_HIDES: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"

_MEBI: Final = 1024 * 1024
_GIBI: Final = 1024 * _MEBI
_ARCHIVE: Final = ArchiveLimits(entries=2_000_000, unpacked_size=64 * _GIBI, entry_size=64 * _MEBI, ratio=1_000)
_LONGEST_PATH: Final = 4_096
"""No system has longer ones: what has such a path is in nothing that runs."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Bounds on what an image may ask for."""

    layers: int = 500
    archive: ArchiveLimits = _ARCHIVE
    """Of each layer."""
    unpacked_size: int = 128 * _GIBI
    """Of all layers together: a small image of large layers is as slow as a large one."""
    findings: int = 200_000
    """Files that say something."""
    components: int = 400_000
    """Before those that are said twice are merged."""
    unread: int = 1_000
    """Files of which it is noted that they were not read."""
    inventory: InventoryLimits = LIMITS


IMAGE_LIMITS: Final = ImageLimits()


@dataclass(slots=True)
class _Layer:
    """What is known of a layer while it is read."""

    added: dict[str, Finding] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)


class Stock:
    """What is known of an image so far."""

    def __init__(self, scratch: Scratch, limits: ImageLimits = IMAGE_LIMITS) -> None:
        self._limits = limits
        # In the order in which they are asked: the last would take any file.
        self._readers: tuple[Reader, ...] = (
            SystemReader(),
            DebianReader(),
            CopyrightReader(),
            AlpineReader(),
            RpmReader(scratch),
            PythonReader(),
            NodeReader(),
            LockfileReader(),
            JavaReader(scratch),
            ProgramReader(scratch),
        )
        self._found: dict[str, Finding] = {}
        self._folders: dict[str, int] = {}
        """Every folder that has a finding somewhere below it, with how many."""
        self._layers = 0
        self._unpacked = 0
        self._counted = 0
        self._components = 0

    def add_layer(self, file: BinaryIO) -> None:
        """Put a layer on those that are there. Raises `InvalidArchive`, `TooLarge`."""
        self._layers += 1
        if self._layers > self._limits.layers:
            raise TooLarge("image", expected=f"at most {self._limits.layers} layers")
        layer = _Layer()
        for entry, content in open_layer(file, self._limits.archive).walk():
            self._unpacked += entry.size
            if self._unpacked > self._limits.unpacked_size:
                raise TooLarge("image", expected=f"at most {self._limits.unpacked_size} bytes unpacked")
            if len(entry.path) <= _LONGEST_PATH:
                self._take(entry, content, layer)
        self._hide(layer)
        for path, finding in layer.added.items():
            self._found[path] = finding
            for above in _above(path):
                self._folders[above] = self._folders.get(above, 0) + 1

    def _take(self, entry: Entry, content: Content, layer: _Layer) -> None:
        folder, _, name = entry.path.rpartition("/")
        if name == _OPAQUE:
            layer.emptied.add(folder)
        elif name.startswith(_HIDES):
            self._note(f"{folder}/{name[len(_HIDES) :]}".removeprefix("/"), layer)
        elif not entry.is_folder:
            # What is no folder hides what was there, and in a folder of that name.
            self._note(entry.path, layer)
            layer.added.pop(entry.path, None)
            if entry.is_file and (finding := self._look(entry.path, content)) is not None:
                self._count(finding)
                layer.added[entry.path] = finding

    def _note(self, path: str, layer: _Layer) -> None:
        """Only what hides something is remembered: a layer may say much that does not."""
        if path in self._found or path in self._folders:
            layer.hidden.add(path)

    def _look(self, path: str, content: Content) -> Finding | None:
        for reader in self._readers:
            if reader.wants(path, content.size):
                try:
                    return reader.read(path, content)
                except Invalid as error:
                    # A layer that is damaged says so again when the next member is asked for.
                    return Finding(unread=f"{path}: {error}"[:1_000])
        return None

    def _count(self, finding: Finding) -> None:
        self._counted += 1
        self._components += len(finding.components)
        if self._counted > self._limits.findings or self._components > self._limits.components:
            raise TooLarge(
                "image",
                expected=f"at most {self._limits.findings} files that say what is in it, "
                f"and {self._limits.components} packages",
            )

    def _hide(self, layer: _Layer) -> None:
        """Take away what a layer hides, in one pass however much it hides."""
        hidden, emptied = layer.hidden, layer.emptied
        if not hidden and not emptied:
            return
        gone = [
            path
            for path in self._found
            if path in hidden or "" in emptied or any(each in hidden or each in emptied for each in _above(path))
        ]
        for path in gone:
            del self._found[path]
            for folder in _above(path):
                self._folders[folder] -= 1
                if not self._folders[folder]:
                    del self._folders[folder]

    def inventory(self, subject: Component | None = None) -> Inventory:
        """What is in it. Raises `TooLarge`."""
        system = self._system()
        licences = {
            finding.package: finding.licences for finding in self._found.values() if finding.package is not None
        }
        merged: dict[tuple[object, ...], Component] = {}
        for each in self._said():
            component = localise(each, system)
            if component.licence is None and component.purl is not None and component.purl.type == "deb":
                component = replace(component, licence=licence_from(licences.get(component.name, ())))
            key = (component.purl or component.name, component.version, component.kind)
            known = merged.get(key)
            if known is None:
                merged[key] = component
            else:
                merged[key] = self._joined(known, component)
            if len(merged) > self._limits.inventory.components:
                raise TooLarge("image", expected=f"at most {self._limits.inventory.components} components")
        components = tuple(merged.values())
        if subject is not None:
            components = (replace(subject, relation=Relation.SUBJECT), *components)
        return Inventory(components, unread=tuple(self._unread()))

    def _joined(self, known: Component, again: Component) -> Component:
        """What two files say; what is installed is so, whatever else declares it, and says more of itself."""
        first, second = (again, known) if again.relation.rank < known.relation.rank else (known, again)
        places = (*first.found_in, *second.found_in)
        return replace(first, found_in=places[: max(self._limits.inventory.places, 1)])

    def _system(self) -> System | None:
        """What runs where there are both files: the one in ``etc`` is what whoever made the image put there."""
        for path in ("etc/os-release", "usr/lib/os-release"):
            if path in self._found:
                return self._found[path].system
        return None

    def _said(self) -> Iterator[Component]:
        for path in sorted(self._found):
            # One system, though two files say which.
            if path == "usr/lib/os-release" and "etc/os-release" in self._found:
                continue
            yield from self._found[path].components

    def _unread(self) -> Iterator[str]:
        notes = [finding.unread for _, finding in sorted(self._found.items()) if finding.unread is not None]
        yield from notes[: self._limits.unread]
        if len(notes) > self._limits.unread:
            yield f"and {len(notes) - self._limits.unread} more"


def _above(path: str) -> Iterator[str]:
    at = path.rfind("/")
    while at > 0:
        yield path[:at]
        at = path.rfind("/", 0, at)

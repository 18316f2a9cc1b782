"""What makes a jar a Maven plugin: its descriptor, with the prefix by which people call it.

Whoever deploys a plugin also sends the group's list of prefixes; what is believed instead is what is in the jar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO, Final

from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.zip import open_zip
from entrepot.formats.maven.xml import MAX_SIZE, read_tree
from entrepot.model.errors import InvalidArchive, InvalidMetadata

_DESCRIPTOR: Final = "META-INF/maven/plugin.xml"
_LIMITS: Final = ArchiveLimits(entry_size=MAX_SIZE)
_MAX_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Plugin:
    """How a plugin is called."""

    prefix: str
    name: str


def examine_jar(file: BinaryIO) -> Plugin | None:
    """The plugin that a jar is; None when it is none, or when the file cannot be read as a jar.

    What is stored is not refused for that: whatever a build calls a jar is its own affair, and nothing here trusts it.
    """
    try:
        archive = open_zip(file, _LIMITS, prepended=True)
        if _DESCRIPTOR not in archive:
            return None
        descriptor = read_tree(archive.read(_DESCRIPTOR), _DESCRIPTOR)
    except (InvalidArchive, InvalidMetadata):
        return None
    prefix = descriptor.value("goalPrefix")
    return Plugin(prefix[:_MAX_TEXT], descriptor.value("name")[:_MAX_TEXT]) if prefix else None


def prefix_of(artifact: str) -> str:
    """The prefix that a plugin without a descriptor has by its name: ``hello-maven-plugin`` is ``hello``."""
    return re.sub(r"-?plugin-?", "", re.sub(r"-?maven-?", "", artifact)) or "plugin"

"""What a POM says, and whether it is where it belongs.

https://maven.apache.org/pom.html; what is inherited from the parent is taken from what the POM says of its parent,
nobody else is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from entrepot.formats.maven.rules import snapshot_of
from entrepot.formats.maven.xml import read_tree
from entrepot.model.errors import InvalidMetadata

if TYPE_CHECKING:
    from entrepot.formats.maven.rules import ArtifactPath
    from entrepot.formats.maven.xml import Element

_MAX_TEXT: Final = 4_000
_MAX_DEPENDENCIES: Final = 2_000
"""What is kept of the longer ones: enough to look through, and the file itself is there."""

UNREADABLE: Final[Mapping[str, Any]] = {"packaging": ""}
"""What is kept of a POM that cannot be read."""


@dataclass(frozen=True, slots=True)
class Pom:
    """A POM's coordinates, and what else is kept of it."""

    group: str
    artifact: str
    version: str
    facts: Mapping[str, Any]


def read_pom(content: bytes) -> Pom:
    """Read a POM. Raises `InvalidMetadata`."""
    project = read_tree(content, "POM")
    if project.name != "project":
        raise InvalidMetadata("POM", expected="<project>", actual=f"<{project.name[:100]}>")
    parent = project.find("parent")
    inherited = {} if parent is None else parent.values("groupId", "artifactId", "version")
    own = project.values("groupId", "artifactId", "version")
    for name in ("groupId", "artifactId", "version"):
        if name not in own and (name == "artifactId" or name not in inherited):
            raise InvalidMetadata(f"POM: {name}", expected="a value", actual="none")
    return Pom(
        own.get("groupId") or inherited["groupId"],
        own["artifactId"],
        own.get("version") or inherited["version"],
        _facts(project, inherited),
    )


def _facts(project: Element, parent: Mapping[str, str]) -> Mapping[str, Any]:
    facts: dict[str, Any] = {
        "packaging": project.value("packaging") or "jar",
        **{name: text[:_MAX_TEXT] for name, text in project.values("name", "description", "url").items()},
    }
    if parent:
        facts["parent"] = parent
    if licenses := [found for each in project.all("licenses", "license") if (found := each.values("name", "url"))]:
        facts["licenses"] = licenses[:_MAX_DEPENDENCIES]
    dependencies = [
        each.values("groupId", "artifactId", "version", "scope", "type", "classifier", "optional")
        for each in project.all("dependencies", "dependency")
    ]
    if dependencies:
        facts["dependencies"] = dependencies[:_MAX_DEPENDENCIES]
    return facts


def check_pom(pom: Pom, path: ArtifactPath) -> None:
    """Raise `InvalidMetadata` unless *pom* is what *path* says.

    An expression, such as ``${revision}``, is not evaluated: it may be anything.
    """
    group, _, artifact = path.package.partition("/")
    said = {"groupId": pom.group, "artifactId": pom.artifact, "version": snapshot_of(pom.version)}
    expected = {"groupId": group, "artifactId": artifact, "version": path.folder}
    for name, value in said.items():
        if value != expected[name] and "${" not in value:
            raise InvalidMetadata(f"POM: {name}", expected=expected[name], actual=value[:200])

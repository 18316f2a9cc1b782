"""What languages' own package managers install: Python's ``dist-info`` and npm's ``package.json``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.inventory.images.fields import read_all, read_fields
from entrepot.inventory.images.finding import Finding
from entrepot.inventory.licences import normalise, normalise_classifiers
from entrepot.inventory.reading import licence_of
from entrepot.model.component import Component
from entrepot.model.errors import InvalidMetadata, InvalidName
from entrepot.model.purl import Purl

if TYPE_CHECKING:
    from entrepot.archives.tar import Content

_MEBI: Final = 1024 * 1024
_TEXT: Final = 400
_METADATA: Final = (".dist-info/METADATA", ".egg-info/PKG-INFO", ".egg-info", "EGG-INFO/PKG-INFO")


class PythonReader:
    """Reads what an installation leaves of a distribution (https://packaging.python.org/en/latest/specifications/)."""

    def wants(self, path: str, size: int) -> bool:
        """``METADATA`` of a wheel; ``PKG-INFO`` of an egg, which may also be one file."""
        return size > 0 and path.endswith(_METADATA)

    def read(self, path: str, content: Content) -> Finding | None:
        """The distribution."""
        text = content.read(4 * _MEBI).decode("utf-8", "replace")
        said = read_fields(text)
        name, version = said.get("name"), said.get("version")
        if not name or not version:
            return None
        licence = (
            normalise(said.get("license-expression"))
            or normalise(said.get("license"))
            or normalise_classifiers(read_all(text, "Classifier"))
            or licence_of([said.get("license", "").partition("\n")[0]], _TEXT)
        )
        return Finding((_component("pypi", None, name, version=version, licence=licence, path=path),))


class NodeReader:
    """Reads ``package.json`` (https://docs.npmjs.com/cli/configuring-npm/package-json)."""

    def wants(self, path: str, size: int) -> bool:
        """Each that there may be: what has no name or version is no package."""
        return size > 0 and (path.endswith("/package.json") or path == "package.json")

    def read(self, path: str, content: Content) -> Finding | None:
        """The package."""
        try:
            said = msgspec.json.decode(content.read(4 * _MEBI))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Tests of packages have files of this name that are broken on purpose.
            return None
        if not isinstance(said, dict):
            return None
        full, version = said.get("name"), said.get("version")
        if not isinstance(full, str) or not isinstance(version, str) or not full or not version:
            return None
        scope, slash, name = full.rpartition("/")
        if slash and not scope.startswith("@"):
            return None
        licence = licence_of(_node_licences(said), _TEXT)
        return Finding((_component("npm", scope or None, name, version=version, licence=licence, path=path),))


def _node_licences(said: dict[str, Any]) -> Iterator[str]:
    """An expression today; once a mapping, or a list of either."""
    licences = said.get("license", said.get("licenses"))
    for each in licences if isinstance(licences, list) else [licences]:
        text = each.get("type") if isinstance(each, dict) else each
        if isinstance(text, str):
            yield text


def _component(
    type: str, namespace: str | None, name: str, *, version: str, licence: str | None, path: str
) -> Component:
    full = name if namespace is None else f"{namespace}/{name}"
    try:
        purl = Purl.of(type, name[:_TEXT], version[:_TEXT], namespace=namespace and namespace[:_TEXT])
    except InvalidName as error:
        raise InvalidMetadata(path, expected="a name that packages have", actual=ascii(full)[:_TEXT]) from error
    return Component(full[:_TEXT], version[:_TEXT], purl, licence=licence, found_in=(path,))


# --- Java ---

_UNESCAPED: Final = re.compile(r"\\(.)")


def read_properties(text: str) -> dict[str, str]:
    """Properties as Java writes them, as far as names of packages need it."""
    found = {}
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and stripped[0] not in "#!":
            name, equals, value = stripped.partition("=")
            if equals:
                found[name.strip()] = _UNESCAPED.sub(r"\1", value.strip())[:_TEXT]
    return found

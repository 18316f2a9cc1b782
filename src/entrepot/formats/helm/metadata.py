"""What a chart says of itself: ``Chart.yaml``, as the JSON that Helm makes of it.

That JSON is the config of the chart's manifest and, with where the file is, its entry in the index.
Fields are those of Helm's own metadata (https://helm.sh/docs/topics/charts/#the-chartyaml-file); others are passed over,
as Helm does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from entrepot.formats.helm.document import (
    Node,
    as_flag,
    as_json,
    as_list,
    as_mapping,
    as_text,
    read_document,
)
from entrepot.formats.helm.rules import RULES
from entrepot.model.errors import InvalidMetadata, InvalidName, InvalidReference
from entrepot.model.names import PackageName, ReferenceName

_CONFIG: Final = "config"
CHART_FILE: Final = "Chart.yaml"
REQUIREMENTS: Final = "requirements.yaml"
"""Where charts of the first API version list what they depend on."""

_API_VERSIONS: Final = ("v1", "v2", "v3")
_TYPES: Final = ("application", "library")

_Read = Callable[[Node, str], Any]


@dataclass(frozen=True, slots=True)
class ChartMetadata:
    """A chart's name and version, checked, and all that it says."""

    name: PackageName
    version: ReferenceName
    fields: Mapping[str, Any]

    @property
    def annotations(self) -> Mapping[str, str]:
        """What Helm would annotate the chart's manifest with."""
        said = {
            "org.opencontainers.image.title": self.fields.get("name"),
            "org.opencontainers.image.version": self.fields.get("version"),
            "org.opencontainers.image.description": self.fields.get("description"),
            "org.opencontainers.image.url": self.fields.get("home"),
            "org.opencontainers.image.source": next(iter(self.fields.get("sources", ())), None),
        }
        return {key: value for key, value in said.items() if value}


def read_chart_file(content: bytes, requirements: bytes | None = None) -> ChartMetadata:
    """Read ``Chart.yaml``, with ``requirements.yaml`` if there is one. Raises `InvalidMetadata`."""
    fields = _read_fields(read_document(content, CHART_FILE), CHART_FILE, _FIELDS)
    for required in ("apiVersion", "name", "version"):
        if not fields.get(required):
            raise InvalidMetadata(f"{CHART_FILE}: {required}", expected="a value", actual="none")
    _require_one_of(fields, "apiVersion", _API_VERSIONS)
    _require_one_of(fields, "type", _TYPES)
    if requirements is not None and fields["apiVersion"] == "v1" and "dependencies" not in fields:
        fields |= _read_fields(
            read_document(requirements, REQUIREMENTS), REQUIREMENTS, {"dependencies": _FIELDS["dependencies"]}
        )
    _check_dependencies(fields.get("dependencies", ()))
    return read_metadata(fields, CHART_FILE)


def read_config(content: bytes) -> ChartMetadata:
    """Read a chart's config, as Helm makes it of ``Chart.yaml``; it goes into the index as it is.

    Raises `InvalidMetadata`, also for a field that Helm does not know: one that it reads by another spelling could
    break a whole index for it.
    """
    fields = _read_fields(read_document(content, _CONFIG), _CONFIG, _FIELDS)
    try:
        said = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMetadata(_CONFIG, expected="JSON") from error
    if said != fields:
        wrong = [key for key in said if said[key] != fields.get(key)] if isinstance(said, dict) else []
        raise InvalidMetadata(_CONFIG, expected="a chart's metadata as Helm writes it", actual=", ".join(wrong)[:200])
    return read_metadata(fields, _CONFIG)


def read_leniently(node: Node) -> dict[str, Any]:
    """The known fields of what others publish: one that is not as it should be is passed over.

    Raises `InvalidMetadata` for what has no fields at all.
    """
    found: dict[str, Any] = {}
    for key, value in as_mapping(node, CHART_FILE).items():
        with suppress(InvalidMetadata):
            found |= _read_fields({key: value}, CHART_FILE, _FIELDS)
    return found


def read_metadata(fields: Mapping[str, Any], where: str) -> ChartMetadata:
    """The same, of fields that were read. Raises `InvalidMetadata`."""
    try:
        return ChartMetadata(
            RULES.normalize(str(fields.get("name", ""))),
            _parse_version(str(fields.get("version", ""))),
            fields,
        )
    except InvalidName as error:
        raise InvalidMetadata(f"{where}: name {error.subject}", expected=error.expected) from error
    except InvalidReference as error:
        raise InvalidMetadata(f"{where}: version {error.subject}", expected=error.expected) from error


def _parse_version(text: str) -> ReferenceName:
    if "_" in text:
        raise InvalidReference(text[:200], expected="a semantic version such as 1.2.3+build")
    return RULES.parse_version(text)


def _require_one_of(fields: Mapping[str, Any], name: str, known: tuple[str, ...]) -> None:
    value = fields.get(name)
    if value and value not in known:
        raise InvalidMetadata(f"{CHART_FILE}: {name}", expected=", ".join(known), actual=str(value)[:100])


def _check_dependencies(dependencies: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]]) -> None:
    for dependency in dependencies:
        if not dependency.get("name"):
            raise InvalidMetadata("dependencies", expected="a name for each")


def _read_fields(node: Node, where: str, known: Mapping[str, _Read]) -> dict[str, Any]:
    """The known fields of a mapping, as far as they say anything."""
    return {
        key: known[key](value, f"{where}: {key}"[:300])
        for key, value in as_mapping(node, where).items()
        if key in known
    }


def _texts(node: Node, where: str) -> list[str]:
    return [as_text(each, where) for each in as_list(node, where)]


def _text_by_text(node: Node, where: str) -> dict[str, str]:
    return {key: as_text(value, f"{where}.{key}"[:300]) for key, value in as_mapping(node, where).items()}


def _anything(node: Node, _: str) -> Any:
    return as_json(node)


def _each(known: Mapping[str, _Read]) -> _Read:
    return lambda node, where: [_read_fields(each, where, known) for each in as_list(node, where)]


_FIELDS: Final[Mapping[str, _Read]] = {
    "apiVersion": as_text,
    "name": as_text,
    "version": as_text,
    "kubeVersion": as_text,
    "description": as_text,
    "type": as_text,
    "keywords": _texts,
    "home": as_text,
    "sources": _texts,
    "dependencies": _each(
        {
            "name": as_text,
            "version": as_text,
            "repository": as_text,
            "condition": as_text,
            "tags": _texts,
            "enabled": as_flag,
            "import-values": _anything,
            "alias": as_text,
        }
    ),
    "maintainers": _each({"name": as_text, "email": as_text, "url": as_text}),
    "icon": as_text,
    "appVersion": as_text,
    "condition": as_text,
    "tags": as_text,
    "deprecated": as_flag,
    "annotations": _text_by_text,
}

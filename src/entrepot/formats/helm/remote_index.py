"""Another repository's index: hostile, perhaps tens of megabytes of YAML, and of every chart that it has.

It is read once for each change (`condense`): an entry at a time, so that memory is what is kept of it.
What is kept is JSON that is quickly read again (`read_condensed`): each version's entry as our own index has it, and
beside it where the chart is and what it is called by its digest.
What no client could use, and what our names cannot say, is passed over: one bad entry must not hide all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any, Final

import msgspec
import yaml

from entrepot.formats.helm.document import Node, NodeBuilder, Text, as_list, as_mapping, as_text
from entrepot.formats.helm.metadata import read_leniently, read_metadata
from entrepot.formats.helm.rules import RULES, ChartVersion, print_file, print_version, url_of
from entrepot.model.errors import InvalidMetadata, InvalidName, UpstreamInvalid
from entrepot.model.names import PackageName, ReferenceName

_MAX_EVENTS: Final = 8_000_000
_MAX_ENTRIES: Final = 200_000
_MAX_COLLECTIONS: Final = 2_000_000
_MAX_URLS: Final = 5
_URL_LENGTH: Final = 2_000
_SHA256: Final = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_WHAT: Final = "index.yaml"
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class RemoteVersion(msgspec.Struct, frozen=True):
    """One version of a chart, as another repository's index tells of it."""

    reference: ReferenceName
    created: datetime | None
    sha256: str | None
    urls: list[str]
    """Absolute, or relative to the index."""
    deprecated: bool
    entry: msgspec.Raw
    """As our index shows it."""

    @property
    def version(self) -> ChartVersion:
        """What orders it among others."""
        return ChartVersion.parse(print_version(self.reference))


RemoteIndex = Mapping[PackageName, list[RemoteVersion]]
"""Every chart's versions, newest first."""

_DECODER: Final = msgspec.json.Decoder(dict[PackageName, list[RemoteVersion]])


def condense(content: bytes, _: str = "") -> bytes:
    """What of an index is kept. Raises `UpstreamInvalid`."""
    found: dict[PackageName, dict[ReferenceName, RemoteVersion]] = {}
    for count, (chart, node) in enumerate(_entries(content)):
        if count >= _MAX_ENTRIES:
            raise UpstreamInvalid(_WHAT, expected=f"at most {_MAX_ENTRIES} versions")
        # A hostile entry costs itself alone.
        with suppress(InvalidName, InvalidMetadata, ValueError, RecursionError):
            name = RULES.normalize(chart)
            version = _read_entry(name, node)
            found.setdefault(name, {}).setdefault(version.reference, version)
    return _ENCODER.encode(
        {
            name: sorted(versions.values(), key=lambda each: each.version, reverse=True)
            for name, versions in found.items()
        }
    )


def read_condensed(content: bytes) -> RemoteIndex:
    """What `condense` wrote."""
    return _DECODER.decode(content)


def _read_entry(name: PackageName, node: Node | None) -> RemoteVersion:
    """Raises `InvalidMetadata`."""
    said = as_mapping(Text("", is_plain=True) if node is None else node, _WHAT)
    # Helm takes an entry without an API version for one of the first.
    fields = {"apiVersion": "v1"} | read_leniently(said)
    chart = read_metadata(fields, _WHAT)
    urls = [as_text(url, "urls") for url in as_list(said.get("urls", []), "urls")]
    urls = [url for url in urls if 0 < len(url) <= _URL_LENGTH and url.isprintable()][:_MAX_URLS]
    if chart.name != name or not urls:
        raise InvalidMetadata(_WHAT, expected="an entry of its own name, and where the chart is")
    created = _time(said.get("created"))
    digest = said.get("digest")
    hashed = _SHA256.fullmatch(digest.value) if isinstance(digest, Text) else None
    sha256 = None if hashed is None else hashed[1].lower()
    shown = fields | {"urls": [url_of(name, print_file(name, chart.version))]}
    if created is not None:
        shown["created"] = created.isoformat().replace("+00:00", "Z")
    if sha256 is not None:
        shown["digest"] = sha256
    entry = msgspec.Raw(_ENCODER.encode(shown))
    return RemoteVersion(chart.version, created, sha256, urls, bool(fields.get("deprecated")), entry)


def _time(node: Node | None) -> datetime | None:
    """When an entry says that it was published; the year 1, which Go writes for nothing, is nothing."""
    if not isinstance(node, Text):
        return None
    try:
        at = datetime.fromisoformat(node.value)
        at = at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return at if at >= datetime.fromtimestamp(0, UTC) else None


# --- entries, one after the other ---


def _entries(content: bytes) -> Iterator[tuple[str, Node | None]]:
    """Each entry with the name of the chart that it stands under; None for one that cannot be read."""
    try:
        if content.lstrip()[:1] == b"{":
            yield from _entries_of_json(content)
        else:
            yield from _entries_of_yaml(content)
    except (yaml.YAMLError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamInvalid(f"{_WHAT}: {' '.join(str(error).split())[:300]}", expected="YAML or JSON") from error


def _entries_of_yaml(content: bytes) -> Iterator[tuple[str, Node | None]]:
    # Not by `yaml.parse`, which asks twice for each event.
    parser = yaml.CSafeLoader(content)
    events: Iterator[Any] = chain(islice(iter(parser.get_event, None), _MAX_EVENTS), _too_many())
    for start in events:
        if isinstance(start, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            continue
        if not isinstance(start, yaml.MappingStartEvent):
            break
        for key, value in _pairs(events):
            if key == "entries" and isinstance(value, yaml.MappingStartEvent):
                yield from _entries_of_charts(events)
            else:
                _skip(value, events)
        return
    raise UpstreamInvalid(_WHAT, expected="a mapping with entries")


def _entries_of_charts(events: Iterator[Any]) -> Iterator[tuple[str, Node | None]]:
    for chart, value in _pairs(events):
        if chart is None or not isinstance(value, yaml.SequenceStartEvent):
            _skip(value, events)
            continue
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            yield chart, _build(event, events)


def _too_many() -> Iterator[Any]:
    yield from ()
    raise UpstreamInvalid(_WHAT, expected=f"at most {_MAX_EVENTS} nodes")


def _pairs(events: Iterator[Any]) -> Iterator[tuple[str | None, Any]]:
    """Each key of a mapping with the event that begins its value, which whoever gets it takes to its end."""
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            return
        key = event.value if isinstance(event, yaml.ScalarEvent) else None
        _skip(event, events)
        yield key, next(events)


def _skip(event: Any, events: Iterator[Any]) -> None:
    """Pass over what *event* begins."""
    depth = _step(event)
    while depth:
        depth += _step(next(events))


def _build(event: Any, events: Iterator[Any]) -> Node | None:
    """What *event* begins; None for what is too deep, or too much."""
    builder = NodeBuilder(_WHAT, lenient=True)
    depth = _step(event)
    try:
        builder.take(event)
        while depth:
            event = next(events)
            depth += _step(event)
            builder.take(event)
    except InvalidMetadata:
        while depth:
            depth += _step(next(events))
        return None
    return builder.root


_STEPS: Final = {
    yaml.SequenceStartEvent: 1,
    yaml.MappingStartEvent: 1,
    yaml.SequenceEndEvent: -1,
    yaml.MappingEndEvent: -1,
}


def _step(event: Any) -> int:
    """How much deeper it is behind an event."""
    return _STEPS.get(type(event), 0)


class _Index(msgspec.Struct):
    entries: dict[str, msgspec.Raw]


def _entries_of_json(content: bytes) -> Iterator[tuple[str, Node | None]]:
    # Each of them costs more memory than its two bytes.
    if content.count(b"{") + content.count(b"[") > _MAX_COLLECTIONS:
        raise UpstreamInvalid(_WHAT, expected=f"at most {_MAX_COLLECTIONS} lists and mappings")
    for chart, versions in msgspec.json.decode(content, type=_Index).entries.items():
        with suppress(msgspec.ValidationError):
            for version in msgspec.json.decode(versions, type=list[Any]):
                yield chart, _node(version)


def _node(value: Any) -> Node:
    """What JSON says, as YAML would have said it."""
    if isinstance(value, dict):
        return {str(key): _node(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_node(each) for each in value]
    if isinstance(value, str):
        return Text(value, is_plain=False)
    return Text(msgspec.json.encode(value).decode(), is_plain=True)

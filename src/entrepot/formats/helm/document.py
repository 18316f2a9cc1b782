"""YAML from strangers, read as a tree of texts: no tags, no aliases, no key twice, nothing deep, nothing huge.

What a text stands for is decided by whoever asks, not by how it looks: ``appVersion: 1.10`` is the text ``1.10``, where
a YAML 1.1 reader would say the number 1.1.
So nothing is constructed; the parser's events are enough.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from entrepot.model.errors import InvalidMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SIZE: Final = 256 * 1024
_MAX_NODES: Final = 20_000
_MAX_DEPTH: Final = 32

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "yes", "on", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "n"})
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"[-+]?[0-9]{1,17}\.[0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar, as it is written."""

    value: str
    is_plain: bool
    """Whether it stands without quotes, so that it may mean something else than itself."""

    @property
    def is_null(self) -> bool:
        """Whether it stands for nothing."""
        return self.is_plain and self.value in _NULLS


Node = Text | list["Node"] | dict[str, "Node"]


def read_document(content: bytes, name: str, *, lenient: bool = False) -> Node:
    """The one document of a YAML file. Raises `InvalidMetadata`, with the *name* of the file.

    *lenient* is for what others publish: an alias is nothing, a tag is passed over, and the last of a key's values counts.
    """
    if len(content) > MAX_SIZE:
        raise InvalidMetadata(name, expected=f"at most {MAX_SIZE} bytes", actual=len(content))
    try:
        return _build(yaml.parse(content, Loader=yaml.CSafeLoader), NodeBuilder(name, lenient=lenient))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        # Its message shows the place on lines of their own.
        raise InvalidMetadata(f"{name}: {' '.join(str(error).split())[:300]}", expected="YAML") from error


def _build(events: Iterator[Any], builder: NodeBuilder) -> Node:
    for event in events:
        builder.take(event)
    if builder.root is None:
        raise InvalidMetadata(builder.name, expected="a document", actual="nothing")
    return builder.root


class NodeBuilder:
    """The tree that a parser's events make, with a stack of our own: depth is what a file asks for."""

    def __init__(self, name: str, *, lenient: bool = False) -> None:
        """Build what errors call *name*."""
        self.name = name
        self.root: Node | None = None
        """The whole, once there is any of it."""
        self._lenient = lenient
        self._room = _MAX_NODES
        self._open: list[tuple[list[Node] | dict[str, Node], list[str]]] = []
        """The collections that are not complete; of a mapping also the key that waits for its value."""

    def take(self, event: Any) -> None:
        """The next event. Raises `InvalidMetadata`."""
        self._room -= 1
        if self._room < 0:
            raise InvalidMetadata(self.name, expected=f"at most {_MAX_NODES} nodes")
        match event:
            case yaml.ScalarEvent():
                self._refuse_tag(event.tag)
                self._add(Text(event.value, is_plain=event.implicit[0]))
            case yaml.AliasEvent() if self._lenient:
                self._add(Text("", is_plain=True))
            case yaml.AliasEvent():
                raise InvalidMetadata(self.name, expected="YAML without aliases", actual=f"*{event.anchor}"[:100])
            case yaml.SequenceStartEvent():
                self._begin([], event.tag)
            case yaml.MappingStartEvent():
                self._begin({}, event.tag)
            case yaml.CollectionEndEvent():
                self._open.pop()

    def _begin(self, collection: list[Node] | dict[str, Node], tag: str | None) -> None:
        self._refuse_tag(tag)
        self._add(collection)
        if len(self._open) == _MAX_DEPTH:
            raise InvalidMetadata(self.name, expected=f"YAML that is not nested deeper than {_MAX_DEPTH}")
        self._open.append((collection, []))

    def _refuse_tag(self, tag: str | None) -> None:
        if tag not in (None, "!") and not self._lenient:
            raise InvalidMetadata(self.name, expected="YAML without tags", actual=str(tag)[:100])

    def _add(self, node: Node) -> None:
        if not self._open:
            if self.root is not None:
                raise InvalidMetadata(self.name, expected="one document")
            self.root = node
            return
        collection, key = self._open[-1]
        if isinstance(collection, list):
            collection.append(node)
        elif key:
            collection[key.pop()] = node
        elif isinstance(node, Text):
            if node.value in collection and not self._lenient:
                raise InvalidMetadata(f"{self.name}: {node.value[:100]}", expected="each key once")
            key.append(node.value)
        else:
            raise InvalidMetadata(self.name, expected="texts as keys")


# --- what a node stands for ---


def as_mapping(node: Node, where: str) -> dict[str, Node]:
    """A mapping without the keys that have no value; no value at all is an empty one. Raises `InvalidMetadata`."""
    if isinstance(node, Text) and node.is_null:
        return {}
    if not isinstance(node, dict):
        raise InvalidMetadata(where, expected="a mapping")
    return {key: value for key, value in node.items() if not (isinstance(value, Text) and value.is_null)}


def as_list(node: Node, where: str) -> list[Node]:
    """A list. Raises `InvalidMetadata`."""
    if not isinstance(node, list):
        raise InvalidMetadata(where, expected="a list")
    return node


def as_text(node: Node, where: str) -> str:
    """A text, also one that looks like a number. Raises `InvalidMetadata`."""
    if not isinstance(node, Text):
        raise InvalidMetadata(where, expected="a text")
    return node.value


def as_flag(node: Node, where: str) -> bool:
    """True or false. Raises `InvalidMetadata`."""
    value = as_text(node, where).lower()
    if value not in _TRUE | _FALSE:
        raise InvalidMetadata(where, expected="true or false", actual=value[:100])
    return value in _TRUE


def as_json(node: Node) -> Any:
    """Whatever it looks like: for what nobody here reads."""
    if isinstance(node, list):
        return [as_json(each) for each in node]
    if isinstance(node, dict):
        return {key: as_json(value) for key, value in node.items()}
    return _resolve(node.value) if node.is_plain else node.value


def _resolve(text: str) -> Any:
    """YAML 1.2.2, 10.2, "JSON Schema", as far as it is unambiguous."""
    if text in _NULLS:
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text) is not None:
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) is not None else text

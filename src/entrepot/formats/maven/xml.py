"""XML from strangers, read as a small tree: no document type, so no entities; nothing deep, nothing huge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from entrepot.model.errors import InvalidMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_SIZE: Final = 8 * 1024 * 1024
_MAX_ELEMENTS: Final = 200_000
_MAX_DEPTH: Final = 64
_MAX_TEXT: Final = 64 * 1024
"""Characters that are kept of an element's text, or a few more: nothing that is read here is longer."""


@dataclass(slots=True)
class Element:
    """An element with its text; attributes mean nothing in what is read here."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, name: str) -> Element | None:
        """The first child of this name."""
        return next((child for child in self.children if child.name == name), None)

    def all(self, *names: str) -> Iterator[Element]:
        """The children at a path: ``all("dependencies", "dependency")``."""
        head, *rest = names
        for child in self.children:
            if child.name == head:
                if rest:
                    yield from child.all(*rest)
                else:
                    yield child

    def value(self, name: str) -> str:
        """The text of a child; empty when there is none."""
        child = self.find(name)
        return "" if child is None else child.text.strip()

    def values(self, *names: str) -> Mapping[str, str]:
        """The texts of the children of these names, as far as they say anything."""
        return {name: text for name in names if (text := self.value(name))}


def read_tree(content: bytes, name: str) -> Element:
    """The root of a document. Raises `InvalidMetadata`, with the *name* of the file."""
    if len(content) > MAX_SIZE:
        raise InvalidMetadata(name, expected=f"at most {MAX_SIZE} bytes", actual=len(content))
    builder = _Builder(name)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = builder.refuse_document_type
    parser.StartElementHandler = builder.begin
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.add_text
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        # The others are what an unknown encoding ends in.
        raise InvalidMetadata(f"{name}: {str(error)[:200]}", expected="XML") from error
    if builder.root is None:
        raise InvalidMetadata(name, expected="an element")
    return builder.root


class _Builder:
    def __init__(self, name: str) -> None:
        self._name = name
        self._open: list[Element] = []
        self._count = 0
        self.root: Element | None = None

    def refuse_document_type(self, *_: object) -> None:
        raise InvalidMetadata(self._name, expected="XML without a document type")

    def begin(self, name: str, _: object) -> None:
        self._count += 1
        if self._count > _MAX_ELEMENTS:
            raise InvalidMetadata(self._name, expected=f"at most {_MAX_ELEMENTS} elements")
        if len(self._open) == _MAX_DEPTH:
            raise InvalidMetadata(self._name, expected=f"XML that is not nested deeper than {_MAX_DEPTH}")
        element = Element(name)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _: str) -> None:
        self._open.pop()

    def add_text(self, text: str) -> None:
        element = self._open[-1]
        # Text around elements is white space; where it is not, it means nothing.
        if not element.children and len(element.text) < _MAX_TEXT:
            element.text += text

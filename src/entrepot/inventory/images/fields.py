"""Files of fields, ``Name: value`` one a line: Debian's, Python's and Java's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

_LONGEST: Final = 64 * 1024


def read_fields(text: str) -> Mapping[str, str]:
    """The fields of the first paragraph, by their names in lower case; of a field that comes twice, the first.

    A line that begins with a space goes on with the field before it. A line that is no field ends the fields.
    """
    return next(read_paragraphs(text), {})


def read_paragraphs(text: str) -> Iterator[Mapping[str, str]]:
    """The fields of each paragraph; paragraphs have empty lines between them."""
    for paragraph in _paragraphs(text):
        found: dict[str, list[str]] = {}
        values: list[str] | None = None
        for line in paragraph:
            if line[:1] in (" ", "\t"):
                if values is not None:
                    values.append(line.strip())
                continue
            name, colon, value = line.partition(":")
            if not colon:
                break
            values = found.setdefault(name.strip().lower(), [])
            if values:
                values = []  # It was said before.
            values.append(value.strip())
        yield {name: "\n".join(lines).strip()[:_LONGEST] for name, lines in found.items()}


def read_all(text: str, wanted: str) -> list[str]:
    """Every value of one field of the first paragraph, without continuations."""
    paragraph = next(_paragraphs(text), [])
    prefix = f"{wanted.lower()}:"
    return [line[len(prefix) :].strip() for line in paragraph if line[: len(prefix)].lower() == prefix]


def _paragraphs(text: str) -> Iterator[list[str]]:
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.strip():
            lines.append(line)
        elif lines:
            yield lines
            lines = []
    if lines:
        yield lines

"""What commands print: a table for people, or JSON for programs, on stdout and nothing else there."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

import click
import msgspec

from entrepot.model.digest import Digest

T = TypeVar("T")

Output = Literal["table", "json"]

Columns = Mapping[str, Callable[[T], object]]
"""What a table shows: the headings, and how to find what stands below."""

_GAP: Final = "  "

output_option = click.option(
    "--output", "-o", type=click.Choice(["table", "json"]), default="table", help="For people, or for programs."
)


def show_list(items: Iterable[T], columns: Columns[T], output: Output) -> None:
    """Print many things: a line for each, or a JSON array."""
    found = list(items)
    if output == "json":
        show_json(found)
        return
    rows = [[_cell(read(item)) for read in columns.values()] for item in found]
    widths = [max(len(cell) for cell in cells) for cells in zip(list(columns), *rows, strict=True)]
    click.secho(_line(list(columns), widths), bold=True)
    for row in rows:
        click.echo(_line(row, widths))


def show_one(item: T, fields: Columns[T], output: Output) -> None:
    """Print one thing: a line for each field, or a JSON object."""
    if output == "json":
        show_json(item)
        return
    width = max(len(name) for name in fields)
    for name, read in fields.items():
        value = read(item)
        lines = [_cell(each) for each in value] if isinstance(value, list) else [_cell(value)]
        for number, line in enumerate(lines or ["-"]):
            click.echo(f"{click.style((name if number == 0 else '').ljust(width), bold=True)}{_GAP}{line}")


def show_done(message: str, document: object, output: Output) -> None:
    """Say that something was done, or print what came of it as JSON."""
    if output == "json":
        show_json(document)
    else:
        click.echo(_plain(message))


def show_json(document: object) -> None:
    """Print JSON that people can read too."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=_jsonable))


def _jsonable(value: Any) -> object:
    """What a value is in JSON, where JSON does not say so itself."""
    match value:
        case Digest():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case msgspec.Struct():
            return msgspec.structs.asdict(value)
        case _ if is_dataclass(value):
            return {field.name: getattr(value, field.name) for field in fields(value)}
        case Iterable():
            return list(value)
    raise TypeError(value)


def _line(cells: Collection[str], widths: list[int]) -> str:
    return _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    match value:
        case None | "" | () | []:
            shown = "-"
        case bool():
            shown = "yes" if value else "no"
        case datetime():
            shown = f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
        case tuple() | list():
            shown = ", ".join(_cell(each) for each in value)
        case Mapping():
            shown = ", ".join(f"{key}={_cell(each)}" for key, each in value.items())
        case _:
            shown = str(value)
    return _plain(shown)


def _plain(text: str) -> str:
    """*text* without what could steer a terminal: somebody else may have written it."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)

"""``entrepot routes``."""

from __future__ import annotations

import re
from dataclasses import dataclass

import click

from entrepot import __version__
from entrepot.api import SURFACE
from entrepot.cli.output import Output, output_option, show_list
from entrepot.formats import discover
from entrepot.wire.health import Presence, health_surfaces
from entrepot.wire.metrics import Metrics


@dataclass(frozen=True, slots=True)
class _Row:
    surface: str
    method: str
    path: str
    operation: str


@click.command()
@output_option
def routes(output: Output) -> None:
    """List every address that the server answers at.

    GET answers HEAD too.
    """
    formats = [surface for format_ in discover() for surface in (format_.surface, *format_.aliases)]
    health = health_surfaces(Metrics(), lambda: None, __version__, Presence())
    rows = [
        _Row(surface.name, route.method, _readable(route.pattern), route.operation)
        for surface in (*formats, SURFACE, *health)
        for route in surface.routes
    ]
    columns = {
        "SURFACE": lambda it: it.surface,
        "METHOD": lambda it: it.method,
        "PATH": lambda it: it.path,
        "OPERATION": lambda it: it.operation,
    }
    show_list(rows, columns, output)


def _readable(pattern: str) -> str:
    """A route's regular expression as people write a path: its named groups become ``<name>``."""
    shown, at = "", 0
    for group in re.finditer(r"\(\?P<(\w+)>", pattern):
        if group.start() < at:
            continue
        shown += pattern[at : group.start()] + f"<{group[1]}>"
        at = _end_of_group(pattern, group.start())
    return re.sub(r"\\(.)", r"\1", shown + pattern[at:]).replace("/?", "/")


def _end_of_group(pattern: str, start: int) -> int:
    """Where the group that opens at *start* is over."""
    depth, at, in_class = 0, start, False
    while True:
        character = pattern[at]
        if character == "\\":
            at += 1
        elif character == "[":
            in_class = True
        elif character == "]":
            in_class = False
        elif not in_class:
            depth += (character == "(") - (character == ")")
        at += 1
        if depth == 0:
            return at

"""Console examples in Markdown: what a reader would type, and what they are told they will see.

A block fenced as ``console`` is a session: lines that begin with ``$ `` are commands, which go on in lines that begin
with ``>``; the others are what they print. ``…`` in an output stands for anything. A page's sessions run in
one directory, one after another, against a fresh server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEEDS = re.compile(r"<!-- needs: ([\w, ]+) -->")
_PROMPT = "$ "
_CONTINUATION = ">"


@dataclass
class Example:
    """A command, and the output that the page shows for it."""

    command: str
    output: list[str] = field(default_factory=list)

    def pattern(self) -> re.Pattern[str]:
        """What the real output must look like."""
        lines = [re.escape(line.rstrip()).replace("…", ".*") for line in self.output]
        return re.compile(r"\s*\n".join(lines) + r"\s*", re.DOTALL)


def examples(page: Path) -> list[Example]:
    """The page's commands, in order."""
    found: list[Example] = []
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith(_PROMPT):
                found.append(Example(line.removeprefix(_PROMPT)))
            elif line.startswith(_CONTINUATION):
                found[-1].command += "\n" + line.removeprefix(_CONTINUATION).removeprefix(" ")
            else:
                found[-1].output.append(line)
    return found


def needs(page: Path) -> dict[str, str]:
    """The tools that the page says it needs, by the names that its readers call them: ``helm4 as helm``."""
    match = _NEEDS.search(page.read_text(encoding="utf-8"))
    wanted = [] if match is None else [need.split(" as ") for need in match[1].split(",")]
    return {names[-1].strip(): names[0].strip() for names in wanted}

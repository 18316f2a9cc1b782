"""What the engine's own budget does not bound, refused when a policy is saved.

The engine counts iterations, and nothing else. So inside a loop (``all``, ``exists``, ``filter``, ``map`` …)

- nothing may be joined: with ``+`` a text or a list doubles in every step;
- no list may be made but of constants, and none be mapped: lists of lists are compared element by element;
- there may be one more loop, not two; and patterns are matched in the outermost alone.

Texts over several lines are refused anywhere, so that what is a text here is a text there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from entrepot.model.errors import InvalidPolicy

LONGEST_EXPRESSION: Final = 4_096
_DEEPEST: Final = 2
_MOST_LOOPS: Final = 16

_MAPS: Final = frozenset({"map", "transformList", "transformMap"})
_LOOPS: Final = _MAPS | {"all", "exists", "exists_one", "existsOne", "filter"}
_CONSTANTS: Final = frozenset({"raw", "string", "number"})
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")
_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<long>[rRbB]{0,2}(?:"{3}|'{3}))
  | (?P<raw>(?:[rR][bB]?|[bB][rR])(?:"[^"\n]*"|'[^'\n]*'))
  | (?P<string>[bB]?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
  | (?P<number>\d[\w.]*(?:(?<=[eE])[+-]?\d+)?)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<sign>.)
    """,
    re.VERBOSE,
)


def require_bounded(text: str) -> None:
    """Raise `InvalidPolicy`, with the place, for an expression that may take more than its budget."""
    if len(text) > LONGEST_EXPRESSION:
        raise InvalidPolicy(shown(text), expected=f"at most {LONGEST_EXPRESSION} characters", actual=len(text))
    reading = _Reading()
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "space" and (problem := reading.problem_with(str(match.lastgroup), match[0])) is not None:
            raise InvalidPolicy(shown(text), expected=problem, actual=_place(text, match.start()))


def shown(text: str) -> str:
    """The beginning of an expression, for a message."""
    return text[:200].encode("utf-8", "replace").decode()


def _place(text: str, start: int) -> str:
    return f"line {text.count(chr(10), 0, start) + 1}, column {start - text.rfind(chr(10), 0, start)}"


@dataclass(slots=True)
class _Reading:
    """Where the reader is: in which brackets, and behind which two pieces."""

    loops: int = 0
    brackets: list[str] = field(default_factory=list)
    """Those that are open: ``loop``, ``list`` for one that is written inside a loop, or as they are."""
    before: tuple[str, str] = ("", "")
    """The last piece: its kind, and how it is written."""
    earlier: str = ""
    """How the one before it is written."""

    def problem_with(self, kind: str, piece: str) -> str | None:
        """What is expected instead of the next piece; None when it may be there."""
        problem = self._open(piece) if kind == "sign" and piece in _OPENING else self._read(kind, piece)
        self.earlier, self.before = self.before[1], (kind, piece)
        return problem

    @property
    def depth(self) -> int:
        """How many loops are open."""
        return self.brackets.count("loop")

    def _open(self, piece: str) -> str | None:
        inside = self.depth > 0
        kind, word = self.before
        loops = piece == "(" and kind == "word" and word in _LOOPS and self.earlier == "."
        indexes = kind in ("word", "string", "raw") or word in _CLOSING
        self.loops += loops
        self.brackets.append("loop" if loops else "list" if piece == "[" and inside and not indexes else piece)
        if piece == "{" and inside:
            return "no map or message inside a loop"
        if loops and inside and word in _MAPS:
            return "no map() inside a loop"
        if self.depth > _DEEPEST or self.loops > _MOST_LOOPS:
            return f"at most {_MOST_LOOPS} loops, and {_DEEPEST} inside one another"
        return None

    def _read(self, kind: str, piece: str) -> str | None:
        if kind == "long":
            return "texts in single quotation marks"
        if kind == "sign" and piece in _CLOSING:
            self.brackets[-1:] = []
        elif self.brackets[-1:] == ["list"] and kind not in _CONSTANTS and piece not in (",", "-"):
            return "inside a loop no list but one of constants"
        elif kind == "sign" and piece == "+" and self.depth:
            return "no + inside a loop"
        elif piece == "matches" and self.depth == _DEEPEST:
            return "no matches() in a loop inside a loop"
        return None

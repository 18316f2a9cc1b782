"""CEL, the Common Expression Language: compiled when a policy is saved, evaluated within bounds.

https://github.com/google/cel-spec. What holds of every engine here:

- An expression is checked against the table of facts when it is compiled: a misspelt fact, a wrong type, or a result
  that is no bool is `InvalidPolicy`, with its line and column.
- Whatever goes wrong when it is evaluated is a reason to refuse. Only the value ``true`` itself is a yes.
- Evaluation is bounded. The engine has a budget of iterations; what it does not count (text that doubles in every
  step, lists of lists that are compared, patterns inside loops inside loops) is refused when the policy is saved.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stubs are not marked as such

from entrepot.model.errors import InvalidPolicy
from entrepot.policy.bounds import require_bounded, shown
from entrepot.policy.facts import FACTS, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.policy.facts import Facts

_LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of evaluating a condition: a yes, or a no; *problem* says when it is neither, which is a no, too."""

    allowed: bool
    problem: str | None = None
    missing: str | None = None
    """The fact that nobody knows yet, where that is the problem."""


class Condition(Protocol):
    """A compiled expression that says yes or no."""

    def ask(self, facts: Facts) -> Outcome:
        """Whether it holds of these facts. Never raises, and never says yes for any reason but that it holds."""


class Message(Protocol):
    """A compiled expression that says something."""

    def say(self, facts: Facts) -> str | None:
        """The text; None when it cannot be said of these facts."""


class PolicyEngine(Protocol):
    """What compiles expressions."""

    def condition(self, text: str) -> Condition:
        """Compile an expression whose result is a bool. Raises `InvalidPolicy`."""

    def message(self, text: str) -> Message:
        """Compile an expression whose result is a string. Raises `InvalidPolicy`."""


# --- cel-cpp -----------------------------------------------------------------------------------------------------

_TYPES: Final[Mapping[Kind, Any]] = {
    Kind.BOOL: cel.Type.BOOL,
    Kind.INT: cel.Type.INT,
    Kind.STRING: cel.Type.STRING,
    Kind.STRINGS: cel.Type.List(cel.Type.STRING),
    Kind.MAP: cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    Kind.MAPS: cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.STRING)),
    Kind.TIME: cel.Type.TIMESTAMP,
    Kind.DURATION: cel.Type.DURATION,
}
_MISSING: Final = re.compile(r'No value with name "([a-z_.]+)" found in Activation')
_STATUS: Final = re.compile(r"^(?:[A-Z_]+: )+|(?: \[[A-Z_]+\])+$")
_POSITION: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")


@lru_cache(maxsize=1)
def _environment() -> Any:
    """Made once: it takes some thirty milliseconds, and every thread may use it."""
    return cel.NewEnv(variables={fact.name: _TYPES[fact.kind] for fact in FACTS})


class CelEngine:
    """Implements `PolicyEngine` with cel-cpp."""

    def condition(self, text: str) -> Condition:
        """Compile an expression whose result is a bool. Raises `InvalidPolicy`."""
        return _condition(text)

    def message(self, text: str) -> Message:
        """Compile an expression whose result is a string. Raises `InvalidPolicy`."""
        return _CelMessage(_compile(text, cel.Type.STRING))


@lru_cache(maxsize=1024)
def _condition(text: str) -> _CelCondition:
    """Kept: compiling takes longer than evaluating, and the same policies are asked again and again."""
    return _CelCondition(_compile(text, cel.Type.BOOL))


@dataclass(frozen=True, slots=True)
class _CelCondition:
    _expression: Any

    def ask(self, facts: Facts) -> Outcome:
        try:
            result = self._expression.eval(data=_data(facts))
            value = result.value()
        except Exception as error:  # noqa: BLE001 (the library raises what it likes; none of it is a yes)
            return Outcome(allowed=False, problem=_words(error))
        # A failed evaluation comes back as a value of type ERROR, whose value is a text, and so no False.
        if result.type() == cel.Type.BOOL and (value is True or value is False):
            return Outcome(allowed=value is True)
        text = _words(value)
        missing = _MISSING.search(text)
        if missing is None:
            return Outcome(allowed=False, problem=text)
        return Outcome(allowed=False, problem=f"{missing[1]} is not known yet", missing=missing[1])


@dataclass(frozen=True, slots=True)
class _CelMessage:
    _expression: Any

    def say(self, facts: Facts) -> str | None:
        try:
            result = self._expression.eval(data=_data(facts))
            value = result.value()
        except Exception:  # noqa: BLE001 (a message that cannot be made is left out)
            return None
        return value[:_LONGEST_REASON] if result.type() == cel.Type.STRING and isinstance(value, str) else None


def _data(facts: Facts) -> dict[str, object]:
    """The facts as the engine takes them: lists and dictionaries of its own kinds."""
    return {
        name: [dict(each) if isinstance(each, dict) else each for each in value] if isinstance(value, tuple) else value
        for name, value in facts.values.items()
    }


def _compile(text: str, expected: Any) -> Any:
    require_bounded(text)
    try:
        expression = _environment().compile(text)
    except Exception as error:
        raise _refusal(text, error) from error
    if expression.return_type() != expected:
        raise InvalidPolicy(
            shown(text), expected=f"an expression of type {_type(expected)}", actual=_type(expression.return_type())
        )
    return expression


def _type(kind: Any) -> str:
    return str(kind.name()).lower()


def _refusal(text: str, error: Exception) -> InvalidPolicy:
    found = _POSITION.search(str(error))
    if found is None:
        return InvalidPolicy(shown(text), expected="a CEL expression", actual=_words(error))
    line, column, words = found.groups()
    where = f"line {line}, column {column}: " if int(line) > 0 else ""
    return InvalidPolicy(
        shown(text), expected="a CEL expression over the known facts", actual=f"{where}{_words(words)}"
    )


def _shown(text: str) -> str:
    return text[:200].encode("utf-8", "replace").decode()


def _words(said: object) -> str:
    """The first line of what the engine says, without its own codes."""
    first = str(said).partition("\n")[0].replace(" (in container '')", "")
    return _STATUS.sub("", first)[:_LONGEST_REASON].encode("utf-8", "replace").decode() or "the engine says nothing"

"""The language's other implementation says of every condition what ours says: cel-go, beside cel-cpp.

``tools/celeval`` calls it and does nothing else. What is undecided between them would be a condition that somebody
wrote for one meaning, and that lets something through by another.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entrepot.model.errors import InvalidPolicy
from entrepot.policy.defaults import DEFAULTS
from entrepot.policy.engine import CelEngine
from entrepot.policy.facts import FACTS, Facts, Kind
from tests.clients.programs import program

_BY_KIND: Final = {kind: [fact.name for fact in FACTS if fact.kind is kind] for kind in Kind}
_LARGE: Final = 2**63 - 1
ENGINE: Final = CelEngine()


@dataclass(frozen=True, slots=True)
class Other:
    """The other implementation, at work."""

    process: subprocess.Popen[str]

    def ask(self, expression: str, facts: Facts) -> str:
        """``true``, ``false`` or ``error``."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        question = {"expression": expression, "values": facts.text()}
        self.process.stdin.write(msgspec.json.encode(question).decode() + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline().strip()
        assert said in {"true", "false", "error"}, said
        return said


@pytest.fixture(scope="module")
def other() -> Iterator[Other]:
    command = [program("celeval")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode({fact.name: fact.kind for fact in FACTS}).decode() + "\n")
        process.stdin.flush()
        yield Other(process)
        process.stdin.close()
        process.wait(60)


def ours(expression: str, facts: Facts) -> str:
    """The same of our engine."""
    outcome = ENGINE.condition(expression).ask(facts)
    if outcome.problem is not None:
        assert not outcome.allowed
        return "error"
    return "true" if outcome.allowed else "false"


# --- conditions, by their types ---

_WORDS: Final = st.sampled_from(["", "a", "b", "prod", "1.0", "é", "𝄞", "a'b", "\\", "a.b", "(", "oci"])


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_INTS = st.deferred(
    lambda: st.one_of(
        st.sampled_from(_BY_KIND[Kind.INT]),
        st.sampled_from(["0", "1", "7", "-1", str(_LARGE), f"-{_LARGE}"]),
        st.sampled_from(_BY_KIND[Kind.STRINGS] + _BY_KIND[Kind.STRING] + _BY_KIND[Kind.MAPS]).map(
            lambda name: f"size({name})"
        ),
        st.tuples(_INTS, st.sampled_from("+-*/%"), _INTS).map(lambda it: f"({it[0]} {it[1]} {it[2]})"),
        st.tuples(_BOOLS, _INTS, _INTS).map(lambda it: f"({it[0]} ? {it[1]} : {it[2]})"),
    )
)
_STRINGS = st.deferred(
    lambda: st.one_of(
        st.sampled_from(_BY_KIND[Kind.STRING]),
        _WORDS.map(_quoted),
        st.tuples(st.sampled_from(_BY_KIND[Kind.STRINGS]), st.integers(-1, 3)).map(lambda it: f"{it[0]}[{it[1]}]"),
        _WORDS.map(lambda key: f"annotations[{_quoted(key)}]"),
        _INTS.map(lambda number: f"string({number})"),
        st.tuples(_STRINGS, _STRINGS).map(lambda it: f"({it[0]} + {it[1]})"),
    )
)
_COMPARED = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
_TIMES = st.sampled_from(_BY_KIND[Kind.TIME]) | st.just("timestamp('2026-01-31T12:00:00Z')")
_DURATIONS = st.sampled_from([*_BY_KIND[Kind.DURATION], "duration('1h')", "duration('72h')", "(now - first_seen)"])


def _compare(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(values, _COMPARED, values).map(lambda it: f"({it[0]} {it[1]} {it[2]})")


def _inside(name: str, loop: str, text: str) -> st.SearchStrategy[str]:
    """A loop over a list of texts, and what is asked of each."""
    asked = [f"x == {text}", f"x != {text}", f"x.startsWith({text})", f"x.contains({text})", f"size(x) > {len(text)}"]
    return st.sampled_from(asked).map(lambda each: f"{name}.{loop}(x, {each})")


_LOOPS = st.tuples(
    st.sampled_from(_BY_KIND[Kind.STRINGS]), st.sampled_from(["all", "exists", "exists_one"]), _WORDS.map(_quoted)
).flatmap(lambda it: _inside(*it))
_BOOLS = st.deferred(
    lambda: st.one_of(
        st.sampled_from([*_BY_KIND[Kind.BOOL], "true", "false"]),
        _compare(_INTS),
        _compare(_STRINGS),
        _compare(_TIMES),
        _compare(_DURATIONS),
        _LOOPS,
        st.tuples(_STRINGS, st.sampled_from(_BY_KIND[Kind.STRINGS])).map(lambda it: f"({it[0]} in {it[1]})"),
        _STRINGS.map(lambda key: f"({key} in annotations)"),
        _WORDS.map(lambda word: f"signatures.exists(s, s['signer'] == {_quoted(word)})"),
        st.tuples(_STRINGS, st.sampled_from(["startsWith", "endsWith", "contains"]), _STRINGS).map(
            lambda it: f"{it[0]}.{it[1]}({it[2]})"
        ),
        st.tuples(_STRINGS, st.sampled_from(["^a", "[0-9]+$", "(a|b)+", ".", "^$"])).map(
            lambda it: f"{it[0]}.matches('{it[1]}')"
        ),
        _BOOLS.map(lambda each: f"!({each})"),
        st.tuples(_BOOLS, st.sampled_from(["&&", "||"]), _BOOLS).map(lambda it: f"({it[0]} {it[1]} {it[2]})"),
        st.tuples(_BOOLS, _BOOLS, _BOOLS).map(lambda it: f"({it[0]} ? {it[1]} : {it[2]})"),
    )
)

_VALUES: Final = {
    Kind.BOOL: st.booleans(),
    Kind.INT: st.integers(0, 9) | st.sampled_from([_LARGE, _LARGE - 1]),
    Kind.STRING: _WORDS,
    Kind.STRINGS: st.lists(_WORDS, max_size=4).map(tuple),
    Kind.MAP: st.dictionaries(_WORDS, _WORDS, max_size=3),
    Kind.MAPS: st.lists(st.fixed_dictionaries({}, optional={"signer": _WORDS}), max_size=3).map(tuple),
    Kind.TIME: st.integers(-5, 5).map(lambda hours: datetime(2026, 1, 31, 12, tzinfo=UTC) + timedelta(hours=hours)),
    Kind.DURATION: st.integers(-5, 100).map(lambda hours: timedelta(hours=hours)),
}
_FACTS = st.fixed_dictionaries({}, optional={fact.name: _VALUES[fact.kind] for fact in FACTS}).map(Facts.of)
"""Any of them may be unknown."""


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(expression=_BOOLS, facts=_FACTS)
def test_both_say_the_same_of_any_condition(other: Other, expression: str, facts: Facts) -> None:
    try:
        said = ours(expression, facts)
    except InvalidPolicy:
        return  # What is longer or deeper than ours takes is refused when it is saved.

    assert said == other.ask(expression, facts), expression


@settings(deadline=None)
@given(facts=_FACTS)
def test_both_say_the_same_of_the_policies_that_hold_by_default(other: Other, facts: Facts) -> None:
    for policy in DEFAULTS:
        assert ours(policy.condition, facts) == other.ask(policy.condition, facts), policy.name


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("yanked || true", "true"),
        ("true || yanked", "true"),
        ("yanked && false", "false"),
        ("yanked && true", "error"),
        ("!yanked", "error"),
        ("yanked == yanked", "error"),
        (f"{_LARGE} + 1 > 0", "error"),
        ("1 / 0 == 1", "error"),
        ("tags[0] == ''", "error"),
        ("annotations['nobody'] == ''", "error"),
        ("'nobody' in annotations", "false"),
        ("tags.all(x, yanked)", "true"),
        ("size('𝄞é') == 2", "true"),
        ("true ? true : yanked", "true"),
    ],
)
def test_both_mean_the_same_by_what_is_not_there(other: Other, expression: str, said: str) -> None:
    facts = Facts.of({"tags": (), "annotations": {}})

    assert ours(expression, facts) == said
    assert other.ask(expression, facts) == said

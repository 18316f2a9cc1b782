"""Expressions that nobody meant well: every one is refused when it is saved, or answers soon, and never by mistake."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.model.errors import InvalidPolicy
from entrepot.policy.defaults import DEFAULTS
from entrepot.policy.engine import CelEngine
from entrepot.policy.facts import FACTS, Facts, Kind
from tests.hostile.cuts import CUTS, PLACES, Cut, spoil
from tests.hostile.effort import fuzz

ENGINE = CelEngine()
_SECONDS = 2.0
_WORDS = [
    *(fact.name for fact in FACTS),
    *("a", "b", "true", "false", "null", "1", "0", "-1", "'x'", "b'x'", "r'\\'", "[]", "{}", "1.5", "2u"),
    *("&&", "||", "!", "==", "!=", "<", "+", "-", "*", "/", "%", "in", "?", ":", ".", ",", "(", ")", "[", "]"),
    *(".all(", ".exists(", ".map(", ".filter(", ".exists_one(", "size(", "string(", "int(", "matches(", "has("),
    *("timestamp(", "duration(", "type(", "dyn(", "//", "\n", "'''", '"""', "\\u0000", "\x00"),
]
_EXPRESSIONS = st.lists(st.sampled_from(_WORDS), max_size=40).map(" ".join) | st.text(max_size=200)
_VALUES = {
    Kind.BOOL: st.booleans(),
    Kind.INT: st.integers(-(2**63), 2**63 - 1),
    Kind.STRING: st.text(max_size=50),
    Kind.STRINGS: st.lists(st.text(max_size=10), max_size=200).map(tuple),
    Kind.MAP: st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=5),
    Kind.MAPS: st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), max_size=5).map(tuple),
    Kind.TIME: st.datetimes(timezones=st.timezones()),
    Kind.DURATION: st.timedeltas(),
}
_FACTS = st.fixed_dictionaries({}, optional={fact.name: _VALUES[fact.kind] for fact in FACTS}).map(Facts.of)


@settings(deadline=None)
@given(text=_EXPRESSIONS, facts=_FACTS)
def test_any_text_is_refused_or_answers_soon(text: str, facts: Facts) -> None:
    began = time.process_time()
    try:
        condition = ENGINE.condition(text)
    except InvalidPolicy:
        return
    outcome = condition.ask(facts)

    assert time.process_time() - began < _SECONDS
    assert outcome.allowed in (True, False)
    assert not (outcome.allowed and outcome.problem)


_SOUND = sorted(
    {text for policy in DEFAULTS for text in (policy.condition, policy.message) if text}
    | {
        "signatures.exists(s, s.signer == 'release' && s.issuer.matches('^https://id[.]example[.]com$'))",
        "has(annotations.owner) && annotations['owner'] in ['a', 'b'] && tags.all(t, t.startsWith('v'))",
        "age > duration('24h') ? first_seen < now : approvals.by.filter(a, a != requested_by).size() >= 2",
        "provenance.level >= 2 && (size / 1024 < 10 || !('deprecated' in tags)) // as agreed",
        "{'a': [1, 2.5, -3e2]}['a'][0] == 1 && b'\\x00' != b'' && string(size) + name == r'\\d'",
    }
)


@fuzz
@given(
    text=st.sampled_from(_SOUND), cuts=CUTS, swaps=st.lists(st.tuples(PLACES, st.sampled_from(_WORDS))), facts=_FACTS
)
def test_a_spoilt_policy_is_refused_or_answers_soon(
    text: str, cuts: list[Cut], swaps: list[tuple[float, str]], facts: Facts
) -> None:
    words = text.split(" ")
    for place, word in swaps[:3]:
        words[int(place * len(words))] = word
    spoilt = spoil(" ".join(words).encode(), cuts if not swaps or len(swaps) % 2 else []).decode(errors="replace")
    began = time.process_time()
    with suppress(InvalidPolicy):
        said = ENGINE.message(spoilt).say(facts)
        assert said is None or isinstance(said, str)
    with suppress(InvalidPolicy):
        outcome = ENGINE.condition(spoilt).ask(facts)
        assert outcome.allowed in (True, False)
        assert not (outcome.allowed and outcome.problem)

    assert time.process_time() - began < _SECONDS


@pytest.mark.parametrize("text", _SOUND)
def test_what_is_not_spoilt_is_taken(text: str) -> None:
    is_message = text in {policy.message for policy in DEFAULTS}

    assert ENGINE.message(text) if is_message else ENGINE.condition(text)


@settings(deadline=None)
@given(facts=_FACTS)
def test_what_asks_for_something_unknown_never_says_yes(facts: Facts) -> None:
    for fact in FACTS:
        if fact.name not in facts.values:
            for condition in (f"{fact.name} == {fact.name}", f"!({fact.name} != {fact.name})"):
                assert not ENGINE.condition(condition).ask(facts).allowed


@pytest.mark.parametrize(
    "text",
    [
        "signed.by" + ".map(a, a)" * 30 + " == []",
        "size(signed.by" + ".filter(a, a == a)" * 15 + ") > 0",
        "signed.by.all(a, tags.all(b, a < b || a >= b))",
        "tags.exists(a, a.matches('(a+)+$'))",
        "tags.exists(a, a.matches('((a{30}){30})$'))",
        "(" * 31 + "true" + ")" * 31,
        "!" * 4_000 + "true",
        "'a'" + " + 'a'" * 30 + " == name",
        "[" * 31 + "]" * 31 + " == []",
        "1 == 1" + " && 1 == 1" * 300,
    ],
)
def test_what_is_meant_to_take_long_does_not(text: str) -> None:
    facts = Facts.of({"name": "x", "signed.by": ("a" * 1_024,) * 100, "tags": ("a" * 1_024,) * 100})
    began = time.process_time()

    with suppress(InvalidPolicy):
        ENGINE.condition(text).ask(facts)

    assert time.process_time() - began < _SECONDS


def test_the_record_of_facts_is_read_as_it_was_written() -> None:
    whole = Facts.of({"size": 1, "signed.known": True, "tags": ("a",), "annotations": {"a": "b"}})

    assert Facts.read(whole.text()) == whole
    assert Facts.read({"nothing": 1, "size": "large", "now": 3, "tags": "a"}).values == {}

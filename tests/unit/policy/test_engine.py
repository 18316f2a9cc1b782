from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from entrepot.model.errors import InvalidPolicy
from entrepot.policy.bounds import LONGEST_EXPRESSION
from entrepot.policy.engine import CelEngine, Outcome
from entrepot.policy.facts import FACTS, Facts

ENGINE = CelEngine()
KNOWN = Facts.of(
    {
        "name": "api",
        "version": "1.0",
        "size": 42,
        "now": datetime(2026, 1, 31, tzinfo=UTC),
        "age": timedelta(hours=3),
        "annotations": {"team": "blue"},
        "signed.known": True,
        "signed.by": ("release", "ci"),
        "signatures": ({"signer": "release", "kind": "dsse", "predicate": "https://slsa.dev/provenance/v1"},),
    }
)


@pytest.mark.parametrize(
    "condition",
    [
        "name == 'api' && version.startsWith('1.') && size < 100",
        "age > duration('2h') && now.getFullYear() == 2026",
        "'release' in signed.by && signed.by.all(each, each in ['release', 'ci'])",
        "signatures.exists(s, s.signer == 'release' && s.predicate.matches('^https://slsa.dev/provenance/v[01]'))",
        "has(annotations.team) && annotations['team'] == 'blue'",
        "size(signatures.filter(s, s['kind'] == 'dsse').map(s, s.signer)) == 1",
        "!has(annotations.secret) || findings.total == 0",
    ],
)
def test_a_condition_that_holds_is_a_yes(condition: str) -> None:
    assert ENGINE.condition(condition).ask(KNOWN) == Outcome(allowed=True)


def test_a_condition_that_does_not_hold_is_a_no_without_a_problem() -> None:
    assert ENGINE.condition("size > 100").ask(KNOWN) == Outcome(allowed=False)


@pytest.mark.parametrize("condition", ["findings.critical == 0", "findings.critical != 0", "!findings.known"])
def test_what_nobody_knows_yet_is_neither_so_nor_not_so(condition: str) -> None:
    outcome = ENGINE.condition(condition).ask(KNOWN)

    assert not outcome.allowed
    assert outcome.missing == condition.strip("!").split()[0]
    assert outcome.problem == f"{outcome.missing} is not known yet"


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("1 / (size - 42) == 0", "divide by zero"),
        ("annotations['nothing'] != 'x'", 'Key not found in map : "nothing"'),
        ("name.matches('(')", "invalid regular expression"),
        ("timestamp(name) < now", "Timestamp"),
        ("9223372036854775807 + size > 0", "overflow"),
        (
            "['a','b','c','d','e','f','g','h','i','j'].all(a, signed.by.all(b, true))".replace(
                "signed.by", "[" + ",".join(["1"] * 1001) + "]"
            ),
            "Iteration budget exceeded",
        ),
    ],
)
def test_what_goes_wrong_is_a_no_with_a_problem(condition: str, problem: str) -> None:
    outcome = ENGINE.condition(condition).ask(KNOWN)

    assert not outcome.allowed
    assert outcome.missing is None
    assert problem in str(outcome.problem)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("findings.critcal == 0", "line 1, column 9: undeclared reference to 'findings.critcal'"),
        ("size > 0 &&\n  nmae == 'x'", "line 2, column 3: undeclared reference to 'nmae'"),
        ("name == 1", "line 1, column 6: found no matching overload for '_==_'"),
        ("size > ", "line 1, column 8: Syntax error"),
        ("", "Syntax error"),
        ("size", "got int"),
        ("'true'", "got string"),
        ("name + true", "no matching overload"),
        ("cel.bind(a, name, a + a == '')", "undeclared reference"),
        ("name == '\ud800'", "expected a CEL expression"),
        ("(" * 500 + "true" + ")" * 500, "recursion"),
        ("true" + " " * LONGEST_EXPRESSION, f"at most {LONGEST_EXPRESSION} characters"),
    ],
)
def test_what_cannot_be_asked_is_refused_when_it_is_saved(condition: str, said: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        ENGINE.condition(condition)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    "condition",
    [
        "['x'].map(a, a + a).map(b, b + b) != []",
        "['x'].map(a, [a, a]) != []",
        "['x'].map(a, {'k': a}) != []",
        "signed.by.exists(a, signed.by.exists(b, signed.by.exists(c, a == c)))",
        "signed.by.map(a, signed.by.map(b, b)) != []",
        "signed.by.exists(a, signed.by.exists(b, a.matches(b)))",
        "signed.by . exists ( a , [ name , a ] == [ a ] )",
        "signed.by.// a comment\nmap(a, a + a) == []",
        "name == '''a'''",
        " && ".join(["signed.by.all(a, true)"] * 17),
    ],
)
def test_what_the_budget_does_not_bound_is_refused_when_it_is_saved(condition: str) -> None:
    with pytest.raises(InvalidPolicy, match=r"line \d, column \d"):
        ENGINE.condition(condition)


def test_a_message_says_what_it_can() -> None:
    assert ENGINE.message("name + ' has ' + string(size) + ' bytes'").say(KNOWN) == "api has 42 bytes"
    assert ENGINE.message("string(findings.critical)").say(KNOWN) is None
    with pytest.raises(InvalidPolicy, match="type string"):
        ENGINE.message("size")


def test_facts_are_those_of_the_table_and_of_its_types() -> None:
    for wrong in ({"nothing": 1}, {"size": "large"}, {"size": True}, {"signed.by": ["a"]}):
        with pytest.raises(TypeError):
            Facts.of(wrong)  # type: ignore[arg-type]  # that is what is tested


def test_long_facts_are_cut_so_that_evaluation_stays_bounded() -> None:
    facts = Facts.of({"name": "x" * 10_000, "tags": tuple(str(n) for n in range(10_000))})

    assert len(str(facts["name"])) == 1_024
    assert ENGINE.condition("size(tags) == 100 && tags.all(a, tags.exists_one(b, a == b) || true)").ask(facts).problem


def test_every_fact_can_be_asked() -> None:
    for fact in FACTS:
        ENGINE.condition(f"{fact.name} == {fact.name}")
        assert fact.meaning.endswith(".")

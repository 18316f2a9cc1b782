"""A claim rule matches all of a value or nothing of it, and its wildcards never cross what holds names apart."""

from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from entrepot.model.errors import Invalid
from entrepot.model.federation import ClaimRule

VALUES = st.text("ab*/:@", max_size=10)
PATTERNS = st.text("ab*/:@", min_size=1, max_size=8)


def _rule(pattern: str) -> ClaimRule | None:
    try:
        return ClaimRule.parse("sub", pattern)
    except Invalid:
        return None


def _reference(pattern: str, value: str) -> bool:
    """What a rule means, as a regular expression."""
    head, tail = (pattern[:-2], "[^/:@]+(?:/[^/:@]+)*") if re.search(r"(?:^|[/:@])\*\*$", pattern) else (pattern, "")
    expression = "".join("[^/:@]*" if character == "*" else re.escape(character) for character in head)
    return re.fullmatch(expression + tail, value, re.DOTALL) is not None


@given(PATTERNS, VALUES)
@example("a/**", "a/b/a")
@example("a/**", "a/")
@example("**", "a/b:a")
@example("*", "a/b")
@example("a*b*a", "aba")
@example("*ab", "aab")
def test_a_rule_means_what_its_regular_expression_means(pattern: str, value: str) -> None:
    rule = _rule(pattern)
    if rule is not None:
        assert rule.matches(value) == _reference(pattern, value)


@given(PATTERNS, VALUES)
def test_a_wildcard_never_crosses_what_holds_names_apart(pattern: str, value: str) -> None:
    rule = _rule(pattern)
    if rule is not None and rule.matches(value):
        for separator in ":@" if pattern.endswith("**") else "/:@":
            assert pattern.count(separator) == value.count(separator)


@given(st.text("ab/:@", min_size=1, max_size=8), st.text("ab/:@", max_size=8))
def test_without_a_wildcard_only_the_same_text_matches(pattern: str, value: str) -> None:
    assert ClaimRule.parse("sub", pattern).matches(value) == (pattern == value)


@given(PATTERNS, VALUES, st.text("ab/:@", min_size=1, max_size=3))
def test_no_value_matches_by_a_part_of_it(pattern: str, value: str, more: str) -> None:
    rule = _rule(pattern)
    if rule is not None and rule.exact and rule.matches(value):
        assert not rule.matches(value + more)
        assert not rule.matches(more + value)


def test_no_pattern_takes_long() -> None:
    rule = ClaimRule.parse("sub", "*a" * 16)
    began = process_time()

    assert not rule.matches("a" * 16_000 + "b")
    assert process_time() - began < 1


@pytest.mark.parametrize("pattern", ["", "a**", "**a", "a/**/b", "***", "*a" * 17, "x" * 513, "a\nb"])
def test_a_pattern_that_would_mean_something_else_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid):
        ClaimRule.parse("sub", pattern)

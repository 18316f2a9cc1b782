"""What rules let go, for any rules and any package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidReference
from entrepot.model.names import ChannelName, PackagePattern
from entrepot.model.retention import (
    UNNAMED,
    Line,
    Name,
    NameKind,
    RetentionRule,
    Stored,
    Verdict,
    judge,
)
from entrepot.operations.version_order import order_of
from entrepot.testing.builders import NOON, package

API = package("acme/api")
DAYS = st.integers(1, 60).map(lambda days: timedelta(days=days))
TEXTS = st.one_of(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)).map(lambda parts: ".".join(map(str, parts))),
    st.sampled_from(["main", "pr-1", "pr-2", "nightly", "1.0.0-rc.1", "not a version"]),
)
NAMES = st.tuples(st.sampled_from([NameKind.VERSION, NameKind.TAG]), TEXTS).map(lambda said: Name(*said))
STORED = st.fixed_dictionaries(
    {
        "digest": st.binary(max_size=8).map(Digest.of),
        "names": st.one_of(st.just(UNNAMED), st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple)),
        "at": DAYS.map(lambda age: NOON - age),
        "pulled_at": st.one_of(st.none(), DAYS.map(lambda age: NOON - age)),
        "pulled_by": st.just("cluster"),
        "channel": st.sampled_from([None, None, ChannelName("prod")]),
    }
).map(lambda given: Stored(**given))
RULES = st.builds(
    RetentionRule,
    name=st.just("rule"),
    kinds=st.lists(st.sampled_from(list(NameKind)), min_size=1, unique=True).map(tuple),
    names=st.sampled_from(["*", "pr-*", "1.*"]).map(PackagePattern),
    everything=st.booleans(),
    last=st.one_of(st.none(), st.integers(0, 4)),
    per=st.sampled_from(list(Line)),
    younger_than=st.one_of(st.none(), DAYS),
    pulled_within=st.one_of(st.none(), DAYS),
    cleared=st.booleans(),
)
RULE_LISTS = st.lists(RULES, max_size=4).map(
    lambda rules: [replace(rule, name=f"rule-{number}") for number, rule in enumerate(rules)]
)
PACKAGES = st.lists(STORED, max_size=20)


def said(rules: Sequence[RetentionRule], stored: Sequence[Stored]) -> list[Verdict]:
    return judge(API, rules, stored, order=order_of(None), now=NOON)


@given(RULE_LISTS, PACKAGES)
def test_everything_has_a_verdict_with_a_reason_and_nothing_goes_without_a_rule(
    rules: list[RetentionRule], stored: list[Stored]
) -> None:
    verdicts = said(rules, stored)

    assert len(verdicts) == len(stored)
    assert all(verdict.reason for verdict in verdicts)
    assert all(verdict.stays or verdict.rule for verdict in verdicts)


@given(RULE_LISTS, RULES, PACKAGES)
def test_a_rule_behind_the_others_lets_nothing_go_that_they_keep(
    rules: list[RetentionRule], more: RetentionRule, stored: list[Stored]
) -> None:
    before, after = said(rules, stored), said([*rules, replace(more, name="more")], stored)

    for old, new in zip(before, after, strict=True):
        if old.stays and old.rule:
            assert new == old


@given(RULES.filter(lambda rule: not rule.everything), PACKAGES, DAYS)
def test_a_further_reason_to_stay_lets_nothing_more_go(
    rule: RetentionRule, stored: list[Stored], age: timedelta
) -> None:
    before = said([replace(rule, younger_than=None)], stored)
    after = said([replace(rule, younger_than=age)], stored)

    assert all(new.stays for old, new in zip(before, after, strict=True) if old.stays)


@given(RULES, PACKAGES, st.integers(0, 3))
def test_to_keep_more_lets_nothing_more_go(rule: RetentionRule, stored: list[Stored], last: int) -> None:
    fewer, more = said([replace(rule, last=last)], stored), said([replace(rule, last=last + 1)], stored)

    assert all(new.stays for old, new in zip(fewer, more, strict=True) if old.stays)


@given(PACKAGES, st.integers(0, 4), st.sampled_from(list(Line)))
def test_of_every_line_just_the_newest_stay(stored: list[Stored], last: int, per: Line) -> None:
    order = order_of(None)
    versions = []
    for each in stored:
        name = each.names[0]
        try:
            key = order(name.text)
        except InvalidReference:
            continue
        versions.append((structs.replace(each, names=(Name(NameKind.VERSION, name.text),)), key))

    verdicts = said([RetentionRule("last", last=last, per=per)], [each for each, _ in versions])

    lines: dict[tuple[int, ...], list[tuple[object, bool]]] = {}
    depth = {Line.PACKAGE: 0, Line.MAJOR: 1, Line.MINOR: 2}[per]
    for (each, key), verdict in zip(versions, verdicts, strict=True):
        lines.setdefault(key[:depth], []).append(((key, each.at), verdict.stays))
    for members in lines.values():
        ordered = [stays for _, stays in sorted(members, key=lambda member: member[0], reverse=True)]  # type: ignore[arg-type,return-value]  # keys of one order compare
        assert ordered.count(True) == min(last, len(members))
        keys = sorted((key for key, _ in members), reverse=True)  # type: ignore[type-var]  # keys of one order compare
        kept = sorted((key for key, stays in members if stays), reverse=True)  # type: ignore[type-var]  # the same
        assert kept == keys[:last]


@given(RULE_LISTS, PACKAGES, DAYS)
def test_what_was_pulled_before_anybody_wrote_it_down_is_not_taken_for_unused(
    rules: list[RetentionRule], stored: list[Stored], since: timedelta
) -> None:
    known = said(rules, stored)
    unknown = judge(API, rules, stored, order=order_of(None), now=NOON, pulls_since=NOON - since)

    assert all(new.stays for old, new in zip(known, unknown, strict=True) if old.stays)

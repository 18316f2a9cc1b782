"""Module paths, versions and their escapes: https://go.dev/ref/mod#module-path"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.go.rules import GoRules, Version, escape, parse_module, unescape
from entrepot.model.errors import InvalidName, InvalidReference

RULES = GoRules()

IN_ORDER = [
    "v0.0.0-20260102030405-abcdef012345",
    "v0.1.0",
    "v1.0.0-alpha",
    "v1.0.0-alpha.1",
    "v1.0.0-rc.2",
    "v1.0.0-rc.10",
    "v1.0.0",
    "v1.0.1-0.20260102030405-abcdef012345",
    "v1.0.1",
    "v1.10.0",
    "v2.0.0+incompatible",
]


def test_versions_are_ordered_as_semver_says() -> None:
    assert [str(v) for v in sorted(map(Version.parse, reversed(IN_ORDER)), key=lambda v: v.order)] == IN_ORDER


@pytest.mark.parametrize(
    ("version", "is_pseudo"),
    [
        ("v0.0.0-20260102030405-abcdef012345", True),
        ("v1.2.4-0.20260102030405-abcdef012345", True),
        ("v1.2.3-pre.0.20260102030405-abcdef012345", True),
        ("v2.0.1-0.20260102030405-abcdef012345+incompatible", True),
        ("v1.2.3-20260102030405-abcdef012345", False),
        ("v1.2.3-pre", False),
        ("v1.2.3", False),
    ],
)
def test_a_pseudo_version_is_told_by_its_form(version: str, is_pseudo: bool) -> None:
    assert Version.parse(version).is_pseudo is is_pseudo


@given(st.text(alphabet="aZ!/.-9é", max_size=20))
def test_escapes_are_undone_and_nothing_else_is_an_escape(text: str) -> None:
    assert "!" in text or unescape(escape(text)) == text

    try:
        read = unescape(text)
    except InvalidName:
        assert any(c.isupper() for c in text) or "!" in text
    else:
        assert escape(read) == text


@given(st.one_of(st.text(max_size=40), st.from_regex(r"[a-z.]{1,8}(/[A-Za-z0-9._~-]{1,6}){0,4}", fullmatch=True)))
def test_any_text_is_a_module_and_a_version_or_is_refused(text: str) -> None:
    for read, error in ((RULES.normalize, InvalidName), (RULES.parse_version, InvalidReference)):
        try:
            assert read(text) == text
        except error:
            continue


@pytest.mark.parametrize("path", ["example.com/v2", "example.com", "a.b/c.v2", "example.com/x/V2", "example.com/xv2"])
def test_only_a_last_element_of_v_and_a_number_is_a_major_version(path: str) -> None:
    assert parse_module(path) == path

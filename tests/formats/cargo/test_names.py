"""Names, versions and requirements: semver.org 2.0, and "Specifying Dependencies" in The Cargo Book."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.cargo.rules import CargoRules
from entrepot.formats.cargo.semver import Version, canonical_requirement
from entrepot.model.errors import InvalidMetadata, InvalidName, InvalidReference

RULES = CargoRules()

# semver.org, 11.4.4, and its neighbours.
IN_ORDER = [
    "0.0.1",
    "0.9.0",
    "1.0.0-1",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.10.0",
    "18446744073709551615.0.0",
]

_WORDS = st.lists(st.from_regex(r"[0-9A-Za-z-]{1,8}", fullmatch=True), max_size=3).map(".".join)
_NUMBERS = st.integers(0, 2**64 - 1)


def test_versions_are_ordered_as_semver_says() -> None:
    assert sorted(map(Version.parse, reversed(IN_ORDER)), key=lambda version: version.order) == [
        Version.parse(text) for text in IN_ORDER
    ]


@given(_NUMBERS, _NUMBERS, _NUMBERS, _WORDS, _WORDS)
def test_what_a_version_prints_is_what_it_is_read_from(
    major: int, minor: int, patch: int, pre: str, build: str
) -> None:
    text = f"{major}.{minor}.{patch}" + (f"-{pre}" if pre else "") + (f"+{build}" if build else "")

    try:
        version = Version.parse(text)
    except InvalidReference:
        assert any(len(word) > 1 and word.startswith("0") and word.isdigit() for word in pre.split("."))
    else:
        assert str(version) == text
        assert RULES.parse_version(text) == version.release


@given(st.text(max_size=60))
def test_any_text_is_a_name_a_version_and_a_requirement_or_is_refused(text: str) -> None:
    for read, error in (
        (RULES.normalize, InvalidName),
        (RULES.parse_version, InvalidReference),
        (canonical_requirement, InvalidMetadata),
    ):
        try:
            once = read(text)
        except error:
            continue
        assert read(once) == once


def test_a_number_that_no_cargo_can_hold_is_refused() -> None:
    with pytest.raises(InvalidReference):
        Version.parse("18446744073709551616.0.0")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("1", "^1"),
        ("1.2.3", "^1.2.3"),
        ("^1.2", "^1.2"),
        ("=1.2.3-rc.1", "=1.2.3-rc.1"),
        ("1.2.3-rc.1+build", "^1.2.3-rc.1"),
        (">=1,<2", ">=1, <2"),
        (" >= 1.0 , < 2.0 ", ">=1.0, <2.0"),
        ("~1.2", "~1.2"),
        ("1.*", "1.*"),
        ("1.x", "1.*"),
        ("1.2.*", "1.2.*"),
        ("1.*.*", "1.*"),
        (">=1.*", ">=1"),
        ("*", "*"),
        ("", "*"),
        ("1,", "^1"),
    ],
)
def test_a_requirement_has_one_form(written: str, canonical: str) -> None:
    assert canonical_requirement(written) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "1.2.3.4",
        "==1",
        "^",
        "1 2",
        "1,,2",
        "*.1",
        "1.*.3",
        "01",
        "1.2.*-rc",
        ">1.2.3-",
        "^1" * 600,
        ",".join("1" * 33),
    ],
)
def test_what_cargo_does_not_read_is_no_requirement(text: str) -> None:
    with pytest.raises(InvalidMetadata):
        canonical_requirement(text)


@pytest.mark.parametrize(("name", "one"), [("Serde_JSON", "serde-json"), ("a", "a"), ("A-b_C", "a-b-c")])
def test_all_spellings_of_a_name_are_one_package(name: str, one: str) -> None:
    assert RULES.normalize(name) == one

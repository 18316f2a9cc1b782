from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from entrepot.model.errors import Invalid
from entrepot.model.names import FormatName
from entrepot.model.upstream import PurlPattern, UpstreamRules, is_reserved

NPM, PYPI = FormatName("npm"), FormatName("pypi")
NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "format", "name", "version", "expected"),
    [
        ("pkg:npm/@acme/*", NPM, "@acme/ui", "1.0.0", True),
        ("pkg:npm/@acme/*", NPM, "@acme/ui", None, True),
        ("pkg:npm/@acme/*", NPM, "acme", "1.0.0", False),
        ("pkg:npm/@acme/ui@1.*", NPM, "@acme/ui", "1.2.0", True),
        ("pkg:npm/@acme/ui@1.*", NPM, "@acme/ui", "2.0.0", False),
        ("pkg:npm/@acme/ui@1.*", NPM, "@acme/ui", None, False),
        ("pkg:pypi/requests", NPM, "requests", "1.0", False),
        ("pkg:pypi/*", PYPI, "anything", None, True),
    ],
)
def test_a_pattern_covers_names_and_versions_of_one_format(
    pattern: str, format: FormatName, name: str, version: str | None, *, expected: bool
) -> None:
    assert PurlPattern.parse(pattern).matches(format, name, version) is expected


@pytest.mark.parametrize(
    "text", ["pkg:npm/@acme/*", "pkg:npm/@acme/ui@1.*", "pkg:pypi/requests", "pkg:go/example.com/M/x@v1"]
)
def test_a_pattern_prints_as_it_is_read(text: str) -> None:
    assert str(PurlPattern.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "requests", "pkg:", "pkg:pypi/", "pkg:PyPI/x", "pkg:pypi/a@b@c", "pkg:pypi/\n", "pkg:pypi/" + "x" * 600],
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        PurlPattern.parse(text)


def rules(*, allow: str = "", block: str = "", exempt: str = "", days: float = 0) -> UpstreamRules:
    return UpstreamRules(
        allow=tuple(map(PurlPattern.parse, allow.split())),
        block=tuple(map(PurlPattern.parse, block.split())),
        exempt=tuple(map(PurlPattern.parse, exempt.split())),
        cooldown=timedelta(days=days),
    )


def test_what_is_blocked_is_out_whatever_is_allowed() -> None:
    only = rules(allow="pkg:pypi/a* pkg:pypi/b@1.*", block="pkg:pypi/abc pkg:pypi/ax@2.0")

    assert only.lets_in(PYPI, "ab", "1.0")
    assert only.lets_in(PYPI, "b", "1.5")
    assert only.lets_in(PYPI, "b"), "one of its versions is let in"
    assert not only.lets_in(PYPI, "b", "2.0")
    assert not only.lets_in(PYPI, "c")
    assert not only.lets_in(PYPI, "abc")
    assert only.lets_in(PYPI, "ax")
    assert not only.lets_in(PYPI, "ax", "2.0")


def test_without_rules_everything_is_let_in() -> None:
    assert rules().lets_in(PYPI, "anything", "1.0")


def test_a_version_is_hidden_until_it_has_been_known_for_long_enough() -> None:
    cooling = rules(days=7, exempt="pkg:pypi/fix@1.*")

    assert cooling.hidden_until(PYPI, "a", "1.0", NOW) == NOW + timedelta(days=7)
    assert cooling.hidden_until(PYPI, "fix", "1.1", NOW) == NOW
    assert cooling.hidden_until(PYPI, "fix", "2.0", NOW) == NOW + timedelta(days=7)


def test_reserved_names_are_the_namespaces_own() -> None:
    reserved = [PurlPattern.parse("pkg:npm/@acme/*")]

    assert is_reserved(reserved, NPM, "@acme/ui")
    assert not is_reserved(reserved, NPM, "ui")
    assert not is_reserved(reserved, PYPI, "@acme/ui")

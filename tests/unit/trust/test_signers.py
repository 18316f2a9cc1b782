"""Patterns of identities: whole, linear, and never past the part that a star stands in."""

from __future__ import annotations

import time

import pytest

from entrepot.model.errors import InvalidName
from entrepot.trust.signers import IdentityPattern

WORKFLOW = "https://git.example.com/acme/*/.ci/workflows/release.yml@refs/tags/*"


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("robot@example.com", "robot@example.com"),
        ("*@example.com", "robot@example.com"),
        (WORKFLOW, "https://git.example.com/acme/app/.ci/workflows/release.yml@refs/tags/v1"),
        ("https://git.example.com/acme/**", "https://git.example.com/acme/app/.ci/workflows/release.yml@refs/tags/v1"),
        ("**", "anything at all\n@/"),
    ],
)
def test_a_pattern_matches_the_whole(pattern: str, value: str) -> None:
    assert IdentityPattern.parse(pattern).matches(value)


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("robot@example.com", "robot@example.com.evil.test"),
        ("robot@example.com", "a-robot@example.com"),
        ("robot@example.com", "robot@exampleXcom"),
        ("*@example.com", "evil@evil.test/@example.com"),
        ("https://git.example.com/acme/*", "https://git.example.com/acme/app/fork"),
        ("**/release.yml", "https://git.example.com/release.yml\n"),
        # A branch may be called almost anything.
        (
            WORKFLOW,
            "https://git.example.com/acme/app/.ci/workflows/any.yml@refs/heads/x/.ci/workflows/release.yml@refs/tags/v1",
        ),
    ],
)
def test_a_pattern_matches_nothing_else(pattern: str, value: str) -> None:
    assert not IdentityPattern.parse(pattern).matches(value)


def test_no_pattern_takes_long() -> None:
    started = time.process_time()

    matched = IdentityPattern.parse("**a" * 600 + "b").matches("a" * 20_000)

    assert not matched
    assert time.process_time() - started < 5


@pytest.mark.parametrize("text", ["", "a\nb", "x" * 3000])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        IdentityPattern.parse(text)

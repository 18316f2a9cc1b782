"""The patterns that the description gives out, and the model's parsers, agree on what a name is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from entrepot.api import shapes
from entrepot.model.digest import Digest
from entrepot.model.errors import Invalid
from entrepot.model.names import View, parse_channel, parse_namespace, parse_principal, parse_reference

PARSERS: list[tuple[str, Any, Callable[[str], object]]] = [
    ("namespace", shapes.NamespaceText, parse_namespace),
    ("channel", shapes.ChannelText, parse_channel),
    ("view", shapes.ViewText, View.parse),
    ("reference", shapes.ReferenceText, parse_reference),
    ("principal", shapes.PrincipalText, parse_principal),
    ("digest", shapes.DigestText, Digest.parse),
]
NEAR = some.text(alphabet="abzAZ059._-+@:/ \n", max_size=8) | some.text(max_size=200)


def _pattern(shape: Any) -> re.Pattern[str]:
    """The pattern as JSON Schema means it: there, ``$`` is the very end."""
    return re.compile(msgspec.json.schema(shape)["pattern"].replace("$", r"\Z"))


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except Invalid:
        return False
    return True


@pytest.mark.parametrize(("shape", "parse"), [case[1:] for case in PARSERS], ids=[case[0] for case in PARSERS])
@settings(deadline=None)  # a busy machine is no failure
@given(data=some.data())
def test_what_fits_the_pattern_is_parsed(shape: Any, parse: Callable[[str], object], data: some.DataObject) -> None:
    text = data.draw(some.from_regex(_pattern(shape)))

    assert str(parse(text)) == text


@pytest.mark.parametrize(("shape", "parse"), [case[1:] for case in PARSERS], ids=[case[0] for case in PARSERS])
@settings(deadline=None)
@given(text=NEAR)
def test_what_does_not_fit_the_pattern_is_refused(shape: Any, parse: Callable[[str], object], text: str) -> None:
    assert (_pattern(shape).match(text) is not None) == _parses(parse, text)


@pytest.mark.parametrize(
    ("shape", "parse", "longest"),
    [
        (shapes.NamespaceText, parse_namespace, "a" * 63),
        (shapes.ViewText, View.parse, "a" * 63 + "." + "b" * 63),
        (shapes.ReferenceText, parse_reference, "a" * 128),
        (shapes.PrincipalText, parse_principal, "a" * 64),
    ],
)
def test_the_longest_name_fits_and_a_longer_one_does_not(
    shape: Any, parse: Callable[[str], object], longest: str
) -> None:
    for text, fits in ((longest, True), (longest + "a", False), ("a" + longest, False)):
        assert (_pattern(shape).match(text) is not None) is fits
        assert _parses(parse, text) is fits

"""The patterns that the description gives out, and the model's parsers, agree on what a name is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from entrepot.api.shapes import texts as shapes
from entrepot.model.digest import Digest
from entrepot.model.errors import Invalid
from entrepot.model.names import View, parse_channel, parse_namespace, parse_principal, parse_reference

DIGESTS = [
    f"{name}:{digit * size}" for name in ("sha256", "sha512", "md5") for size in (63, 64, 128) for digit in "0fAg"
]

PARSERS: list[tuple[Any, Callable[[str], object], some.SearchStrategy[str]]] = [
    (shapes.NamespaceText, parse_namespace, some.text("ab0-", max_size=70)),
    (shapes.ChannelText, parse_channel, some.text("ab0-", max_size=70)),
    (shapes.ViewText, View.parse, some.text("ab0-.", max_size=63)),
    (shapes.ReferenceText, parse_reference, some.text("aZ0._+-", max_size=130)),
    (shapes.PrincipalText, parse_principal, some.text("az0._@-", max_size=70)),
    (shapes.DigestText, Digest.parse, some.sampled_from(DIGESTS)),
]
ANYTHING = some.text(alphabet="abzAZ059._-+@:/ \n", max_size=8) | some.text(max_size=60)


def _fits(shape: Any, text: str) -> bool:
    """Whether a text fits a shape's schema, as JSON Schema means it: there, ``$`` is the very end."""
    schema = msgspec.json.schema(shape)
    pattern = schema["pattern"].replace("$", r"\Z")
    return len(text) <= schema["maxLength"] and re.match(pattern, text) is not None


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        return str(parse(text)) == text
    except Invalid:
        return False


@pytest.mark.parametrize(("shape", "parse", "nearly"), PARSERS, ids=[parse.__qualname__ for _, parse, _ in PARSERS])
@given(data=some.data())
@settings(deadline=None)  # a busy machine is no failure
def test_what_fits_the_pattern_is_what_is_parsed(
    shape: Any, parse: Callable[[str], object], nearly: some.SearchStrategy[str], data: some.DataObject
) -> None:
    text = data.draw(nearly | ANYTHING)

    assert _fits(shape, text) == _parses(parse, text)


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
        assert _fits(shape, text) is fits
        assert _parses(parse, text) is fits

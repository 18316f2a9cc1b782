"""NUL in the texts of JSON documents."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.model.nul import has_nul, without_nul

TEXTS = st.text(alphabet='\0\\u0"a\n', max_size=30)


@given(st.lists(TEXTS, max_size=4))
def test_a_document_has_nul_where_a_text_in_it_has(texts: list[str]) -> None:
    any_has = any("\0" in text for text in texts)

    assert has_nul(json.dumps(texts).encode()) is any_has
    assert has_nul(msgspec.json.encode(texts)) is any_has


@given(st.lists(TEXTS, max_size=4))
def test_a_document_without_nul_says_the_rest(texts: list[str]) -> None:
    replaced = [text.replace("\0", "\ufffd") for text in texts]

    assert json.loads(without_nul(json.dumps(texts).encode())) == replaced
    assert json.loads(without_nul(msgspec.json.encode(texts))) == replaced


@pytest.mark.parametrize("within", [0, 1, 2])
def test_a_document_within_a_text_has_its_own(within: int) -> None:
    document = json.dumps("a\0b")
    for _ in range(within):
        document = json.dumps(document)

    assert has_nul(document.encode()) is (within == 0)


def test_a_key_is_a_text_too() -> None:
    assert has_nul(b'{"a\\u0000": 1}')

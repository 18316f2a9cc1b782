from __future__ import annotations

import pytest

from entrepot.model.errors import InvalidName, RegistryError
from entrepot.model.redaction import holds_token, redact

TOKEN = "ent_bot_" + "aB3" * 12


@pytest.mark.parametrize("text", [TOKEN, f"a {TOKEN} b", f"/-/{TOKEN[:20]}", f"{TOKEN}{TOKEN}"])
def test_nothing_of_a_token_is_left(text: str) -> None:
    assert TOKEN[4:20] not in redact(text)
    assert "ent_…" in redact(text)


def test_what_has_no_token_stays_as_it_is() -> None:
    text = "an apparent content_type of the entrepot"

    assert redact(text) == text
    assert not holds_token(text)


def test_a_whole_token_in_a_name_is_seen() -> None:
    assert holds_token(f"v1-{TOKEN}")
    assert not holds_token(TOKEN[:30])


@pytest.mark.parametrize(
    "error", [RegistryError(TOKEN), InvalidName("x", expected=TOKEN), RegistryError("x", expected="y", actual=TOKEN)]
)
def test_no_error_repeats_a_token(error: RegistryError) -> None:
    assert TOKEN[4:20] not in str(error)

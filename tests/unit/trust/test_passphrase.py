"""Secrets under a passphrase."""

from __future__ import annotations

import pytest

from entrepot.model.errors import InvalidKey
from entrepot.trust.passphrase import decrypt, encrypt


def test_what_is_under_a_passphrase_is_read_with_that_alone() -> None:
    sealed = encrypt(b"a secret", b"correct horse battery")

    assert decrypt(sealed, b"correct horse battery") == b"a secret"
    assert b"a secret" not in sealed
    for other, content in [(b"incorrect horse", sealed), (b"correct horse battery", sealed[:-1] + b"?")]:
        with pytest.raises(InvalidKey):
            decrypt(content, other)
    with pytest.raises(InvalidKey, match="at least"):
        encrypt(b"a secret", b"short")

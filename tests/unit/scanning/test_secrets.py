"""Secrets are found in streams, wherever they lie, and never shown."""

from __future__ import annotations

import random
import string

import pytest

from entrepot.model.access import TokenKind, TokenSecret
from entrepot.scanning.secrets import WINDOW, Secret, find_secrets

LETTERS = string.ascii_letters + string.digits
CHANCE = random.Random(4)


def made_up(count: int, alphabet: str = LETTERS) -> str:
    return "".join(CHANCE.choice(alphabet) for _ in range(count))


def rules(*chunks: bytes) -> list[str]:
    return [secret.rule for secret in find_secrets(chunks)]


def test_this_registry_s_own_tokens_are_found_and_said_to_be_its_own() -> None:
    token = TokenSecret.generate(TokenKind.ROBOT).text

    found = list(find_secrets([b"token = '", token.encode(), b"'\n"]))

    assert found == [Secret("entrepot-token", 9, "ent_… (44 characters)", own=True)]


def test_what_only_looks_like_an_own_token_is_not_one() -> None:
    token = TokenSecret.generate(TokenKind.ROBOT).text
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")

    assert rules(wrong.encode()) == []


@pytest.mark.parametrize(
    ("rule", "secret"),
    [
        ("github-token", "ghp_" + made_up(36)),
        ("github-fine-grained-token", "github_pat_" + made_up(22) + "_" + made_up(59)),
        ("gitlab-token", "glpat-" + made_up(20)),
        ("npm-token", "npm_" + made_up(36)),
        ("pypi-token", "pypi-AgE" + made_up(120)),
        ("slack-token", "xoxb-9081726354-" + made_up(24)),
        ("stripe-key", "sk_live_" + made_up(24)),
        ("google-api-key", "AIza" + made_up(35)),
        ("aws-access-key", "AKIA" + made_up(16, string.ascii_uppercase + "234567")),
        ("private-key", "-----BEGIN RSA PRIVATE KEY-----\n" + made_up(64)),
    ],
)
def test_well_known_shapes_are_found_and_never_shown(rule: str, secret: str) -> None:
    [found] = find_secrets([b"key: " + secret.encode() + b"\n"])

    assert (found.rule, found.offset, found.own) == (rule, 5, False)
    assert secret[6:] not in repr(found)


@pytest.mark.parametrize(
    "harmless",
    ["AKIAIOSFODNN7EXAMPLE", "ghp_" + "x" * 36, "npm_" + "0" * 36, "-----BEGIN PUBLIC KEY-----", "AIza" + "a" * 35],
)
def test_what_documentation_makes_up_is_no_secret(harmless: str) -> None:
    assert rules(harmless.encode()) == []


@pytest.mark.parametrize("at", [0, WINDOW - 50, WINDOW - 20, WINDOW - 1, WINDOW, 2 * WINDOW + 17])
@pytest.mark.parametrize("size", [1_000, 64 * 1024, 3 * WINDOW])
def test_a_secret_is_found_once_wherever_windows_and_chunks_end(at: int, size: int) -> None:
    token = TokenSecret.generate(TokenKind.USER).text.encode()
    content = b"." * at + token + b"." * 5_000

    found = list(find_secrets(content[begin : begin + size] for begin in range(0, len(content), size)))

    assert [(secret.rule, secret.offset) for secret in found] == [("entrepot-token", at)]


def test_many_secrets_are_enough() -> None:
    token = TokenSecret.generate(TokenKind.USER).text.encode()

    assert len(rules(b" ".join([token] * 3_000))) == 1_000

"""Statements: read strictly, found by digests that count."""

from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidEvidence
from entrepot.trust.statement import Statement, parse_json

WHEEL = Digest.of(b"a wheel")
OTHER = Digest.of(b"another")


def document(**changes: Any) -> bytes:
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "a.whl", "digest": {"sha256": WHEEL.hex}}],
            "predicateType": "https://example.com/tested/v1",
            "predicate": {"passed": True},
            **changes,
        }
    ).encode()


@pytest.mark.parametrize("version", ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"])
def test_a_statement_says_something_of_its_subjects(version: str) -> None:
    statement = Statement.parse(document(_type=version))

    assert statement.predicate_type == "https://example.com/tested/v1"
    assert statement.predicate == {"passed": True}
    assert statement.find_subject((WHEEL,)) == statement.subjects[0]
    assert statement.find_subject((OTHER,)) is None


def test_a_statement_needs_no_predicate() -> None:
    content = document().replace(b', "predicate": {"passed": true}', b"")

    assert Statement.parse(content).predicate == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"_type": "https://in-toto.io/Statement/v2"},
        {"_type": None},
        {"subject": []},
        {"subject": {}},
        {"subject": [{"name": "a.whl"}]},
        {"subject": [{"digest": {}}]},
        {"subject": [{"digest": {"sha256": 5}}]},
        {"subject": ["a.whl"]},
        {"subject": [{"name": 5, "digest": {"sha256": "00"}}]},
        {"predicateType": ""},
        {"predicateType": 5},
        {"predicate": []},
    ],
    ids=str,
)
def test_a_statement_of_another_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvidence):
        Statement.parse(document(**changes))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": 1} {"a": 2}',
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": "git+https://example.com/good\\u0000bad"}',
        b"\xef\xbb\xbf{}",
        b'{"a": 1e999}',
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
    ],
    ids=lambda content: repr(content[:20]),
)
def test_what_two_readers_could_read_differently_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidEvidence):
        parse_json(content, "document")


def test_what_is_too_large_is_refused_unread() -> None:
    with pytest.raises(InvalidEvidence, match="at most 10 bytes"):
        parse_json(b" " * 11, "document", size=10)


def test_what_has_too_many_values_is_refused_unread() -> None:
    with pytest.raises(InvalidEvidence, match="values"):
        parse_json(b"[" + b"0," * 1_000_000 + b"0]", "document")


def test_a_subject_must_agree_in_every_digest_that_is_known() -> None:
    sha512 = Digest.of(b"a wheel", "sha512")
    agreeing = {"sha256": WHEEL.hex, "sha512": sha512.hex, "gitCommit": "00"}
    contradicting = {"sha256": WHEEL.hex, "sha512": Digest.of(b"another", "sha512").hex}

    def find(digests: dict[str, str]) -> object:
        return Statement.parse(document(subject=[{"digest": digests}])).find_subject((WHEEL, sha512))

    assert find(agreeing) is not None
    assert find(contradicting) is None
    assert find({"sha1": "00", "md5": "00"}) is None
    assert find({"sha256": WHEEL.hex.upper()}) is None

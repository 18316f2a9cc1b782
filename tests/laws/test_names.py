"""``str(x)`` is what ``parse`` reads, and nothing else is read as the same."""

from __future__ import annotations

import fnmatch
import re
from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from entrepot.model.access import TokenKind, TokenSecret
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    InvalidDigest,
    InvalidName,
    InvalidReference,
    Unauthenticated,
    UploadUnknown,
)
from entrepot.model.names import (
    PackagePattern,
    View,
    parse_channel,
    parse_namespace,
    parse_principal,
    parse_reference,
)
from entrepot.model.reference import TagRules, fallback_of, is_fallback
from entrepot.model.upload import Upload, UploadId
from entrepot.testing.builders import package
from tests.laws.strategies import DIGESTS, GLOBS, LABELS, VIEWS

ANY_TEXT = st.text(max_size=20) | st.text("abAB01.-_:+/@* \n", max_size=12)


# --- names ---


@given(DIGESTS)
def test_a_digest_reads_what_it_prints(digest: Digest) -> None:
    assert Digest.parse(str(digest)) == digest


@given(ANY_TEXT | st.text("0123456789abcdefABCDEF:sha256", max_size=80))
def test_what_is_read_as_a_digest_prints_the_same(text: str) -> None:
    try:
        digest = Digest.parse(text)
    except InvalidDigest:
        return
    assert str(digest) == text


@given(st.binary(), st.sampled_from(["sha256", "sha512"]))
def test_content_has_the_name_that_it_is_given_and_no_other(content: bytes, algorithm: str) -> None:
    digest = Digest.of(content, algorithm)

    digest.verify(content)
    with pytest.raises(InvalidDigest):
        digest.verify(content + b"\0")


@given(VIEWS)
def test_a_view_reads_what_it_prints(view: View) -> None:
    assert View.parse(str(view)) == view


@given(VIEWS, VIEWS, VIEWS)
def test_to_cover_is_an_order_of_views(one: View, two: View, three: View) -> None:
    assert one.covers(one)
    assert not (one.covers(two) and two.covers(one)) or one == two
    assert not (one.covers(two) and two.covers(three)) or one.covers(three)


@given(ANY_TEXT)
def test_what_is_read_as_a_name_prints_the_same(text: str) -> None:
    for parse in (parse_namespace, parse_channel, parse_reference, parse_principal, View.parse, PackagePattern.parse):
        try:
            assert str(parse(text)) == text
        except (InvalidName, InvalidReference):
            continue


@given(LABELS, st.sampled_from("A_.é /-"), st.integers(0, 63))
def test_a_label_has_no_other_characters(label: str, character: str, at: int) -> None:
    spoilt = label[:at] + character + label[at:]
    assume(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", spoilt) is None or len(spoilt) > 63)

    with pytest.raises(InvalidName):
        parse_namespace(spoilt)
    with pytest.raises(InvalidName):
        parse_channel(spoilt)


@given(DIGESTS)
def test_the_tag_that_clients_keep_for_a_digest_always_moves(digest: Digest) -> None:
    tag = fallback_of(digest)

    parse_reference(tag)
    assert is_fallback(tag)
    assert TagRules(movable=(), versions=(PackagePattern("*"),)).lets_move(tag)


# --- tokens and sessions ---


@given(st.sampled_from(TokenKind))
def test_a_token_reads_what_it_prints(kind: TokenKind) -> None:
    secret = TokenSecret.generate(kind)

    assert TokenSecret.parse(secret.text) == secret
    assert re.fullmatch(r"ent_(adm|usr|bot)_[0-9A-Za-z]{36}", secret.text)
    assert secret.text not in repr(secret)


@given(st.integers(8, 43), st.characters(codec="utf-8"))
def test_a_token_with_a_wrong_character_is_told_from_noise(at: int, character: str) -> None:
    text = TokenSecret.generate(TokenKind.USER).text
    assume(text[at] != character)

    with pytest.raises(Unauthenticated):
        TokenSecret.parse(text[:at] + character + text[at + 1 :])


@given(ANY_TEXT)
@example("ent_usr_")
@example("ent__")
def test_no_other_text_is_a_token(text: str) -> None:
    with pytest.raises(Unauthenticated):
        TokenSecret.parse(text)


NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@given(
    st.uuids(version=4),
    st.integers(0, 10**9),
    st.sampled_from(["sha256", "sha512"]),
    st.text(min_size=1),
    st.binary(min_size=1),
)
def test_a_session_opens_what_it_sealed(
    upload_id: object, seconds: int, algorithm: str, who: str, secret: bytes
) -> None:
    upload = Upload(UploadId(str(upload_id)), package("acme/api"), who, NOW + timedelta(seconds=seconds), algorithm)

    opened = Upload.open(upload.seal(secret), secret, package=upload.package, principal=who, now=NOW)

    assert opened == upload


@given(st.integers(0, 200), st.characters(codec="utf-8"))
def test_a_session_with_a_wrong_character_is_unknown(at: int, character: str) -> None:
    upload = Upload(UploadId("0b8f7e5c-6a0e-4c38-9a55-3a4b4f0f7a41"), package("acme/api"), "alice", NOW)
    text = upload.seal(b"secret")
    at %= len(text)
    assume(text[at] != character)

    with pytest.raises(UploadUnknown):
        Upload.open(
            text[:at] + character + text[at + 1 :], b"secret", package=upload.package, principal="alice", now=NOW
        )


@given(ANY_TEXT | st.text("0123456789abcdef-.sha", max_size=90))
def test_no_other_text_is_a_session(text: str) -> None:
    with pytest.raises(UploadUnknown):
        Upload.open(text, b"secret", package=package("acme/api"), principal="alice", now=NOW)


# --- patterns ---

NAMES = st.text("ab/", max_size=8)


@given(GLOBS, NAMES)
def test_a_pattern_matches_as_a_shell_does(pattern: PackagePattern, name: str) -> None:
    assert pattern.matches(name) == fnmatch.fnmatchcase(name, str(pattern))


@given(st.text(min_size=1, max_size=10).filter(str.isprintable), st.text(max_size=10))
def test_only_the_two_wildcards_are_special(text: str, name: str) -> None:
    literal = text.replace("*", "-").replace("?", "-")

    assert PackagePattern.parse(literal).matches(name) == (literal == name)


@given(GLOBS, GLOBS, NAMES)
@example(PackagePattern("a*"), PackagePattern("a?"), "ab")
@example(PackagePattern("**"), PackagePattern("*"), "ab")
def test_what_covers_a_pattern_matches_all_that_it_matches(
    wide: PackagePattern, narrow: PackagePattern, name: str
) -> None:
    if wide.covers(narrow) and narrow.matches(name):
        assert wide.matches(name)


@given(GLOBS, NAMES)
def test_a_name_is_covered_by_what_matches_it(pattern: PackagePattern, name: str) -> None:
    assume(name)

    assert pattern.covers(PackagePattern(name)) == pattern.matches(name)


HOSTILE = [
    ("a*" * 100, "a" * 255),
    ("*a" * 100 + "b", "a" * 255),
    ("*" + "?*" * 100 + "b", "a" * 255),
    ("*a?" * 60 + "c", "ab" * 127),
    ("?" * 255, "a" * 254),
    ("*" * 256, "a" * 255),
    (("a" * 20 + "*") * 12, "a" * 255),
]


@pytest.mark.parametrize(("glob", "name"), HOSTILE)
def test_a_hostile_pattern_takes_no_longer_than_its_length(glob: str, name: str) -> None:
    """With backtracking each of these would outlast the sun; the bound is coarse, because the machine may be busy."""
    pattern = PackagePattern.parse(glob[:256])
    begun = process_time()

    assert pattern.matches(name) == _matches(glob[:256], name)

    assert process_time() - begun < 2


def _matches(glob: str, name: str) -> bool:
    """The textbook's table: whether the first i characters of the pattern match the first j of the name."""
    row = [True] + [False] * len(name)
    for character in glob:
        new = [row[0] and character == "*"]
        for at, letter in enumerate(name):
            if character == "*":
                new.append(new[at] or row[at + 1])
            else:
                new.append(row[at] and character in ("?", letter))
        row = new
    return row[-1]


@given(st.text("ab*?", min_size=1, max_size=12), st.text("ab", max_size=12))
def test_a_pattern_matches_as_the_textbook_does(glob: str, name: str) -> None:
    assert PackagePattern.parse(glob).matches(name) == _matches(glob, name)

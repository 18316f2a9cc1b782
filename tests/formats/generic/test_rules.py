from __future__ import annotations

import json
from contextlib import suppress
from unicodedata import is_normalized

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.generic.rules import (
    OCTETS,
    GenericRules,
    parse_annotations,
    parse_media_type,
    parse_path,
)
from entrepot.model.errors import Invalid, InvalidMetadata, InvalidName, InvalidReference

RULES = GenericRules()

# Plain text seldom meets a rule; these are the characters that the rules are about.
AWKWARD = st.text(st.sampled_from("aé/.\\\0\n\x7f\u0301\u202e\u2028\ufffd\ud800+- %")) | st.text(max_size=2000)


@pytest.mark.parametrize("name", ["tool", "Tool", "a", "0", "my-tool_2.x", "x" * 128])
def test_a_package_is_called_as_it_is_written(name: str) -> None:
    assert RULES.normalize(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "-", "_a", ".a", "a/b", "a b", "ä", "a\n", "a%2f", "x" * 129])
def test_a_package_is_not_called(name: str) -> None:
    with pytest.raises(InvalidName):
        RULES.normalize(name)


@pytest.mark.parametrize("version", ["1.0.0", "v1", "2024-01-01", "1.0.0-rc.1+build.5", "nightly", "_x"])
def test_a_version_is_any_reference(version: str) -> None:
    assert RULES.parse_version(version) == version


@pytest.mark.parametrize("version", ["", "-1", "a/b", "a b", "1.0\n", "x" * 129, f"sha256-{'0' * 64}.sig"])
def test_a_version_is_not(version: str) -> None:
    with pytest.raises(InvalidReference):
        RULES.parse_version(version)


@pytest.mark.parametrize(
    "path",
    ["a", "bin/linux/tool", "with space.txt", "-/x", "...", "a..b", ".hidden", "grüße.txt", "x" * 1024, "~%+?#&=;:@"],
)
def test_a_path_is_kept_as_it_is(path: str) -> None:
    assert parse_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "../a", "a/.."),
        *("a\\b", "a\0b", "a\nb", "\x7f", "a\u0085b", "a\u2028b", "\ud800", "a\ufffdb", "\u202egpj.exe"),
        *("x" * 1025, "é" * 513, "a/" * 600),
    ],
)
def test_a_path_is_not(path: str) -> None:
    with pytest.raises(InvalidName):
        parse_path(path)


def test_a_path_has_one_form_whatever_form_the_client_has() -> None:
    assert parse_path("cafe\u0301") == parse_path("caf\u00e9") == "caf\u00e9"


@given(AWKWARD)
def test_a_path_that_was_read_is_read_again_as_it_is(text: str) -> None:
    try:
        path = parse_path(text)
    except InvalidName:
        return

    assert parse_path(str(path)) == path
    assert is_normalized("NFC", path)
    assert len(path.encode()) <= 1024


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (None, OCTETS),
        ("", OCTETS),
        ("application/x-www-form-urlencoded", OCTETS),
        ("text/plain", "text/plain"),
        ("Text/HTML; charset=utf-8", "text/html"),
        ("application/vnd.debian.binary-package", "application/vnd.debian.binary-package"),
        ("image/svg+xml", "image/svg+xml"),
    ],
)
def test_a_content_type_is_kept_without_its_parameters(sent: str | None, kept: str) -> None:
    assert parse_media_type(sent) == kept


@pytest.mark.parametrize(
    "sent",
    [
        *("text", "text/", "/plain", "text/plain/x", "te xt/plain", "text/pl\nain", "ünder/wear", "a/" + "b" * 200),
        "multipart/form-data; boundary=x",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ],
)
def test_a_content_type_that_is_not_a_file_s_is_refused(sent: str) -> None:
    with pytest.raises(Invalid):
        parse_media_type(sent)


@given(AWKWARD)
def test_a_media_type_that_was_read_is_read_again_as_it_is(text: str) -> None:
    try:
        media_type = parse_media_type(text)
    except Invalid:
        return

    assert parse_media_type(str(media_type)) == media_type


def test_annotations_are_ascii_json() -> None:
    assert parse_annotations(None) == {}
    assert parse_annotations('{"a.b": "gr\\u00fc\\u00dfe\\n", "c": ""}') == {"a.b": "grüße\n", "c": ""}


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "1", "null", '{"a": 1}', '{"a": null}', '{"a": {}}', '{"a": ["b"]}', '{"a": "b"} x'),
        *('{"": "b"}', '{"a b": "c"}', '{"a\\n": "b"}', '{"\\u00e9": "b"}', '{"a": "\\u0000"}', '{"a": "\\ud800"}'),
        *('{"a": "é"}', json.dumps({"a": "b" * 5000}), json.dumps({"k" * 300: "b"}), "[" * 100_000),
        json.dumps({f"k{number}": "" for number in range(101)}),
    ],
)
def test_annotations_are_not(text: str) -> None:
    with pytest.raises(InvalidMetadata):
        parse_annotations(text)


@given(st.dictionaries(st.text(st.characters(codec="ascii"), max_size=20), st.text(max_size=50), max_size=5))
def test_annotations_arrive_as_they_were_meant_or_not_at_all(annotations: dict[str, str]) -> None:
    try:
        read = parse_annotations(json.dumps(annotations))
    except InvalidMetadata:
        return

    assert read == annotations


@given(AWKWARD)
def test_no_text_makes_the_annotations_fail_in_another_way(text: str) -> None:
    with suppress(InvalidMetadata):
        parse_annotations(text)

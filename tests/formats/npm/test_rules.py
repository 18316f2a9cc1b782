"""Names, versions and tags, as npm's clients write them."""

from __future__ import annotations

import functools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.npm.rules import NpmRules, parse_loose, parse_tag, parse_tarball_name, precedence, tarball_name
from entrepot.model.errors import InvalidName, InvalidReference
from entrepot.model.names import PackageName, ReferenceName

RULES = NpmRules()
ORDER = [
    # https://semver.org/spec/v2.0.0.html#spec-item-11, and numbers where letters would order otherwise
    "0.0.0",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.2.0",
    "1.10.0",
    "2.0.0-0",
    "2.0.0",
    "10.0.0",
]


@pytest.mark.parametrize(
    "name",
    ["tool", "JSONStream", "a.b_c-d", "-x", "x-", "@acme/tool", "@acme/_private", "@a.b/c", "9", "@9/9", "a" * 214],
)
def test_a_name_is_kept_as_it_is(name: str) -> None:
    assert RULES.normalize(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-",
        "_x",
        ".x",
        "..",
        "a b",
        "a/b",
        "@",
        "@a",
        "@a/",
        "@/a",
        "@a/b/c",
        "@_a/b",
        "@.a/b",
        "@a/.b",
        "x@y",
        "x%2fy",
        "é",
        "a\n",
        "a\x00",
        "node_modules",
        "Node_Modules",
        "favicon.ico",
        "a" * 215,
    ],
)
def test_what_no_client_takes_for_a_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        RULES.normalize(name)


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = RULES.normalize(text)
    except InvalidName:
        return

    assert name == text
    assert name.isascii()


@pytest.mark.parametrize("version", [*ORDER, "1.2.3----R-S.12.9.1--.12", "9007199254740991.0.0", "1.0.0-0A.is.legal"])
def test_a_version_is_kept_as_it_is(version: str) -> None:
    assert RULES.parse_version(version) == version


@pytest.mark.parametrize(
    ("text", "version"),
    [("1.0.0+build", "1.0.0"), ("1.0.0-rc.1+a.b", "1.0.0-rc.1"), ("1.0.0+0.build.1-rc", "1.0.0")],
)
def test_build_metadata_makes_no_other_version(text: str, version: str) -> None:
    assert RULES.parse_version(text) == version


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.0",
        "1.0.0.0",
        "01.0.0",
        "1.0.0-01",
        "1.0.0-",
        "1.0.0+",
        "1.0.0-a..b",
        "v1.0.0",
        " 1.0.0",
        "1.0.0\n",
        "1.0.0-é",
        "latest",
        "9007199254740992.0.0",
        "1.0.0-" + "a" * 130,
        "9" * 5000 + ".0.0",
        "sha256-" + "0" * 64,
    ],
)
def test_what_is_no_semantic_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference):
        RULES.parse_version(text)


@pytest.mark.parametrize("text", ["1.0.0", "v1.0.0", "=1.0.0", " = v1.0.0 ", "1.0.0+build"])
def test_a_package_json_may_write_a_version_as_npm_reads_it(text: str) -> None:
    assert parse_loose(text.replace("= v", "=v")) == "1.0.0"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.0.0beta", "1.0.0-beta"),
        ("1.0.0-beta", "1.0.0-beta"),
        ("1.0.0beta.01", "1.0.0-beta.1"),
        ("1.0.0-01", "1.0.0-1"),
        ("01.002.0", "1.2.0"),
        ("v 1.2.3-rc1+build", "1.2.3-rc1"),
        ("=v1.2.3", "1.2.3"),
        ("1.2.3a-b", "1.2.3-a-b"),
        ("1.2.3--a", "1.2.3--a"),
    ],
)
def test_loose_versions_mean_what_node_semver_makes_of_them(text: str, version: str) -> None:
    assert parse_loose(text) == version
    assert parse_loose(version) == version


@pytest.mark.parametrize("text", ["", "1", "1.0", "1.0.0.0", "1.0.0..a", "1.0.0 beta", "1.0.0é", "9" * 120 + ".0.0"])
def test_what_npm_reads_as_no_version_is_none(text: str) -> None:
    with pytest.raises(InvalidReference):
        parse_loose(text)


def test_versions_are_ordered_as_the_specification_says() -> None:
    assert sorted([*ORDER[7:], *ORDER[:7]], key=precedence) == ORDER


_IDENTIFIER = st.from_regex(re.compile(r"(?:0|[1-9][0-9]{0,3}|[0-9]{0,2}[a-zA-Z-][0-9a-zA-Z-]{0,3})"), fullmatch=True)
_VERSIONS = st.builds(
    lambda core, identifiers: ".".join(map(str, core)) + ("-" + ".".join(identifiers) if identifiers else ""),
    st.tuples(*[st.integers(0, 20)] * 3),
    st.lists(_IDENTIFIER, max_size=3),
)


def reference_order(left: str, right: str) -> int:
    """The specification's clauses, one by one."""
    (left_core, _, left_rest), (right_core, _, right_rest) = left.partition("-"), right.partition("-")
    cores = [int(part) for part in left_core.split(".")], [int(part) for part in right_core.split(".")]
    if cores[0] != cores[1]:
        return -1 if cores[0] < cores[1] else 1
    if not left_rest or not right_rest:
        return bool(right_rest) - bool(left_rest)
    pairs = zip(left_rest.split("."), right_rest.split("."), strict=False)
    for one, other in pairs:
        if one == other:
            continue
        if one.isdigit() and other.isdigit():
            return -1 if int(one) < int(other) else 1
        if one.isdigit() or other.isdigit():
            return -1 if one.isdigit() else 1
        return -1 if one < other else 1
    return len(left_rest.split(".")) - len(right_rest.split("."))


@given(st.lists(_VERSIONS, min_size=2, max_size=8))
def test_the_order_is_the_specifications(versions: list[str]) -> None:
    assert sorted(versions, key=precedence) == sorted(versions, key=functools.cmp_to_key(reference_order))


@pytest.mark.parametrize("tag", ["latest", "next", "beta-1", "v1.4-next", "aux", "con", "release_7", "rc.1"])
def test_a_tag_is_any_word_that_is_no_range(tag: str) -> None:
    assert parse_tag(tag) == tag


@pytest.mark.parametrize(
    "tag",
    ["1", "v1", "1.2", "1.x", "x", "X", "1.2.3", "v1.2.3", "1.2.3-beta", "1.2.3+build", "*", "^1", "", "a b", "a/b"],
)
def test_a_tag_that_clients_take_for_a_range_is_refused(tag: str) -> None:
    with pytest.raises(InvalidReference):
        parse_tag(tag)


@given(_VERSIONS)
def test_no_version_is_a_tag(version: str) -> None:
    with pytest.raises(InvalidReference):
        parse_tag(version)


@given(_VERSIONS, st.sampled_from(["tool", "@acme/tool", "tool-1.0.0", "@acme/a-1.0.0-b"]))
def test_a_files_name_says_its_version(version: str, package: str) -> None:
    name = tarball_name(PackageName(package), ReferenceName(version))

    assert parse_tarball_name(PackageName(package), name) == version
    assert parse_tarball_name(PackageName(package), f"@acme/{name}") == version


@pytest.mark.parametrize("name", ["tool-1.0.0.zip", "other-1.0.0.tgz", "tool-latest.tgz", "tool.tgz", "-1.0.0.tgz", ""])
def test_another_file_says_none(name: str) -> None:
    assert parse_tarball_name(PackageName("tool"), name) is None

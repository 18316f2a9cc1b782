"""Names, versions and file names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from entrepot.formats.pypi.rules import RULES, FileType, parse_filename, reference_of
from entrepot.model.errors import InvalidName, InvalidReference, RegistryError
from entrepot.model.names import parse_reference


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("requests", "requests"),
        ("Django", "django"),
        ("zope.interface", "zope-interface"),
        ("a__b--c..d-_.e", "a-b-c-d-e"),
        ("3to2", "3to2"),
        ("A", "a"),
    ],
)
def test_a_name_has_one_spelling(text: str, name: str) -> None:
    """PEP 503, "Normalized Names"."""
    assert RULES.normalize(text) == name


@pytest.mark.parametrize("text", ["", "-a", "a-", ".", "a b", "a/b", "é", "a\n", "a" * 201, "\u212a"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        RULES.normalize(text)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("1.0", "1.0"),
        ("v1.0", "1.0"),
        ("1.0-1", "1.0.post1"),
        ("1.0ALPHA2", "1.0a2"),
        ("1.0+Ubuntu-1", "1.0+ubuntu.1"),
        ("1!2.0", "1_2.0"),
        ("1_2.0", "1_2.0"),
        ("1!2", "1_2"),
        ("0!1.0", "1.0"),
    ],
)
def test_a_version_is_kept_in_its_normal_form(text: str, reference: str) -> None:
    """PEP 440, "Normalization"; and an epoch as references can have it."""
    assert RULES.parse_version(text) == reference


@pytest.mark.parametrize("text", ["", "latest", "1.0-final", "1__2", "_1", "1.0.x", "1" * 129, "1.0\n2", "1!", "!1"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference):
        RULES.parse_version(text)


NUMBERS = st.integers(0, 10**6)
VERSIONS = st.builds(
    lambda epoch, release, pre, post, dev, local: Version(
        f"{epoch}!{'.'.join(map(str, release))}{pre}{post}{dev}{local}"
    ),
    NUMBERS,
    st.lists(NUMBERS, min_size=1, max_size=4),
    st.sampled_from(["", "a1", "b2", "rc3"]),
    st.sampled_from(["", ".post4"]),
    st.sampled_from(["", ".dev5"]),
    st.sampled_from(["", "+local.6"]),
)


@given(VERSIONS)
def test_a_versions_reference_is_read_as_that_version(version: Version) -> None:
    reference = reference_of(version)

    assert parse_reference(reference) == reference
    assert RULES.parse_version(reference) == reference
    assert RULES.parse_version(str(version)) == reference


@given(VERSIONS, VERSIONS)
def test_two_versions_have_two_references(one: Version, other: Version) -> None:
    assert (reference_of(one) == reference_of(other)) == (str(one) == str(other))


@pytest.mark.parametrize(
    ("text", "kind", "project", "version", "python"),
    [
        ("tool-1.0-py3-none-any.whl", FileType.WHEEL, "tool", "1.0", "py3"),
        ("My_Tool-1.0-1build-cp311-cp311-manylinux_2_17_x86_64.whl", FileType.WHEEL, "my-tool", "1.0", "cp311"),
        ("tool-1!2.0-py2.py3-none-any.whl", FileType.WHEEL, "tool", "1!2.0", "py2.py3"),
        ("tool-1.0+local.1-py3-none-any.whl", FileType.WHEEL, "tool", "1.0+local.1", "py3"),
        ("tool-1.0.tar.gz", FileType.SDIST, "tool", "1.0", "source"),
        ("zope.interface-5.0.zip", FileType.SDIST, "zope-interface", "5.0", "source"),
        ("with-dash-1.0.tar.gz", FileType.SDIST, "with-dash", "1.0", "source"),
    ],
)
def test_a_file_name_says_what_it_is(text: str, kind: FileType, project: str, version: str, python: str) -> None:
    """Binary distribution format, "File name convention"; PEP 625, and what was before it."""
    name = parse_filename(text)

    assert (name.text, name.kind, name.project, str(name.version), name.python) == (
        text,
        kind,
        project,
        version,
        python,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tool",
        "tool.whl",
        "tool-1.0.whl",
        "tool-1.0-py3-none.whl",
        "tool-x-py3-none-any.whl",
        "to ol-1.0-py3-none-any.whl",
        "../tool-1.0.tar.gz",
        "a/tool-1.0.tar.gz",
        "tool-1.0.tar.gz\n",
        "tool-1.0.tar.bz2",
        "tool-1.0.egg",
        "tool-1.0.exe",
        "tool-1.0.tar.gz.metadata",
        "tool-.tar.gz",
        "-1.0.tar.gz",
        "1.0.tar.gz",
        "é-1.0.tar.gz",
        ".tool-1.0.tar.gz",
        "tool-" + "1" * 240 + ".tar.gz",
        "t" * 300 + "-1.0.tar.gz",
    ],
)
def test_what_is_no_distributions_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_filename(text)


@given(st.text(st.sampled_from("tool-1.0py3nonea.whltargz!+_é/\n "), max_size=60) | st.text(max_size=300))
def test_any_file_name_is_read_or_refused(text: str) -> None:
    try:
        name = parse_filename(text)
    except RegistryError:
        return
    assert name.text == text
    assert RULES.parse_version(str(name.version)) == name.release

"""METADATA and PKG-INFO."""

from __future__ import annotations

import email.parser
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.pypi.core_metadata import parse_core_metadata, read_fields
from entrepot.model.errors import InvalidMetadata
from tests.formats.pypi.building import metadata


def test_fields_are_read_by_their_names_in_json() -> None:
    """PEP 566, "JSON-compatible Metadata"."""
    content = metadata(
        "My.Tool",
        "1.0-rc1",
        "Requires-Python: >=3.8",
        "Classifier: Programming Language :: Python",
        "classifier: Topic :: Utilities",
        "Requires-Dist: requests>=2; extra == 'net'",
        "Project-URL: Home, https://example.com",
        "Unheard-Of: yes",
    )

    core = parse_core_metadata(content)

    assert (core.name, core.project, str(core.version)) == ("My.Tool", "my-tool", "1.0rc1")
    assert core.requires_python == ">=3.8"
    assert core.description == "It helps.\n"
    assert core.fields == {
        "metadata_version": "2.1",
        "name": "My.Tool",
        "version": "1.0-rc1",
        "summary": "A tool",
        "requires_python": ">=3.8",
        "classifiers": ["Programming Language :: Python", "Topic :: Utilities"],
        "requires_dist": ["requests>=2; extra == 'net'"],
        "project_urls": ["Home, https://example.com"],
    }


def test_a_field_goes_on_in_indented_lines() -> None:
    fields, _ = read_fields(b"License: first\n  second\n\tthird\nName: tool\n")

    assert fields == {"license": "first\n  second\n\tthird", "name": "tool"}


def test_an_older_description_is_a_field() -> None:
    """Its lines are indented by eight spaces, or by seven and a bar."""
    _, description = read_fields(b"Name: tool\nDescription: One\n        two\n        \n       |three\n")

    assert description == "One\ntwo\n\nthree"


def test_lines_may_end_as_on_windows() -> None:
    fields, description = read_fields(b"Name: tool\r\nSummary: A tool\r\n\r\nIt\r\nhelps\r\n")

    assert fields == {"name": "tool", "summary": "A tool"}
    assert description == "It\r\nhelps\r\n"


def test_a_line_that_is_no_header_ends_them() -> None:
    fields, description = read_fields(b"Name: tool\nthis is text\nVersion: 9\n")

    assert fields == {"name": "tool"}
    assert description == "this is text\nVersion: 9\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the field Metadata-Version"),
        (b"Metadata-Version: 2.1\nName: tool\n", "the field Version"),
        (b"Metadata-Version: 2.1\nVersion: 1.0\n", "the field Name"),
        (b"Metadata-Version: 2.1\nName: tool\nName: other\nVersion: 1.0\n", "a field that is there once"),
        (metadata("to ol"), "letters, digits"),
        (metadata("tool", "latest"), "PEP 440"),
        (metadata("tool", "1.0", "Requires-Python: three"), "version specifiers"),
        (metadata("tool", "1.0", "Requires-Python: " + ">=3," * 500 + ">=3"), "version specifiers"),
        (metadata("tool", "1.0", "Requires-Dist: == 1"), "a requirement"),
        (metadata("tool", "1.0", "Requires-Dist: a; " + "(" * 5000), "a requirement"),
        (metadata("tool", "1.0", *["Classifier: x"] * 5001), "at most 5000"),
        (b"Name: \xff", "UTF-8"),
        (b"Name: tool\n" + b"Summary: x\n" * 200_000, "at most 1048576"),
    ],
)
def test_metadata_that_cannot_be_used_is_refused(content: bytes, expected: str) -> None:
    with pytest.raises(InvalidMetadata, match=expected.replace("(", r"\(")):
        parse_core_metadata(content)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Summary", "Author", "License", "Keywords"]),
            st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=30).map(str.strip),
        ),
        unique_by=lambda pair: pair[0],
    ),
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=80),
)
def test_it_reads_what_the_standard_librarys_reader_does(headers: list[tuple[str, str]], body: str) -> None:
    content = "".join(f"{name}: {value}\n" for name, value in headers) + f"\n{body}"

    fields, description = read_fields(content.encode())

    message = email.parser.Parser().parsestr(content)
    assert fields == {name.lower(): value.strip() for name, value in message.items()}
    assert description == message.get_payload()


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        read_fields(content)
    except InvalidMetadata:
        return


@pytest.mark.parametrize(
    "content",
    [
        b"Name: tool\n" * 1000 + b"\n" + b"x" * 4_000_000,
        b" \n" * 400_000,
        b"a" * 4_000_000,
        b"Name:" + b" \n" * 500_000,
    ],
    ids=["description", "indented", "one line", "continued"],
)
def test_a_large_one_takes_no_time(content: bytes) -> None:
    started = time.process_time()

    with suppress(InvalidMetadata):
        read_fields(content)

    assert time.process_time() - started < 2

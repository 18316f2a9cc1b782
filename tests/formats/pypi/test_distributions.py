"""What is read inside wheels and source distributions, and what is refused."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entrepot.formats.pypi.distributions import Distribution, read_distribution
from entrepot.formats.pypi.rules import parse_filename
from entrepot.model.errors import InvalidArchive, InvalidMetadata, RegistryError
from tests.formats.pypi.building import Built, metadata, sdist, tarred, wheel, zipped


def look(built: Built) -> Distribution:
    return read_distribution(io.BytesIO(built.content), parse_filename(built.filename))


@pytest.mark.parametrize("built", [wheel(), sdist(), sdist(suffix=".zip")], ids=["wheel", "tar", "zip"])
def test_its_metadata_comes_out_as_it_is_inside(built: Built) -> None:
    found = look(built)

    assert found.content == built.metadata
    assert (found.metadata.project, str(found.metadata.version)) == ("tool", "1.0")


def test_a_name_may_be_spelt_otherwise_inside() -> None:
    """The same project by PEP 503."""
    built = wheel("my_tool", described=metadata("My.Tool", "1.0"))

    assert look(built).metadata.name == "My.Tool"


def test_a_version_may_be_spelt_otherwise_inside() -> None:
    """The same version by PEP 440."""
    built = sdist("tool", "1.0rc1", inside={"{top}/PKG-INFO": metadata("tool", "1.0-RC.1")})

    assert str(look(built).metadata.version) == "1.0rc1"


@pytest.mark.parametrize(
    ("built", "reason"),
    [
        (wheel(described=metadata("other")), "Name in the metadata"),
        (wheel(described=metadata(version="2.0")), "Version in the metadata"),
        (wheel(described=metadata(version="1.0.0")), "Version in the metadata"),
        (sdist(filename="other-1.0.tar.gz"), "Name in the metadata"),
        (sdist(filename="tool-2.0.tar.gz"), "Version in the metadata"),
    ],
)
def test_metadata_that_disagrees_with_the_files_name_is_refused(built: Built, reason: str) -> None:
    with pytest.raises(InvalidMetadata, match=reason):
        look(built)


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ({"{info}/METADATA": None}, "the file tool-1.0.dist-info/METADATA"),
        ({"{info}/WHEEL": None}, "the file tool-1.0.dist-info/WHEEL"),
        ({"{info}/RECORD": None}, "the file tool-1.0.dist-info/RECORD"),
        ({"{info}/WHEEL": b"Tag: py3-none-any\n"}, "the field Wheel-Version"),
        ({"{info}/WHEEL": b"Wheel-Version: 2.0\n"}, "Wheel-Version 1.x"),
        ({"{info}/RECORD": b"\xff"}, "CSV in UTF-8"),
        ({"{info}/RECORD": b'"tool.py'}, "CSV in UTF-8"),
        ({"{info}/RECORD": b"x" * 200_000}, "CSV in UTF-8"),
        ({"{info}/RECORD": b"tool.py,,\n"}, "a line for each file of the wheel"),
        (
            {"{info}/RECORD": b"tool.py,,\ntool-1.0.dist-info/METADATA,,\ntool-1.0.dist-info/WHEEL,,\nghost.py,,\n"},
            "got ghost.py",
        ),
        ({"other-1.0.dist-info/METADATA": b""}, "one .dist-info folder"),
        ({"TOOL-1.0.DIST-INFO/METADATA": b""}, "one .dist-info folder"),
        ({"../evil.py": b""}, "segments that are not empty"),
        ({"/evil.py": b""}, "a relative path"),
        ({"{info}/METADATA": b"x" * (4 * 1024 * 1024 + 1)}, "at most 4194304 bytes"),
    ],
)
def test_a_wheel_that_installers_could_not_use_is_refused(inside: dict[str, bytes | None], reason: str) -> None:
    with pytest.raises(InvalidArchive, match=reason):
        look(wheel(inside=inside))


def test_a_wheel_of_another_name_is_refused() -> None:
    with pytest.raises(InvalidArchive, match=r"a folder other-1.0.dist-info, got tool-1.0.dist-info"):
        look(wheel(filename="other-1.0-py3-none-any.whl"))


def test_a_signed_wheels_signature_need_not_be_recorded() -> None:
    signed = wheel(inside={"{info}/RECORD.jws": b"{}"})

    assert look(signed).metadata.project == "tool"


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ({"{top}/PKG-INFO": None}, "the file tool-1.0/PKG-INFO"),
        ({"{top}/PKG-INFO": None, "{top}/tool.egg-info/PKG-INFO": metadata()}, "the file tool-1.0/PKG-INFO"),
        ({"elsewhere/setup.py": b""}, "everything in one folder"),
        ({"{top}/../evil": b""}, "segments that are not empty"),
        ({"{top}/PKG-INFO": b"x" * (4 * 1024 * 1024 + 1)}, "at most 4194304 bytes"),
    ],
)
def test_a_source_that_is_not_one_folder_with_its_metadata_is_refused(
    suffix: str, inside: dict[str, bytes | None], reason: str
) -> None:
    with pytest.raises(InvalidArchive, match=reason):
        look(sdist(suffix=suffix, inside=inside))


@pytest.mark.parametrize("filename", ["tool-1.0-py3-none-any.whl", "tool-1.0.tar.gz", "tool-1.0.zip"])
@pytest.mark.parametrize("content", [b"", b"PK", b"\x1f\x8b", b"<html>", tarred({}), zipped({}), zipped({"a": b""})])
def test_what_is_no_distribution_is_refused(filename: str, content: bytes) -> None:
    with pytest.raises(InvalidArchive):
        look(Built(filename, content, b""))


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    """A quarter of a gigabyte of zeros in a quarter of a megabyte."""
    buffer = io.BytesIO(wheel().content)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as member:
        for _ in range(256):
            member.write(bytes(1024 * 1024))

    with pytest.raises(InvalidArchive):
        look(Built("tool-1.0-py3-none-any.whl", buffer.getvalue(), b""))


FILES = [wheel(), sdist(), sdist(suffix=".zip")]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 2000), st.sampled_from(["set", "cut", "put", "drop"]), st.binary(max_size=8))),
)
def test_a_spoilt_file_is_read_or_refused(built: Built, spoilings: list[tuple[int, str, bytes]]) -> None:
    content = bytearray(built.content)
    for at, how, data in spoilings:
        place = at % (len(content) + 1)
        match how:
            case "set":
                content[place : place + len(data)] = data
            case "put":
                content[place:place] = data
            case "cut":
                del content[place:]
            case _:
                del content[place : place + 1 + len(data)]
    try:
        found = look(Built(built.filename, bytes(content), b""))
    except RegistryError:
        return
    assert found.metadata.project == "tool"


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["METADATA", "WHEEL", "RECORD"]),
    st.binary(max_size=200)
    | st.lists(
        st.sampled_from(
            [
                "Name: tool",
                "Version: 1.0",
                "Metadata-Version: 2.1",
                "Wheel-Version: 1.0",
                " x",
                "",
                "\x00",
                "a,b,c",
                '"',
                "Requires-Dist: ((",
                "Requires-Python: ~=",
            ]
        )
    ).map(lambda lines: "\n".join(lines).encode()),
)
def test_any_content_of_dist_info_is_read_or_refused(name: str, content: bytes) -> None:
    try:
        found = look(wheel(inside={f"{{info}}/{name}": content}))
    except RegistryError:
        return
    assert found.metadata.project == "tool"

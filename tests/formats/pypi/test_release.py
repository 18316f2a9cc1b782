"""How a release grows, as a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.pypi.core_metadata import parse_core_metadata
from entrepot.formats.pypi.release import FileFacts, describing, read_release
from entrepot.formats.pypi.rules import parse_filename
from entrepot.model.errors import Conflict
from tests.formats.pypi.building import metadata

WHEELS = [f"tool-1.0-{tag}-none-any.whl" for tag in ("py2", "py3", "py2.py3")]
NAMES = [*WHEELS, "tool-1.0.tar.gz"]


def grown(names: Iterable[str], *, hosted: bool = True) -> Mapping[str, Any]:
    """The release that files make which come in this order; each says in its metadata which it is."""
    release: Mapping[str, Any] | None = None
    for name in names:
        filename = parse_filename(name)
        facts = FileFacts(filename.kind, filename.python, md5="0", blake2b_256="1")
        core = parse_core_metadata(metadata("tool", "1.0", f"Author: {name}"))
        release = describing(filename, core, facts, hosted=hosted)(release)
    assert release is not None
    return release


@given(st.permutations(NAMES))
def test_the_order_of_its_files_makes_no_difference(names: list[str]) -> None:
    assert grown(names) == grown(NAMES)


def test_the_first_wheel_by_name_speaks_for_it() -> None:
    assert grown(NAMES)["described_by"] == min(WHEELS)
    assert grown(NAMES)["info"]["author"] == min(WHEELS)
    assert grown(["tool-1.0.tar.gz"])["described_by"] == "tool-1.0.tar.gz"


def test_what_is_written_is_read_again() -> None:
    release = read_release(grown(NAMES))

    assert release is not None
    assert (release.name, release.version, set(release.files)) == ("tool", "1.0", set(NAMES))


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["tool-1.0.tar.gz", "tool-1.0.zip"], "one source distribution for each release, and tool-1.0.tar.gz is there"),
        (["my_tool-1.0-py3-none-any.whl", "My.Tool-1.0-py3-none-any.whl"], "to installers it is my_tool-1.0"),
    ],
)
def test_what_is_published_here_is_held_to_newer_rules(names: list[str], reason: str) -> None:
    with pytest.raises(Conflict, match=reason):
        grown(names)

    assert set(grown(names, hosted=False)["files"]) == set(names)


@pytest.mark.parametrize("config", [{}, {"name": 1}, {"name": "x", "version": "1", "files": []}])
def test_a_config_of_another_kind_is_none(config: dict[str, Any]) -> None:
    assert read_release(config) is None

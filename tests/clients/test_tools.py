"""How the programs themselves are found: a test that cannot find its client must say why."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import tools
from tools import golang, nodejs, python
from tools.catalog import PROGRAMS, GoProgram, NpmProgram, PythonProgram


@pytest.mark.parametrize("program", [p for p in PROGRAMS if isinstance(p, GoProgram)], ids=lambda program: program.name)
def test_a_go_program_is_pinned_to_one_version_and_its_hash(program: GoProgram) -> None:
    version = golang.version(program)

    assert re.fullmatch(r"v\d+\.\d+\.\d+", version)
    sums = (Path(tools.__file__).parent / program.folder / "go.sum").read_text()
    assert re.search(rf"^\S+ {re.escape(version)} h1:", sums, re.MULTILINE)


@pytest.mark.parametrize(
    "program", [p for p in PROGRAMS if isinstance(p, NpmProgram)], ids=lambda program: program.name
)
def test_a_node_program_and_all_it_brings_are_pinned_by_their_hashes(program: NpmProgram) -> None:
    lock = json.loads((Path(tools.__file__).parent / program.folder / "package-lock.json").read_text())

    assert re.fullmatch(r"\d+\.\d+\.\d+", nodejs.version(program))
    brought = {path: package for path, package in lock["packages"].items() if path and not package.get("inBundle")}
    assert brought
    assert all(package["integrity"].startswith("sha512-") for package in brought.values())


@pytest.mark.parametrize(
    "program", [p for p in PROGRAMS if isinstance(p, PythonProgram)], ids=lambda program: program.name
)
def test_a_python_program_and_all_it_brings_are_pinned_by_their_hashes(program: PythonProgram) -> None:
    folder = Path(tools.__file__).parent / program.folder
    lock = (folder / "requirements.lock").read_text()

    assert f"{program.package}=={python.version(program)}" in (folder / "requirements.in").read_text().split()
    for requirement in lock.replace("\\\n", " ").splitlines():
        assert re.match(r"\S+==\S+ .*--hash=sha256:[0-9a-f]{64}", requirement), requirement


def test_a_program_that_was_never_built_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENTREPOT_TOOLS", str(tmp_path))

    with pytest.raises(tools.ToolMissing, match="python -m tools crane"):
        tools.path("crane")


def test_a_program_that_nobody_can_install_is_where_its_variable_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    supplied = tmp_path / "conformance"
    supplied.touch(mode=0o755)
    monkeypatch.setenv("ENTREPOT_TOOL_CONFORMANCE", str(supplied))

    assert tools.path("conformance") == supplied


def test_a_variable_that_names_no_program_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENTREPOT_TOOL_CONFORMANCE", str(tmp_path / "absent"))

    with pytest.raises(tools.ToolMissing, match="ENTREPOT_TOOL_CONFORMANCE"):
        tools.path("conformance")


def test_an_unknown_name_is_told_apart_from_a_missing_program() -> None:
    with pytest.raises(tools.ToolMissing, match="no such tool"):
        tools.path("crowbar")

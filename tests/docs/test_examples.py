"""Every example in the documentation runs, and prints what the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tools
from tests.docs.examples import examples, needs
from tests.docs.running import running_server

ROOT = Path(__file__).parents[2]
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if page.exists() and examples(page)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    binaries = []
    for name in needs(page):
        try:
            binaries.append(tools.path(name).parent)
        except tools.ToolMissing as missing:
            if os.environ.get("ENTREPOT_TEST_REQUIRE_ALL") == "1":
                raise
            pytest.skip(str(missing))
    work = tmp_path / "work"
    work.mkdir()
    with running_server(tmp_path / "data") as server:
        environment = {
            "HOME": str(tmp_path),
            "PATH": os.pathsep.join(
                [
                    *map(str, binaries),
                    str(Path(sys.executable).parent),
                    "/usr/local/bin",
                    "/usr/bin",
                    "/bin",
                    "/usr/sbin",
                ]
            ),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "160",
            "XDG_RUNTIME_DIR": str(tmp_path / "run"),
            "ADMIN_TOKEN": server.token,
        }
        Path(environment["XDG_RUNTIME_DIR"]).mkdir(mode=0o700)
        script, shown = [], []
        for number, example in enumerate(examples(page)):
            command = example.command.replace("localhost:8080", server.host).replace(
                "data/admin-token", f"{server.data}/admin-token"
            )
            script.append(
                f"{{ {command}\n}} > {tmp_path}/{number}.out 2>&1 || {{ echo 'failed: {number}' >&2; exit 1; }}"
            )
            shown.append(example)
        # One shell for the whole page, so that what one command sets the next one has.
        done = subprocess.run(
            ["bash", "-u", "-c", "\n".join(script)],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        for number, example in enumerate(shown):
            output = tmp_path / f"{number}.out"
            text = (
                output.read_text(encoding="utf-8", errors="replace").replace(server.host, "localhost:8080")
                if output.exists()
                else "(not reached)"
            )
            assert output.exists(), f"{example.command}\nwas not reached: {done.stderr}"
            last = number + 1 == len(shown) or not (tmp_path / f"{number + 1}.out").exists()
            assert not (last and done.returncode), f"{example.command}\nfailed:\n{text}\n{done.stderr}"
            if example.output:
                assert example.pattern().fullmatch(text.strip("\n") + "\n"), f"{example.command}\nprinted:\n{text}"

"""Every example in the documentation runs, and prints what the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tools
from tests.docs.examples import Example, examples, needs
from tests.docs.running import Server, running_server
from tests.stores import variables_of

ROOT = Path(__file__).parents[2]
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if page.exists() and examples(page)
]


ABOUT_FILES = ("docs/howto/backup.md", "docs/howto/integrity.md")
"""Pages whose examples recover into another data directory, and look at the blobs of one."""


def _case(page: Path) -> object:
    name = str(page.relative_to(ROOT))
    return pytest.param(page, id=name, marks=[pytest.mark.on_disk] if name in ABOUT_FILES else [])


@pytest.mark.parametrize("page", [_case(page) for page in PAGES])
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name, tool in needs(page).items():
        (binaries / name).symlink_to(_find(tool))
    wanted = examples(page)

    with running_server(tmp_path / "data") as server:
        outputs = _run(wanted, server, tmp_path, binaries)

    for example, output in zip(wanted, outputs, strict=True):
        if example.output:
            assert example.pattern().fullmatch(output), f"{example.command}\nprinted:\n{output}"


def _find(tool: str) -> Path:
    try:
        return tools.path(tool)
    except tools.ToolMissing as missing:
        if os.environ.get("ENTREPOT_TEST_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(missing))


def _run(wanted: list[Example], server: Server, folder: Path, binaries: Path) -> list[str]:
    """What each command printed, in one shell for the whole page; none may fail."""
    work, outputs = folder / "work", folder / "outputs"
    for path in (work, outputs):
        path.mkdir()
    (folder / "run").mkdir(mode=0o700)
    script = []
    for number, example in enumerate(wanted):
        command = example.command.replace("localhost:8080", server.host)
        command = command.replace("data/admin-token", f"{server.data}/admin-token")
        script.append(f"{{ {command}\n}} > {outputs}/{number} 2>&1 || exit 1; touch {outputs}/{number}.done")
    path = [str(binaries), str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"]
    environment = {
        "HOME": str(folder),
        "PATH": os.pathsep.join(path),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "160",
        "XDG_RUNTIME_DIR": str(folder / "run"),
        **variables_of(server.data),
    }
    subprocess.run(["bash", "-u", "-c", "\n".join(script)], cwd=work, env=environment, timeout=300, check=False)
    printed = []
    for number, example in enumerate(wanted):
        text = (
            (outputs / f"{number}").read_text(encoding="utf-8", errors="replace").replace(server.host, "localhost:8080")
        )
        assert (outputs / f"{number}.done").exists(), f"{example.command}\nfailed:\n{text}"
        printed.append(text)
    return printed

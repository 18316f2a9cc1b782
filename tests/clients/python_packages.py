"""What Python's clients are given: projects to publish, an index's addresses, and environments to install into."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.clients.programs import Shell
from tests.clients.server import Account, Registry
from tests.formats.pypi.building import Built, sdist, wheel

_BACKEND = b'''"""Builds the wheel of the source that it is in; needs nothing that would have to be installed."""
import base64
import hashlib
import pathlib
import zipfile


def recorded(path, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content.encode())}\\n"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    described = pathlib.Path("PKG-INFO").read_text()
    fields = dict(line.split(": ", 1) for line in described.partition("\\n\\n")[0].splitlines())
    name, version = fields["Name"].replace("-", "_"), fields["Version"]
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": pathlib.Path("module.py").read_text(),
        f"{info}/METADATA": described,
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    members[f"{info}/RECORD"] = "".join([*(recorded(*member) for member in members.items()), f"{info}/RECORD,,\\n"])
    made = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / made, "w") as archive:
        for path, content in members.items():
            archive.writestr(path, content)
    return made
'''
_PROJECT = b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def project_name(request: pytest.FixtureRequest) -> str:
    """A project that no other test uses."""
    module = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")
    return f"{module}-{test}"


def publish(registry: Registry, *files: Built) -> None:
    """Put files into the index, as its publisher, with no client between."""
    account = registry.publisher
    with httpx.Client(auth=(account.user, account.password), timeout=60, trust_env=False) as http:
        for built in files:
            answer = http.post(
                f"{registry.url}/pypi/{registry.namespace}/legacy/",
                data=built.fields,
                files={"content": (built.filename, built.content)},
            )
            assert answer.status_code == httpx.codes.OK, answer.text


def clear(shell: Shell, registry: Registry, administrator: str, reference: str) -> None:
    """Let a version be seen through the channel prod."""
    run_entrepot(shell, registry, administrator, "clearance", "open", reference, "prod")


def run_entrepot(shell: Shell, registry: Registry, token: str, *command: str) -> str:
    """What Entrepot's own command line prints."""
    program = Path(sys.executable).with_name("entrepot")
    # Where the tests run on a copy of the sources, so does it.
    sources = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
    done = shell.run(program, *command, environment={"ENTREPOT_URL": registry.url, "ENTREPOT_TOKEN": token, **sources})
    return done.output


def buildable(name: str, version: str, content: bytes) -> Built:
    """A source distribution that builds where nothing can be downloaded."""
    return sdist(
        name,
        version,
        inside={"{top}/setup.py": None, "{top}/backend.py": _BACKEND, "{top}/pyproject.toml": _PROJECT}
        | {"{top}/module.py": content},
    )


def module_wheel(name: str, version: str, content: bytes, *more: str) -> Built:
    """A wheel of one module, called like the project."""
    return wheel(name, version, *more, content=content)


def write(folder: Path, *files: Built) -> list[Path]:
    """Files where a build would leave them."""
    folder.mkdir(exist_ok=True)
    for built in files:
        (folder / built.filename).write_bytes(built.content)
    return [folder / built.filename for built in files]


@dataclass(frozen=True, slots=True)
class Place:
    """An index, as clients are told of it."""

    registry: Registry
    view: str

    @property
    def simple(self) -> str:
        return f"{self.registry.url}/pypi/{self.view}/simple/"

    @property
    def legacy(self) -> str:
        return f"{self.registry.url}/pypi/{self.view}/legacy/"

    def simple_as(self, account: Account) -> str:
        """The same with credentials in it."""
        return self.simple.replace("://", f"://{account.pair}@")


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment with nothing in it."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Environment:
        # The very interpreter that runs the tests, without what is installed for it.
        base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
        return cls(folder)

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def module(self, project: str) -> bytes:
        """The content of the module that a project's installation brought."""
        [path] = self.folder.glob(f"lib/python*/site-packages/{project.replace('-', '_')}.py")
        return path.read_bytes()

    def has(self, project: str) -> bool:
        return any(self.folder.glob(f"lib/python*/site-packages/{project.replace('-', '_')}.py"))

    def run(self, shell: Shell, project: str) -> str:
        """What the installed module prints."""
        return shell.run(self.python, "-c", f"import {project.replace('-', '_')}").output

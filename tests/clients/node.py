"""What the clients of the npm registry have in common: projects, their configuration, and what was installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.programs import Done, Shell, program
from tests.clients.server import Account, Registry

_QUIET = "audit=false\nfund=false\nupdate-notifier=false\n"


def registry_of(registry: Registry, view: str = "acme") -> str:
    """The address that clients are given."""
    return f"{registry.url}/npm/{view}/"


def npmrc(address: str, account: Account | None) -> str:
    """What ``.npmrc`` says of the registry, for npm, pnpm and yarn 1."""
    lines = f"registry={address}\n{_QUIET}"
    return lines if account is None else f"{lines}{address.partition(':')[2]}:_authToken={account.password}\n"


@dataclass(slots=True)
class Client:
    """One of npm's clients as somebody, in a home of its own."""

    shell: Shell
    command: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, folder: Path | None = None, given: str | None = None) -> str:
        """What it printed; it must succeed."""
        return self._in(folder).run(*self._command(arguments), given=given, environment=self._environment()).output

    def refuse(self, *arguments: str, folder: Path | None = None) -> Done:
        """It must fail by itself."""
        return self._in(folder).refuse(*self._command(arguments), environment=self._environment())

    def project(
        self, name: str, version: str = "1.0.0", *, files: Mapping[str, str] | None = None, **more: Any
    ) -> Path:
        """A package's folder."""
        folder = self.shell.home / f"{name.replace('/', '-')}-{version}"
        folder.mkdir()
        manifest = {"name": name, "version": version, "main": "index.js", "license": "MIT", **more}
        (folder / "package.json").write_text(json.dumps(manifest))
        for path, content in {"index.js": f"module.exports = '{version}'\n", **(files or {})}.items():
            (folder / path).write_text(content)
        return folder

    def consumer(self, **dependencies: str) -> Path:
        """A folder that installs *dependencies*."""
        folder = self.shell.home / "consumer"
        folder.mkdir(exist_ok=True)
        manifest = {"name": "consumer", "version": "0.0.0", "private": True, "dependencies": dependencies}
        (folder / "package.json").write_text(json.dumps(manifest))
        return folder

    def _command(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        return program(self.command), *arguments

    def _in(self, folder: Path | None) -> Shell:
        return self.shell if folder is None else Shell(folder)

    def _environment(self) -> dict[str, str]:
        home = str(self.shell.home)
        nothing = {"NPM_CONFIG_GLOBALCONFIG": f"{home}/no-global-npmrc", "CI": "1"}
        return {"HOME": home, "TMPDIR": home, **nothing, **self.environment}


def log_in(shell: Shell, registry: Registry, account: Account | None, *, view: str = "acme") -> None:
    """Write ``~/.npmrc``."""
    (shell.home / ".npmrc").write_text(npmrc(registry_of(registry, view), account))

"""podman and buildah, which share their storage, settings and credentials: here all of them in the test's own home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry


class Engine:
    """Runs one of the two. *runroot* must be short: podman refuses more than 50 characters."""

    def __init__(self, name: str, shell: Shell, runroot: Path) -> None:
        """Write the settings into the home of *shell*."""
        self._program = program(name)
        if os.geteuid() != 0:
            pytest.skip(f"{name} without root needs a user namespace, which this test does not make")
        self._shell = shell
        self._storage = ("--root", shell.home / "storage", "--runroot", runroot, "--storage-driver", "vfs")
        settings = shell.home / ".config" / "containers"
        settings.mkdir(parents=True)
        (settings / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        (settings / "registries.conf").write_text("unqualified-search-registries = []\n")
        (settings / "containers.conf").write_text('[engine]\nevents_logger = "none"\ncgroup_manager = "cgroupfs"\n')
        (settings / "auth.json").write_text("{}")
        self._environment = {
            "CONTAINERS_CONF": str(settings / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(settings / "registries.conf"),
            "REGISTRY_AUTH_FILE": str(settings / "auth.json"),
            "XDG_RUNTIME_DIR": str(runroot),
            "BUILDAH_ISOLATION": "chroot",
        }

    def run(self, *words: str | Path, given: str | None = None) -> str:
        """What the command printed; it must succeed."""
        command = (self._program, *self._storage, *words)
        return self._shell.run(*command, given=given, environment=self._environment).output

    def refuse(self, *words: str | Path, given: str | None = None) -> str:
        """What the command printed; it must fail."""
        command = (self._program, *self._storage, *words)
        return self._shell.refuse(*command, given=given, environment=self._environment).said

    def log_in(self, registry: Registry, account: Account) -> None:
        """Log in; the credentials must be good."""
        login = ("login", "--tls-verify=false", "--username", account.user, "--password-stdin", registry.host)
        assert "Login Succeeded" in self.run(*login, given=account.password)

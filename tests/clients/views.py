"""Let what was published into a channel, take it out, and quarantine it, with the command line that people use."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.clients.server import Registry

_ENTREPOT = Path(sys.executable).with_name("entrepot")
_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who may promote."""

    registry: Registry
    token: str

    @classmethod
    def of(cls, registry: Registry, server: Path) -> Operator:
        """The administrator of the server that has its data below *server*."""
        return cls(registry, (server / "data" / "admin-token").read_text().strip())

    def promote(self, reference: str) -> None:
        """Let it into ``prod``."""
        self._run("promote", reference, "--to", "prod")

    def unpromote(self, reference: str) -> None:
        """Take it out again."""
        self._run("unpromote", reference, "--from", "prod")

    def quarantine(self, reference: str) -> None:
        """Serve it nowhere."""
        self._run("quarantine", reference, "--reason", "it phones home")

    def unblock(self, reference: str) -> None:
        """Serve it again."""
        self._run("unblock", reference)

    def _run(self, *command: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
        done = subprocess.run(
            [_ENTREPOT, *command],
            env=kept | {"ENTREPOT_URL": self.registry.url, "ENTREPOT_TOKEN": self.token},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"entrepot {' '.join(command)}\n{done.stdout}\n{done.stderr}"

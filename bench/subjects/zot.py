"""Zot, with token authentication."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import tools
from bench import processes
from bench.subjects.subject import Registry
from bench.tokens import SERVICE, TokenSigner


class Zot(Registry):
    """Token authentication, metrics, one access line a request; with *durable* it flushes files to disk, as it can."""

    def __init__(self, home: Path, signer: TokenSigner, *, durable: bool = False) -> None:
        super().__init__(home)
        self.name = "zot (commit)" if durable else "zot"
        self._signer = signer
        self._durable = durable
        self._binary = tools.path("zot")

    def version(self) -> str:
        done = subprocess.run([self._binary, "--version"], capture_output=True, text=True, check=True)
        found = re.search(r'"commit":"([^"]+)"', done.stdout + done.stderr)
        return f"{found[1] if found else 'of unknown version'}, token{', commit' if self._durable else ''}"

    def headers(self, repository: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._signer.token(repository)}"}

    def command(self) -> list[str]:
        self.address = ("127.0.0.1", processes.free_port())
        configuration = {
            "distSpecVersion": "1.1.1",
            "storage": {"rootDirectory": str(self.data), "commit": self._durable},
            "http": {
                "address": "127.0.0.1",
                "port": str(self.address[1]),
                "auth": {
                    "bearer": {
                        "realm": f"{self.url}/token",
                        "service": SERVICE,
                        "cert": str(self._signer.public_key),
                    }
                },
            },
            "log": {"level": "info"},
            "extensions": {"metrics": {"enable": True, "prometheus": {"path": "/metrics"}}},
        }
        path = self.home / "config.json"
        path.write_text(json.dumps(configuration))
        return [str(self._binary), "serve", str(path)]

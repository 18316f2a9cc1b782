"""The CNCF Distribution registry, with token authentication."""

from __future__ import annotations

import json
from pathlib import Path

import tools
from bench import machine, processes
from bench.subjects.subject import Registry
from bench.tokens import ISSUER, SERVICE, TokenSigner

_MODULE = "github.com/distribution/distribution/v3"


class Distribution(Registry):
    """Token authentication, metrics, its in-memory descriptor cache, one access line a request, no tracing."""

    name = "distribution"

    def __init__(self, home: Path, signer: TokenSigner) -> None:
        super().__init__(home)
        self._signer = signer
        self._binary = tools.path("distribution")

    def version(self) -> str:
        return f"{machine.module_version(self._binary, _MODULE)}, token"

    def environment(self) -> dict[str, str]:
        return {"OTEL_TRACES_EXPORTER": "none"}

    def headers(self, repository: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._signer.token(repository)}"}

    def command(self) -> list[str]:
        self.address = ("127.0.0.1", processes.free_port())
        configuration = {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": False}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.data)},
                "cache": {"blobdescriptor": "inmemory"},
                "delete": {"enabled": True},
            },
            "http": {
                "addr": f"127.0.0.1:{self.address[1]}",
                "secret": "bench",
                "debug": {
                    "addr": f"127.0.0.1:{processes.free_port()}",
                    "prometheus": {"enabled": True, "path": "/metrics"},
                },
            },
            "auth": {
                "token": {
                    "realm": f"{self.url}/token",
                    "service": SERVICE,
                    "issuer": ISSUER,
                    "jwks": str(self._signer.key_set),
                    "signingalgorithms": ["RS256"],
                }
            },
        }
        path = self.home / "config.yml"  # JSON is YAML
        path.write_text(json.dumps(configuration))
        return [str(self._binary), "serve", str(path)]

"""The CNCF Distribution registry, with token authentication."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import tools
from bench import machine, processes
from bench.subjects.subject import Registry
from bench.tokens import ISSUER, SERVICE, TokenSigner

_MODULE = "github.com/distribution/distribution/v3"


class Distribution(Registry):
    """Token authentication, metrics, its in-memory descriptor cache, one access line a request, no tracing.

    With *s3*, the settings of that driver of its, blobs and manifests are in a bucket, and go through it, not by redirect.
    """

    name = "distribution"

    def __init__(self, home: Path, signer: TokenSigner, s3: Mapping[str, object] | None = None) -> None:
        super().__init__(home)
        self._s3 = s3
        if s3 is not None:
            self.name = "distribution on S3"
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
                **({"s3": self._s3} if self._s3 else {"filesystem": {"rootdirectory": str(self.data)}}),
                "redirect": {"disable": True},
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

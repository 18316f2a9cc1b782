"""The object store that speaks as Azure does, for tests."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from azure.core.exceptions import AzureError
from azure.storage.blob import ContainerClient

from entrepot.drivers.blobs.azure import AzureAddress, AzureObjects, connect
from entrepot.drivers.blobs.objects import Objects
from tests.clients.programs import program
from tests.object_servers import BUCKET, KEY, SECRET, ObjectServer, free_port

_KEY: Final = base64.b64encode(SECRET.encode()).decode()
CREDENTIALS: Final = {"AZURE_STORAGE_ACCOUNT": KEY, "AZURE_STORAGE_KEY": _KEY}
"""What a process needs to have in its environment to use it."""


class AzureServer(ObjectServer):
    """Azure's own stand-in for its service: the protocol, without copies of blocks."""

    secret = _KEY
    failures = (AzureError,)
    copies_parts = False

    def __init__(self, command: Sequence[str], folder: Path, endpoint: str, variables: Mapping[str, str]) -> None:
        """Start it, and make its container."""
        self._clients: list[ContainerClient] = []
        super().__init__(command, folder, endpoint, variables)

    def connect(self) -> Any:
        return connect(AzureAddress.parse(self.address()))

    def make(self) -> object:
        return self.client.create_container()

    def find(self) -> object:
        return self.client.get_container_properties()

    def address(self, prefix: str = "") -> str:
        return f"azure://{BUCKET}/{prefix}?account={KEY}&endpoint={self.endpoint}/{KEY}"

    def objects(self, prefix: str) -> Objects:
        address = AzureAddress.parse(self.address(prefix))
        # Closing a client is for good, so everybody has one.
        self._clients.append(connect(address))
        return AzureObjects(address, self._clients[-1])

    def close(self) -> None:
        """End it, and what was connected to it."""
        for client in self._clients:
            client.close()
        super().close()


@contextmanager
def running(folder: Path) -> Iterator[ObjectServer]:
    """It runs, with one empty container."""
    port = free_port()
    command = [
        program("azurite"),
        *("--silent", "--disableTelemetry", "--skipApiVersionCheck"),
        *("--location", str(folder), "--blobHost", "127.0.0.1", "--blobPort", str(port)),
    ]
    variables = {"AZURITE_ACCOUNTS": f"{KEY}:{_KEY}"}
    with closing(AzureServer(command, folder, f"http://localhost:{port}", variables)) as server:
        yield server

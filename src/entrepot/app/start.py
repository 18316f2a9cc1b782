"""Starting the server: its sockets, its data directory, and the processes that serve and run beside."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from entrepot.app.parts import open_registry
from entrepot.model.errors import RegistryError
from entrepot.operations.follow import introduce
from entrepot.operations.log import sign_again
from entrepot.operations.signers import establish_own_signer
from entrepot.operations.token import create_first_token
from entrepot.wire.logs import configure_logs
from entrepot.wire.server import Limits, ServeOptions, bind, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entrepot.model.access import TokenSecret
    from entrepot.settings import Settings

ADMIN_TOKEN_FILE: Final = "admin-token"  # noqa: S105 (a file's name)

_log = structlog.stdlib.get_logger("entrepot.app")


def serve(settings: Settings) -> None:
    """Run the server until it is told to stop.

    Raises `entrepot.wire.server.BindError`, `entrepot.wire.server.StartFailed`.
    """
    configure_logs(settings.log_format, settings.log_level)
    sockets = bind(settings.listen)
    # With the port that was found where any would do: the log is called by it.
    host, port = settings.listen.rpartition(":")[0], sockets[0].getsockname()[1]
    settings = msgspec.structs.replace(settings, listen=f"{host}:{port}")
    asyncio.run(_first_start(settings))
    options = ServeOptions(
        workers=settings.workers,
        limits=Limits(
            head_size=settings.head_size,
            head_seconds=settings.head_seconds,
            body_idle_seconds=settings.body_idle_seconds,
            connections=settings.connections,
        ),
        graceful_seconds=settings.graceful_seconds,
        certificate=Path(settings.tls_certificate) if settings.tls_certificate else None,
        private_key=Path(settings.tls_private_key) if settings.tls_private_key else None,
        beside="entrepot.app.beside:run_beside" if settings.followers else None,
    )

    def announce(urls: list[str]) -> None:
        # By the name that was asked for: clients keep credentials by host.
        del urls
        print(f"ready {options.scheme}://{settings.listen}", flush=True)

    with _shared_metrics(settings.workers):
        run("entrepot.app.worker:create_service", sockets, options, arguments=(settings,), on_ready=announce)


async def _first_start(settings: Settings) -> None:
    """Make the data directory and, when it is new, the administrator's token; let the registry's key be known."""
    path = settings.data_path / ADMIN_TOKEN_FILE

    def keep(secret: TokenSecret) -> None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"{secret.text}\n")
            file.flush()
            os.fsync(file.fileno())
        # The folder too: now it has all that the registry consists of.
        folder = os.open(settings.data_path, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)

    async with open_registry(settings) as registry:
        secret = await create_first_token(registry, keep)
        if settings.followers:
            await introduce(registry)
        await establish_own_signer(registry)
        try:
            await sign_again(registry)
        except RegistryError as error:
            # Nothing else has to wait for a key that is away, or for a log that has to be repaired.
            _log.error("the log's checkpoint is still signed as it was before", reason=str(error))
    if secret is not None:
        print(f"administrator token, shown once (also in {path}):\n{secret.text}", file=sys.stderr, flush=True)


@contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """Where several workers put their counters, so that a scrape of any of them adds up all."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="entrepot-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield

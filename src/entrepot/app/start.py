"""Starting the server: its sockets, and by name what its processes do, so that who looks after them loads none of it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from entrepot.drivers.scratch import scratch_folder
from entrepot.wire.logs import configure_logs
from entrepot.wire.server import Limits, ServeOptions, bind, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entrepot.settings import Settings


def serve(settings: Settings) -> None:
    """Run the server until it is told to stop.

    Raises `entrepot.wire.server.BindError`, `entrepot.wire.server.StartFailed`, and what `entrepot.app.first.prepare`
    raises.
    """
    configure_logs(settings.log_format, settings.log_level)
    sockets = bind(settings.listen)
    # With the port that was found where any would do: the log is called by it.
    host, port = settings.listen.rpartition(":")[0], sockets[0].getsockname()[1]
    settings = msgspec.structs.replace(settings, listen=f"{host}:{port}")
    options = ServeOptions(
        workers=settings.workers,
        limits=Limits(
            head_size=settings.head_size,
            head_seconds=settings.head_seconds,
            body_idle_seconds=settings.body_idle_seconds,
            connections=settings.connections,
        ),
        drain_seconds=settings.drain_seconds,
        graceful_seconds=settings.graceful_seconds,
        certificate=Path(settings.tls_certificate) if settings.tls_certificate else None,
        private_key=Path(settings.tls_private_key) if settings.tls_private_key else None,
        first="entrepot.app.first:prepare",
        beside="entrepot.app.beside:run_beside" if settings.followers else None,
    )

    def announce(urls: list[str]) -> None:
        # By the name that was asked for: clients keep credentials by host.
        del urls
        print(f"ready {options.scheme}://{settings.listen}", flush=True)

    with _shared_metrics(settings.workers):
        run("entrepot.app.worker:create_service", sockets, options, arguments=(settings,), on_ready=announce)


@contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """Where several workers put their counters, so that a scrape of any of them adds up all."""
    if workers == 1:
        yield
        return
    with scratch_folder("metrics") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        yield

"""What one worker serves: the formats, the API and all else that answers requests.

Loaded by the workers alone: much is behind it, and the metrics' library looks for the folder that workers share when it
is imported.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from entrepot import __version__
from entrepot.api import SURFACE as API
from entrepot.app.parts import Parts
from entrepot.model.errors import RegistryError
from entrepot.operations.pulls import keep_writing, write_pulls
from entrepot.wire.asgi import Application, Options
from entrepot.wire.federation import SURFACE as FEDERATION
from entrepot.wire.gate import Gate
from entrepot.wire.health import Presence, health_surfaces
from entrepot.wire.log import SURFACE as LOG
from entrepot.wire.logs import configure_logs, hit_log, request_log
from entrepot.wire.metrics import Metrics, outcome
from entrepot.wire.server import CacheSizes, FrontCache, Service
from entrepot.wire.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Hashable

    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.settings import Settings

_THROTTLE_FILE: Final = "throttle"


def create_service(settings: Settings) -> Service:
    """What one worker serves; called in each of them."""
    configure_logs(settings.log_format, settings.log_level)
    parts = Parts(settings)
    metrics = Metrics()
    throttle = Throttle(settings.data_path / _THROTTLE_FILE, time.time, failures=settings.login_failures)
    gate = Gate(parts.catalog, parts.clock, parts.epochs, throttle, secret=parts.catalog.secret("access-tokens"))

    log_settings = (settings.log_format, settings.log_level)

    def count_hits(counter: Hashable, status: int, hits: int, sent: int, seconds: float) -> None:
        format_, operation = cast("tuple[str, str]", counter)
        metrics.count_hits((format_, operation, outcome(status)), hits=hits, sent=sent, seconds=seconds)

    def note_used(package: PackageId, digest: Digest, actor: str) -> None:
        parts.registry.pulls.note(package, digest, actor, parts.clock.now())

    cache = FrontCache(
        parts.epochs,
        sizes=CacheSizes(total_size=settings.front_cache_size),
        on_hits=count_hits,
        on_used=note_used,
        log_hit=hit_log(*log_settings) if settings.access_log else None,
    )

    presence = Presence()
    writing: list[asyncio.Task[None]] = []

    async def lifespan(starting: bool) -> None:  # noqa: FBT001 (the lifespan's one word)
        if starting:
            await parts.catalog.listen()
            writing.append(asyncio.create_task(keep_writing(parts.registry)))
            return
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
        cache.clear()
        with suppress(RegistryError):
            await write_pulls(parts.registry)
        await parts.close()

    surfaces = [surface for format_ in parts.formats for surface in (format_.surface, *format_.aliases)]
    app = Application(
        parts.registry,
        [*surfaces, API, FEDERATION, LOG, *health_surfaces(metrics, cache.flush, __version__, presence)],
        gate=gate,
        epochs=parts.epochs,
        metrics=metrics,
        options=Options(
            public_url=settings.public_url.rstrip("/") or None,
            trusted_proxies=frozenset(settings.trusted_proxies),
            concurrency=settings.concurrency,
            log_request=request_log(*log_settings) if settings.access_log else None,
        ),
        lifespan=[lifespan],
    )
    return Service(
        app,
        render_error=app.render_refusal,
        cache=cache if settings.front_cache_size else None,
        on_leaving=presence.leave,
    )

"""Is it alive, is it ready, and how is it doing: what probes and Prometheus ask."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from entrepot.model.errors import Unavailable
from entrepot.wire.format import Surface
from entrepot.wire.reply import Reply, json_reply
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from entrepot.model.usage import Account
    from entrepot.wire.call import Call
    from entrepot.wire.metrics import Metrics

_TOTALS_SECONDS = 15.0
_PLAIN = (b"content-type", b"text/plain; charset=utf-8")


class Presence:
    """Whether this server stays; one that was told to stop is alive, answers, and is not ready."""

    def __init__(self) -> None:
        self._leaves = False

    def leave(self) -> None:
        """Let balancers look elsewhere from now on."""
        self._leaves = True

    def confirm(self) -> None:
        """Raise `Unavailable` when it leaves."""
        if self._leaves:
            raise Unavailable("this server is about to stop")


def health_surfaces(metrics: Metrics, flush: Callable[[], None], version: str, presence: Presence) -> Sequence[Surface]:
    """``/livez``, ``/readyz``, ``/startupz``, ``/metrics``, their usual aliases, and the root."""
    totals = _Totals()

    async def live(call: Call) -> Reply:
        """Answers as long as the process does; touches nothing."""
        del call
        return Reply(200, [_PLAIN], b"ok\n")

    async def ready(call: Call) -> Reply:
        """Answers 200 when the catalog and the blob store can be used, and 503 when not, a full disk included.

        503, too, from when the server is told to stop until it does.
        """
        presence.confirm()
        try:
            await call.registry.catalog.head()
            await call.registry.blobs.probe()
        except Unavailable as error:
            raise Unavailable(error) from error
        return Reply(200, [_PLAIN], b"ok\n")

    async def scrape(call: Call) -> Reply:
        """Prometheus' text format."""
        flush()
        return Reply(
            200,
            [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")],
            metrics.render(
                await totals.read(call), await _behind(call), await _scrubbed_at(call), await _accounts(call)
            ),
        )

    async def root(call: Call) -> Reply:
        """Where to go from here."""
        return json_reply({"name": "Entrepot", "version": version, "docs": f"{call.base_url}/api/docs"})

    pages = {
        "livez": live,
        "healthz": live,
        "startupz": live,
        "readyz": ready,
        "metrics": scrape,
        "": root,
    }
    return [
        Surface(name="health", prefix=prefix, routes=(Route("GET", f"/{prefix}", page, prefix or "root"),))
        for prefix, page in pages.items()
    ]


async def _behind(call: Call) -> Mapping[str, int]:
    """How many entries of the journal each follower has yet to deal with."""
    end, _ = await call.registry.catalog.head()
    cursors = await call.registry.catalog.cursors.list()
    return {follower: end - position for follower, position in cursors.items()}


async def _scrubbed_at(call: Call) -> datetime | None:
    """When every blob had been read again last."""
    known = await call.registry.catalog.scrubs.find()
    return None if known is None else known.last_ended_at


async def _accounts(call: Call) -> Sequence[Account]:
    """What the namespaces take up that have metrics of their own."""
    limit = call.registry.limits.metered_namespaces
    return await call.registry.catalog.usage.list_largest(limit=limit) if limit else ()


class _Totals:
    """What is stored, asked of the catalog at most every few seconds: counting a million rows is not free."""

    def __init__(self) -> None:
        self._known: Mapping[str, int] = {}
        self._until = 0.0

    async def read(self, call: Call) -> Mapping[str, int]:
        if monotonic() >= self._until:
            unrepaired = await call.registry.catalog.scrubs.count_unrepaired()
            self._known = {**await call.registry.catalog.storage(), "unrepaired": unrepaired}
            self._until = monotonic() + _TOTALS_SECONDS
        return self._known

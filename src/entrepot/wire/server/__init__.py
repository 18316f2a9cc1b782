"""The HTTP server: ASGI and sockets, and nothing of the registry.

It is uvicorn with four additions: bounds on what a client may cost, files by ``sendfile``, a cache in front of the
application, and workers that share their sockets. `README.md` in this folder tells how each works. Only the
composition root imports this package, and it imports nothing of ours.
"""

from __future__ import annotations

from entrepot.wire.server.epochs import ACCESS, Epochs, Observation
from entrepot.wire.server.first import StartFailed
from entrepot.wire.server.frontcache import CacheSizes, CacheTicket, FrontCache, Hit, LogHit, OnHits
from entrepot.wire.server.limits import Limits
from entrepot.wire.server.listen import BindError, bind, urls
from entrepot.wire.server.protocol import ProtocolFactory
from entrepot.wire.server.refusals import ClientDisconnected, RenderError, render_plainly
from entrepot.wire.server.sendfile import FileTooShort
from entrepot.wire.server.workers import ServeOptions, Service, run

__all__ = [
    "ACCESS",
    "BindError",
    "CacheSizes",
    "CacheTicket",
    "ClientDisconnected",
    "Epochs",
    "FileTooShort",
    "FrontCache",
    "Hit",
    "Limits",
    "LogHit",
    "Observation",
    "OnHits",
    "ProtocolFactory",
    "RenderError",
    "ServeOptions",
    "Service",
    "StartFailed",
    "bind",
    "render_plainly",
    "run",
    "urls",
]

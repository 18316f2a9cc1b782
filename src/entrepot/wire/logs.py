"""Structured logs: one JSON object a line for machines, or columns for a terminal."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

if TYPE_CHECKING:
    from entrepot.wire.server import Hit

_requests = structlog.stdlib.get_logger("entrepot.request")


def configure_logs(form: str, level: str) -> None:
    """Send everything to standard error as ``json``, ``console``, or (``auto``) whichever suits where that goes."""
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if as_json else structlog.processors.StackInfoRenderer(),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(serializer=_dumps)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.error", "uvicorn.access"):
        logging.getLogger(noisy).setLevel("WARNING")


def log_hit(hit: Hit) -> None:
    """The line of a request that the front cache answered."""
    fields = hit.log if isinstance(hit.log, dict) else {}
    _requests.info(
        "request",
        **fields,
        status=hit.status,
        received=0,
        sent=0 if hit.method == "HEAD" else hit.body_size,
        seconds=round(hit.seconds, 6),
        request_id=hit.request_id,
        address="unknown" if hit.client is None else hit.client[0],
        target=hit.target,
        cached=True,
    )


def _dumps(value: object, **_: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()

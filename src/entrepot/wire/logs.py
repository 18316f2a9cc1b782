"""Structured logs: one JSON object a line for machines, or columns for a terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec
import structlog

if TYPE_CHECKING:
    from entrepot.wire.server import Hit, LogHit

_requests = structlog.stdlib.get_logger("entrepot.request")


def configure_logs(form: str, level: str) -> None:
    """Send everything to standard error as ``json``, ``console``, or (``auto``) whichever suits where that goes."""
    as_json = _is_json(form)
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


Fields = Mapping[str, str | int | float]
LogRequest = Callable[[Fields], None]
"""Write the one line of a request."""


def request_log(form: str, level: str) -> LogRequest | None:
    """How requests are logged; None when they are not.

    In JSON there is a short way: one encoding and one write. These lines are nearly all that a server logs, and the
    long way through two libraries takes twenty times as long as a pull that the front cache answers.
    """
    if level in {"warning", "error"}:
        return None
    if not _is_json(form):
        return lambda fields: _requests.info("request", **fields)
    encode, write, output = msgspec.json.Encoder().encode, os.write, sys.stderr.fileno()

    def log(fields: Fields) -> None:
        line = {
            "event": "request",
            **fields,
            "level": "info",
            "timestamp": datetime.now(UTC).isoformat(timespec="microseconds"),
        }
        # Whoever reads the log may have gone; that is no reason to fail a request.
        with contextlib.suppress(OSError):
            write(output, encode(line) + b"\n")

    return log


def hit_log(log: LogRequest) -> LogHit:
    """How requests that the front cache answered are logged: with what was known when the answer was made."""

    def log_hit(hit: Hit) -> None:
        log(
            {
                **cast("Fields", hit.log),
                "status": hit.status,
                "received": 0,
                "sent": 0 if hit.method == "HEAD" else hit.body_size,
                "seconds": round(hit.seconds, 6),
                "request_id": hit.request_id,
                "address": "unknown" if hit.client is None else hit.client[0],
                "target": hit.target,
                "cached": True,
            }
        )

    return log_hit


def _is_json(form: str) -> bool:
    return form == "json" or (form == "auto" and not sys.stderr.isatty())


def _dumps(value: object, **_: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()

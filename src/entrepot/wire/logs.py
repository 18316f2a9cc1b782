"""Structured logs: one JSON object a line for machines, or columns for a terminal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
import structlog

from entrepot.model.redaction import redact

if TYPE_CHECKING:
    from entrepot.wire.server import Hit, LogHit

_ENCODER: Final = msgspec.json.Encoder()
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
    redacted: Any = _redacted
    renderer: Any = (
        structlog.processors.JSONRenderer(serializer=_dumps)
        if as_json
        # Plain: the pretty form would show the values of local variables, and so tokens.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
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
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer, redacted],
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


class Answer:
    """What a log line says of an answer, each time that it is given; encoded once."""

    __slots__ = ("fields", "json")

    def __init__(self, fields: Fields) -> None:
        self.fields: Final = fields
        self.json: Final = _ENCODER.encode(fields)[1:-1]


def request_log(form: str, level: str) -> LogRequest | None:
    """How requests are logged; None when they are not.

    In JSON there is a short way: one encoding and one write. These lines are nearly all that a server logs, and the
    long way through two libraries takes twenty times as long as a pull that the front cache answers.
    """
    if level in {"warning", "error"}:
        return None
    if not _is_json(form):
        return lambda fields: _requests.info("request", **fields)
    stamp = _Stamp()

    def log(fields: Fields) -> None:
        _write(b'{"event":"request",%b,"level":"info","timestamp":"%b"}\n' % (_ENCODER.encode(fields)[1:-1], stamp()))

    return log


def hit_log(form: str, level: str) -> LogHit | None:
    """How requests that the front cache answered are logged: like others, and marked as ``cached``."""
    log = request_log(form, level)
    if log is None:
        return None
    if not _is_json(form):
        return lambda hit: log({**cast("Answer", hit.log).fields, **_of(hit)})
    stamp = _Stamp()

    def log_hit(hit: Hit) -> None:
        # All but the numbers is plain text that needs no escape: the server made the id, the kernel the address.
        _write(
            b'{"event":"request",%b,"status":%d,"received":0,"sent":%d,"seconds":%.6f,"request_id":"%b",'
            b'"address":"%b","cached":true,"level":"info","timestamp":"%b"}\n'
            % (
                cast("Answer", hit.log).json,
                hit.status,
                0 if hit.method == b"HEAD" else hit.body_size,
                hit.seconds,
                hit.request_id,
                b"unknown" if hit.client is None else hit.client[0].encode(),
                stamp(),
            )
        )

    return log_hit


def _of(hit: Hit) -> Fields:
    return {
        "status": hit.status,
        "received": 0,
        "sent": 0 if hit.method == b"HEAD" else hit.body_size,
        "seconds": round(hit.seconds, 6),
        "request_id": hit.request_id.decode("ascii"),
        "address": "unknown" if hit.client is None else hit.client[0],
        "cached": True,
    }


class _Stamp:
    """The time as text; what changes once a second is made once a second."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = 0
        self._text = b""

    def __call__(self) -> bytes:
        now = time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        return b"%b.%06dZ" % (self._text, (now - second) * 1_000_000)


def _write(line: bytes) -> None:
    try:  # noqa: SIM105 (the other form takes a third of the whole call, and this is called for every request)
        os.write(2, line)
    except OSError:
        pass  # Whoever reads the log may have gone; that is no reason to fail a request.


def _is_json(form: str) -> bool:
    return form == "json" or (form == "auto" and not sys.stderr.isatty())


def _redacted(_logger: object, _method: str, line: str) -> str:
    """No line has a token of ours, however it came there."""
    return redact(line)


def _dumps(value: object, **_: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()

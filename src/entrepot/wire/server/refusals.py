"""Answers that the server gives by itself, when a request never reaches the application or the application fails."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

Headers = list[tuple[bytes, bytes]]

RenderError = Callable[[int, str, str], tuple[Headers, bytes]]
"""``(status, target, request_id)`` to the headers and the body of the answer, in the form the target's protocol speaks.

*target* is what was received of the request target, perhaps nothing. Framing, date and request id are added by the
server. It is called once for each refusal, so it is also the place to count them.
"""


class ClientDisconnected(OSError):
    """The client went away, or was sent away, before the response was complete."""


def render_plainly(status: int, target: str, request_id: str) -> tuple[Headers, bytes]:
    """Say the status in plain text: what is sent when nobody knows better."""
    del target
    body = f"{status} {HTTPStatus(status).phrase}\nrequest {request_id}\n"
    return [(b"content-type", b"text/plain; charset=utf-8")], body.encode()

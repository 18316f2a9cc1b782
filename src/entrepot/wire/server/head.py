"""What a request's head says to the server: how its body is framed, and whether a cache may answer it.

llhttp has checked the syntax before. It refuses, among others, two Content-Length fields, a Content-Length that is a
list, signed or too large, one beside a Transfer-Encoding, folded lines, bare line ends and control characters. What it
lets pass and must not pass is refused here.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final

from entrepot.wire.server.frontcache import BYPASS_FIELDS, KEY_FIELDS

if TYPE_CHECKING:
    from entrepot.wire.server.refusals import Headers

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._~-]{1,64}")


class Refused(Exception):
    """The request will not be answered by the application but with *status*."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Role(enum.IntEnum):
    """What a field is to the server."""

    KEY = enum.auto()
    HOST = enum.auto()
    BYPASS = enum.auto()
    LENGTH = enum.auto()
    CODING = enum.auto()
    EXPECT = enum.auto()
    REQUEST_ID = enum.auto()


_ROLES: Final[dict[bytes, _Role]] = {
    **dict.fromkeys(KEY_FIELDS, _Role.KEY),
    **dict.fromkeys(BYPASS_FIELDS, _Role.BYPASS),
    b"host": _Role.HOST,
    b"content-length": _Role.LENGTH,
    b"transfer-encoding": _Role.CODING,
    b"expect": _Role.EXPECT,
    b"x-request-id": _Role.REQUEST_ID,
}


class Head:
    """The fields that matter to the server, read from those of a request.

    Raises `Refused`.
    """

    __slots__ = ("cacheable", "expects_continue", "key_fields", "length", "request_id")

    def __init__(self, fields: Headers, version: str) -> None:
        self.key_fields: list[tuple[bytes, bytes]] = []
        self.cacheable = True
        self.length: int | None = 0  # None if only the end of the body will tell
        self.expects_continue = False
        self.request_id = b""
        hosts = 0
        for field in fields:
            role = _ROLES.get(field[0])
            if role is None:
                continue
            if role is _Role.KEY:
                self.key_fields.append(field)
            elif role is _Role.HOST:
                self.key_fields.append(field)
                hosts += 1
            elif role is _Role.REQUEST_ID:
                if _REQUEST_ID.fullmatch(field[1]):
                    self.request_id = field[1]
            else:
                self.cacheable = False
                self._read_framing(role, field[1], version)
        # RFC 9112, 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message
        # that lacks a Host header field and to any request message that contains more than one Host header field".
        if hosts != 1 and (hosts or version == "1.1"):
            raise Refused(400)

    def _read_framing(self, role: _Role, value: bytes, version: str) -> None:
        """Note how the body comes, if *role* says so."""
        if role is _Role.LENGTH:
            self.length = int(value)
        elif role is _Role.CODING:
            # RFC 9112, 6.1: a message of HTTP/1.0 with a transfer coding is faulty. And llhttp lets "gzip, chunked"
            # pass, whose body would reach the application still compressed.
            if version != "1.1":
                raise Refused(400)
            if value.strip().lower() != b"chunked":
                raise Refused(501)
            self.length = None
        elif role is _Role.EXPECT and version == "1.1":  # RFC 9110, 10.1.1: in HTTP/1.0 it is ignored
            if value.strip().lower() != b"100-continue":
                raise Refused(417)
            self.expects_continue = True

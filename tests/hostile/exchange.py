"""A request as its bytes, an answer as a value, and what must hold between any two of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

Header = tuple[bytes, bytes]

_OCI_CODES = frozenset(
    {
        "BLOB_UNKNOWN",
        "BLOB_UPLOAD_INVALID",
        "BLOB_UPLOAD_UNKNOWN",
        "DIGEST_INVALID",
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "MANIFEST_UNKNOWN",
        "NAME_INVALID",
        "NAME_UNKNOWN",
        "SIZE_INVALID",
        "UNAUTHORIZED",
        "DENIED",
        "UNSUPPORTED",
        "TOOMANYREQUESTS",
        "UNAVAILABLE",
    }
)
"""OCI distribution 1.1, "Error Codes", and the one that says that it is our fault and will pass."""

DELIBERATE = frozenset({501, 503, 507})
"""Answers above 499 that are no bug: a coding we do not speak, too much at once, no room."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_ERROR = 400


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends. The body comes in *pieces*; after a *cut* the client goes away instead of ending it."""

    method: str
    target: bytes
    headers: tuple[Header, ...] = ()
    pieces: tuple[bytes, ...] = ()
    chunked: bool = False
    cut: bool = False

    @property
    def body(self) -> bytes:
        """All of the body."""
        return b"".join(self.pieces)

    def with_header(self, name: bytes, value: bytes) -> Request:
        """The same with another header field."""
        return replace(self, headers=(*self.headers, (name, value)))

    def framed(self) -> list[Header]:
        """The header fields with the one that tells where the body ends."""
        if self.chunked:
            return [*self.headers, (b"transfer-encoding", b"chunked")]
        if self.pieces or self.method in ("POST", "PUT", "PATCH"):
            return [*self.headers, (b"content-length", b"%d" % len(self.body))]
        return list(self.headers)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[Header, ...]
    body: bytes = field(default=b"", repr=False)

    def header(self, name: bytes) -> bytes | None:
        """The value of a field."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def __str__(self) -> str:
        return f"{self.status} {self.body[:600]!r}"


def assert_answer_is_sound(request: Request, answer: Answer, *, deliberate: Iterable[int] = ()) -> None:
    """Every answer, whatever was asked: well framed, no bug, and a refusal in the form of the protocol."""
    said = f"{request}\n→ {answer}"
    assert answer.status < 500 or answer.status in deliberate, said
    names = [name.lower() for name, _ in answer.headers]
    assert len(names) == len(set(names)), said
    assert not {b"content-length", b"transfer-encoding"} <= set(names), said
    for name, value in answer.headers:
        assert _TOKEN.fullmatch(name), said
        assert _FIELD.fullmatch(value), said
    length = answer.header(b"content-length")
    if request.method != "HEAD" and length is not None:
        assert int(length) == len(answer.body), said
    if answer.status >= _ERROR:
        _assert_refusal_is_in_form(request, answer, said)


def _assert_refusal_is_in_form(request: Request, answer: Answer, said: str) -> None:
    surface = request.target.partition(b"?")[0].split(b"/", 2)[1:2]
    oci, npm = surface in ([b"v2"], [b"token"]), surface in ([b"npm"], [b"-"], [b"oauth2"])
    listed = surface in ([b"cargo"], [b"_"])
    kind = answer.header(b"content-type")
    assert kind == (b"application/json" if oci or npm or listed else b"application/problem+json"), said
    if answer.status == 405:
        assert answer.header(b"allow"), said
    if answer.status == 401:
        assert answer.header(b"www-authenticate"), said
    if answer.status in (429, 503, 507):
        assert int(answer.header(b"retry-after") or 0) > 0, said
    if request.method == "HEAD":
        return
    document = json.loads(answer.body)
    if oci:
        assert list(document) == ["errors"], said
        for error in document["errors"]:
            assert error["code"] in _OCI_CODES, said
            assert error["message"], said
        request_id = document["errors"][0]["detail"]["request_id"]
    elif npm:
        assert document["error"], said
        request_id = document["request_id"]
    elif listed:
        assert all(each.get("description") or each.get("detail") for each in document["errors"]), said
        request_id = document["request_id"]
    else:
        assert document["status"] == answer.status, said
        assert document["title"], said
        assert document["code"], said
        request_id = document["request_id"]
    assert request_id, said
    heard = answer.header(b"x-request-id")
    assert heard is None or heard.decode() == request_id, said

"""Every error of the registry has its form in this protocol: RFC 9457, or plain text for what is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from entrepot.formats.maven import FORMAT
from entrepot.model import errors as e
from entrepot.wire.errors import PROBLEMS


def every_error(cls: type[e.RegistryError] = e.RegistryError) -> Iterator[type[e.RegistryError]]:
    yield cls
    for child in cls.__subclasses__():
        if child.__module__ == e.__name__:  # a surface may have some of its own
            yield from every_error(child)


@pytest.mark.parametrize("cls", list(every_error()), ids=lambda cls: cls.__name__)
def test_every_error_has_a_status_and_a_reason(cls: type[e.RegistryError]) -> None:
    error = cls("subject", after=7) if issubclass(cls, e.RateLimited) else cls("subject")
    table = FORMAT.surface.errors

    row = table.find(error)
    headers, body = table.render(row, error, "request-1")

    assert row == PROBLEMS.find(error)
    if row.status == 404:
        assert headers == [(b"content-type", b"text/plain; charset=utf-8")]
        assert body.decode() == f"{error}\nrequest request-1\n"
    else:
        assert (b"content-type", b"application/problem+json") in headers
        assert "subject" in json.loads(body)["detail"]


def test_a_reason_may_hold_what_no_text_can() -> None:
    """A path is what a client made of it."""
    error = e.FileUnknown("lone surrogate \ud800")

    _, body = FORMAT.surface.errors.render(FORMAT.surface.errors.find(error), error, "request-1")

    assert "lone surrogate ?\n" in body.decode()

"""Every error of the registry has its form in this protocol: a status, and a line that clients print."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from entrepot.formats.pypi import FORMAT
from entrepot.model import errors as e

STATUSES = {
    e.Invalid: 400,
    e.InvalidName: 400,
    e.InvalidReference: 400,
    e.InvalidMetadata: 400,
    e.InvalidArchive: 400,
    e.DigestMismatch: 400,
    e.SizeMismatch: 400,
    e.InvalidRange: 416,
    e.TooLarge: 413,
    e.TooMany: 414,
    e.Unauthenticated: 401,
    e.Denied: 403,
    e.PolicyDenied: 403,
    e.ReadOnly: 403,
    e.Protected: 403,
    e.NotFound: 404,
    e.Erased: 410,
    e.PackageUnknown: 404,
    e.ReferenceUnknown: 404,
    e.FileUnknown: 404,
    e.MethodNotAllowed: 405,
    e.Conflict: 400,
    e.VersionExists: 400,
    e.VersionSealed: 400,
    e.NameTaken: 400,
    e.UploadBusy: 409,
    e.StaleRevision: 409,
    e.PreconditionFailed: 412,
    e.QuotaExceeded: 403,
    e.RateLimited: 429,
    e.UpstreamUnavailable: 502,
    e.UpstreamInvalid: 502,
    e.Unavailable: 503,
    e.StorageReadOnly: 503,
    e.StorageFull: 507,
    e.Disconnected: 400,
    e.Corrupt: 500,
    e.RegistryError: 500,
}


def every_error(cls: type[e.RegistryError] = e.RegistryError) -> Iterator[type[e.RegistryError]]:
    yield cls
    for child in cls.__subclasses__():
        if child.__module__ == e.__name__:  # a surface may have some of its own
            yield from every_error(child)


def made(cls: type[e.RegistryError]) -> e.RegistryError:
    return cls("subject", after=7) if issubclass(cls, e.RateLimited) else cls("subject")


@pytest.mark.parametrize("cls", list(every_error()), ids=lambda cls: cls.__name__)
def test_every_error_has_a_row_of_its_family(cls: type[e.RegistryError]) -> None:
    table = FORMAT.surface.errors
    error = made(cls)

    row = table.find(error)
    headers, body = table.render(row, error, "request-1")

    assert row.status == next(STATUSES[base] for base in cls.__mro__ if base in STATUSES)
    assert headers == [(b"content-type", b"text/plain; charset=utf-8")]
    assert b"subject" in body
    assert body.endswith(b"\nrequest request-1\n")


def test_only_a_file_that_is_there_is_said_to_exist() -> None:
    """Clients that skip what exists must not skip anything else."""
    table = FORMAT.surface.errors

    saying = {
        cls.__name__
        for cls in every_error()
        if b"already exist" in table.render(table.find(made(cls)), made(cls), "request-1")[1].lower()
    }

    assert saying == {"VersionExists"}


def test_the_status_line_says_it_too() -> None:
    """Of an upload that is refused, twine shows the status line alone."""
    say = FORMAT.surface.errors.reason

    assert say is not None
    assert say(e.VersionExists("tool-1.0.tar.gz")).startswith("File already exists (tool-1.0.tar.gz)")
    assert say(e.Invalid("a\r\nb\u20ac")) == "The request cannot succeed as it was sent: a??b?"
    assert len(say(e.Invalid("x" * 5000))) == 300


def test_what_no_text_can_hold_is_written_otherwise() -> None:
    table = FORMAT.surface.errors
    error = e.Invalid("\udcff")

    assert table.render(table.find(error), error, "request-1")[1].isascii()

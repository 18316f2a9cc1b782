"""Every error of the registry has its form in this protocol: a list of details."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from entrepot.formats.cargo import FORMAT
from entrepot.model import errors as e

STATUSES = {
    e.Invalid: 400,
    e.InvalidName: 400,
    e.InvalidReference: 400,
    e.InvalidMetadata: 400,
    e.InvalidDigest: 400,
    e.DigestMismatch: 400,
    e.SizeMismatch: 400,
    e.InvalidRange: 416,
    e.InvalidContentRange: 416,
    e.TooLarge: 413,
    e.TooMany: 414,
    e.Unauthenticated: 401,
    e.Denied: 403,
    e.ReadOnly: 403,
    e.Protected: 403,
    e.NotFound: 404,
    e.Erased: 410,
    e.FileUnknown: 404,
    e.ReferenceUnknown: 404,
    e.PackageUnknown: 404,
    e.NamespaceUnknown: 404,
    e.UploadUnknown: 404,
    e.MethodNotAllowed: 405,
    e.Disconnected: 400,
    e.Conflict: 409,
    e.VersionExists: 409,
    e.VersionSealed: 409,
    e.NameTaken: 409,
    e.UploadBusy: 409,
    e.PreconditionFailed: 412,
    e.QuotaExceeded: 403,
    e.RateLimited: 429,
    e.RegistryError: 500,
    e.Corrupt: 500,
    e.UpstreamUnavailable: 502,
    e.UpstreamInvalid: 502,
    e.Unavailable: 503,
    e.StorageReadOnly: 503,
    e.StorageFull: 507,
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
    assert (b"content-type", b"application/json") in headers
    assert json.loads(body) == {"errors": [{"detail": str(error)}], "request_id": "request-1"}

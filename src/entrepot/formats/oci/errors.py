"""How OCI says errors: distribution specification 1.1, "Error Codes"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model import errors as e
from entrepot.wire.errors import ErrorTable, WireError

if TYPE_CHECKING:
    from entrepot.wire.reply import HeaderList

API_VERSION: Final = (b"docker-distribution-api-version", b"registry/2.0")
"""What Docker's clients know such a registry by, above all on the 401 that tells them where to authenticate."""


def _render(row: WireError, error: e.RegistryError, request_id: str) -> tuple[HeaderList, bytes]:
    detail: dict[str, object] = {"request_id": request_id}
    if error.subject is not None:
        detail["subject"] = str(error.subject)
    if error.expected is not None:
        detail["expected"] = str(error.expected)
    if error.actual is not None:
        detail["actual"] = str(error.actual)
    body = msgspec.json.encode({"errors": [{"code": row.code, "message": str(error), "detail": detail}]})
    return [(b"content-type", b"application/json"), API_VERSION], body


ERRORS = ErrorTable(
    rows={
        e.InvalidName: WireError(400, "NAME_INVALID"),
        e.InvalidReference: WireError(400, "MANIFEST_INVALID"),
        e.InvalidDigest: WireError(400, "DIGEST_INVALID"),
        e.DigestMismatch: WireError(400, "DIGEST_INVALID"),
        e.SizeMismatch: WireError(400, "SIZE_INVALID"),
        e.InvalidManifest: WireError(400, "MANIFEST_INVALID"),
        e.InvalidMetadata: WireError(400, "MANIFEST_INVALID"),
        e.InvalidArchive: WireError(400, "MANIFEST_INVALID"),
        e.InvalidRange: WireError(416, "BLOB_UPLOAD_INVALID"),
        e.TooLarge: WireError(413, "SIZE_INVALID"),
        e.TooMany: WireError(414, "MANIFEST_INVALID"),
        e.Invalid: WireError(400, "UNSUPPORTED"),
        e.Unauthenticated: WireError(401, "UNAUTHORIZED"),
        e.Denied: WireError(403, "DENIED"),
        e.NamespaceUnknown: WireError(404, "NAME_UNKNOWN"),
        e.PackageUnknown: WireError(404, "NAME_UNKNOWN"),
        e.ReferenceUnknown: WireError(404, "MANIFEST_UNKNOWN"),
        e.BlobUnknown: WireError(404, "BLOB_UNKNOWN"),
        e.LinkUnknown: WireError(400, "MANIFEST_BLOB_UNKNOWN"),
        # The specification knows 404 alone for what is not there.
        e.Erased: WireError(404, "MANIFEST_UNKNOWN"),
        e.BlobErased: WireError(404, "BLOB_UNKNOWN"),
        e.UploadUnknown: WireError(404, "BLOB_UPLOAD_UNKNOWN"),
        e.RouteUnknown: WireError(404, "UNSUPPORTED"),
        e.NotFound: WireError(404, "NAME_UNKNOWN"),
        e.MethodNotAllowed: WireError(405, "UNSUPPORTED"),
        e.TagImmutable: WireError(403, "DENIED"),
        e.VersionExists: WireError(403, "DENIED"),
        e.UploadBusy: WireError(409, "BLOB_UPLOAD_INVALID"),
        e.PreconditionFailed: WireError(412, "DENIED"),
        e.Conflict: WireError(409, "DENIED"),
        e.QuotaExceeded: WireError(403, "DENIED"),
        e.RateLimited: WireError(429, "TOOMANYREQUESTS"),
        e.Disconnected: WireError(400, "SIZE_INVALID"),
        e.UpstreamUnavailable: WireError(502, "UNKNOWN"),
        e.UpstreamInvalid: WireError(502, "UNKNOWN"),
        e.Unavailable: WireError(503, "UNAVAILABLE"),
        e.StorageFull: WireError(507, "UNAVAILABLE"),
        e.RegistryError: WireError(500, "UNKNOWN"),
    },
    render=_render,
)

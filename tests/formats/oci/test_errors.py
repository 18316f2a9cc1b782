"""OCI distribution, "Error Codes": how each error of the registry is said, to the last byte where a client sees it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from entrepot.formats.oci import FORMAT
from entrepot.model import errors as e
from entrepot.operations.registry import Limits
from entrepot.wire.errors import FAMILIES
from tests.formats.oci.conversation import (
    API,
    ERROR_CODES,
    NO_STORE,
    Answer,
    Client,
    Registry,
    Template,
    open_registry,
)
from tests.formats.oci.documents import MANIFEST, digest_of, image, some_bytes

# --- the table ---

ROWS: dict[type[e.RegistryError], tuple[int, str]] = {
    e.Invalid: (400, "UNSUPPORTED"),
    e.InvalidName: (400, "NAME_INVALID"),
    e.InvalidReference: (400, "MANIFEST_INVALID"),
    e.InvalidDigest: (400, "DIGEST_INVALID"),
    e.DigestMismatch: (400, "DIGEST_INVALID"),
    e.SizeMismatch: (400, "SIZE_INVALID"),
    e.InvalidManifest: (400, "MANIFEST_INVALID"),
    e.InvalidMetadata: (400, "MANIFEST_INVALID"),
    e.InvalidArchive: (400, "MANIFEST_INVALID"),
    e.InvalidRange: (416, "BLOB_UPLOAD_INVALID"),
    e.InvalidContentRange: (416, "BLOB_UPLOAD_INVALID"),
    e.TooLarge: (413, "SIZE_INVALID"),
    e.TooMany: (414, "MANIFEST_INVALID"),
    e.Unauthenticated: (401, "UNAUTHORIZED"),
    e.InsufficientScope: (401, "UNAUTHORIZED"),
    e.Denied: (403, "DENIED"),
    e.PolicyDenied: (403, "DENIED"),
    e.Quarantined: (403, "DENIED"),
    e.ReadOnly: (403, "DENIED"),
    e.Protected: (403, "DENIED"),
    e.NotFound: (404, "NAME_UNKNOWN"),
    e.NamespaceUnknown: (404, "NAME_UNKNOWN"),
    e.ChannelUnknown: (404, "NAME_UNKNOWN"),
    e.PackageUnknown: (404, "NAME_UNKNOWN"),
    e.ReferenceUnknown: (404, "MANIFEST_UNKNOWN"),
    e.ArtifactUnknown: (404, "MANIFEST_UNKNOWN"),
    e.BlobUnknown: (404, "BLOB_UNKNOWN"),
    e.LinkUnknown: (400, "MANIFEST_BLOB_UNKNOWN"),
    e.Erased: (404, "MANIFEST_UNKNOWN"),
    e.BlobErased: (404, "BLOB_UNKNOWN"),
    e.UploadUnknown: (404, "BLOB_UPLOAD_UNKNOWN"),
    e.RouteUnknown: (404, "UNSUPPORTED"),
    e.MethodNotAllowed: (405, "UNSUPPORTED"),
    e.Conflict: (409, "DENIED"),
    e.VersionExists: (403, "DENIED"),
    e.VersionSealed: (403, "DENIED"),
    e.TagImmutable: (403, "DENIED"),
    e.NameTaken: (409, "DENIED"),
    e.UploadBusy: (409, "BLOB_UPLOAD_INVALID"),
    e.StaleRevision: (409, "DENIED"),
    e.PreconditionFailed: (412, "DENIED"),
    e.QuotaExceeded: (403, "DENIED"),
    e.RateLimited: (429, "TOOMANYREQUESTS"),
    e.UpstreamUnavailable: (502, "UNKNOWN"),
    e.UpstreamInvalid: (502, "UNKNOWN"),
    e.Unavailable: (503, "UNAVAILABLE"),
    e.StorageReadOnly: (503, "UNAVAILABLE"),
    e.StorageFull: (507, "UNAVAILABLE"),
    e.Disconnected: (400, "SIZE_INVALID"),
    e.Corrupt: (500, "UNKNOWN"),
    e.RegistryError: (500, "UNKNOWN"),
}


def every_error(cls: type[e.RegistryError] = e.RegistryError) -> Iterator[type[e.RegistryError]]:
    yield cls
    for child in cls.__subclasses__():
        if child.__module__ == e.__name__:  # a surface may have some of its own
            yield from every_error(child)


def nearest(cls: type[e.RegistryError], rows: Any) -> Any:
    return next(rows[base] for base in cls.__mro__ if base in rows)


@pytest.mark.parametrize("cls", list(every_error()), ids=lambda cls: cls.__name__)
def test_every_error_is_said_in_the_specifications_words(cls: type[e.RegistryError]) -> None:
    """A code of capitals and underscores; of its list, for a 4xx; a message; details that help."""
    table = FORMAT.surface.errors
    more = {"after": 7} if issubclass(cls, e.RateLimited | e.Unavailable) else {}
    error = cls("subject", **more)
    error.expected, error.actual = "expected", 5

    row = table.find(error)
    headers, body = table.render(row, error, "request-7")

    assert (row.status, row.code) == nearest(cls, ROWS)
    assert re.fullmatch(r"[A-Z_]+", row.code)
    assert row.code in ERROR_CODES or row.status >= 500
    assert headers == [
        (b"content-type", b"application/json"),
        (b"docker-distribution-api-version", b"registry/2.0"),
    ]
    assert json.loads(body) == {
        "errors": [
            {
                "code": row.code,
                "message": f"{(cls.__doc__ or '').rstrip('.')}: subject (expected expected, got 5)",
                "detail": {"request_id": "request-7", "subject": "subject", "expected": "expected", "actual": "5"},
            }
        ]
    }


@pytest.mark.parametrize("cls", list(every_error()), ids=lambda cls: cls.__name__)
def test_an_error_has_the_status_that_http_has_for_it(cls: type[e.RegistryError]) -> None:
    """Where OCI's differs, it is because its clients try again after a conflict, know no 410, or take a missing layer for a bug."""
    ocis_own = {
        e.LinkUnknown: 400,
        e.Erased: 404,
        e.BlobErased: 404,
        e.TagImmutable: 403,
        e.VersionExists: 403,
        e.VersionSealed: 403,
        e.UploadUnknown: 404,
    }

    assert nearest(cls, ROWS)[0] == ocis_own.get(cls, nearest(cls, FAMILIES))


def test_an_error_without_details_says_which_request_it_was() -> None:
    """``detail`` MAY contain anything: here at least what the log is searched by."""
    table = FORMAT.surface.errors

    _, body = table.render(table.find(e.RegistryError()), e.RegistryError(), "request-7")

    assert json.loads(body)["errors"][0] == {
        "code": "UNKNOWN",
        "message": "The registry refused.",
        "detail": {"request_id": "request-7"},
    }


# --- whole, as a client sees them ---

URL = "/v2/acme/api/"
ABSENT = digest_of(b"absent")
IMAGE = image(b"layer")


def refused(status: int, code: str, message: str, **detail: str) -> Answer:
    body = json.dumps(
        {"errors": [{"code": code, "message": message, "detail": {"request_id": "request-1", **detail}}]},
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    return Answer(status, {**headers, **API, **NO_STORE}, body)


GOLDEN = {
    "blob-unknown": (
        ("GET", f"blobs/{ABSENT}", b"", {}),
        refused(404, "BLOB_UNKNOWN", f"The package has no such blob: {ABSENT}", subject=ABSENT),
    ),
    "manifest-unknown": (
        ("GET", f"manifests/{ABSENT}", b"", {}),
        refused(404, "MANIFEST_UNKNOWN", f"The package has no such artifact: {ABSENT}", subject=ABSENT),
    ),
    "tag-unknown": (
        ("GET", "manifests/absent", b"", {}),
        refused(404, "MANIFEST_UNKNOWN", "The package has no such tag or version: absent", subject="absent"),
    ),
    "upload-unknown": (
        ("PATCH", "blobs/uploads/absent", b"", {}),
        refused(404, "BLOB_UPLOAD_UNKNOWN", "There is no such upload, or it has ended: absent", subject="absent"),
    ),
    "digest-invalid": (
        ("GET", "blobs/sha256:bad", b"", {}),
        refused(
            400,
            "DIGEST_INVALID",
            "The digest is not well formed, or its algorithm is not supported: sha256:bad "
            "(expected sha256:<64 lower-case hex digits> or sha512:<128>)",
            subject="sha256:bad",
            expected="sha256:<64 lower-case hex digits> or sha512:<128>",
        ),
    ),
    "digest-mismatch": (
        ("POST", f"blobs/uploads/?digest={ABSENT}", b"other", {}),
        refused(
            400,
            "DIGEST_INVALID",
            f"The content does not have the digest that was given. (expected {ABSENT}, got {digest_of(b'other')})",
            expected=ABSENT,
            actual=digest_of(b"other"),
        ),
    ),
    "no-digest": (
        ("PUT", "{session}", b"other", {}),
        refused(
            400,
            "UNSUPPORTED",
            "The request cannot succeed as it was sent: digest "
            "(expected the digest of the whole blob as the query parameter digest)",
            subject="digest",
            expected="the digest of the whole blob as the query parameter digest",
        ),
    ),
    "tag-invalid": (
        ("PUT", "manifests/.bad", b"", {}),
        refused(
            400,
            "MANIFEST_INVALID",
            "The tag or version is not well formed: .bad (expected letters, digits and . _ -, at most 128 characters)",
            subject=".bad",
            expected="letters, digits and . _ -, at most 128 characters",
        ),
    ),
    "manifest-of-no-kind": (
        ("PUT", "manifests/latest", b"{}", {"content-type": "text/plain"}),
        refused(
            400,
            "MANIFEST_INVALID",
            "The manifest is not valid: media type (expected application/vnd.oci.image.manifest.v1+json, "
            "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, "
            "application/vnd.docker.distribution.manifest.list.v2+json, got text/plain)",
            subject="media type",
            expected="application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
            "application/vnd.docker.distribution.manifest.v2+json, "
            "application/vnd.docker.distribution.manifest.list.v2+json",
            actual="text/plain",
        ),
    ),
    "manifest-of-two-kinds": (
        ("PUT", "manifests/latest", IMAGE.content, {"content-type": "application/vnd.oci.image.index.v1+json"}),
        refused(
            400,
            "MANIFEST_INVALID",
            "The manifest is not valid: mediaType differs from Content-Type "
            f"(expected application/vnd.oci.image.index.v1+json, got {MANIFEST})",
            subject="mediaType differs from Content-Type",
            expected="application/vnd.oci.image.index.v1+json",
            actual=MANIFEST,
        ),
    ),
    "link-unknown": (
        ("PUT", "manifests/latest", IMAGE.content, {"content-type": MANIFEST}),
        refused(
            400,
            "MANIFEST_BLOB_UNKNOWN",
            f"The manifest links content that the package does not have: {IMAGE.json['config']['digest']}",
            subject=IMAGE.json["config"]["digest"],
        ),
    ),
    "chunk-out-of-order": (
        ("PATCH", "{session}", b"chunk", {"content-range": "5-9"}),
        refused(
            416,
            "BLOB_UPLOAD_INVALID",
            "The chunk does not start where the upload stands: {id} (expected a chunk that starts at byte 0, got 5)",
            subject="{id}",
            expected="a chunk that starts at byte 0",
            actual="5",
        ),
    ),
    "view-is-read-only": (
        ("POST", "/v2/acme.prod/api/blobs/uploads/", b"", {}),
        refused(
            403,
            "DENIED",
            "This view is read-only: acme.prod (expected acme, and a clearance for prod)",
            subject="acme.prod",
            expected="acme, and a clearance for prod",
        ),
    ),
    "package-unknown": (
        ("GET", "/v2/nobody/api/tags/list", b"", {}),
        refused(
            404,
            "NAME_UNKNOWN",
            "There is no such package, or it is not for you to know: nobody/api",
            subject="nobody/api",
        ),
    ),
    "name-invalid": (
        ("GET", "/v2/acme/A/tags/list", b"", {}),
        refused(
            400,
            "NAME_INVALID",
            "The name is not well formed: A "
            "(expected lower-case components with single separators, at most 255 characters)",
            subject="A",
            expected="lower-case components with single separators, at most 255 characters",
        ),
    ),
    "nothing-here": (
        ("GET", "/v2/acme", b"", {}),
        refused(404, "UNSUPPORTED", "There is nothing at this address: /v2/acme", subject="/v2/acme"),
    ),
    "number-invalid": (
        ("GET", "tags/list?n=x", b"", {}),
        refused(
            400,
            "UNSUPPORTED",
            "The request cannot succeed as it was sent: n=x (expected a whole number)",
            subject="n=x",
            expected="a whole number",
        ),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
async def test_a_refusal_is_this(client: Client, name: str) -> None:
    """Status, every header, and the body: what is wrong, what was expected, what there was, and which request."""
    (method, target, body, headers), expected = GOLDEN[name]
    await client.push_blob(b"there is a package")
    session = await client.begin()
    target = session if target == "{session}" else target
    upload = session.rpartition("/")[2].partition(".")[0]

    answer = await client.ask(method, target if target.startswith("/") else URL + target, body, headers)

    text = answer.body.decode().replace(upload, "{id}")
    length = {"content-length": str(len(text.encode()))}
    assert Answer(answer.status, {**answer.headers, **length}, text.encode()) == expected


async def test_a_refusal_of_head_has_no_body(client: Client) -> None:
    """RFC 9110, 9.3.2: its headers are those of GET, and tell the status alone."""
    await client.push_blob(b"there is a package")

    answer = await client.head(f"{URL}blobs/{ABSENT}")

    assert (answer.status, answer.body) == (404, b"")
    assert int(answer.headers["content-length"]) > 0


async def test_no_error_is_kept_by_a_cache(registry: Registry) -> None:
    """RFC 9111, 5.2.2.5: what is refused now may be there with the next push."""
    for who, target in (("maintainer", "manifests/latest"), (None, "manifests/latest"), ("reader", "blobs/x")):
        answer = await registry.client(who).get(URL + target)

        assert answer.headers["cache-control"] == "no-store"


async def test_what_the_client_sent_is_not_repeated_at_length(client: Client) -> None:
    """An answer stays small, whatever is asked for."""
    long = "a" * 8_000
    for target in (f"acme/{long}/tags/list", f"acme/api/tags/list?n={long}", f"{long}/api/tags/list", long):
        answer = await client.ask("GET", f"/v2/{target}")

        assert 400 <= answer.status < 500
        assert len(answer.body) < 2_000


@pytest.mark.parametrize("query", ["%ff", "n=%ff", "n=1&" * 1_001])
async def test_a_query_that_cannot_be_read_is_refused(client: Client, query: str) -> None:
    """400."""
    assert (await client.get(f"{URL}tags/list?{query}")).refusal == (400, "UNSUPPORTED")


async def test_a_blob_over_the_limit_is_refused(template: Template, tmp_path: Any) -> None:
    """413 SIZE_INVALID, in one request as in chunks; the upload is as it was."""
    limits = Limits(inline_size=64, blob_size=1_000)
    async with open_registry(template, tmp_path, limits=limits) as registry:
        client = registry.client()
        content = some_bytes(1_001)
        at_once = await client.post(f"{URL}blobs/uploads/?digest={digest_of(content)}", content)
        location = (await client.patch(await client.begin(), content[:999])).location
        in_chunks = await client.patch(location, content[999:])
        fits = await client.put(f"{location}?digest={digest_of(content[:1_000])}", content[999:1_000])

    assert at_once.refusal == (413, "SIZE_INVALID")
    assert in_chunks.refusal == (413, "SIZE_INVALID")
    assert fits.status == 201


async def test_a_manifest_whose_length_was_said_wrong_is_refused(client: Client) -> None:
    """SIZE_INVALID: the provided length did not match the content."""
    headers = {"content-type": MANIFEST, "content-length": "7"}

    answer = await client.put(f"{URL}manifests/latest", [IMAGE.content], headers)

    assert answer.refusal == (400, "SIZE_INVALID")

"""Objects in a store that speaks S3, by the protocol's reference implementation; Google's stores among them.

Credentials are found as every program of that world finds them: in the environment, in the shared file, by the
identity of the pod or of the machine. They are never in a setting, an address or a log line.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.session import get_session
from urllib3.exceptions import HTTPError

from entrepot.drivers.blobs.objects import Assembly, NoBytes, NotOffered, ObjectMissing, Page, StoredObject
from entrepot.model.errors import Invalid, StorageFull, Unavailable

if TYPE_CHECKING:
    from typing import BinaryIO

    from entrepot.drivers.blobs.objects import Reader

_FORM: Final = "s3://BUCKET[/PREFIX][?endpoint=URL&region=REGION&addressing=path|virtual], or gs://BUCKET[/PREFIX]"
_GOOGLE: Final = "https://storage.googleapis.com"
_REGION: Final = "us-east-1"
_ADDRESSING: Final = ("path", "virtual", "auto")

_CONNECT_SECONDS: Final = 3.0
_SILENT_SECONDS: Final = 15.0

_MISSING: Final = frozenset({"NoSuchKey", "NoSuchUpload", "NotFound", "404"})
_EXISTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412"})
_NOT_OFFERED: Final = frozenset({"NotImplemented", "MethodNotAllowed", "UnsupportedOperation", "501", "405"})
_FULL: Final = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "507"})
_BEYOND: Final = frozenset({"InvalidRange", "416"})


@dataclass(frozen=True, slots=True)
class S3Address:
    """Where a bucket is: ``s3://bucket/prefix?endpoint=https://s3.example.com``, or ``gs://bucket/prefix``."""

    bucket: str
    prefix: str = ""
    """Empty, or with a slash at its end."""
    endpoint: str | None = None
    region: str | None = None
    addressing: str = "auto"
    is_google: bool = False
    """Whether it is known beforehand to have neither conditions nor copies of parts for who signs as S3 does."""

    @classmethod
    def parse(cls, text: str) -> S3Address:
        """Read an address. Raises `Invalid`."""
        parts = urlsplit(text)
        options = parse_qs(parts.query, keep_blank_values=True)
        known = {name: values[-1] for name, values in options.items()}
        is_google = parts.scheme == "gs"
        endpoint = known.pop("endpoint", _GOOGLE if is_google else None)
        region = known.pop("region", None)
        addressing = known.pop("addressing", "auto" if endpoint is None else "path")
        sound = parts.scheme in {"s3", "gs"} and parts.netloc and "@" not in parts.netloc and not parts.fragment
        if not sound or known or addressing not in _ADDRESSING or ".." in parts.path.split("/"):
            # Not with the text: somebody may have put a password there.
            raise Invalid("the address of the blobs", expected=_FORM)
        if endpoint is not None and urlsplit(endpoint).scheme not in {"http", "https"}:
            raise Invalid(endpoint, expected="an endpoint such as https://s3.example.com")
        prefix = parts.path.strip("/")
        return cls(parts.netloc, f"{prefix}/" if prefix else "", endpoint, region, addressing, is_google)


def connect(address: S3Address, *, connections: int = 64) -> Any:
    """A client of the protocol; nothing is asked yet."""
    session = get_session()
    return session.create_client(
        "s3",
        region_name=address.region or session.get_config_variable("region") or _REGION,
        endpoint_url=address.endpoint,
        config=Config(
            signature_version="s3v4",
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_SILENT_SECONDS,
            max_pool_connections=connections,
            retries={"total_max_attempts": 1},  # Retrying is a decorator of ours.
            # The digest of each body is signed, so the store refuses what was damaged on its way. Newer checksums,
            # in trailers, are not understood by every store.
            s3={"addressing_style": address.addressing, "payload_signing_enabled": True},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class S3Objects:
    """Implements `entrepot.drivers.blobs.objects.Objects`."""

    def __init__(self, address: S3Address, client: Any) -> None:
        """Use a bucket that is there already, by what `connect` made; closing the one closes the other."""
        self._bucket = address.bucket
        self._prefix = address.prefix
        self._is_google = address.is_google
        self._offset = 0.0
        self._client = client

    def now(self) -> float:
        """The time by the store's clock."""
        return time.time() + self._offset

    def put(self, key: str, body: bytes | BinaryIO, *, new: bool = False) -> bool:
        """Write an object."""
        return self._unless_there("put_object", Key=self._key(key), Body=body, **self._condition(new=new))

    def open(self, key: str, start: int = 0, stop: int | None = None) -> Reader:
        """Read an object."""
        last = "" if stop is None else stop - 1
        part = {"Range": f"bytes={start}-{last}"} if start or stop is not None else {}
        try:
            answer = self._ask("get_object", Key=self._key(key), **part)
        except _BeyondTheEnd:
            return NoBytes()
        reader = _Body(answer["Body"])
        if part and not answer.get("ContentRange", "").startswith(f"bytes {start}-"):
            # RFC 9110, 14.2: a server may ignore ranges. Then it has sent the whole; the status is not always right.
            return _Slice(reader, start, stop)
        return reader

    def stat(self, key: str) -> StoredObject | None:
        """What a listing would say of an object."""
        try:
            answer = self._ask("head_object", Key=self._key(key))
        except ObjectMissing:
            return None
        return StoredObject(key, answer["ContentLength"], answer["LastModified"].timestamp())

    def list(self, prefix: str, *, after: str = "") -> Page:
        """Objects whose keys begin with *prefix*."""
        behind = {"StartAfter": self._key(after)} if after else {}
        answer = self._ask("list_objects_v2", Prefix=self._key(prefix), **behind)
        found = [
            StoredObject(each["Key"].removeprefix(self._prefix), each["Size"], each["LastModified"].timestamp())
            for each in answer.get("Contents", ())
        ]
        return Page(found, is_last=not answer.get("IsTruncated", False))

    def delete(self, key: str) -> None:
        """Delete an object."""
        try:
            self._ask("delete_object", Key=self._key(key))
        except ObjectMissing:
            return  # Some stores mind.

    def begin(self, key: str) -> Assembly:
        """Begin to put an object together."""
        answer = self._ask("create_multipart_upload", Key=self._key(key))
        return Assembly(key, answer["UploadId"], self.now())

    def add(self, assembly: Assembly, number: int, body: bytes | BinaryIO) -> str:
        """Write a part."""
        answer = self._ask("upload_part", **self._of(assembly), PartNumber=number, Body=body)
        return str(answer["ETag"])

    def add_copy(self, assembly: Assembly, number: int, source: str) -> str:
        """Make a part of another object."""
        if self._is_google:
            raise NotOffered(source)
        origin = {"Bucket": self._bucket, "Key": self._key(source)}
        answer = self._ask("upload_part_copy", **self._of(assembly), PartNumber=number, CopySource=origin)
        tag = answer.get("CopyPartResult", {}).get("ETag")
        if tag is None:
            raise NotOffered(source)  # It has taken the request for another one, and made an empty part.
        return str(tag)

    def complete(self, assembly: Assembly, parts: Sequence[str], *, new: bool = False) -> bool:
        """Let the object be seen."""
        made_of = {"Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(parts, start=1)]}
        return self._unless_there(
            "complete_multipart_upload", **self._of(assembly), MultipartUpload=made_of, **self._condition(new=new)
        )

    def abort(self, assembly: Assembly) -> None:
        """Give up an assembly."""
        try:
            self._ask("abort_multipart_upload", **self._of(assembly))
        except ObjectMissing:
            return

    def list_assemblies(self) -> Sequence[Assembly]:
        """All that were begun, and neither completed nor given up."""
        found: list[Assembly] = []
        more: dict[str, str] = {}
        while True:
            try:
                answer = self._ask("list_multipart_uploads", Prefix=self._prefix, **more)
            except (NotOffered, ObjectMissing):  # Some that have none have no words for it either.
                return found
            found += [
                Assembly(each["Key"].removeprefix(self._prefix), each["UploadId"], each["Initiated"].timestamp())
                for each in answer.get("Uploads", ())
            ]
            if not answer.get("IsTruncated"):
                return found
            more = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}

    def sign(self, key: str, seconds: int) -> str:
        """An address at which anybody can read the object."""
        with _translated():
            return str(
                self._client.generate_presigned_url(
                    "get_object", Params={"Bucket": self._bucket, "Key": self._key(key)}, ExpiresIn=seconds
                )
            )

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def _key(self, key: str) -> str:
        return f"{self._prefix}{key}"

    def _condition(self, *, new: bool) -> dict[str, str]:
        """Google's are headers of its own, refused beside those of S3's signatures; it has none for assemblies."""
        return {"IfNoneMatch": "*"} if new and not self._is_google else {}

    def _of(self, assembly: Assembly) -> dict[str, str]:
        return {"Key": self._key(assembly.key), "UploadId": assembly.id}

    def _unless_there(self, request: str, **arguments: Any) -> bool:
        try:
            self._ask(request, **arguments)
        except _Exists:
            return False
        return True

    def _ask(self, request: str, **arguments: Any) -> Any:
        sent_at = time.time()
        with _translated():
            answer = getattr(self._client, request)(Bucket=self._bucket, **arguments)
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date is not None:
            # In whole seconds: good enough for what is a matter of half a minute.
            self._offset = parsedate_to_datetime(date).timestamp() - sent_at
        return answer


class _Exists(Exception):
    """There is one already."""


class _BeyondTheEnd(Exception):
    """The range begins where the object has no bytes any more."""


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
        for codes, meaning in _MEANINGS:
            if code in codes:
                raise meaning(code) from error
        for codes, meaning in _MEANINGS:
            # Answers to HEAD have a status alone, and some stores have words of their own.
            if status in codes and code != "NoSuchBucket":
                raise meaning(code) from error
        raise Unavailable(f"the object store says {code or status}") from error
    except (BotoCoreError, HTTPClientError, HTTPError, OSError) as error:
        raise Unavailable(f"the object store does not answer: {type(error).__name__}") from error


_MEANINGS: Final[tuple[tuple[frozenset[str], type[Exception]], ...]] = (
    (_MISSING, ObjectMissing),
    (_EXISTS, _Exists),
    (_NOT_OFFERED, NotOffered),
    (_BEYOND, _BeyondTheEnd),
    (_FULL, StorageFull),
)


class _Body:
    """The body of an answer; the library sees to it that all came that was announced."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int, /) -> bytes:
        with _translated():
            piece: bytes = self._body.read(size)
            return piece

    def close(self) -> None:
        self._body.close()


class _Slice:
    """A part of what is read from its beginning."""

    def __init__(self, whole: _Body, start: int, stop: int | None) -> None:
        self._whole = whole
        self._skip = start
        self._left = None if stop is None else max(0, stop - start)

    def read(self, size: int, /) -> bytes:
        while self._skip:
            skipped = self._whole.read(min(self._skip, size))
            if not skipped:
                return b""
            self._skip -= len(skipped)
        piece = self._whole.read(size if self._left is None else min(size, self._left))
        if self._left is not None:
            self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._whole.close()

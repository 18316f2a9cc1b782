"""Objects in a container of Azure's blob storage, each a block blob, by the library of those who run it.

An object is put together of blocks, which nobody sees before they are committed. Nothing has to be begun for that,
and what is never committed is dropped by the service a week later, or when something else is written to the name.

The account's key is in the environment (``AZURE_STORAGE_KEY``): never in a setting, an address or a log line.
"""

from __future__ import annotations

import base64
import binascii
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobBlock, BlobSasPermissions, ContainerClient, generate_blob_sas

from entrepot.drivers.blobs.objects import Assembly, NoBytes, NotOffered, ObjectMissing, Page, StoredObject
from entrepot.model.errors import Invalid, StorageFull, Unavailable

if TYPE_CHECKING:
    from typing import BinaryIO

    from azure.core.paging import PageIterator
    from azure.core.pipeline import PipelineResponse
    from azure.storage.blob import BlobClient, BlobProperties, StorageStreamDownloader

    from entrepot.drivers.blobs.objects import Reader

T = TypeVar("T")

_FORM: Final = "azure://CONTAINER[/PREFIX][?account=NAME&endpoint=URL]"
_ACCOUNT: Final = "AZURE_STORAGE_ACCOUNT"
_KEY: Final = "AZURE_STORAGE_KEY"

_CONNECT_SECONDS: Final = 3
_SILENT_SECONDS: Final = 15
_COPY_SECONDS: Final = 300
"""For which an address is good that the service itself reads a part from."""

_MIB: Final = 1024 * 1024
_READ_AT_ONCE: Final = 4 * _MIB
"""The library holds what one request of a read brings; a longer read makes several."""
_HELD: Final = _MIB
"""The library holds what it puts in one request; a larger file goes as a block, which it streams."""
_LARGEST_PUT: Final = 256 * _MIB

_REMEMBERED: Final = 1_000


@dataclass(frozen=True, slots=True)
class AzureAddress:
    """Where a container is: ``azure://container/prefix?account=goods``."""

    container: str
    prefix: str = ""
    """Empty, or with a slash at its end."""
    account: str | None = None
    endpoint: str | None = None

    @classmethod
    def parse(cls, text: str) -> AzureAddress:
        """Read an address. Raises `Invalid`."""
        parts = urlsplit(text)
        known = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        account = known.pop("account", None)
        endpoint = known.pop("endpoint", None)
        sound = parts.scheme == "azure" and parts.netloc and "@" not in parts.netloc and not parts.fragment
        if not sound or known or account == "" or ".." in parts.path.split("/"):
            # Not with the text: somebody may have put a key there.
            raise Invalid("the address of the blobs", expected=_FORM)
        if endpoint is not None and (urlsplit(endpoint).scheme not in {"http", "https"} or urlsplit(endpoint).query):
            raise Invalid("the endpoint of the blobs", expected="one such as https://storage.example.com/goods")
        prefix = parts.path.strip("/")
        return cls(parts.netloc, f"{prefix}/" if prefix else "", account, endpoint)


def connect(address: AzureAddress, *, connections: int = 64) -> ContainerClient:
    """A client of the protocol; nothing is asked yet. Raises `Invalid` when the account or its key is not given."""
    account = address.account or os.environ.get(_ACCOUNT)
    if not account:
        raise Invalid("the address of the blobs", expected=f"an account, there or as {_ACCOUNT}: {_FORM}")
    key = os.environ.get(_KEY, "")
    try:
        sound = bool(base64.b64decode(key, validate=True))
    except binascii.Error:
        sound = False
    if not sound:
        raise Invalid(_KEY, expected="the key of the storage account, in base64")
    transport = RequestsTransport(connection_timeout=_CONNECT_SECONDS, read_timeout=_SILENT_SECONDS)
    transport.open()
    # Else it keeps ten, and a busy node makes new ones all the time.
    transport.session.get_adapter("https://").init_poolmanager(connections, connections)
    return ContainerClient(
        address.endpoint or f"https://{account}.blob.core.windows.net",
        address.container,
        credential=AzureNamedKeyCredential(account, key),
        transport=transport,
        retry_total=0,  # Retrying is a decorator of ours.
        max_single_get_size=_READ_AT_ONCE,
        max_chunk_get_size=_READ_AT_ONCE,
        max_single_put_size=_LARGEST_PUT,
    )


class AzureObjects:
    """Implements `entrepot.drivers.blobs.objects.Objects`."""

    def __init__(self, address: AzureAddress, client: ContainerClient) -> None:
        """Use a container that is there already, by what `connect` made; closing the one closes the other."""
        self._prefix = address.prefix
        self._client = client
        self._offset = 0.0
        self._markers: OrderedDict[tuple[str, str], str] = OrderedDict()
        """What the service calls the places in listings that we call by the key before them."""

    def now(self) -> float:
        """The time by the store's clock."""
        return time.time() + self._offset

    def put(self, key: str, body: bytes | BinaryIO, *, new: bool = False) -> bool:
        """Write an object."""
        size = _size(body)
        if isinstance(body, bytes) or size <= _HELD:
            return self._unless_there(self._blob(key).upload_blob, body, length=size, overwrite=not new)
        assembly = self.begin(key)
        return self.complete(assembly, [self.add(assembly, 1, body)], new=new)

    def open(self, key: str, start: int = 0, stop: int | None = None) -> Reader:
        """Read an object."""
        part = {"offset": start, "length": None if stop is None else stop - start} if start or stop is not None else {}
        try:
            return _Body(self._ask(self._blob(key).download_blob, **part))
        except _BeyondTheEnd:
            return NoBytes()

    def stat(self, key: str) -> StoredObject | None:
        """What a listing would say of an object."""
        try:
            found = self._ask(self._blob(key).get_blob_properties)
        except ObjectMissing:
            return None
        return StoredObject(key, found.size, found.last_modified.timestamp())

    def list(self, prefix: str, *, after: str = "") -> Page:
        """Objects whose keys begin with *prefix*.

        A listing goes on where the page before ended; one that was begun elsewhere is gone through from its beginning.
        """
        marker = self._markers.get((prefix, after))
        while True:
            listing = self._client.list_blobs(name_starts_with=self._key(prefix), raw_response_hook=self._learn_time)
            pages = cast("PageIterator[BlobProperties]", listing.by_page(marker))
            objects = [
                StoredObject(key, each.size, each.last_modified.timestamp())
                for each in self._next(pages)
                if (key := each.name.removeprefix(self._prefix)) > after
            ]
            marker = pages.continuation_token
            if objects or not marker:
                break  # There are pages of nothing.
        if marker:
            self._markers[prefix, objects[-1].key] = marker
            if len(self._markers) > _REMEMBERED:
                self._markers.popitem(last=False)
        return Page(objects, is_last=not marker)

    def delete(self, key: str) -> None:
        """Delete an object."""
        try:
            self._ask(self._blob(key).delete_blob, delete_snapshots="include")
        except ObjectMissing:
            return

    def begin(self, key: str) -> Assembly:
        """Begin to put an object together: the service is not told."""
        return Assembly(key, uuid4().hex, self.now())

    def add(self, assembly: Assembly, number: int, body: bytes | BinaryIO) -> str:
        """Write a block."""
        block = _block(assembly, number)
        self._ask(self._blob(assembly.key).stage_block, block, body, length=_size(body))
        return block

    def add_copy(self, assembly: Assembly, number: int, source: str) -> str:
        """Make a block of another object, which the service reads at a signed address."""
        block = _block(assembly, number)
        try:
            self._ask(self._blob(assembly.key).stage_block_from_url, block, self.sign(source, _COPY_SECONDS))
        except _Refused:
            # It may not reach itself by that address, or not want to.
            raise (NotOffered if self.stat(source) else ObjectMissing)(source) from None
        return block

    def complete(self, assembly: Assembly, parts: Sequence[str], *, new: bool = False) -> bool:
        """Let the object be seen."""
        condition = {"match_condition": MatchConditions.IfMissing} if new else {}
        blocks = [BlobBlock(block_id=block) for block in parts]
        try:
            return self._unless_there(self._blob(assembly.key).commit_block_list, blocks, **condition)
        except _Dropped:
            # So does a service with what is not committed when somebody else has written to the same name: the same
            # verified bytes.
            if self.stat(assembly.key) is None:
                raise Unavailable("blob store", after=1) from None
            return False

    def abort(self, assembly: Assembly) -> None:
        """Give up an assembly: the service does so itself, after a week."""

    def list_assemblies(self) -> Sequence[Assembly]:
        """None: nobody but the service has to end them."""
        return ()

    def sign(self, key: str, seconds: int) -> str:
        """An address at which anybody can read the object, and do nothing else."""
        blob = self._blob(key)
        credential = self._client.credential
        with _translated():
            signature = generate_blob_sas(
                credential.account_name,
                self._client.container_name,
                blob.blob_name,
                account_key=credential.account_key,
                permission=BlobSasPermissions(read=True),
                expiry=datetime.fromtimestamp(self.now() + seconds, UTC),
                protocol="https" if blob.url.startswith("https:") else None,
            )
        return f"{blob.url}?{signature}"

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def _key(self, key: str) -> str:
        return f"{self._prefix}{key}"

    def _blob(self, key: str) -> BlobClient:
        return self._client.get_blob_client(self._key(key))

    def _unless_there(self, request: Callable[..., object], *arguments: object, **options: object) -> bool:
        try:
            self._ask(request, *arguments, **options)
        except _Exists:
            return False
        return True

    def _ask(self, request: Callable[..., T], *arguments: object, **options: object) -> T:
        with _translated():
            return request(*arguments, raw_response_hook=self._learn_time, **options)

    def _next(self, pages: PageIterator[BlobProperties]) -> Iterator[BlobProperties]:
        with _translated():
            return next(pages)

    def _learn_time(self, answer: PipelineResponse[Any, Any]) -> None:
        date = answer.http_response.headers.get("date")
        if date is not None:
            # In whole seconds: good enough for what is a matter of half a minute.
            self._offset = parsedate_to_datetime(date).timestamp() - time.time()


class _Exists(Exception):
    """There is one already."""


class _BeyondTheEnd(Exception):
    """The range begins where the object has no bytes any more."""


class _Dropped(Exception):
    """What was to be committed is not there any more."""


class _Refused(Unavailable):
    """The service knows what it was asked for, and does not do it."""


_MEANINGS: Final[dict[str, type[Exception]]] = {
    "BlobNotFound": ObjectMissing,
    "ResourceNotFound": ObjectMissing,
    "BlobAlreadyExists": _Exists,
    "ConditionNotMet": _Exists,
    "InvalidRange": _BeyondTheEnd,
    "InvalidBlockList": _Dropped,
}
_LATER: Final = frozenset({408, 429})
_MEANINGS_OF_STATUS: Final[dict[int, type[Exception]]] = {405: NotOffered, 501: NotOffered, 507: StorageFull}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except HttpResponseError as error:
        code, status = getattr(error, "error_code", None), error.status_code
        if status is None:
            raise Unavailable(f"the object store does not answer: {type(error).__name__}") from error
        word = str(getattr(code, "value", code or status))
        meaning = _MEANINGS.get(word) or _MEANINGS_OF_STATUS.get(status)
        if meaning is not None:
            raise meaning(word) from error
        is_refusal = 400 <= status < 500 and status not in _LATER  # noqa: PLR2004 (RFC 9110, 15.5)
        raise (_Refused if is_refusal else Unavailable)(f"the object store says {word}") from error
    except (AzureError, OSError) as error:
        raise Unavailable(f"the object store does not answer: {type(error).__name__}") from error


def _block(assembly: Assembly, number: int) -> str:
    """What a block is called: all of a blob have names of the same length."""
    return f"{assembly.id}{number:05}"


def _size(body: bytes | BinaryIO) -> int:
    """How many bytes are to be read."""
    if isinstance(body, bytes):
        return len(body)
    at = body.tell()
    size = body.seek(0, os.SEEK_END) - at
    body.seek(at)
    return size


class _Body:
    """The bytes of an object, which the library asks for some at a time: all of the same writing of it."""

    def __init__(self, body: StorageStreamDownloader[bytes]) -> None:
        self._body = body

    def read(self, size: int, /) -> bytes:
        try:
            with _translated():
                return self._body.read(size)
        except (ObjectMissing, _Exists, _BeyondTheEnd) as error:
            raise Unavailable("the object has been written while it was read") from error

    def close(self) -> None:
        """Nothing is held between two requests."""

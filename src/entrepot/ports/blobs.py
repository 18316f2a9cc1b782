"""Content-addressed bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import BinaryIO

    from entrepot.model.digest import Digest
    from entrepot.model.upload import UploadId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that a store keeps."""

    digest: Digest
    generation: int
    written_at: float
    """Seconds since the epoch."""


class KeptBlobs(Protocol):
    """What is kept, in whatever tier: to be read, looked at and removed.

    Any method may raise `StorageFull`, `StorageReadOnly` or `Unavailable`.
    """

    def read(
        self, digest: Digest, start: int = 0, stop: int | None = None, *, generation: int = 0
    ) -> AsyncIterator[bytes]:
        """The bytes from *start* up to *stop*, in pieces.

        Raises `BlobUnknown` at the first piece.
        """

    async def size(self, digest: Digest, *, generation: int = 0) -> int | None:
        """How many bytes are kept under *digest*; None when there are none."""

    async def verify(self, digest: Digest, *, generation: int = 0) -> bool:
        """Whether the bytes that are kept still have their name. Raises `BlobUnknown`."""

    async def remove(self, digest: Digest, *, generation: int = 0) -> None:
        """Delete the bytes. No error when there are none."""

    def kept(self) -> AsyncIterator[Kept]:
        """Everything that is kept, in no order."""

    async def probe(self) -> None:
        """Raise unless content can be written and read just now."""


class ColdStore(KeptBlobs, Protocol):
    """Bytes that are seldom asked for, in less room where that can be: the cold tier.

    Every driver passes ``entrepot.testing.contracts.cold_stores``.
    """

    async def add(self, digest: Digest, content: AsyncIterator[bytes], *, size: int, generation: int) -> int:
        """Make *content*, which has *size* bytes, durable under its digest, and return how many bytes it takes up.

        All or nothing, and found only when it was read back and is what it was. Adding what is there is no error.
        Raises `DigestMismatch`, and what *content* raises.
        """

    def stages(self) -> AsyncIterator[tuple[UploadId, float]]:
        """What somebody began to add, with the time of its last write in seconds since the epoch."""

    async def discard(self, stage: UploadId) -> None:
        """Forget what somebody began to add. No error when there is none."""


class BlobStore(KeptBlobs, Protocol):
    """Content-addressed bytes: written once, never changed, verified on the way in.

    What is kept has its digest and a *generation*: how many times bytes of that name were given up before.
    The catalog counts them and never goes back, so whatever is deleted late, by whomever, is never what came since
    (docs/decisions/0024-collection.md).

    Content arrives in a *stage*, piece by piece and perhaps from several processes after one another, and is then
    *kept* under its digest. Every driver passes ``entrepot.testing.contracts.blobs``.

    Any method may raise `StorageFull`, `StorageReadOnly` or `Unavailable`; then nothing that was promised is lost.
    """

    async def append(
        self, stage: UploadId, content: AsyncIterator[bytes], *, at: int, limit: int, algorithm: str = "sha256"
    ) -> int:
        """Write *content* behind the *at* bytes that the stage holds, and return how many it holds then.

        *algorithm* is how the stage will probably be named; another one costs reading it again.

        A stage begins to exist when something is appended at 0. When *content* raises, what came before stays
        and the error goes on to the caller.

        Raises `InvalidContentRange` when the stage does not hold exactly *at* bytes, `UploadUnknown` when there is
        none and *at* is not 0, `UploadBusy` when somebody else is appending or `settle` is called, `TooLarge` when it
        would hold more than *limit*.
        """

    async def staged_size(self, stage: UploadId) -> int:
        """How many bytes the stage holds; 0 when there is none."""

    async def settle(self, stage: UploadId) -> int:
        """How many bytes the stage holds, once nobody writes to it any more; 0 when there is none.

        Who is still appending is ended with `UploadBusy`, and what came by then stays.
        One in another process, who cannot be ended, is waited for for a moment.
        """

    async def keep(self, stage: UploadId, expected: Digest, *, generation: int = 0) -> int:
        """Make the staged content durable under its digest, end the stage, and return its size.

        All or nothing: after any failure, including a killed process, `read` does not find the digest, or finds all
        of it. Keeping what is kept already is not an error.

        Raises `DigestMismatch` (the stage stays), `UploadUnknown`, `UploadBusy`.
        """

    async def take(self, stage: UploadId, *, limit: int) -> bytes | None:
        """The staged bytes themselves, when they are no more than *limit*; the stage stays.

        Raises `UploadUnknown`, `UploadBusy`.
        """

    async def digest(self, stage: UploadId) -> Digest:
        """What the staged bytes are called by their sha256. Raises `UploadUnknown`, `UploadBusy`."""

    async def peek(self, stage: UploadId, start: int, size: int) -> bytes:
        """At most *size* bytes of a stage from *start*, as far as they have come; empty when none have.

        Also while somebody appends. Raises `UploadUnknown`.
        """

    async def examine(self, stage: UploadId, read: Callable[[BinaryIO], T]) -> T:
        """What *read* makes of the staged bytes: a file that can be read and sought, in a thread.

        Raises `UploadUnknown`, `UploadBusy`, and what *read* raises.
        """

    async def discard(self, stage: UploadId) -> None:
        """Forget a stage. No error when there is none.

        One that is just being written stays, and one that cannot be reached now; `stages` lists it when it has grown
        old. So nobody is told that what was done has failed because of what it left behind.
        """

    def stages(self) -> AsyncIterator[tuple[UploadId, float]]:
        """Every stage, with the time of its last write in seconds since the epoch."""


@runtime_checkable
class Locates(Protocol):
    """A blob store whose content can be handed to the kernel by path."""

    def locate(self, digest: Digest, *, generation: int = 0) -> str:
        """The path of the file that holds exactly the bytes of *digest*, whether or not it exists."""


@runtime_checkable
class Presigns(Protocol):
    """A blob store whose content can be had from it directly, by who was let in here."""

    async def presign(self, digest: Digest, *, generation: int = 0) -> str | None:
        """Where anybody can read exactly the bytes of *digest* for a while; None where nobody is to be sent.

        Whether they are there is not asked. The address has no credentials in it but its own signature.
        """

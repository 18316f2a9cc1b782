"""A transfer on its way in."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NewType
from uuid import UUID

from entrepot.model.digest import parse_algorithm
from entrepot.model.errors import InvalidDigest, UploadUnknown

if TYPE_CHECKING:
    from typing import Self

    from entrepot.model.names import PackageId

UploadId = NewType("UploadId", str)
"""A UUID, chosen by the server."""

_SEAL_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class Upload:
    """Bytes that are being received for a package: a lease on staged content until it expires.

    An upload is nothing but its name, sealed with a secret of the installation, so beginning one writes nothing and
    any process can go on with it.
    How many bytes are there is a question for the staged content itself, so that it is right after any crash.
    """

    id: UploadId
    package: PackageId
    principal: str
    """Only who began it may go on."""
    expires_at: datetime
    algorithm: str = "sha256"
    """The digest algorithm that the client announced, or the usual one."""

    def seal(self, secret: bytes) -> str:
        """The session's text in URLs: ``<uuid>.<expiry>.<algorithm>.<seal>``."""
        text = f"{self.id}.{int(self.expires_at.timestamp()):x}.{self.algorithm}"
        return f"{text}.{self._seal(text, secret)}"

    @classmethod
    def open(cls, text: str, secret: bytes, *, package: PackageId, principal: str, now: datetime) -> Self:
        """Read what `seal` wrote for the same package and principal.

        Raises `UploadUnknown`, also for one that has expired.
        """
        body, _, seal = text.rpartition(".")
        try:
            upload_id, expiry, algorithm = body.split(".")
            upload = cls(
                id=UploadId(str(UUID(upload_id))),
                package=package,
                principal=principal,
                expires_at=datetime.fromtimestamp(int(expiry, 16), UTC),
                algorithm=parse_algorithm(algorithm),
            )
        except (ValueError, OverflowError, OSError, InvalidDigest):
            raise UploadUnknown(text[:80]) from None
        if not hmac.compare_digest(seal.encode(), upload._seal(body, secret).encode()) or upload.expires_at < now:
            raise UploadUnknown(upload_id)
        return upload

    def _seal(self, text: str, secret: bytes) -> str:
        message = "\n".join((text, str(self.package), self.principal))
        return hmac.new(secret, message.encode(), sha256).hexdigest()[:_SEAL_LENGTH]

"""The manifest of a backup: what the registry was at a position, sealed by the registry's own key.

It is an envelope (`entrepot.trust.dsse`) around JSON, and names everything else by digest: the catalog's pages, the
private keys, and through the catalog every blob. So whoever believes the key can tell a whole backup from one that was
cut short or changed. It is written last: what has no manifest is no backup.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidBackup, InvalidDigest, InvalidEvidence, InvalidKey
from entrepot.trust.dsse import Envelope
from entrepot.trust.keys import PublicKey
from entrepot.trust.signing import sign_envelope

if TYPE_CHECKING:
    from typing import Self

    from entrepot.trust.signing import Signing

PAYLOAD_TYPE: Final = "application/vnd.entrepot.backup.v1+json"
FORMAT: Final = 1
MAX_MANIFEST: Final = 16 * 1024 * 1024

_Count = Annotated[int, msgspec.Meta(ge=0)]


class StoredPart(msgspec.Struct, frozen=True, kw_only=True):
    """Some bytes of a backup, by their digest in its store."""

    digest: str
    size: _Count

    @property
    def name(self) -> Digest:
        """Where they are in the store. Raises `InvalidDigest`."""
        return Digest.parse(self.digest)


class SealedCatalog(msgspec.Struct, frozen=True, kw_only=True):
    """The catalog as one SQLite file, in pages of which backups share what did not change."""

    digest: str
    """Of the whole file."""
    size: _Count
    schema: _Count
    index: StoredPart
    """Where each page is."""
    packs: Annotated[tuple[StoredPart, ...], msgspec.Meta(max_length=1_000)]
    """What the pages are in."""


class MissingBlob(msgspec.Struct, frozen=True, kw_only=True):
    """A blob of which there were no sound bytes when the backup was made."""

    digest: str
    reason: str


class SealedLog(msgspec.Struct, frozen=True, kw_only=True):
    """The transparency log's last checkpoint, and what it is verified with."""

    origin: str
    size: _Count
    checkpoint: str
    keys: tuple[str, ...]
    """Verifier keys (C2SP signed-note)."""


class SealedErasure(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased, and must not come back with an older backup."""

    target: str
    digests: tuple[str, ...]
    reason: str
    actor: str
    at: datetime

    @property
    def names(self) -> tuple[Digest, ...]:
        """All that was erased. Raises `InvalidDigest`."""
        return tuple(Digest.parse(each) for each in (self.target, *self.digests))


class BackupManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry was at a position."""

    format: int = FORMAT
    position: _Count
    hash: str
    """The journal's running hash there, in hexadecimal."""
    at: datetime
    version: str
    """Of the program that made it."""
    signer: str
    """The key that sealed it, in PEM: who it is that is to be believed is the reader's to say."""
    catalog: SealedCatalog
    blobs: _Count
    """Blobs beside the catalog, without those that are missing."""
    blobs_size: _Count
    missing: tuple[MissingBlob, ...] = ()
    erased: tuple[SealedErasure, ...] = ()
    """All that was until it was made, so that the last backup says it for those before."""
    log: SealedLog | None = None
    """None where nothing was signed yet."""
    keys: StoredPart | None = None
    """The private keys, encrypted with a passphrase; None where they are kept elsewhere."""

    def seal(self, signing: Signing) -> bytes:
        """The manifest as it is kept. Raises `Unavailable` while the key store does not sign."""
        payload = msgspec.json.encode(self, order="deterministic")
        return json.dumps(sign_envelope(signing, payload, PAYLOAD_TYPE).to_document(), indent=1).encode()


@dataclass(frozen=True, slots=True)
class SealedBackup:
    """A manifest that was read, with who signed it."""

    manifest: BackupManifest
    key: PublicKey
    digest: Digest
    """Of the manifest with its signature: what the backup is called."""

    @classmethod
    def parse(cls, content: bytes, key: PublicKey | None = None) -> Self:
        """Read what `BackupManifest.seal` wrote, signed by *key*, or else by the key that it names itself.

        Raises `InvalidBackup`.
        """
        try:
            envelope = Envelope.parse(content)
        except InvalidEvidence as error:
            raise InvalidBackup("the manifest", expected="a signed envelope", actual=str(error)) from error
        if envelope.payload_type != PAYLOAD_TYPE:
            raise InvalidBackup("the manifest", expected=PAYLOAD_TYPE, actual=envelope.payload_type[:200])
        try:
            manifest = msgspec.json.decode(envelope.payload, type=BackupManifest)
            signer = PublicKey.parse(manifest.signer.encode())
            manifest.catalog.index.name  # noqa: B018 - refused here and not later
            for erasure in manifest.erased:
                erasure.names  # noqa: B018 - as above
            for part in (*manifest.catalog.packs, *filter(None, (manifest.keys,))):
                part.name  # noqa: B018 - as above
        except (msgspec.MsgspecError, InvalidKey, InvalidDigest) as error:
            raise InvalidBackup("the manifest", expected=f"format {FORMAT}", actual=str(error)[:300]) from error
        if manifest.format != FORMAT:
            raise InvalidBackup(
                "the manifest", expected=f"format {FORMAT}: use a newer Entrepot", actual=manifest.format
            )
        if key is not None and signer != key:
            raise InvalidBackup("the manifest", expected=f"a signature of {key.fingerprint}", actual=signer.fingerprint)
        if not envelope.is_signed_by(signer):
            raise InvalidBackup("the manifest", expected=f"a signature of {signer.fingerprint} over what it says")
        return cls(manifest, signer, Digest.of(content))

"""Who a log is: its name and keys, who may read it, and whose logs it witnesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from entrepot.model.errors import InvalidProof
from entrepot.trust.log.checkpoints import check_origin
from entrepot.trust.log.notes import NoteKey, NoteSigner, SignatureType, signer_of
from entrepot.trust.signing import Signing


class LogReaders(StrEnum):
    """Who may read the log, beside the registry's auditors: its entries say who did what, in every namespace."""

    AUDITORS = "auditors"
    """Nobody else."""
    HASHES = "hashes"
    """Everybody its checkpoint and its tiles of hashes, which say no more than how much has happened."""
    EVERYBODY = "everybody"
    """Everybody all of it."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Who is asked to sign the log's checkpoints, too."""

    key: NoteKey
    url: str
    """Where ``add-checkpoint`` is."""

    @classmethod
    def parse(cls, text: str) -> Witness:
        """Read a verifier key and an address, with a space between them. Raises `InvalidProof`."""
        encoded, _, url = text.partition(" ")
        key = NoteKey.parse(encoded)
        if key.type is not SignatureType.COSIGNATURE or not url.startswith(("http://", "https://")):
            raise InvalidProof(text[:300], expected="a witness's verifier key (of type 4), a space, and its address")
        return cls(key, url.rstrip("/"))


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """What a log signs with, and whom it serves."""

    origin: str
    """Its name, and that of its keys: where it is read, without the scheme."""
    signers: tuple[NoteSigner, ...]
    """One of Ed25519, which ``c2sp.org/tlog-tiles`` asks for, and one of ECDSA, which Sigstore's clients want."""
    witness: NoteSigner
    """What other logs' checkpoints are signed with: a key of its own, as ``c2sp.org/tlog-cosignature`` demands."""
    readers: LogReaders = LogReaders.AUDITORS
    witnessed: Mapping[str, Sequence[NoteKey]] = field(default_factory=dict)
    """The keys of the logs that are witnessed, by origin."""
    witnesses: Sequence[Witness] = ()
    """Who witnesses this one."""

    @property
    def keys(self) -> list[NoteKey]:
        """The public keys that its checkpoints are checked with."""
        return [signer.key for signer in self.signers]


def identify(
    origin: str,
    private_keys: tuple[Ed25519PrivateKey, EllipticCurvePrivateKey, Ed25519PrivateKey],
    *,
    ecdsa: Signing | None = None,
    readers: LogReaders = LogReaders.AUDITORS,
    witnessed: Sequence[NoteKey] = (),
    witnesses: Sequence[Witness] = (),
) -> LogIdentity:
    """The identity of a log by its private keys: two that sign as the log, and one that signs as a witness.

    Where there is *ecdsa*, such as a key in a key store, it signs in the place of the second.
    Raises `InvalidProof`.
    """
    check_origin(origin)
    ed25519, local, witness = private_keys
    logs: dict[str, list[NoteKey]] = {}
    for key in witnessed:
        logs.setdefault(key.name, []).append(key)
    return LogIdentity(
        origin,
        (signer_of(origin, ed25519), signer_of(origin, local) if ecdsa is None else _signer_in(origin, ecdsa)),
        signer_of(origin, witness, witness=True),
        readers,
        logs,
        tuple(witnesses),
    )


def _signer_in(origin: str, signing: Signing) -> NoteSigner:
    """What signs with a key that is elsewhere. Raises `InvalidProof`."""
    key = signing.public_key.key
    # Signed notes know ECDSA with SHA-256 alone, and Sigstore's clients P-256 alone.
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise InvalidProof("the log's key", expected="ecdsa-p256", actual=signing.public_key.algorithm)
    return NoteSigner(NoteKey.of(origin, SignatureType.ECDSA, key), signing.sign)

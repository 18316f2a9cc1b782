"""The tombstone of what was erased: a signed statement of what it was, who wanted it gone, when and why.

It is an in-toto statement in a DSSE envelope, about the digests that were erased. With it comes a proof that the journal
says everything else as it did before: the roots of its log (`entrepot.trust.log`) right before and after, and the hashes
that lead from the one to the other. Whoever has a checkpoint from before, and the registry's key, needs nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidDigest, InvalidEvidence, InvalidProof
from entrepot.trust.dsse import Envelope
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.merkle import MAX_PATH, check_consistency
from entrepot.trust.log.notes import Note
from entrepot.trust.signing import Named, make_statement, sign_envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.erasure import Erasure
    from entrepot.trust.keys import PublicKey
    from entrepot.trust.signing import Signing

PREDICATE_TYPE: Final = "https://entrepot.dev/attestation/erasure/v1"


@dataclass(frozen=True, slots=True)
class LogGrowth:
    """That the log after something begins with the log before it."""

    old_size: int
    old_root: bytes
    size: int
    root: bytes
    path: tuple[bytes, ...]
    checkpoint: bytes
    """The signed one, of the log after it."""

    def check(self) -> None:
        """Make sure that it does, and that the checkpoint is of that log. Raises `InvalidProof`."""
        check_consistency(self.old_size, self.old_root, self.size, new_root=self.root, path=self.path)
        signed = Checkpoint.parse(Note.parse(self.checkpoint).unchecked_text)
        if (signed.size, signed.root) != (self.size, self.root):
            raise InvalidProof("the checkpoint", expected=f"one of {self.size} entries", actual=signed.size)


def seal_tombstone(signing: Signing, erasure: Erasure, growth: LogGrowth | None) -> bytes:
    """The tombstone as it is handed out. Raises `Unavailable` while the key store does not sign."""
    subjects = [Named(str(part.digest), part.digests) for part in erasure.extent.parts]
    predicate: dict[str, Any] = {
        "target": str(erasure.target),
        "reason": erasure.reason,
        "erasedBy": erasure.actor,
        "erasedAt": erasure.at.isoformat(),
        "position": erasure.position,
        "parts": [
            {
                "digest": str(part.digest),
                "size": part.size,
                **({} if part.media_type is None else {"mediaType": part.media_type}),
                **({} if part.artifact_type is None else {"artifactType": part.artifact_type}),
            }
            for part in erasure.extent.parts
        ],
        "places": [
            {"package": str(place.package), "digest": str(place.digest), "names": list(place.names)}
            for place in erasure.extent.places
        ],
    }
    if growth is not None:
        predicate["log"] = {
            "before": {"size": growth.old_size, "root": growth.old_root.hex()},
            "after": {"size": growth.size, "root": growth.root.hex()},
            "consistency": [each.hex() for each in growth.path],
            "checkpoint": growth.checkpoint.decode(),
        }
    statement = make_statement(subjects, PREDICATE_TYPE, predicate)
    return json.dumps(sign_envelope(signing, statement).to_document(), indent=1).encode()


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A tombstone that was read."""

    target: Digest
    digests: tuple[Digest, ...]
    reason: str
    actor: str
    at: str
    position: int
    growth: LogGrowth | None
    """None where the registry signs no log."""

    @classmethod
    def open(cls, content: bytes, keys: Sequence[PublicKey]) -> Tombstone:
        """Read a tombstone that one of *keys* has signed, and check the proof in it.

        Raises `InvalidEvidence`, `InvalidProof`.
        """
        envelope = Envelope.parse(content)
        if not any(envelope.is_signed_by(key) for key in keys):
            expected = " or ".join(key.fingerprint for key in keys)
            raise InvalidEvidence("the tombstone", expected=f"a signature of {expected}")
        statement = envelope.statement
        if statement.predicate_type != PREDICATE_TYPE:
            raise InvalidEvidence("the tombstone", expected=PREDICATE_TYPE, actual=statement.predicate_type[:200])
        try:
            said = msgspec.convert(statement.predicate, type=_Predicate)
            growth = None if said.log is None else said.log.growth
            found = cls(
                target=Digest.parse(said.target),
                digests=tuple(Digest.parse(each.digest) for each in said.parts),
                reason=said.reason,
                actor=said.erased_by,
                at=said.erased_at,
                position=said.position,
                growth=growth,
            )
        except (msgspec.ValidationError, InvalidDigest, ValueError) as error:
            raise InvalidEvidence(
                "the tombstone", expected="what a registry writes", actual=str(error)[:300]
            ) from error
        if growth is not None:
            growth.check()
            if not growth.old_size < found.position <= growth.size:
                raise InvalidProof("the tombstone", expected="a proof that goes past the erasure")
        return found


class _Tree(msgspec.Struct):
    size: int
    root: str


class _Log(msgspec.Struct):
    before: _Tree
    after: _Tree
    consistency: list[str]
    checkpoint: str

    @property
    def growth(self) -> LogGrowth:
        if len(self.consistency) > MAX_PATH:
            raise InvalidProof("the tombstone", expected=f"at most {MAX_PATH} hashes")
        return LogGrowth(
            self.before.size,
            bytes.fromhex(self.before.root),
            self.after.size,
            bytes.fromhex(self.after.root),
            tuple(bytes.fromhex(each) for each in self.consistency),
            self.checkpoint.encode(),
        )


class _Part(msgspec.Struct):
    digest: str


class _Predicate(msgspec.Struct, rename="camel"):
    target: str
    reason: str
    erased_by: str
    erased_at: str
    position: int
    parts: list[_Part]
    log: _Log | None = None

"""DSSE: an envelope around a payload, with signatures over both its bytes and its type.

https://github.com/secure-systems-lab/dsse/blob/master/envelope.md and protocol.md, version 1.
A key's hint in an envelope is for looking the key up; it proves nothing, and a wrong one costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from entrepot.model.errors import InvalidEvidence
from entrepot.trust.statement import PAYLOAD_TYPE, Statement, decode_base64, encode_base64, parse_json

if TYPE_CHECKING:
    from typing import Self

    from entrepot.trust.keys import PublicKey

MEDIA_TYPE: Final = "application/vnd.dsse.envelope.v1+json"

_SIZE: Final = 24 * 1024 * 1024
"""A payload of the size that statements may have, in base64, and its signatures."""
_SIGNATURES: Final = 32
_SIGNATURE_SIZE: Final = 16 * 1024
_TEXT: Final = 4096


@dataclass(frozen=True, slots=True)
class EnvelopeSignature:
    """One signature over an envelope's payload and type."""

    signature: bytes
    key_hint: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload of a type, and who signed it."""

    payload_type: str
    payload: bytes
    signatures: tuple[EnvelopeSignature, ...]

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read an envelope in JSON. Raises `InvalidEvidence`."""
        return cls.of(parse_json(content, "envelope", size=_SIZE))

    @classmethod
    def of(cls, document: object) -> Self:
        """Read an envelope that is part of a document. Raises `InvalidEvidence`."""
        if not isinstance(document, dict):
            raise InvalidEvidence("envelope", expected="a JSON object")
        payload_type, found = document.get("payloadType"), document.get("signatures")
        if not isinstance(payload_type, str) or not 0 < len(payload_type) <= _TEXT or not payload_type.isascii():
            raise InvalidEvidence("envelope, payloadType", expected="a media type", actual=str(payload_type)[:200])
        if not isinstance(found, list) or not 0 < len(found) <= _SIGNATURES:
            raise InvalidEvidence("envelope, signatures", expected=f"1 to {_SIGNATURES}")
        payload = decode_base64(document.get("payload"), "envelope, payload")
        return cls(payload_type, payload, tuple(_signature(each) for each in found))

    @property
    def statement(self) -> Statement:
        """The statement in the envelope. Raises `InvalidEvidence` where the payload is something else."""
        if self.payload_type != PAYLOAD_TYPE:
            raise InvalidEvidence("envelope, payloadType", expected=PAYLOAD_TYPE, actual=self.payload_type[:200])
        return Statement.parse(self.payload)

    @property
    def key_hints(self) -> tuple[str, ...]:
        """How the signatures name their keys."""
        return tuple(each.key_hint for each in self.signatures if each.key_hint is not None)

    @property
    def signed_bytes(self) -> bytes:
        """What each signature is over."""
        return pre_authentication_encoding(self.payload_type, self.payload)

    def is_signed_by(self, key: PublicKey) -> bool:
        """Whether any of its signatures is this key's, whatever the hints say."""
        signed = self.signed_bytes
        return any(key.verify(each.signature, signed) for each in self.signatures)

    def to_document(self) -> dict[str, Any]:
        """The envelope as others read it."""
        return {
            "payload": encode_base64(self.payload),
            "payloadType": self.payload_type,
            "signatures": [
                {"sig": encode_base64(each.signature)} | ({} if each.key_hint is None else {"keyid": each.key_hint})
                for each in self.signatures
            ],
        }


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """PAE, so that no type can be taken for a part of a payload (protocol.md, "Signature Definition")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _signature(found: object) -> EnvelopeSignature:
    if not isinstance(found, dict):
        raise InvalidEvidence("envelope, signatures", expected="JSON objects with sig")
    hint = found.get("keyid")
    if hint is not None and (not isinstance(hint, str) or len(hint) > _TEXT):
        raise InvalidEvidence("envelope, keyid", expected=f"at most {_TEXT} characters")
    signature = decode_base64(found.get("sig"), "envelope, sig")
    if not 0 < len(signature) <= _SIGNATURE_SIZE:
        raise InvalidEvidence("envelope, sig", expected=f"1 to {_SIGNATURE_SIZE} bytes", actual=len(signature))
    return EnvelopeSignature(signature, hint or None)

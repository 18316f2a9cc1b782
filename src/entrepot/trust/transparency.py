"""Entries of Rekor's transparency log: that an entry is about a signature, and when the log promised to hold it.

The promise (a signed entry timestamp) is the log's signature over the canonical JSON (RFC 8785) of the entry with its
time; that is what proves when something was signed at the latest.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from entrepot.model.errors import InvalidEvidence, InvalidKey
from entrepot.trust.certificate import load_certificate
from entrepot.trust.keys import PublicKey
from entrepot.trust.question import Unproven
from entrepot.trust.statement import decode_base64, parse_json

if TYPE_CHECKING:
    from typing import Self

    from entrepot.trust.roots import TrustedRoot

_BODY_SIZE: Final = 4 * 1024 * 1024
_LARGEST: Final = 2**53
"""RFC 8785 has no larger integers."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a log entry has to be about."""

    signature: bytes
    sha256: str
    """Of the signed bytes; of an envelope, of its payload."""
    verifier: bytes
    """The SubjectPublicKeyInfo of the key, or the certificate in DER."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry with the log's promise to hold it."""

    body: bytes
    integrated_at: int
    log_id: bytes
    log_index: int
    promise: bytes

    @classmethod
    def of_bundle(cls, found: Mapping[str, Any]) -> Self | None:
        """Read an entry of a Sigstore bundle; None where the log promised nothing. Raises `InvalidEvidence`."""
        promise = found.get("inclusionPromise")
        if not isinstance(promise, dict) or not _integer(found.get("integratedTime") or 0):
            return None
        log = found.get("logId")
        return cls(
            decode_base64(found.get("canonicalizedBody"), "log entry, body"),
            _integer(found.get("integratedTime")),
            decode_base64(log.get("keyId") if isinstance(log, dict) else None, "log entry, log id"),
            _integer(found.get("logIndex", 0)),
            decode_base64(promise.get("signedEntryTimestamp"), "log entry, promise"),
        )

    @classmethod
    def of_annotation(cls, text: str) -> Self:
        """Read the annotation ``dev.sigstore.cosign/bundle``. Raises `InvalidEvidence`."""
        found = parse_json(text.encode(), "log entry", size=_BODY_SIZE)
        payload = found.get("Payload") if isinstance(found, dict) else None
        if not isinstance(payload, dict):
            raise InvalidEvidence("log entry", expected="SignedEntryTimestamp and Payload")
        try:
            log_id = bytes.fromhex(str(payload.get("logID")))
        except ValueError as error:
            raise InvalidEvidence("log entry, logID", expected="hexadecimal") from error
        return cls(
            decode_base64(payload.get("body"), "log entry, body"),
            _integer(payload.get("integratedTime")),
            log_id,
            _integer(payload.get("logIndex")),
            decode_base64(found.get("SignedEntryTimestamp"), "log entry, promise"),
        )

    @property
    def promised_bytes(self) -> bytes:
        """What the promise is a signature over: RFC 8785's form, which for these values is compact and sorted."""
        entry = {
            "body": base64.b64encode(self.body).decode(),
            "integratedTime": self.integrated_at,
            "logID": self.log_id.hex(),
            "logIndex": self.log_index,
        }
        return json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()

    def require_promise(self, root: TrustedRoot) -> datetime:
        """When the root's log took the entry in; or raise `Unproven`."""
        moment = datetime.fromtimestamp(self.integrated_at, UTC)
        for log in root.logs:
            if (
                log.id == self.log_id
                and log.validity.covers(moment)
                and log.key.verify(self.promise, self.promised_bytes)
            ):
                return moment
        raise Unproven("no log of the root promised to hold the entry")

    def require_about(self, signed: Signed) -> None:
        """Raise `Unproven` unless the entry is about that signature, by that key, over those bytes (CVE-2022-36056)."""
        found = parse_json(self.body, "log entry", size=_BODY_SIZE)
        try:
            about = _KINDS[found["kind"], found["apiVersion"]](found["spec"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Unproven("the log entry is of no kind that is known, or not well formed") from error
        if about != signed:
            raise Unproven("the log entry is about another signature")


def _hashedrekord(spec: Any) -> Signed:
    if spec["data"]["hash"]["algorithm"] != "sha256":
        raise ValueError("only sha256 is logged")
    signature = spec["signature"]
    return Signed(
        decode_base64(signature["content"], "log entry, signature"),
        spec["data"]["hash"]["value"],
        _verifier(signature["publicKey"]["content"]),
    )


def _dsse(spec: Any) -> Signed:
    if spec["payloadHash"]["algorithm"] != "sha256":
        raise ValueError("only sha256 is logged")
    (signature,) = spec["signatures"]
    return Signed(
        decode_base64(signature["signature"], "log entry, signature"),
        spec["payloadHash"]["value"],
        _verifier(signature["verifier"]),
    )


def _intoto_2(spec: Any) -> Signed:
    content = spec["content"]
    if content["payloadHash"]["algorithm"] != "sha256":
        raise ValueError("only sha256 is logged")
    (signature,) = content["envelope"]["signatures"]
    # Encoded twice, as Rekor has it.
    once = decode_base64(signature["sig"], "log entry, signature")
    return Signed(
        decode_base64(once.decode("ascii"), "log entry, signature"),
        content["payloadHash"]["value"],
        _verifier(signature["publicKey"]),
    )


_KINDS: Final = {
    ("hashedrekord", "0.0.1"): _hashedrekord,
    ("dsse", "0.0.1"): _dsse,
    ("intoto", "0.0.2"): _intoto_2,
}


def _verifier(encoded: object) -> bytes:
    """A key or a certificate in PEM, as DER, so that line ends do not matter."""
    content = decode_base64(encoded, "log entry, verifier")
    if b"CERTIFICATE" in content:
        return load_certificate(content).public_bytes(Encoding.DER)
    try:
        return PublicKey.parse(content).der
    except InvalidKey as error:
        raise ValueError(str(error)) from error


def _integer(found: object) -> int:
    """An integer, which protobuf's JSON writes as a text."""
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < len(str(_LARGEST)):
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < _LARGEST:
        raise InvalidEvidence("log entry", expected="an integer", actual=str(found)[:100])
    return found

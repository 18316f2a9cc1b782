"""Signed notes (``c2sp.org/signed-note``): a text, a blank line, and a line for each signature.

The text must not be believed before a signature of a known key was checked, so there is no way to it but `Note.open`.
A key is known by its name and its id together; other signatures are passed over, as the specification demands.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from entrepot.model.errors import InvalidProof

MAX_NOTE: Final = 256 * 1024
"""Longer notes are not read. Sixteen of the longest signatures that are specified need a third of it."""
_MAX_SIGNATURES: Final = 100
_MARK: Final = "\u2014 "
_KEY_ID_SIZE: Final = 4
_ED25519_SIZE: Final = 32
_TIME_SIZE: Final = 8
_LAST_TIME: Final = 2**63 - 1
_CURVES: Final = (SECP256R1, SECP384R1, SECP521R1)

_NAME: Final = re.compile(r"[^\s+\x00-\x20]{1,255}")
_VKEY: Final = re.compile(
    r"(?P<name>[^\s+\x00-\x20]{1,255})\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/]{1,1000}={0,2})"
)
_CONTROLS: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


class SignatureType(IntEnum):
    """How a key signs notes, as key ids and verifier keys have it."""

    ED25519 = 0x01
    ECDSA = 0x02
    COSIGNATURE = 0x04
    """Ed25519 with the time, by a witness (``c2sp.org/tlog-cosignature``)."""


PublicKey = Ed25519PublicKey | EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key that notes are checked with."""

    name: str
    type: SignatureType
    public_key: PublicKey = field(compare=False)
    encoded: bytes = field(repr=False)
    """The public key: 32 bytes of Ed25519, DER (SPKI) of ECDSA."""
    id: bytes

    @classmethod
    def of(cls, name: str, type: SignatureType, public_key: PublicKey) -> NoteKey:
        """The key that goes by *name*. Raises `InvalidProof`."""
        if not _NAME.fullmatch(name):
            raise InvalidProof(name[:255], expected="a name without spaces and plus signs")
        if isinstance(public_key, Ed25519PublicKey) and type is not SignatureType.ECDSA:
            encoded = public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
            id = sha256(b"%b\n%c%b" % (name.encode(), type, encoded)).digest()[:_KEY_ID_SIZE]
        elif (
            type is SignatureType.ECDSA
            and isinstance(public_key, EllipticCurvePublicKey)
            and isinstance(public_key.curve, _CURVES)
        ):
            encoded = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            # "the key ID for these signatures is the truncated SHA-256 hash of the DER encoded public key"
            id = sha256(encoded).digest()[:_KEY_ID_SIZE]
        else:
            raise InvalidProof(name, expected="an Ed25519 key, or for ECDSA one on P-256, P-384 or P-521")
        return cls(name, type, public_key, encoded, id)

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Read a verifier key (``vkey``): ``<name>+<id>+<base64 of the type and the key>``. Raises `InvalidProof`."""
        found = _VKEY.fullmatch(text)
        content = b"" if found is None else _decode(found["key"])
        if found is None or content is None or content[:1] not in {bytes([type]) for type in SignatureType}:
            raise InvalidProof(text[:300], expected="a key as <name>+<id>+<base64>, of a known type")
        type = SignatureType(content[0])
        try:
            if type is SignatureType.ECDSA:
                public_key = load_der_public_key(content[1:])
            else:
                public_key = Ed25519PublicKey.from_public_bytes(content[1:])
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidProof(text[:300], expected="a public key") from error
        if not isinstance(public_key, Ed25519PublicKey | EllipticCurvePublicKey):
            raise InvalidProof(text[:300], expected="an Ed25519 or ECDSA key")
        key = cls.of(found["name"], type, public_key)
        if key.id.hex() != found["id"]:
            raise InvalidProof(text[:300], expected=f"the key's id, {key.id.hex()}", actual=found["id"])
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.type]) + self.encoded).decode()}"

    def made(self, text: bytes, signature: bytes) -> bool:
        """Whether the signature is of this key, and over this text."""
        try:
            if self.type is SignatureType.COSIGNATURE:
                seconds = int.from_bytes(signature[:_TIME_SIZE], "big")
                if seconds > _LAST_TIME:
                    return False
                signed = cosigned(text, seconds)
                signature = signature[_TIME_SIZE:]
            else:
                signed = text
            if isinstance(self.public_key, Ed25519PublicKey):
                self.public_key.verify(signature, signed)
            else:
                self.public_key.verify(signature, signed, ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True


def cosigned(text: bytes, seconds: int) -> bytes:
    """What a witness signs at that time (``c2sp.org/tlog-cosignature``, Ed25519 signed message)."""
    return b"cosignature/v1\ntime %d\n%b" % (seconds, text)


@dataclass(frozen=True, slots=True)
class Signature:
    """A line below a note: whose it says it is, and what was signed."""

    name: str
    key_id: bytes
    content: bytes

    def __str__(self) -> str:
        return f"{_MARK}{self.name} {b64encode(self.key_id + self.content).decode()}\n"

    @property
    def at_seconds(self) -> int:
        """When a witness made it; of other signatures it means nothing."""
        return int.from_bytes(self.content[:_TIME_SIZE], "big")


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, none of which was checked yet."""

    unchecked_text: str
    """It ends with a newline."""
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, content: bytes) -> Note:
        """Read a note. Raises `InvalidProof`."""
        if len(content) > MAX_NOTE:
            raise InvalidProof("a note", expected=f"{MAX_NOTE} bytes at most", actual=len(content))
        try:
            whole = content.decode()
        except UnicodeDecodeError as error:
            raise InvalidProof("a note", expected="UTF-8") from error
        if _CONTROLS.search(whole):
            raise InvalidProof("a note", expected="no control characters but newlines")
        # "the text is separated from the signatures by the last empty line in the note"
        text, mark, lines = whole.rpartition("\n\n")
        if not mark or not lines.endswith("\n"):
            raise InvalidProof("a note", expected="a text, an empty line, and signatures, each on a line")
        return cls(text + "\n", parse_signatures(lines))

    def __bytes__(self) -> bytes:
        return f"{self.unchecked_text}\n{''.join(map(str, self.signatures))}".encode()

    def open(self, keys: Sequence[NoteKey]) -> tuple[str, tuple[Signature, ...]]:
        """The text, and those of its signatures that known keys made: at least one.

        Raises `InvalidProof` when there is none, or when one that says it is of a known key is not.
        """
        known = {(key.name, key.id): key for key in keys}
        text = self.unchecked_text.encode()
        checked: dict[tuple[str, bytes], Signature] = {}
        for signature in self.signatures:
            key = known.get((signature.name, signature.key_id))
            if key is None:
                continue
            if not key.made(text, signature.content):
                # "If a signature from a known key fails to verify, clients SHOULD reject the whole note."
                raise InvalidProof(f"the signature of {signature.name}", expected="one that the key made")
            checked.setdefault((key.name, key.id), signature)
        if not checked:
            raise InvalidProof("a note", expected="a signature of a known key")
        return self.unchecked_text, tuple(checked.values())


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Read signature lines, one at least. Raises `InvalidProof`."""
    *found, rest = lines.split("\n", _MAX_SIGNATURES + 1)
    if rest or not found:
        raise InvalidProof("signatures", expected=f"one to {_MAX_SIGNATURES} lines, each ending with a newline")
    return tuple(_parse_signature(line) for line in found)


def _parse_signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_MARK).partition(" ")
    content = _decode(encoded)
    if not line.startswith(_MARK) or not space or not _NAME.fullmatch(name) or content is None:
        raise InvalidProof(line[:300], expected="an em dash, a key's name, and a signature in base64")
    if len(content) <= _KEY_ID_SIZE:
        raise InvalidProof(line[:300], expected="a key's id of four bytes and a signature")
    return Signature(name, content[:_KEY_ID_SIZE], content[_KEY_ID_SIZE:])


def _decode(text: str) -> bytes | None:
    """What canonical base64 stands for; None for anything else, so that no signature has two spellings."""
    try:
        content = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return None
    return content if b64encode(content).decode() == text else None


# --- signing ---


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A key with what signs for it: a private key in memory, or something that holds one."""

    key: NoteKey
    sign: Callable[[bytes], bytes] = field(repr=False)
    """Signs bytes as the key's algorithm does; an error of its own passes through."""

    def signature(self, text: str) -> Signature:
        """Sign a note's text."""
        return Signature(self.key.name, self.key.id, self.sign(text.encode()))

    def cosignature(self, text: str, seconds: int) -> Signature:
        """Sign a checkpoint as a witness does, at that time."""
        if self.key.type is not SignatureType.COSIGNATURE:
            raise RuntimeError(f"{self.key} is no key of a witness")
        made = self.sign(cosigned(text.encode(), seconds))
        return Signature(self.key.name, self.key.id, seconds.to_bytes(_TIME_SIZE, "big") + made)


def signer_of(
    name: str, private_key: Ed25519PrivateKey | EllipticCurvePrivateKey, *, witness: bool = False
) -> NoteSigner:
    """What signs notes, or as a witness checkpoints, with a private key in memory."""
    if isinstance(private_key, Ed25519PrivateKey):
        type = SignatureType.COSIGNATURE if witness else SignatureType.ED25519
        return NoteSigner(NoteKey.of(name, type, private_key.public_key()), private_key.sign)
    ecdsa = ECDSA(SHA256(), deterministic_signing=True)
    key = NoteKey.of(name, SignatureType.ECDSA, private_key.public_key())
    return NoteSigner(key, lambda message: private_key.sign(message, ecdsa))


def sign_note(text: str, signers: Sequence[NoteSigner]) -> Note:
    """A note with a signature of each."""
    if not text.endswith("\n"):
        raise RuntimeError("the text of a note ends with a newline")
    return Note(text, tuple(signer.signature(text) for signer in signers))

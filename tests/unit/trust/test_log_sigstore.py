"""Sigstore's own reader of checkpoints takes ours: by the name, and by the ECDSA key that its clients know.

It is no public part of that library; its bundles are verified by it, and ours stand in one shape with them.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import pytest
from sigstore._internal.rekor.checkpoint import SignedCheckpoint
from sigstore._internal.trust import Keyring
from sigstore._utils import KeyID
from sigstore.errors import VerificationError
from sigstore_models.common.v1 import PublicKey, PublicKeyDetails

from entrepot.testing.builders import LOG
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.notes import Note, SignatureType

(ECDSA,) = [key for key in LOG.keys if key.type is SignatureType.ECDSA]
NOTE = Checkpoint(LOG.origin, 7, bytes(range(32))).sign(LOG.signers)
KEY_ID = KeyID(sha256(ECDSA.encoded).digest())


def verify(note: Note) -> SignedCheckpoint:
    keys = PublicKey(raw_bytes=b64encode(ECDSA.encoded), key_details=PublicKeyDetails.PKIX_ECDSA_P256_SHA_256)
    read = SignedCheckpoint.from_text(bytes(note).decode())
    read.signed_note.verify(Keyring([keys]), KEY_ID)  # type: ignore[arg-type]  # a keyring of theirs, by another name
    return read


def test_a_checkpoint_is_read_and_verified() -> None:
    read = verify(NOTE)

    assert read.checkpoint.origin == LOG.origin
    assert (read.checkpoint.log_size, read.checkpoint.log_hash) == (7, bytes(range(32)).hex())


@pytest.mark.parametrize("wrong", ["size", "signature", "key"])
def test_one_that_was_tampered_with_is_not(wrong: str) -> None:
    ed25519, ecdsa = NOTE.signatures
    tampered = {
        "size": Note(NOTE.unchecked_text.replace("\n7\n", "\n8\n"), NOTE.signatures),
        "signature": Note(NOTE.unchecked_text, (ed25519, replace(ecdsa, content=ed25519.content))),
        "key": Note(NOTE.unchecked_text, (ed25519, replace(ecdsa, key_id=b"none"))),
    }[wrong]

    with pytest.raises(VerificationError):
        verify(tampered)

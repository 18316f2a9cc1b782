"""Envelopes: what is signed, by whom, and what is no envelope."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidEvidence
from entrepot.trust.dsse import Envelope, EnvelopeSignature, pre_authentication_encoding
from entrepot.trust.evidence import Acceptance, Evidence, EvidenceKind, Subject
from entrepot.trust.keys import PublicKey
from entrepot.trust.signers import KeySigner
from entrepot.trust.statement import PAYLOAD_TYPE
from entrepot.trust.verify import read, verify
from tests.unit.trust.test_statement import OTHER, WHEEL, document

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
PRIVATE = ec.generate_private_key(ec.SECP256R1())
KEY = PublicKey.of(PRIVATE.public_key())
STRANGER = PublicKey.of(ec.generate_private_key(ec.SECP256R1()).public_key())


def envelope(payload: bytes | None = None, payload_type: str = PAYLOAD_TYPE, hint: str | None = None) -> Envelope:
    payload = document() if payload is None else payload
    signature = PRIVATE.sign(pre_authentication_encoding(payload_type, payload), ec.ECDSA(hashes.SHA256()))
    return Envelope(payload_type, payload, (EnvelopeSignature(signature, hint),))


def evidence(of: Envelope) -> Evidence:
    return Evidence(EvidenceKind.DSSE, json.dumps(of.to_document()).encode())


def test_the_encoding_is_the_specification_s() -> None:
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")

    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_a_signed_statement_is_verified_by_its_key() -> None:
    verdict = verify(
        evidence(envelope()), Subject(WHEEL), [KeySigner("stranger", STRANGER), KeySigner("release", KEY)], now=NOON
    )

    assert verdict.accepted == (Acceptance("release", KEY.fingerprint),)
    assert verdict.reason is None
    assert verdict.statement is not None
    assert verdict.statement.predicate == {"passed": True}


def test_a_wrong_hint_costs_nothing_and_proves_nothing() -> None:
    hinted = evidence(envelope(hint=STRANGER.cosign_hint))

    assert verify(hinted, Subject(WHEEL), [KeySigner("release", KEY)], now=NOON).verified
    assert not verify(hinted, Subject(WHEEL), [KeySigner("stranger", STRANGER)], now=NOON).verified
    assert read(hinted).key_hints == (STRANGER.cosign_hint,)


def test_every_signature_is_tried() -> None:
    signed = envelope()
    many = Envelope(PAYLOAD_TYPE, signed.payload, (EnvelopeSignature(b"nonsense"), *signed.signatures))

    assert verify(evidence(many), Subject(WHEEL), [KeySigner("release", KEY)], now=NOON).verified


def test_a_statement_about_something_else_proves_nothing() -> None:
    verdict = verify(evidence(envelope()), Subject(OTHER), [KeySigner("release", KEY)], now=NOON)

    assert not verdict.verified
    assert verdict.statement is None
    assert str(OTHER) in (verdict.reason or "")
    assert str(WHEEL) in (verdict.reason or "")


def test_nobody_trusted_is_nobody_verified() -> None:
    verdict = verify(evidence(envelope()), Subject(WHEEL), [], now=NOON)

    assert not verdict.verified
    assert verdict.reason


def test_another_payload_is_no_statement() -> None:
    verdict = verify(
        evidence(envelope(document(), "application/json")), Subject(WHEEL), [KeySigner("release", KEY)], now=NOON
    )

    assert not verdict.verified
    assert "application/json" in (verdict.reason or "")


def test_what_is_read_is_what_is_said() -> None:
    claims = read(evidence(envelope(hint="a key")))

    assert claims.predicate_type == "https://example.com/tested/v1"
    assert claims.subjects[0].digests == {"sha256": WHEEL.hex}
    assert claims.key_hints == ("a key",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"payloadType": "", "payload": "", "signatures": [{"sig": "AA=="}]}',
        b'{"payloadType": "a", "payload": "", "signatures": []}',
        b'{"payloadType": "a", "payload": "", "signatures": [{}]}',
        b'{"payloadType": "a", "payload": "", "signatures": [{"sig": ""}]}',
        b'{"payloadType": "a", "payload": "!", "signatures": [{"sig": "AA=="}]}',
        b'{"payloadType": "a", "payload": "AAA", "signatures": [{"sig": "AA=="}]}',
        b'{"payloadType": "a", "payload": "", "signatures": [{"sig": "AA==", "keyid": 5}]}',
        b'{"payloadType": "a", "payload": "", "payload": "AA==", "signatures": [{"sig": "AA=="}]}',
    ],
    ids=lambda content: repr(content[-40:]),
)
def test_what_is_no_envelope_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidEvidence):
        Envelope.parse(content)


def test_either_alphabet_of_base64_is_read() -> None:
    signed = envelope(b"\xff\xfe\xfd" * 10, "application/json")
    text = json.dumps(signed.to_document()).replace("/", "_").replace("+", "-").replace("application_json", "a/b")

    assert Envelope.parse(text.encode()).payload == signed.payload


def test_an_envelope_is_written_as_it_is_read() -> None:
    signed = envelope(hint="a key")

    assert Envelope.parse(json.dumps(signed.to_document()).encode()) == signed


def test_the_digest_of_the_subject_may_be_any_that_is_known() -> None:
    sha512 = Digest.of(b"a wheel", "sha512")
    about = envelope(document(subject=[{"digest": {"sha512": sha512.hex}}]))

    assert verify(evidence(about), Subject(WHEEL, others=(sha512,)), [KeySigner("k", KEY)], now=NOON).verified
    assert not verify(evidence(about), Subject(WHEEL), [KeySigner("k", KEY)], now=NOON).verified

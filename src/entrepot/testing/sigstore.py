"""A Sigstore instance in memory: a certificate authority, its log, and a transparency log, with one trusted root.

::

    sigstore = Sigstore()
    signed = sigstore.sign_statement(statement, Person("robot@example.com", "https://issuer.example.com"))
    TrustedRoot.parse("ours", sigstore.trusted_root)

Its certificates and entries have the forms of Fulcio's and Rekor's, so that any Sigstore client can check them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from entrepot.trust.bundle import MEDIA_TYPE
from entrepot.trust.certificate import CLAIMS
from entrepot.trust.cosign import SIGNATURE
from entrepot.trust.dsse import pre_authentication_encoding
from entrepot.trust.keyless import BUNDLE, CERTIFICATE
from entrepot.trust.statement import PAYLOAD_TYPE

_LOG: Final = "log.example.com"
_LISTED: Final = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
"""RFC 6962, section 3.3: the extension with a certificate's proofs that it was logged."""
_OCTET_STRING: Final = 0x04
_UTF8_STRING: Final = 0x0C
_ISSUER: Final = "1.3.6.1.4.1.57264.1.8"
_ISSUER_V1: Final = "1.3.6.1.4.1.57264.1.1"
_SHA256: Final = ec.ECDSA(hashes.SHA256())
NOON: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks for a certificate: somebody with an e-mail address, or a build with the address of its workflow."""

    subject: str
    issuer: str
    claims: Mapping[str, str] = field(default_factory=dict)
    """By the names of `entrepot.trust.certificate.CLAIMS`."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate, and the key that it is for."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        """The certificate as bundles have it."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate as log entries have it."""
        return self.certificate.public_bytes(Encoding.PEM)

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256, as Fulcio's clients sign."""
        return self.key.sign(message, _SHA256)


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(slots=True)
class Sigstore:
    """One instance: what it signs is verified with its own `trusted_root`, and with no other's."""

    now: datetime = NOON
    root_key: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    issuing_key: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    certificate_log_key: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    log_key: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    leaves: list[bytes] = field(default_factory=lambda: [_hash_leaf(b"somebody else's %d" % n) for n in range(5)])
    root: x509.Certificate = field(init=False)
    issuing: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        root_name, issuing_name = _name("root.example.com"), _name("issuing.example.com")
        self.root = _authority(root_name, self.root_key.public_key(), 1, self.now).sign(self.root_key, hashes.SHA256())
        builder = _authority(issuing_name, self.issuing_key.public_key(), 0, self.now).issuer_name(root_name)
        self.issuing = builder.sign(self.root_key, hashes.SHA256())

    @property
    def trusted_root(self) -> bytes:
        """The ``trusted_root.json`` of this instance."""
        valid = {"start": _moment(self.now - timedelta(days=365))}
        chain = [{"rawBytes": _base64(each.public_bytes(Encoding.DER))} for each in (self.issuing, self.root)]
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [_log(self.log_key, f"https://{_LOG}", valid)],
                "ctlogs": [_log(self.certificate_log_key, "https://certificates.example.com", valid)],
                "certificateAuthorities": [
                    {
                        "subject": {"organization": "example.com", "commonName": "root.example.com"},
                        "uri": "https://authority.example.com",
                        "certChain": {"certificates": chain},
                        "validFor": valid,
                    }
                ],
                "timestampAuthorities": [],
            }
        ).encode()

    def issue(
        self,
        person: Person,
        *,
        lifetime: timedelta = timedelta(minutes=10),
        change: Callable[[x509.CertificateBuilder], x509.CertificateBuilder] = lambda builder: builder,
        logged: bool = True,
        code_signing: bool = True,
    ) -> Issued:
        """A certificate for *person* from now on; the other arguments make a wrong one."""
        key = _key()
        name = (
            x509.UniformResourceIdentifier(person.subject)
            if "://" in person.subject
            else x509.RFC822Name(person.subject)
        )
        usage = ExtendedKeyUsageOID.CODE_SIGNING if code_signing else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.issuing.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now)
            .not_valid_after(self.now + lifetime)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issuing_key.public_key()), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        )
        numbers = {claim: oid for oid, claim in CLAIMS.items()}
        texts = {_ISSUER: person.issuer, **{numbers[claim]: text for claim, text in person.claims.items()}}
        for oid, text in texts.items():
            builder = builder.add_extension(_extension(oid, text), critical=False)
        # Fulcio still writes the issuer in its first form as well, without DER.
        issuer = x509.UnrecognizedExtension(x509.ObjectIdentifier(_ISSUER_V1), person.issuer.encode())
        builder = builder.add_extension(issuer, critical=False)
        builder = change(builder)
        if logged:
            builder = builder.add_extension(self._listing(builder), critical=False)
        return Issued(key, builder.sign(self.issuing_key, hashes.SHA256()))

    def _listing(self, builder: x509.CertificateBuilder) -> x509.UnrecognizedExtension:
        """RFC 6962, section 3.2: the log's promise to hold the certificate that is about to be made."""
        body = builder.sign(self.issuing_key, hashes.SHA256()).tbs_certificate_bytes
        moment = round(self.now.timestamp() * 1000)
        issuer = hashlib.sha256(_spki(self.issuing_key)).digest()
        signed = struct.pack("!BBQH32s", 0, 0, moment, 1, issuer) + len(body).to_bytes(3) + body + bytes(2)
        signature = self.certificate_log_key.sign(signed, _SHA256)
        log = hashlib.sha256(_spki(self.certificate_log_key)).digest()
        stamp = struct.pack("!B32sQH", 0, log, moment, 0) + b"\x04\x03" + len(signature).to_bytes(2) + signature
        listing = len(stamp).to_bytes(2) + stamp
        listing = len(listing).to_bytes(2) + listing
        return x509.UnrecognizedExtension(_LISTED, _der(_OCTET_STRING, listing))

    def sign_statement(self, statement: bytes, by: Person | Issued, payload_type: str = PAYLOAD_TYPE) -> dict[str, Any]:
        """A bundle with an envelope around *statement*."""
        issued = self.issue(by) if isinstance(by, Person) else by
        signature = issued.sign(pre_authentication_encoding(payload_type, statement))
        entry = self.log_statement(statement, signature, issued.pem)
        envelope = {
            "payload": _base64(statement),
            "payloadType": payload_type,
            "signatures": [{"sig": _base64(signature)}],
        }
        return {**_bundle(issued, entry), "dsseEnvelope": envelope}

    def sign_file(self, content: bytes, by: Person | Issued) -> dict[str, Any]:
        """A bundle with a signature over *content*."""
        issued = self.issue(by) if isinstance(by, Person) else by
        signature = issued.sign(content)
        digest = {"algorithm": "SHA2_256", "digest": _base64(hashlib.sha256(content).digest())}
        message = {"messageDigest": digest, "signature": _base64(signature)}
        return {**_bundle(issued, self.log_file(content, signature, issued.pem)), "messageSignature": message}

    def annotate(self, payload: bytes, by: Person | Issued) -> dict[str, str]:
        """The annotations of cosign's older signature over a layer."""
        issued = self.issue(by) if isinstance(by, Person) else by
        signature = issued.sign(payload)
        return {
            SIGNATURE: _base64(signature),
            CERTIFICATE: issued.pem.decode(),
            "dev.sigstore.cosign/chain": self.issuing.public_bytes(Encoding.PEM).decode(),
            BUNDLE: json.dumps(as_annotation(self.log_file(payload, signature, issued.pem))),
        }

    def log_file(self, content: bytes, signature: bytes, verifier: bytes) -> dict[str, Any]:
        """Log a signature over a file, by a certificate or a public key in PEM."""
        spec = {
            "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}},
            "signature": {"content": _base64(signature), "publicKey": {"content": _base64(verifier)}},
        }
        return self.log("hashedrekord", spec)

    def log_statement(self, payload: bytes, signature: bytes, verifier: bytes) -> dict[str, Any]:
        """Log an envelope's signature, by a certificate or a public key in PEM."""
        digest = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
        spec = {
            # Nobody can check it: an envelope has no canonical form.
            "envelopeHash": digest,
            "payloadHash": digest,
            "signatures": [{"signature": _base64(signature), "verifier": _base64(verifier)}],
        }
        return self.log("dsse", spec)

    def log(self, kind: str, spec: Mapping[str, Any], version: str = "0.0.1") -> dict[str, Any]:
        """Append an entry, and answer with it as bundles have it: with proof, checkpoint and promise."""
        body = _canonical({"apiVersion": version, "kind": kind, "spec": spec})
        index = len(self.leaves)
        self.leaves.append(_hash_leaf(body))
        # Somebody else's entry comes after, so that the proof goes both ways.
        self.leaves.append(_hash_leaf(b"somebody else's %d" % index))
        size, tree_root = len(self.leaves), _root(self.leaves)
        # The number of the tree after the name is how Rekor's first version is told from its second.
        note = f"{_LOG} - 1\n{size}\n{_base64(tree_root)}\n"
        log_id = hashlib.sha256(_spki(self.log_key)).digest()
        signature = _base64(log_id[:4] + self.log_key.sign(note.encode(), _SHA256))
        moment = int(self.now.timestamp()) + 1
        promised = {"body": _base64(body), "integratedTime": moment, "logID": log_id.hex(), "logIndex": index}
        return {
            "logIndex": str(index),
            "logId": {"keyId": _base64(log_id)},
            "kindVersion": {"kind": kind, "version": version},
            "integratedTime": str(moment),
            "inclusionPromise": {
                "signedEntryTimestamp": _base64(self.log_key.sign(_canonical(promised), _SHA256)),
            },
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": _base64(tree_root),
                "treeSize": str(size),
                "hashes": [_base64(each) for each in _proof(self.leaves, index)],
                "checkpoint": {"envelope": f"{note}\n— {_LOG} {signature}\n"},
            },
            "canonicalizedBody": _base64(body),
        }


def as_annotation(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A log entry as cosign's annotation has it."""
    return {
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
        },
    }


def as_pep740(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """A bundle with an envelope as PEP 740's attestation object."""
    material, envelope = bundle["verificationMaterial"], bundle["dsseEnvelope"]
    return {
        "version": 1,
        "verification_material": {
            "certificate": material["certificate"]["rawBytes"],
            "transparency_entries": material["tlogEntries"],
        },
        "envelope": {"statement": envelope["payload"], "signature": envelope["signatures"][0]["sig"]},
    }


def _bundle(issued: Issued, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"certificate": {"rawBytes": _base64(issued.der)}, "tlogEntries": [entry]},
    }


def _log(key: ec.EllipticCurvePrivateKey, url: str, valid: Mapping[str, str]) -> dict[str, Any]:
    public = _spki(key)
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": _base64(public), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid},
        "logId": {"keyId": _base64(hashlib.sha256(public).digest())},
    }


def _authority(name: x509.Name, key: ec.EllipticCurvePublicKey, below: int, now: datetime) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=365))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    return builder.issuer_name(name) if below else builder


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _extension(oid: str, text: str) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), _der(_UTF8_STRING, text.encode()))


def _der(tag: int, content: bytes) -> bytes:
    """ITU-T X.690, 8.1: tag, length, content; DER has the shortest length."""
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def _name(text: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "example.com")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _canonical(document: Mapping[str, Any]) -> bytes:
    """RFC 8785, for documents of ASCII texts and small integers."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _hash_leaf(body: bytes) -> bytes:
    """RFC 6962, section 2.1."""
    return hashlib.sha256(b"\x00" + body).digest()


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    middle = _split(len(leaves))
    return hashlib.sha256(b"\x01" + _root(leaves[:middle]) + _root(leaves[middle:])).digest()


def _proof(leaves: list[bytes], index: int) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    middle = _split(len(leaves))
    if index < middle:
        return [*_proof(leaves[:middle], index), _root(leaves[middle:])]
    return [*_proof(leaves[middle:], index - middle), _root(leaves[:middle])]


def _split(size: int) -> int:
    """The largest power of two below *size*."""
    return 1 << ((size - 1).bit_length() - 1)

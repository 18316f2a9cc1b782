"""Signing certificates: who they say signed, and whether they hang from a root.

The names and forms of Fulcio's extensions are those of https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md.
Chains are built by the `cryptography` library (RFC 5280); a certificate's proof that it was logged is RFC 6962's.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.certificate_transparency import LogEntryType
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from entrepot.model.errors import InvalidEvidence
from entrepot.trust.evidence import Identity
from entrepot.trust.question import Unproven

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.trust.roots import TrustedRoot

_FULCIO: Final = "1.3.6.1.4.1.57264.1"
_ISSUER: Final = f"{_FULCIO}.8"
_ISSUER_V1: Final = f"{_FULCIO}.1"
_USER_NAME: Final = f"{_FULCIO}.7"

CLAIMS: Final = {
    f"{_FULCIO}.9": "build_signer_uri",
    f"{_FULCIO}.10": "build_signer_digest",
    f"{_FULCIO}.11": "runner_environment",
    f"{_FULCIO}.12": "source_repository_uri",
    f"{_FULCIO}.13": "source_repository_digest",
    f"{_FULCIO}.14": "source_repository_ref",
    f"{_FULCIO}.15": "source_repository_identifier",
    f"{_FULCIO}.16": "source_repository_owner_uri",
    f"{_FULCIO}.17": "source_repository_owner_identifier",
    f"{_FULCIO}.18": "build_config_uri",
    f"{_FULCIO}.19": "build_config_digest",
    f"{_FULCIO}.20": "build_trigger",
    f"{_FULCIO}.21": "run_invocation_uri",
    f"{_FULCIO}.22": "source_repository_visibility",
}
"""What Fulcio's extensions are called here."""

_CERTIFICATE_SIZE: Final = 64 * 1024
_UTF8_STRING: Final = 0x0C
_LONG_LENGTH: Final = 0x80


def load_certificate(content: bytes) -> x509.Certificate:
    """Read one certificate in DER or PEM. Raises `InvalidEvidence`."""
    if len(content) > _CERTIFICATE_SIZE:
        raise InvalidEvidence("certificate", expected=f"at most {_CERTIFICATE_SIZE} bytes", actual=len(content))
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(content)
    except (ValueError, x509.InvalidVersion) as error:
        raise InvalidEvidence("certificate", expected="X.509", actual=str(error)[:200]) from error


def identity_of(certificate: x509.Certificate, root: str | None = None) -> Identity:
    """Who a keyless certificate says signed; *root* is the trusted root that it is known to hang from.

    Raises `InvalidEvidence` where it names nobody, several, or two issuers.
    """
    try:
        extensions = certificate.extensions
        names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise InvalidEvidence("certificate", expected="a subject alternative name", actual=str(error)[:200]) from error
    if len(names) != 1:
        raise InvalidEvidence("certificate", expected="exactly one subject alternative name", actual=len(names))
    found = {
        extension.oid.dotted_string: extension.value.value
        for extension in extensions
        if isinstance(extension.value, x509.UnrecognizedExtension)
    }
    issuers = set()
    if _ISSUER in found:
        issuers.add(_utf8_string(found[_ISSUER]))
    if _ISSUER_V1 in found:
        # The first extensions were the bare text, without DER.
        issuers.add(_text(found[_ISSUER_V1]))
    if len(issuers) != 1:
        raise InvalidEvidence("certificate", expected="one issuer of identities", actual=sorted(issuers))
    claims = {name: _utf8_string(found[oid]) for oid, name in CLAIMS.items() if oid in found}
    return Identity(issuers.pop(), _name(names[0]), claims, root)


def _name(name: x509.GeneralName) -> str:
    if isinstance(name, x509.UniformResourceIdentifier | x509.RFC822Name):
        return name.value
    if isinstance(name, x509.OtherName) and name.type_id.dotted_string == _USER_NAME:
        return _utf8_string(name.value)
    raise InvalidEvidence("certificate", expected="an address or an e-mail address", actual=type(name).__name__)


def _utf8_string(der: bytes) -> str:
    """ITU-T X.690, 8.23: the one ASN.1 type in Fulcio's extensions."""
    if len(der) >= 2 and der[0] == _UTF8_STRING:  # noqa: PLR2004 (a tag and a length)
        length, start = der[1], 2
        if length > _LONG_LENGTH:
            start += length - _LONG_LENGTH
            length = int.from_bytes(der[2:start])
        if length == len(der) - start:
            return _text(der[start:])
    raise InvalidEvidence("certificate, extension", expected="a UTF8String")


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidEvidence("certificate, extension", expected="UTF-8") from error


def require_chain(
    certificate: x509.Certificate,
    anchors: Sequence[x509.Certificate],
    moment: datetime,
    intermediates: Sequence[x509.Certificate] = (),
    *,
    usage_demanded: bool = True,
) -> Sequence[x509.Certificate]:
    """The chain of a certificate for signing code, valid at *moment*, its issuer first; or raise `Unproven`.

    Where it is not demanded, a certificate need not say that it is for code; it must not be for something else.
    """
    # Authorities are held to what the library demands of any; a leaf need not have what web servers have, and its
    # usage is looked at below.
    authority = ExtensionPolicy.webpki_defaults_ca().may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)
    policy = PolicyBuilder().store(Store(list(anchors))).time(moment)
    policy = policy.extension_policies(ca_policy=authority, ee_policy=ExtensionPolicy.permit_all())
    try:
        chain = policy.build_client_verifier().verify(certificate, list(intermediates)).chain
        extensions = certificate.extensions
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        extended = _extended_usage(extensions)
    except (VerificationError, ValueError, x509.ExtensionNotFound, x509.UnsupportedGeneralNameType) as error:
        raise Unproven(f"the certificate does not hang from the root at {moment:%Y-%m-%d}: {error}"[:300]) from error
    for_code = ExtendedKeyUsageOID.CODE_SIGNING in extended or (not extended and not usage_demanded)
    if not usage.digital_signature or not for_code:
        raise Unproven("the certificate is not for signing code")
    return chain[1:]


def _extended_usage(extensions: x509.Extensions) -> frozenset[x509.ObjectIdentifier]:
    try:
        return frozenset(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return frozenset()


def require_logged(certificate: x509.Certificate, issuer: x509.Certificate, root: TrustedRoot) -> None:
    """Raise `Unproven` unless a certificate log of the root promised to log the certificate (RFC 6962, section 3.2)."""
    try:
        stamps = certificate.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    except (x509.ExtensionNotFound, ValueError) as error:
        raise Unproven("the certificate has no proof that it was logged") from error
    issuer_key = hashlib.sha256(issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    body = certificate.tbs_precertificate_bytes
    for stamp in stamps:
        if stamp.entry_type is not LogEntryType.PRE_CERTIFICATE or not isinstance(
            stamp.signature_hash_algorithm, hashes.SHA256
        ):
            continue
        signed = struct.pack(
            f"!BBQH32s3s{len(body)}sH{len(stamp.extension_bytes)}s",
            stamp.version.value,
            0,
            round(stamp.timestamp.timestamp() * 1000),
            stamp.entry_type.value,
            issuer_key.digest(),
            len(body).to_bytes(3),
            body,
            len(stamp.extension_bytes),
            stamp.extension_bytes,
        )
        for log in root.certificate_logs:
            if log.id == stamp.log_id and log.key.verify(stamp.signature, signed):
                return
    raise Unproven("no certificate log of the root promised to log the certificate")

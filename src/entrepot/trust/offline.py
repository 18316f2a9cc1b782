"""Certificates of Sigstore bundles, checked by the `sigstore` library: with a root that is given, without the network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rfc3161_client import decode_timestamp_response
from sigstore.errors import Error
from sigstore.hashes import Hashed
from sigstore.models import Bundle
from sigstore.models import TrustedRoot as LibraryRoot
from sigstore.verify import Verifier
from sigstore_models.common.v1 import HashAlgorithm
from sigstore_models.trustroot import v1 as trustroot

from entrepot.trust.question import Unproven

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from entrepot.model.digest import Digest
    from entrepot.trust.roots import TrustedRoot


def check_envelope(content: bytes, certificate: x509.Certificate, root: TrustedRoot) -> tuple[str, bytes]:
    """The type and the payload that *certificate*'s key signed; or raise `Unproven`."""
    try:
        return _verifier(root).verify_dsse(Bundle.from_json(content), _Only(certificate))
    except Error as error:
        raise Unproven(str(error)) from error


def check_file(content: bytes, certificate: x509.Certificate, root: TrustedRoot, digest: Digest) -> None:
    """Raise `Unproven` unless *certificate*'s key signed the file with that sha256."""
    hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(digest.hex))
    try:
        _verifier(root).verify_artifact(hashed, Bundle.from_json(content), _Only(certificate))
    except Error as error:
        raise Unproven(str(error)) from error


def time_of(timestamp: bytes) -> datetime:
    """The time in an RFC 3161 timestamp that has been verified."""
    return decode_timestamp_response(timestamp).tst_info.gen_time


@lru_cache(maxsize=16)
def _verifier(root: TrustedRoot) -> Verifier:
    return Verifier(trusted_root=LibraryRoot(trustroot.TrustedRoot.from_json(root.content)))


@dataclass(frozen=True, slots=True)
class _Only:
    """The policy that the library is given: it has checked the very certificate that we have read.

    Whom that certificate names, and whether they are trusted, is found out by who asked.
    """

    certificate: x509.Certificate

    def verify(self, cert: x509.Certificate) -> None:
        """Raise `Unproven` for another certificate."""
        if cert != self.certificate:
            raise Unproven("the bundle reads in two ways")

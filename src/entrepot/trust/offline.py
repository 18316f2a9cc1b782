"""Certificates of Sigstore bundles, checked by the `sigstore` library: with a root that is given, without the network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from sigstore.errors import Error
from sigstore.hashes import Hashed
from sigstore.models import Bundle
from sigstore.models import TrustedRoot as LibraryRoot
from sigstore.verify import Verifier
from sigstore_models.common.v1 import HashAlgorithm
from sigstore_models.trustroot import v1 as trustroot

from entrepot.model.errors import InvalidKey
from entrepot.trust.question import Unproven

if TYPE_CHECKING:
    from cryptography import x509

    from entrepot.model.digest import Digest
    from entrepot.trust.roots import TrustedRoot


def require_usable(root: TrustedRoot) -> None:
    """Raise `InvalidKey` unless the library can use the root: for when one is registered, and not when it is needed."""
    try:
        _verifier(root)
    except Exception as error:  # the library raises what it likes
        raise InvalidKey("trusted root", expected="all that sigstore needs", actual=str(error)[:300]) from error


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


def proven_time(content: bytes, root: TrustedRoot) -> datetime:
    """When a bundle that was checked with *root* was signed, at the latest: the earliest time that is proven.

    Raises `Unproven`.
    """
    bundle = Bundle.from_json(content)
    # The library checks these times and tells nobody. What it has read is asked, and not our reading of the document:
    # the time of an entry without a promise, or of a timestamp that did not hold, proves nothing.
    entry = bundle.log_entry._inner  # noqa: SLF001
    verified = _verifier(root)._verify_timestamp_authority(bundle)  # noqa: SLF001
    times = [each.time for each in verified]
    if entry.inclusion_promise and entry.integrated_time:
        times.append(datetime.fromtimestamp(entry.integrated_time, UTC))
    if not times:
        raise Unproven("no time is proven")
    return min(times)


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

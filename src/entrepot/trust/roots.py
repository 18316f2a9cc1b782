"""What certificates hang from: Sigstore's trusted roots, and plain stores of X.509 roots.

A trusted root is the document ``trusted_root.json`` of a Sigstore instance: its certificate authorities, transparency
logs, certificate logs and timestamp authorities.
Whoever configures one brings the whole document; none is built in and none is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography import x509

from entrepot.model.errors import InvalidEvidence, InvalidKey
from entrepot.trust.statement import parse_json

if TYPE_CHECKING:
    from typing import Self

_SIZE: Final = 1024 * 1024
_CERTIFICATES: Final = 100
_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.trustedroot"
_PEM: Final = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """A Sigstore instance that is trusted, under the caller's own name for it."""

    name: str
    content: bytes

    @classmethod
    def parse(cls, name: str, content: bytes) -> Self:
        """Read a ``trusted_root.json``. Raises `InvalidKey`."""
        try:
            document = parse_json(content, "trusted root", size=_SIZE)
        except InvalidEvidence as error:
            raise InvalidKey("trusted root", expected=error.expected, actual=error.actual) from error
        media_type = document.get("mediaType") if isinstance(document, dict) else None
        if not isinstance(media_type, str) or not media_type.startswith(_MEDIA_TYPE):
            raise InvalidKey("trusted root", expected=f"mediaType {_MEDIA_TYPE}", actual=str(media_type)[:200])
        return cls(name, content)


@dataclass(frozen=True, slots=True)
class CertificateStore:
    """X.509 certificates that chains may end in."""

    certificates: tuple[x509.Certificate, ...] = field(repr=False)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read one certificate in DER, or any number in PEM. Raises `InvalidKey`."""
        if len(content) > _SIZE:
            raise InvalidKey("certificates", expected=f"at most {_SIZE} bytes", actual=len(content))
        try:
            if _PEM in content:
                found = x509.load_pem_x509_certificates(content)
            else:
                found = [x509.load_der_x509_certificate(content)]
        except ValueError as error:
            raise InvalidKey("certificates", expected="PEM or DER", actual=str(error)[:200]) from error
        if len(found) > _CERTIFICATES:
            raise InvalidKey("certificates", expected=f"at most {_CERTIFICATES}", actual=len(found))
        return cls(tuple(found))

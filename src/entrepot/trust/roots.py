"""What certificates hang from: Sigstore's trusted roots, and plain stores of X.509 roots.

A trusted root is the document ``trusted_root.json`` of a Sigstore instance: its certificate authorities, transparency
logs, certificate logs and timestamp authorities
(https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto).
Whoever configures one brings the whole document; none is built in and none is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509

from entrepot.model.errors import InvalidEvidence, InvalidKey
from entrepot.trust.keys import PublicKey
from entrepot.trust.statement import decode_base64, parse_json

if TYPE_CHECKING:
    from typing import Self

_SIZE: Final = 1024 * 1024
_CERTIFICATES: Final = 100
_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.trustedroot"
_PEM: Final = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when something of a root is to be believed."""

    start: datetime | None = None
    end: datetime | None = None

    def covers(self, moment: datetime) -> bool:
        """Whether *moment* is within."""
        return (self.start is None or self.start <= moment) and (self.end is None or moment < self.end)


@dataclass(frozen=True, slots=True)
class Log:
    """A transparency log, or a log of certificates."""

    id: bytes
    key: PublicKey
    validity: Validity


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority: its intermediate certificates, if any, and its root."""

    certificates: tuple[x509.Certificate, ...]
    validity: Validity


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """A Sigstore instance that is trusted, under the caller's own name for it; `parse` makes it."""

    name: str
    content: bytes = field(repr=False)
    logs: tuple[Log, ...] = field(compare=False, repr=False)
    certificate_logs: tuple[Log, ...] = field(compare=False, repr=False)
    authorities: tuple[Authority, ...] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, name: str, content: bytes) -> Self:
        """Read a ``trusted_root.json``. Raises `InvalidKey`."""
        try:
            document = parse_json(content, "trusted root", size=_SIZE)
            media_type = document.get("mediaType") if isinstance(document, dict) else None
            if not isinstance(media_type, str) or not media_type.startswith(_MEDIA_TYPE):
                raise InvalidKey("trusted root", expected=f"mediaType {_MEDIA_TYPE}", actual=str(media_type)[:200])
            return cls(
                name,
                content,
                tuple(_log(each) for each in document.get("tlogs") or ()),
                tuple(_log(each) for each in document.get("ctlogs") or ()),
                tuple(_authority(each) for each in document.get("certificateAuthorities") or ()),
            )
        except InvalidEvidence as error:
            raise InvalidKey("trusted root", expected=error.expected, actual=error.actual) from error
        except (KeyError, TypeError, ValueError, AttributeError, x509.InvalidVersion) as error:
            raise InvalidKey("trusted root", expected="logs and authorities", actual=repr(error)[:200]) from error


def _log(found: dict[str, Any]) -> Log:
    public = found["publicKey"]
    return Log(
        decode_base64(found["logId"]["keyId"], "log id"),
        PublicKey.parse(decode_base64(public["rawBytes"], "log key")),
        _validity(public.get("validFor")),
    )


def _authority(found: dict[str, Any]) -> Authority:
    chain = found["certChain"]["certificates"]
    certificates = [x509.load_der_x509_certificate(decode_base64(each["rawBytes"], "certificate")) for each in chain]
    return Authority(tuple(certificates), _validity(found.get("validFor")))


def _validity(found: dict[str, str] | None) -> Validity:
    return Validity(*(_moment((found or {}).get(name)) for name in ("start", "end")))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


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
        except (ValueError, x509.InvalidVersion) as error:
            raise InvalidKey("certificates", expected="PEM or DER", actual=str(error)[:200]) from error
        if len(found) > _CERTIFICATES:
            raise InvalidKey("certificates", expected=f"at most {_CERTIFICATES}", actual=len(found))
        return cls(tuple(found))

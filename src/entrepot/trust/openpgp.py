"""OpenPGP: signatures beside files (Maven's ``.asc``), and clear-signed lists of files (Helm's ``.prov``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pysequoia

from entrepot.model.errors import InvalidKey

if TYPE_CHECKING:
    from typing import Self

_CERTIFICATE_SIZE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class OpenPgpCertificate:
    """An OpenPGP certificate: a public key with its subkeys and names."""

    content: bytes
    fingerprint: str
    """Upper-case hexadecimal, as gpg prints it."""
    user_ids: tuple[str, ...] = ()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read one certificate, armoured or not; secret keys are refused. Raises `InvalidKey`."""
        if len(content) > _CERTIFICATE_SIZE:
            raise InvalidKey("OpenPGP certificate", expected=f"at most {_CERTIFICATE_SIZE} bytes", actual=len(content))
        try:
            found = pysequoia.Cert.split_bytes(content)
        except Exception as error:  # whatever the foreign library raises
            raise InvalidKey("OpenPGP certificate", expected="a public key block") from error
        if len(found) != 1:
            raise InvalidKey("OpenPGP certificate", expected="exactly one", actual=len(found))
        (certificate,) = found
        if certificate.has_secret_keys:
            raise InvalidKey("OpenPGP certificate", expected="a public key, and not the secret one")
        if certificate.is_revoked:
            raise InvalidKey("OpenPGP certificate", expected="one that is not revoked")
        names = tuple(str(each) for each in certificate.user_ids)
        return cls(content, certificate.fingerprint.upper(), names)

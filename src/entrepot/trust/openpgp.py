"""OpenPGP certificates, and which of their keys made a signature.

RFC 9580; checked by Sequoia, whose policy refuses weak hashes and keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pysequoia

from entrepot.model.errors import InvalidEvidence, InvalidKey

if TYPE_CHECKING:
    from typing import Self

_CERTIFICATE_SIZE: Final = 1024 * 1024
_SIGNATURE_SIZE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class OpenPgpCertificate:
    """An OpenPGP certificate: a public key with its subkeys and names."""

    content: bytes
    fingerprint: str
    """Upper-case hexadecimal, as gpg prints it."""
    user_ids: tuple[str, ...] = ()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read one certificate, armoured or not; secret keys and revoked ones are refused. Raises `InvalidKey`."""
        if len(content) > _CERTIFICATE_SIZE:
            raise InvalidKey("OpenPGP certificate", expected=f"at most {_CERTIFICATE_SIZE} bytes", actual=len(content))
        try:
            found = pysequoia.Cert.split_bytes(content)
            whole = bytes(pysequoia.Tsk.from_bytes(content))
        except Exception as error:  # the library raises what it likes
            raise InvalidKey("OpenPGP certificate", expected="a public key block") from error
        if len(found) != 1:
            raise InvalidKey("OpenPGP certificate", expected="exactly one", actual=len(found))
        (certificate,) = found
        # The library writes a certificate without its secrets.
        if bytes(certificate) != whole:
            raise InvalidKey("OpenPGP certificate", expected="a public key, and not the secret one")
        try:
            is_revoked, names = certificate.is_revoked, tuple(str(each) for each in certificate.user_ids)
        except Exception as error:  # the library raises what it likes, where no signature says what the key is for
            raise InvalidKey("OpenPGP certificate", expected="one that its own key has signed") from error
        if is_revoked:
            raise InvalidKey("OpenPGP certificate", expected="one that is not revoked")
        return cls(content, certificate.fingerprint.upper(), names)

    def find_key(self, content: bytes, signature: pysequoia.Sig | None = None) -> tuple[str, bytes] | None:
        """The fingerprint of the key of this certificate that signed, and what it signed; None where none did.

        *content* is what *signature* is beside, or a message that has its signature within.
        """
        certificate = pysequoia.Cert.from_bytes(self.content)
        try:
            found = pysequoia.verify(bytes=content, store=lambda _: [certificate], signature=signature)
        except RuntimeError:
            # What the library raises where no signature is the certificate's.
            return None
        keys = [each for each in found.valid_sigs if each.certificate.upper() == self.fingerprint]
        return (keys[0].signing_key.upper(), found.bytes or b"") if keys else None


def load_signature(content: bytes) -> pysequoia.Sig:
    """Read one signature, armoured or not. Raises `InvalidEvidence`."""
    if len(content) > _SIGNATURE_SIZE:
        raise InvalidEvidence("OpenPGP signature", expected=f"at most {_SIGNATURE_SIZE} bytes", actual=len(content))
    try:
        return pysequoia.Sig.from_bytes(content)
    except Exception as error:  # the library raises what it likes
        raise InvalidEvidence("OpenPGP signature", expected="a signature, armoured or not") from error


def key_hints(signature: pysequoia.Sig) -> tuple[str, ...]:
    """How a signature names the key that made it."""
    hint = signature.issuer_fingerprint or signature.issuer_key_id
    return (hint.upper(),) if hint else ()

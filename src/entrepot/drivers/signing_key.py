"""The key that the registry signs its statements with: a file that only its owner may read, or a key store's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.drivers.key_store import StoredKey
from entrepot.drivers.private_file import make_private_file
from entrepot.model.errors import InvalidKey, Unavailable
from entrepot.trust.keys import PublicKey
from entrepot.trust.signing import LocalKey

if TYPE_CHECKING:
    from pathlib import Path

    from entrepot.trust.signing import Signing

_FILE: Final = "file:"


def open_signing_key(address: str, *, default: Path, public_key: Path | None, pin: Path | None = None) -> Signing:
    """The key at ``file:PATH``, or in a store (``awskms:…`` with the file of its *public_key*); without an address, *default*.

    The default is made when it is not there; of several processes that do so at once, all get the same.
    *pin* is the file of what a hardware module is opened with.
    Raises `InvalidKey`: a key that cannot be read is never replaced, for nobody would believe the other.
    """
    if not address:
        if not default.exists():
            make_private_file(default, LocalKey.generate().to_pem())
        return _read(default)
    if address.startswith(_FILE):
        return _read(default.parent / address.removeprefix(_FILE))
    if public_key is None:
        raise InvalidKey("key store", expected="the file of its public key, too")
    try:
        known = PublicKey.parse(public_key.read_bytes())
    except OSError as error:
        raise InvalidKey(public_key, expected="a file that can be read", actual=error.strerror) from error
    return StoredKey.open(address, known, None if pin is None else lambda: _read_pin(pin))


def _read_pin(path: Path) -> str:
    """A PIN that is read when it is needed, so that another one needs no restart."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"the PIN of the hardware module, in {path}, cannot be read") from error


def _read(path: Path) -> LocalKey:
    try:
        return LocalKey.parse(path.read_bytes())
    except OSError as error:
        raise InvalidKey(path, expected="a file that can be read", actual=error.strerror) from error

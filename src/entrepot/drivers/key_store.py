"""Keys that never leave their store: a cloud's, Vault's, or a hardware module behind PKCS #11."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from entrepot.model.errors import InvalidKey, Unavailable

if TYPE_CHECKING:
    from typing import Self

    from entrepot.trust.keys import PublicKey

Secret = Callable[[], str]
"""Asked for what opens a store, each time that it is needed. Raises `Unavailable`."""

_HARDWARE: Final = "hsm:"
_MODULE: Final = "PYKCS11LIB"
"""The variable that names the module's library: whose address it is (`securesystemslib`) calls it so."""
_TURN_SECONDS: Final = 30.0
_REASON_SIZE: Final = 300

_log = structlog.stdlib.get_logger("entrepot.key_store")


class _Store(Protocol):
    """What the `securesystemslib` library gives for an address."""

    def sign(self, payload: bytes) -> Any:
        """The library's signature of the payload."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A private key that its store signs with when it is asked to."""

    public_key: PublicKey
    _store: _Store = field(repr=False, compare=False)
    _is_hardware: bool = field(default=False, repr=False, compare=False)

    @classmethod
    def open(cls, address: str, public_key: PublicKey, secret: Secret | None = None) -> Self:
        """The key behind an address of `securesystemslib`: ``awskms:…``, ``gcpkms:…``, ``azurekms:…``, ``hv:…``, ``hsm:…``.

        A hardware module needs not be there yet, and is opened with *secret*, its PIN.
        Raises `InvalidKey` where the address is none, or where what reaches it is not installed.
        """
        # Only who has such a key has what its store needs installed.
        # It does not mark the names that it documents as exported.
        from securesystemslib.signer import Signer, SSlibKey  # type: ignore[attr-defined]  # noqa: PLC0415

        is_hardware = address.startswith(_HARDWARE)
        if is_hardware and secret is None:
            raise InvalidKey("key store", expected="the file of its PIN, too")
        if is_hardware and _MODULE not in os.environ:
            raise InvalidKey("key store", expected=f"{_MODULE}, the path of the module's library, in the environment")
        ask = None if secret is None else (lambda _: _MODULES.pin(secret))
        try:
            store = Signer.from_priv_key_uri(address, SSlibKey.from_crypto(public_key.key), ask)
        except Exception as error:  # each store raises its own
            raise InvalidKey("key store", expected="an address that can be reached", actual=_said(error)) from error
        return cls(public_key, store, is_hardware)

    def sign(self, message: bytes) -> bytes:
        """The store's signature. Raises `Unavailable` where it gives none, or one of another key."""
        try:
            made = _MODULES.sign(self._store, message) if self._is_hardware else self._store.sign(message)
            signature = bytes.fromhex(made.signature)
        except Exception as error:  # each store raises its own
            # Whoever waits for the signature is not told of what is behind the registry; its operator is.
            _log.error("key store does not sign", key=self.public_key.fingerprint, reason=_said(error))
            raise Unavailable("the key store does not sign") from error
        if not self.public_key.verify(signature, message):
            _log.error("key store signs with another key", key=self.public_key.fingerprint)
            raise Unavailable("the key store signs with another key than it should")
        return signature


class _Modules:
    """What all keys in hardware share in a process: PKCS #11 keeps one login for each token, whoever asked for it."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._failed = False
        self._given = ""
        self._refused: str | None = None

    def sign(self, store: _Store, message: bytes) -> Any:
        """The store's signature, when it is this thread's turn."""
        # It has the library, for the store was opened.
        import pkcs11  # noqa: PLC0415

        if not self._turn.acquire(timeout=_TURN_SECONDS):
            raise Unavailable("the hardware module does not answer")
        try:
            if self._failed:
                # Once a token was away, a module does not find it again before it is started again.
                pkcs11.lib(os.environ[_MODULE]).reinitialize()
            self._failed = True
            made = store.sign(message)
            self._failed = False
        except pkcs11.exceptions.PinIncorrect:
            self._refused = self._given
            raise
        finally:
            self._turn.release()
        return made

    def pin(self, secret: Secret) -> str:
        """What the operator says the PIN is; never twice one that was refused, for that locks the token for good."""
        self._given = secret()
        if self._given == self._refused:
            raise Unavailable("the hardware module has refused this PIN; it is tried again when it is another")
        return self._given


_MODULES: Final = _Modules()


def _said(error: Exception) -> str:
    """What an error of a library says; some have nothing but their name."""
    return f"{type(error).__name__} {error}".strip()[:_REASON_SIZE]

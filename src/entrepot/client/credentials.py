"""Which registry is meant, and with what token: arguments, then the environment, then the login store.

The login store is ``$XDG_CONFIG_HOME/entrepot/credentials.json``, readable by its owner alone.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from entrepot.client.errors import LocalFailure, Misuse, NoServer

if TYPE_CHECKING:
    from typing import Self

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Login:
    """A registry, and the token for it; without one the caller is anonymous."""

    url: str
    token: str | None = field(default=None, repr=False)


def parse_url(text: str) -> str:
    """A registry's address in its one spelling, ``https://registry.example.com``. Raises `Misuse`."""
    example = "an address looks like https://registry.example.com or http://localhost:8080"
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Misuse(f"{text!r} is not an address ({error}): {example}") from None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise Misuse(f"{text!r} is not an address: {example}")
    if parts.username is not None or parts.password is not None:
        raise Misuse("the address must not carry credentials", hint="Give the token with --token or ENTREPOT_TOKEN.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise Misuse(f"{text!r} names a place inside a registry: {example}")
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")


@dataclass(frozen=True, slots=True)
class LoginStore:
    """The tokens that `entrepot login` keeps, by registry."""

    path: Path

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Where this user's is."""
        home = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or Path.home()) / ".config"
        return cls(Path(home) / "entrepot" / "credentials.json")

    def current(self) -> str | None:
        """The registry that was logged in to last."""
        current = self._read().get("current")
        return current if isinstance(current, str) else None

    def token(self, url: str) -> str | None:
        """The token for a registry."""
        return self._tokens().get(url)

    def urls(self) -> list[str]:
        """The registries that have a token here."""
        return list(self._tokens())

    def add(self, login: Login) -> None:
        """Keep the token of *login*, and mean its registry when none is named. Raises `LocalFailure`."""
        self._write(login.url, self._tokens() | {login.url: login.token or ""})

    def remove(self, url: str) -> bool:
        """Forget a registry's token; False when there was none. Raises `LocalFailure`."""
        tokens = self._tokens()
        if tokens.pop(url, None) is None:
            return False
        current = self.current()
        self._write(next(iter(tokens), None) if current == url else current, tokens)
        return True

    def is_private(self) -> bool:
        """Whether nobody but its owner can read it."""
        return not self.path.exists() or self.path.stat().st_mode & 0o077 == 0

    def _tokens(self) -> dict[str, str]:
        servers = self._read().get("servers")
        if not isinstance(servers, dict):
            return {}
        return {url: entry["token"] for url, entry in servers.items() if isinstance(entry, dict) and "token" in entry}

    def _read(self) -> dict[str, object]:
        try:
            content = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise LocalFailure(
                f"the login store {self.path} cannot be read: {error}", hint="Remove it and log in again."
            ) from error
        if not isinstance(content, dict):
            raise LocalFailure(f"the login store {self.path} is damaged", hint="Remove it and log in again.")
        return content

    def _write(self, current: str | None, tokens: Mapping[str, str]) -> None:
        content = {"current": current, "servers": {url: {"token": token} for url, token in tokens.items()}}
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A temporary file is made with mode 0600, so the token is never readable by others.
            with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False) as file:
                json.dump(content, file, indent=2)
            Path(file.name).replace(self.path)
        except OSError as error:
            raise LocalFailure(f"the login store {self.path} cannot be written: {error}") from error


def find_login(
    url: str | None = None, token: str | None = None, *, environment: Mapping[str, str] = os.environ
) -> Login:
    """Whom to talk to, and as whom.

    A token of the environment is for the registry of the environment: it is not sent to another that was named.

    Raises `NoServer`, `Misuse`, `LocalFailure`.
    """
    store = LoginStore.of(environment)
    named = environment.get("ENTREPOT_URL")
    chosen = url or named or store.current()
    if not chosen:
        raise NoServer(
            "no registry is named", hint="Set ENTREPOT_URL, or log in: `entrepot login https://registry.example.com`."
        )
    address = parse_url(chosen)
    if token is None and (not named or parse_url(named) == address):
        token = _environment_token(environment)
    if token is None:
        token = store.token(address)
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise Misuse(
            "the token contains characters that no token has", hint="Check it for a space or a line break inside."
        )
    return Login(address, token)


def _environment_token(environment: Mapping[str, str]) -> str | None:
    """The token that the environment gives, itself or the name of a file that holds it. Raises `LocalFailure`."""
    path = environment.get("ENTREPOT_TOKEN_FILE")
    if path and not environment.get("ENTREPOT_TOKEN"):
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError) as error:
            raise LocalFailure(f"ENTREPOT_TOKEN_FILE cannot be read: {error}") from error
    return environment.get("ENTREPOT_TOKEN", "").strip() or None

"""What other registries are asked with: kept in the catalog as text, never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from entrepot.model.errors import Invalid
from entrepot.ports.fetch import Basic, Bearer

if TYPE_CHECKING:
    from entrepot.ports.fetch import Credentials


class _Secret(msgspec.Struct, omit_defaults=True):
    user: str | None = None
    password: str = ""
    token: str = ""


def check_credentials(credentials: Credentials | None) -> None:
    """Raises `Invalid` for what no header can say; it tells nothing of what was given."""
    match credentials:
        case Basic(user, password) if ":" in user or not (user + password).isprintable():
            raise Invalid("credentials", expected="visible characters, and no colon in the user's name")
        case Bearer(token) if not (token and token.isascii() and token.isprintable() and " " not in token):
            raise Invalid("credentials", expected="a token of visible ASCII characters")


def secret_of(credentials: Credentials | None) -> str | None:
    """How credentials are kept."""
    match credentials:
        case None:
            return None
        case Basic(user, password):
            stored = _Secret(user=user, password=password)
        case Bearer(token):
            stored = _Secret(token=token)
    return msgspec.json.encode(stored).decode()


def read_secret(text: str) -> Credentials:
    """Credentials as they were kept."""
    stored = msgspec.json.decode(text, type=_Secret)
    return Bearer(stored.token) if stored.user is None else Basic(stored.user, stored.password)

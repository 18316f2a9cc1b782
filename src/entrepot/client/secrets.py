"""Secrets that were published by mistake: the part of the management API that tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from entrepot.client.connection import escape
from entrepot.client.packages import path_of
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from entrepot.client.address import Address
    from entrepot.client.connection import Connection
    from entrepot.client.packages import Packages


@dataclass(frozen=True, slots=True)
class AcceptedSecret:
    """Somebody's word that a secret is none, or is meant to be there."""

    name: str
    reason: str
    actor: str
    at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A secret, and where it lies; never the secret itself."""

    name: str
    kind: str
    state: str
    """``live``, ``certain``, ``possible``, ``accepted`` or ``dead``."""
    file: str
    path: str
    line: int
    excerpt: str
    digest: Digest
    token: str | None = None
    accepted: AcceptedSecret | None = None


@dataclass(frozen=True, slots=True)
class FoundSecrets:
    """The secrets of an artifact. None found is a good sign only where it was `searched` and nothing is `unread`."""

    digest: Digest
    searched: bool
    unread: int
    secrets: tuple[FoundSecret, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeakingContent:
    """Something in a package that has secrets; what its file is called, `Secrets.read` says."""

    format: str
    package: str
    digest: Digest
    secrets: tuple[FoundSecret, ...]
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets in what was published. Every method raises `ClientError`."""

    _connection: Connection
    _packages: Packages

    def read(self, address: Address | str) -> FoundSecrets:
        """The secrets that an artifact has, with their places: for who may publish or govern there."""
        located = self._packages.locate(address)
        path = f"{path_of(located)}/-/secrets/{escape(located.reference)}"
        return self._connection.call("GET", path).read(FoundSecrets)

    def iter(self, namespace: str) -> Iterator[LeakingContent]:
        """All that has secrets in a namespace, as far as you may publish or govern there."""
        return self._connection.pages(f"/api/v1/namespaces/{escape(namespace)}/secrets", LeakingContent)

    def accepted(self, address: Address | str) -> Iterator[AcceptedSecret]:
        """What is accepted in a package."""
        path = f"{path_of(self._packages.locate(address))}/-/accepted-secrets"
        return self._connection.pages(path, AcceptedSecret)

    def accept(
        self, address: Address | str, name: str, reason: str, *, duration: timedelta | None = None
    ) -> AcceptedSecret:
        """Say that a secret of an artifact is none, or is meant to be there: in all of the package."""
        located = self._packages.locate(address)
        document = {
            "artifact": located.reference,
            "reason": reason,
            "seconds": None if duration is None else int(duration.total_seconds()),
        }
        path = f"{path_of(located)}/-/accepted-secrets/{escape(name)}"
        return self._connection.call("PUT", path, document=document).read(AcceptedSecret)

    def unaccept(self, address: Address | str, name: str) -> None:
        """Accept it no more."""
        path = f"{path_of(self._packages.locate(address))}/-/accepted-secrets/{escape(name)}"
        self._connection.call("DELETE", path)

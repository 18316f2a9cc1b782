"""Issuers of identity tokens, trusted publishers, and what was used already: an area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.federation import Issuer, IssuerName, Publisher, PublisherName
    from entrepot.model.names import NamespaceName


class Federation(Protocol):
    """Whose tokens are believed, and for what."""

    async def list_issuers(self) -> Sequence[Issuer]:
        """All of them, the oldest first."""

    async def find_issuer(self, url: str) -> Issuer | None:
        """The issuer that calls itself so, to the letter."""

    async def list_publishers(
        self, namespace: NamespaceName | None = None, *, issuer: IssuerName | None = None
    ) -> Sequence[Publisher]:
        """The trusted publishers, by namespace and name."""

    async def is_used(self, token: str) -> bool:
        """Whether an identity token was traded already; *token* is what it is known by."""


class FederationChanges(Protocol):
    """What a change may do to them."""

    def add_issuer(self, issuer: Issuer) -> bool:
        """Believe its tokens; False when there is one of this name, or with this URL."""

    def find_issuer(self, name: IssuerName) -> Issuer | None:
        """The issuer of this name."""

    def remove_issuer(self, name: IssuerName) -> bool:
        """Believe its tokens no more, and forget its publishers; False when there is none of this name."""

    def add_publisher(self, publisher: Publisher) -> bool:
        """Trust it; False when the namespace has one of this name. Raises `NamespaceUnknown`, `IssuerUnknown`."""

    def find_publisher(self, namespace: NamespaceName, name: PublisherName) -> Publisher | None:
        """The publisher of this name."""

    def list_publishers(self, issuer: IssuerName) -> Sequence[Publisher]:
        """Those that an issuer's tokens are believed for, by namespace and name."""

    def set_publisher(self, publisher: Publisher) -> None:
        """Replace its rules, and when it was used last. Raises `PublisherUnknown`."""

    def remove_publisher(self, namespace: NamespaceName, name: PublisherName) -> bool:
        """Trust it no more; False when there is none of this name."""

    def use_token(self, token: str, expires_at: datetime) -> bool:
        """Remember until *expires_at* that an identity token was traded; False when it was before."""

    def forget_expired(self) -> None:
        """Forget the identity tokens that nobody can use any more, and publishers' tokens a week after their end."""

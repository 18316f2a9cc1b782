"""Trusted publishers: whose CI jobs may publish without a secret of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.client.answers import Issuer, Publisher, RemovedIssuer, TokenPreview
from entrepot.client.connection import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from entrepot.client.connection import Connection

_ISSUERS = "/api/v1/federation/issuers"


@dataclass(frozen=True, slots=True)
class Issuers:
    """The systems whose identity tokens are believed. Every method raises `ClientError`."""

    _connection: Connection

    def add(
        self,
        name: str,
        url: str,
        *,
        provider: str = "generic",
        audiences: Sequence[str] = (),
        algorithms: Sequence[str] = (),
        max_lifetime: timedelta | None = None,
        private: bool = False,
        keys: Mapping[str, object] | None = None,
    ) -> Issuer:
        """Believe what it signs. Without audiences, tokens must be for the registry's own address.

        *keys* is its JWK set, where the registry cannot ask it. Provider is ``github``, ``gitlab`` or ``generic``.
        """
        document: dict[str, object] = {"name": name, "url": url, "provider": provider, "private": private}
        if audiences:
            document["audiences"] = list(audiences)
        if algorithms:
            document["algorithms"] = list(algorithms)
        if max_lifetime is not None:
            document["max_lifetime_seconds"] = int(max_lifetime.total_seconds())
        if keys is not None:
            document["keys"] = dict(keys)
        return self._connection.call("POST", _ISSUERS, document=document).read(Issuer)

    def iter(self) -> Iterator[Issuer]:
        """All of them, the oldest first."""
        return self._connection.pages(_ISSUERS, Issuer)

    def remove(self, name: str) -> RemovedIssuer:
        """Believe it no more; its publishers go with it, and their tokens stop working."""
        return self._connection.call("DELETE", f"{_ISSUERS}/{escape(name)}").read(RemovedIssuer)


@dataclass(frozen=True, slots=True)
class Publishers:
    """The trusted publishers of a namespace. Every method raises `ClientError`."""

    _connection: Connection

    def add(
        self,
        namespace: str,
        name: str,
        *,
        issuer: str,
        rules: Mapping[str, str],
        packages: Sequence[str] = (),
        role: str = "publisher",
        lifetime: timedelta | None = None,
    ) -> Publisher:
        """Trust jobs whose claims are as *rules* say; without *packages* for all of the namespace."""
        document: dict[str, object] = {"name": name, "issuer": issuer, "rules": dict(rules), "role": role}
        if packages:
            document["packages"] = list(packages)
        if lifetime is not None:
            document["lifetime_seconds"] = int(lifetime.total_seconds())
        return self._connection.call("POST", _publishers(namespace), document=document).read(Publisher)

    def iter(self, namespace: str) -> Iterator[Publisher]:
        """A namespace's, by name."""
        return self._connection.pages(_publishers(namespace), Publisher)

    def remove(self, namespace: str, name: str) -> None:
        """Trust it no more, and stop its tokens."""
        self._connection.call("DELETE", f"{_publishers(namespace)}/{escape(name)}")

    def preview(self, namespace: str, token: str) -> TokenPreview:
        """What would come of trading an identity token; it is not used up."""
        path = f"/api/v1/namespaces/{escape(namespace)}/preview-token"
        return self._connection.call("POST", path, document={"token": token}, repeatable=True).read(TokenPreview)


def _publishers(namespace: str) -> str:
    return f"/api/v1/namespaces/{escape(namespace)}/publishers"

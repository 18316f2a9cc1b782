"""What is kept: leases, holds, and what runs where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from entrepot.client.connection import escape
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from entrepot.client.address import Address
    from entrepot.client.connection import Connection
    from entrepot.client.packages import Packages


@dataclass(frozen=True, slots=True)
class Hold:
    """A lease or a hold: a reason to keep an artifact, with all that it contains and its referrers."""

    id: str
    namespace: str
    format: str
    package: str
    digest: Digest
    kind: str
    """``lease``, ``manual`` or ``legal``."""
    holder: str
    reason: str
    actor: str
    at: datetime | None = None
    expires_at: datetime | None = None
    """Of a lease."""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """An artifact that runs, or ran, somewhere."""

    id: int
    namespace: str
    environment: str
    service: str
    format: str
    package: str
    digest: Digest
    status: str
    """``deployed`` or ``decommissioned``."""
    cluster: str = ""
    region: str = ""
    version: str = ""
    since: datetime | None = None
    until: datetime | None = None
    tags: Mapping[str, str] | None = None
    risks: tuple[str, ...] = ()
    repository: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Protection:
    """One reason why an artifact cannot be deleted."""

    kind: str
    """``deployed``, ``rollback``, ``lease``, ``manual`` or ``legal``."""
    id: str
    digest: Digest
    text: str
    actor: str
    since: datetime
    until: datetime | None = None
    holder: str = ""
    reason: str = ""
    environment: str | None = None
    service: str | None = None
    cluster: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Holds:
    """What is kept until a time, or until somebody lets it go. Every method raises `ClientError`."""

    _connection: Connection
    _packages: Packages

    def lease(self, address: Address | str, ttl: timedelta, reason: str, *, holder: str = "") -> Hold:
        """Keep it for a time; without *holder* for yourself."""
        document = {"ttl_seconds": int(ttl.total_seconds()), "reason": reason, "holder": holder}
        return self._connection.call("POST", self._path(address, "leases"), document=document).read(Hold)

    def renew(self, lease: str, ttl: timedelta) -> Hold:
        """Let a lease last at least so long from now."""
        path = f"/api/v1/leases/{escape(lease)}/renew"
        document = {"ttl_seconds": int(ttl.total_seconds())}
        return self._connection.call("POST", path, document=document, repeatable=True).read(Hold)

    def release(self, lease: str) -> None:
        """End a lease."""
        self._connection.call("DELETE", f"/api/v1/leases/{escape(lease)}")

    def leases(self, namespace: str, *, history: bool = False) -> Iterator[Hold]:
        """What is leased in a namespace."""
        return self._connection.pages(
            f"/api/v1/namespaces/{escape(namespace)}/leases", Hold, query=_since(history=history)
        )

    def hold(self, address: Address | str, reason: str, *, legal: bool = False, holder: str = "") -> Hold:
        """Keep it until somebody lifts the hold."""
        document = {"reason": reason, "legal": legal, "holder": holder}
        return self._connection.call("POST", self._path(address, "holds"), document=document).read(Hold)

    def lift(self, hold: str, *, reason: str = "") -> None:
        """Lift a hold."""
        query = {"reason": reason} if reason else None
        self._connection.call("DELETE", f"/api/v1/holds/{escape(hold)}", query=query)

    def holds(self, namespace: str, *, history: bool = False) -> Iterator[Hold]:
        """What is held in a namespace."""
        return self._connection.pages(
            f"/api/v1/namespaces/{escape(namespace)}/holds", Hold, query=_since(history=history)
        )

    def _path(self, address: Address | str, what: str) -> str:
        return _place(self._packages, address, what)


@dataclass(frozen=True, slots=True)
class Deployments:
    """What runs where. Every method raises `ClientError`."""

    _connection: Connection
    _packages: Packages

    def record(
        self,
        address: Address | str,
        service: str,
        environment: str,
        *,
        cluster: str = "",
        region: str = "",
        tags: Mapping[str, str] | None = None,
        risks: Sequence[str] = (),
        repository: str = "",
    ) -> Deployment:
        """Say that it runs there from now on, and that what ran there before does not."""
        document = {
            "environment": environment,
            "service": service,
            "cluster": cluster,
            "region": region,
            "tags": dict(tags or {}),
            "risks": list(risks),
            "repository": repository,
        }
        path = _place(self._packages, address, "deployments")
        return self._connection.call("POST", path, document=document, repeatable=True).read(Deployment)

    def end(
        self,
        namespace: str,
        service: str,
        environment: str,
        *,
        cluster: str = "",
        region: str = "",
        digest: Digest | None = None,
    ) -> Deployment:
        """Say that nothing runs there any more; or, with a digest, that this artifact does not."""
        document = {
            "environment": environment,
            "service": service,
            "cluster": cluster,
            "region": region,
            "digest": None if digest is None else str(digest),
        }
        path = f"/api/v1/namespaces/{escape(namespace)}/deployments/end"
        return self._connection.call("POST", path, document=document).read(Deployment)

    def iter(
        self,
        namespace: str,
        *,
        environment: str | None = None,
        service: str | None = None,
        cluster: str | None = None,
        history: bool = False,
    ) -> Iterator[Deployment]:
        """What runs in a namespace, or all that ever ran."""
        asked = {"environment": environment, "service": service, "cluster": cluster}
        query: dict[str, str | int] = {name: value for name, value in asked.items() if value is not None}
        path = f"/api/v1/namespaces/{escape(namespace)}/deployments"
        return self._connection.pages(path, Deployment, query=query | _since(history=history))


def _place(packages: Packages, address: Address | str, what: str) -> str:
    located = packages.locate(address)
    package = f"/api/v1/packages/{located.view}/{located.format}/{escape(located.package)}"
    return f"{package}/-/{what}/{escape(located.reference)}"


def _since(*, history: bool) -> dict[str, str | int]:
    return {"history": 1} if history else {}

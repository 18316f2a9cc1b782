"""Namespaces, and who may do what in them: the part of the management API that is not about content."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from entrepot.client.answers import (
    FetchedVersion,
    Grant,
    MirroredPackage,
    Namespace,
    NewToken,
    Principal,
    RefreshedPackage,
    Token,
    Upstream,
    UpstreamTrial,
)
from entrepot.client.connection import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from entrepot.client.connection import Connection

_CREATED = 201


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The namespaces of a registry. Every method raises `ClientError`."""

    _connection: Connection

    def create(self, name: str, *, public: bool = False) -> Namespace:
        """Make a namespace; anybody may read a public one."""
        document = {"name": name, "public": public}
        return self._connection.call("POST", "/api/v1/namespaces", document=document).read(Namespace)

    def iter(self) -> Iterator[Namespace]:
        """Those that the caller may know."""
        return self._connection.pages("/api/v1/namespaces", Namespace)

    def read(self, name: str) -> Namespace:
        """One of them."""
        return self._connection.call("GET", _namespace(name)).read(Namespace)

    def change(
        self,
        name: str,
        *,
        public: bool | None = None,
        movable: Sequence[str] | None = None,
        versions: Sequence[str] | None = None,
        reserved: Sequence[str] | None = None,
        rollbacks: int | None = None,
    ) -> Namespace:
        """Change what is given: who reads it, which tags may move, which names are versions, which are its own."""
        document = _given(
            {
                "public": public,
                "movable": _list(movable),
                "versions": _list(versions),
                "reserved": _list(reserved),
                "rollbacks": rollbacks,
            }
        )
        return self._connection.call("PATCH", _namespace(name), document=document, repeatable=True).read(Namespace)

    def set_channels(self, name: str, channels: Sequence[str]) -> Namespace:
        """Give it these channels, in this order."""
        self._connection.call("PUT", f"{_namespace(name)}/channels", document={"channels": list(channels)})
        return self.read(name)


@dataclass(frozen=True, slots=True)
class UpstreamCredentials:
    """What an upstream is asked with: a user and a password, or a token."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Upstreams:
    """The other registries that a namespace reads through to. Every method raises `ClientError`."""

    _connection: Connection

    def add(
        self,
        namespace: str,
        name: str,
        url: str,
        *,
        format: str,
        private: bool = False,
        allow: Sequence[str] = (),
        block: Sequence[str] = (),
        exempt: Sequence[str] = (),
        cooldown: timedelta | None = None,
        refresh: timedelta | None = None,
        credentials: UpstreamCredentials | None = None,
    ) -> Upstream:
        """Read through to another registry, after those that are there already."""
        document = _upstream_document(
            url=url,
            private=private,
            allow=allow,
            block=block,
            exempt=exempt,
            cooldown=cooldown,
            refresh=refresh,
            credentials=credentials,
        )
        document |= {"format": format, "name": name}
        return self._connection.call("POST", f"{_namespace(namespace)}/upstreams", document=document).read(Upstream)

    def iter(self, namespace: str, *, format: str | None = None) -> Iterator[Upstream]:
        """A namespace's, by format, in the order in which they are asked."""
        query = {} if format is None else {"format": format}
        return self._connection.pages(f"{_namespace(namespace)}/upstreams", Upstream, query=query)

    def read(self, namespace: str, format: str, name: str) -> Upstream:
        """One of them."""
        return self._connection.call("GET", _upstream(namespace, format, name)).read(Upstream)

    def change(
        self,
        namespace: str,
        format: str,
        name: str,
        *,
        url: str | None = None,
        private: bool | None = None,
        allow: Sequence[str] | None = None,
        block: Sequence[str] | None = None,
        exempt: Sequence[str] | None = None,
        cooldown: timedelta | None = None,
        refresh: timedelta | None = None,
        credentials: UpstreamCredentials | None = None,
        forget_credentials: bool = False,
    ) -> Upstream:
        """Change what is given. With the address its credentials are forgotten, unless new ones are given."""
        document = _upstream_document(
            url=url,
            private=private,
            allow=allow,
            block=block,
            exempt=exempt,
            cooldown=cooldown,
            refresh=refresh,
            credentials=credentials,
        )
        if forget_credentials:
            document["credentials"] = None
        path = _upstream(namespace, format, name)
        return self._connection.call("PATCH", path, document=document, repeatable=True).read(Upstream)

    def remove(self, namespace: str, format: str, name: str) -> None:
        """Read through to it no more; what came from there stays."""
        self._connection.call("DELETE", _upstream(namespace, format, name))

    def test(self, namespace: str, format: str, name: str) -> UpstreamTrial:
        """Have the registry ask it, and say what came of it."""
        return self._connection.call("POST", f"{_upstream(namespace, format, name)}/test").read(UpstreamTrial)

    def packages(self, namespace: str, format: str, name: str) -> Iterator[str]:
        """The packages that it was asked for, by name."""
        pages = self._connection.pages(f"{_upstream(namespace, format, name)}/packages", MirroredPackage)
        return (each.name for each in pages)

    def refresh(self, namespace: str, format: str, name: str, package: str) -> RefreshedPackage:
        """Have the registry ask it now what it has of a package, however new its last answer is."""
        path = f"{_upstream(namespace, format, name)}/refresh"
        answer = self._connection.call("POST", path, document={"package": package}, repeatable=True)
        return answer.read(RefreshedPackage)

    def fetch(
        self, namespace: str, format: str, package: str, version: str, *, hashes: Sequence[str] = ()
    ) -> FetchedVersion:
        """Have a version in the registry before it is wanted; of its files those with one of *hashes*, if there are any.

        A large one may take longer than one request may: it is asked for again until it is there.
        """
        path = f"/api/v1/packages/{escape(namespace)}/{escape(format)}/{escape(package)}/-/fetch"
        document = {"version": version, "hashes": list(hashes)}
        return self._connection.call("POST", path, document=document, repeatable=True).read(FetchedVersion)


@dataclass(frozen=True, slots=True)
class Principals:
    """Users and robots. Every method raises `ClientError`."""

    _connection: Connection

    def create(self, name: str, kind: str = "user") -> Principal:
        """Make somebody known: a ``user`` or a ``robot``."""
        document = {"name": name, "kind": kind}
        return self._connection.call("POST", "/api/v1/principals", document=document).read(Principal)

    def iter(self) -> Iterator[Principal]:
        """All of them."""
        return self._connection.pages("/api/v1/principals", Principal)

    def disable(self, name: str) -> None:
        """Let somebody do nothing any more."""
        self._connection.call("POST", f"/api/v1/principals/{escape(name)}/disable", repeatable=True)


@dataclass(frozen=True, slots=True)
class Grants:
    """Roles that principals have. Every method raises `ClientError`."""

    _connection: Connection

    def add(self, grant: Grant) -> bool:
        """Give a role; False when the principal had it."""
        answer = self._connection.call("POST", "/api/v1/grants", document=asdict(grant), repeatable=True)
        return answer.status == _CREATED

    def iter(self, principal: str | None = None) -> Iterator[Grant]:
        """All of them, or one principal's."""
        query = {} if principal is None else {"principal": principal}
        return self._connection.pages("/api/v1/grants", Grant, query=query)

    def remove(self, grant: Grant) -> None:
        """Take a role away."""
        query = {"principal": grant.principal, "role": grant.role, "pattern": grant.pattern}
        if grant.view is not None:
            query["view"] = grant.view
        self._connection.call("DELETE", "/api/v1/grants", query=query)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What programs and people log in with. Every method raises `ClientError`."""

    _connection: Connection

    def create(
        self,
        name: str,
        role: str,
        *,
        view: str | None = None,
        pattern: str = "*",
        actions: Sequence[str] = (),
        ttl: timedelta | None = None,
    ) -> NewToken:
        """Make a token for a role over the packages that *pattern* names in *view*, or everywhere.

        *actions* are those of the role's that it is for, without any all of them. The secret is told this once.
        """
        document: dict[str, object] = {"name": name, "role": role, "view": view, "pattern": pattern}
        if actions:
            document["actions"] = list(actions)
        if ttl is not None:
            document["ttl_seconds"] = int(ttl.total_seconds())
        return self._connection.call("POST", "/api/v1/tokens", document=document).read(NewToken)

    def iter(self) -> Iterator[Token]:
        """Those that the caller may see, without their secrets."""
        return self._connection.pages("/api/v1/tokens", Token)

    def revoke(self, token_id: str) -> None:
        """Stop a token, and all that were made with it, at once."""
        self._connection.call("DELETE", f"/api/v1/tokens/{escape(token_id)}")


def _upstream_document(
    *,
    url: str | None,
    private: bool | None,
    allow: Sequence[str] | None,
    block: Sequence[str] | None,
    exempt: Sequence[str] | None,
    cooldown: timedelta | None,
    refresh: timedelta | None,
    credentials: UpstreamCredentials | None,
) -> dict[str, object]:
    return _given(
        {
            "url": url,
            "private": private,
            "allow": _list(allow),
            "block": _list(block),
            "exempt": _list(exempt),
            "cooldown_seconds": _seconds(cooldown),
            "refresh_seconds": _seconds(refresh),
            "credentials": None if credentials is None else _given(asdict(credentials)),
        }
    )


def _given(document: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in document.items() if value is not None}


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())


def _list(given: Sequence[str] | None) -> list[str] | None:
    return None if given is None else list(given)


def _namespace(name: str) -> str:
    return f"/api/v1/namespaces/{escape(name)}"


def _upstream(namespace: str, format: str, name: str) -> str:
    return f"{_namespace(namespace)}/upstreams/{escape(format)}/{escape(name)}"

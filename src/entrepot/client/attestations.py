"""Signatures and statements: attached, made, verified; whom a namespace believes; and where things were built."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from entrepot.client.connection import escape
from entrepot.client.errors import LocalFailure, Misuse
from entrepot.client.oci import CREATED, TITLE
from entrepot.client.packages import path_of
from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from entrepot.client.address import Address
    from entrepot.client.connection import Connection
    from entrepot.client.oci import OciPackage
    from entrepot.client.packages import Packages

_SIGN: Final = "https://sigstore.dev/cosign/sign/v1"
_BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_CONTENT: Final = "dev.sigstore.bundle.content"
_PREDICATE_TYPE: Final = "dev.sigstore.bundle.predicateType"
_SIGNERS: Final = "/api/v1/signers"
_ROOTS: Final = "/api/v1/trusted-roots"
_WAIT_SECONDS: Final = 10.0
"""How long a single request waits at the registry."""


@dataclass(frozen=True, slots=True)
class Verification:
    """A signer's signature."""

    signer: str
    kind: str
    counts: bool
    namespace: str | None = None
    """None where the registry itself knows the signer."""
    reason: str | None = None
    """Why it does not count."""
    key: str | None = None
    issuer: str | None = None
    identity: str | None = None
    signed_at: datetime | None = None
    level: int = 0
    """The SLSA build level of provenance."""


@dataclass(frozen=True, slots=True)
class Build:
    """A build, as its provenance tells it."""

    builder: str | None = None
    build_type: str | None = None
    build: str | None = None
    repository: str | None = None
    revision: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attestation:
    """A signature or a statement, and what comes of it."""

    subject: Digest
    holder: Digest
    kind: str
    verified: bool
    seen_at: datetime
    source: str = ""
    predicate_type: str | None = None
    reason: str | None = None
    verifications: tuple[Verification, ...] = ()
    build: Build | None = None
    claimed_identity: str | None = None
    claimed_key: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All that is said of an artifact, what it contains, and its files."""

    digest: Digest
    current: bool
    """Whether all that has come is examined."""
    attestations: tuple[Attestation, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signer may vouch for."""

    packages: tuple[str, ...] = ("*",)
    predicate_types: tuple[str, ...] = ("*",)
    builders: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody whose signatures a namespace knows."""

    name: str
    kind: str
    state: str
    namespace: str | None = None
    until: datetime | None = None
    reason: str = ""
    scope: Scope = field(default_factory=Scope)


@dataclass(frozen=True, slots=True)
class Affected:
    """Something that a signer vouches for."""

    namespace: str
    format: str
    package: str
    subject: Digest
    still_verified: bool
    predicate_type: str | None = None
    references: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangedSigner:
    """A signer as it stands now, and what nobody vouches for any more."""

    signer: Signer
    affected: tuple[Affected, ...] = ()
    more: bool = False
    """Whether it vouched for more than was looked at: `Signers.affected` lists all of it."""


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """A Sigstore instance that is trusted."""

    name: str
    digest: Digest
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """Something that was built."""

    namespace: str
    format: str
    package: str
    subject: Digest
    build: Build
    references: tuple[str, ...] = ()
    verified_by: tuple[str, ...] = ()
    """Whose word for it counts; of nobody's it is a claim."""
    level: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Something that went into a product."""

    depth: int
    product: Digest
    uri: str | None = None
    digest: str | None = None
    name: str | None = None
    builder: str | None = None
    build: str | None = None
    verified_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of a namespace is signed, and how much has provenance that counts."""

    total: int
    signed: int
    built: int
    share: float


@dataclass(frozen=True, slots=True)
class _Stated:
    digest: Digest


@dataclass(frozen=True, slots=True)
class Signing:
    """A private key in PEM (PKCS #8), with which we sign ourselves; the registry never sees it."""

    key: bytes = field(repr=False)
    password: bytes | None = field(default=None, repr=False)

    @classmethod
    def read(cls, path: Path, password: str | None = None) -> Signing:
        """Read it from a file. Raises `LocalFailure`."""
        try:
            return cls(path.read_bytes(), None if password is None else password.encode())
        except OSError as error:
            raise LocalFailure(f"{path}: {error.strerror}") from error

    def sign(self, subject: Digest, name: str, predicate_type: str, predicate: Mapping[str, Any]) -> bytes:
        """A bundle with a signed statement. Raises `Misuse`."""
        # Most who use the SDK never sign, and the library takes long to load.
        from entrepot.trust.signing import LocalKey, Named, make_statement, sign_statement  # noqa: PLC0415

        try:
            key = LocalKey.parse(self.key, self.password)
        except InvalidKey as error:
            raise Misuse(str(error), hint="Make one with `openssl genpkey -algorithm EC …`.") from error
        return sign_statement(key, make_statement([Named(name, (subject,))], predicate_type, predicate))


@dataclass(frozen=True, slots=True)
class Attestations:
    """What is said of artifacts. Addresses may be text; every method raises `ClientError`."""

    _connection: Connection
    _packages: Packages
    _open: Callable[[Address], OciPackage]

    def report(self, address: Address | str, *, wait_seconds: float = 60.0) -> Report:
        """All that is said of what *address* means, of what it contains and of its files, and whether it counts.

        What was pushed just now is examined a moment later: it is waited for, at most so long.
        """
        path, until = f"{self._path(address)}/attestations", time.monotonic() + wait_seconds
        while True:
            left = until - time.monotonic()
            # No request takes long enough for a proxy on the way to give it up.
            query = {"wait": f"{max(0.0, min(left, _WAIT_SECONDS)):.3f}"}
            found = self._connection.call("GET", path, query=query).read(Report)
            if found.current or left <= _WAIT_SECONDS:
                return found

    def attach(
        self,
        address: Address | str,
        content: bytes,
        *,
        media_type: str,
        artifact_type: str | None = None,
        title: str | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Digest:
        """Say something of an artifact, or (by its digest) of a file: a referrer with one layer; its digest."""
        target = self._target(address)
        said = {CREATED: datetime.now(UTC).isoformat(timespec="seconds"), **(annotations or {})}
        layer = {} if title is None else {TITLE: title}
        return self._open(target).refer(
            content,
            media_type=media_type,
            artifact_type=artifact_type or media_type,
            annotations=said,
            layer_annotations=layer,
        )

    def attest(
        self,
        address: Address | str,
        predicate_type: str,
        predicate: Mapping[str, Any],
        *,
        signing: Signing | None = None,
    ) -> Digest:
        """State something of an artifact or a file: signed by us, or without a key by the registry itself."""
        target = self._target(address)
        if signing is None:
            document = {"predicate_type": predicate_type, "predicate": dict(predicate)}
            path = f"{self._path(target)}/attestations"
            return self._connection.call("POST", path, document=document).read(_Stated).digest
        digest = target.digest
        assert digest is not None  # noqa: S101 (that is what a target has)
        bundle = signing.sign(
            digest, f"{target.view.namespace}/{target.format}/{target.package}", predicate_type, predicate
        )
        return self.attach(
            target,
            bundle,
            media_type=_BUNDLE,
            annotations={_CONTENT: "dsse-envelope", _PREDICATE_TYPE: predicate_type},
        )

    def sign(self, address: Address | str, *, signing: Signing | None = None) -> Digest:
        """Sign an artifact or a file, in the form that cosign writes and reads."""
        return self.attest(address, _SIGN, {}, signing=signing)

    def origins(self, address: Address | str, *, depth: int = 20) -> tuple[Origin, ...]:
        """What went into an artifact, and into that, back to the sources."""
        answer = self._connection.call("GET", f"{self._path(address)}/origins", query={"depth": depth})
        return answer.read(tuple[Origin, ...])

    def builds(self, *, namespace: str | None = None, **by: str) -> Iterator[Built]:
        """What was built: by exactly one of ``commit``, ``repository``, ``build``, ``builder`` and ``material``."""
        query: dict[str, str | int] = {**by, **({} if namespace is None else {"namespace": namespace})}
        return self._connection.pages("/api/v1/builds", Built, query=query)

    def completeness(self, namespace: str) -> Completeness:
        """How much of a namespace is signed and has provenance."""
        return self._connection.call("GET", f"/api/v1/namespaces/{escape(namespace)}/completeness").read(Completeness)

    def _path(self, address: Address | str) -> str:
        located = self._packages.locate(address)
        return f"{path_of(located)}/-/artifacts/{escape(located.reference)}"

    def _target(self, address: Address | str) -> Address:
        """The address by digest: what is said is about content, whatever names come to mean."""
        located = self._packages.locate(address)
        return (
            located if located.digest is not None else replace(located, digest=self._packages.artifact(located).digest)
        )


@dataclass(frozen=True, slots=True)
class Signers:
    """Whom namespaces believe; without a namespace, whom the registry does. Every method raises `ClientError`."""

    _connection: Connection

    def add(self, namespace: str | None, name: str, *, scope: Scope | None = None, **known_by: Any) -> Signer:
        """Believe somebody: by ``key``, by ``certificate``, by ``root``, ``issuer`` and ``subject``, or by ``roots``.

        With ``pending=True`` only later.
        """
        document = {"name": name, "namespace": namespace, **known_by}
        if scope is not None:
            document["scope"] = _scope(scope)
        return self._connection.call("POST", _SIGNERS, document=document).read(Signer)

    def iter(self, namespace: str | None) -> Iterator[Signer]:
        """All of them, with the registry's own."""
        return self._connection.pages(_SIGNERS, Signer, query=_owner(namespace))

    def set_state(
        self, namespace: str | None, name: str, state: str, *, since: datetime | None = None, reason: str = ""
    ) -> ChangedSigner:
        """Let a signer be active, retired, revoked (since a time) or compromised; and what that takes."""
        document: dict[str, object] = {"state": state, "reason": reason}
        if since is not None:
            document["since"] = since.isoformat()
        path = f"{_SIGNERS}/{escape(name)}/state"
        return self._connection.call("POST", path, document=document, query=_owner(namespace)).read(ChangedSigner)

    def set_scope(self, namespace: str | None, name: str, scope: Scope) -> Signer:
        """Let a signer vouch for something else."""
        path = f"{_SIGNERS}/{escape(name)}/scope"
        return self._connection.call("PUT", path, document=_scope(scope), query=_owner(namespace)).read(Signer)

    def affected(self, namespace: str | None, name: str) -> Iterator[Affected]:
        """What a signer vouches for, with what it is cleared for."""
        return self._connection.pages(f"{_SIGNERS}/{escape(name)}/affected", Affected, query=_owner(namespace))

    def set_root(self, namespace: str | None, name: str, trusted_root: Mapping[str, Any]) -> None:
        """Trust a Sigstore instance, by its ``trusted_root.json``."""
        document = {"trusted_root": dict(trusted_root)}
        self._connection.call("PUT", f"{_ROOTS}/{escape(name)}", document=document, query=_owner(namespace))

    def roots(self, namespace: str | None) -> Sequence[TrustedRoot]:
        """The Sigstore instances that a namespace may name."""
        return self._connection.call("GET", _ROOTS, query=_owner(namespace)).read(tuple[TrustedRoot, ...])

    def remove_root(self, namespace: str | None, name: str) -> None:
        """Trust a Sigstore instance no more."""
        self._connection.call("DELETE", f"{_ROOTS}/{escape(name)}", query=_owner(namespace))

    def key(self) -> str:
        """The key that the registry signs with, in PEM."""
        return self._connection.call("GET", "/api/v1/keys.pem").content.decode()


def _owner(namespace: str | None) -> dict[str, str | int]:
    return {} if namespace is None else {"namespace": namespace}


def _scope(scope: Scope) -> dict[str, object]:
    return {
        "packages": list(scope.packages),
        "predicate_types": list(scope.predicate_types),
        "builders": dict(scope.builders),
    }

"""Know whom to believe: signers and trusted roots of a namespace, from pending to retired, revoked or compromised.

Whoever governs a namespace says whom it believes; the registry's own signers are the administrator's.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from entrepot.model.access import Action
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    Conflict,
    Invalid,
    InvalidKey,
    InvalidName,
    NamespaceUnknown,
    NameTaken,
    SignerUnknown,
    TooMany,
    TrustedRootUnknown,
    Unauthenticated,
)
from entrepot.model.events import SignerAdded, SignerChanged, TrustedRootRemoved, TrustedRootSet
from entrepot.model.names import View, parse_channel
from entrepot.model.signer import CHANGES, HIGHEST_LEVEL, OWN_PREFIX, Scope, Signer, SignerKind, SignerName, SignerState
from entrepot.operations import access
from entrepot.trust.keys import PublicKey
from entrepot.trust.openpgp import OpenPgpCertificate
from entrepot.trust.roots import CertificateStore, TrustedRoot
from entrepot.trust.signers import IdentityPattern, IdentitySigner, KeySigner, OpenPgpSigner, X509Signer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.names import NamespaceName
    from entrepot.operations.registry import Registry
    from entrepot.ports.attestations import Affected, RootRow, SignerRow
    from entrepot.ports.catalog import Transaction
    from entrepot.trust import signers as trust

_MOST: Final = 200
"""So many signers a namespace may have: each is tried on every piece of evidence."""
_PATTERNS: Final = 100
_BUILDERS: Final = 100
_BUILDER_LENGTH: Final = 2_048
_AFFECTED: Final = 1_000
_SYSTEM: Final = "entrepot"
"""What the journal calls the registry itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a change to a signer."""

    signer: SignerRow
    affected: Sequence[Affected]
    """What it vouches for and nobody else does any more."""
    more: bool
    """Whether only the first of what it vouches for was looked at; `list_affected` has the rest."""


# --- signers ---


async def add_signer(registry: Registry, caller: Caller, signer: Signer) -> SignerRow:
    """Believe somebody, at once or (pending) later.

    Raises `NameTaken`, `InvalidKey`, `InvalidName`, `Invalid`, `TooMany`, `TrustedRootUnknown`, `NamespaceUnknown`, or
    what `access.require_anywhere` raises.
    """
    await _require(registry, caller, signer.namespace)
    if signer.name.startswith(OWN_PREFIX):
        raise InvalidName(signer.name, expected=f"another name: the registry's own keys begin with {OWN_PREFIX}")
    if signer.state not in {SignerState.PENDING, SignerState.ACTIVE}:
        raise Invalid(signer.state, expected="pending or active")
    _check_scope(signer.scope)
    roots = await registry.catalog.attestations.list_roots(signer.namespace)
    if signer.kind is SignerKind.IDENTITY and signer.material.get("root") not in {root.name for root in roots}:
        raise TrustedRootUnknown(str(signer.material.get("root"))[:200])
    await asyncio.to_thread(recognize, signer, roots)
    known = await registry.catalog.attestations.list_signers(signer.namespace, inherited=False)
    if len(known) >= _MOST:
        raise TooMany("signers", expected=f"at most {_MOST}")
    return await _add(registry, caller.name, signer)


async def _add(registry: Registry, actor: str, signer: Signer) -> SignerRow:
    def change(transaction: Transaction) -> SignerRow:
        if not transaction.attestations.add_signer(signer):
            raise NameTaken(signer.name)
        row = transaction.attestations.find_signer(signer.namespace, signer.name)
        assert row is not None  # noqa: S101 (it was added a line above)
        transaction.append(
            actor,
            SignerAdded(
                namespace=signer.namespace,
                signer=signer.name,
                kind=signer.kind,
                material={
                    key: value if isinstance(value, str) else dict(value) for key, value in signer.material.items()
                },
                packages=tuple(map(str, signer.scope.packages)),
                predicate_types=tuple(map(str, signer.scope.predicate_types)),
                builders=dict(signer.scope.builders),
                state=signer.state,
            ),
        )
        return row

    return await registry.catalog.write(change)


async def list_signers(registry: Registry, caller: Caller, namespace: NamespaceName | None) -> Sequence[SignerRow]:
    """The signers that a namespace believes or believed, its own and the registry's. Raises like `list_roots`."""
    await _require_known(registry, caller, namespace)
    return await registry.catalog.attestations.list_signers(namespace)


async def find_signer(
    registry: Registry, caller: Caller, namespace: NamespaceName | None, name: SignerName
) -> SignerRow:
    """One of them. Raises `SignerUnknown`, and like `list_roots`."""
    await _require_known(registry, caller, namespace)
    row = await registry.catalog.attestations.find_signer(namespace, name)
    if row is None:
        raise SignerUnknown(name)
    return row


async def set_signer_state(
    registry: Registry,
    caller: Caller,
    namespace: NamespaceName | None,
    name: SignerName,
    state: SignerState,
    *,
    since: datetime | None = None,
    reason: str = "",
) -> Change:
    """Let a signer become active, retired, revoked since a time (now, by default), or compromised; at once.

    Raises `SignerUnknown`, `Conflict` for what its present state cannot become, or what `access.require_anywhere` raises.
    """
    await _require(registry, caller, namespace)

    def change(transaction: Transaction) -> Change:
        row = transaction.attestations.find_signer(namespace, name)
        if row is None:
            raise SignerUnknown(name)
        before = row.signer
        if state not in CHANGES[before.state]:
            allowed = ", ".join(sorted(CHANGES[before.state])) or "nothing any more"
            raise Conflict(f"{name} is {before.state}", expected=allowed, actual=state)
        until = _until(before, state, since, transaction.now)
        after = replace(before, state=state, until=until, reason=reason)
        transaction.attestations.set_signer(after)
        # In this change: a moment later the doors may have closed, and what it was cleared for is not to be seen.
        affected = transaction.attestations.list_affected(row.id, limit=_AFFECTED + 1)
        transaction.append(caller.name, _changed(after))
        changed = replace(row, signer=after, changed=transaction.position)
        lost = [each for each in affected[:_AFFECTED] if not each.still_verified]
        return Change(changed, lost, more=len(affected) > _AFFECTED)

    return await registry.catalog.write(change)


def _until(before: Signer, state: SignerState, since: datetime | None, now: datetime) -> datetime | None:
    if state not in {SignerState.RETIRED, SignerState.REVOKED}:
        if since is not None:
            raise Invalid("since", expected=f"nothing: who is {state} is so whatever the time")
        return None
    until = min(since or now, now)
    # Retired first and revoked later: what came between was not good before, and is not now.
    return until if before.until is None else min(until, before.until)


async def set_signer_scope(
    registry: Registry, caller: Caller, namespace: NamespaceName | None, name: SignerName, scope: Scope
) -> SignerRow:
    """Let a signer vouch for something else. Raises like `set_signer_state`, and `Invalid`, `TooMany`."""
    await _require(registry, caller, namespace)
    _check_scope(scope)

    def change(transaction: Transaction) -> SignerRow:
        row = transaction.attestations.find_signer(namespace, name)
        if row is None or name.startswith(OWN_PREFIX):
            raise SignerUnknown(name)
        after = replace(row.signer, scope=scope)
        if after == row.signer:
            return row
        transaction.attestations.set_signer(after)
        transaction.append(caller.name, _changed(after, rescoped=True))
        return replace(row, signer=after, changed=transaction.position)

    return await registry.catalog.write(change)


async def list_affected(
    registry: Registry, caller: Caller, namespace: NamespaceName | None, name: SignerName, *, after: int, limit: int
) -> Sequence[Affected]:
    """A page of what a signer vouches for, with what it is cleared for. Raises `SignerUnknown`, and like `add_signer`."""
    await _require(registry, caller, namespace)
    row = await registry.catalog.attestations.find_signer(namespace, name)
    if row is None:
        raise SignerUnknown(name)
    return await registry.catalog.attestations.list_affected(row.id, after=after, limit=limit)


def _changed(signer: Signer, *, rescoped: bool = False) -> SignerChanged:
    return SignerChanged(
        namespace=signer.namespace,
        signer=signer.name,
        kind=signer.kind,
        rescoped=rescoped,
        state=signer.state,
        until=signer.until,
        reason=signer.reason,
        packages=tuple(map(str, signer.scope.packages)),
        predicate_types=tuple(map(str, signer.scope.predicate_types)),
        builders=dict(signer.scope.builders),
    )


# --- the registry's own ---


async def establish_own_signer(registry: Registry) -> None:
    """Let everybody believe the key that the registry signs with, and retire those that it signed with before."""
    if registry.signing is None:
        return
    key = registry.signing.public_key
    name = own_name(key)
    known = await registry.catalog.attestations.list_signers(None)
    mine = [row.signer for row in known if row.signer.name.startswith(OWN_PREFIX)]
    if name not in {signer.name for signer in mine}:
        await _add(registry, _SYSTEM, Signer(name, SignerKind.KEY, {"key": key.pem}))
    for signer in mine:
        if signer.name != name and signer.state is SignerState.ACTIVE:
            await _retire(registry, signer)


async def _retire(registry: Registry, signer: Signer) -> None:
    def change(transaction: Transaction) -> None:
        after = replace(
            signer, state=SignerState.RETIRED, until=transaction.now, reason="the registry signs with another key"
        )
        transaction.attestations.set_signer(after)
        transaction.append(_SYSTEM, _changed(after))

    await registry.catalog.write(change)


def own_name(key: PublicKey) -> SignerName:
    """What a key of the registry's own is called."""
    return SignerName(f"{OWN_PREFIX}{key.fingerprint.removeprefix('sha256:')[:16]}")


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key that the registry signs with, or did."""

    row: SignerRow
    public_key: PublicKey

    @property
    def jwk(self) -> Mapping[str, str]:
        """The key as RFC 7517 writes it."""
        key = self.public_key.key
        if isinstance(key, RSAPublicKey):
            found = RSAAlgorithm.to_jwk(key, as_dict=True)
        elif isinstance(key, Ed25519PublicKey):
            found = OKPAlgorithm.to_jwk(key, as_dict=True)
        else:
            found = ECAlgorithm.to_jwk(key, as_dict=True)
        return {field: found[field] for field in ("kty", "crv", "x", "y", "n", "e") if field in found}


async def list_own_keys(registry: Registry) -> Sequence[OwnKey]:
    """The keys that the registry signs with or did: for everybody."""
    known = await registry.catalog.attestations.list_signers(None)
    return [
        OwnKey(row, _parse_key(_text(row.signer.material, "key")))
        for row in known
        if row.signer.name.startswith(OWN_PREFIX)
    ]


def find_own_key(registry: Registry) -> PublicKey:
    """The key that the registry signs with. Raises `SignerUnknown` when it has none."""
    if registry.signing is None:
        raise SignerUnknown("the registry's own key")
    return registry.signing.public_key


# --- trusted roots ---


async def set_root(
    registry: Registry, caller: Caller, namespace: NamespaceName | None, name: str, content: bytes
) -> bool:
    """Trust the certificates of a Sigstore instance, by its ``trusted_root.json``; False when that is so already.

    Raises `InvalidKey`, `InvalidName`, `NamespaceUnknown`, or what `access.require_anywhere` raises.
    """
    await _require(registry, caller, namespace)
    parse_channel(name)  # The same grammar: a label.
    await asyncio.to_thread(_require_usable, TrustedRoot.parse(name, content))

    def change(transaction: Transaction) -> bool:
        if not transaction.attestations.set_root(namespace, name, content):
            return False
        transaction.append(caller.name, TrustedRootSet(namespace=namespace, root=name, digest=str(Digest.of(content))))
        return True

    return await registry.catalog.write(change)


def _require_usable(root: TrustedRoot) -> None:
    from entrepot.trust import offline  # noqa: PLC0415 - slow to import, and mostly not needed

    offline.require_usable(root)


async def remove_root(registry: Registry, caller: Caller, namespace: NamespaceName | None, name: str) -> None:
    """Trust them no more. Raises `TrustedRootUnknown`, or what `access.require_anywhere` raises."""
    await _require(registry, caller, namespace)

    def change(transaction: Transaction) -> None:
        if not transaction.attestations.remove_root(namespace, name):
            raise TrustedRootUnknown(name)
        transaction.append(caller.name, TrustedRootRemoved(namespace=namespace, root=name))

    await registry.catalog.write(change)


async def list_roots(registry: Registry, caller: Caller, namespace: NamespaceName | None) -> Sequence[RootRow]:
    """The trusted roots that a namespace may name. Raises `NamespaceUnknown`, `Unauthenticated`."""
    await _require_known(registry, caller, namespace)
    return await registry.catalog.attestations.list_roots(namespace)


# --- as trust knows them ---


def recognize(signer: Signer, roots: Sequence[RootRow]) -> trust.Signer | None:
    """The signer as evidence is held against it; None when the root that it is under is no more.

    Raises `InvalidKey`, `InvalidName`.
    """
    material = signer.material
    match signer.kind:
        case SignerKind.KEY:
            return KeySigner(signer.name, _parse_key(_text(material, "key")))
        case SignerKind.OPENPGP:
            return OpenPgpSigner(signer.name, _parse_certificate(_text(material, "certificate")))
        case SignerKind.X509:
            store = _parse_store(_text(material, "roots"))
            return X509Signer(signer.name, store, _texts(material, "subject"))
    name = _text(material, "root")
    root = next((row for row in roots if row.name == name), None)
    if root is None:
        return None
    return IdentitySigner(
        signer.name,
        parse_root(name, root.content),
        IdentityPattern.parse(_text(material, "issuer")),
        IdentityPattern.parse(_text(material, "subject")),
        {claim: IdentityPattern.parse(pattern) for claim, pattern in _texts(material, "claims").items()},
    )


# Every piece of evidence is held against all of them.


@lru_cache(maxsize=1_000)
def _parse_key(text: str) -> PublicKey:
    return PublicKey.parse(text.encode())


@lru_cache(maxsize=1_000)
def _parse_certificate(text: str) -> OpenPgpCertificate:
    return OpenPgpCertificate.parse(text.encode())


@lru_cache(maxsize=100)
def _parse_store(text: str) -> CertificateStore:
    return CertificateStore.parse(text.encode())


@lru_cache(maxsize=100)
def parse_root(name: str, content: bytes) -> TrustedRoot:
    """Read a trusted root. Raises `InvalidKey`."""
    return TrustedRoot.parse(name, content)


def _text(material: Mapping[str, str | Mapping[str, str]], name: str) -> str:
    found = material.get(name)
    if not isinstance(found, str) or not found:
        raise InvalidKey("signer", expected=f"a {name}")
    return found


def _texts(material: Mapping[str, str | Mapping[str, str]], name: str) -> Mapping[str, str]:
    found = material.get(name, {})
    if isinstance(found, str):
        raise InvalidKey("signer", expected=f"{name} by names")
    return found


def _check_scope(scope: Scope) -> None:
    for what, patterns in (("packages", scope.packages), ("predicate types", scope.predicate_types)):
        if not 0 < len(patterns) <= _PATTERNS:
            raise TooMany(what, expected=f"1 to {_PATTERNS} patterns", actual=len(patterns))
    if len(scope.builders) > _BUILDERS:
        raise TooMany("builders", expected=f"at most {_BUILDERS}", actual=len(scope.builders))
    for builder, level in scope.builders.items():
        if not 0 < len(builder) <= _BUILDER_LENGTH or not 0 <= level <= HIGHEST_LEVEL:
            raise Invalid(f"builder {builder[:200]}", expected=f"an id, and a level of 0 to {HIGHEST_LEVEL}")


async def _require(registry: Registry, caller: Caller, namespace: NamespaceName | None) -> None:
    """Raise unless the caller may say whom to believe."""
    if namespace is None:
        access.require_anywhere(caller, Action.ADMINISTER)
        return
    view = View(namespace)
    found = await registry.catalog.find_namespace(namespace)
    if caller.principal is not None and not caller.rights.touches(view) and not (found is not None and found.public):
        raise NamespaceUnknown(namespace)
    access.require_anywhere(caller, Action.GOVERN, view)
    if found is None:
        raise NamespaceUnknown(namespace)


async def _require_known(registry: Registry, caller: Caller, namespace: NamespaceName | None) -> None:
    """Raise unless the caller may know the namespace; whom the registry believes, all who are known may know."""
    found = None if namespace is None else await registry.catalog.find_namespace(namespace)
    if namespace is None:
        if caller.principal is None:
            raise Unauthenticated
    elif found is None or not (found.public or caller.rights.touches(View(namespace))):
        raise Unauthenticated if caller.principal is None else NamespaceUnknown(namespace)

"""Which secrets are in an artifact, which of them are accepted, and by whom.

Where a secret lies is told to who may publish or govern there: they can do something about it. Everybody else who may
read the artifact learns how many there are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.artifact import TITLE, Artifact, LinkKind
from entrepot.model.errors import ArtifactUnknown, Invalid, InvalidManifest, ReferenceUnknown, SecretUnknown
from entrepot.model.events import SecretAccepted, SecretUnaccepted
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.search_secrets import is_live
from entrepot.ports.secrets import Acceptance
from entrepot.scanning.search import SHORTEST
from entrepot.scanning.secrets import POSSIBLE, mask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId, ReferenceName
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.secrets import FoundSecret, SecretPlace

_LONGEST_REASON: Final = 1_000
_SHORTEST_TTL: Final = timedelta(seconds=1)
_LONGEST_TTL: Final = timedelta(days=36_500)
_DEPTH: Final = 8


class SecretState(StrEnum):
    """What a secret is worth, as far as anybody here knows."""

    LIVE = "live"
    """A token of this registry that works."""
    CERTAIN = "certain"
    """It has the form of a secret that is one."""
    POSSIBLE = "possible"
    """It has a form that things that are meant to be public have, too, such as a key that tests use."""
    ACCEPTED = "accepted"
    """Somebody says that it is none, or is meant to be there."""
    DEAD = "dead"
    """A token of this registry that works no more."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A secret in an artifact, and where."""

    found: FoundSecret
    state: SecretState
    holder: Digest
    """The bytes that have it."""
    file: str
    """What these are called in the artifact."""
    acceptance: Acceptance | None = None
    """What was said of it, if its time is not over."""

    @property
    def place(self) -> str:
        """Where it lies, in one word: ``tool.whl!/tool/settings.py:12``."""
        found = self.found
        return f"{self.file}!/{found.path}:{found.line}" if found.path else f"{self.file}:{found.line}"


@dataclass(frozen=True, slots=True)
class Leaks:
    """What is known of the secrets of an artifact."""

    digest: Digest
    searched: bool
    """Whether all of it was searched that is here: only then is nothing found a good sign."""
    secrets: Sequence[Placed]
    unread: int
    """In how many places it could not be looked."""
    notes: Sequence[str]
    """Why, of the first of them."""

    @property
    def counts(self) -> Mapping[SecretState, int]:
        """How many secrets there are of each state; one that lies in several places is one."""
        return Counter(state for _, state in {(each.found.name, each.state) for each in self.secrets})


async def list_secrets(registry: Registry, caller: Caller, package: PackageId, target: ReferenceName | Digest) -> Leaks:
    """The secrets in an artifact, blocked or not, with their places.

    Raises `ReferenceUnknown`, `ArtifactUnknown`, or what `access.require` raises.
    """
    await _require_insight(registry, caller, package)
    return await read_leaks(registry, package, await _digest(registry, package, target))


@dataclass(frozen=True, slots=True)
class Leaking:
    """Bytes of a package that have secrets, and what these are worth there."""

    place: SecretPlace
    secrets: Sequence[Placed]


async def list_leaking(
    registry: Registry, caller: Caller, namespace: NamespaceName, *, after: tuple[int, int] = (0, 0), limit: int
) -> Sequence[Leaking]:
    """A page of all that has secrets in a namespace, as far as the caller may know where they lie.

    Raises what `access.require_somewhere` raises.
    """
    view = View(namespace)
    if not caller.rights.reaches(Action.GOVERN, view):
        await access.require_somewhere(registry, caller, Action.PUBLISH, view)
    found: list[Leaking] = []
    while page := await registry.catalog.secrets.list_places(namespace, after=after, limit=limit):
        found += [await _judge(registry, each) for each in page if may_see_places(caller, each.package)]
        after = page[-1].id
        if len(found) >= limit or len(page) < limit:
            break
    return found[:limit]


async def _judge(registry: Registry, place: SecretPlace) -> Leaking:
    accepted = await _accepted(registry, place.package)
    live = {secret.token for secret in place.secrets if secret.token and await is_live(registry, secret.token)}
    return Leaking(
        place,
        [
            Placed(
                found=secret,
                state=_state(secret, live, accepted),
                holder=place.holder,
                file=str(place.holder),
                acceptance=accepted.get(secret.name),
            )
            for secret in place.secrets
        ],
    )


def may_see_places(caller: Caller, package: PackageId) -> bool:
    """Whether the caller is told where secrets lie."""
    view = View(package.namespace)
    return any(caller.rights.allows(action, view, package.name) for action in (Action.PUBLISH, Action.GOVERN))


async def _require_insight(registry: Registry, caller: Caller, package: PackageId) -> None:
    if not may_see_places(caller, package):
        await access.require(registry, caller, Action.PUBLISH, package)


async def _digest(registry: Registry, package: PackageId, target: ReferenceName | Digest) -> Digest:
    name, digest = (target, None) if isinstance(target, str) else (None, target)
    found = await registry.catalog.find_artifact(
        View(package.namespace), package, name=name, digest=digest, barred=True
    )
    if found is None:
        raise ReferenceUnknown(name) if name is not None else ArtifactUnknown(digest)
    return found.digest


async def read_leaks(registry: Registry, package: PackageId, digest: Digest) -> Leaks:
    """The same for who has asked already whether the caller may."""
    parts = [each for each in await registry.catalog.secrets.list_parts(digest, least=SHORTEST) if each.present]
    found = await registry.catalog.secrets.list_found(digest)
    files = await _files(registry, package, digest) if found or any(part.notes for part in parts) else {}
    accepted = await _accepted(registry, package)
    tokens = {secret.token for _, secret in found if secret.token is not None}
    live = {token for token in tokens if await is_live(registry, token)}
    return Leaks(
        digest=digest,
        searched=bool(parts) and all(part.detector is not None for part in parts),
        secrets=[
            Placed(
                found=secret,
                state=_state(secret, live, accepted),
                holder=holder,
                file=files.get(holder, str(holder)),
                acceptance=accepted.get(secret.name),
            )
            for holder, secret in found
        ],
        unread=sum(part.unread for part in parts),
        notes=[f"{files.get(part.digest, str(part.digest))}: {note}" for part in parts for note in part.notes],
    )


async def _accepted(registry: Registry, package: PackageId) -> dict[str, Acceptance]:
    now = registry.clock.now()
    return {
        each.name: each
        for each in await registry.catalog.secrets.list_acceptances(package)
        if each.expires_at is None or each.expires_at > now
    }


def _state(secret: FoundSecret, live: set[str], accepted: Mapping[str, Acceptance]) -> SecretState:
    if secret.token is not None:
        return SecretState.LIVE if secret.token in live else SecretState.DEAD
    if secret.name in accepted:
        return SecretState.ACCEPTED
    return SecretState.POSSIBLE if secret.rule in POSSIBLE else SecretState.CERTAIN


async def _files(registry: Registry, package: PackageId, digest: Digest, *, depth: int = 0) -> dict[Digest, str]:
    """What the bytes of an artifact are called in it; secrets in these names are not shown."""
    found = await registry.catalog.find_artifact(View(package.namespace), package, digest=digest, barred=True)
    if found is None:
        return {}
    files = {digest: "manifest" if depth == 0 else f"manifest {digest}"}
    try:
        artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
    except InvalidManifest:
        return files
    for number, link in enumerate(artifact.links):
        target = link.target.digest
        if link.kind is LinkKind.MANIFEST and depth < _DEPTH:
            files = {**await _files(registry, package, target, depth=depth + 1), **files}
        elif link.kind is LinkKind.CONFIG:
            files.setdefault(target, "metadata")
        else:
            title, _ = mask(link.target.annotations.get(TITLE) or f"layer {number}")
            files.setdefault(target, title)
    return files


async def list_acceptances(registry: Registry, caller: Caller, package: PackageId) -> Sequence[Acceptance]:
    """Which secrets are accepted in a package, by name; also those whose time is over.

    Raises what `access.require` raises.
    """
    await _require_insight(registry, caller, package)
    return await registry.catalog.secrets.list_acceptances(package)


async def accept_secret(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    target: ReferenceName | Digest,
    name: str,
    *,
    reason: str,
    ttl: timedelta | None = None,
) -> Acceptance:
    """Say that a secret of an artifact is none, or is meant to be there: in all of the package, perhaps for a time.

    A token of this registry is not accepted: it is one.

    Raises `Invalid`, `SecretUnknown`, or what `list_secrets` and `access.require` raise.
    """
    await access.require(registry, caller, Action.GOVERN, package)
    if not 0 < len(reason.strip()) <= _LONGEST_REASON:
        raise Invalid("reason", expected=f"1 to {_LONGEST_REASON} characters that say why")
    if ttl is not None and not _SHORTEST_TTL <= ttl <= _LONGEST_TTL:
        raise Invalid("duration", expected="a second to a hundred years")
    expires_at = None if ttl is None else registry.clock.now() + ttl
    leaks = await read_leaks(registry, package, await _digest(registry, package, target))
    same = [each for each in leaks.secrets if each.found.name == name]
    if not same:
        raise SecretUnknown(name[:100])
    if any(each.found.token is not None for each in same):
        raise Invalid(name, expected="what is no token of this registry", actual=f"one that is {same[0].state}")
    wanted = Acceptance(package, name, reason, caller.name, expires_at)

    def change(transaction: Transaction) -> Acceptance:
        if transaction.secrets.accept(wanted):
            transaction.append(
                caller.name,
                SecretAccepted(
                    namespace=package.namespace,
                    package=package.path,
                    secret=name,
                    reason=reason,
                    expires_at=expires_at,
                ),
            )
        return replace(wanted, at=transaction.now)

    return await registry.catalog.write(change)


async def unaccept_secret(registry: Registry, caller: Caller, package: PackageId, name: str) -> None:
    """Accept a secret no more. Raises `SecretUnknown`, or what `access.require` raises."""
    await access.require(registry, caller, Action.GOVERN, package)

    def change(transaction: Transaction) -> None:
        if not transaction.secrets.unaccept(package, name):
            raise SecretUnknown(name[:100])
        transaction.append(
            caller.name, SecretUnaccepted(namespace=package.namespace, package=package.path, secret=name)
        )

    await registry.catalog.write(change)

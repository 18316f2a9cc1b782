"""Search what was published for secrets, and act on those that are tokens of this registry.

The same bytes are searched once, wherever they are; with a better detector, once again. Only what was found is kept,
never a secret: a token of our own is known again by the hash that it is stored by.
"""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING, Final, cast

from entrepot.model.errors import Corrupt, Invalid, NotFound
from entrepot.model.events import SecretsFound, TokenRevoked
from entrepot.operations.receive_file import look_into_blob
from entrepot.ports.secrets import FoundSecret, Search
from entrepot.scanning.search import DETECTOR, SHORTEST, Searched, search

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_LARGEST: Final = 64 * 1024**3
"""Bytes of a file or layer; what is larger is not searched, and known as that."""
_SOME: Final = 64
"""So many searches that found nothing are kept by one change."""
_IN_MEMORY: Final = 1024 * 1024
_REST_AFTER: Final = 16 * 1024 * 1024
"""Bytes between two rests: small content is searched without one."""
_LONGEST_REST: Final = 5.0


async def search_published(registry: Registry, caller: Caller, places: Sequence[tuple[PackageId, Digest]]) -> None:
    """Search all that these artifacts consist of, as far as that was not done before. Again changes nothing.

    What cannot be read is not searched: nobody knows then whether it has secrets.
    """
    clean: dict[Digest, Search] = {}
    for package, artifact in places:
        for part in await registry.catalog.secrets.list_parts(artifact, least=SHORTEST):
            if not part.present or part.digest in clean:
                continue
            if part.detector is None or part.detector < DETECTOR:
                found = await _search(registry, package, part.digest)
                if found is None:
                    continue
                if found.secrets:
                    await _keep(registry, caller, package, part.digest, found, artifact=artifact)
                    continue
                clean[part.digest] = found
                if len(clean) >= _SOME:
                    await _keep_clean(registry, clean)
            elif part.found:
                # The same bytes were searched before, perhaps somewhere else: here nobody was told yet.
                await _tell(registry, caller, package, part.digest, artifact=artifact)
    await _keep_clean(registry, clean)


async def search_again(registry: Registry, caller: Caller, *, limit: int) -> int:
    """Search some of what was searched by an older detector; how much that was."""
    outdated = await registry.catalog.secrets.list_outdated(DETECTOR, limit=limit)
    done = 0
    for package, digest in outdated:
        found = await _search(registry, package, digest)
        if found is not None:
            await _keep(registry, caller, package, digest, found, artifact=None)
            done += 1
    return done


async def is_live(registry: Registry, token: str) -> bool:
    """Whether a token of this registry still works."""
    credential = await registry.catalog.find_credential_by_id(token)
    return credential is not None and (credential.expires_at is None or credential.expires_at > registry.clock.now())


async def _search(registry: Registry, package: PackageId, digest: Digest) -> Search | None:
    """What is in some bytes; None for what cannot be read now."""

    def look(file: BinaryIO) -> Searched:
        return search(file, _scratch, _Pace().rest)

    try:
        found = await look_into_blob(registry, package, digest, look, limit=_LARGEST, barred=True)
    except Invalid as error:
        return Search(DETECTOR, unread=1, notes=(str(error)[:500],))
    except (NotFound, Corrupt):
        return None
    hashes = {each.secret.name: each.secret.hash for each in found.secrets if each.secret.own}
    tokens = {name: await registry.catalog.secrets.find_token(hashed) for name, hashed in hashes.items()}
    return Search(
        DETECTOR,
        tuple(
            FoundSecret(
                name=each.secret.name,
                rule=each.secret.rule,
                path=each.path,
                line=each.secret.line,
                excerpt=each.secret.redacted,
                token=tokens.get(each.secret.name),
            )
            for each in found.secrets
        ),
        unread=found.unread_count,
        notes=found.unread,
    )


async def _keep_clean(registry: Registry, clean: dict[Digest, Search]) -> None:
    """Know what had nothing; nobody has to be told."""
    if clean:
        await registry.catalog.write(lambda transaction: transaction.secrets.keep(clean))
    clean.clear()


async def _keep(
    registry: Registry, caller: Caller, package: PackageId, digest: Digest, found: Search, *, artifact: Digest | None
) -> None:
    """Know what was found, and tell of it; but first of all it shall be worth nothing."""
    tokens = dict.fromkeys(each.token for each in found.secrets if each.token is not None)
    for token in tokens:
        if registry.revokes_found_tokens:
            await _revoke(registry, caller, token, digest)

    def change(transaction: Transaction) -> None:
        transaction.secrets.keep({digest: found})
        if found.secrets and transaction.secrets.tell(package, digest, found.detector):
            transaction.append(caller.name, _event(package, digest, found.secrets, artifact=artifact))

    await registry.catalog.write(change)


async def _tell(registry: Registry, caller: Caller, package: PackageId, digest: Digest, *, artifact: Digest) -> None:
    """Tell of what is known of some bytes, unless that was told of this package."""
    secrets = [secret for holder, secret in await registry.catalog.secrets.list_found(artifact) if holder == digest]

    def change(transaction: Transaction) -> None:
        if secrets and transaction.secrets.tell(package, digest, DETECTOR):
            transaction.append(caller.name, _event(package, digest, secrets, artifact=artifact))

    await registry.catalog.write(change)


def _event(
    package: PackageId, digest: Digest, secrets: Sequence[FoundSecret], *, artifact: Digest | None
) -> SecretsFound:
    return SecretsFound(
        namespace=package.namespace,
        package=package.path,
        digest=str(digest),
        artifact=None if artifact is None else str(artifact),
        secrets=tuple(sorted({each.name for each in secrets})),
        tokens=tuple(sorted({each.token for each in secrets if each.token is not None})),
    )


async def _revoke(registry: Registry, caller: Caller, token: str, digest: Digest) -> None:
    """Stop a token that whoever may read the package could have taken."""
    credential = await registry.catalog.find_credential_by_id(token)
    if credential is None:
        return  # It works no more as it is.
    principal = credential.principal.name

    def change(transaction: Transaction) -> None:
        if transaction.revoke_token(token):
            transaction.append(
                caller.name,
                TokenRevoked(token=token, principal=principal, reason=f"it was found in what was published: {digest}"),
            )

    await registry.catalog.write(change)


def _scratch() -> BinaryIO:
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY))


class _Pace:
    """Rests as long as it works: searching takes half of a processor, whatever comes."""

    def __init__(self) -> None:
        self._bytes = 0
        self._since = time.monotonic()

    def rest(self, size: int) -> None:
        """Hear of so many bytes, and rest when they were many. Runs in a thread of its own."""
        self._bytes += size
        if self._bytes >= _REST_AFTER:
            time.sleep(min(_LONGEST_REST, time.monotonic() - self._since))
            self._bytes, self._since = 0, time.monotonic()

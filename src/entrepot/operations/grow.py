"""Let a version grow: what it becomes is made from what it is, inside the transaction.

So of several writers each adds its files, whatever their order, and the same files again change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from entrepot.model.errors import Corrupt, NameTaken
from entrepot.model.reference import ReferenceKind
from entrepot.operations.publish import Draft, publish_composed

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.model.artifact import Artifact
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.model.upload import Upload
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction


def _nothing(_: Digest) -> bytes | None:
    return None


@dataclass(frozen=True, slots=True)
class Stored:
    """What a version is: its manifest, and what that is called."""

    digest: Digest
    manifest: bytes
    find: Callable[[Digest], bytes | None] = field(default=_nothing, compare=False)
    """Reads what else of it is in the catalog, such as its config; None for what is not."""


Grow = Callable[["Stored | None"], Draft]
"""From what a version is (None: there is none yet) to what it shall be. Raises `Conflict` when it must not."""


async def grow_version(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    version: ReferenceName,
    grow: Grow,
    *,
    ends: Upload | None = None,
) -> Artifact:
    """Publish what *grow* makes of a version, and end the upload that brought it.

    Raises `VersionExists`, `VersionSealed`, `NameTaken`, or what `publish` raises.
    """

    def compose(transaction: Transaction) -> Draft:
        before, sealed = _stand(transaction, package, version)
        draft = grow(before)
        if ends is not None:
            transaction.end_upload(ends)
        return replace(draft, sealed=draft.sealed or sealed)

    return await publish_composed(registry, caller, package, compose)


def _stand(transaction: Transaction, package: PackageId, version: ReferenceName) -> tuple[Stored | None, bool]:
    """What the version is now, and whether what comes of it is sealed at once."""
    reference = transaction.find_meaning(package, version)
    if reference is None or reference.until_position is not None:
        return None, False  # Whether a version that was deleted is complete again, publishing finds out.
    if reference.kind is not ReferenceKind.VERSION:
        raise NameTaken(version, expected="a name that is not a tag's")
    manifest = transaction.find_content(reference.digest)
    if manifest is None:
        raise Corrupt(reference.digest)
    return Stored(reference.digest, manifest, transaction.find_content), reference.sealed

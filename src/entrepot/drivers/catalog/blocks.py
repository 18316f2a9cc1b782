"""What is kept and not served: the block area of the catalog.

What a block comes to is written into the memberships (``barred``), so that a pull asks no more than before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import Statement, load
from entrepot.model.block import Block, BlockKind
from entrepot.model.digest import Digest
from entrepot.model.position import Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import NamespaceName, PackageId

BLOCKS: Final = load("blocks")
_NO_PACKAGE: Final = {"format": None, "package": None}


class SqlBlocks:
    """Implements `entrepot.ports.blocks.Blocks`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def find(self, package: PackageId, digest: Digest) -> Block | None:
        """The open block on an artifact, or on an index that contains it; or on all that link a blob."""
        row = await self._questions.one(BLOCKS.ids, **identity(package), digest=str(digest))
        if row is None:
            return None
        known = {"package": row[0], "blob": row[1]}
        found = (
            await self._questions.one(BLOCKS.block_above, **known, final=None)
            or await self._questions.one(BLOCKS.block_on_successor, **known)
            or await self._questions.one(BLOCKS.block_on_holder, **known)
        )
        return None if found is None else _block(found)

    async def list(
        self,
        namespace: NamespaceName,
        package: PackageId | None = None,
        *,
        history: bool = False,
        after: Position,
        limit: int,
    ) -> Sequence[Block]:
        """A page of blocks, the oldest first."""
        where = {"namespace": namespace, **_NO_PACKAGE} if package is None else identity(package)
        found = await self._questions.all(BLOCKS.list_blocks, **where, history=history, after=after, limit=limit)
        return [_block(row) for row in found]

    async def list_around(self, package: PackageId, digest: Digest) -> Sequence[Digest]:
        """An artifact, what it is about and what contains these, the oldest first.

        As far as they are in the package and stand for themselves: have a name, or are contained in nothing else.
        """
        found = await self._questions.all(BLOCKS.around, **identity(package), digest=str(digest))
        return [Digest.parse(each) for (each,) in found]

    async def list_awaiting(
        self, package: PackageId | None = None, *, before: Position | None = None, limit: int
    ) -> Sequence[Block]:
        """A page of what waits to be let in, in one package or everywhere, the newest first."""
        if package is None:
            found = await self._questions.all(BLOCKS.list_awaiting, before=before, limit=limit)
        else:
            found = await self._questions.all(BLOCKS.list_awaiting_of, **identity(package), before=before, limit=limit)
        return [_block(row) for row in found]


class SqlBlockChanges:
    """Implements `entrepot.ports.blocks.BlockChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._with_blocks: dict[PackageId, bool] = {}
        """Of packages that were asked for: whether anything in them is blocked. Most have nothing."""

    def find(self, package: PackageId, digest: Digest) -> Block | None:
        """The open block on just this artifact."""
        return self._one(BLOCKS.find_block, package, digest)

    def has_any(self, package: PackageId) -> bool:
        """Whether anything of a package is blocked."""
        known = self._with_blocks.get(package)
        if known is None:
            package_id = self._session.find_package_id(package)
            found = None if package_id is None else self._session.one(BLOCKS.any_block, package=package_id)
            known = self._with_blocks[package] = found is not None
        return known

    def find_refusal(self, package: PackageId, digest: Digest) -> Block | None:
        """The final block on an artifact or on an index that contains it."""
        return self._one(BLOCKS.block_above, package, digest, final=1) if self.has_any(package) else None

    def find_file_refusal(self, package: PackageId, digests: Sequence[Digest]) -> Block | None:
        """The final block on an artifact that has one of these as a file, when nothing else in the package has it."""
        if not digests or not self.has_any(package):
            return None
        texts = rows.json_list(str(digest) for digest in digests)
        row = self._session.one(BLOCKS.block_on_file, package=self._session.find_package_id(package), digests=texts)
        return None if row is None else _block(row)

    def open(self, block: Block) -> bool:
        """Block an artifact, replacing a block that is open; False when it is the same already."""
        known = self.find(block.package, block.digest)
        if known is not None:
            if (known.kind, known.reason, known.policy) == (block.kind, block.reason, block.policy):
                return False
            self._close(block.package, block.digest)
        self._with_blocks.pop(block.package, None)
        self._session.run(
            BLOCKS.open_block,
            id=block.id,
            package=self._session.package_id(block.package),
            blob=self._session.blob_id(block.digest),
            kind=block.kind,
            reason=block.reason,
            policy=block.policy,
            actor=block.actor,
            position=self._session.position,
        )
        self._settle(block.package, block.digest)
        return True

    def close(self, package: PackageId, digest: Digest) -> bool:
        """Unblock an artifact; False when it is not blocked."""
        if not self._close(package, digest):
            return False
        self._settle(package, digest)
        return True

    def admit(self, package: PackageId, digest: Digest) -> bool:
        """Let an artifact, and all that it contains, await nothing any more; False when nothing of it did."""
        if not self.has_any(package):
            return False
        within = self._session.all(BLOCKS.within, blobs=_ids({self._session.blob_id(digest)}))
        return self._admit(package, digest, within)

    def supersede(self, package: PackageId, digest: Digest) -> bool:
        """Let what a version was before it grew into this artifact await nothing any more; False when it did not."""
        if not self.has_any(package):
            return False
        known = {"package": self._session.package_id(package), "blob": self._session.blob_id(digest)}
        return self._admit(package, digest, self._session.all(BLOCKS.grown_from, **known))

    def _admit(self, package: PackageId, digest: Digest, found: Iterable[tuple[Any, ...]]) -> bool:
        """End what these await; *digest* is what they are settled with."""
        admitted = self._session.run(
            BLOCKS.admit,
            package=self._session.package_id(package),
            blobs=_ids(int(row[0]) for row in found),
            position=self._session.position,
        )
        if admitted:
            self._settle(package, digest)
        return admitted > 0

    def apply(self, package: PackageId, digest: Digest) -> None:
        """Let the blocks count for an artifact that has just come into the package, and for what it shares."""
        if self.has_any(package):
            self._settle(package, digest)

    def _close(self, package: PackageId, digest: Digest) -> bool:
        package_id, blob = self._session.find_package_id(package), self._session.find_blob_id(digest)
        closed = self._session.run(BLOCKS.close_block, package=package_id, blob=blob, position=self._session.position)
        return closed > 0

    def _one(self, statement: Statement, package: PackageId, digest: Digest, **more: object) -> Block | None:
        package_id, blob = self._session.find_package_id(package), self._session.find_blob_id(digest)
        if package_id is None or blob is None:
            return None
        row = self._session.one(statement, package=package_id, blob=blob, **more)
        return None if row is None else _block(row)

    def _settle(self, package: PackageId, digest: Digest) -> None:
        """Write what the blocks come to for an artifact, what it contains, and what these link.

        An artifact is barred when it is blocked, when a version has grown out of it that is, or when it is contained in
        others and all of these are barred.
        """
        package_id = self._session.package_id(package)
        blob = self._session.blob_id(digest)
        earlier = {int(row[0]) for row in self._session.all(BLOCKS.grown_from, package=package_id, blob=blob)}
        within = {int(row[0]) for row in self._session.all(BLOCKS.within, blobs=_ids({blob, *earlier}))}
        among = _ids(within)
        blocked = {row[0] for row in self._session.all(BLOCKS.blocked_among, package=package_id, blobs=among)}
        blocked |= earlier if blob in blocked else set()
        containers: dict[int, list[tuple[int, bool]]] = {}
        for target, container, barred in self._session.all(BLOCKS.containers, package=package_id, blobs=among):
            containers.setdefault(target, []).append((container, bool(barred)))
        barred = set(within)
        while freed := {
            each
            for each in barred
            if each not in blocked
            and (
                not containers.get(each)
                or any(
                    container not in barred if container in within else not was_barred
                    for container, was_barred in containers[each]
                )
            )
        }:
            barred -= freed
        for blobs, value in ((barred, True), (within - barred, False)):
            self._session.run(BLOCKS.bar_artifacts, package=package_id, blobs=_ids(blobs), barred=value)
        self._session.run(BLOCKS.bar_blobs, package=package_id, blobs=among, barred=_ids(barred))


def _ids(numbers: Iterable[int]) -> str:
    return msgspec.json.encode(sorted(numbers)).decode()


def _block(row: tuple[Any, ...]) -> Block:
    block, owner, format_, name, digest, kind, reason, actor, policy, start, end, at = row
    return Block(
        id=block,
        package=rows.package_id(owner, format_, name),
        digest=Digest.parse(digest),
        kind=BlockKind(kind),
        reason=reason,
        actor=actor,
        policy=policy,
        from_position=Position(start),
        until_position=None if end is None else Position(end),
        at=None if at is None else rows.parse_time(at),
    )

"""What every catalog promises of what is kept and not served (`entrepot.ports.blocks`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from entrepot.model.block import Block, BlockKind
from entrepot.model.digest import Digest
from entrepot.model.events import ArtifactBlocked, ArtifactReleased
from entrepot.model.names import ReferenceName
from entrepot.model.position import START
from entrepot.model.reference import ReferenceKind
from entrepot.testing.builders import Image, image, index, package, referrer
from entrepot.testing.contracts.catalog import ACME, ALL, API, OTHER, Filling

if TYPE_CHECKING:
    from entrepot.model.names import PackageId
    from entrepot.ports.catalog import Catalog, Transaction

_SHARED: Final = b"a layer that both have"
_BAD, _GOOD = image(_SHARED, b"bad"), image(_SHARED, b"good")


async def bar(catalog: Catalog, digest: Digest, kind: BlockKind = BlockKind.BLOCKED, **more: Any) -> bool:
    """Block an artifact."""
    wanted = Block(f"{kind} {digest} {more}", API, digest, kind, more.pop("reason", "a reason"), "ann", **more)

    def change(transaction: Transaction) -> bool:
        opened = transaction.blocks.open(wanted)
        if opened:
            transaction.append("ann", ArtifactBlocked(namespace=ACME, package=API.path, digest=str(digest), kind=kind))
        return opened

    return await catalog.write(change)


async def free(catalog: Catalog, digest: Digest, how: str = "close") -> bool:
    """End a block: by ``close``, ``admit`` or ``supersede``."""

    def change(transaction: Transaction) -> bool:
        ended: bool = getattr(transaction.blocks, how)(API, digest)
        if ended:
            transaction.append("ann", ArtifactReleased(namespace=ACME, package=API.path, digest=str(digest)))
        return ended

    return await catalog.write(change)


async def is_served(catalog: Catalog, what: Image | bytes, where: PackageId = API) -> bool:
    """Whether an artifact or a blob is served."""
    if isinstance(what, bytes):
        return await catalog.find_blob(ALL, where, Digest.of(what)) is not None
    return await catalog.find_artifact(ALL, where, digest=what.digest) is not None


async def _filled(catalog: Catalog) -> Filling:
    filling = Filling(catalog)
    await filling.namespace()
    await filling.artifact(_BAD, "bad")
    await filling.artifact(_GOOD, "good")
    return filling


class BlocksContract:
    """To be inherited by a test class that has the fixture ``catalog``."""

    async def test_what_is_blocked_is_kept_and_not_served_with_what_only_it_has(self, catalog: Catalog) -> None:
        filling = await _filled(catalog)
        await filling.artifact(_BAD, where=OTHER)

        assert await bar(catalog, _BAD.digest)

        served = [await is_served(catalog, each) for each in (_BAD, b"bad", _GOOD, _SHARED)]
        assert served == [False, False, True, True]
        assert await is_served(catalog, _BAD, OTHER)
        assert await catalog.find_artifact(ALL, API, digest=_BAD.digest, barred=True) is not None
        assert await catalog.find_blob(ALL, API, Digest.of(b"bad"), barred=True) is not None
        assert await catalog.list_references(ALL, API, limit=9) != []
        assert [each.name for each in await catalog.list_references(ALL, API, limit=9)] == ["good"]
        assert await free(catalog, _BAD.digest)
        assert await is_served(catalog, _BAD)
        assert not await free(catalog, _BAD.digest)

    async def test_the_same_block_again_is_none_and_another_replaces_it(self, catalog: Catalog) -> None:
        await _filled(catalog)
        await bar(catalog, _BAD.digest)

        assert not await bar(catalog, _BAD.digest)
        assert await bar(catalog, _BAD.digest, BlockKind.QUARANTINED, reason="another")

        known = await catalog.blocks.find(API, _BAD.digest)
        assert known is not None
        assert (known.kind, known.reason, known.actor) == (BlockKind.QUARANTINED, "another", "ann")
        assert await catalog.write(lambda change: change.blocks.find(API, _BAD.digest)) == known
        history = await catalog.blocks.list(ACME, API, history=True, after=START, limit=9)
        assert [(each.kind, each.until_position is None) for each in history] == [
            (BlockKind.BLOCKED, False),
            (BlockKind.QUARANTINED, True),
        ]
        assert await catalog.blocks.list(ACME, after=START, limit=9) == [known]
        assert await catalog.blocks.list(ACME, OTHER, after=START, limit=9) == []
        assert await catalog.blocks.list(ACME, history=True, after=history[0].from_position or START, limit=9) == [
            known
        ]

    async def test_what_an_index_contains_goes_with_it_unless_another_has_it(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        shared, own = image(b"shared"), image(b"own")
        one, two = index(shared, own), index(shared)
        await filling.artifact(one, "one")
        await filling.artifact(two, "two")

        await bar(catalog, one.digest)

        assert [await is_served(catalog, each) for each in (one, own, two, shared)] == [False, False, True, True]
        above = await catalog.blocks.find(API, own.digest)
        assert above is not None
        assert above.digest == one.digest
        assert await catalog.write(lambda change: change.blocks.find(API, own.digest)) is None
        holder = await catalog.blocks.find(API, Digest.of(b"own"))
        assert holder is not None
        assert holder.digest == one.digest

    async def test_a_version_that_grew_takes_along_what_it_was(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        before, after = image(b"one"), image(b"one", b"two")
        await filling.artifact(before, "1.0", kind=ReferenceKind.VERSION)
        await filling.artifact(after, "1.0", kind=ReferenceKind.VERSION)

        await bar(catalog, after.digest)

        assert [await is_served(catalog, each) for each in (before, after, b"one")] == [False, False, False]
        await free(catalog, after.digest)
        assert [await is_served(catalog, each) for each in (before, after, b"one")] == [True, True, True]

    async def test_final_blocks_refuse_what_comes_again_and_others_do_not(self, catalog: Catalog) -> None:
        filling = await _filled(catalog)

        async def refuses(digest: Digest) -> bool:
            return await catalog.write(lambda change: change.blocks.find_refusal(API, digest)) is not None

        async def refuses_file(content: bytes) -> bool:
            digests = [Digest.of(content)]
            return await catalog.write(lambda change: change.blocks.find_file_refusal(API, digests)) is not None

        await bar(catalog, _BAD.digest, BlockKind.AWAITING)
        assert not await refuses(_BAD.digest)
        assert not await refuses_file(b"bad")
        await bar(catalog, _BAD.digest)
        assert await refuses(_BAD.digest)
        assert await refuses_file(b"bad")
        assert not await refuses_file(_SHARED)
        assert not await refuses(_GOOD.digest)
        await catalog.write(lambda change: change.end_reference(API, ReferenceName("bad")))
        await filling.remove(_BAD.digest)
        assert await refuses(_BAD.digest)

    async def test_what_is_let_in_takes_along_what_it_contains_and_no_final_block(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        waiting, bad = image(b"waiting"), image(b"bad")
        whole = index(waiting, bad)
        await filling.artifact(whole, "1.0")
        for digest in (waiting.digest, whole.digest):
            await bar(catalog, digest, BlockKind.AWAITING)
        await bar(catalog, bad.digest)

        assert await free(catalog, whole.digest, "admit")

        assert [await is_served(catalog, each) for each in (whole, waiting, bad)] == [True, True, False]
        assert not await free(catalog, whole.digest, "admit")
        assert not await free(catalog, bad.digest, "admit")

    async def test_what_a_version_was_awaits_no_more_when_it_has_grown(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        before, after = image(b"one"), image(b"one", b"two")
        await filling.artifact(before, "1.0", kind=ReferenceKind.VERSION)
        await bar(catalog, before.digest, BlockKind.AWAITING)
        await filling.artifact(after, "1.0", kind=ReferenceKind.VERSION)
        await bar(catalog, after.digest, BlockKind.AWAITING)

        assert await free(catalog, after.digest, "supersede")

        assert [each.digest for each in await catalog.blocks.list_awaiting(limit=9)] == [after.digest]
        assert not await is_served(catalog, after)
        assert not await free(catalog, after.digest, "supersede")

    async def test_what_awaits_is_listed_the_newest_first_by_the_page(self, catalog: Catalog) -> None:
        await _filled(catalog)
        for digest in (_BAD.digest, _GOOD.digest):
            await bar(catalog, digest, BlockKind.AWAITING)

        (newest,) = await catalog.blocks.list_awaiting(limit=1)
        (other,) = await catalog.blocks.list_awaiting(before=newest.from_position, limit=9)

        assert (newest.digest, other.digest) == (_GOOD.digest, _BAD.digest)
        assert await catalog.blocks.list_awaiting(API, limit=9) == [newest, other]
        assert await catalog.blocks.list_awaiting(API, before=newest.from_position, limit=9) == [other]
        assert await catalog.blocks.list_awaiting(OTHER, limit=9) == []
        await bar(catalog, _GOOD.digest, BlockKind.QUARANTINED)
        assert await catalog.blocks.list_awaiting(limit=9) == [other]

    async def test_around_an_artifact_is_what_it_is_about_and_what_contains_that(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        child = image(b"child")
        whole, said = index(child), referrer(child)
        await filling.artifact(whole, "1.0")
        await filling.artifact(said)

        around = await catalog.blocks.list_around(API, said.digest)

        assert around == [whole.digest, said.digest]
        assert await catalog.blocks.list_around(API, child.digest) == [whole.digest]
        assert await catalog.blocks.list_around(package("acme/none"), said.digest) == []

"""The journal's transparency log: let it grow, read it, and prove what is in it.

The entry at position p is leaf p - 1 of the tree. Its tiles are kept, its entries are read from the journal: a row of
the journal that was changed is therefore served as it is now, and does not fit the tree.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.errors import Corrupt, InvalidProof, RouteUnknown, Unavailable
from entrepot.model.events import GENESIS, chain
from entrepot.model.names import View, parse_namespace
from entrepot.model.position import Position
from entrepot.operations import access
from entrepot.ports.log import LogHead
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.identity import LogReaders
from entrepot.trust.log.leaves import leaf_of
from entrepot.trust.log.merkle import consistency_ranges, inclusion_ranges, leaf_hash, prove
from entrepot.trust.log.notes import Note, NoteKey
from entrepot.trust.log.proofs import LogProof
from entrepot.trust.log.tiles import (
    EMPTY,
    ENTRIES,
    HEIGHT,
    WIDTH,
    Edge,
    Tile,
    TileHashes,
    edge_of,
    pack_entries,
    tiles_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.events import Entry
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.log import Cosigned, TileKey
    from entrepot.trust.log.identity import LogIdentity
    from entrepot.trust.log.merkle import Range

_BATCH: Final = 2_048
"""How many entries share a checkpoint at most: it bounds how long one takes."""


# --- growing ---


async def grow_log(registry: Registry) -> int:
    """Bring all that is in the journal into the log, and say how many entries it has then.

    Each checkpoint becomes known together with its tiles, or not at all.
    Raises `Corrupt` where the journal, or the tree, is not what it was: nothing is signed then; and `Unavailable`
    while a key store does not sign: then the log stays where it is, and the journal goes on.
    """
    while True:
        head = await registry.catalog.log.head()
        size = 0 if head is None else head.size
        entries = await registry.catalog.list_entries(after=Position(size), limit=_BATCH)
        if not entries:
            return size
        await _extend(registry, head, entries)


async def sign_again(registry: Registry) -> bool:
    """Sign the last checkpoint anew where the log goes by another name, or other keys, than when it was signed.

    Until then its readers would find a checkpoint that is not by whom the registry says it is. Whether it was so.
    Raises `Unavailable` while a key store does not sign.
    """
    head = await registry.catalog.log.head()
    identity = identity_of(registry)
    if head is None:
        return False
    note = Note.parse(head.note)
    made = {(signature.name, signature.key_id) for signature in note.signatures}
    if Checkpoint.parse(note.unchecked_text).origin == identity.origin and made >= {
        (key.name, key.id) for key in identity.keys
    }:
        return False
    # What is signed is what was: the tree has to be the one that the old checkpoint names.
    await _edge(registry, head)
    renewed = replace(head, note=await _sign(identity, head.size, head.root), signed_at=registry.clock.now())
    return await _replace_head(registry, head, renewed, {})


async def _sign(identity: LogIdentity, size: int, root: bytes) -> bytes:
    """A signed checkpoint. The key may be behind a network, or in hardware. Raises `Unavailable`."""
    return bytes(await asyncio.to_thread(Checkpoint(identity.origin, size, root).sign, identity.signers))


async def _extend(registry: Registry, head: LogHead | None, entries: Sequence[Entry]) -> None:
    identity = identity_of(registry)
    journal_hash = check_chain(entries, Position(0 if head is None else head.size), _journal_hash(head))
    edge, tiles = (await _edge(registry, head)).grow([leaf_hash(leaf_of(entry)) for entry in entries])
    root = edge.root
    note = await _sign(identity, edge.size, root)
    new = LogHead(edge.size, root, note, journal_hash, registry.clock.now())
    await _replace_head(registry, head, new, {(tile.level, tile.number): content for tile, content in tiles.items()})


async def _replace_head(registry: Registry, head: LogHead | None, new: LogHead, tiles: Mapping[TileKey, bytes]) -> bool:
    """Let *new* be the last checkpoint, where *head* still is; whether it was."""

    def change(transaction: Transaction) -> bool:
        # Another process may have been faster; what it has signed stands, and ours was never seen.
        unmoved = transaction.log.head() == head
        if unmoved:
            transaction.log.extend(new, tiles)
        return unmoved

    return await registry.catalog.write(change)


def check_chain(entries: Iterable[Entry], position: Position, hash: bytes) -> bytes:
    """Make sure that the entries follow that one, without a gap, as they were appended; the last one's hash.

    Raises `Corrupt`.
    """
    for entry in entries:
        if entry.position != position + 1:
            raise Corrupt(f"position {position} of the journal", expected=position + 1, actual=entry.position)
        expected = chain(hash, entry.position, entry.at, actor=entry.actor, content=entry.content)
        if entry.hash != expected:
            raise Corrupt(f"entry {entry.position} of the journal", expected=expected.hex(), actual=entry.hash.hex())
        position, hash = entry.position, entry.hash
    return hash


def _journal_hash(head: LogHead | None) -> bytes:
    return GENESIS if head is None else head.journal_hash


async def _edge(registry: Registry, head: LogHead | None) -> Edge:
    """The tree's right edge, when it is that of the last checkpoint. Raises `Corrupt`."""
    if head is None:
        return EMPTY
    keys = [(tile.level, tile.number) for tile in edge_of(head.size)]
    found = await registry.catalog.log.find_tiles(keys)
    try:
        edge = Edge(head.size, {level: content for (level, _), content in found.items()})
    except InvalidProof as error:
        raise Corrupt("the log's tiles", expected=f"those of {head.size} entries") from error
    if edge.root != head.root:
        raise Corrupt("the log's tiles", expected=f"root {head.root.hex()}", actual=edge.root.hex())
    return edge


# --- reading ---


def identity_of(registry: Registry) -> LogIdentity:
    """What the log is signed with. Raises `Unavailable` where there is nothing."""
    if registry.log is None:
        raise Unavailable("this registry signs no log")
    return registry.log


async def read_checkpoint(registry: Registry, caller: Caller) -> LogHead:
    """The last checkpoint. Raises `Unavailable` before the first, `Unauthenticated`, `Denied`."""
    _require_reader(registry, caller, LogReaders.HASHES)
    return await _head(registry)


async def read_cosigned(registry: Registry, caller: Caller) -> Cosigned | None:
    """The last checkpoint that witnesses have signed, if any has. Raises `Unauthenticated`, `Denied`."""
    _require_reader(registry, caller, LogReaders.HASHES)
    return await registry.catalog.log.cosigned()


async def read_tile(registry: Registry, caller: Caller, tile: Tile) -> bytes:
    """A tile of hashes, or a bundle of entries. Raises `RouteUnknown`, `Unauthenticated`, `Denied`."""
    _require_reader(registry, caller, LogReaders.EVERYBODY if tile.level == ENTRIES else LogReaders.HASHES)
    head = await registry.catalog.log.head()
    if head is None or not tile.is_in(head.size):
        raise RouteUnknown(tile)
    if tile.level == ENTRIES:
        first, end = tile.leaves
        entries = await registry.catalog.list_entries(after=Position(first), limit=end - first)
        return pack_entries([leaf_of(entry) for entry in entries])
    return await _content(registry, tile)


def is_public(registry: Registry, tile: Tile | None = None) -> bool:
    """Whether everybody may read the checkpoint, or that tile: then any cache may keep it."""
    readers = identity_of(registry).readers
    return readers is LogReaders.EVERYBODY or (readers is LogReaders.HASHES and (tile is None or tile.level != ENTRIES))


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That an entry is in the log."""

    leaf: bytes
    proof: LogProof
    size: int
    root: bytes


async def prove_inclusion(registry: Registry, caller: Caller, position: Position) -> Inclusion:
    """Prove that the journal's entry at *position* is in the log, by the last checkpoint.

    For whoever may read the entry: an auditor of the registry, or of the namespace that it is about.
    Raises `RouteUnknown`, `Unavailable` while the entry is not in it yet, `Unauthenticated`, `Denied`.
    """
    found = await registry.catalog.list_entries(after=Position(position - 1), limit=1) if position > 0 else ()
    entry = found[0] if found and found[0].position == position else None
    # Who may not read the registry's whole journal is told the same of what is not there as of what is not theirs.
    namespace = None if entry is None or entry.event.namespace is None else parse_namespace(entry.event.namespace)
    view = None if namespace is None else View(namespace)
    if view is None or not caller.rights.allows(Action.AUDIT, view):
        _require_reader(registry, caller, LogReaders.EVERYBODY)
    if entry is None:
        raise RouteUnknown(f"position {position}")
    head = await _head(registry)
    if position > head.size:
        raise Unavailable(f"position {position} is not in the log yet", after=1)
    index = position - 1
    path = await _prove(registry, inclusion_ranges(index, head.size), head.size)
    leaf = leaf_of(entry)
    return Inclusion(leaf, LogProof(index, tuple(path), head.note, leaf), head.size, head.root)


@dataclass(frozen=True, slots=True)
class Consistency:
    """That the log has only grown."""

    old_size: int
    size: int
    path: tuple[bytes, ...]
    checkpoint: bytes


async def prove_consistency(registry: Registry, caller: Caller, old_size: int, size: int | None = None) -> Consistency:
    """Prove that the tree of *size* entries, or else of the last checkpoint, begins with that of *old_size*.

    Raises `InvalidProof` for sizes that the log never had, `Unauthenticated`, `Denied`, `Unavailable`.
    """
    _require_reader(registry, caller, LogReaders.HASHES)
    head = await _head(registry)
    new = head.size if size is None else size
    if not 0 <= old_size <= new <= head.size:
        raise InvalidProof(
            f"from {old_size} entries to {new}", expected=f"sizes up to {head.size}, the first not larger"
        )
    path = await path_between(registry, old_size, new)
    return Consistency(old_size, new, tuple(path), head.note)


async def path_between(registry: Registry, old_size: int, size: int) -> list[bytes]:
    """The proof that the tree of *size* entries begins with that of *old_size*; both are sizes that the log had."""
    return await _prove(registry, consistency_ranges(old_size, size), size)


async def root_at(registry: Registry, old_size: int, size: int) -> bytes:
    """The root of the tree of *old_size* entries, from what is kept of that of *size*; the log had both."""
    (root,) = await _prove(registry, [(0, old_size)], size)
    return root


def _require_reader(registry: Registry, caller: Caller, needed: LogReaders) -> None:
    readers = identity_of(registry).readers
    if readers is not LogReaders.EVERYBODY and readers is not needed:
        access.require_anywhere(caller, Action.AUDIT)


async def _head(registry: Registry) -> LogHead:
    head = await registry.catalog.log.head()
    if head is None:
        raise Unavailable("the log has no checkpoint yet", after=1)
    return head


async def _prove(registry: Registry, ranges: Sequence[Range], size: int) -> list[bytes]:
    tiles = {tile: await _content(registry, tile) for tile in tiles_for(ranges, size)}
    return prove(ranges, TileHashes(tiles))


async def _content(registry: Registry, tile: Tile) -> bytes:
    """What a tree had of a tile when the tile had that width. Raises `Corrupt`."""
    key = (tile.level, tile.number)
    content = (await registry.catalog.log.find_tiles([key])).get(key, b"")[: tile.width * 32]
    if len(content) != tile.width * 32:
        raise Corrupt(tile, expected=f"{tile.width} hashes", actual=len(content) // 32)
    return content


# --- checking ---


async def check_log(registry: Registry) -> str | None:
    """What is wrong between the journal, the tree and the checkpoint; None when they fit.

    An entry that was changed, left out, put in or moved makes another leaf, and so another root than the one that was
    signed; and so does a tile.
    """
    head = await registry.catalog.log.head()
    if head is None:
        return None
    edge = EMPTY
    while edge.size < head.size:
        limit = min(_BATCH, head.size - edge.size)
        try:
            entries = await registry.catalog.list_entries(after=Position(edge.size), limit=limit)
        except Corrupt as error:
            return str(error)
        present = {entry.position for entry in entries}
        missing = next((place for place in range(edge.size + 1, edge.size + limit + 1) if place not in present), None)
        if missing is not None:
            return f"the log has an entry at position {missing}, the journal has none"
        edge, tiles = edge.grow([leaf_hash(leaf_of(entry)) for entry in entries])
        for tile, content in tiles.items():
            problem = await _compare(registry, tile, content, edge.size)
            if problem is not None:
                return problem
    return _check_head(registry.log, head, edge.root)


async def _compare(registry: Registry, tile: Tile, content: bytes, size: int) -> str | None:
    kept = (await registry.catalog.log.find_tiles([(tile.level, tile.number)])).get((tile.level, tile.number), b"")
    if kept.startswith(content):
        return None
    place = next(
        place
        for place in range(tile.width)
        if kept[place * 32 : place * 32 + 32] != content[place * 32 : place * 32 + 32]
    )
    span = 1 << (HEIGHT * tile.level)
    first = (tile.number * WIDTH + place) * span + 1
    last = min(first + span - 1, size)
    where = f"entry {first}" if span == 1 else f"entries {first} to {last}"
    return f"{tile}: {where} of the journal is not what the log has"


def _check_head(identity: LogIdentity | None, head: LogHead, root: bytes) -> str | None:
    if root != head.root:
        return f"the journal's root is {root.hex()}, the checkpoint's is {head.root.hex()}"
    if identity is None:
        return None
    try:
        # By our keys, whatever the log was called then: settings may have changed, or be another command's.
        note = Note.parse(head.note)
        origin = Checkpoint.parse(note.unchecked_text).origin
        keys = [NoteKey.of(origin, key.type, key.public_key) for key in identity.keys]
        checkpoint, _ = Checkpoint.open(note, origin, keys)
    except InvalidProof as error:
        return f"the checkpoint: {error}"
    if (checkpoint.size, checkpoint.root) != (head.size, head.root):
        return f"the checkpoint is of {checkpoint.size} entries, {head.size} are kept"
    return None

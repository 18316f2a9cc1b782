"""The Merkle tree of RFC 6962 (§2.1): its hashes, the proofs over them, and how a stranger checks these.

A node is named by its level and its place there: ``(level, n)`` covers the leaves from ``n * 2**level`` on,
``2**level`` of them. Only complete nodes have a name; every hash of a tree is made from these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from hashlib import sha256
from typing import Final

from entrepot.model.errors import InvalidProof

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves (§2.1)."""
MAX_SIZE: Final = 2**63 - 1
"""More leaves than any tree has: sizes are signed integers of 64 bits wherever they are written down."""
MAX_PATH: Final = 63
"""The hashes in the longest proof of a tree that is not larger than `MAX_SIZE`."""

Node = tuple[int, int]
Range = tuple[int, int]
"""Leaves from the first number up to, but without, the second."""
NodeHash = Callable[[int, int], bytes]
"""The hash of a complete node, by its level and its place there."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of an entry; the first byte sets it apart from nodes (§2.1)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node, from those of its children."""
    return sha256(b"\x01" + left + right).digest()


def nodes_of(leaves: Range) -> list[Node]:
    """The complete nodes that together cover *leaves*, from left to right.

    The range must be one that occurs in a tree: it begins at a multiple of the power of two that its length needs.
    """
    first, end = leaves
    found = []
    while first < end:
        level = (end - first).bit_length() - 1
        found.append((level, first >> level))
        first += 1 << level
    return found


def range_hash(leaves: Range, hash_of: NodeHash) -> bytes:
    """MTH of a range (§2.1): its complete nodes, hashed together from the right."""
    first, end = leaves
    if first == end:
        return EMPTY_ROOT
    parts = [hash_of(*node) for node in nodes_of(leaves)]
    return reduce(lambda right, left: node_hash(left, right), reversed(parts))


def root_hash(size: int, hash_of: NodeHash) -> bytes:
    """The root of the tree of the first *size* leaves."""
    return range_hash((0, size), hash_of)


# --- making proofs ---


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """What the hashes of an inclusion proof cover, the leaf's sibling first (§2.1.1, PATH)."""
    if not 0 <= index < size:
        raise RuntimeError(f"leaf {index} of {size}")
    first, end = 0, size
    found: list[Range] = []
    while end - first > 1:
        split = first + _half(end - first)
        if index < split:
            found.append((split, end))
            end = split
        else:
            found.append((first, split))
            first = split
    return found[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """What the hashes of a consistency proof cover (§2.1.2, SUBPROOF); nothing for a tree without leaves."""
    if not 0 <= old <= new:
        raise RuntimeError(f"from {old} leaves to {new}")
    if old in (0, new):
        return []
    first, end = 0, new
    found: list[Range] = []
    whole = True  # whether what is left of the old tree is all of it, so that its root is known
    while old != end:
        split = first + _half(end - first)
        if old <= split:
            found.append((split, end))
            end = split
        else:
            found.append((first, split))
            first, whole = split, False
    if not whole:
        found.append((first, end))
    return found[::-1]


def prove(ranges: Iterable[Range], hash_of: NodeHash) -> list[bytes]:
    """The hashes of a proof."""
    return [range_hash(leaves, hash_of) for leaves in ranges]


def _half(size: int) -> int:
    """The largest power of two that is smaller than *size* (§2.1, k)."""
    return 1 << ((size - 1).bit_length() - 1)


# --- checking proofs ---


def check_inclusion(leaf: bytes, index: int, size: int, *, path: Sequence[bytes], root: bytes) -> None:
    """Make sure that the leaf whose hash is *leaf* is at *index* of the tree (RFC 9162 §2.1.3.2).

    Raises `InvalidProof`.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise InvalidProof(f"leaf {index}", expected=f"a place in a tree of {size} leaves")
    _check_hashes((leaf, root, *path))
    place, last, actual = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise InvalidProof(f"leaf {index} of {size}", expected="fewer hashes", actual=len(path))
        if place & 1 or place == last:
            actual = node_hash(sibling, actual)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            actual = node_hash(actual, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise InvalidProof(f"leaf {index} of {size}", expected="more hashes", actual=len(path))
    if actual != root:
        raise InvalidProof(f"leaf {index} of {size}", expected=f"root {root.hex()}", actual=actual.hex())


def check_consistency(old: int, old_root: bytes, new: int, *, new_root: bytes, path: Sequence[bytes]) -> None:
    """Make sure that the new tree begins with all of the old one (RFC 9162 §2.1.4.2).

    Raises `InvalidProof`.
    """
    if not 0 <= old <= new <= MAX_SIZE:
        raise InvalidProof(f"{old} leaves and then {new}", expected="a tree that has not become smaller")
    _check_hashes((old_root, new_root, *path))
    if old == 0 and old_root != EMPTY_ROOT:
        raise InvalidProof("a tree without leaves", expected=EMPTY_ROOT.hex(), actual=old_root.hex())
    if old in (0, new):
        # Any tree goes on from one without leaves; and one goes on from itself when the two are the same.
        if path:
            raise InvalidProof(f"from {old} leaves to {new}", expected="no hashes", actual=len(path))
        if old == new and old_root != new_root:
            raise InvalidProof(f"two trees of {old} leaves", expected=old_root.hex(), actual=new_root.hex())
        return
    _follow(old, old_root, new, new_root=new_root, path=path)


def _follow(old: int, old_root: bytes, new: int, *, new_root: bytes, path: Sequence[bytes]) -> None:
    subject = f"from {old} leaves to {new}"
    # An old tree that is one complete node of the new one is not repeated in the proof.
    hashes = list(path) if old & (old - 1) else [old_root, *path]
    if not hashes:
        raise InvalidProof(subject, expected="more hashes", actual=0)
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise InvalidProof(subject, expected="fewer hashes", actual=len(path))
        if place & 1 or place == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise InvalidProof(subject, expected="more hashes", actual=len(path))
    if before != old_root:
        raise InvalidProof(subject, expected=f"old root {old_root.hex()}", actual=before.hex())
    if after != new_root:
        raise InvalidProof(subject, expected=f"new root {new_root.hex()}", actual=after.hex())


def _check_hashes(hashes: Iterable[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise InvalidProof(value.hex()[:100], expected=f"a hash of {HASH_SIZE} bytes", actual=len(value))

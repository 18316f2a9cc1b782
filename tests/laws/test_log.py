"""The log's tree against the definitions of RFC 6962 §2.1, read literally; and what its proofs do not prove."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.model.errors import InvalidProof
from entrepot.trust.log.merkle import (
    check_consistency,
    check_inclusion,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    prove,
    root_hash,
)
from entrepot.trust.log.tiles import (
    EMPTY,
    HEIGHT,
    Edge,
    Tile,
    TileHashes,
    edge_of,
    pack_entries,
    tiles_for,
    unpack_entries,
)

MOST = 700
"""Leaves: more than two tiles, with the borders that matter (255, 256, 257, 511, 512, 513) among them."""
LEAVES = [b"leaf %d" % number for number in range(MOST)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
SIZES = st.integers(0, MOST) | st.sampled_from([0, 1, 2, 3, 255, 256, 257, 511, 512, 513])


def mth(hashes: list[bytes]) -> bytes:
    """MTH as §2.1 defines it."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def grown(*steps: int) -> tuple[Edge, dict[Tile, bytes]]:
    """A tree that came to its size by these steps, with every tile that it ever had."""
    edge, tiles = EMPTY, dict[Tile, bytes]()
    for size in steps:
        edge, new = edge.grow(HASHES[edge.size : size])
        tiles |= new
    return edge, tiles


def hashes_of(size: int, *ranges: tuple[int, int]) -> TileHashes:
    """What a client has that fetches the tiles needed for these ranges."""
    _, tiles = grown(size)
    return TileHashes({tile: tiles[tile] for tile in tiles_for(ranges, size)})


def test_every_root_is_that_of_the_definition() -> None:
    edge = EMPTY
    for size in range(MOST):
        assert edge.size == size
        assert edge.root == mth(HASHES[:size]), size
        edge, _ = edge.grow(HASHES[size : size + 1])


@given(st.lists(SIZES, max_size=8).map(sorted))
def test_a_tree_does_not_show_by_which_steps_it_grew(steps: list[int]) -> None:
    stepped, _ = grown(*steps)

    assert stepped == grown(steps[-1] if steps else 0)[0]


@given(st.lists(SIZES, min_size=1, max_size=8).map(sorted))
def test_a_tile_is_what_the_specification_says_it_holds(steps: list[int]) -> None:
    edge, tiles = grown(*steps)

    for tile, content in tiles.items():
        span = 1 << (HEIGHT * tile.level)
        first = tile.number * 256
        expected = [mth(HASHES[place * span : (place + 1) * span]) for place in range(first, first + tile.width)]
        assert content == b"".join(expected)
        assert tile.is_in(edge.size)
    assert set(edge_of(edge.size)) <= tiles.keys()


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_specification_s_example() -> None:
    edge, tiles = EMPTY.grow([bytes(32)] * 70_000)

    full = [tile for tile in tiles if tile.full]
    assert sum(tile.level == 0 for tile in full) == 273
    assert sum(tile.level == 1 for tile in full) == 1
    assert [tile for tile in tiles if not tile.full] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert edge_of(edge.size) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]


@given(SIZES.filter(bool), st.data())
def test_what_is_in_the_tree_is_proved_and_nothing_else(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    ranges = inclusion_ranges(index, size)
    path = prove(ranges, hashes_of(size, *ranges))
    root = mth(HASHES[:size])

    check_inclusion(HASHES[index], index, size, path=path, root=root)

    other = data.draw(st.integers(0, size - 1).filter(lambda other: other != index) | st.just(size))
    for wrong in (
        (leaf_hash(b"other"), index, size, path, root),
        (HASHES[index], other, size, path, root),
        (HASHES[index], index, size, [*path, bytes(32)], root),
        (HASHES[index], index, size, path, sha256(root).digest()),
        *((HASHES[index], index, size, path[:cut], root) for cut in range(len(path))),
        *((HASHES[index], index, size, _spoilt(path, place), root) for place in range(len(path))),
    ):
        with pytest.raises(InvalidProof):
            check_inclusion(wrong[0], wrong[1], wrong[2], path=wrong[3], root=wrong[4])


@given(SIZES, SIZES, st.data())
def test_a_tree_that_goes_on_from_another_is_proved_to_and_no_other_is(one: int, two: int, data: st.DataObject) -> None:
    old, new = sorted((one, two))
    ranges = consistency_ranges(old, new)
    path = prove(ranges, hashes_of(new, *ranges))
    old_root, new_root = mth(HASHES[:old]), mth(HASHES[:new])

    check_consistency(old, old_root, new, new_root=new_root, path=path)

    forked = [*HASHES[:new]]
    if old:
        forked[data.draw(st.integers(0, old - 1))] = leaf_hash(b"rewritten")
        for wrong_old, wrong_new in ((mth(forked[:old]), new_root), (old_root, mth(forked))):
            with pytest.raises(InvalidProof):
                check_consistency(old, wrong_old, new, new_root=wrong_new, path=path)
    for wrong in (*(path[:cut] for cut in range(len(path))), [*path, bytes(32)]):
        with pytest.raises(InvalidProof):
            check_consistency(old, old_root, new, new_root=new_root, path=wrong)
    for place in range(len(path)):
        with pytest.raises(InvalidProof):
            check_consistency(old, old_root, new, new_root=new_root, path=_spoilt(path, place))


def test_a_rewritten_leaf_is_found_by_the_honest_proof_of_the_forged_tree() -> None:
    """Whoever rewrites history and proves it honestly from there is still not consistent with what was seen."""
    for old in (1, 2, 3, 5, 8, 255, 256, 257):
        for new in (old, old + 1, 2 * old, 600):
            forged = [leaf_hash(b"rewritten"), *HASHES[1:new]]
            _, tiles = EMPTY.grow(forged)
            ranges = consistency_ranges(old, new)
            path = prove(ranges, TileHashes(tiles))
            with pytest.raises(InvalidProof):
                check_consistency(old, mth(HASHES[:old]), new, new_root=mth(forged), path=path)


@given(st.integers(-1, 63), st.integers(0, 10**9), st.integers(1, 256))
def test_a_tile_s_path_reads_as_it_was_written(level: int, number: int, width: int) -> None:
    tile = Tile(level, number, width)

    assert Tile.parse(str(tile)) == tile


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_a_bundle_s_entries_come_out_as_they_went_in(entries: list[bytes]) -> None:
    tile = Tile(-1, 0, len(entries))
    packed = pack_entries(entries)

    assert unpack_entries(tile, packed) == entries
    for cut in random.Random(len(packed)).choices(range(len(packed)), k=5):
        with pytest.raises(InvalidProof):
            unpack_entries(tile, packed[:cut])
    with pytest.raises(InvalidProof):
        unpack_entries(tile, packed + b"\0\0")


@given(SIZES)
def test_the_root_comes_from_the_tiles_alone(size: int) -> None:
    assert root_hash(size, hashes_of(size, (0, size))) == mth(HASHES[:size])


def _spoilt(path: list[bytes], place: int) -> list[bytes]:
    return [sha256(value).digest() if at == place else value for at, value in enumerate(path)]

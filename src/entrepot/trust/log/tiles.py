"""The tree as files that never change (``c2sp.org/tlog-tiles``): 256 hashes a tile, 256 entries a bundle.

Each level of tiles is eight levels of the tree. The last tile of a level grows; what it held for an earlier tree is a
beginning of what it holds now, so one row of bytes serves all its widths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from entrepot.model.errors import InvalidProof, RouteUnknown
from entrepot.trust.log.merkle import HASH_SIZE, Node, Range, node_hash, nodes_of, root_hash

HEIGHT: Final = 8
WIDTH: Final = 256
MAX_ENTRY: Final = 0xFFFF
"""The largest entry that a bundle can hold: lengths there have 16 bits."""
ENTRIES: Final = -1
"""The level that stands for the entries themselves."""

_LAST_LEVEL: Final = 63
_PATH: Final = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-9][0-9])/(?P<number>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Which tile: ``tile/0/x001/234.p/17``; with level `ENTRIES`, which bundle: ``tile/entries/x001/234.p/17``."""

    level: int
    number: int
    width: int = WIDTH

    @classmethod
    def parse(cls, path: str) -> Tile:
        """Read a path below the log's prefix. Raises `RouteUnknown`."""
        found = _PATH.fullmatch(path)
        if found is None:
            raise RouteUnknown(path[:200])
        level = ENTRIES if found["level"] == "entries" else int(found["level"])
        digits = found["number"].replace("x", "").replace("/", "")
        width = int(found["width"] or WIDTH)
        # "no additional leading zeroes"; and a partial tile is narrower than a full one.
        if level > _LAST_LEVEL or (found["width"] and width >= WIDTH) or (len(digits) > 3 and digits.startswith("000")):  # noqa: PLR2004 (digits of an element)
            raise RouteUnknown(path[:200])
        return cls(level, int(digits), width)

    def __str__(self) -> str:
        digits = str(self.number)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        *before, last = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        level = "entries" if self.level == ENTRIES else str(self.level)
        number = "/".join([*(f"x{part}" for part in before), last])
        return f"tile/{level}/{number}" + ("" if self.full else f".p/{self.width}")

    @property
    def full(self) -> bool:
        """Whether it will never have more than it has."""
        return self.width == WIDTH

    @property
    def leaves(self) -> Range:
        """The entries that a bundle holds."""
        return self.number * WIDTH, self.number * WIDTH + self.width

    def is_in(self, size: int) -> bool:
        """Whether a tree of *size* leaves has so much of it."""
        return self.number * WIDTH + self.width <= size >> (HEIGHT * max(self.level, 0))


def last_tile(level: int, size: int) -> Tile | None:
    """The partial tile at the right edge of a level, or None when the level ends with a full one."""
    hashes = size >> (HEIGHT * level)
    return Tile(level, hashes // WIDTH, hashes % WIDTH) if hashes % WIDTH else None


def edge_of(size: int) -> list[Tile]:
    """The partial tiles of a tree, from the leaves up: what is needed to let it grow, and for its root."""
    levels = range(-(-max(size, 1).bit_length() // HEIGHT))
    return [tile for level in levels if (tile := last_tile(level, size)) is not None]


def tile_of(node: Node, size: int) -> Tile:
    """The tile of a tree of *size* leaves that the hash of a complete node is made from."""
    level, place = node
    tile_level, height = divmod(level, HEIGHT)
    number = (place << height) // WIDTH
    return Tile(tile_level, number, min(WIDTH, (size >> (HEIGHT * tile_level)) - number * WIDTH))


def tiles_for(ranges: Iterable[Range], size: int) -> set[Tile]:
    """The tiles of a tree of *size* leaves that the hashes of *ranges* are made from."""
    return {tile_of(node, size) for leaves in ranges for node in nodes_of(leaves)}


class TileHashes:
    """Answers with the hash of any complete node, from the content of the tiles that hold it."""

    def __init__(self, tiles: Mapping[Tile, bytes]) -> None:
        """*tiles* may be of any width that has the nodes to be asked for. Raises `InvalidProof`."""
        for tile, content in tiles.items():
            check_tile(tile, content)
        self._content = {(tile.level, tile.number): content for tile, content in tiles.items()}

    def __call__(self, level: int, place: int) -> bytes:
        """The node's hash. Raises `InvalidProof` when its tile is not there."""
        tile_level, height = divmod(level, HEIGHT)
        first = place << height
        content = self._content.get((tile_level, first // WIDTH), b"")
        begin = first % WIDTH * HASH_SIZE
        part = content[begin : begin + (HASH_SIZE << height)]
        if len(part) != HASH_SIZE << height:
            raise InvalidProof(str(Tile(tile_level, first // WIDTH)), expected="a tile that has the hashes needed")
        return _fold(part)


def check_tile(tile: Tile, content: bytes) -> None:
    """Make sure that a tile of hashes is as long as its width says. Raises `InvalidProof`."""
    if len(content) != tile.width * HASH_SIZE:
        raise InvalidProof(str(tile), expected=f"{tile.width * HASH_SIZE} bytes", actual=len(content))


def _fold(hashes: bytes) -> bytes:
    """The hash of the complete node over a power of two of hashes."""
    row = [hashes[i : i + HASH_SIZE] for i in range(0, len(hashes), HASH_SIZE)]
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of a tree: all that is needed to let it grow."""

    size: int
    tiles: Mapping[int, bytes]
    """The hashes of each level's partial tile; a level that ends with a full one has none."""

    def __post_init__(self) -> None:
        """Raises `InvalidProof` when the hashes are not those of a tree of this size."""
        for level in {*self.tiles, *(tile.level for tile in edge_of(self.size))}:
            expected = last_tile(level, self.size)
            check_tile(expected or Tile(level, 0, 0), self.tiles.get(level, b""))

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        partial = {tile: self.tiles[tile.level] for tile in edge_of(self.size)}
        return root_hash(self.size, TileHashes(partial))

    def grow(self, leaf_hashes: Sequence[bytes]) -> tuple[Edge, dict[Tile, bytes]]:
        """The edge with these leaves behind it, and every tile that is new or wider, from the leaves up."""
        size = self.size + len(leaf_hashes)
        tiles: dict[Tile, bytes] = {}
        edge: dict[int, bytes] = {}
        level, arriving = 0, list(leaf_hashes)
        while arriving or level in self.tiles:
            number = (self.size >> (HEIGHT * level)) // WIDTH
            content = self.tiles.get(level, b"") + b"".join(arriving)
            has_new = bool(arriving)
            arriving = []
            while len(content) >= WIDTH * HASH_SIZE:
                full, content = content[: WIDTH * HASH_SIZE], content[WIDTH * HASH_SIZE :]
                tiles[Tile(level, number)] = full
                arriving.append(_fold(full))
                number += 1
            if content:
                edge[level] = content
                if has_new:
                    tiles[Tile(level, number, len(content) // HASH_SIZE)] = content
            level += 1
        # Levels above may still end with a partial tile, although nothing came to them or to the one below.
        edge |= {above: content for above, content in self.tiles.items() if above >= level}
        return Edge(size, edge), tiles


EMPTY: Final = Edge(0, {})


# --- bundles of entries ---


def pack_entries(entries: Sequence[bytes]) -> bytes:
    """A bundle: each entry preceded by its length in 16 bits."""
    # A longer entry is an OverflowError: leaves are made so that they fit.
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unpack_entries(tile: Tile, content: bytes) -> list[bytes]:
    """The entries of a bundle. Raises `InvalidProof`."""
    entries: list[bytes] = []
    place = 0
    while place < len(content) and len(entries) < tile.width:
        size = int.from_bytes(content[place : place + 2], "big")
        entry = content[place + 2 : place + 2 + size]
        place += 2 + size
        if place > len(content):
            raise InvalidProof(str(tile), expected="whole entries, each preceded by its length")
        entries.append(entry)
    if len(entries) != tile.width or place != len(content):
        raise InvalidProof(str(tile), expected=f"{tile.width} entries and nothing else", actual=len(entries))
    return entries

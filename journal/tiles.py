"""The journal as plain files that anyone can copy: rows of 256 hashes, and bundles of 256 entries.

C2SP tlog-tiles. Tile (L, N) holds the hashes of nodes (8·L, 256·N) and the 255 that follow; the last one of a
level may be partial. Level `ENTRIES` stands for the bundles of leaves themselves. What a reader is given is
believed only as far as it hashes to the root of a checkpoint.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from journal.entries import MAX_LEAF
from journal.tree import HASH_SIZE, MAX_SIZE, Frontier, NodeReader, leaf_hash, node_hash, peaks
from keys.errors import ForgedError, MalformedError

__all__ = [
    "ENTRIES",
    "WIDTH",
    "Tile",
    "TilePath",
    "TileReader",
    "decode_bundle",
    "encode_bundle",
    "new_bundles",
    "new_tiles",
    "parse_path",
]

WIDTH: Final = 256
"""Hashes in a full tile, leaves in a full bundle."""
HEIGHT: Final = 8
"""Levels of the tree that one tile spans: 2^8 = 256."""
ENTRIES: Final = -1
"""The level under which bundles of leaves are filed (`tile/entries/…`)."""
_MAX_LEVEL: Final = 63
_LENGTH_SIZE: Final = 2
_MAX_PATH: Final = 64
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9]\d?)/(?P<number>(?:x\d{3}/)*\d{3})(?:\.p/(?P<width>[1-9]\d{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class TilePath:
    """Which tile: its level (0 to 63, or `ENTRIES`), its number in the level, and how many hashes it holds.

    Raises `MalformedError` (wrong-tile-path) when out of range. As text it is the one path the tile has.
    """

    level: int
    index: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        in_range = ENTRIES <= self.level <= _MAX_LEVEL and 0 <= self.index <= MAX_SIZE // WIDTH
        if not in_range or not 1 <= self.width <= WIDTH:
            raise MalformedError("wrong-tile-path")

    def __str__(self) -> str:
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        level = "entries" if self.level == ENTRIES else str(self.level)
        suffix = "" if self.width == WIDTH else f".p/{self.width}"
        return "/".join(["tile", level, *(f"x{group}" for group in groups[:-1]), groups[-1]]) + suffix


@dataclass(frozen=True, slots=True)
class Tile:
    """A file to write: where it goes, and its bytes (concatenated hashes, or a bundle)."""

    path: TilePath
    data: bytes


def parse_path(text: str) -> TilePath:
    """Read `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.

    Raises `MalformedError` (wrong-tile-path) for any other spelling: a tile has exactly one path, so that
    nothing is cached or served twice and no path leads out of the folder.
    """
    match = _PATH.fullmatch(text) if len(text) <= _MAX_PATH else None
    if match is None:
        raise MalformedError("wrong-tile-path")
    level = ENTRIES if match["level"] == "entries" else int(match["level"])
    number = int(match["number"].replace("x", "").replace("/", ""))
    path = TilePath(level, number, int(match["width"] or WIDTH))
    if str(path) != text:
        raise MalformedError("wrong-tile-path")
    return path


def encode_bundle(leaves: Sequence[bytes]) -> bytes:
    """Write leaves as a bundle, each after its length on two bytes, big-endian; raises `MalformedError`."""
    if any(len(leaf) > MAX_LEAF for leaf in leaves):
        raise MalformedError("too-large")
    return b"".join(len(leaf).to_bytes(_LENGTH_SIZE, "big") + leaf for leaf in leaves)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """Read a bundle of exactly `width` leaves.

    Raises `MalformedError` (wrong-bundle) for one more, one less, or one cut short.
    """
    leaves = []
    at = 0
    for _ in range(width):
        start = at + _LENGTH_SIZE
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise MalformedError("wrong-bundle")
        leaves.append(data[start:at])
    if at != len(data):
        raise MalformedError("wrong-bundle")
    return leaves


def new_tiles(old_size: int, hashed_leaves: Sequence[bytes], read: NodeReader) -> list[Tile]:
    """The hash tiles to write when a tree of `old_size` leaves grows by these, lowest level first.

    A tile that was partial is written anew, longer, with the hashes it had: `read` gives them (nodes of
    height 8·L). Tiles that do not change are not returned. Raises `MalformedError` (wrong-hash-size,
    tree-full), and whatever `read` raises.
    """
    if any(len(hashed) != HASH_SIZE for hashed in hashed_leaves):
        raise MalformedError("wrong-hash-size")
    if not 0 <= old_size <= MAX_SIZE - len(hashed_leaves):
        raise MalformedError("tree-full")
    tiles: list[Tile] = []
    level, count, fresh = 0, old_size, list(hashed_leaves)
    while fresh:
        first = count - count % WIDTH
        row = [*(read(HEIGHT * level, index) for index in range(first, count)), *fresh]
        chunks = [row[at : at + WIDTH] for at in range(0, len(row), WIDTH)]
        count = first // WIDTH
        tiles += [
            Tile(TilePath(level, count + number, len(chunk)), b"".join(chunk)) for number, chunk in enumerate(chunks)
        ]
        fresh = [_rows(chunk)[HEIGHT][0] for chunk in chunks if len(chunk) == WIDTH]
        level += 1
    return tiles


def new_bundles(old_size: int, leaves: Sequence[bytes], open_bundle: Sequence[bytes] = ()) -> list[Tile]:
    """The entry bundles to write when a tree of `old_size` leaves grows by these.

    `open_bundle` holds the leaves of the last bundle if it was partial: `old_size` modulo 256 of them. Raises
    `MalformedError` (wrong-bundle, too-large).
    """
    if old_size < 0 or len(open_bundle) != old_size % WIDTH:
        raise MalformedError("wrong-bundle")
    if not leaves:
        return []
    row = [*open_bundle, *leaves]
    chunks = [row[at : at + WIDTH] for at in range(0, len(row), WIDTH)]
    return [
        Tile(TilePath(ENTRIES, old_size // WIDTH + number, len(chunk)), encode_bundle(chunk))
        for number, chunk in enumerate(chunks)
    ]


class TileReader:
    """Reads a tree from its tiles and believes only what hashes to the root it was given: a `NodeReader`.

    `read_file` gives the bytes filed under a path, or None. The rightmost tiles are read at once and must
    yield `root`; every other tile must hash to the value the tile above holds for it. Raises `MalformedError`
    (missing-tile, wrong-tile-size, no-such-entry) and `ForgedError` (wrong-root, wrong-tile, wrong-leaf).
    """

    def __init__(self, read_file: Callable[[str], bytes | None], size: int, root: bytes, *, keep: int = 64) -> None:
        """Read the right edge of the tree of `size` leaves.

        `keep` bounds the full tiles remembered, about 40 kB each.
        """
        if not 0 <= size <= MAX_SIZE:
            raise MalformedError("no-such-size")
        self.size = size
        self._read_file = read_file
        self._keep = keep
        self._full: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()
        self._edge: dict[int, list[list[bytes]]] = {}
        for level in range(-(-size.bit_length() // HEIGHT)):
            number, width = divmod(size >> (HEIGHT * level), WIDTH)
            if width:
                self._edge[level] = _rows(self._hashes(TilePath(level, number, width)))
        edge = (self._edge[height // HEIGHT][height % HEIGHT][-1] for height, _ in peaks(0, size))
        self.root = Frontier(size, edge).root()
        if self.root != root:
            raise ForgedError("wrong-root")

    def __call__(self, height: int, index: int, /) -> bytes:
        """The verified hash of node (height, index), which must be complete in this tree."""
        if height < 0 or index < 0 or (index + 1) << min(height, HEIGHT * HEIGHT) > self.size:
            raise MalformedError("no-such-entry")
        level, above = divmod(height, HEIGHT)
        tile, position = divmod(index, WIDTH >> above)
        return self._tile(level, tile)[above][position]

    def leaves(self, number: int) -> list[bytes]:
        """The verified leaves of bundle `number`, the first of which has index 256 · number."""
        count = min(WIDTH, self.size - number * WIDTH)
        if number < 0 or count < 1:
            raise MalformedError("no-such-entry")
        data, width = self._file(TilePath(ENTRIES, number, count))
        leaves = decode_bundle(data, width)[:count]
        if [leaf_hash(leaf) for leaf in leaves] != self._tile(0, number)[0][:count]:
            raise ForgedError("wrong-leaf")
        return leaves

    def leaf(self, index: int) -> bytes:
        """The verified leaf at `index`."""
        if not 0 <= index < self.size:
            raise MalformedError("no-such-entry")
        return self.leaves(index // WIDTH)[index % WIDTH]

    def _tile(self, level: int, number: int) -> list[list[bytes]]:
        """The rows of a tile, each half as long as the one below.

        A full tile is verified against the one above it, and so on up to the right edge.
        """
        if number == self.size >> (HEIGHT * (level + 1)):
            return self._edge[level]
        rows = self._full.pop((level, number), None)
        if rows is None:
            rows = _rows(self._hashes(TilePath(level, number)))
            if rows[HEIGHT][0] != self(HEIGHT * (level + 1), number):
                raise ForgedError("wrong-tile")
        self._full[level, number] = rows
        if len(self._full) > self._keep:
            self._full.popitem(last=False)
        return rows

    def _hashes(self, path: TilePath) -> list[bytes]:
        data, width = self._file(path)
        if len(data) != width * HASH_SIZE:
            raise MalformedError("wrong-tile-size")
        return [data[at : at + HASH_SIZE] for at in range(0, path.width * HASH_SIZE, HASH_SIZE)]

    def _file(self, path: TilePath) -> tuple[bytes, int]:
        """A file and its width; a partial one that was removed once full is the beginning of the full one."""
        for candidate in (path, replace(path, width=WIDTH)):
            data = self._read_file(str(candidate))
            if data is not None:
                return data, candidate.width
        raise MalformedError("missing-tile")


def _rows(hashes: list[bytes]) -> list[list[bytes]]:
    """The hashes of a tile, then row by row those of the complete subtrees above them; 9 rows when full."""
    rows = [hashes]
    while len(rows[-1]) > 1:
        below = rows[-1]
        rows.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
    return rows

"""Fetches the tiles of one shard that a mirror lacks, and keeps none that was not verified."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from journal.contradictions import Signed
from journal.layout import largest_piece
from journal.mirror import Mirror
from journal.tiles import ENTRIES, HEIGHT, WIDTH, TilePath, TileReader
from keys.errors import ForgedError, MalformedError, about

__all__ = ["FetchMany", "Tell", "Tiles", "partial_tiles"]

FetchMany = Callable[[Iterable[tuple[str, int]]], Iterator[bytes | None]]
"""Gives the bytes of several files at once, in order, each as `Fetch` does."""
Tell = Callable[[int, int], object]
"""Told how many of how many are done."""
_TOGETHER: Final = 128 * 1024 * 1024
"""Bytes that the tiles asked for together may have, all of which are held until they are verified."""


class Tiles:
    """Fetches the tiles that a mirror lacks, level by level from the top: each is verified by the one above it.

    A tile that lies there already is believed only if the mirror's own checkpoint covers it: a visit that ended before
    its checkpoint was kept may have left tiles of a journal that was never shown again.
    """

    def __init__(self, mirror: Mirror, many: FetchMany, newest: Signed, before: int) -> None:
        """Read the right edge of the newest tree; `before` is the size of the mirror's own."""
        self._mirror = mirror
        self._many = many
        self._fresh: dict[str, bytes] = {}
        self._size, self._before = newest.checkpoint.size, before
        covered = partial_tiles(before)
        self._edge = [path for path in partial_tiles(self._size) if path not in covered or str(path) not in mirror]
        self._bring(self._edge)
        self.reader = TileReader(self._read, self._size, newest.checkpoint.root)

    def fetch(self, tell: Tell | None) -> int:
        """Fetch, verify and keep them all; returns how many there were."""
        for path in self._edge:
            self._keep(path)
        count, expected = 0, _full(self._size) - _full(self._before)
        for together in self._missing():
            self._bring(together)
            for path in together:
                self._keep(path)
            count += len(together)
            if tell is not None:
                tell(count, max(count, expected))
        return len(self._edge) + count

    def _missing(self) -> Iterator[list[TilePath]]:
        """The full tiles that are not there, or not true, as many together as may be held."""
        together: list[TilePath] = []
        size = 0
        for path in _paths(self._size):
            if path.width < WIDTH or self._has(path):
                continue
            largest = largest_piece(str(path))
            if together and size + largest > _TOGETHER:
                yield together
                together, size = [], 0
            together.append(path)
            size += largest
        if together:
            yield together

    def _has(self, path: TilePath) -> bool:
        """Whether the mirror has a full tile that was verified, by an earlier visit or now."""
        if str(path) not in self._mirror:
            return False
        if (path.index + 1) << (HEIGHT * (max(path.level, 0) + 1)) <= self._before:
            return True
        try:
            self._verify(path)
        except (ForgedError, MalformedError):
            return False
        return True

    def _bring(self, paths: Sequence[TilePath]) -> None:
        asked = [(str(path), largest_piece(str(path))) for path in paths]
        for (name, _), data in zip(asked, self._many(asked), strict=True):
            if data is None:
                with about(name):
                    raise MalformedError("missing-tile")
            self._fresh[name] = data

    def _read(self, name: str) -> bytes | None:
        return self._fresh[name] if name in self._fresh else self._mirror.read(name)

    def _keep(self, path: TilePath) -> None:
        """Keep a tile once reading it through the tree has shown that it is the right one."""
        name = str(path)
        with about(name):
            self._verify(path)
        self._mirror.put(name, (self._fresh.pop(name),))

    def _verify(self, path: TilePath) -> None:
        if path.level == ENTRIES:
            self.reader.leaves(path.index)
        else:
            self.reader(HEIGHT * path.level, path.index * WIDTH)


def partial_tiles(size: int) -> dict[TilePath, None]:
    """In order, the tiles at the right edge of a tree that are not full, from the top level down."""
    levels = [*reversed(range(-(-size.bit_length() // HEIGHT))), ENTRIES]
    places = ((level, size >> (HEIGHT * max(level, 0))) for level in levels)
    return {TilePath(level, *divmod(count, WIDTH)): None for level, count in places if count % WIDTH}


def _full(size: int) -> int:
    """How many full tiles a tree has."""
    levels = range(-(-size.bit_length() // HEIGHT))
    return sum(size >> (HEIGHT * (level + 1)) for level in levels) + (size >> HEIGHT)


def _paths(size: int) -> Iterator[TilePath]:
    """Every tile of a tree of `size` leaves, from the top level down, the bundles of entries last."""
    levels = range(-(-size.bit_length() // HEIGHT))
    for level, count in [*((level, size >> (HEIGHT * level)) for level in reversed(levels)), (ENTRIES, size)]:
        for first in range(0, count, WIDTH):
            yield TilePath(level, first // WIDTH, min(WIDTH, count - first))

"""The published tree as the database keeps it: to prove that checkpoints continue, and that an entry is there."""

from __future__ import annotations

from gateway.store.transaction import Transaction
from journal.tiles import TileReader, parse_path
from journal.tree import HASH_SIZE

__all__ = ["tree"]


def tree(tx: Transaction, shard: int, size: int, root: bytes) -> TileReader:
    """The tree of the first `size` leaves of a shard, believed only as far as it has this root.

    Raises as `TileReader` does.
    """

    def read(path: str) -> bytes | None:
        wanted = parse_path(path)
        data = tx.tiles.data(shard, wanted.level, wanted.index)
        return data[: wanted.width * HASH_SIZE] if data else None

    return TileReader(read, size, root)

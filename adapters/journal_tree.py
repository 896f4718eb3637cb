"""The tree of one shard as it was accepted, read from the gateway's files and believed only where it hashes to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from adapters.growth import JournalSource
from adapters.problems import GatewayProblemError
from journal.checkpoints import Checkpoint
from journal.publication import root_at
from journal.shards import Shard
from journal.tiles import TileReader
from journal.tree import EMPTY_ROOT

__all__ = ["root_of", "tree_of"]

_NOT_FOUND: Final = 404


def tree_of(source: JournalSource, shard: Shard, checkpoint: Checkpoint) -> TileReader:
    """The tree under a checkpoint of a shard, whose leaves it counts from 0.

    Raises as `TileReader` does, and what `source` raises but for files it has not.
    """
    return TileReader(_files(source, shard), checkpoint.size, checkpoint.root)


def root_of(source: JournalSource, shard: Shard, checkpoint: Checkpoint, size: int) -> bytes:
    """The root that the first `size` leaves under a checkpoint have; raises as `tree_of` does."""
    if size == checkpoint.size:
        return checkpoint.root
    return root_at(tree_of(source, shard, checkpoint), size) if size else EMPTY_ROOT


def _files(source: JournalSource, shard: Shard) -> Callable[[str], bytes | None]:
    def read(path: str) -> bytes | None:
        try:
            return source.tile(shard.number, path)
        except GatewayProblemError as error:
            if error.status != _NOT_FOUND:
                raise
            return None

    return read

"""The tree of the journal as it was accepted, read from the gateway's files and believed only where it hashes to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from adapters.growth import JournalSource
from adapters.problems import GatewayProblemError
from journal.checkpoints import Checkpoint
from journal.tiles import TileReader

__all__ = ["tree_of"]

_NOT_FOUND: Final = 404


def tree_of(source: JournalSource, checkpoint: Checkpoint) -> TileReader:
    """The tree under a checkpoint; raises as `TileReader` does, and what `source` raises but for files it has not."""
    return TileReader(_files(source), checkpoint.size, checkpoint.root)


def _files(source: JournalSource) -> Callable[[str], bytes | None]:
    def read(path: str) -> bytes | None:
        try:
            return source.tile(path)
        except GatewayProblemError as error:
            if error.status != _NOT_FOUND:
                raise
            return None

    return read

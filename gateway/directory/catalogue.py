"""The directory in memory, read anew when another one was imported."""

from __future__ import annotations

from gateway.directory.search import DirectoryIndex
from gateway.store.transaction import Transaction

__all__ = ["Catalogue"]


class Catalogue:
    """Keeps the index of the last edition."""

    def __init__(self) -> None:
        self._edition: str | None = None
        self._index = DirectoryIndex(())

    def index(self, tx: Transaction) -> DirectoryIndex:
        """The index of the directory as it is now."""
        edition = tx.services.edition()
        if edition != self._edition:
            self._index = DirectoryIndex(tx.services.all())
            self._edition = edition
        return self._index

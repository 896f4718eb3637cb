"""The key book's memory, kept in the partner's database."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.keybook import JournalledStatement
from adapters.store.store import Store

__all__ = ["StoredKeyBook"]


class StoredKeyBook:
    """Keeps what `adapters.keybook.KeyBook` read of the journal; implements its `KeyBookStore`."""

    def __init__(self, store: Store) -> None:
        """Keep it in the database given."""
        self._store = store

    def checkpoint(self) -> bytes | None:
        """The last checkpoint saved, as a signed note; None at first."""
        with self._store.transaction() as tx:
            saved = tx.keyring.journal()
        return None if saved is None else saved[0]

    def frontier(self) -> bytes:
        """The right edge of the tree saved with it; empty at first."""
        with self._store.transaction() as tx:
            saved = tx.keyring.journal()
        return b"" if saved is None else saved[1]

    def save(
        self,
        before: bytes | None,
        checkpoint: bytes,
        frontier: bytes,
        new_statements: Sequence[JournalledStatement],
    ) -> bool:
        """Replace `before` by checkpoint and frontier and add statements, all or nothing; False when it is not there.

        Comparing and replacing are one transaction, so that two programs of ours cannot both go on from one past.
        """
        with self._store.transaction() as tx:
            saved = tx.keyring.journal()
            if (None if saved is None else saved[0]) != before:
                return False
            tx.keyring.save_journal(checkpoint, frontier)
            tx.keyring.add_statements((item.address, item.index, item.time, item.document) for item in new_statements)
        return True

    def statements(self, address: str) -> Sequence[JournalledStatement]:
        """The statements of one organisation, by index."""
        with self._store.transaction() as tx:
            found = tx.keyring.statements(address)
        return [JournalledStatement(address, place, at, document) for place, at, document in found]

"""The key book's memory, kept in the partner's database."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.keybook import JournalledStatement, KeptJournal
from adapters.store.store import Store

__all__ = ["StoredKeyBook"]


class StoredKeyBook:
    """Keeps what `adapters.keybook.KeyBook` read of the journal; implements its `KeyBookStore`."""

    def __init__(self, store: Store) -> None:
        """Keep it in the database given."""
        self._store = store

    def journal(self) -> KeptJournal | None:
        """What was saved last, all of one moment; None at first."""
        with self._store.transaction() as tx:
            saved = tx.keyring.journal()
            lineage = tx.keyring.lineage()
        if saved is None:
            return None
        checkpoint, frontier, first = saved
        return KeptJournal(checkpoint, frontier, lineage, first)

    def save(self, before: bytes | None, journal: KeptJournal, new_statements: Sequence[JournalledStatement]) -> bool:
        """Replace what has the checkpoint `before` and add statements, all or nothing; False when it is not there.

        Comparing and replacing are one transaction, so that two programs of ours cannot both go on from one past.
        """
        with self._store.transaction() as tx:
            saved = tx.keyring.journal()
            if (None if saved is None else saved[0]) != before:
                return False
            tx.keyring.save_journal(journal.checkpoint, journal.frontier, journal.first)
            if journal.lineage is not None:
                tx.keyring.save_lineage(journal.lineage)
            tx.keyring.add_statements((item.address, item.index, item.time, item.document) for item in new_statements)
        return True

    def statements(self, address: str) -> Sequence[JournalledStatement]:
        """The statements of one organisation, by index."""
        with self._store.transaction() as tx:
            found = tx.keyring.statements(address)
        return [JournalledStatement(address, place, at, document) for place, at, document in found]

"""Holds every receipt against the journal: what the gateway promised stands there in time, or it is an alarm.

PROTOCOL §6 and §7: each receipt promises a leaf at an index within sixty seconds. One that is not kept is evidence
against the broker, which anybody can verify.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from adapters.alarms import compose_evidence, raise_alarm
from adapters.growth import JournalSource, Seen
from adapters.journal_tree import tree_of
from adapters.office import Office
from adapters.store.store import StoreError
from adapters.store.watches import OpenPromise
from journal.receipts import Promised, read_receipt
from journal.tiles import WIDTH, TileReader
from journal.tree import inclusion_proof
from keys.errors import ForgedError, PasserelleError

__all__ = ["BROKEN", "HIDDEN", "MARGIN", "UNREAD", "hold_promises"]

BROKEN: Final = "receipt-not-honoured"
MARGIN: Final = timedelta(seconds=15)
"""How much later than promised a checkpoint without the entry may be signed before it is told."""
UNREAD: Final = "receipt-not-checkable"
HIDDEN: Final = timedelta(hours=2)
"""For how long the place of a receipt may not be shown before it is told."""
AT_ONCE: Final = 200
"""Receipts that one look holds against the journal."""


def hold_promises(office: Office, source: JournalSource, folder: Path) -> None:
    """Compare the leaves that receipts promised with those that stand in the journal as far as it was read.

    Kept promises are forgotten, broken ones are an alarm with their evidence, and the others go on waiting. A place
    that is not shown keeps no other receipt from being judged; after two hours of that it is an alarm. Raises
    `StoreError`, and at the end `ForgedError` when a file was not the journal's.
    """
    seen = office.book.seen()
    if seen is None:
        return
    with office.store.transaction() as tx:
        found = tx.watches.promises(AT_ONCE)
    places = _Places(source, seen)
    done: list[OpenPromise] = []
    for each in found:
        promised = _read(office, each)
        if promised is None:
            done.append(each)
        elif promised.index < seen.checkpoint.size:
            leaf = places.leaf(promised.index)
            if leaf is None:
                _wait(office, folder, each)
                continue
            if leaf != promised.leaf:
                _tell(office, folder, seen, promised, {"leaf": leaf, "proof": places.proof(promised.index)})
            done.append(each)
        elif seen.at > promised.due + MARGIN:
            _tell(office, folder, seen, promised, {})
            done.append(each)
    if done:
        with office.store.transaction() as tx:
            tx.watches.close(done)
    if places.forged is not None:
        raise places.forged


class _Places:
    """The leaves that the gateway shows of a state that was accepted; a page that it does not show is asked for once.

    `forged` is the error of the last file that was not the journal's.
    """

    def __init__(self, source: JournalSource, seen: Seen) -> None:
        self._source, self._checkpoint = source, seen.checkpoint
        self._tree: TileReader | None = None
        self._hidden = False
        self._pages: dict[int, list[bytes] | None] = {}
        self.forged: ForgedError | None = None

    def leaf(self, index: int) -> bytes | None:
        """The verified leaf at `index`; None where it, or its way to the root, is not shown."""
        number = index // WIDTH
        if number not in self._pages:
            self._pages = {each: page for each, page in self._pages.items() if page is None}  # one at a time is enough
            self._pages[number] = self._page(number)
        page = self._pages[number]
        return None if page is None else page[index % WIDTH]

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The way to the root of a leaf that was shown; its hashes stand in the files that verified it."""
        tree = self._read_tree()
        return tuple(inclusion_proof(index, tree.size, tree))

    def _page(self, number: int) -> list[bytes] | None:
        if self._hidden:
            return None
        try:
            tree = self._read_tree()
            return tree.leaves(number)
        except StoreError:
            raise
        except PasserelleError as error:
            self._hidden = self._tree is None
            if isinstance(error, ForgedError):
                self.forged = error
            return None

    def _read_tree(self) -> TileReader:
        if self._tree is None:
            self._tree = tree_of(self._source, self._checkpoint)
        return self._tree


def _wait(office: Office, folder: Path, each: OpenPromise) -> None:
    """Go on waiting for a place that is not shown; hiding it would hide as well that something else stands there."""
    now = office.now()
    with office.store.transaction() as tx:
        tx.watches.unread(each, now)
    if each.unread_since is not None and now - each.unread_since > HIDDEN:
        raise_alarm(office, folder, UNREAD, f"journal#{each.place}")


def _read(office: Office, each: OpenPromise) -> Promised | None:
    """What a receipt promises of the journal that we read; None for one that says nothing of it."""
    try:
        promised = read_receipt(each.receipt, office.pins.receipts_verifier, "")
    except PasserelleError:
        return None  # The gateway was pinned anew since, under another key.
    return promised if promised.origin == office.pins.journal.origin else None


def _tell(office: Office, folder: Path, seen: Seen, promised: Promised, shown: dict[str, Any]) -> None:
    subject = f"journal#{promised.index}"
    raise_alarm(
        office,
        folder,
        BROKEN,
        subject,
        lambda: compose_evidence(office, "unhonoured-receipt", seen.note, receipt=promised.wire, **shown),
    )

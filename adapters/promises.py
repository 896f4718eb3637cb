"""Holds every receipt against the journal: what the gateway promised stands there in time, or it is an alarm.

PROTOCOL §6 and §7: each receipt promises a leaf at an index within sixty seconds. One that is not kept is evidence
against the broker, which anybody can verify.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from adapters.alarms import compose_evidence, raise_alarm
from adapters.growth import JournalSource
from adapters.journal_tree import tree_of
from adapters.lineage import ReadShard, Seen
from adapters.office import Office
from adapters.store.store import StoreError
from adapters.store.watches import OpenPromise
from journal.evidence import Evidence
from journal.receipts import Promised, read_receipt
from journal.tiles import WIDTH, TileReader
from journal.tree import inclusion_proof
from keys.errors import ForgedError, PasserelleError

__all__ = ["BROKEN", "HIDDEN", "MARGIN", "UNREAD", "check_kept", "hold_promises", "promised_by"]

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
    ledger = _Ledger(office, source, folder, seen)
    done = [each for each in found if ledger.settle(each)]
    if done:
        with office.store.transaction() as tx:
            tx.watches.close(done)
    if ledger.forged is not None:
        raise ledger.forged


def check_kept(office: Office, source: JournalSource, folder: Path, read: ReadShard) -> None:
    """Hold every receipt that is kept here against what is shown of a shard, before anything is built on that.

    Raises `ForgedError` (receipt-not-honoured, told as an alarm with its evidence; receipt-not-checkable where the
    place, or its way to the root, is not shown), and `StoreError`.
    """
    with office.store.transaction() as tx:
        kept = [promised_by(office, receipt) for receipt in tx.watches.receipts()]
    mine = [each for each in kept if each is not None and each.origin == read.shard.origin]
    places = _Places(source, read)
    for promised in sorted(mine, key=lambda each: each.index):
        if not read.shard.start <= promised.index < read.end:
            continue
        leaf = places.leaf(promised.index)
        if leaf is None:
            raise places.forged or ForgedError(UNREAD)
        if leaf != promised.leaf:
            _tell(office, folder, read, promised, {"leaf": leaf, "proof": places.proof(promised.index)})
            raise ForgedError(BROKEN)


class _Ledger:
    """Holds receipts against every shard that was read, each under the last state that was accepted of it.

    `forged` is the error of the last file that was not the journal's.
    """

    def __init__(self, office: Office, source: JournalSource, folder: Path, seen: Seen) -> None:
        self._office, self._folder, self._seen = office, folder, seen
        self._places = {read.shard.origin: _Places(source, read) for read in seen.read()}

    @property
    def forged(self) -> ForgedError | None:
        return next((each.forged for each in self._places.values() if each.forged is not None), None)

    def settle(self, each: OpenPromise) -> bool:
        """Whether nothing more is to be expected of a receipt: it was kept, its breach was told, or it was lost."""
        promised = promised_by(self._office, each.receipt)
        if promised is None:
            return True
        places = self._places.get(promised.origin)
        if places is None:  # The journal goes on in a shard that we have not read yet.
            return self._is_late(promised)
        if self._seen.loses(promised.origin, promised.index, promised.at):
            return True
        return self._held_against(places, each, promised)

    def _held_against(self, places: _Places, each: OpenPromise, promised: Promised) -> bool:
        """Compare with the shard that the receipt names; what that one cannot hold any more is broken as well."""
        read = places.read
        if read.shard.start <= promised.index < read.end:
            leaf = places.leaf(promised.index)
            if leaf is None:
                _wait(self._office, self._folder, each)
                return False
            if leaf != promised.leaf:
                self._tell(read, promised, {"leaf": leaf, "proof": places.proof(promised.index)})
            return True
        if not read.closed and promised.index >= read.end:
            return self._is_late(promised)
        self._tell(read, promised, {})
        return True

    def _is_late(self, promised: Promised) -> bool:
        """Whether the newest state was signed when the entry should have been in it; told if so."""
        if self._seen.at <= promised.due + MARGIN:
            return False
        self._tell(self._seen.named(promised.origin), promised, {})
        return True

    def _tell(self, read: ReadShard | None, promised: Promised, shown: dict[str, Any]) -> None:
        _tell(self._office, self._folder, read, promised, shown)


class _Places:
    """The leaves that the gateway shows of a shard that was read; a page that it does not show is asked for once.

    `forged` is the error of the last file that was not the journal's.
    """

    def __init__(self, source: JournalSource, read: ReadShard) -> None:
        self._source, self.read = source, read
        self._tree: TileReader | None = None
        self._hidden = False
        self._pages: dict[int, list[bytes] | None] = {}
        self.forged: ForgedError | None = None

    def leaf(self, index: int) -> bytes | None:
        """The verified leaf at `index`; None where it, or its way to the root, is not shown."""
        position = self.read.shard.position(index)
        number = position // WIDTH
        if number not in self._pages:
            self._pages = {each: page for each, page in self._pages.items() if page is None}  # one at a time is enough
            self._pages[number] = self._page(number)
        page = self._pages[number]
        return None if page is None else page[position % WIDTH]

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The way to the root of a leaf that was shown; its hashes stand in the files that verified it."""
        tree = self._read_tree()
        return tuple(inclusion_proof(self.read.shard.position(index), tree.size, tree))

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
            self._tree = tree_of(self._source, self.read.shard, self.read.checkpoint)
        return self._tree


def _wait(office: Office, folder: Path, each: OpenPromise) -> None:
    """Go on waiting for a place that is not shown; hiding it would hide as well that something else stands there."""
    now = office.now()
    with office.store.transaction() as tx:
        tx.watches.unread(each, now)
    if each.unread_since is not None and now - each.unread_since > HIDDEN:
        raise_alarm(office, folder, UNREAD, f"journal#{each.place}")


def _tell(office: Office, folder: Path, read: ReadShard | None, promised: Promised, shown: dict[str, Any]) -> None:
    def gather() -> Evidence | None:
        # Of a shard that nobody can read, the receipt itself, which is kept, is all there is to show.
        kind, receipt = "unhonoured-receipt", promised.wire
        return compose_evidence(office, kind, read.note, receipt=receipt, **shown) if read else None

    raise_alarm(office, folder, BROKEN, f"journal#{promised.index}", gather)


def promised_by(office: Office, receipt: bytes) -> Promised | None:
    """What a receipt promises of the journal that we read; None for one that says nothing of it."""
    try:
        promised = read_receipt(receipt, office.pins.receipts_verifier, "")
    except PasserelleError:
        return None  # The gateway was pinned anew since, under another key.
    return promised if office.pins.may_name(promised.origin) else None

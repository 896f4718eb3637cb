"""Which keys of which organisation may be relied on, read from the public journal and from nowhere else.

PROTOCOL §2, *Trusting a key*. The gateway cannot slip in a key of its own: each organisation's statements form one
signed chain, the chain's first root is the one whose fingerprint the partners typed into their agreement, and all
partners read the same journal. What stands there in our name that we did not make is an alarm.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from adapters.growth import Growth, JournalAlarmError, JournalSource, Seen, check_fresh, open_seen, read_growth
from adapters.pins import GatewayPins
from journal.entries import ClearLeaf, Entry, read_leaf
from keys.documents import Clock
from keys.errors import PasserelleError, UntrustedKeyError
from keys.signing import SignedDocument
from keys.statements import KIND, KeyChain, KeyRevocation, read_statement, replay

__all__ = [
    "ForeignKeyStatementError",
    "JournalAlarmError",
    "JournalledStatement",
    "KeyBook",
    "KeyBookStore",
]

_PUBLISHED = "key.published"
_REVOKED = "key.revoked"


class ForeignKeyStatementError(JournalAlarmError):
    """A key statement in our own name that we did not make: our keys were stolen, or the gateway forges."""


@dataclass(frozen=True, slots=True)
class JournalledStatement:
    """A key statement with its organisation and its place and time in the journal; `document` is the DSSE."""

    address: str
    index: int
    time: datetime
    document: bytes


class KeyBookStore(Protocol):
    """Where a key book rests between two runs; bytes come back exactly as they were given."""

    def checkpoint(self) -> bytes | None:
        """The last checkpoint saved, as a signed note; None at first."""
        ...

    def frontier(self) -> bytes:
        """The right edge of the tree saved with it; empty at first."""
        ...

    def save(
        self,
        before: bytes | None,
        checkpoint: bytes,
        frontier: bytes,
        new_statements: Sequence[JournalledStatement],
    ) -> bool:
        """Replace `before` by checkpoint and frontier and add statements, all or nothing; False if it is not there."""
        ...

    def statements(self, address: str) -> Sequence[JournalledStatement]:
        """The statements of one organisation, by index."""
        ...


class KeyBook:
    """The key chains of all organisations up to the newest checkpoint; safe among threads."""

    def __init__(self, store: KeyBookStore, pins: GatewayPins, clock: Clock) -> None:
        """Rely on the journal of the pinned gateway, at the times that `clock` tells."""
        self._store = store
        self._pins = pins
        self._clock = clock
        self._lock = threading.Lock()
        self._replayed: dict[str, KeyChain] = {}

    @property
    def size(self) -> int:
        """How many entries of the journal were read; keys can be judged at any index below."""
        seen = self.seen()
        return 0 if seen is None else seen.checkpoint.size

    def sync(self, source: JournalSource, own_statements: Collection[str] = frozenset()) -> int:
        """Read what the journal gained and return its size; nothing is kept unless all of it holds.

        `own_statements` are the payload digests of every key statement that `source.address` made. Raises
        `ForeignKeyStatementError` (foreign-key-statement) for another one in its name, `JournalAlarmError`
        (key-chain-broken, journal-entry-unreadable, and those of `read_growth`), and as `read_growth` does.
        """
        with self._lock:
            before = self.seen()
            growth = read_growth(source, before, self._pins, self._clock())
            statements = self._admitted(growth, 0 if before is None else before.checkpoint.size, source, own_statements)
            if before is not None and not _is_newer(growth.seen, before):
                return before.checkpoint.size
            known = None if before is None else before.note
            if not self._store.save(known, growth.seen.note, growth.seen.frontier, statements):
                # Another program of this partner read on meanwhile; what it kept must not be taken back.
                return self.size
            return growth.seen.checkpoint.size

    def chain(self, address: str, fingerprint: str, *, covering: int | None = None) -> KeyChain:
        """The keys of an organisation whose root has the `fingerprint` that the agreement pins.

        `covering` is an index at which a key is going to be judged, such as a receipt's. Raises
        `UntrustedKeyError`: keybook-empty, checkpoint-stale, checkpoint-in-future, journal-behind (sync, then ask
        again), key-unknown, wrong-fingerprint.
        """
        seen = self.seen()
        if seen is None:
            raise UntrustedKeyError("keybook-empty")
        check_fresh(seen.at, self._clock())
        if covering is not None and covering >= seen.checkpoint.size:
            raise UntrustedKeyError("journal-behind")
        chain = self._chain(address, seen.checkpoint.size)
        if chain is None:
            raise UntrustedKeyError("key-unknown")
        if chain.root.fingerprint != fingerprint:
            raise UntrustedKeyError("wrong-fingerprint")
        return chain

    def seen(self) -> Seen | None:
        """What was saved last; read again when a save by another thread or program fell in between."""
        note = self._store.checkpoint()
        while note is not None:
            frontier, after = self._store.frontier(), self._store.checkpoint()
            if after == note:
                return open_seen(note, frontier, self._pins)
            note = after
        return None

    def _chain(self, address: str, size: int) -> KeyChain | None:
        """The chain as the statements among the first `size` entries make it; replayed only when there are new ones."""
        statements = [item for item in self._store.statements(address) if item.index < size]
        known = self._replayed.get(address)
        if known is not None and known.seq == len(statements):
            return known
        if not statements:
            return None
        chain = replay((SignedDocument.parse(item.document, KIND), item.time, item.index) for item in statements)
        self._replayed[address] = chain
        return chain

    def _admitted(
        self, growth: Growth, old_size: int, source: JournalSource, own_statements: Collection[str]
    ) -> list[JournalledStatement]:
        """The key statements among new leaves, each of which must continue its organisation's chain."""
        chains: dict[str, KeyChain | None] = {}
        admitted = []
        for index, leaf in growth.clear_leaves:
            entry = _entry(leaf, index)
            if entry.type not in {_PUBLISHED, _REVOKED} or entry.document is None:
                continue
            signed, org = _statement(entry)
            if org == source.address and signed.sha256 not in own_statements:
                raise ForeignKeyStatementError("foreign-key-statement", index=index, note=growth.seen.note)
            chains[org] = _extended(chains[org] if org in chains else self._chain(org, old_size), signed, entry)
            admitted.append(JournalledStatement(org, index, entry.time, entry.document))
        return admitted


def _is_newer(now: Seen, before: Seen) -> bool:
    return now.checkpoint.size > before.checkpoint.size or now.at > before.at


def _entry(leaf: bytes, index: int) -> Entry:
    try:
        read = read_leaf(leaf, index)
    except PasserelleError as error:
        raise JournalAlarmError("journal-entry-unreadable", index=index, faults=error.faults) from None
    assert isinstance(read, ClearLeaf)  # noqa: S101 - commitments were left out by their first byte
    return read.entry


def _statement(entry: Entry) -> tuple[SignedDocument, str]:
    """The key statement of an entry, whose type must say what the statement does, and its organisation."""
    try:
        signed = SignedDocument.parse(entry.document or b"", KIND)
        statement = read_statement(signed)
    except PasserelleError as error:
        raise JournalAlarmError("journal-entry-unreadable", index=entry.index, faults=error.faults) from None
    if isinstance(statement, KeyRevocation) != (entry.type == _REVOKED):
        raise JournalAlarmError("key-chain-broken", index=entry.index)
    return signed, statement.org


def _extended(chain: KeyChain | None, signed: SignedDocument, entry: Entry) -> KeyChain:
    try:
        if chain is None:
            return KeyChain.start(signed, at=entry.time, index=entry.index)
        return chain.extend(signed, at=entry.time, index=entry.index)
    except PasserelleError as error:
        raise JournalAlarmError("key-chain-broken", index=entry.index, faults=error.faults) from None

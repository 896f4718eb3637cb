"""Which keys of which organisation may be relied on, read from the public journal and from nowhere else.

PROTOCOL §2, *Trusting a key*. The gateway cannot slip in a key of its own: each organisation's statements form one
signed chain, the chain's first root is the one whose fingerprint the partners typed into their agreement, and all
partners read the same journal. What stands there in our name that we did not make is an alarm.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from adapters.following import read_growth
from adapters.growth import Growth, JournalAlarmError, JournalSource, check_fresh
from adapters.lineage import Lineage, Seen, begin, open_seen
from adapters.pins import GatewayPins
from journal.entries import Entry
from journal.shards import Shard
from keys.documents import Clock
from keys.errors import PasserelleError, UntrustedKeyError
from keys.signing import SignedDocument
from keys.statements import KIND, KeyChain, KeyRevocation, read_statement, replay

__all__ = [
    "ForeignKeyStatementError",
    "JournalAlarmError",
    "JournalledStatement",
    "KeptJournal",
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


@dataclass(frozen=True, slots=True)
class KeptJournal:
    """What is kept of a journal: the last checkpoint as a signed note, the tree's right edge, the shards up to it.

    `lineage` is None while nothing but the first shard was read, `first` the earliest note of the same tree where that
    is another one.
    """

    checkpoint: bytes
    frontier: bytes
    lineage: Lineage | None
    first: bytes | None = None


class KeyBookStore(Protocol):
    """Where a key book rests between two runs; bytes come back exactly as they were given."""

    def journal(self) -> KeptJournal | None:
        """What was saved last, all of one moment; None at first."""
        ...

    def save(self, before: bytes | None, journal: KeptJournal, new_statements: Sequence[JournalledStatement]) -> bool:
        """Replace what has the checkpoint `before` and add statements, all or nothing; False if it is not there."""
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
        return 0 if seen is None else seen.size

    def sync(self, source: JournalSource, own_statements: Collection[str] = frozenset()) -> int:
        """Read what the journal gained and return its size; nothing is kept unless all of it holds.

        `own_statements` are the payload digests of every key statement that `source.address` made. Raises
        `ForeignKeyStatementError` (foreign-key-statement) for another one in its name, `JournalAlarmError`
        (key-chain-broken, journal-entry-unreadable, and those of `read_growth`), and as `read_growth` does.
        """
        with self._lock:
            before = self.seen()
            growth = read_growth(source, before, self._pins, self._clock())
            statements = self._admitted(growth, 0 if before is None else before.size, source, own_statements)
            if before is not None and not _is_newer(growth.seen, before):
                return before.size
            known, seen = None if before is None else before.note, growth.seen
            lineage = seen.lineage if seen.lineage.passed else None
            if not self._store.save(known, KeptJournal(seen.note, seen.frontier, lineage, seen.first), statements):
                # Another program of this partner read on meanwhile; what it kept must not be taken back.
                return self.size
            return seen.size

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
        if covering is not None and covering >= seen.size:
            raise UntrustedKeyError("journal-behind")
        chain = self._chain(address, seen.size)
        if chain is None:
            raise UntrustedKeyError("key-unknown")
        if chain.root.fingerprint != fingerprint:
            raise UntrustedKeyError("wrong-fingerprint")
        return chain

    def seen(self) -> Seen | None:
        """What was saved last; raises as `open_seen` does for what is damaged."""
        kept = self._store.journal()
        if kept is None:
            return None
        seen = open_seen(kept.checkpoint, kept.frontier, kept.lineage or begin(self._pins))
        return replace(seen, first=kept.first)

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
        for entry in growth.entries:
            if entry.type not in {_PUBLISHED, _REVOKED} or entry.document is None:
                continue
            read = growth.seen.holding(entry.index)
            assert read is not None  # noqa: S101 - it was read just now
            signed, org = _statement(entry, read.shard)
            if org == source.address and signed.sha256 not in own_statements:
                raise ForeignKeyStatementError(
                    "foreign-key-statement", shard=read.shard, index=entry.index, note=read.note
                )
            if self._stood_before(org, signed, growth.seen):
                continue
            known = chains[org] if org in chains else self._chain(org, old_size)
            chains[org] = _extended(known, signed, entry, read.shard)
            admitted.append(JournalledStatement(org, entry.index, entry.time, entry.document))
        return admitted

    def _stood_before(self, org: str, signed: SignedDocument, seen: Seen) -> bool:
        """Whether a statement is known from a part of the journal that was lost: journalled again, it adds nothing."""
        lost = seen.lost()
        known = self._store.statements(org) if lost else ()
        again = (each for each in known if any(each.index in gone for gone in lost))
        return any(SignedDocument.parse(each.document, KIND).sha256 == signed.sha256 for each in again)


def _is_newer(now: Seen, before: Seen) -> bool:
    return now.size > before.size or now.at > before.at


def _statement(entry: Entry, shard: Shard) -> tuple[SignedDocument, str]:
    """The key statement of an entry, whose type must say what the statement does, and its organisation."""
    try:
        signed = SignedDocument.parse(entry.document or b"", KIND)
        statement = read_statement(signed)
    except PasserelleError as error:
        faults = error.faults
        raise JournalAlarmError("journal-entry-unreadable", shard=shard, index=entry.index, faults=faults) from None
    if isinstance(statement, KeyRevocation) != (entry.type == _REVOKED):
        raise JournalAlarmError("key-chain-broken", shard=shard, index=entry.index)
    return signed, statement.org


def _extended(chain: KeyChain | None, signed: SignedDocument, entry: Entry, shard: Shard) -> KeyChain:
    try:
        if chain is None:
            return KeyChain.start(signed, at=entry.time, index=entry.index)
        return chain.extend(signed, at=entry.time, index=entry.index)
    except PasserelleError as error:
        raise JournalAlarmError("key-chain-broken", shard=shard, index=entry.index, faults=error.faults) from None

"""The journal's rows: where it ends, its leaves, and the openings that tell what a leaf is about.

PROTOCOL §7. The index is given here, in the transaction that does the thing, so that journal order is decision
order; the tree is built afterwards by the sequencer.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.heads import ContradictedError, Head, StoppedError
from gateway.store.named_agreements import agreements_of
from gateway.store.server import ServerError, differs
from gateway.store.shard_tables import JournalShardRow
from gateway.store.tables import InstanceRow, JournalHeadRow, JournalLeafRow, JournalOpeningRow, JournalPartyRow
from journal.entries import SALT_SIZE, Entry, Opening, clear_leaf, commitment_leaf, must_be_clear
from journal.shards import FIRST, Shard
from keys.documents import Address, encode, format_time, parse_time
from keys.errors import PasserelleError

__all__ = ["Appended", "Instance", "JournalTable", "NotInitialisedError"]

_HEAD = JournalHeadRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_LEAF = JournalLeafRow.__table__  # type: ignore[attr-defined]  # as above
_OPENING = JournalOpeningRow.__table__  # type: ignore[attr-defined]  # as above
_PARTY = JournalPartyRow.__table__  # type: ignore[attr-defined]  # as above
_SHARD = JournalShardRow.__table__  # type: ignore[attr-defined]  # as above
_INSTANCE = InstanceRow.__table__  # type: ignore[attr-defined]  # as above
_OPENING_AT = select(_OPENING).where(_OPENING.c.position == bindparam("position"))
_APPEND, _OPEN, _SHOW_TO = insert(_LEAF), insert(_OPENING), insert(_PARTY)
_SELECT_HEAD = select(_HEAD)
_LOCK_HEAD = _SELECT_HEAD.with_for_update()
_LOCK_HEAD_AND_LOOK = _SELECT_HEAD.add_columns(func.clock_timestamp().label("clock")).with_for_update()


class NotInitialisedError(PasserelleError):
    """The database holds no journal: it is created by `init` and never silently (PROTOCOL §7)."""


@dataclass(frozen=True, slots=True)
class Instance:
    """The broker of a database: its territory, and the name of its journal, by which checkpoints are signed."""

    territory: str
    origin: str


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an entry stands, and the leaf by which a receipt promises it."""

    index: int
    leaf: bytes
    time: datetime
    unsigned: bool = False
    """True while nothing is signed because the journal is contradicted: a receipt has to promise less then."""


@dataclass(frozen=True, slots=True)
class _Row:
    """What is kept of one entry: its leaf, and unless it is in clear its opening and who may see that."""

    position: int
    leaf: bytes
    opening: Opening | None = None
    parties: frozenset[Address] = frozenset()
    entry: Entry | None = None
    """What the opening says, by which it is known whose auditors may see it too."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment within a transaction: where the journal ended, how much of it was appended here, and written."""

    head: Head | None
    appended: int
    written: int


class JournalTable:
    """Appends and reads; nothing here changes or removes a leaf."""

    def __init__(
        self,
        connection: Connection,
        *,
        locking: bool,
        watch_clock: bool = False,
        signable: Collection[int] | None = None,
    ) -> None:
        """Work inside the connection's transaction; one that only reads locks nothing.

        With `watch_clock`, the clock of a PostgreSQL server is read with the head, to be compared with ours. With
        `signable`, only to these shards anything is appended.
        """
        self._signable = signable
        self._connection = connection
        self._watch_clock = locking and watch_clock
        self._select_head = _LOCK_HEAD if locking else _SELECT_HEAD
        if self._watch_clock:
            self._select_head = _LOCK_HEAD_AND_LOOK
        self._server_clock: datetime | None = None
        self._head: Head | None = None
        self._written: Head | None = None
        self._rows: list[_Row] = []
        """What this transaction appended, written together when it is read or the transaction ends."""
        self._rows_written = 0

    def create(self, territory: str, origin: str, at: datetime) -> None:
        """Begin an empty journal for a new broker; raises when the database already holds one.

        Whoever has the keys of its first shard keeps their public halves then (`ShardTable.learn`).
        """
        if self._connection.execute(select(_INSTANCE.c.id)).first() is not None:
            raise NotInitialisedError("journal-exists")
        moment = format_time(at)
        begun = insert(_INSTANCE).values(id=1, territory=territory, origin=origin, created=moment)
        try:
            self._connection.execute(begun)
        except IntegrityError:  # somebody else began it at this very moment: there is no head to lock before
            raise NotInitialisedError("journal-exists") from None
        self._connection.execute(insert(_HEAD).values(id=1, size=0, time=moment))
        first = {"number": FIRST, "origin": origin, "start": 0, "opened": moment, "restarted": False}
        self._connection.execute(insert(_SHARD).values(**first))

    def instance(self) -> Instance | None:
        """Which broker this database belongs to; None before `create`."""
        row = self._connection.execute(select(_INSTANCE.c.territory, _INSTANCE.c.origin)).first()
        return None if row is None else Instance(row.territory, row.origin)

    def lock(self, now: datetime) -> datetime:
        """Lock the end of the journal and return the moment of this decision: never before the last entry.

        Raises `ServerError` (clock-differs) when clocks are watched and `now` is far from what the server's says.
        """
        head = self.head()
        if self._server_clock is not None and differs(now, self._server_clock):
            raise ServerError("clock-differs")
        return max(_to_millisecond(now), head.time)

    def take(self) -> Head | None:
        """Lock the end of the journal, if there is a journal yet, until the transaction ends."""
        if self._head is None:
            row = self._connection.execute(self._select_head).first()
            if row is None:
                return None
            restored = parse_time(row.restored) if row.restored else None
            self._head = Head(row.size, parse_time(row.time), row.contradicted, row.shard, row.start, restored)
            self._written = self._head
            if self._watch_clock:
                self._server_clock = row.clock
        return self._head

    def head(self) -> Head:
        """Where the journal ends, as this transaction sees it; raises `NotInitialisedError` (journal-missing)."""
        head = self.take()
        if head is None:
            raise NotInitialisedError("journal-missing")
        return head

    def require_uncontradicted(self) -> None:
        """Return only if nobody has shown another journal of ours; else `ContradictedError`."""
        if self.head().contradicted:
            raise ContradictedError("journal-contradicted")

    def require_open(self) -> None:
        """Return only if something may be decided and journalled here and now; else `StoppedError`."""
        if self.head().restored is not None:
            raise StoppedError("journal-restored")
        self.require_keys()

    def require_keys(self) -> None:
        """Return only if this process can sign the shard that grows; else `StoppedError` (journal-keys-missing)."""
        if self._signable is not None and self.head().shard not in self._signable:
            raise StoppedError("journal-keys-missing")

    def set_restored(self, at: datetime | None) -> None:
        """Let nothing be journalled from now on, because a backup was restored at `at`; with None, let it again."""
        self._head = replace(self.head(), restored=at)

    def begin_shard(self, shard: Shard, at: datetime) -> None:
        """Go on in this shard, whose first entry comes next and is not before `at`."""
        head = self.head()
        self._head = replace(head, shard=shard.number, start=shard.start, size=shard.start, time=max(head.time, at))

    def set_contradicted(self, *, contradicted: bool) -> None:
        """Let nothing pass from now on, or let it pass again."""
        self._head = replace(self.head(), contradicted=contradicted)

    def append(self, at: datetime, **members: object) -> Appended:
        """Append an entry of these members (PROTOCOL §7), in the form its type demands.

        Its opening may be read by the organisations the entry names as actor, sender and recipient. Raises
        `StoppedError` as `require_open` does.
        """
        self.require_open()
        head = self.head()
        entry = Entry.model_validate({"v": 1, "index": head.size, "time": at, **members})
        data = encode(entry)
        if must_be_clear(entry.type):
            row = _Row(head.size, clear_leaf(data))
        else:
            opening = Opening(data, secrets.token_bytes(SALT_SIZE))
            named = frozenset(each for each in (entry.actor, entry.from_, entry.to) if each is not None)
            row = _Row(head.size, commitment_leaf(opening), opening, named, entry)
        self._rows.append(row)
        self._head = replace(head, size=head.size + 1, time=at)
        return Appended(row.position, row.leaf, at, head.contradicted)

    def snapshot(self) -> Mark:
        """What `restore` takes back when a savepoint is undone."""
        return Mark(self._head, len(self._rows), self._rows_written)

    def restore(self, mark: Mark) -> None:
        """Take the end of the journal back to a snapshot, whatever was written since having been undone."""
        self._head = mark.head
        del self._rows[mark.appended :]
        self._rows_written = mark.written

    def flush(self) -> None:
        """Write what was appended and the new end of the journal, once for the whole transaction."""
        self._write_rows()
        if self._head is not None and self._head != self._written:
            head = self._head
            restored = format_time(head.restored) if head.restored else None
            values: dict[str, object] = {"size": head.size, "time": format_time(head.time), "shard": head.shard}
            values |= {"start": head.start, "contradicted": head.contradicted, "restored": restored}
            self._connection.execute(update(_HEAD).where(_HEAD.c.id == 1).values(**values))
            self._written = self._head

    def _write_rows(self) -> None:
        rows, self._rows_written = self._rows[self._rows_written :], len(self._rows)
        if not rows:
            return
        self._connection.execute(_APPEND, [{"position": row.position, "leaf": row.leaf} for row in rows])
        sealed = [(row, row.opening, row.entry) for row in rows if row.opening is not None and row.entry is not None]
        if not sealed:
            return
        agreements = agreements_of(self._connection, [entry for _, _, entry in sealed])
        opened = [
            {"position": row.position, "entry": each.entry, "salt": each.salt, "agreements": about}
            for (row, each, _), about in zip(sealed, agreements, strict=True)
        ]
        self._connection.execute(_OPEN, opened)
        shown = [{"address": party, "position": row.position} for row, _, _ in sealed for party in row.parties]
        self._connection.execute(_SHOW_TO, shown)

    def leaves(self, start: int, end: int) -> list[bytes]:
        """The leaves from `start` to `end` - 1."""
        self._write_rows()
        query = select(_LEAF.c.leaf).where(_LEAF.c.position >= start, _LEAF.c.position < end).order_by(_LEAF.c.position)
        return [row.leaf for row in self._connection.execute(query)]

    def openings_of(self, address: str, after: int, limit: int) -> list[tuple[int, Opening]]:
        """Up to `limit` openings that `address` may see, from index `after` on, in journal order."""
        self._write_rows()
        query = (
            select(_OPENING)
            .join(_PARTY, _PARTY.c.position == _OPENING.c.position)
            .where(_PARTY.c.address == address, _PARTY.c.position >= after)
            .order_by(_PARTY.c.position)
            .limit(limit)
        )
        return [(row.position, Opening(row.entry, row.salt)) for row in self._connection.execute(query)]

    def opening(self, index: int) -> Opening:
        """The opening of one entry that has one: any but those in clear."""
        self._write_rows()
        row = self._connection.execute(_OPENING_AT, {"position": index}).one()
        return Opening(row.entry, row.salt)

    def openings(self, end: int, start: int = 0) -> Iterable[tuple[int, Opening]]:
        """Every opening of the entries from `start` to `end` - 1, in order: for auditors."""
        self._write_rows()
        within = _OPENING.c.position >= start, _OPENING.c.position < end
        query = select(_OPENING).where(*within).order_by(_OPENING.c.position)
        for row in self._connection.execute(query):
            yield row.position, Opening(row.entry, row.salt)


def _to_millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

"""The journal's rows: where it ends, its leaves, and the openings that tell what a leaf is about.

PROTOCOL §7. The index is given here, in the transaction that does the thing, so that journal order is decision
order; the tree is built afterwards by the sequencer.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.store.tables import InstanceRow, JournalHeadRow, JournalLeafRow, JournalOpeningRow, JournalPartyRow
from journal.entries import SALT_SIZE, Entry, Opening, clear_leaf, commitment_leaf, must_be_clear
from keys.documents import encode, format_time, parse_time
from keys.errors import PasserelleError

__all__ = ["Appended", "Head", "Instance", "JournalTable", "NotInitialisedError"]

_HEAD = JournalHeadRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_LEAF = JournalLeafRow.__table__  # type: ignore[attr-defined]  # as above
_OPENING = JournalOpeningRow.__table__  # type: ignore[attr-defined]  # as above
_PARTY = JournalPartyRow.__table__  # type: ignore[attr-defined]  # as above
_INSTANCE = InstanceRow.__table__  # type: ignore[attr-defined]  # as above
_OPENING_AT = select(_OPENING).where(_OPENING.c.position == bindparam("position"))
_APPEND, _OPEN, _SHOW_TO = insert(_LEAF), insert(_OPENING), insert(_PARTY)
_SELECT_HEAD = select(_HEAD.c.size, _HEAD.c.time)
_LOCK_HEAD = _SELECT_HEAD.with_for_update()


class NotInitialisedError(PasserelleError):
    """The database holds no journal: it is created by `init` and never silently (PROTOCOL §7)."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the journal: leaves so far, and the time of the last."""

    size: int
    time: datetime


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


class JournalTable:
    """Appends and reads; nothing here changes or removes a leaf."""

    def __init__(self, connection: Connection, *, locking: bool) -> None:
        """Work inside the connection's transaction; one that only reads locks nothing."""
        self._connection = connection
        self._select_head = _LOCK_HEAD if locking else _SELECT_HEAD
        self._head: Head | None = None
        self._written: Head | None = None

    def create(self, territory: str, origin: str, at: datetime) -> None:
        """Begin an empty journal for a new broker; raises when the database already holds one."""
        if self._connection.execute(select(_INSTANCE.c.id)).first() is not None:
            raise NotInitialisedError("journal-exists")
        moment = format_time(at)
        self._connection.execute(insert(_INSTANCE).values(id=1, territory=territory, origin=origin, created=moment))
        self._connection.execute(insert(_HEAD).values(id=1, size=0, time=moment))

    def instance(self) -> Instance | None:
        """Which broker this database belongs to; None before `create`."""
        row = self._connection.execute(select(_INSTANCE.c.territory, _INSTANCE.c.origin)).first()
        return None if row is None else Instance(row.territory, row.origin)

    def lock(self, now: datetime) -> datetime:
        """Lock the end of the journal and return the moment of this decision: never before the last entry."""
        head = self.head()
        return max(_to_millisecond(now), head.time)

    def take(self) -> Head | None:
        """Lock the end of the journal, if there is a journal yet, until the transaction ends."""
        if self._head is None:
            row = self._connection.execute(self._select_head).first()
            if row is None:
                return None
            self._head = self._written = Head(row.size, parse_time(row.time))
        return self._head

    def head(self) -> Head:
        """Where the journal ends, as this transaction sees it; raises `NotInitialisedError` (journal-missing)."""
        head = self.take()
        if head is None:
            raise NotInitialisedError("journal-missing")
        return head

    def append(self, at: datetime, **members: object) -> Appended:
        """Append an entry of these members (PROTOCOL §7), in the form its type demands.

        Its opening may be read by the organisations the entry names as actor, sender and recipient.
        """
        head = self.head()
        entry = Entry.model_validate({"v": 1, "index": head.size, "time": at, **members})
        data = encode(entry)
        if must_be_clear(entry.type):
            leaf = clear_leaf(data)
        else:
            opening = Opening(data, secrets.token_bytes(SALT_SIZE))
            leaf = commitment_leaf(opening)
            self._keep_opening(head.size, opening, {entry.actor, entry.from_, entry.to})
        self._connection.execute(_APPEND, {"position": head.size, "leaf": leaf})
        self._head = Head(head.size + 1, at)
        return Appended(head.size, leaf, at)

    def _keep_opening(self, index: int, opening: Opening, parties: Iterable[str | None]) -> None:
        self._connection.execute(_OPEN, {"position": index, "entry": opening.entry, "salt": opening.salt})
        rows = [{"address": address, "position": index} for address in parties if address is not None]
        self._connection.execute(_SHOW_TO, rows)

    def snapshot(self) -> Head | None:
        """What `restore` takes back when a savepoint is undone."""
        return self._head

    def restore(self, head: Head | None) -> None:
        """Take the end of the journal back to a snapshot, its rows having been undone."""
        self._head = head

    def flush(self) -> None:
        """Write the new end of the journal, once for the whole transaction."""
        if self._head is not None and self._head != self._written:
            values = {"size": self._head.size, "time": format_time(self._head.time)}
            self._connection.execute(update(_HEAD).where(_HEAD.c.id == 1).values(**values))
            self._written = self._head

    def leaves(self, start: int, end: int) -> list[bytes]:
        """The leaves from `start` to `end` - 1."""
        query = select(_LEAF.c.leaf).where(_LEAF.c.position >= start, _LEAF.c.position < end).order_by(_LEAF.c.position)
        return [row.leaf for row in self._connection.execute(query)]

    def openings_of(self, address: str, after: int, limit: int) -> list[tuple[int, Opening]]:
        """Up to `limit` openings that `address` may see, from index `after` on, in journal order."""
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
        row = self._connection.execute(_OPENING_AT, {"position": index}).one()
        return Opening(row.entry, row.salt)

    def openings(self, end: int) -> Iterable[tuple[int, Opening]]:
        """Every opening of the first `end` entries, in order: for auditors."""
        query = select(_OPENING).where(_OPENING.c.position < end).order_by(_OPENING.c.position)
        for row in self._connection.execute(query):
            yield row.position, Opening(row.entry, row.salt)


def _to_millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

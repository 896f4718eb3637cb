"""Takes the openings of a whole consent away for good: nobody can be told any more what the journal says of it.

PROTOCOL §7. The leaves stay, so that every proof holds; the journal says which of them nobody can open any more, and by
whose order. What was handed to the parties and to auditors before is in their hands, and stays there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from consent.incident import FIELDS
from consent.statement import STATEMENT_KIND, ConsentStatement
from gateway.broker import BrokerSettings
from gateway.store.store import Store
from gateway.store.transaction import Transaction
from journal.entries import read_entry
from journal.erasures import Erasure
from keys.documents import encode, parse, validate
from keys.errors import PasserelleError
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["Erased", "ErasureError", "Order", "erasable", "erase_consent"]

_OPERATOR = "operator"
"""The code of whoever runs the broker."""
_RANGES = 1000
"""Ranges of indices in one entry, which must fit into a leaf."""


class ErasureError(PasserelleError):
    """Not to be erased, or not yet: statement-unknown, or a slug that begins with `erasure-`."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants the erasure and on which ground, by their codes; raises `MalformedError` for what is no code.

    `by_law` is true where a court or an authority ordered it: then the evidence is not kept to the end of its time.
    The operator cannot be who orders that: raises `ErasureError` (erasure-not-ordered).
    """

    by: str
    ground: str
    by_law: bool = False

    def __post_init__(self) -> None:
        validate(Erasure, {"v": 1, "indices": [[0, 0]], "by": self.by, "ground": self.ground})
        if self.by_law and self.by == _OPERATOR:
            raise ErasureError("erasure-not-ordered")

    def erasure(self, ranges: tuple[tuple[int, int], ...]) -> Erasure:
        """What the journal is told of these entries."""
        return Erasure(v=1, indices=ranges, by=self.by, ground=self.ground, ordered=True if self.by_law else None)


@dataclass(frozen=True, slots=True)
class Erased:
    """The entries whose openings go, by index, and the moment of the last of them.

    `incidents` are those about it that are not complete, and `contradicted` tells that the journal is in dispute: an
    order overrides both.
    """

    indices: tuple[int, ...]
    last: datetime | None
    incidents: tuple[str, ...] = ()
    contradicted: bool = False


def erasable(store: Store, statement: str, order: Order, at: datetime) -> Erased:
    """What an erasure would take away; nothing is changed. Raises `ErasureError`."""
    with store.reading() as tx:
        found = _found(tx, statement, 0, Erased((), None))
        _check(tx, statement, order, found, at)
        incidents, contradicted = _open_incidents(tx, statement), tx.journal.head().contradicted
    return replace(found, incidents=incidents, contradicted=contradicted)


def erase_consent(
    settings: BrokerSettings, store: Store, statement: str, order: Order, now: datetime
) -> tuple[int, ...]:
    """Remove the openings of a consent and journal it, in one transaction; returns the indices, none when none is left.

    Its statements are shown to nobody any more, and its events and notices told to nobody. What decisions need (that
    the consent ended and how, where its referrals stand, which envelopes came) stays in the working tables.
    `Store.empty_log` is to be called afterwards.
    Raises `ErasureError`, and `StoreUnavailableError` (database-forbidden where this account of the database may not
    erase).
    """
    # Reading a long journal takes a while, so that what is there is read before the lock, and the rest under it.
    with store.reading() as tx:
        size = tx.journal.head().size
        before = _found(tx, statement, 0, Erased((), None))
    with store.transaction() as tx:
        at = tx.journal.lock(now)
        found = _found(tx, statement, size, before)
        _check(tx, statement, order, found, at)
        indices = tx.openings.there(found.indices)
        tx.openings.erase(indices)
        tx.statements.erase(statement)
        _, envelopes = tx.openings.envelopes_of(statement)
        tx.envelopes.forget(envelopes)
        for ranges in _chunks(_ranges(indices)):
            erasure = order.erasure(ranges)
            tx.journal.append(at, type="erasure", actor=settings.address, document=encode(erasure))
    return tuple(indices)


def _found(tx: Transaction, statement: str, start: int, before: Erased) -> Erased:
    """The entries of a consent from index `start` on, after those that were found before."""
    refs, envelopes = tx.openings.envelopes_of(statement)
    indices, last = list(before.indices), before.last
    for index, data in tx.openings.entries(start):
        entry = read_entry(data, index)
        if entry.statement == statement or entry.ref in refs or entry.envelope in envelopes:
            indices.append(index)
            last = entry.time
    return Erased(tuple(indices), last)


def _check(tx: Transaction, statement: str, order: Order, found: Erased, at: datetime) -> None:
    """Return only if the consent and its referrals are over, and nobody needs the evidence any more.

    A court or an authority is obeyed although its time is not over, an incident is open, or the journal is in dispute.
    """
    if tx.statements.newest(statement) is None:
        raise ErasureError("statement-unknown")
    if tx.statements.ended(statement) is None:
        raise ErasureError("erasure-consent-in-force")
    if tx.referrals.open_under(statement):
        raise ErasureError("erasure-referral-open")
    if order.by_law:
        return
    if tx.journal.head().contradicted:
        raise ErasureError("erasure-journal-contradicted")
    if _open_incidents(tx, statement):
        raise ErasureError("erasure-incident-open")
    if found.last is not None and at < found.last + _evidence(tx, statement):
        raise ErasureError("erasure-too-early")


def _open_incidents(tx: Transaction, statement: str) -> tuple[str, ...]:
    """The incidents about envelopes under this consent of which one of the eight fields is still missing."""
    _, envelopes = tx.openings.envelopes_of(statement)
    about = (each for each in tx.incidents.all() if each.envelope in envelopes)
    return tuple(each.id for each in about if any(getattr(each.incident, field) is None for field in FIELDS))


def _evidence(tx: Transaction, statement: str) -> timedelta:
    """How long evidence is kept, by the agreement that keeps it longest of those under which the consent was given."""
    signed = (SignedDocument.parse(each, STATEMENT_KIND) for each in tx.statements.versions(statement))
    versions = [parse(ConsentStatement, each.payload, limit=MAX_DOCUMENT) for each in signed]
    named = {grant.agreement for version in versions for grant in version.grants}
    newest = [tx.agreements.newest(identifier) for identifier in named]
    days = [each.document.retention.evidence_days for each in newest if each is not None]
    return timedelta(days=max(days, default=0))


def _ranges(indices: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending indices as ranges, both ends included."""
    first = last = None
    for index in indices:
        if first is None or last is None:
            first = last = index
        elif index == last + 1:
            last = index
        else:
            yield first, last
            first = last = index
    if first is not None and last is not None:
        yield first, last


def _chunks(ranges: Iterator[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], ...]]:
    while chunk := tuple(islice(ranges, _RANGES)):
        yield chunk

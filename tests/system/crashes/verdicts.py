"""What must be true once everything is quiet again, whatever was killed: read from the databases and the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from consent.transitions import TRANSITIONS
from gateway.audit_bundles import export_bundle
from gateway.broker import Broker
from gateway.store.store import Store
from gateway.store.tables import EnvelopeRow, ReferralRow, StatementRow
from gateway.store.transaction import Transaction
from journal.bundle import Bundle
from journal.entries import ClearLeaf, Entry, open_leaf, read_leaf
from journal.replay import verify
from keys.documents import Clock
from tests.gateway.first_day import SETTINGS, broker_keys

ENDED = frozenset({"consent.withdrawn", "consent.expired"})
"""The entries after which nothing more may pass under a consent."""


@dataclass(frozen=True)
class Found:
    """What the broker remembers: its journal, where each referral stands in its tables, and what receipts it gave."""

    entries: tuple[Entry, ...]
    states: dict[str, str]
    receipts: dict[str, bytes]

    def count(self, kind: str, **members: object) -> int:
        """How many entries of a type have these members."""
        return sum(
            entry.type == kind and all(getattr(entry, name) == value for name, value in members.items())
            for entry in self.entries
        )


def examine(url: str, clock: Clock, folder: Path) -> Found:
    """Audit the broker as an auditor would, and compare its tables with its journal; raises `AssertionError`."""
    store = Store(url)
    try:
        _audit(Broker(SETTINGS, store, broker_keys(), clock), folder / "audit.zip")
    finally:
        store.close()
    return glance(url)


def glance(url: str) -> Found:
    """Compare the tables of a broker with its journal, at whatever moment; raises `AssertionError`."""
    store = Store(url)
    try:
        with store.reading() as tx:
            found = Found(_entries(tx), _states(tx), _receipts(tx))
            _compare(tx, found)
    finally:
        store.close()
    check_once(found.entries)
    check_nothing_after_the_end(found.entries)
    return found


def check_once(entries: tuple[Entry, ...]) -> None:
    """No act has two effects: an envelope is accepted and acknowledged once, a version registered once."""
    acts: dict[str, Callable[[Entry], object]] = {
        "envelope.accepted": lambda entry: entry.envelope,
        "envelope.acknowledged": lambda entry: entry.envelope,
        "task.transition": lambda entry: entry.envelope,
        "consent.registered": lambda entry: (entry.statement, entry.version),
    }
    for kind, name in acts.items():
        seen = Counter(name(entry) for entry in entries if entry.type == kind and name(entry) is not None)
        assert [each for each, times in seen.items() if times > 1] == [], kind


def check_nothing_after_the_end(entries: tuple[Entry, ...]) -> None:
    """From the entry that ends a consent on, nothing is accepted or released under it."""
    ended: set[str] = set()
    for entry in entries:
        if entry.type in ENDED and entry.statement is not None:
            ended.add(entry.statement)
        elif entry.type in {"envelope.accepted", "envelope.released"}:
            assert entry.statement not in ended, (entry.type, entry.index)


def _audit(broker: Broker, path: Path) -> None:
    with path.open("wb") as out:
        export_bundle(broker, out, broker.clock())
    with Bundle.open(path) as bundle:
        report = verify(bundle, broker.keys.signer(1).vkeys)
    path.unlink()
    assert report.violations == (), report.violations
    assert report.complete, report.unjudged


def _entries(tx: Transaction) -> tuple[Entry, ...]:
    size = tx.journal.head().size
    openings, found = dict(tx.journal.openings(size)), []
    for index, leaf in enumerate(tx.journal.leaves(0, size)):
        if index in openings:
            found.append(open_leaf(leaf, openings[index], index))
        else:
            clear = read_leaf(leaf, index)
            assert isinstance(clear, ClearLeaf)
            found.append(clear.entry)
    return tuple(found)


def _states(tx: Transaction) -> dict[str, str]:
    refs = tx.connection.execute(select(_REFERRAL.c.ref)).scalars()
    found = {ref: tx.referrals.get(ref) for ref in refs}
    return {ref: referral.state.status for ref, referral in found.items() if referral is not None}


def _receipts(tx: Transaction) -> dict[str, bytes]:
    return {row.id: row.receipt for row in tx.connection.execute(select(_ENVELOPE.c.id, _ENVELOPE.c.receipt))}


def _compare(tx: Transaction, found: Found) -> None:
    """Every row has its entry and every entry its row."""
    entries = found.entries
    taken = [entry for entry in entries if entry.transition is not None and entry.envelope is not None]
    accepted = [entry for entry in entries if entry.type in {"envelope.accepted", "task.transition"}]
    rows = list(tx.connection.execute(select(_ENVELOPE)))
    assert {row.id for row in rows if not row.sender.startswith("gateway@")} == {
        entry.envelope for entry in accepted if entry.envelope and not entry.actor.startswith("gateway@")
    }
    for kind, kept in (
        ("envelope.acknowledged", {row.id for row in rows if row.ack is not None}),
        ("envelope.released", {row.id for row in rows if row.leased_until is not None}),
    ):
        assert kept == {entry.envelope for entry in entries if entry.type == kind}, kind
    versions = tx.connection.execute(select(_STATEMENT.c.id, _STATEMENT.c.version))
    registered = [entry for entry in entries if entry.type in {"consent.registered", *ENDED}]
    assert {tuple(row) for row in versions} <= {(entry.statement, entry.version) for entry in registered}
    for ref, status in found.states.items():
        assert status == _folded([entry.transition for entry in taken if entry.ref == ref and entry.transition]), ref


def _folded(transitions: list[str]) -> str:
    status = "requested"
    for code in transitions:
        status = TRANSITIONS[code].target or status
    return status


_REFERRAL = ReferralRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_ENVELOPE = EnvelopeRow.__table__  # type: ignore[attr-defined]  # as above
_STATEMENT = StatementRow.__table__  # type: ignore[attr-defined]  # as above

"""What a partner's program is told to do by a test, each act by its name; what comes of it travels back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import select

from adapters.consent_changes import Withdrawal
from adapters.dispatch import hand_over
from adapters.outgoing import Queued
from adapters.partner import Adapter
from adapters.store.records import Receipt
from adapters.store.tables import InboxRow
from consent.headers import Event
from consent.passage import Refused
from keys.documents import format_time, validate
from tests.adapters.partners import consent_file, referral_file
from tests.system.crashes.loopback import WatchedStore

OK: Final = 200
BEFORE: Final = frozenset({"key", "attachment", "agreement-signature"})
"""Kinds of shipments that are not sent a second time by a test: the town's beginning, and bytes that are let go of."""


@dataclass(frozen=True)
class Exchanged:
    """What one round of exchange left: what could not be done, and whether anything moved or waits."""

    troubles: tuple[str, ...]
    is_quiet: bool
    waits: bool
    refused: tuple[tuple[str, str], ...]


def sync(adapter: Adapter) -> Exchanged:
    """One whole round of exchange."""
    done = adapter.sync()
    with adapter.office.store.transaction() as tx:
        waiting = tx.traffic.waiting()
    moved = bool(done.sent.accepted or done.sent.refused or done.arrivals or done.told or done.resent)
    troubles = (*done.troubles, *([done.sent.stopped] if done.sent.stopped else []))
    quiet = not (troubles or moved or waiting or done.waiting or adapter.stream.behind)
    return Exchanged(troubles, quiet, bool(waiting) and not moved, tuple(done.sent.refused))


def lease(adapter: Adapter) -> int:
    """Take what waits and open it, without sending the acknowledgements; how many."""
    adapter.read_journal()
    return len(adapter.inbox.work())


def listen(adapter: Adapter) -> int:
    """Hear what others tell; of how many referrals."""
    adapter.read_journal()
    return len(adapter.stream.work())


def flush(adapter: Adapter) -> tuple[str, ...]:
    """Send what waits; the items that the broker took."""
    return tuple(adapter.outbox.flush().accepted)


def consent(adapter: Adapter, changes: Mapping[str, object] | None = None) -> tuple[str, str, str]:
    """Record a consent; its record, its statement, and the code that ends it."""
    recorded, _ = adapter.record_consent(consent_file(changes))
    return recorded.record_id, recorded.statement.id, recorded.receipt.withdrawal_code or ""


def refer(adapter: Adapter, record: str, changes: Mapping[str, object] | None = None) -> tuple[str, str] | str:
    """Put a referral in the outbox; its reference and its envelope, or the rule against it."""
    return _came(adapter.send(referral_file(record, changes)))


def withdraw(adapter: Adapter, record: str) -> int:
    """The person takes a consent back where it was given; the version by which it ends."""
    changed, _ = adapter.consents.change(record, Withdrawal())
    return changed.statements[-1].version if changed.statements else 0


def withdraw_by_code(adapter: Adapter, code: str) -> str:
    """The person takes a consent back by its code, here; from when on it is over."""
    return format_time(adapter.client.withdraw_by_code(code))


def step(adapter: Adapter, ref: str, event: Mapping[str, object]) -> tuple[str, str] | str:
    """Take a step of a referral; its reference and its envelope, or why not."""
    return _came(adapter.step(ref, validate(Event, dict(event))))


def repeat(adapter: Adapter) -> dict[str, bool]:
    """Send once more all that the broker ever took: was each answered by 200 and the same receipt, byte for byte."""
    with adapter.office.store.transaction() as tx:
        done = [shipment for shipment in tx.traffic.settled("done") if shipment.kind not in BEFORE]
    alike = {}
    for shipment in done:
        answer = hand_over(adapter.client, shipment)
        document = answer.document if isinstance(answer, Receipt) else None
        alike[shipment.item] = (WatchedStore.loopback.status, document) == (OK, shipment.receipt)
    return alike


def standing(adapter: Adapter) -> dict[str, str]:
    """Where each referral stands here, by reference."""
    return {each.ref: adapter.show(each.ref).state.status for each in adapter.referrals()}


@dataclass(frozen=True)
class Ledger:
    """What a partner has on its books; receipts are by the envelope that they are for."""

    shipments: dict[str, str]
    """How each shipment ended."""
    sent: dict[str, bytes]
    received: dict[str, bytes]
    heard: dict[str, bytes]
    alarms: tuple[tuple[str, str], ...]
    standing: dict[str, str]


def ledger(adapter: Adapter) -> Ledger:
    """The books of a partner."""
    refs = [each.ref for each in adapter.referrals()]
    with adapter.office.store.transaction() as tx:
        shipments = tx.traffic.settled("pending", "done", "refused", "dropped")
        received = {row.envelope: row.receipt for row in tx.session.exec(select(InboxRow))}
        heard = {each.header.id: each.receipt.document for each in tx.notices.all()}
        heard |= {each.header.id: each.receipt.document for ref in refs for each in tx.dossiers.steps(ref)}
    return Ledger(
        shipments={each.item: each.state for each in shipments},
        sent={each.item: each.receipt for each in shipments if each.kind == "envelope" and each.receipt is not None},
        received=received,
        heard=heard,
        alarms=tuple((alarm.code, alarm.subject) for alarm in adapter.alarms()),
        standing=standing(adapter),
    )


def _came(answer: Queued | Refused) -> tuple[str, str] | str:
    return answer.because if isinstance(answer, Refused) else (answer.ref, answer.envelope)


ACTS: Final[Mapping[str, Callable[..., Any]]] = {
    act.__name__: act
    for act in (sync, lease, listen, flush, consent, refer, withdraw, withdraw_by_code, step, repeat, standing, ledger)
}
"""Every act, by its name."""

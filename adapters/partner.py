"""Everything one partner does, in the words of those who do it: consent, send, receive, answer.

One object that the command line, the demonstration and any other door use; each act is one call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from adapters.agreements import refresh_agreements, sign_agreement
from adapters.calls import GatewayCalls
from adapters.consents import ConsentFile, Recorded, record_consent, write_receipt
from adapters.dossier import Dossier, read_dossier, resolve
from adapters.enrolment import rotate
from adapters.inbox import Arrival, Inbox
from adapters.office import Office
from adapters.outbox import Flushed, Outbox
from adapters.outgoing import Queued, send_event, send_message, send_referral
from adapters.referral import ReferralFile
from adapters.sections import OutcomeSection
from adapters.settings import Settings
from adapters.store.records import Alarm, Direction, HeldAgreement, Referral
from adapters.store.store import StoreError
from adapters.stream import EventStream
from consent.envelope import Event
from consent.passage import Refused
from keys.documents import Address, format_time, validate
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.identity import RootKey
from keys.signing import SignedDocument

__all__ = ["Adapter", "Round"]


@dataclass(slots=True)
class Round:
    """What one round of exchange with the gateway came to; `troubles` are the slugs of what did not work."""

    sent: Flushed = field(default_factory=Flushed)
    arrivals: list[Arrival] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    agreements: tuple[str, ...] = ()
    troubles: list[str] = field(default_factory=list)
    waiting: int = 0

    def add(self, later: Round) -> None:
        """Count a later round as one with this one; its troubles are the ones that remain."""
        self.sent.accepted += later.sent.accepted
        self.sent.refused += later.sent.refused
        self.sent.stopped, self.troubles, self.waiting = later.sent.stopped, later.troubles, later.waiting
        self.arrivals += later.arrivals
        self.told += later.told
        self.agreements += later.agreements


class Adapter:
    """One partner: its office, its outbox, its inbox, and the stream of what others tell."""

    def __init__(self, settings: Settings, office: Office, client: GatewayCalls) -> None:
        """Work for an office, through a client of its gateway."""
        self.settings = settings
        self.office = office
        self.connect(client)

    def connect(self, client: GatewayCalls) -> None:
        """Go on with another client, as after a change of sign-in key; what waits in the outbox is not lost."""
        self.client = client
        self.outbox = Outbox(self.office, client)
        self.inbox = Inbox(self.office, client, self.refresh_agreements)
        self.stream = EventStream(self.office, client, self.refresh_agreements)

    # Exchange with the gateway.

    def sync(self, wait: int = 0) -> Round:
        """One whole round: keys, agreements, what waits to leave, what others tell, what waits for us.

        What fails is noted and does not keep the rest from being done; raises `StoreError` only.
        """
        done = Round()
        _try(done, self.read_journal)
        done.agreements = _try(done, self.refresh_agreements) or ()
        _try(done, lambda: rotate(self.office))
        done.sent = self.outbox.flush()
        done.told = _try(done, self.stream.work) or []
        done.arrivals = _try(done, lambda: self.inbox.work(wait)) or []
        if done.arrivals:
            after = self.outbox.flush()
            done.sent.accepted += after.accepted
            done.sent.refused += after.refused
            done.sent.stopped = after.stopped or done.sent.stopped
        done.waiting = self.inbox.waiting
        return done

    def read_journal(self) -> int:
        """Learn which keys were published and revoked; the size of the journal. What contradicts it is an alarm."""
        with self.office.store.transaction() as tx:
            own = {signed.sha256 for signed in tx.keyring.own()}
        try:
            return self.office.book.sync(self.client, own)
        except ForgedError as error:
            with self.office.store.transaction() as tx:
                tx.traffic.raise_alarm(Alarm(self.office.now(), error.code, "journal"))
            raise

    def refresh_agreements(self) -> tuple[str, ...]:
        """Bring the agreements up to date; those that changed, by `id@version`."""
        return refresh_agreements(self.office, self.client)

    def rotate_keys(self) -> int:
        """Make and publish the keys that will be needed; how many."""
        return rotate(self.office)

    # What a worker does.

    def record_consent(self, file: ConsentFile) -> tuple[Recorded, tuple[Path, ...]]:
        """Keep what a person answered, and write the receipt in both languages; raises as `record_consent` does."""
        recorded = record_consent(self.office, file, contact_phone=self.settings.contact_phone)
        return recorded, write_receipt(self.settings.receipts, recorded)

    def send(self, file: ReferralFile, *, author: str | None = None) -> Queued | Refused:
        """Seal a referral and put it in the outbox, or say which rule is against it."""
        return send_referral(self.office, file, author=author)

    def referrals(self, direction: Direction | None = None) -> list[Referral]:
        """The referrals, the newest first."""
        with self.office.store.transaction() as tx:
            return tx.dossiers.all(direction)

    def resolve(self, typed: str) -> str:
        """The reference that begins as typed; raises `MalformedError` (referral-unknown, referral-ambiguous)."""
        return resolve(self.office.store, typed)

    def show(self, ref: str) -> Dossier:
        """One referral in full; raises `MalformedError` (referral-unknown)."""
        return read_dossier(self.office.store, ref, self.office.now())

    def step(self, ref: str, event: Event, *, author: str | None = None) -> Queued | Refused:
        """Take any step of the state machine, or say why it may not be taken."""
        return send_event(self.office, ref, event, author=author)

    def seen(self, ref: str) -> Queued | Refused:
        """A person opened the referral (T03)."""
        return self.step(ref, _event("T03"))

    def review(self, ref: str) -> Queued | Refused:
        """It needs more thought (T05); extends the time to answer, once."""
        return self.step(ref, _event("T05"))

    def accept(self, ref: str) -> Queued | Refused:
        """We take it (T08)."""
        return self.step(ref, _event("T08"))

    def decline(self, ref: str, reason: str) -> Queued | Refused:
        """We do not take it, and why (T09)."""
        return self.step(ref, _event("T09", reason=reason))

    def cancel(self, ref: str, reason: str) -> Queued | Refused:
        """The request is withdrawn, before (T10) or after (T19) it was accepted, and why."""
        before = self.step(ref, _event("T10", reason=reason))
        return self.step(ref, _event("T19", reason=reason)) if isinstance(before, Refused) else before

    def appointment(self, ref: str) -> Queued | Refused:
        """An appointment was made (T13)."""
        return self.step(ref, _event("T13"))

    def start(self, ref: str) -> Queued | Refused:
        """The service began (T14)."""
        return self.step(ref, _event("T14"))

    def hold(self, ref: str, reason: str, review_by: datetime) -> Queued | Refused:
        """It waits, why, and until when we look at it again (T15); waiting lists included."""
        return self.step(ref, _event("T15", reason=reason, review_by=format_time(review_by)))

    def resume(self, ref: str) -> Queued | Refused:
        """It goes on (T16)."""
        return self.step(ref, _event("T16"))

    def complete(self, ref: str, outcome: str) -> Queued | Refused:
        """It is done, and what came of it (T17)."""
        return self.step(ref, _event("T17", outcome=outcome))

    def fail(self, ref: str, reason: str) -> Queued | Refused:
        """We could not help, and why (T18)."""
        return self.step(ref, _event("T18", reason=reason))

    def confirm(self, ref: str, helped: str) -> Queued | Refused:
        """The person says whether it helped (T25)."""
        return self.step(ref, _event("T25", helped=helped))

    def answer(self, ref: str, outcome: OutcomeSection) -> Queued | Refused:
        """Send the requester a sealed outcome: an appointment, a place on the list, a few words."""
        return send_message(self.office, ref, {"outcome": outcome})

    def search_services(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Find services in the gateway's directory; nothing of a person's file belongs in the question."""
        return self.client.search_services(query)

    # What the organisation does.

    def agreements(self) -> list[HeldAgreement]:
        """The agreements as they are kept here, the newest version of each first."""
        with self.office.store.transaction() as tx:
            return tx.papers.agreements()

    def agreement(self, ref: str) -> HeldAgreement:
        """One agreement, by `id@version`; raises `MalformedError` (agreement-unknown)."""
        found = next((item for item in self.agreements() if ref in {item.document.ref, item.document.id}), None)
        if found is None:
            raise MalformedError("agreement-unknown")
        return found

    def sign_agreement(self, ref: str, root: RootKey, typed: Mapping[Address, str]) -> SignedDocument:
        """Sign an agreement once every counterparty's fingerprint was typed; raises as `sign_agreement` does."""
        return sign_agreement(self.office, self.agreement(ref), root, typed)

    def alarms(self) -> list[Alarm]:
        """What must not happen and did."""
        with self.office.store.transaction() as tx:
            return tx.traffic.alarms()


def _event(transition: str, **details: str) -> Event:
    """A step with its details; raises `MalformedError` (unknown-code) for a code that is in no table."""
    return validate(Event, {"transition": transition, **details}, pointer="/event")


T = TypeVar("T")


def _try(done: Round, act: Callable[[], T]) -> T | None:
    try:
        return act()
    except StoreError:
        raise
    except PasserelleError as error:
        done.troubles.append(error.code)
        return None

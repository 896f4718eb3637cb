"""Everything one partner does, in the words of those who do it: consent, send, receive, answer.

One object that the command line, the demonstration and any other door use; each act is one call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from adapters.acts import Acts
from adapters.agreements import Ending, refresh_agreements, sign_agreement, tell_endings
from adapters.alarms import FOLDER
from adapters.calls import GatewayCalls
from adapters.consent_desk import ConsentDesk
from adapters.consents import ConsentFile, Recorded
from adapters.dossier import Dossier, read_dossier, resolve
from adapters.duties import Duty, read_duties
from adapters.emergencies import OwnEmergency, justified, own_emergencies
from adapters.enrolment import rotate
from adapters.explanations import Explanation
from adapters.inbox import Arrival, Inbox
from adapters.office import Office
from adapters.outbox import Flushed, Outbox
from adapters.outgoing import prepare
from adapters.paper_fetching import Fetched, PaperFetcher
from adapters.pins import GatewayPins
from adapters.reconciling import reconcile_consents
from adapters.recovery import recover
from adapters.referral import ReferralFile
from adapters.resending import resend_by_itself
from adapters.restarts import accept_restart
from adapters.restating import after_restore
from adapters.settings import Settings
from adapters.store.records import Alarm, Direction, HeldAgreement, HeldJustification, LoggedNotice, Referral
from adapters.store.store import StoreError
from adapters.stream import EventStream
from adapters.watch import JournalWatch
from adapters.withdrawals import to_answer
from adapters.witness import EXAMINED, bring_back
from consent.passage import Refused
from keys.documents import Address
from keys.errors import MalformedError, PasserelleError
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
    endings: tuple[Ending, ...] = ()
    resent: list[str] = field(default_factory=list)
    papers: Fetched = field(default_factory=Fetched)
    troubles: list[str] = field(default_factory=list)
    waiting: int = 0

    def add(self, later: Round) -> None:
        """Count a later round as one with this one; its troubles are the ones that remain."""
        self.sent.accepted += later.sent.accepted
        self.sent.refused += later.sent.refused
        self.sent.held += later.sent.held
        self.sent.stopped, self.troubles, self.waiting = later.sent.stopped, later.troubles, later.waiting
        self.arrivals += later.arrivals
        self.told += later.told
        self.resent += later.resent
        self.papers.add(later.papers)
        self.agreements += later.agreements
        self.endings += later.endings


class Adapter(Acts):
    """One partner: its office, its outbox, its inbox, and the stream of what others tell."""

    def __init__(self, settings: Settings, office: Office, client: GatewayCalls) -> None:
        """Work for an office, through a client of its gateway."""
        self.settings = settings
        self.office = office
        self.consents = ConsentDesk(office, settings)
        self.connect(client)

    def connect(self, client: GatewayCalls) -> None:
        """Go on with another client, as after a change of sign-in key; what waits in the outbox is not lost."""
        self.client = client
        self.outbox = Outbox(self.office, client)
        self.inbox = Inbox(self.office, client, self.refresh_agreements)
        self.stream = EventStream(self.office, client, self.refresh_agreements, self.consents.withdrawn_by_code)
        self.papers = PaperFetcher(self.office, client)
        self.watch = JournalWatch(self.office, client, self.evidence)

    @property
    def evidence(self) -> Path:
        """The folder of evidence that alarms name."""
        return self.settings.data / FOLDER

    # Exchange with the gateway.

    def sync(self, wait: int = 0) -> Round:
        """One whole round: keys, agreements, what waits to leave, what others tell, what waits for us.

        What fails is noted and does not keep the rest from being done; raises `StoreError` only.
        """
        done = Round()
        _try(done, self.read_journal)
        done.agreements = _try(done, self.refresh_agreements) or ()
        done.endings = self.tell_endings()
        _try(done, lambda: rotate(self.office))
        done.sent = self.outbox.flush()
        done.told = _try(done, self.stream.work) or []
        _try(done, self.reconcile_consents)
        done.arrivals = _try(done, lambda: self.inbox.work(wait)) or []
        done.resent = resend_by_itself(self.office)
        done.papers = self.papers.work()
        if done.arrivals or done.resent:
            after = self.outbox.flush()
            done.sent.accepted += after.accepted
            done.sent.refused += after.refused
            done.sent.held += after.held
            done.sent.stopped = after.stopped or done.sent.stopped
        done.waiting = self.inbox.waiting
        if EXAMINED & {*done.troubles, done.sent.stopped}:
            self.show_last_seen()
        return done

    def resend_by_itself(self) -> list[str]:
        """Send again what was lost because its recipient ended a key early; the references it was about."""
        return resend_by_itself(self.office)

    def reconcile_consents(self) -> list[str]:
        """Learn which of our consents were taken back before anything was sent under them; their ids."""
        return reconcile_consents(self.office, self.client, self.consents.withdrawn_by_code)

    def read_journal(self) -> int:
        """Learn which keys were published and revoked, as a witness; the size. What contradicts it is an alarm.

        What a restarted journal lost of ours waits in the outbox from here on.
        """
        size = self.watch.look()
        recover(self.office)
        return size

    def accept_restart(self, announced: GatewayPins, code: str) -> range:
        """Go on with a journal that was restarted, as `accept_restart` tells; the entries that were lost."""
        pins = self.settings.pins
        return accept_restart(self.office, self.client, announced, code, pins, evidence=self.evidence)

    def show_last_seen(self) -> None:
        """Show a gateway that was restored what we saw of its journal last: it waits for every witness.

        What our consents are waits in the outbox from here on: it asks for that before anything passes under them.
        """
        bring_back(self.office, self.client)
        after_restore(self.office)

    def refresh_agreements(self) -> tuple[str, ...]:
        """Bring the agreements up to date; those that changed, by `id@version`."""
        return refresh_agreements(self.office, self.client)

    def tell_endings(self) -> tuple[Ending, ...]:
        """The warnings, each once, that an agreement comes to its end."""
        return tell_endings(self.office)

    def rotate_keys(self) -> int:
        """Make and publish the keys that will be needed; how many."""
        return rotate(self.office)

    # What a worker does.

    def record_consent(self, file: ConsentFile) -> tuple[Recorded, tuple[Path, ...]]:
        """Keep what a person answered, and write the receipt in both languages; raises as `ConsentDesk.record` does."""
        return self.consents.record(file)

    def referrals(self, direction: Direction | None = None) -> list[Referral]:
        """The referrals, the newest first."""
        with self.office.store.transaction() as tx:
            return tx.dossiers.all(direction)

    def resolve(self, typed: str) -> str:
        """The reference that begins as typed; raises `MalformedError` (referral-unknown, referral-ambiguous)."""
        return resolve(self.office.store, typed)

    def show(self, ref: str) -> Dossier:
        """One referral in full; raises `MalformedError` (referral-unknown)."""
        return read_dossier(self.office, ref)

    def notices(self) -> list[LoggedNotice]:
        """What the gateway told by itself, the newest first, whether or not the referral is here."""
        with self.office.store.transaction() as tx:
            return tx.notices.all()

    def duties(self) -> list[Duty]:
        """What is owed to whom, and by when."""
        return read_duties(self.office)

    def withdrawals(self) -> list[LoggedNotice]:
        """The ends of consents that we have still to answer for, the oldest first."""
        with self.office.store.transaction() as tx:
            return to_answer(tx)

    def emergencies(self) -> list[OwnEmergency]:
        """The emergencies that we declared, the newest first."""
        with self.office.store.transaction() as tx:
            return own_emergencies(tx)

    def justifications(self) -> list[HeldJustification]:
        """Why other organisations declared emergencies, as they told us who audit."""
        with self.office.store.transaction() as tx:
            return tx.notices.justifications()

    def explain(self, file: ReferralFile, *, author: str | None = None) -> Explanation | Refused:
        """Every rule and its verdict at the gateway for the header that a file would have; nothing leaves or is kept.

        Refused without asking when there is no header to ask about. Raises what the client raises.
        """
        prepared = prepare(self.office, file, (self.office, self.office.now(), author or file.author))
        if isinstance(prepared, Refused):
            return prepared
        answer = self.client.explain(prepared.header)
        return justified(answer) if prepared.declared is not None else answer

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

    def alarms(self, *, closed: bool = False) -> list[Alarm]:
        """What must not happen and did; with `closed` also what a person has dealt with."""
        with self.office.store.transaction() as tx:
            return tx.traffic.alarms(closed=closed)

    def close_alarm(self, number: int) -> None:
        """Note that a person has dealt with an alarm; raises `MalformedError` (alarm-unknown) where none is open."""
        with self.office.store.transaction() as tx:
            if not tx.traffic.close_alarm(number, self.office.now()):
                raise MalformedError("alarm-unknown")


T = TypeVar("T")


def _try(done: Round, act: Callable[[], T]) -> T | None:
    try:
        return act()
    except StoreError:
        raise
    except PasserelleError as error:
        done.troubles.append(error.code)
        return None

"""Sends what waits, again and again until it is answered; the bytes never change, so repeating does nothing twice.

PROTOCOL §6 *Exactly one effect*. Whatever is in the outbox survives this program. An answer is kept in one transaction
with what follows from it; a crash before that means the same bytes are sent once more, and answered the same.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from adapters.agreements import refresh_agreements
from adapters.calls import GatewayCalls
from adapters.confirmation import UnconfirmedError, check_confirmed
from adapters.dispatch import ACK_KIND, hand_over
from adapters.events import admitted, log_step, refresh
from adapters.office import Office
from adapters.problems import GatewayProblemError
from adapters.registration import read_registration
from adapters.renewal import seal_anew
from adapters.restating import gives_way, restate_cited
from adapters.store.records import Alarm, Kind, LoggedStep, Receipt, Shipment
from adapters.store.store import StoreError, Transaction
from adapters.unsent import was_taken_back
from consent.envelope import EventHeader, ReferralHeader, UnverifiedEnvelope
from keys.errors import ForgedError, PasserelleError

__all__ = ["ACK_KIND", "Flushed", "Outbox"]

FIRST_PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(minutes=15)
HELD_PAUSE: Final = timedelta(seconds=30)
"""When to ask again whether the witnesses have confirmed a key."""
STALE_KEY: Final = frozenset({"key-not-in-period", "key-revoked", "key-unknown"})
"""Why the broker refuses keys: the recipient's, or ours, ended while the envelope waited here."""
SUPERSEDED: Final = "agreement-superseded"
"""Why it refuses an agreement: the next version came into force while the envelope waited here."""
UNCONFIRMED: Final = "statement-unconfirmed"
"""Why it refuses a consent for now: its journal was restarted, and the issuer has to say again what the consent is."""
EXPIRED: Final = "envelope-expired"
"""Why it would refuse what waited for that for longer than it may be on its way."""
OF_OTHERS: Final = frozenset(
    {"referral-unknown", "envelope-unknown", "transition-not-from-here", "key-unknown", "agreement-unknown"}
)
"""Why it may refuse what it took before, and lost: others have not sent again yet what that follows from."""
MANY_TRIES: Final = 100
"""For about a day; whoever has not come by then is a matter for people."""
UNASKED: Final = frozenset({"withdrawal-answer", "agreement-signature"})
"""What goes out again because it may have been lost; that it is refused means that it was not."""


@dataclass(slots=True)
class Flushed:
    """What one round of sending came to: accepted and refused items, and why it stopped before the end, if it did.

    `held` did not leave because a key is not confirmed yet, with the witnesses who are missing; it goes by itself.
    """

    accepted: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    held: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    stopped: str | None = None


class Outbox:
    """The sending half of one partner; `jitter` gives a factor around 1, so that partners do not knock together."""

    def __init__(self, office: Office, client: GatewayCalls, jitter: Callable[[], float] | None = None) -> None:
        """Send for an office through a client."""
        self._office = office
        self._client = client
        self._jitter = jitter or _around_one
        self._lock = threading.Lock()

    def flush(self, only: Kind | None = None) -> Flushed:
        """Send everything whose time has come, in order; stops at the first failure that says nothing about an item.

        With `only`, what is of another kind goes on waiting. Raises `StoreError` only: whatever the gateway does is
        kept beside the item it was about.
        """
        with self._lock:  # two threads would each send what the other has just taken
            return self._flush(only)

    def _flush(self, only: Kind | None) -> Flushed:
        done = Flushed()
        with suppress(StoreError):  # Another program reads; nothing that waits for it leaves, and the rest may.
            self._office.store.empty_log()
        while (shipment := self._next(only)) is not None:
            held = self._held_back(shipment)
            if isinstance(held, UnconfirmedError):
                done.held.append((shipment.item, held.missing))
                continue
            if held is not None:
                done.stopped = held.code
                continue
            if not self._begin(shipment):
                continue
            try:
                receipt = self._hand_over(shipment)
            except PasserelleError as refused:
                error = self._judged(shipment, refused)
                if _may_pass_later(shipment, error):
                    self._postpone(shipment, error)
                    done.stopped = error.code
                    continue
                if self._is_about(error):
                    if not self._sealed_anew(shipment, error) and self._refuse(shipment, error):
                        done.refused.append((shipment.item, error.code))
                        if shipment.kind == "attachment":
                            done.refused.append((shipment.item.split(":")[1], error.code))
                    continue
                self._postpone(shipment, error)
                done.stopped = error.code
                return done
            self._accept(shipment, receipt)
            done.accepted.append(shipment.item)
        return done

    def _hand_over(self, shipment: Shipment) -> Receipt | int | None:
        if shipment.kind == "withdrawal-answer":
            # "Deleted" is said once no copy of it is left in the log of changes, whichever program took it away.
            self._office.store.empty_log(always=True)
        return hand_over(self._client, shipment)

    def _next(self, only: Kind | None) -> Shipment | None:
        with self._office.store.transaction() as tx:
            return tx.traffic.next_due(self._office.now(), only)

    def _held_back(self, shipment: Shipment) -> PasserelleError | None:
        """Why an envelope may not leave yet, None when it may: witnesses are missing, or the journal must be read.

        Nor may it while what is kept of the journal does not hold. What the gateway may have already is sent again all
        the same: it is the answer that is missing.
        """
        if shipment.kind != "envelope" or shipment.attempts:
            return None
        try:
            check_confirmed(self._office, shipment)
        except StoreError:
            raise
        except PasserelleError as error:
            with self._office.store.transaction() as tx:
                tx.traffic.hold(shipment.item, self._office.now() + HELD_PAUSE, error.code)
            return error
        return None

    def _begin(self, shipment: Shipment) -> bool:
        """Note that an envelope is about to be handed over; false when another act was faster.

        Or when a newer word took the place of what was to be said again.
        """
        if gives_way(self._office, shipment):
            return False
        if shipment.kind != "envelope" or shipment.attempts:
            return True
        with self._office.store.transaction() as tx:
            found = tx.traffic.shipment(shipment.item)
            if found is None or found.state != "pending" or found.body != shipment.body:
                return False
            tx.traffic.begin(shipment.item)  # What was never handed over can still be ended here.
            return True

    def _accept(self, shipment: Shipment, answer: Receipt | int | None) -> None:
        with self._office.store.transaction() as tx:
            tx.traffic.settle(shipment.item, "done", receipt=answer if isinstance(answer, Receipt) else None)
            if isinstance(answer, Receipt):
                tx.watches.promise(answer.index, answer.document)
            if shipment.kind == "envelope" and isinstance(answer, Receipt) and not shipment.again:
                _follow(tx, shipment.body, answer)
            elif shipment.kind == "statement" and isinstance(answer, Receipt):
                name, _, version = shipment.item.partition("@")
                tx.papers.registered(name, int(version), answer)
                # The withdrawal code is the person's from here on; what was sent is kept without it.
                tx.traffic.rewrite(shipment.item, read_registration(shipment.body)[0].encode())
            elif shipment.kind == "key" and isinstance(answer, int):
                tx.keyring.published(int(shipment.item.rpartition(":")[2]), answer)
            elif shipment.kind == "attachment":
                # The paper is kept in clear beside its referral; sealed it is at the broker now.
                tx.traffic.rewrite(shipment.item, b"")

    @staticmethod
    def _is_about(error: PasserelleError) -> bool:
        """Whether an error is the broker's final word on an item, rather than trouble on the way to it."""
        return getattr(error, "transient", True) is False

    def _judged(self, shipment: Shipment, error: PasserelleError) -> PasserelleError:
        """What a refusal comes to: what waited for a consent for too long will not pass when that is said again."""
        if shipment.kind != "envelope" or not isinstance(error, GatewayProblemError) or error.code != UNCONFIRMED:
            return error
        if self._office.now() < UnverifiedEnvelope.parse(shipment.body).header.exp:
            return error
        return GatewayProblemError(EXPIRED, status=error.status, transient=False)

    def _postpone(self, shipment: Shipment, error: PasserelleError) -> None:
        now = self._office.now()
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(shipment.attempts, 16)) * self._jitter()
        asked = getattr(error, "retry_after", None)
        until = now + max(pause, timedelta(seconds=asked or 0))
        with self._office.store.transaction() as tx:
            tx.traffic.postpone(shipment, until, error.code)
            if shipment.kind == "envelope" and error.code == UNCONFIRMED:
                restate_cited(tx, shipment.body, now)
            if isinstance(error, ForgedError):
                # Somebody answers in the gateway's place, or it lies: the item stays, and a person must know.
                tx.traffic.raise_alarm(Alarm(now, error.code, shipment.item))

    def _sealed_anew(self, shipment: Shipment, error: PasserelleError) -> bool:
        if shipment.kind != "envelope" or error.code not in STALE_KEY | {SUPERSEDED} or shipment.again:
            return False  # Of what the broker had taken before, its recipient may have a copy: a person decides.
        if error.code == SUPERSEDED:
            with suppress(PasserelleError):  # then it is refused under the version that we hold
                refresh_agreements(self._office, self._client)
        return seal_anew(self._office, shipment)

    def _refuse(self, shipment: Shipment, error: PasserelleError) -> bool:
        """Keep that the broker refused something; false when it waits no more, so that nothing is to be told."""
        now = self._office.now()
        taken_back = was_taken_back(shipment) or (shipment.again and shipment.kind in UNASKED)
        with self._office.store.transaction() as tx:
            if not tx.traffic.settle(shipment.item, "dropped" if taken_back else "refused", problem=error.code):
                return False
            if taken_back:
                tx.traffic.rewrite(shipment.item, b"")  # The broker never had it, and nobody tries it again.
            if shipment.kind == "attachment":
                _refuse_with(tx, shipment, error.code)
            elif shipment.kind == "envelope":
                tx.dossiers.note_problem(shipment.lane, error.code)
            else:
                tx.traffic.raise_alarm(Alarm(now, error.code, shipment.item))
        return True


def _may_pass_later(shipment: Shipment, error: PasserelleError) -> bool:
    """Whether an item waits for what others have to say first, and the rest of the outbox does not wait for it."""
    again = shipment.again and error.code in OF_OTHERS and shipment.attempts < MANY_TRIES
    return error.code == UNCONFIRMED or again


def _refuse_with(tx: Transaction, attachment: Shipment, code: str) -> None:
    """An envelope does not leave without the papers that it announces."""
    envelope = tx.traffic.shipment(attachment.item.split(":")[1])
    if envelope is not None and envelope.state == "pending":
        tx.traffic.settle(envelope.item, "refused", problem=code)
        tx.dossiers.note_problem(envelope.lane, code)


def _follow(tx: Transaction, wire: bytes, receipt: Receipt) -> None:
    """What an envelope that the broker took changes here: a referral begins, or takes a step."""
    header = UnverifiedEnvelope.parse(wire).header
    if isinstance(header, EventHeader):
        log_step(tx, LoggedStep(header, receipt, wire))
        tx.dossiers.note_problem(header.ref, None)
    referral, agreement = tx.dossiers.find(header.ref), tx.papers.agreement(header.agreement)
    if isinstance(header, ReferralHeader) and referral is not None and agreement is not None:
        tx.dossiers.save(admitted(referral, receipt, agreement))
        refresh(tx, header.ref, receipt.at)


def _around_one() -> float:
    return 0.75 + secrets.randbelow(501) / 1000

"""Where each referral stands: the steps that the journal put in order, folded through the one state machine.

PRODUCT §5. A step counts when the broker accepted it, at the moment and in the order of the journal, whoever took it;
our own steps that still wait in the outbox only tell what we mean to do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from adapters.erasure import erase
from adapters.retelling import Restart, restarts, retold
from adapters.store.records import Alarm, HeldAgreement, LoggedStep, Receipt, Referral, StepHeader
from adapters.store.store import Transaction
from consent.envelope import MAX_LIFE, Event, EventHeader, NoticeHeader, UnverifiedEnvelope
from consent.identifiers import gateway_address, territory_of
from consent.lifecycle import DRAFT, IllegalStep, ReferralState, Step, apply, deposit
from consent.passage import Refused
from consent.transitions import TRANSITIONS, Actor

__all__ = [
    "CLOSED_HERE",
    "NOT_LEGAL",
    "Standing",
    "admitted",
    "check_step",
    "fold",
    "is_retold",
    "log_step",
    "refresh",
    "role_in",
]

CLOSED_HERE: Final[Mapping[str, ReferralState]] = {
    "T10": ReferralState("cancelled", "withdrawn-by-requester", last_transition="T10"),
    "T22": ReferralState("entered-in-error", last_transition="T22"),
}
"""Where a referral that never left comes to by the steps that end it: no journal tells of them."""
NOT_LEGAL: Final = "step-not-legal"
"""The alarm about a step that may not be taken."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a referral stands, and the envelopes of steps that may not be: each of those is an alarm."""

    state: ReferralState
    illegal: tuple[str, ...] = ()


def role_in(referral: Referral) -> Actor:
    """Which side of a referral we are."""
    return "requester" if referral.direction == "sent" else "owner"


def fold(referral: Referral, steps: Iterable[LoggedStep], known: Collection[Restart] = ()) -> Standing:
    """The state that the journal's steps lead to, in their order; a step that may not be taken changes nothing.

    With the restarts that are `known`, one that only tells again what was lost is not among those that may not be.
    """
    if referral.deposited_at is None or referral.respond_by is None:
        return Standing(next((state for state in CLOSED_HERE.values() if state.status == referral.status), DRAFT))
    state = deposit(referral.deposited_at, referral.respond_by)
    illegal, told, taken = [], set(), list[LoggedStep]()
    for step in steps:
        name = _step_of(step.header)
        if name in told or (referral.place is not None and step.receipt.index < referral.place):
            continue  # Told already, or about an envelope that the one at hand replaces.
        told.add(name)
        after = _taken(state, referral, step.header, step.receipt.at)
        if not isinstance(after, IllegalStep):
            state = after
            taken.append(step)
        elif (first := retold(step, taken, known)) is not None:
            taken.remove(first)  # It explains one more, and no third.
        else:
            illegal.append(step.header.id)
    return Standing(state, tuple(illegal))


def admitted(referral: Referral, receipt: Receipt, agreement: HeldAgreement) -> Referral:
    """The referral once the broker took it: from then on its answer is awaited (transition T02)."""
    article = agreement.document.article(referral.header.article)
    due = referral.header.respond_by
    if due is None and article is not None:
        due = article.answer_due(referral.header.priority, receipt.at, agreement.document.time_zone)
    return replace(referral, deposited_at=receipt.at, place=receipt.index, respond_by=due, problem=None)


def log_step(tx: Transaction, step: LoggedStep) -> None:
    """Keep a step that the broker accepted, and bring the referral's copy of its state up to date."""
    tx.dossiers.log(step)
    refresh(tx, step.header.ref, step.receipt.at)


def refresh(tx: Transaction, ref: str, at: datetime) -> None:
    """Fold a referral again and keep the result; steps that may not be become alarms.

    One that was entered in error says nothing any more, on both sides; that it was there stays (T22).
    """
    referral = tx.dossiers.find(ref)
    if referral is None:
        return  # The step came before its referral was leased; it is folded once that is here.
    standing = fold(referral, tx.dossiers.steps(ref), restarts(tx))
    for envelope in standing.illegal:
        tx.traffic.raise_alarm(Alarm(at, NOT_LEGAL, envelope))
    state = standing.state
    tx.dossiers.save(
        replace(referral, status=state.status, business_status=state.business_status, answer_by=state.respond_by)
    )
    if state.status == "entered-in-error":
        erase(tx, ref, at)


def is_retold(tx: Transaction, envelope: str) -> bool:
    """Whether a step that may not be taken only tells again what a restart lost; false for one that is not here."""
    ref = tx.dossiers.ref_of_step(envelope)
    referral = tx.dossiers.find(ref) if ref else None
    if referral is None:
        return False
    steps = tx.dossiers.steps(referral.ref)
    return envelope in fold(referral, steps).illegal and envelope not in fold(referral, steps, restarts(tx)).illegal


def check_step(
    tx: Transaction, referral: Referral, event: Event, at: datetime, *, re_referred: bool | None = None
) -> Refused | None:
    """Why we may not take a step now (None: we may), the steps that wait in our outbox counted as taken.

    `re_referred` tells whether another referral continues this one, when that is known better than here.
    """
    if re_referred is None:
        re_referred = tx.dossiers.re_referred(referral.ref)
    state = fold(referral, tx.dossiers.steps(referral.ref)).state
    if state == DRAFT:
        # Not accepted yet, so it has no moment to answer by; a step is judged as if it had just been accepted.
        state = deposit(at, at + MAX_LIFE)
    elif referral.deposited_at is None and event.transition not in CLOSED_HERE:
        return Refused("transition-not-from-here", "", "/event/transition")  # Nobody else knows that it was.
    for shipment in tx.traffic.waiting(referral.ref):
        header = UnverifiedEnvelope.parse(shipment.body).header if shipment.kind == "envelope" else None
        if isinstance(header, EventHeader):
            meant = _taken(state, referral, header, at)
            state = state if isinstance(meant, IllegalStep) else meant
    step = _step(event, role_in(referral), at)
    after = apply(state, step, re_referred=re_referred)
    if isinstance(after, IllegalStep):
        return Refused(after.because, "", f"/event/{after.field}" if after.field else "/event")
    return None


def _step_of(header: StepHeader) -> str:
    """By which name a step counts once: the broker tells its own to both ends, the second time as a copy."""
    return header.id if isinstance(header, EventHeader) else header.notice.copy_of or header.id


def _taken(state: ReferralState, referral: Referral, header: StepHeader, at: datetime) -> ReferralState | IllegalStep:
    actor, event = _actor(referral, header), header.event
    if event is None:
        return state  # A notice that takes no step tells of something else.
    if actor is None:
        return IllegalStep("transition-not-yours", "transition")
    # The broker knows whether another referral is part of this one, and accepted the step accordingly.
    needs = TRANSITIONS[event.transition].requires
    return apply(state, _step(event, actor, at), re_referred="re-referral" in needs)


def _actor(referral: Referral, header: StepHeader) -> Actor | None:
    if isinstance(header, NoticeHeader):
        return "broker" if header.from_ == gateway_address(territory_of(header.to)) else None
    ours = role_in(referral)
    theirs: Actor = "owner" if ours == "requester" else "requester"
    return theirs if header.from_ == referral.peer else ours if header.to == referral.peer else None


def _step(event: Event, actor: Actor, at: datetime) -> Step:
    return Step(
        transition=event.transition,
        actor=actor,
        at=at,
        reason=event.reason,
        review_by=event.review_by,
        outcome=event.outcome,
        channel=event.channel,
        asked=event.asked or (),
        became=event.became,
        helped=event.helped,
    )

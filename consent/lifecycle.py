"""Where a referral stands, and what each side may do next.

The state machine of PRODUCT §5, read from `consent/tables/transitions.csv`: values in, values out. A step
that may not be taken is answered with an `IllegalStep`, never with an exception, because it has to be told
and journalled. Every `at` is the moment the journal gives to the step (PROTOCOL §6 *Order*).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from consent.transitions import TRANSITIONS, Actor, Transition
from consent.vocabulary import ASKED_FOR, BECAME, CHANNELS, HELPED, OUTCOMES, REASONS, Status
from keys.errors import MalformedError

__all__ = [
    "CLOSED",
    "CORRECTION_TIME",
    "DRAFT",
    "FOLLOW_UP_TIME",
    "IllegalStep",
    "ReferralState",
    "Step",
    "apply",
    "closed",
    "deposit",
    "possible",
]

CLOSED: Final[frozenset[Status]] = frozenset(("rejected", "cancelled", "failed", "completed", "entered-in-error"))
"""The statuses in which nothing more is expected of the owner."""
CORRECTION_TIME: Final = timedelta(hours=24)
"""How long after closing a referral its owner may correct a slip (PRODUCT §5)."""
FOLLOW_UP_TIME: Final = timedelta(days=14)
"""How long the requester has, after a refusal, to re-refer or to tell what became of the person."""


@dataclass(frozen=True, slots=True)
class ReferralState:
    """Where a referral stands after its last step; all times carry their offset."""

    status: Status
    business_status: str | None = None
    """The finer truth, such as `seen` or `appointment-booked`."""
    last_transition: str = "T01"
    delay: timedelta = timedelta(0)
    """The time agreed for an answer, as it was at deposit."""
    respond_by: datetime | None = None
    """By when the owner has to answer; None while the clock is paused and once it has stopped."""
    paused_left: timedelta | None = None
    """What was left of the time to answer when the owner asked for information; None while the clock runs."""
    extended: bool = False
    """True once the time to answer has been extended, which happens once in the life of a referral."""
    review_by: datetime | None = None
    """While on hold: when the owner looks at it again."""
    closed_at: datetime | None = None
    """When it was first closed; a later change from one closed status to another does not move it."""
    follow_up_by: datetime | None = None
    """While the requester owes a follow-up: until when."""
    contact_attempts: int = 0

    @property
    def info_requested(self) -> bool:
        """True while the owner waits for information it asked for, the clock being paused meanwhile."""
        return self.paused_left is not None


@dataclass(frozen=True, slots=True)
class Step:
    """One step that somebody wants to take; its row tells which details it carries (PROTOCOL §4 `event`)."""

    transition: str
    actor: Actor
    at: datetime
    reason: str | None = None
    review_by: datetime | None = None
    outcome: str | None = None
    channel: str | None = None
    asked: tuple[str, ...] = ()
    became: str | None = None
    helped: str | None = None
    respond_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class IllegalStep:
    """Why a step may not be taken: the rule's slug, and the member of `event` at fault (empty: the step)."""

    because: str
    field: str = ""


DRAFT: Final = ReferralState("draft")
"""A referral being written at the requester (T01); the broker never hears of it."""

_Rule = Callable[[Transition, ReferralState, Step], IllegalStep | None]
_Effect = Callable[[ReferralState, Step], ReferralState]
# Each detail of a step: what requires it, the codes it may hold (None: a time), the refusal without it.
_DETAILS: Final[Mapping[str, tuple[str, Container[str] | None, str]]] = {
    "respond_by": ("respond-by", None, "respond-by-required"),
    "asked": ("asked", ASKED_FOR, "asked-required"),
    "review_by": ("review-by", None, "review-date-required"),
    "outcome": ("outcome", OUTCOMES, "outcome-required"),
    "channel": ("channel", CHANNELS, "channel-required"),
    "became": ("became", BECAME, "became-required"),
    "helped": ("helped", HELPED, "helped-required"),
}


def deposit(at: datetime, respond_by: datetime) -> ReferralState:
    """The state of a referral the broker has just admitted (T02), to be answered by `respond_by`.

    Raises `MalformedError` (respond-by-past) unless `respond_by` is after `at`.
    """
    state = apply(DRAFT, Step("T02", "requester", at, respond_by=respond_by))
    if isinstance(state, IllegalStep):
        raise MalformedError(state.because, "/respond_by")
    return state


def apply(state: ReferralState, step: Step, *, re_referred: bool = False) -> ReferralState | IllegalStep:
    """Take a step, or say why it may not be taken: the first rule against it, in the order people would ask.

    `re_referred` tells whether another referral already names this one as what it is part of (`part_of`): T21
    needs that there is none, T23 that there is one.
    """
    transition = TRANSITIONS.get(step.transition)
    if transition is None:
        return IllegalStep("transition-unknown", "transition")
    for rule in _RULES:
        illegal = rule(transition, state, step)
        if illegal is not None:
            return illegal
    if "no-re-referral" in transition.requires and re_referred:
        return IllegalStep("already-re-referred")
    if "re-referral" in transition.requires and not re_referred:
        return IllegalStep("re-referral-missing")
    return _taken(transition, state, step)


def possible(state: ReferralState, actor: Actor, *, at: datetime | None = None) -> tuple[Transition, ...]:
    """The steps an actor can choose from here, for interfaces to show, in the table's order.

    With `at`, steps whose time has passed or has not come are left out; `apply` checks details and
    re-referrals.
    """
    return tuple(
        transition
        for transition in TRANSITIONS.values()
        if actor in transition.actors
        and state.status in transition.sources
        and not ("info-requested" in transition.requires and not state.info_requested)
        and not (at is not None and _untimely(transition, state, at))
    )


def closed(state: ReferralState) -> bool:
    """True when nothing more is expected of the owner; only corrections and follow-up remain."""
    return state.status in CLOSED


def _whose(transition: Transition, _state: ReferralState, step: Step) -> IllegalStep | None:
    return None if step.actor in transition.actors else IllegalStep("transition-not-yours", "transition")


def _from_where(transition: Transition, state: ReferralState, _step: Step) -> IllegalStep | None:
    return None if state.status in transition.sources else IllegalStep("transition-not-from-here", "transition")


def _reason(transition: Transition, _state: ReferralState, step: Step) -> IllegalStep | None:
    if step.reason is None:
        return IllegalStep("reason-required", "reason") if transition.reasons else None
    known = REASONS.get(step.reason)
    if known is not None and known.said_by == "broker" and step.actor != "broker":
        return IllegalStep("reason-reserved", "reason")
    return None if step.reason in transition.reasons else IllegalStep("reason-not-allowed", "reason")


def _details(transition: Transition, _state: ReferralState, step: Step) -> IllegalStep | None:
    for field, (requirement, codes, missing) in _DETAILS.items():
        detail = getattr(step, field)
        if detail in (None, ()):
            if requirement in transition.requires:
                return IllegalStep(missing, field)
            continue
        if requirement not in transition.requires:
            # What a step does not call for would be content that travels in clear (PROTOCOL §4).
            return IllegalStep("detail-not-expected", field)
        if codes is not None:
            told = detail if isinstance(detail, tuple) else (detail,)
            if any(code not in codes for code in told):
                return IllegalStep("unknown-code", field)
    return None


def _dates(_transition: Transition, _state: ReferralState, step: Step) -> IllegalStep | None:
    if step.respond_by is not None and step.respond_by <= step.at:
        return IllegalStep("respond-by-past", "respond_by")
    if step.review_by is not None and step.review_by <= step.at:
        return IllegalStep("review-date-past", "review_by")
    return None


def _moment(transition: Transition, state: ReferralState, step: Step) -> IllegalStep | None:
    if "info-requested" in transition.requires and not state.info_requested:
        return IllegalStep("info-not-requested")
    because = _untimely(transition, state, step.at)
    return IllegalStep(because) if because else None


def _untimely(transition: Transition, state: ReferralState, at: datetime) -> str | None:
    """The slug against a step whose time has passed or has not come; None when the moment is right."""
    if "within-24h" in transition.requires and (state.closed_at is None or at > state.closed_at + CORRECTION_TIME):
        return "correction-too-late"
    if transition.respond_by == "at-deadline" and (state.respond_by is None or at < state.respond_by):
        return "deadline-not-reached"
    return None


_RULES: Final[tuple[_Rule, ...]] = (_whose, _from_where, _reason, _details, _dates, _moment)


def _taken(transition: Transition, state: ReferralState, step: Step) -> ReferralState:
    status = transition.target or state.status
    closed_at = (state.closed_at or step.at) if status in CLOSED else None
    review_by = (step.review_by or state.review_by) if status == "on-hold" else None
    follow_up_by = state.follow_up_by if transition.follow_up == "none" else None
    if transition.follow_up == "start":
        follow_up_by = step.at + FOLLOW_UP_TIME
    return replace(
        _EFFECTS[transition.respond_by](state, step),
        status=status,
        business_status=transition.business_status,
        last_transition=transition.code,
        review_by=review_by,
        closed_at=closed_at,
        follow_up_by=follow_up_by,
        contact_attempts=state.contact_attempts + ("channel" in transition.requires),
    )


def _start(state: ReferralState, step: Step) -> ReferralState:
    delay = (step.respond_by or step.at) - step.at
    return replace(state, delay=delay, respond_by=step.respond_by)


def _stop(state: ReferralState, _step: Step) -> ReferralState:
    return replace(state, respond_by=None, paused_left=None)


def _extend_once(state: ReferralState, _step: Step) -> ReferralState:
    if state.extended:
        return state
    if state.paused_left is not None:
        return replace(state, extended=True, paused_left=state.paused_left + state.delay)
    if state.respond_by is None:
        return state
    return replace(state, extended=True, respond_by=state.respond_by + state.delay)


def _pause(state: ReferralState, step: Step) -> ReferralState:
    if state.respond_by is None:
        return state  # Already paused: asking again does not give back time.
    return replace(state, respond_by=None, paused_left=max(state.respond_by - step.at, timedelta(0)))


def _resume(state: ReferralState, step: Step) -> ReferralState:
    return replace(state, respond_by=step.at + (state.paused_left or timedelta(0)), paused_left=None)


def _restart(state: ReferralState, step: Step) -> ReferralState:
    return replace(state, respond_by=step.at + state.delay, paused_left=None)


_EFFECTS: Final[Mapping[str, _Effect]] = {
    "none": lambda state, _step: state,
    "start": _start,
    "stop": _stop,
    "extend-once": _extend_once,
    "pause": _pause,
    "resume": _resume,
    "at-deadline": _stop,
    "restart": _restart,
}

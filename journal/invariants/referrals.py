"""I9: every change of a referral is a row of the transition table, taken by who may take it from where it stood.

PRODUCT §5. The journal keeps the step and its reason, not its other details nor the moment agreed for an answer. Those
are presumed present, and the answer due at once, so that nothing is held against a step that the journal cannot tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from consent.emergency_review import NOT_JUSTIFIED
from consent.identifiers import gateway_address, territory_of
from consent.lifecycle import IllegalStep, Step, apply, deposit
from consent.passage import DeclaredEmergency, OpenReferral
from consent.transitions import TRANSITIONS, Actor
from consent.vocabulary import ASKED_FOR, BECAME, CHANNELS, HELPED, OUTCOMES
from journal.entries import Entry
from journal.invariants.acceptances import FIRST_STEP
from journal.invariants.findings import Finding, Gaps, Unjudged
from keys.errors import Fault

__all__ = ["ReferralsStepByStep"]

_MOMENT: Final = timedelta(milliseconds=1)
_PRESUMED: Final[dict[str, tuple[str, object]]] = {
    "asked": ("asked", tuple(ASKED_FOR)[:1]),
    "outcome": ("outcome", next(iter(OUTCOMES))),
    "channel": ("channel", next(iter(CHANNELS))),
    "became": ("became", next(iter(BECAME))),
    "helped": ("helped", next(iter(HELPED))),
}
"""By requirement: the detail of a step that is not told, and a code it may have had."""


class ReferralsStepByStep:
    """Replays the state machine of every referral."""

    number: Final = "I9"

    def __init__(self, gaps: Gaps) -> None:
        self._gaps = gaps
        self._open: dict[str, OpenReferral] = {}

    @property
    def count(self) -> int:
        """How many referrals began."""
        return len(self._open)

    def examine(self, entry: Entry) -> Iterator[Finding]:
        """As `Invariant.examine`.

        Slugs: missing-field, wrong-actor, referral-exists, referral-unknown, and those of `consent.lifecycle`.
        """
        accepted = entry.type == "envelope.accepted"
        if entry.type == "emergency.reviewed":
            self._review(entry)
        elif accepted and entry.transition == FIRST_STEP:
            yield from self._begin(entry)
        elif entry.type == "task.transition" or (accepted and entry.transition is not None):
            yield from self._continue(entry)

    def known(self, ref: str) -> OpenReferral | None:
        """The referral as it stands before the entry under examination."""
        return self._open.get(ref)

    def _begin(self, entry: Entry) -> Iterator[Finding]:
        told = (entry.ref, entry.from_, entry.to, entry.agreement, entry.purpose)
        ref, requester, owner, agreement, purpose = (text or "" for text in told)
        if not ref:
            yield Fault("missing-field", "/ref")
            return
        state = deposit(entry.time, entry.time + _MOMENT)
        if ref in self._open:
            # One that takes the place of an undelivered one goes on; whether it may is asked by rule R40.
            if entry.replaces is None:
                yield Fault("referral-exists", "/ref")
            else:
                before = self._open[ref]
                self._open[ref] = replace(before, state=state, emergency=_declared(entry, before.emergency))
            return
        justification = entry.justification.envelope if entry.justification else None
        self._open[ref] = OpenReferral(
            *(ref, requester, owner, agreement, entry.statement, purpose, state),
            justification=justification,
            emergency=_declared(entry, None),
        )
        parent = self._open.get(entry.part_of or "")
        if parent is not None:
            self._open[parent.ref] = replace(parent, re_referred=True)

    def _review(self, entry: Entry) -> None:
        """Remember of an emergency that it was found unjustified: no more goes under it."""
        referral = self._open.get(entry.ref or "")
        if referral is not None and referral.emergency is not None and entry.state == NOT_JUSTIFIED:
            emergency = replace(referral.emergency, not_justified=True)
            self._open[referral.ref] = replace(referral, emergency=emergency)

    def _continue(self, entry: Entry) -> Iterator[Finding]:
        referral = self._open.get(entry.ref or "")
        if referral is None:
            yield self._gaps.absent("referral-unknown", "/ref")
            return
        actor = _role(referral, entry)
        if actor is None:
            yield Fault("wrong-actor", "/actor")
            return
        state = apply(referral.state, _step(entry, actor), re_referred=referral.re_referred)
        if not isinstance(state, IllegalStep):
            self._open[referral.ref] = replace(referral, state=state)
        elif state.because == "re-referral-missing" and self._gaps.unread:
            # The referral that continues this one rests on another consent, whose entries may be erased.
            yield Unjudged(state.because)
        else:
            yield Fault(state.because, "/reason" if state.field == "reason" else "/transition")


def _declared(entry: Entry, before: DeclaredEmergency | None) -> DeclaredEmergency | None:
    """The emergency that an accepted referral declares; which worker does is told of the declaration alone."""
    if entry.justification is None or entry.reason is None:
        return None
    found = before is not None and before.not_justified
    return DeclaredEmergency(entry.reason, entry.justification.sha256, entry.time, not_justified=found)


def _role(referral: OpenReferral, entry: Entry) -> Actor | None:
    """On which side of the referral the actor is; a party acts by an envelope of its own."""
    if entry.actor == gateway_address(territory_of(referral.requester)):
        return "broker"
    return referral.role_of(entry.actor) if entry.actor == entry.from_ else None


def _step(entry: Entry, actor: Actor) -> Step:
    """The step that the entry tells, with the details it must have had."""
    code = entry.transition or ""
    requires = TRANSITIONS[code].requires if code in TRANSITIONS else ()
    details: dict[str, Any] = dict(_PRESUMED[requirement] for requirement in requires if requirement in _PRESUMED)
    return Step(code, actor, entry.time, entry.reason, _review(requires, entry.time), **details)


def _review(requires: tuple[str, ...], at: datetime) -> datetime | None:
    return at + _MOMENT if "review-by" in requires else None

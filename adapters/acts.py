"""Each act of a worker about a referral, as one call: send, ask, provide, accept, decline, correct, follow up.

The state machine of `consent.lifecycle` tells which of them may be taken; a refusal is answered, never raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from adapters.emergencies import review
from adapters.events import check_step
from adapters.leak_check import who_was_named
from adapters.leaks import Override
from adapters.office import Office
from adapters.outgoing import Queued, Supplement, send_event, send_message, send_referral
from adapters.papers import Paper
from adapters.referral import ReferralFile, ReferralSections
from adapters.reports import report_mismatch
from adapters.resending import resend
from adapters.sections import OutcomeSection
from adapters.store.records import Shipment
from adapters.withdrawals import answer_withdrawal
from consent.emergency_review import Verdict
from consent.envelope import Event
from consent.passage import Refused
from consent.withdrawal_answer import Answer
from keys.documents import format_time, validate

__all__ = ["Acts"]


class Acts:
    """What a partner does about referrals; part of `adapters.partner.Adapter`."""

    office: Office

    def send(self, file: ReferralFile, *, author: str | None = None, papers: Sequence[Paper] = ()) -> Queued | Refused:
        """Seal a referral and put it in the outbox, or say which rule is against it."""
        return send_referral(self.office, file, author=author, papers=papers)

    def step(self, ref: str, event: Event, *, author: str | None = None) -> Queued | Refused:
        """Take any step of the state machine, or say why it may not be taken."""
        return send_event(self.office, ref, event, author=author)

    # The owner.

    def seen(self, ref: str) -> Queued | Refused:
        """A person opened the referral (T03)."""
        return self.step(ref, _event("T03"))

    def review(self, ref: str) -> Queued | Refused:
        """It needs more thought (T05); extends the time to answer, once."""
        return self.step(ref, _event("T05"))

    def ask(self, ref: str, asked: Sequence[str]) -> Queued | Refused:
        """We need to know more before answering, and what: sections or kinds of papers (T06)."""
        return self.step(ref, _event("T06", reason="info-needed", asked=list(asked)))

    def accept(self, ref: str) -> Queued | Refused:
        """We take it (T08)."""
        return self.step(ref, _event("T08"))

    def decline(self, ref: str, reason: str) -> Queued | Refused:
        """We do not take it, and why (T09)."""
        return self.step(ref, _event("T09", reason=reason))

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

    def attempt(self, ref: str, channel: str) -> Queued | Refused:
        """We tried to reach the person, and how (T20)."""
        return self.step(ref, _event("T20", channel=channel))

    def correct(self, ref: str) -> Queued | Refused:
        """Our refusal was a slip: the referral is open again (T21), within 24 hours."""
        return self.step(ref, _event("T21"))

    def answer(self, ref: str, outcome: OutcomeSection, *, overrides: Sequence[Override] = ()) -> Queued | Refused:
        """Send the requester a sealed outcome: an appointment, a place on the list, a few words.

        Raises `LeakFoundError`, as `send` does: the person's name, which we received, has no place in the words.
        """
        said = Supplement.of(ReferralSections(outcome=outcome), (), overrides, self._named(ref))
        return send_message(self.office, ref, said)

    # The requester.

    def provide(
        self,
        ref: str,
        sections: ReferralSections,
        *,
        papers: Sequence[Paper] = (),
        overrides: Sequence[Override] = (),
        author: str | None = None,
    ) -> Queued | Refused:
        """Give what the owner asked for: a sealed message, and with it the step that says so (T07)."""
        told, refused = _event("T07"), None
        with self.office.store.transaction() as tx:
            referral = tx.dossiers.find(ref)
            if referral is not None:
                refused = check_step(tx, referral, told, self.office.now())
        if refused is not None:
            return refused
        said = Supplement.of(sections, papers, overrides, self._named(ref))
        return send_message(self.office, ref, said, author=author, step=told)

    def cancel(self, ref: str, reason: str) -> Queued | Refused:
        """The request is withdrawn, before (T10) or after (T19) it was accepted, and why."""
        before = self.step(ref, _event("T10", reason=reason))
        return self.step(ref, _event("T19", reason=reason)) if isinstance(before, Refused) else before

    def erase_error(self, ref: str) -> Queued | Refused:
        """It should never have been sent: what it says is erased on both sides, its steps stay (T22)."""
        return self.step(ref, _event("T22", reason="entered-in-error"))

    def re_refer(
        self, ref: str, file: ReferralFile, *, author: str | None = None, papers: Sequence[Paper] = ()
    ) -> Queued | Refused:
        """Refer the person to somebody else after a refusal: a new referral that is part of the first, then T23."""
        if file.part_of not in {None, ref}:
            return Refused("re-referral-of-another", "", "/part_of")
        told = _event("T23")
        with self.office.store.transaction() as tx:
            first = tx.dossiers.find(ref)
            if first is None:
                return Refused("referral-unknown", "", "/ref")
            refused = check_step(tx, first, told, self.office.now(), re_referred=True)
        if refused is not None:
            return refused
        again = file.model_copy(update={"part_of": ref})
        return send_referral(self.office, again, author=author, papers=papers, step=(ref, told))

    def close_follow_up(self, ref: str, became: str) -> Queued | Refused:
        """What became of the person after the refusal, when nobody else is asked (T24)."""
        return self.step(ref, _event("T24", became=became))

    def confirm(self, ref: str, helped: str) -> Queued | Refused:
        """The person says whether it helped (T25)."""
        return self.step(ref, _event("T25", helped=helped))

    # Both.

    def resend(self, ref: str) -> Queued | Refused:
        """Send again what could not be delivered, sealed to the recipient's key of today."""
        return resend(self.office, ref)

    def answer_withdrawal(self, ref: str, answer: Answer, ground: str | None = None) -> tuple[str, ...] | Refused:
        """Say that what we were handed under a consent that ended is deleted, or kept on a ground; the items queued."""
        return answer_withdrawal(self.office, ref, answer, ground)

    def report_mismatch(
        self, ref: str, kind: str, section: str | None = None, *, envelope: str | None = None
    ) -> Shipment | Refused:
        """Report that an envelope did not hold what its header announced."""
        return report_mismatch(self.office, ref, kind, section, envelope=envelope)

    def review_emergency(self, ref: str, reviewer: str, verdict: Verdict) -> Shipment | Refused:
        """Say, as a second person, whether an emergency of ours was justified."""
        with self.office.store.transaction() as tx:
            referral = tx.dossiers.find(ref)
        if referral is None:
            return Refused("emergency-unknown", "", "/envelope")
        return review(self.office, referral, reviewer, verdict)

    def _named(self, ref: str) -> tuple[ReferralSections, ...]:
        """What was said under a reference about who the person is."""
        with self.office.store.transaction() as tx:
            return who_was_named(tx.dossiers.contents(ref))


def _event(transition: str, **details: object) -> Event:
    """A step with its details; raises `MalformedError` (unknown-code) for a code that is in no table."""
    return validate(Event, {"transition": transition, **details}, pointer="/event")

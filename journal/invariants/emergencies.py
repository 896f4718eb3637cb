"""I10: every emergency was declared openly, justified first, and looked at again by a second person or told on.

PROTOCOL §4 and PRODUCT §4 (*Emergency*). Within 72 hours of its declaration, as the journal tells time, it is reviewed
or escalated; one whose time is not over at the end of the journal is open, and broken is only what stayed unanswered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, get_args

from consent.emergencies import AUDITOR
from consent.emergency_review import REVIEW_KIND, REVIEW_WITHIN, EmergencyReview, Verdict
from consent.headers import ReferralHeader, read_header
from journal.entries import Entry
from journal.invariants.acceptances import FIRST_STEP
from journal.invariants.agreements import AgreementsSigned
from journal.invariants.envelopes import EnvelopesOnce
from journal.invariants.findings import Earlier, Finding, Gaps, Unjudged, refusals
from journal.invariants.keychains import KeysTrusted, said_by_broker
from keys.documents import Address, parse
from keys.errors import Fault, ForgedError, MalformedError
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["ESCALATED_WITHIN", "EmergenciesAnswered"]

ESCALATED_WITHIN: Final = REVIEW_WITHIN + timedelta(hours=2)
"""An escalation follows the 72 hours; a broker looks once an hour at the least, and may be late by another one."""
_AT_ONCE: Final = timedelta(minutes=1)
"""How long a journal may end between an emergency and its declaration, which the broker writes one after the other."""


@dataclass(slots=True)
class _Emergency:
    """One emergency, from the entry that it is known by."""

    index: int
    at: datetime
    organisation: Address | None
    unread: int
    """How many entries before it could not be read."""
    worker: str | None = None
    declared: bool = False
    answered: bool = False


class EmergenciesAnswered:
    """Follows every emergency until it is reviewed, escalated, or its time is over."""

    number: Final = "I10"

    def __init__(self, envelopes: EnvelopesOnce, agreements: AgreementsSigned, keys: KeysTrusted, gaps: Gaps) -> None:
        """Take from the others what was accepted before, who audits, and whose keys sign."""
        self._envelopes = envelopes
        self._agreements = agreements
        self._keys = keys
        self._gaps = gaps
        self._known: dict[str, _Emergency] = {}
        self._waiting: deque[_Emergency] = deque()
        self._last = -1
        self.open = 0
        """How many wait for their review, their time not being over; known once `conclude` was asked."""

    def examine(self, entry: Entry) -> Iterator[Finding | Earlier]:
        """As `Invariant.examine`.

        Slugs: missing-field, wrong-actor, unknown-code, declared-twice, never-accepted, never-declared,
        declaration-differs, justification-missing, justification-not-to-auditors, reviewer-is-worker,
        entry-and-document-differ, emergency-undeclared, emergency-unreviewed, and those of headers, reviews and
        signatures.
        """
        self._last = entry.index
        while self._waiting and entry.time - self._waiting[0].at > ESCALATED_WITHIN:
            yield from self._judge(self._waiting.popleft())
        if entry.type == "envelope.accepted" and entry.transition == FIRST_STEP and entry.statement is None:
            if entry.reason is not None and entry.envelope is not None:
                self._begin(entry, entry.envelope)
        elif entry.type == "emergency.declared":
            yield from self._declare(entry)
        elif entry.type in {"emergency.reviewed", "incident.escalated"}:
            yield from self._answer(entry)

    def conclude(self, until: datetime | None) -> Iterator[Earlier]:
        """Judge what still waits at the end of the journal, which is known to reach to the moment `until`."""
        for emergency in self._waiting:
            if until is not None and until - emergency.at > ESCALATED_WITHIN:
                yield from self._judge(emergency)
            elif emergency.declared or self._just_begun(emergency, until):
                self.open += not emergency.answered
            else:
                yield from self._judge(emergency)
        self._waiting.clear()

    def _just_begun(self, emergency: _Emergency, until: datetime | None) -> bool:
        """Whether the journal ends right after an emergency was accepted: its declaration is the next entry."""
        return emergency.index == self._last and (until is None or until - emergency.at <= _AT_ONCE)

    def _judge(self, emergency: _Emergency) -> Iterator[Earlier]:
        """What had to follow and did not."""
        if not emergency.declared:
            yield self._absent("emergency-undeclared", emergency)
        elif not emergency.answered:
            yield self._absent("emergency-unreviewed", emergency)

    def _absent(self, code: str, emergency: _Emergency) -> Earlier:
        """What is not there; an entry that is not shown may hold it, if it stands after the emergency."""
        hidden = self._gaps.unread > emergency.unread
        return Earlier(emergency.index, Unjudged(code) if hidden else Fault(code, "/envelope"))

    def _begin(self, entry: Entry, envelope: str) -> _Emergency:
        if envelope not in self._known:
            emergency = _Emergency(entry.index, entry.time, entry.from_, self._gaps.unread)
            self._known[envelope] = emergency
            self._waiting.append(emergency)
        return self._known[envelope]

    def _declare(self, entry: Entry) -> Iterator[Finding]:
        if entry.envelope is None:
            yield Fault("missing-field", "/envelope")
            return
        if entry.actor != entry.from_:
            yield Fault("wrong-actor", "/actor")
        emergency = self._begin(entry, entry.envelope)
        if emergency.declared:
            yield Fault("declared-twice", "/envelope")
            return
        emergency.index, emergency.declared = entry.index, True
        yield from self._as_accepted(entry, entry.envelope)
        yield from self._justified(entry)
        yield from refusals("/document", partial(self._read_worker, entry, emergency))

    def _as_accepted(self, entry: Entry, envelope: str) -> Iterator[Finding]:
        """The declaration repeats the referral that was accepted."""
        accepted = self._envelopes.accepted(envelope)
        if accepted is None:
            yield self._gaps.absent("never-accepted", "/envelope")
            return
        repeated = {
            "from": (accepted.sender, entry.from_),
            "to": (accepted.recipient, entry.to),
            "ref": (accepted.ref, entry.ref),
            "payload_sha256": (accepted.payload_sha256, entry.payload_sha256),
            "purpose": (accepted.purpose, entry.purpose),
            "sections": (accepted.sections, entry.sections),
            "reason": (accepted.reason, entry.reason),
            "justification": (accepted.justification, entry.justification),
        }
        for member, (before, told) in repeated.items():
            if before != told:
                yield Fault("declaration-differs", f"/{member}")

    def _justified(self, entry: Entry) -> Iterator[Finding]:
        """The auditors had been told why, whole, by the same organisation about the same referral."""
        named = entry.justification
        known = self._envelopes.known(named.envelope) if named else None
        if named is None or known is None:
            yield self._gaps.absent("justification-missing", "/justification")
            return
        told = (known.payload_sha256, known.ref, known.sender)
        if told != (named.sha256, entry.ref, entry.from_) or known.kind != "message":
            yield Fault("justification-missing", "/justification")
            return
        agreement = self._agreements.standing(entry.agreement or "")
        party = agreement.document.party(known.recipient) if agreement else None
        if agreement is not None and (party is None or AUDITOR not in party.roles):
            yield Fault("justification-not-to-auditors", "/justification")

    def _read_worker(self, entry: Entry, emergency: _Emergency) -> None:
        """Which worker declared it: as the clear header says, which is kept with the declaration."""
        if entry.document is None:
            raise MalformedError("missing-field")
        header = read_header(entry.document, pointer="")
        if not isinstance(header, ReferralHeader) or header.emergency is None:
            raise ForgedError("entry-and-document-differ")
        declared = (header.id, header.from_, header.emergency.ground)
        if declared != (entry.envelope, entry.from_, entry.reason):
            raise ForgedError("entry-and-document-differ")
        emergency.worker = header.emergency.worker

    def _answer(self, entry: Entry) -> Iterator[Finding]:
        """A review or an escalation; what is at fault answers nothing."""
        emergency = self._known.get(entry.envelope or "")
        if emergency is None:
            yield self._gaps.absent("never-declared", "/envelope")
            return
        if entry.type == "incident.escalated":
            faults = [] if said_by_broker(entry) else [Fault("wrong-actor", "/actor")]
        else:
            faults = list(self._unfit(entry, emergency))
        yield from faults
        emergency.answered |= not faults

    def _unfit(self, entry: Entry, emergency: _Emergency) -> Iterator[Fault]:
        if not entry.actor == entry.from_ == emergency.organisation:
            yield Fault("wrong-actor", "/actor")
        elif entry.state not in get_args(Verdict):
            yield Fault("unknown-code", "/state")
        else:
            yield from refusals("/document", partial(self._read_review, entry, emergency))

    def _read_review(self, entry: Entry, emergency: _Emergency) -> None:
        """The review is signed by the organisation, about this emergency, and is a second person's."""
        if entry.document is None:
            raise MalformedError("missing-field")
        signed = SignedDocument.parse(entry.document, REVIEW_KIND)
        review = parse(EmergencyReview, signed.payload, limit=MAX_DOCUMENT)
        if (review.by, review.envelope, review.verdict) != (entry.from_, entry.envelope, entry.state):
            raise ForgedError("entry-and-document-differ")
        accepted = self._envelopes.accepted(review.envelope)
        if accepted is not None and accepted.payload_sha256 != review.payload_sha256:
            raise ForgedError("entry-and-document-differ", "/payload_sha256")
        if review.reviewer == emergency.worker:
            raise ForgedError("reviewer-is-worker", "/reviewer")
        signed.verify((self._keys.verifier(entry, review.by, signed.keyids[0]),))

"""I1 and I2, where envelopes pass: every acceptance and every release is decided again by the rules themselves.

PROTOCOL §4 and §7. `consent.decision` is the one place where the rules are written. Here each of them is asked again
about what the journal tells, at the index where it stands, except those that nothing in a journal can answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Literal, get_args

from consent.decision import rules_for
from consent.headers import Header, MessageHeader, ReferralHeader
from consent.passage import Case, Gate, OpenReferral, Passage
from journal.entries import Entry
from journal.invariants.acceptances import Acceptance, place_in_entry
from journal.invariants.agreements import AgreementsSigned
from journal.invariants.consents import ConsentsStanding
from journal.invariants.envelopes import EnvelopesOnce
from journal.invariants.findings import Finding, Gaps, Unjudged
from journal.invariants.keychains import said_by_broker
from journal.invariants.referrals import ReferralsStepByStep
from keys.documents import Address
from keys.errors import Fault, MalformedError

__all__ = [
    "NOT_REPLAYED",
    "UNDER_AGREEMENT",
    "UNDER_CONSENT",
    "WHERE_IT_STANDS",
    "WITHIN_USES",
    "Cases",
    "EvidenceShown",
    "RulesReplayed",
]

Evidence = Literal["agreement", "statement", "consent"]
"""What a rule may need: a document, or that the statement is one that the sender may cite."""
_HEADERS_KEPT: Final = 4096
"""Headers kept after they were written again from an acceptance, about 3 kB each."""
_EVIDENCE: Final[tuple[Evidence, ...]] = get_args(Evidence)
_NONE: Final[frozenset[Evidence]] = frozenset()
_AGREEMENT: Final[frozenset[Evidence]] = frozenset({"agreement"})
_STATEMENT: Final[frozenset[Evidence]] = frozenset({"statement"})
_CITABLE: Final[frozenset[Evidence]] = frozenset({"agreement", "consent"})

UNDER_AGREEMENT: Final[Mapping[str, frozenset[Evidence]]] = {
    **dict.fromkeys(("R02", "R04", "R25", "R30", "R31", "R38", "R40"), _NONE),
    **dict.fromkeys(("R05", "R06", "R07", "R08", "R09", "R10", "R11", "R13"), _AGREEMENT),
    **dict.fromkeys(("R33", "R34", "R35", "R36", "R39"), _AGREEMENT),
    **dict.fromkeys(("R12", "R41"), _CITABLE),
}
"""The rules of I1, each with what it cannot be asked without."""
UNDER_CONSENT: Final[Mapping[str, frozenset[Evidence]]] = {
    **dict.fromkeys(("R03", "R26"), _NONE),
    **dict.fromkeys(("R14", "R15", "R16", "R17"), _STATEMENT),
    **dict.fromkeys(("R18", "R19", "R20", "R21"), _CITABLE),
}
"""The rules of I2, likewise."""
WHERE_IT_STANDS: Final[Mapping[str, frozenset[Evidence]]] = dict.fromkeys(("R23", "R29"), _NONE)
"""The rules about where a referral stands, which are part of I9."""
WITHIN_USES: Final = frozenset({"R22"})
"""The rule of I7, which `journal.invariants.uses` asks: it alone remembers what was spent."""
NOT_REPLAYED: Final = frozenset({"R01", "R24", "R27", "R28", "R32", "R37"})
"""Scopes, answer times and barred workers are not journalled; steps are replayed by I9."""


@dataclass(frozen=True)
class Replayed:
    """A case to decide again, and the documents that the journal names and the bundle does not show."""

    case: Case
    withheld: frozenset[Evidence]
    unseen: Mapping[str, Unjudged]
    """By rule: what to say instead of a refusal, because what it looks for may stand in an entry that is not shown."""

    @cached_property
    def lacking(self) -> frozenset[Evidence]:
        """What it is decided without; why it is not there is told elsewhere."""
        case = self.case
        found = {"agreement": case.agreement, "statement": case.statement, "consent": case.authority}
        return frozenset(name for name in _EVIDENCE if found[name] is None)


class Cases:
    """Puts together, for each entry, the case that the broker decided: from the state just before that entry."""

    def __init__(
        self,
        agreements: AgreementsSigned,
        consents: ConsentsStanding,
        envelopes: EnvelopesOnce,
        referrals: ReferralsStepByStep,
        gaps: Gaps,
    ) -> None:
        """Take the state from what replays it."""
        self._agreements = agreements
        self._consents = consents
        self._envelopes = envelopes
        self._referrals = referrals
        self._gaps = gaps
        self._suspended: set[Address] = set()
        self._last: tuple[int, Replayed | Finding | None] = (-1, None)
        # What is handed out was accepted not long before, and its header is the same.
        self._header = lru_cache(maxsize=_HEADERS_KEPT)(Acceptance.header)

    def of(self, entry: Entry) -> Replayed | Finding | None:
        """The case of an entry; a finding when none can be put together; None when the entry decides nothing."""
        if self._last[0] != entry.index:
            self._last = (entry.index, self._put_together(entry))
        return self._last[1]

    def without_agreement(self, ref: str) -> Finding:
        """What to say of a passage under an agreement that cannot be read: it is missing here, or it is damaged."""
        if self._agreements.missing(ref):
            return Unjudged("agreement-not-shown")
        return Fault("agreement-not-shown", "/agreement_sha256")

    def _suspend(self, entry: Entry) -> None:
        """Remember which organisations may not act."""
        if entry.state == "suspended":
            self._suspended.add(entry.from_ or "")
        elif entry.type != "client.scopes":
            self._suspended.discard(entry.from_ or "")

    def _put_together(self, entry: Entry) -> Replayed | Finding | None:
        if entry.type.startswith("client."):
            self._suspend(entry)
            return None
        acceptance, gate = self._passing(entry)
        if acceptance is None:
            return None
        try:
            header = self._header(acceptance)
        except MalformedError as error:
            return Fault(error.code, place_in_entry(error.pointer))
        referral = self._referrals.known(header.ref)
        if referral is None and self._gaps.unread and not _begins(header, gate):
            return Unjudged("referral-unknown")
        passage = Passage(
            gate,
            header,
            referral,
            self._suspended,
            self._parent(header.part_of),
            self._envelopes.known(acceptance.justification.envelope if acceptance.justification else None),
            self._envelopes.known(header.replaces),
        )
        statement = acceptance.statement or ""
        case = Case(
            passage,
            frozenset(),
            self._agreements.standing(header.agreement),
            self._consents.standing(statement),
            entry.time,
        )
        return Replayed(case, self._withheld(case, statement), self._unseen(passage))

    def _passing(self, entry: Entry) -> tuple[Acceptance | None, Gate]:
        """The envelope that passes, and at which gate."""
        if entry.type == "envelope.released":
            return self._envelopes.accepted(entry.envelope or ""), "pickup"
        decided = entry.type in {"envelope.accepted", "task.transition"} and not said_by_broker(entry)
        return (Acceptance.of(entry) if decided else None), "deposit"

    def _parent(self, part_of: str | None) -> OpenReferral | None:
        return self._referrals.known(part_of) if part_of else None

    def _unseen(self, passage: Passage) -> dict[str, Unjudged]:
        """A referral that is continued and the justification of an emergency are other people's entries too."""
        unseen: dict[str, Unjudged] = {}
        if self._gaps.unread and passage.part_of is None:
            unseen["R31"] = Unjudged("referral-unknown")
        if self._gaps.unread and passage.justification is None:
            unseen["R36"] = Unjudged("justification-missing")
        return unseen

    def _withheld(self, case: Case, statement: str) -> frozenset[Evidence]:
        """What the journal knows and the bundle does not hold."""
        withheld = _NONE
        if case.agreement is None and self._agreements.withheld(case.header.agreement):
            withheld |= _AGREEMENT
        if case.statement is None and self._consents.known(statement):
            withheld |= _STATEMENT
        return withheld


def _begins(header: Header, gate: Gate) -> bool:
    """Whether nothing has to be known under its `ref`: a new referral, or the justification that comes before it."""
    if isinstance(header, MessageHeader):
        return header.justifies
    return isinstance(header, ReferralHeader) and gate == "deposit" and header.replaces is None


class EvidenceShown:
    """Says which passages cannot be decided again, because an entry is incomplete or a document is not shown."""

    number: Final = "I1"

    def __init__(self, cases: Cases) -> None:
        self._cases = cases

    def examine(self, entry: Entry) -> Iterator[Finding]:
        """As `Invariant.examine`.

        Slugs: agreement-not-shown, statement-not-shown, referral-unknown, and those of `consent.headers`.
        """
        found = self._cases.of(entry)
        if isinstance(found, Fault | Unjudged):
            yield found
        elif found is not None:
            if "agreement" in found.withheld:
                yield self._cases.without_agreement(found.case.header.agreement)
            if "statement" in found.withheld:
                yield Unjudged("statement-not-shown")


class RulesReplayed:
    """Asks some of the rules again; the first that refuses tells why the entry should not be there."""

    def __init__(self, number: str, rules: Mapping[str, frozenset[Evidence]], cases: Cases) -> None:
        """Ask `rules`, each of which needs some evidence, on behalf of the invariant `number`."""
        self.number = number
        self._rules = rules
        self._cases = cases

    def examine(self, entry: Entry) -> Iterator[Finding]:
        """As `Invariant.examine`; slugs as those of `consent.conditions` and `consent.permissions`."""
        found = self._cases.of(entry)
        if not isinstance(found, Replayed):
            return
        lacking = found.lacking
        for rule in rules_for(found.case.header, found.case.passage.gate):
            if rule.number in self._rules and not self._rules[rule.number] & lacking:
                fault = rule.check(found.case)
                if fault is not None and rule.number in found.unseen:
                    yield found.unseen[rule.number]
                elif fault is not None:
                    yield Fault(fault[0], place_in_entry(fault[1]))
                    return

"""May this pass? One pure function answers, rule by rule, in the order a person would explain it.

PROTOCOL §3 to §5, ARCHITECTURE §2. The same function decides at deposit, at pick-up, when somebody asks why, and
when an auditor replays the journal. The first rule that refuses gives the answer; nothing is granted unless every
rule of its kind passed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from consent import authority, conditions, emergencies, permissions
from consent.agreement import RegisteredAgreement
from consent.conditions import Fault
from consent.envelope import EventHeader, Header, MessageHeader, NoticeHeader, ReferralHeader, SealedHeader
from consent.lifecycle import IllegalStep, ReferralState, deposit
from consent.passage import Case, Gate, Granted, Passage, Refused
from consent.statement import RegisteredStatement

__all__ = ["RULES", "Rule", "decide", "rules_for", "verdicts"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and the number under which people and the journal cite it; a number is never used again."""

    number: str
    check: Callable[[Case], Fault]


_SCOPE = Rule("R01", conditions.scope)
_TERRITORY = Rule("R02", conditions.territory)
_IN_TIME = Rule("R03", conditions.in_time)
_ENDS = Rule("R04", conditions.ends_active)
_AGREEMENT = Rule("R05", conditions.agreement_known)
_NOT_CLOSED = Rule("R07", conditions.agreement_not_closed)
_PARTIES = Rule("R08", conditions.parties)
_DIRECTION = Rule("R09", conditions.article_direction)
_PURPOSE = Rule("R10", conditions.article_purpose)
_SECTIONS = Rule("R11", conditions.article_sections)
_AUTHORITY = Rule("R12", conditions.article_authority)
_LAWFUL = Rule("R41", authority.legal_ground)
_CURRENT = Rule("R16", permissions.statement_current)
_GIVEN = Rule("R17", permissions.consent_given)
_GRANTED = (
    Rule("R18", permissions.purpose_granted),
    Rule("R19", permissions.recipient_granted),
    Rule("R20", permissions.sections_granted),
    Rule("R21", permissions.geography),
)
_OF_REFERRAL = Rule("R25", conditions.party_of_referral)
_LEGAL = Rule("R27", conditions.transition_legal)
_SAME_AGREEMENT = Rule("R30", conditions.agreement_of_referral)
_PART_OF = Rule("R31", conditions.part_of_known)
_CLEAR = Rule("R13", conditions.clear_fields)
_IN_FORCE = Rule("R06", conditions.agreement_in_force)
_IS_NEW = Rule("R23", conditions.referral_new)
_RESPOND_BY = Rule("R24", conditions.respond_by_ahead)
_ANSWER = Rule("R26", permissions.reply_sections)
_MESSAGE_IN_TIME = Rule("R29", conditions.message_in_time)
_REPLACES = Rule("R40", conditions.replaces_undelivered)
_GROUND = Rule("R33", emergencies.lawful_ground)
_WORKER = Rule("R37", emergencies.worker_may_declare)
_NECESSARY = (_GROUND, Rule("R34", emergencies.necessary_sections), Rule("R35", emergencies.short_life))
_TO_REFERRAL = (_SCOPE, _TERRITORY, _IN_TIME, _ENDS, _AGREEMENT, _IN_FORCE, _PARTIES, _DIRECTION, _PURPOSE, _SECTIONS)
_ABOUT_REFERRAL = (
    _SCOPE,
    _TERRITORY,
    _IN_TIME,
    _ENDS,
    _OF_REFERRAL,
    _PART_OF,
    _AGREEMENT,
    _SAME_AGREEMENT,
    _NOT_CLOSED,
    _PARTIES,
)

RULES: Mapping[str, tuple[Rule, ...]] = {
    "referral": (
        *_TO_REFERRAL,
        _CLEAR,
        Rule("R14", permissions.statement_citable),
        _GIVEN,
        _CURRENT,
        _AUTHORITY,
        _LAWFUL,
        *_GRANTED,
        Rule("R22", permissions.uses_left),
        _IS_NEW,
        _REPLACES,
        _PART_OF,
        _RESPOND_BY,
    ),
    "emergency-referral": (
        *_TO_REFERRAL,
        _CLEAR,
        _AUTHORITY,
        *_NECESSARY,
        _WORKER,
        Rule("R36", emergencies.justified_first),
        _IS_NEW,
        _REPLACES,
        _PART_OF,
        _RESPOND_BY,
    ),
    "message": (
        *_ABOUT_REFERRAL,
        _DIRECTION,
        _PURPOSE,
        _SECTIONS,
        Rule("R15", permissions.statement_citable),
        _GIVEN,
        _CURRENT,
        _AUTHORITY,
        _LAWFUL,
        *_GRANTED,
        _ANSWER,
        _REPLACES,
        _MESSAGE_IN_TIME,
    ),
    "emergency-message": (
        *_ABOUT_REFERRAL,
        _DIRECTION,
        _PURPOSE,
        _SECTIONS,
        _AUTHORITY,
        Rule("R38", emergencies.of_the_referral),
        *_NECESSARY,
        _WORKER,
        _ANSWER,
        _REPLACES,
        _MESSAGE_IN_TIME,
    ),
    "justification": (
        _SCOPE,
        _TERRITORY,
        _IN_TIME,
        _ENDS,
        _AGREEMENT,
        _IN_FORCE,
        _PARTIES,
        _AUTHORITY,
        Rule("R39", emergencies.addressed_to_auditors),
        _GROUND,
        _WORKER,
    ),
    # Once it was accepted, nothing that its sender brings about keeps the auditors from reading it.
    "justification-pickup": (_SCOPE, _TERRITORY, _IN_TIME, _ENDS),
    "event": (*_ABOUT_REFERRAL, _LEGAL),
    "notice": (
        _TERRITORY,
        _IN_TIME,
        Rule("R28", conditions.said_by_broker),
        Rule("R32", conditions.party_of_referral),
        _LEGAL,
    ),
}
"""Every rule of every kind, in the order in which they are asked; what rests on an emergency is a kind of its own."""


def rules_for(header: Header, gate: Gate = "deposit") -> tuple[Rule, ...]:
    """The rules that decide on a header at a gate; they are the same at both, but for a justification."""
    if isinstance(header, MessageHeader) and header.justifies:
        return RULES["justification-pickup" if gate == "pickup" else "justification"]
    if isinstance(header, SealedHeader) and header.emergency is not None:
        return RULES[f"emergency-{header.typ}"]
    return RULES[header.typ]


def decide(
    passage: Passage,
    *,
    scopes: Collection[str],
    agreement: RegisteredAgreement | None,
    statement: RegisteredStatement | None,
    at: datetime,
) -> Granted | Refused:
    """Grant or refuse one passage at the moment `at`, on exactly the evidence given.

    Fewer sections never turn yes into no; less evidence, or a later `at` past an end, never turns no into yes.
    """
    case = Case(passage, scopes, agreement, statement, at)
    for rule, fault in verdicts(case):
        if fault is not None:
            return Refused(fault[0], rule.number, fault[1])
    return Granted(
        passage=passage,
        at=at,
        rules=tuple(rule.number for rule in rules_for(passage.header, passage.gate)),
        article=case.article,
        grant=permissions.grant_for(case),
        next_state=_next_state(case),
        agreement=agreement,
        statement=statement,
    )


def verdicts(case: Case) -> Iterator[tuple[Rule, Fault]]:
    """What each rule of this kind says of a case, in order; a decision stops at the first fault."""
    for rule in rules_for(case.header, case.passage.gate):
        yield rule, rule.check(case)


def _next_state(case: Case) -> ReferralState | None:
    """Where the referral stands once the passage is done; only ever asked after every rule passed."""
    header = case.header
    if case.passage.gate == "pickup":
        return None
    if isinstance(header, ReferralHeader) and case.article and case.agreement:
        zone = case.agreement.document.time_zone
        return deposit(case.at, header.respond_by or case.article.answer_due(header.priority, case.at, zone))
    if isinstance(header, NoticeHeader) and header.notice.copy_of is not None:
        return None
    if isinstance(header, EventHeader | NoticeHeader):
        state = conditions.next_state(case)
        return None if isinstance(state, IllegalStep) else state
    return None

"""Each rule of a declared emergency: which ground, how little, how briefly, why, and who may declare it.

PRODUCT §4 (*Emergency*); Québec P-39.1 s.18.1 and A-2.1 s.59.1; RGPD art. 6.1.d and 9.2.c. An emergency is an
authority that stands in the place of a consent: every other rule of a decision stays.
"""

from __future__ import annotations

from datetime import timedelta

from consent.conditions import Fault, sections_within
from consent.envelope import Emergency, MessageHeader
from consent.headers import Justification
from consent.passage import Case, DeclaredEmergency
from consent.vocabulary import EMERGENCY_RULES, EmergencyRule
from keys.documents import Address

__all__ = ["AUDITOR", "JUSTIFICATION", "rule_of"]

AUDITOR = "auditor"
"""The role of the party that reads why nobody could be asked."""
JUSTIFICATION = "justification"
"""The one section of the message that goes to it."""

_UNLAWFUL = ("emergency-ground", "/emergency/ground")


def rule_of(case: Case) -> EmergencyRule | None:
    """What the law where the requester is lets pass on the ground that is declared; None when there is no such law."""
    requester = case.referral.requester if case.answers and case.referral else case.header.from_
    party = case.agreement.document.party(requester) if case.agreement else None
    if party is None or case.emergency is None:
        return None
    return EMERGENCY_RULES.get((case.emergency.ground, party.jurisdiction))


def lawful_ground(case: Case) -> Fault:
    """The law of the requester's jurisdiction knows the ground."""
    return None if rule_of(case) else _UNLAWFUL


def necessary_sections(case: Case) -> Fault:
    """Only the sections that the law lets pass on this ground: what is necessary, nothing else."""
    rule = rule_of(case)
    if rule is None:
        return _UNLAWFUL
    return None if case.answers else sections_within(case, rule.sections, "emergency-section")


def short_life(case: Case) -> Fault:
    """It waits no longer than the law allows, 24 hours at most."""
    rule = rule_of(case)
    if rule is None:
        return _UNLAWFUL
    too_long = case.header.exp - case.header.iat > timedelta(hours=rule.max_hours)
    return ("emergency-too-long", "/exp") if too_long else None


def worker_may_declare(case: Case) -> Fault:
    """At deposit, the rights of the worker who declares it were not suspended; an answer of the owner declares nothing.

    What was accepted before is delivered: barring a worker takes nothing from who is waiting for it.
    """
    if case.answers or case.passage.gate == "pickup":
        return None
    return ("emergency-worker-suspended", "/emergency/worker") if case.passage.worker_barred else None


def justified_first(case: Case) -> Fault:
    """The auditors of this agreement were told why before anything else left, whole, and about this referral."""
    if case.passage.gate == "pickup":
        return None
    named, known = case.emergency.justification if case.emergency else None, case.passage.justification
    missing = ("justification-missing", "/emergency/justification")
    if named is None or known is None or (known.id, known.payload_sha256) != (named.envelope, named.sha256):
        return missing
    if (known.ref, known.sender) != (case.header.ref, case.header.from_):
        return missing
    return None if _audits(case, known.recipient) else ("justification-not-to-auditors", "/emergency/justification")


def of_the_referral(case: Case) -> Fault:
    """A message under an emergency names the one that its referral rests on.

    What the requester adds declares it as the referral did, while the law lets it last, and not once it was found
    unjustified; what the owner answers only has to name it.
    """
    declared, named = case.emergency, case.emergency.justification if case.emergency else None
    referral = case.referral
    if declared is None or named is None or referral is None or referral.justification != named.envelope:
        return "emergency-of-another-referral", "/emergency/justification"
    return None if case.answers else _goes_on(case, declared, named, referral.emergency)


def _goes_on(case: Case, declared: Emergency, named: Justification, first: DeclaredEmergency | None) -> Fault:
    """Whether what is declared now is what was declared first, and still lasts."""
    another = "emergency-of-another-referral"
    if first is None or first.justification_sha256 != named.sha256:
        return another, "/emergency/justification"
    if first.ground != declared.ground:
        return another, "/emergency/ground"
    if first.worker is not None and first.worker != declared.worker:
        return another, "/emergency/worker"
    if first.not_justified:
        return "emergency-not-justified", "/emergency"
    rule = rule_of(case)
    over = rule is not None and case.at - first.at >= timedelta(hours=rule.max_hours)
    return ("emergency-over", "/emergency") if over else None


def addressed_to_auditors(case: Case) -> Fault:
    """The justification goes to a party that audits, and holds nothing but the justification."""
    if not _audits(case, case.header.to):
        return "justification-not-to-auditors", "/to"
    if isinstance(case.header, MessageHeader) and len(case.header.slots) > 1:
        return "emergency-section", "/slots/1/section"
    return sections_within(case, (JUSTIFICATION,), "emergency-section")


def _audits(case: Case, address: Address) -> bool:
    """Whether the agreement at hand names an organisation as one that audits."""
    party = case.agreement.document.party(address) if case.agreement else None
    return party is not None and AUDITOR in party.roles

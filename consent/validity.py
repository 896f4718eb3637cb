"""Where each answer of a record stands at a moment, and every reason why a consent is without effect.

PRODUCT §4 and §8. LRSSS s.6, P-39.1 s.14, A-2.1 s.53.1 and RGPD art. 4, 7 and 9: manifest, free, informed, specific,
asked purpose by purpose and separately, with help to understand, limited in time, express where it is delicate, by
who may give it. That it is specific and purpose by purpose is in the form itself: a question has one purpose, names
its sections and recipients, and gets an answer of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from consent.answers import EXPRESS, GIVEN, Circumstances, ConsentEvent, PurposeAsked, Sitting
from consent.essentials import CONSENT_RULES, ESSENTIALS, ConsentRules
from consent.record import ConsentRecord, Pair
from consent.statement import MAX_DURATION
from consent.vocabulary import PURPOSES, SECTIONS
from keys.documents import Address

__all__ = ["DEFERRAL", "Standing", "Verdict", "flaws", "ineffective", "permitted", "sitting_of", "standing", "verdicts"]

DEFERRAL: Final = timedelta(hours=24)
"""How long "let me think" stays open; then the question has to be put again (PRODUCT §4)."""

Standing = Literal[
    "not-asked",
    "requested",
    "deferred",
    "lapsed",
    "not-started",
    "given",
    "expired",
    "refused",
    "withdrawn",
    "revoked",
    "invalidated",
    "unknown",
]
"""Where an answer stands; the words are under `consent-state` in the labels."""

_STANDINGS: Final[dict[str, Standing]] = {
    "dpv:ConsentUnknown": "unknown",
    "dpv:ConsentRequested": "requested",
    "dpv:ConsentRefused": "refused",
    "dpv:ConsentWithdrawn": "withdrawn",
    "dpv:ConsentExpired": "expired",
    "dpv:ConsentRevoked": "revoked",
    "dpv:ConsentInvalidated": "invalidated",
}
_REASONS: Final[dict[Standing, str]] = {
    "not-asked": "consent-not-answered",
    "requested": "consent-not-answered",
    "deferred": "consent-deferred",
    "lapsed": "consent-lapsed",
    "not-started": "consent-not-started",
    "expired": "consent-expired",
    "refused": "consent-refused",
    "withdrawn": "consent-withdrawn",
    "revoked": "consent-revoked",
    "invalidated": "consent-invalidated",
    "unknown": "consent-imported",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one question came to for one recipient: where it stands, why it has no effect, what may be passed on.

    `reasons` are slugs, none when the consent has effect; `sections` are then those that no restriction forbids.
    """

    item: PurposeAsked
    recipient: Address
    event: ConsentEvent | None
    standing: Standing
    reasons: tuple[str, ...]
    sections: tuple[str, ...]

    @property
    def pair(self) -> Pair:
        """The question and the recipient it is about."""
        return self.item.pid, self.recipient


def standing(event: ConsentEvent | None, at: datetime) -> Standing:
    """Where an answer stands at a moment; a deferral lapses after 24 hours, a consent ends with its period."""
    if event is None:
        return "not-asked"
    if event.event_state == "dpv:ConsentRequestDeferred":
        return "deferred" if at < event.event_time + DEFERRAL else "lapsed"
    if event.event_state not in GIVEN:
        return _STANDINGS[event.event_state]
    if at < event.event_time:
        return "not-started"
    return "given" if at < event.ends else "expired"


def verdicts(record: ConsentRecord, at: datetime, rules: ConsentRules = CONSENT_RULES) -> tuple[Verdict, ...]:
    """What every question came to for each of its recipients at a moment, by the law of the place in `rules`."""
    return tuple(_verdict(record, item, recipient, at, rules) for item, recipient in record.asked)


def ineffective(record: ConsentRecord, rules: ConsentRules = CONSENT_RULES) -> tuple[str, ...]:
    """Why consents that were given never had effect, each slug once; empty when none is at fault."""
    found = (slug for item, event in _given(record) for slug in flaws(record, item, event, rules))
    return tuple(dict.fromkeys(found))


def permitted(record: ConsentRecord, item: PurposeAsked, recipient: Address, at: datetime) -> tuple[str, ...]:
    """The sections of a question that no restriction notice keeps from a recipient at a moment (LRSSS s.7)."""
    notices = [notice for notice in record.restrictions if notice.holds(at)]
    return tuple(
        section
        for section in item.sections
        if not any(notice.forbids(item.purpose, recipient, section) for notice in notices)
    )


def sitting_of(record: ConsentRecord, event: ConsentEvent) -> Sitting:
    """Who answered and after which notice: the answer's own sitting, or that of the record."""
    first = Sitting(circumstances=record.circumstances, privacy_notice=record.processing.privacy_notice)
    return event.sitting or first


def flaws(
    record: ConsentRecord, item: PurposeAsked, event: ConsentEvent, rules: ConsentRules = CONSENT_RULES
) -> tuple[str, ...]:
    """What a consent that was given lacks by the law of its place, whatever the moment; a slug each."""
    sitting = sitting_of(record, event)
    who, expression = sitting.circumstances, event.expression
    silent = expression is None or event.event_type in {None, "dpv:ImpliedConsent"}
    found = {
        "notice-missing": sitting.privacy_notice is None,
        "consent-not-understood": who.interpreter == "needed-but-absent" or who.assistance == "asked-not-given",
        "consent-not-free": who.freedom in {"tied-to-service", "under-pressure"},
        "consent-not-separate": item.presented == "with-others" or _signed_together(record, event),
        "consent-not-expressed": silent,
        "express-consent-missing": not silent and event.event_type != EXPRESS and _delicate(item),
        "consent-by-wrong-person": not _may_consent(who),
        "capacity-missing": who.given_by == "representative" and who.capacity is None,
        "witness-missing": expression is not None and expression.how == "spoken" and expression.witness is None,
        "consent-too-long": event.lasts > MAX_DURATION,
    }
    return tuple(slug for slug in ESSENTIALS if found[slug] and rules[slug, who.jurisdiction].applies)


def _verdict(
    record: ConsentRecord, item: PurposeAsked, recipient: Address, at: datetime, rules: ConsentRules
) -> Verdict:
    event = record.answer(item.pid, recipient)
    where, sections = standing(event, at), permitted(record, item, recipient, at)
    reasons = [] if where == "given" else [_REASONS[where]]
    if event is not None and event.event_state in GIVEN:
        reasons += flaws(record, item, event, rules)
        reasons += [] if sections else ["consent-restricted"]
    return Verdict(item, recipient, event, where, tuple(reasons), () if reasons else sections)


def _given(record: ConsentRecord) -> Iterator[tuple[PurposeAsked, ConsentEvent]]:
    for item, recipient in record.asked:
        event = record.answer(item.pid, recipient)
        if event is not None and event.event_state in GIVEN:
            yield item, event


def _signed_together(record: ConsentRecord, event: ConsentEvent) -> bool:
    """Whether the page that was signed for this answer was signed for another question as well."""
    page = event.expression.evidence_sha256 if event.expression else None
    pages = ((other.purpose, other.expression.evidence_sha256) for other in record.events if other.expression)
    return page is not None and any(other == page and pid != event.purpose for pid, other in pages)


def _delicate(item: PurposeAsked) -> bool:
    """Whether the purpose, or a section that is not ordinary, asks for express consent (P-39.1 s.12; RGPD art. 9)."""
    return PURPOSES[item.purpose].sensitive or any(SECTIONS[code].sensitivity != "ordinary" for code in item.sections)


def _may_consent(who: Circumstances) -> bool:
    """In Québec a parent or tutor answers before 14, from then on the minor (PRODUCT §4); no adult's parent does."""
    if who.age == "adult":
        return who.given_by != "parent"
    if who.jurisdiction != "CA-QC":
        return True
    if who.age == "under-14":
        return who.given_by in {"parent", "tutor"}
    return who.age != "14-to-17" or who.given_by == "person"

"""Each rule of a decision that asks what the person allowed: which purpose, which recipient, which sections, where.

PRODUCT §4. What goes to the owner of a referral needs one grant that allows all of it; what the owner answers needs
none, because it goes back to the organisation that collected the consent, and it is held to a few sections.
"""

from __future__ import annotations

from collections.abc import Callable

from consent.conditions import Fault, sections_within
from consent.envelope import ReferralHeader, SealedHeader
from consent.passage import Case
from consent.statement import Grant

__all__ = ["REPLY_SECTIONS", "grant_for"]

REPLY_SECTIONS = frozenset({"outcome", "worker"})
"""What the owner may send back without a grant of its own (PROTOCOL §4, *outcome* back to the issuer)."""

_UNKNOWN = ("consent-unknown", "/authority/statement")


def statement_citable(case: Case) -> Fault:
    """A referral cites what its sender issued, a message what its referral rests on (PROTOCOL §3)."""
    return None if case.consent else _UNKNOWN


def consent_given(case: Case) -> Fault:
    """The consent is given, has begun and has not ended (LRSSS s.6; RGPD art. 7)."""
    if case.consent is None:
        return _UNKNOWN
    statement, state = case.consent.document, case.consent.state
    if state != "given":
        return f"consent-{state}", "/authority/statement"
    if case.at < statement.not_before:
        return "consent-not-started", "/authority/statement"
    return None if case.at < statement.not_after else ("consent-expired", "/authority/statement")


def statement_current(case: Case) -> Fault:
    """At deposit the issuer cites the newest version, by digest; at pick-up the newest governs whatever was cited.

    The owner of a referral never sees the statement and is not told of a newer version: in its answers it cites the
    one it knows, and the newest governs all the same.
    """
    consent, header = case.consent, case.header
    if consent is None or not isinstance(header, SealedHeader) or header.authority is None:
        return _UNKNOWN
    if case.passage.gate == "pickup":
        return None
    cited, newest = header.authority, consent.document.version
    if cited.version > newest or (cited.version < newest and not case.answers):
        return "consent-superseded", "/authority/version"
    if cited.version == newest and cited.sha256 != consent.sha256:
        return "consent-digest", "/authority/sha256"
    return None


def purpose_granted(case: Case) -> Fault:
    """The person agreed to this purpose, under this agreement (PRODUCT §4: purpose by purpose)."""
    if case.answers or _grants_left(case, _same_agreement):
        return None
    if _grants_left(case, _same_purpose):
        return "agreement-not-granted", "/agreement"
    return "purpose-not-granted", "/purpose" if isinstance(case.header, ReferralHeader) else "/ref"


def recipient_granted(case: Case) -> Fault:
    """The person agreed to exactly this recipient."""
    return None if case.answers or _grants_left(case, _same_recipient) else ("recipient-not-granted", "/to")


def sections_granted(case: Case) -> Fault:
    """Every section sent is one the person agreed to share, all under one grant."""
    if case.answers or _grants_left(case, _covers_sections):
        return None
    for grant in _grants_left(case, _same_recipient):
        return sections_within(case, grant.sections, "section-not-granted")
    return sections_within(case, (), "section-not-granted")


def geography(case: Case) -> Fault:
    """The recipient is in a jurisdiction the grant names (P-39.1 s.17; RGPD chapter V)."""
    return None if case.answers or _grants_left(case, _covers_place) else ("outside-geography", "/to")


def uses_left(case: Case) -> Fault:
    """A use is left; spent by a referral at deposit, so the question is asked there only (PROTOCOL §4).

    One that takes the place of another which never arrived spends none (PROTOCOL §2).
    """
    return None if _grants_left(case, _has_a_use) else ("uses-exhausted", "/authority/statement")


def reply_sections(case: Case) -> Fault:
    """What the owner sends back is an answer: a result and a person to talk to, nothing else (PROTOCOL §4)."""
    return sections_within(case, REPLY_SECTIONS, "section-not-granted") if case.answers else None


def grant_for(case: Case) -> Grant | None:
    """The grant under which the case passes: the first one that allows all of it; None for answers and events."""
    return None if case.answers else next(iter(_grants_left(case, _has_a_use)), None)


def _same_purpose(case: Case, grant: Grant) -> bool:
    return grant.purpose == case.purpose


def _same_agreement(case: Case, grant: Grant) -> bool:
    return case.agreement is not None and grant.agreement == case.agreement.document.id


def _same_recipient(case: Case, grant: Grant) -> bool:
    return grant.recipient == case.header.to


def _covers_sections(case: Case, grant: Grant) -> bool:
    return sections_within(case, grant.sections, "section-not-granted") is None


def _covers_place(case: Case, grant: Grant) -> bool:
    recipient = case.agreement.document.party(case.header.to) if case.agreement else None
    return recipient is not None and recipient.jurisdiction in grant.geo


def _has_a_use(case: Case, grant: Grant) -> bool:
    if case.passage.gate == "pickup" or not isinstance(case.header, ReferralHeader) or case.header.replaces:
        return True
    return case.consent is not None and case.consent.uses.get(grant.gid, 0) < grant.max_uses


_Question = Callable[[Case, Grant], bool]
_QUESTIONS: tuple[_Question, ...] = (
    _same_purpose,
    _same_agreement,
    _same_recipient,
    _covers_sections,
    _covers_place,
    _has_a_use,
)


def _grants_left(case: Case, last: _Question) -> list[Grant]:
    """The grants that pass every question up to `last`: one that fails never hides another that passes."""
    grants = case.consent.document.grants if case.consent else ()
    asked = _QUESTIONS[: _QUESTIONS.index(last) + 1]
    return [grant for grant in grants if all(question(case, grant) for question in asked)]

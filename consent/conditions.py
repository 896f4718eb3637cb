"""Each rule of a decision that does not ask the person: who, when, under which agreement, about which referral.

Every rule is one small function: it answers with a slug and a place, or lets the case pass. What the person allowed is
in `consent.permissions`; the order in which all are asked, and their numbers, are in `consent.decision`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal

from consent.agreement import CLOSING_PERIOD
from consent.envelope import EventHeader, NoticeHeader, ReferralHeader, SealedHeader
from consent.identifiers import agreement_id_of, gateway_address, territory_of
from consent.lifecycle import CLOSED, IllegalStep, ReferralState, Step, apply
from consent.passage import Case

__all__ = ["CLOCK_SKEW", "LONGEST_ANSWER", "REPLY_PERIOD", "Fault", "next_state", "sections_within"]

CLOCK_SKEW = timedelta(seconds=120)
"""How far in the future an `iat` may be; nowhere else is any skew allowed (PROTOCOL §0)."""
REPLY_PERIOD = timedelta(days=14)
"""How long after closing a referral its owner may still answer by a message (PROTOCOL §4)."""
LONGEST_ANSWER = timedelta(days=366)
"""How far ahead an answer may be asked for: what never falls due can never be counted as silence."""

Fault = tuple[str, str] | None
"""A slug and a JSON pointer into the header, or None when the rule lets the case pass."""


def scope(case: Case) -> Fault:
    """The caller's organisation was given the scope for this gate (PROTOCOL §5; RFC 6749 §3.3)."""
    wanted = "envelope:send" if case.passage.gate == "deposit" else "envelope:receive"
    return None if wanted in case.scopes else ("scope-missing", "")


def territory(case: Case) -> Fault:
    """Sender and recipient belong to one territory: between gateways nothing passes yet (PROTOCOL §9)."""
    same = territory_of(case.header.from_) == territory_of(case.header.to)
    return None if same else ("foreign-territory", "/to")


def in_time(case: Case) -> Fault:
    """Issued in the past (120 s of skew) and not expired (PROTOCOL §0)."""
    if case.header.iat > case.at + CLOCK_SKEW:
        return "envelope-from-the-future", "/iat"
    return None if case.at < case.header.exp else ("envelope-expired", "/exp")


def ends_active(case: Case) -> Fault:
    """Neither end is suspended or unknown; a suspension works at the next request (PRODUCT §2)."""
    if case.header.from_ in case.passage.inactive:
        return "sender-suspended", "/from"
    return ("recipient-suspended", "/to") if case.header.to in case.passage.inactive else None


def agreement_known(case: Case) -> Fault:
    """The header names the agreement at hand; at deposit in its newest version, by digest (PROTOCOL §3)."""
    registered, header = case.agreement, case.header
    if registered is None or registered.document.id != agreement_id_of(header.agreement):
        return "agreement-unknown", "/agreement"
    if case.passage.gate == "pickup":
        return None  # decided again under the newest version, whatever the header names (PROTOCOL §4)
    if registered.document.ref != header.agreement:
        return "agreement-superseded", "/agreement"
    return None if registered.sha256 == header.agreement_sha256 else ("agreement-digest", "/agreement_sha256")


def agreement_in_force(case: Case) -> Fault:
    """Signed by all, put in force, neither suspended nor ended (PROTOCOL §3)."""
    return _agreement_runs(case, grace=timedelta(0))


def agreement_not_closed(case: Case) -> Fault:
    """As above, but what is open may be closed for 90 days after the end (PROTOCOL §3)."""
    return _agreement_runs(case, grace=CLOSING_PERIOD)


def _agreement_runs(case: Case, grace: timedelta) -> Fault:
    registered = case.agreement
    if registered is None:
        return "agreement-unknown", "/agreement"
    if registered.state == "signing" or case.at < registered.document.not_before:
        return "agreement-not-in-force", "/agreement"
    if registered.state == "suspended":
        return "agreement-suspended", "/agreement"
    document, ended_at = registered.document, registered.ended_at
    if registered.state == "ended" and not (grace and ended_at):
        return "agreement-ended", "/agreement"
    # The grace is taken from `at`: an agreement may run to the last day that can be written.
    over = case.at - grace >= min(document.not_after, ended_at or document.not_after)
    return ("agreement-ended", "/agreement") if over else None


def parties(case: Case) -> Fault:
    """Both ends are parties of the agreement."""
    for address, place in ((case.header.from_, "/from"), (case.header.to, "/to")):
        if case.agreement is None or case.agreement.document.party(address) is None:
            return "not-a-party", place
    return None


def article_direction(case: Case) -> Fault:
    """The article exists and lets the requester of this referral write to its owner; answers go the other way."""
    article = case.article
    if article is None or case.agreement is None:
        return "article-unknown", "/article"
    ends = (case.header.from_, case.header.to)
    requester, owner = (case.agreement.document.party(end) for end in (reversed(ends) if case.answers else ends))
    covered = requester is not None and owner is not None and article.covers_direction(requester, owner)
    return None if covered else ("article-direction", "/article")


def article_purpose(case: Case) -> Fault:
    """The article covers the purpose: the header's own, or that of the referral a message belongs to."""
    covered = case.article is not None and case.purpose in case.article.purposes
    return None if covered else ("article-purpose", "/purpose" if isinstance(case.header, ReferralHeader) else "/ref")


def article_sections(case: Case) -> Fault:
    """The article covers every section that goes to the owner; what comes back is held by another rule."""
    if case.answers:
        return None
    return sections_within(case, case.article.sections if case.article else (), "article-section")


def article_authority(case: Case) -> Fault:
    """The article accepts this kind of legal basis; of emergencies, one that opens itself to them (PRODUCT §4)."""
    kind, article = case.authority, case.article
    if kind is None:
        return "consent-unknown", "/authority/statement"
    accepted = article is not None and kind in article.authorities
    if kind == "emergency":
        return None if accepted and article and article.emergency else ("article-authority", "/emergency")
    return None if accepted else ("article-authority", "/authority")


def clear_fields(case: Case) -> Fault:
    """Need and territory travel in clear only where the article says so (PROTOCOL §8)."""
    allowed = case.article.clear if case.article else ()
    fields: tuple[Literal["need", "territory"], ...] = ("need", "territory")
    for name in fields:
        if isinstance(case.header, ReferralHeader) and getattr(case.header, name) and name not in allowed:
            return "clear-not-allowed", f"/{name}"
    return None


def referral_new(case: Case) -> Fault:
    """At deposit the referral does not exist yet; at pick-up it is this one, and nobody closed it meanwhile.

    A referral that takes the place of one that was never delivered goes on under its `ref` (PROTOCOL §2).
    """
    if case.passage.gate == "deposit":
        if case.header.replaces is not None:
            return None if case.referral is not None else ("referral-unknown", "/ref")
        return None if case.passage.referral is None else ("referral-exists", "/ref")
    if case.referral is None:
        return "referral-unknown", "/ref"
    return None if case.referral.state.status not in CLOSED else ("referral-closed", "/ref")


def replaces_undelivered(case: Case) -> Fault:
    """An envelope takes the place of one of the same ends and referral that never arrived, once (PROTOCOL §2).

    A referral goes on only where it waits still or could not be delivered: whoever declined or withdrew it decided.
    """
    header, known = case.header, case.passage.replaces
    if header.replaces is None or case.passage.gate == "pickup":
        return None
    same = (header.replaces, header.typ, header.ref, header.from_, header.to)
    if known is None or (known.id, known.kind, known.ref, known.sender, known.recipient) != same:
        return "replaced-unknown", "/replaces"
    if known.stored or known.replaced or known.leased:
        # What its recipient is being handed it may say that it holds: it would have both for one use.
        return "replaced-already" if known.stored or known.replaced else "replaced-leased", "/replaces"
    state = case.referral.state if case.referral else None
    if not isinstance(header, ReferralHeader) or state is None:
        return None
    if not _takes_up(header, case):
        return "replaced-differs", "/replaces"
    goes_on = state.status == "requested" or state.business_status == "undeliverable"
    return None if goes_on else ("referral-closed", "/ref")


def _takes_up(header: ReferralHeader, case: Case) -> bool:
    """Whether it asks for the same on the same ground as its referral, whose use it goes on with.

    Otherwise a use of one grant would carry what another grant allows.
    """
    cited = header.authority.statement if header.authority else None
    named = header.emergency.justification if header.emergency else None
    rests_on = (cited, named.envelope if named else None, header.purpose)
    referral = case.referral
    known = referral is not None and rests_on == (referral.statement, referral.justification, referral.purpose)
    return known and case.agreed_in_referral


def respond_by_ahead(case: Case) -> Fault:
    """The answer is asked for at a time to come, and within a year."""
    asked = case.header.respond_by if isinstance(case.header, ReferralHeader) else None
    if asked is None or case.passage.gate == "pickup":
        return None
    if asked <= case.at:
        return "respond-by-past", "/respond_by"
    return None if asked - case.at <= LONGEST_ANSWER else ("respond-by-too-far", "/respond_by")


def part_of_known(case: Case) -> Fault:
    """A referral may continue only one that its sender is a party to: nobody meddles with the referrals of others."""
    parent, named = case.passage.part_of, case.header.part_of
    if named is None or case.passage.gate == "pickup":
        return None
    ours = parent is not None and parent.ref == named and parent.role_of(case.header.from_) is not None
    return None if ours else ("referral-unknown", "/part_of")


def party_of_referral(case: Case) -> Fault:
    """Both ends are parties of this referral, the broker of a notice apart; else it is as if it did not exist."""
    return None if case.referral else ("referral-unknown", "/ref")


def agreement_of_referral(case: Case) -> Fault:
    """What follows a referral rests on the same agreement: another one may have ended, or ask for less."""
    return None if case.agreed_in_referral else ("agreement-of-another-referral", "/agreement")


def message_in_time(case: Case) -> Fault:
    """Nothing more goes to the owner of a closed referral, and answers come within 14 days of closing it."""
    if case.referral is None:
        return "referral-unknown", "/ref"
    state = case.referral.state
    if not case.answers:
        return ("referral-closed", "/ref") if state.status in CLOSED else None
    late = state.closed_at is not None and case.at >= state.closed_at + REPLY_PERIOD
    return ("reply-too-late", "/ref") if late else None


def transition_legal(case: Case) -> Fault:
    """The step is a row of the transition table, taken by the side that may take it (PRODUCT §5)."""
    if case.passage.gate == "pickup":
        return None  # an event happened when it was accepted; it is only told afterwards
    if case.referral is None:
        return "referral-unknown", "/ref"
    if isinstance(case.header, NoticeHeader) and (case.header.event is None or case.header.notice.copy_of):
        return None  # it takes no step: it tells of something else, or again of a step that was taken
    state = next_state(case)
    if not isinstance(state, IllegalStep):
        return None
    return state.because, f"/event/{state.field}" if state.field else "/event"


def said_by_broker(case: Case) -> Fault:
    """Only the broker issues notices (PROTOCOL §4)."""
    broker = gateway_address(territory_of(case.header.to))
    return None if case.header.from_ == broker else ("notice-not-from-broker", "/from")


def next_state(case: Case) -> ReferralState | IllegalStep:
    """Where the event under decision would lead the referral, or why it may not."""
    header, referral = case.header, case.referral
    if not isinstance(header, EventHeader | NoticeHeader) or referral is None or header.event is None:
        return IllegalStep("transition-unknown", "transition")
    actor = "broker" if isinstance(header, NoticeHeader) else referral.role_of(header.from_)
    if actor is None:
        return IllegalStep("transition-not-yours", "transition")
    event = header.event
    step = Step(
        transition=event.transition,
        actor=actor,
        at=case.at,
        reason=event.reason,
        review_by=event.review_by,
        outcome=event.outcome,
        channel=event.channel,
        asked=event.asked or (),
        became=event.became,
        helped=event.helped,
    )
    return apply(referral.state, step, re_referred=referral.re_referred)


def sections_within(case: Case, allowed: Iterable[str], slug: str) -> Fault:
    """No section outside those allowed; the first one is told by its slot."""
    known = frozenset(allowed)
    for position, slot in enumerate(case.header.slots if isinstance(case.header, SealedHeader) else ()):
        if slot.section not in known:
            return slug, f"/slots/{position}/section"
    return None

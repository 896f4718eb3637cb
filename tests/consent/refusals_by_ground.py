"""What the decision refuses of emergencies, of what replaces an envelope, and of what rests on an article of law."""

from __future__ import annotations

from datetime import timedelta

from consent.lifecycle import ReferralState
from consent.passage import OpenReferral
from keys.documents import format_time
from tests.builders import (
    AT,
    AUDITORS,
    DAY,
    HEALTH,
    LINE,
    PARENT,
    SHELTER,
    UNDELIVERED_ID,
    declared_emergency,
    justification,
    open_emergency,
    open_referral,
    undelivered,
)
from tests.builders import emergency_members as URGENT  # noqa: N812 - constants of the table below
from tests.builders import emergency_message_members as URGENT_MESSAGE  # noqa: N812 - as above
from tests.builders import emergency_reply_members as URGENT_REPLY  # noqa: N812 - as above
from tests.builders import justification_members as JUSTIFICATION  # noqa: N812 - as above
from tests.builders import message_members as MESSAGE  # noqa: N812 - as above
from tests.builders import referral_members as REFERRAL  # noqa: N812 - as above
from tests.builders import replacing_members as REPLACING  # noqa: N812 - as above
from tests.builders import reply_members as REPLY  # noqa: N812 - as above
from tests.consent.refused_cases import (
    NO_SHELTER,
    OTHER_AGR,
    OTHER_REF,
    OTHER_STATEMENT,
    REJECTED,
    REJECTED_LONG_AGO,
    Changes,
    case,
    slot,
)

EMERGENCIES = (URGENT, URGENT_MESSAGE, JUSTIFICATION)
OTHER_ENV = "env_" + "z" * 26
TOO_SOON = format_time(AT + timedelta(seconds=120, milliseconds=1))
TOO_LONG = format_time(AT + DAY - timedelta(seconds=60) + timedelta(milliseconds=1))
NOT_ACCEPTED: Changes = {"/articles/0/authorities": ["consent"]}
NOT_OPEN: Changes = {"/articles/0/emergency": False}
IDENTITY_TOO: Changes = {"/slots/1": {"sid": "s2", "section": "identity", "schema": "identity/1"}}
GONE = ReferralState("cancelled", "undeliverable", "T04", closed_at=AT - timedelta(seconds=30))
CONSENT_ENDED = ReferralState("cancelled", "consent-ended", "T12", closed_at=AT - timedelta(seconds=30))
WITHDRAWN = ReferralState("cancelled", "withdrawn-by-requester", "T10", closed_at=AT - timedelta(seconds=30))
REPLACES: Changes = {"/replaces": UNDELIVERED_ID}
FRENCH: dict[str, object] = {
    **{f"/parties/{number}/jurisdiction": "FR" for number in range(4)},
    "/parties/0/roles/0": "line-115",
    "/articles/0/from": ["line-115", "line-211"],
    "/articles/0/authorities": ["consent", "legal-sharing", "care-team"],
}
SIAO: dict[str, object] = {
    "/authority/kind": "legal-sharing",
    "/authority/article": "FR-CASF-L345-2-10",
    "/authority/jurisdiction": "FR",
    "/grants/0/geo": ["FR"],
}
NEWCOMER: Changes = {"/purpose": "referral-newcomer"}
NEWCOMER_GRANTED: Changes = {"/grants/0/purpose": "referral-newcomer"}
FOR_NEWCOMER = open_referral(purpose="referral-newcomer")
NOTE = slot(0, "health-note")
NOTE_GRANTED: Changes = {"/grants/0/sections": ["health-note", "contact", "housing"]}


def of(**changes: object) -> OpenReferral:
    """A referral that rests on an emergency which was declared in another way."""
    return open_emergency(emergency=declared_emergency(**changes))


def law(agreement: Changes | None = None, statement: Changes | None = None) -> dict[str, Changes]:
    """The evidence for what rests on the article between actors of a SIAO, with some of it changed."""
    return {"agreement": FRENCH | dict(agreement or {}), "statement": SIAO | dict(statement or {})}


# One line a case: it is read as a table.
# fmt: off
DECLARED = (
    *(case("R01 scope-missing", each, scopes=()) for each in EMERGENCIES),
    *(case("R02 foreign-territory /to", each, {"/to": "refuge@ailleurs"}) for each in EMERGENCIES),
    *(case("R03 envelope-expired /exp", each, at=AT + DAY) for each in EMERGENCIES),
    *(case("R03 envelope-from-the-future /iat", each, {"/iat": TOO_SOON}) for each in EMERGENCIES),
    *(case("R04 sender-suspended /from", each, inactive={LINE}) for each in EMERGENCIES),
    *(case("R04 recipient-suspended /to", each, inactive={SHELTER, AUDITORS}) for each in EMERGENCIES),
    *(case("R05 agreement-unknown /agreement", each, agreement=None) for each in EMERGENCIES),
    *(case("R05 agreement-digest /agreement_sha256", each, {"/agreement_sha256": "00" * 32}) for each in EMERGENCIES),
    case("R06 agreement-suspended /agreement", URGENT, agreement={}, state="suspended"),
    case("R06 agreement-ended /agreement", JUSTIFICATION, agreement={"/not_after": format_time(AT)}),
    case("R07 agreement-ended /agreement", URGENT_MESSAGE, agreement={}, state="ended"),
    *(case("R08 not-a-party /from", each, {"/from": "intrus@laval"}) for each in (URGENT, JUSTIFICATION)),
    case("R08 not-a-party /to", JUSTIFICATION, {"/to": "curieux@laval"}),
    case("R08 not-a-party /to", URGENT_MESSAGE, agreement=NO_SHELTER),
    *(case("R09 article-unknown /article", each, {"/article": "9"}) for each in (URGENT, URGENT_MESSAGE)),
    case("R09 article-direction /article", URGENT, {"/article": "2"}),
    case("R09 article-direction /article", URGENT_REPLY, {"/article": "2"}),
    case("R10 article-purpose /purpose", URGENT, {"/purpose": "referral-food"}),
    case("R10 article-purpose /ref", URGENT_MESSAGE, referral=open_emergency(purpose="referral-food")),
    case("R11 article-section /slots/1/section", URGENT, slot(1, "safety")),
    case("R11 article-section /slots/0/section", URGENT_MESSAGE, slot(0, "safety")),
    *(case("R12 article-authority /emergency", each, agreement=NOT_OPEN) for each in EMERGENCIES),
    *(case("R12 article-authority /emergency", each, agreement=NOT_ACCEPTED) for each in EMERGENCIES),
    case("R12 article-authority /emergency", JUSTIFICATION, {"/article": "2"}),
    case("R13 clear-not-allowed /need", URGENT, agreement={"/articles/0/clear": []}),
    case("R23 referral-exists /ref", URGENT, referral=open_emergency()),
    case("R23 referral-closed /ref", URGENT, referral=open_emergency(REJECTED), gate="pickup"),
    case("R24 respond-by-past /respond_by", URGENT, {"/respond_by": format_time(AT)}),
    case("R25 referral-unknown /ref", URGENT_MESSAGE, referral=None),
    case("R25 referral-unknown /ref", URGENT_MESSAGE, {"/to": HEALTH}),
    case("R26 section-not-granted /slots/0/section", URGENT_REPLY, slot(0, "situation")),
    case("R29 referral-closed /ref", URGENT_MESSAGE, referral=open_emergency(REJECTED)),
    case("R29 reply-too-late /ref", URGENT_REPLY, referral=open_emergency(REJECTED_LONG_AGO)),
    case("R30 agreement-of-another-referral /agreement", URGENT_MESSAGE, referral=open_emergency(agreement=OTHER_AGR)),
    *(case("R31 referral-unknown /part_of", each, {"/part_of": PARENT}) for each in (URGENT, URGENT_MESSAGE)),
    case("R34 emergency-section /slots/1/section", URGENT, slot(1, "housing")),
    case("R34 emergency-section /slots/1/section", URGENT, slot(1, "health-note")),
    case("R34 emergency-section /slots/0/section", URGENT_MESSAGE, slot(0, "housing")),
    case("R35 emergency-too-long /exp", URGENT, {"/exp": TOO_LONG}),
    case("R35 emergency-too-long /exp", URGENT_MESSAGE, {"/exp": TOO_LONG}),
    case("R35 emergency-too-long /exp", URGENT_REPLY, {"/exp": TOO_LONG}),
    *(case("R36 justification-missing /emergency/justification", URGENT, justification=wrong) for wrong in (
        None, justification(payload_sha256="00" * 32), justification(ref=OTHER_REF), justification(sender=HEALTH),
        justification(id="env_" + "z" * 26),
    )),
    *(case("R36 justification-not-to-auditors /emergency/justification", URGENT, justification=wrong) for wrong in (
        justification(recipient=SHELTER), justification(recipient="complice@laval"),
    )),
    case("R37 emergency-worker-suspended /emergency/worker", URGENT, worker_barred=True),
    case("R37 emergency-worker-suspended /emergency/worker", JUSTIFICATION, worker_barred=True),
    case("R37 emergency-worker-suspended /emergency/worker", URGENT_MESSAGE, worker_barred=True),
    *(case("R38 emergency-of-another-referral /emergency/justification", URGENT_MESSAGE, referral=wrong) for wrong in (
        open_emergency(justification="env_" + "z" * 26), open_referral(), open_emergency(emergency=None), of(
            justification_sha256="00" * 32),
    )),
    case("R38 emergency-of-another-referral /emergency/ground", URGENT_MESSAGE, referral=of(ground="child-in-danger")),
    case("R38 emergency-of-another-referral /emergency/worker", URGENT_MESSAGE, referral=of(worker="int-8")),
    *(case("R38 emergency-not-justified /emergency", URGENT_MESSAGE, referral=of(not_justified=True), gate=gate)
        for gate in ("deposit", "pickup")),
    *(case("R38 emergency-over /emergency", URGENT_MESSAGE, referral=of(at=AT - DAY), gate=gate)
        for gate in ("deposit", "pickup")),
    case("R38 emergency-of-another-referral /emergency/justification", URGENT_REPLY,
        referral=open_emergency(justification="env_" + "z" * 26)),
    case("R01 scope-missing", JUSTIFICATION, scopes=(), gate="pickup"),
    case("R02 foreign-territory /to", JUSTIFICATION, {"/to": "conseil@ailleurs"}, gate="pickup"),
    case("R03 envelope-expired /exp", JUSTIFICATION, at=AT + DAY, gate="pickup"),
    case("R04 recipient-suspended /to", JUSTIFICATION, inactive={AUDITORS}, gate="pickup"),
    case("R39 justification-not-to-auditors /to", JUSTIFICATION, {"/to": SHELTER}),
    case("R39 emergency-section /slots/0/section", JUSTIFICATION, slot(0, "identity")),
    case("R39 emergency-section /slots/1/section", JUSTIFICATION, IDENTITY_TOO),
)
REPLACED = (
    *(case("R40 replaced-unknown /replaces", REPLACING, replaces=wrong) for wrong in (
        None, undelivered(id="env_" + "z" * 26), undelivered(ref=OTHER_REF), undelivered(sender=HEALTH),
        undelivered(recipient=HEALTH), undelivered(kind="message"),
    )),
    *(case("R40 replaced-already /replaces", REPLACING, replaces=wrong) for wrong in (
        undelivered(stored=True), undelivered(replaced=True),
    )),
    case("R40 replaced-leased /replaces", REPLACING, replaces=undelivered(leased=True)),
    case("R40 replaced-leased /replaces", MESSAGE, REPLACES, replaces=undelivered(kind="message", leased=True)),
    *(case("R40 referral-closed /ref", REPLACING, referral=open_referral(closed)) for closed in (
        REJECTED, CONSENT_ENDED, WITHDRAWN, ReferralState("accepted"),
    )),
    case("R40 replaced-differs /replaces", REPLACING, referral=open_referral(GONE, statement=OTHER_STATEMENT)),
    case("R40 replaced-differs /replaces", REPLACING, referral=open_referral(GONE, purpose="referral-health")),
    case("R40 replaced-differs /replaces", REPLACING, referral=open_referral(GONE, agreement=OTHER_AGR)),
    case("R40 replaced-differs /replaces", REPLACING, referral=open_emergency(GONE)),
    case("R40 replaced-differs /replaces", URGENT, REPLACES, referral=open_referral(GONE)),
    case("R40 replaced-differs /replaces", URGENT, REPLACES, referral=open_emergency(GONE, justification=OTHER_ENV)),
    case("R23 referral-unknown /ref", REPLACING, referral=None),
    case("R40 replaced-unknown /replaces", MESSAGE, REPLACES, replaces=None),
    case("R40 replaced-already /replaces", MESSAGE, REPLACES, replaces=undelivered(kind="message", stored=True)),
    case("R40 replaced-unknown /replaces", URGENT_MESSAGE, REPLACES, replaces=None),
)
UNDER_LAW = (
    *(case("R41 legal-ground-unknown /authority/statement", each, **law(statement=wrong)) for wrong in (
        {"/authority/article": "FR-CASF-L345-2-99"}, {"/authority/article": "FR-CSP-L1110-4"},
        {"/authority/kind": "care-team"}, {"/authority/jurisdiction": "CA-QC"},
    ) for each in (REFERRAL, MESSAGE, REPLY)),
    case("R41 legal-ground-role /from", REFERRAL, **law({"/parties/0/roles/0": "line-211"})),
    case("R41 legal-ground-role /from", REFERRAL, **law({"/parties/0/jurisdiction": "CA-QC"})),
    case("R41 legal-ground-role /to", REFERRAL, **law({"/parties/1/roles/0": "food-aid"})),
    case("R41 legal-ground-role /to", REFERRAL, **law({"/parties/1/jurisdiction": "CA-QC"})),
    case("R41 legal-ground-role /to", REPLY, **law({"/parties/0/roles/0": "line-211"})),
    case("R41 legal-ground-role /from", REPLY, **law({"/parties/1/roles/0": "food-aid"})),
    case("R41 legal-ground-purpose /purpose", REFERRAL, NEWCOMER, **law(statement=NEWCOMER_GRANTED)),
    case("R41 legal-ground-purpose /ref", MESSAGE, **law(statement=NEWCOMER_GRANTED), referral=FOR_NEWCOMER),
    case("R41 legal-ground-section /slots/0/section", REFERRAL, NOTE, **law(statement=NOTE_GRANTED)),
    case("R41 legal-ground-section /slots/0/section", MESSAGE, NOTE, **law(statement=NOTE_GRANTED)),
)
REFUSALS_BY_GROUND = (*DECLARED, *REPLACED, *UNDER_LAW)
# fmt: on

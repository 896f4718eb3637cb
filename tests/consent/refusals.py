"""What the decision refuses: each case changes one thing in a good envelope or in the evidence for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from consent.lifecycle import ReferralState
from consent.passage import Granted, Refused
from keys.documents import format_time
from tests.builders import (
    ABSENT,
    AGREEMENT_ID,
    AT,
    DAY,
    HEALTH,
    LINE,
    NEWCOMERS,
    PARENT,
    SHELTER,
    Json,
    changed,
    decided,
    open_referral,
    registered_agreement,
    registered_statement,
)
from tests.builders import event_members as EVENT  # noqa: N812 - constants of the table below
from tests.builders import message_members as MESSAGE  # noqa: N812 - as above
from tests.builders import notice_members as NOTICE  # noqa: N812 - as above
from tests.builders import referral_members as REFERRAL  # noqa: N812 - as above
from tests.builders import reply_members as REPLY  # noqa: N812 - as above

Members = Callable[[], Json]
Changes = Mapping[str, object]
MOMENT = timedelta(milliseconds=1)
REJECTED = ReferralState("rejected", closed_at=AT - DAY)
REJECTED_LONG_AGO = ReferralState("rejected", closed_at=AT - 14 * DAY)
OTHER_REF = "ref_" + "z" * 26
OTHER_AGR = "agr_" + "z" * 26
OTHER_STATEMENT = "cs_" + "z" * 26
OLD: Changes = {"/authority/version": 1}
SECOND: Changes = {"/version": 2, "/prev": "ab" * 32}
ENDED: dict[str, object] = {"/version": 2, "/prev": "ab" * 32, "/grants": []}
WITHDRAWN: Changes = ENDED | {"/state": "withdrawn"}
NO_SHELTER: Changes = {"/parties/1": ABSENT, "/articles/0/to/0": "shelter"}
THEIRS = open_referral(ref=PARENT, requester=HEALTH)
OVER: Changes = {"/not_before": "2025-01-01T00:00:00.000Z", "/not_after": format_time(AT - 90 * DAY)}


@dataclass(frozen=True)
class RefusedCase:
    """What is expected, and how the question is put."""

    rule: str
    because: str
    pointer: str
    members: Members
    header: Changes
    evidence: Mapping[str, Any]

    def decide(self) -> Granted | Refused:
        """The decision on this case."""
        return on_evidence(self.members(), self.header, **self.evidence)


def on_evidence(members: Json, header: Changes | None = None, **evidence: Any) -> Granted | Refused:  # noqa: ANN401 - any evidence
    """The decision on a header that cites the evidence as an honest sender does, before `header` changes it.

    `agreement` and `statement` are changes to the usual ones, or None; `state`, `ended_at` and `uses` go with them.
    """
    honest: dict[str, object] = {}
    if evidence.get("agreement", {}) is not None:
        terms = {key: evidence.pop(key) for key in ("state", "ended_at") if key in evidence}
        registered = evidence["agreement"] = registered_agreement(evidence.get("agreement"), **terms)
        honest |= {"/agreement": registered.document.ref, "/agreement_sha256": registered.sha256}
    if evidence.get("statement", {}) is not None:
        known = evidence["statement"] = registered_statement(evidence.get("statement"), evidence.pop("uses", None))
        if "authority" in members:
            honest |= {"/authority/version": known.document.version, "/authority/sha256": known.sha256}
    return decided(changed(members, honest | dict(header or {})), **evidence)


def slot(position: int, section: str) -> Changes:
    """The change that puts another section in a slot."""
    return {f"/slots/{position}/section": section, f"/slots/{position}/schema": f"{section}/1"}


def case(expected: str, members: Members, header: Changes | None = None, **evidence: Any) -> RefusedCase:  # noqa: ANN401 - any evidence
    """A case from `rule slug pointer`."""
    rule, because, pointer = (*expected.split(" "), "")[:3]
    return RefusedCase(rule, because, pointer, members, header or {}, evidence)


# One line a case: it is read as a table.
# fmt: off
REFUSALS = (
    case("R01 scope-missing", REFERRAL, scopes=()),
    case("R01 scope-missing", REFERRAL, scopes={"envelope:receive"}),
    case("R01 scope-missing", REFERRAL, scopes={"envelope:send"}, gate="pickup"),
    case("R01 scope-missing", MESSAGE, scopes={"consent:write"}),
    case("R01 scope-missing", EVENT, scopes=()),
    case("R02 foreign-territory /to", REFERRAL, {"/to": "refuge@ailleurs"}),
    case("R02 foreign-territory /to", MESSAGE, {"/to": "refuge@ailleurs"}),
    case("R02 foreign-territory /to", EVENT, {"/to": "ligne-211@ailleurs"}),
    case("R02 foreign-territory /to", NOTICE, {"/to": "ligne-211@ailleurs"}),
    case("R03 envelope-from-the-future /iat", REFERRAL, at=AT - timedelta(seconds=180) - MOMENT),
    case("R03 envelope-expired /exp", REFERRAL, at=AT + 7 * DAY),
    case("R03 envelope-expired /exp", REFERRAL, at=AT + 7 * DAY, gate="pickup"),
    case("R03 envelope-expired /exp", MESSAGE, at=AT + 7 * DAY),
    case("R03 envelope-expired /exp", EVENT, at=AT + 7 * DAY),
    case("R03 envelope-expired /exp", NOTICE, at=AT + 7 * DAY),
    case("R04 sender-suspended /from", REFERRAL, inactive={LINE}),
    case("R04 recipient-suspended /to", REFERRAL, inactive={SHELTER}),
    case("R04 recipient-suspended /to", REFERRAL, inactive={SHELTER}, gate="pickup"),
    case("R04 sender-suspended /from", MESSAGE, inactive={LINE}),
    case("R04 sender-suspended /from", EVENT, inactive={SHELTER}),
    case("R05 agreement-unknown /agreement", REFERRAL, agreement=None),
    case("R05 agreement-unknown /agreement", REFERRAL, {"/agreement": f"{OTHER_AGR}@1"}),
    case("R05 agreement-unknown /agreement", REFERRAL, agreement=None, gate="pickup"),
    case("R05 agreement-superseded /agreement", REFERRAL, {"/agreement": f"{AGREEMENT_ID}@2"}),
    case("R05 agreement-digest /agreement_sha256", REFERRAL, {"/agreement_sha256": "00" * 32}),
    case("R05 agreement-digest /agreement_sha256", MESSAGE, {"/agreement_sha256": "00" * 32}),
    case("R05 agreement-digest /agreement_sha256", EVENT, {"/agreement_sha256": "00" * 32}),
    case("R06 agreement-not-in-force /agreement", REFERRAL, agreement={}, state="signing"),
    case("R06 agreement-not-in-force /agreement", REFERRAL, agreement={"/not_before": format_time(AT + MOMENT)}),
    case("R06 agreement-suspended /agreement", REFERRAL, agreement={}, state="suspended"),
    case("R06 agreement-ended /agreement", REFERRAL, agreement={}, state="ended", ended_at=AT - DAY),
    case("R06 agreement-ended /agreement", REFERRAL, agreement={"/not_after": format_time(AT)}),
    case("R06 agreement-ended /agreement", REFERRAL, agreement={"/not_after": format_time(AT)}, gate="pickup"),
    case("R07 agreement-suspended /agreement", MESSAGE, agreement={}, state="suspended"),
    case("R07 agreement-ended /agreement", MESSAGE, agreement={}, state="ended", ended_at=AT - 90 * DAY),
    case("R07 agreement-ended /agreement", EVENT, agreement={}, state="ended"),
    case("R07 agreement-ended /agreement", EVENT, agreement=OVER),
    case("R08 not-a-party /to", REFERRAL, agreement=NO_SHELTER),
    case("R08 not-a-party /from", REFERRAL, {"/from": "intrus@laval"}),
    case("R08 not-a-party /to", MESSAGE, agreement=NO_SHELTER),
    case("R08 not-a-party /from", EVENT, agreement=NO_SHELTER),
    case("R09 article-unknown /article", REFERRAL, {"/article": "9"}),
    case("R09 article-direction /article", REFERRAL, {"/article": "2"}),
    case("R09 article-direction /article", MESSAGE, {"/article": "2"}),
    case("R09 article-direction /article", REPLY, {"/article": "2"}),
    case("R10 article-purpose /purpose", REFERRAL, {"/purpose": "referral-food"}),
    case("R10 article-purpose /ref", MESSAGE, referral=open_referral(purpose="referral-food")),
    case("R11 article-section /slots/1/section", REFERRAL, slot(1, "safety")),
    case("R11 article-section /slots/0/section", MESSAGE, slot(0, "safety")),
    case("R12 article-authority /authority", REFERRAL, agreement={"/articles/0/authorities": ["legal-sharing"]}),
    case("R12 article-authority /authority", REPLY, agreement={"/articles/0/authorities": ["legal-sharing"]}),
    case("R13 clear-not-allowed /territory", REFERRAL, {"/territory": "laval-nord"}),
    case("R13 clear-not-allowed /need", REFERRAL, agreement={"/articles/0/clear": []}),
    case("R14 consent-unknown /authority/statement", REFERRAL, statement=None),
    case("R14 consent-unknown /authority/statement", REFERRAL, {"/authority/statement": OTHER_STATEMENT}),
    case("R14 consent-unknown /authority/statement", REFERRAL, statement={"/issuer": NEWCOMERS}),
    case("R15 consent-unknown /authority/statement", MESSAGE, statement=None),
    case("R15 consent-unknown /authority/statement", MESSAGE, referral=open_referral(statement=OTHER_STATEMENT)),
    case("R15 consent-unknown /authority/statement", REPLY, {"/authority/statement": OTHER_STATEMENT}),
    case("R16 consent-superseded /authority/version", REFERRAL, OLD, statement=SECOND),
    case("R16 consent-superseded /authority/version", REFERRAL, {"/authority/version": 2}),
    case("R16 consent-digest /authority/sha256", REFERRAL, {"/authority/sha256": "00" * 32}),
    case("R16 consent-superseded /authority/version", MESSAGE, OLD, statement=SECOND),
    case("R16 consent-superseded /authority/version", REPLY, {"/authority/version": 2}),
    case("R16 consent-digest /authority/sha256", REPLY, {"/authority/sha256": "00" * 32}),
    case("R17 consent-withdrawn /authority/statement", REFERRAL, OLD, statement=WITHDRAWN),
    case("R17 consent-withdrawn /authority/statement", REFERRAL, statement=WITHDRAWN, gate="pickup"),
    case("R17 consent-revoked /authority/statement", REFERRAL, statement=ENDED | {"/state": "revoked"}),
    case("R17 consent-invalidated /authority/statement", REFERRAL, statement=ENDED | {"/state": "invalidated"}),
    case("R17 consent-not-started /authority/statement", REFERRAL, statement={"/not_before": format_time(AT + MOMENT)}),
    case("R17 consent-expired /authority/statement", REFERRAL, statement={"/not_after": format_time(AT)}),
    case("R17 consent-withdrawn /authority/statement", MESSAGE, OLD, statement=WITHDRAWN),
    case("R17 consent-withdrawn /authority/statement", REPLY, OLD, statement=WITHDRAWN),
    case("R17 consent-expired /authority/statement", REPLY, statement={"/not_after": format_time(AT)}),
    case("R18 purpose-not-granted /purpose", REFERRAL, statement={"/grants/0": ABSENT}),
    case("R18 purpose-not-granted /ref", MESSAGE, statement={"/grants/0": ABSENT}),
    case("R18 agreement-not-granted /agreement", REFERRAL, statement={"/grants/0/agreement": OTHER_AGR}),
    case("R19 recipient-not-granted /to", REFERRAL, {"/to": HEALTH}),
    case("R19 recipient-not-granted /to", MESSAGE, statement={"/grants/0/recipient": HEALTH}),
    case("R20 section-not-granted /slots/2/section", REFERRAL, statement={"/grants/0/sections/2": ABSENT}),
    case("R20 section-not-granted /slots/0/section", MESSAGE, slot(0, "situation")),
    case("R21 outside-geography /to", REFERRAL, agreement={"/parties/1/jurisdiction": "FR"}),
    case("R21 outside-geography /to", REFERRAL, statement={"/grants/0/geo": ["FR"]}, gate="pickup"),
    case("R21 outside-geography /to", MESSAGE, statement={"/grants/0/geo": ["FR"]}),
    case("R22 uses-exhausted /authority/statement", REFERRAL, statement={}, uses={"g1": 1}),
    case("R23 referral-exists /ref", REFERRAL, referral=open_referral()),
    case("R23 referral-exists /ref", REFERRAL, referral=open_referral(requester=HEALTH)),
    case("R23 referral-unknown /ref", REFERRAL, referral=None, gate="pickup"),
    case("R23 referral-unknown /ref", REFERRAL, referral=open_referral(owner=HEALTH), gate="pickup"),
    case("R23 referral-closed /ref", REFERRAL, referral=open_referral(REJECTED), gate="pickup"),
    case("R24 respond-by-past /respond_by", REFERRAL, {"/respond_by": format_time(AT)}),
    case("R24 respond-by-too-far /respond_by", REFERRAL, {"/respond_by": "9999-12-31T23:59:59.999Z"}),
    case("R25 referral-unknown /ref", MESSAGE, referral=None),
    case("R25 referral-unknown /ref", MESSAGE, referral=open_referral(ref=OTHER_REF)),
    case("R25 referral-unknown /ref", MESSAGE, {"/to": HEALTH}),
    case("R25 referral-unknown /ref", EVENT, {"/from": HEALTH}),
    case("R25 referral-unknown /ref", EVENT, {"/to": NEWCOMERS}),
    case("R25 referral-unknown /ref", EVENT, referral=None, gate="pickup"),
    case("R26 section-not-granted /slots/0/section", REPLY, slot(0, "identity")),
    case("R26 section-not-granted /slots/0/section", REPLY, slot(0, "contact")),
    case("R27 transition-not-yours /event/transition", EVENT, {"/from": LINE, "/to": SHELTER}),
    case("R27 transition-not-from-here /event/transition", EVENT, {"/event/transition": "T13"}),
    case("R27 reason-required /event/reason", EVENT, {"/event/transition": "T09"}),
    case("R27 reason-reserved /event/reason", EVENT, {"/event": {"transition": "T09", "reason": "no-response"}}),
    case("R27 transition-not-yours /event/transition", NOTICE, {"/event": {"transition": "T08"}}),
    case("R27 deadline-not-reached /event", NOTICE, {"/event": {"transition": "T11", "reason": "no-response"}}),
    case("R28 notice-not-from-broker /from", NOTICE, {"/from": SHELTER}),
    case("R29 referral-closed /ref", MESSAGE, referral=open_referral(REJECTED)),
    case("R29 referral-closed /ref", MESSAGE, referral=open_referral(REJECTED), gate="pickup"),
    case("R29 reply-too-late /ref", REPLY, referral=open_referral(REJECTED_LONG_AGO)),
    case("R30 agreement-of-another-referral /agreement", MESSAGE, referral=open_referral(agreement=OTHER_AGR)),
    case("R30 agreement-of-another-referral /agreement", EVENT, referral=open_referral(agreement=f"{OTHER_AGR}@1")),
    case("R31 referral-unknown /part_of", REFERRAL, {"/part_of": PARENT}),
    case("R31 referral-unknown /part_of", REFERRAL, {"/part_of": PARENT}, part_of=open_referral()),
    case("R31 referral-unknown /part_of", REFERRAL, {"/part_of": PARENT}, part_of=THEIRS),
    case("R31 referral-unknown /part_of", MESSAGE, {"/part_of": PARENT}),
    case("R31 referral-unknown /part_of", EVENT, {"/part_of": PARENT}),
    case("R32 referral-unknown /ref", NOTICE, {"/to": NEWCOMERS}),
    case("R32 referral-unknown /ref", NOTICE, referral=None),
    case("R32 referral-unknown /ref", NOTICE, referral=open_referral(ref=OTHER_REF)),
)
# fmt: on

"""Vectors of the decision: for each rule one question that it refuses first, and the questions that pass.

A question is one of the base questions with some changes, each at a JSON pointer (null takes a member out).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from keys import strictjson
from keys.documents import format_time, sha256_hex
from tests.builders import (
    AGREEMENT_ID,
    AT,
    AUDITORS,
    BROKER,
    DAY,
    HEALTH,
    JUSTIFICATION_ID,
    JUSTIFICATION_SHA256,
    LINE,
    NEWCOMERS,
    PARENT,
    REF,
    SHELTER,
    STATEMENT_ID,
    UNDELIVERED_ID,
    UNDELIVERED_SHA256,
    agreement_members,
    emergency_members,
    emergency_message_members,
    emergency_reply_members,
    emergency_terms,
    event_members,
    justification_members,
    message_members,
    notice_members,
    referral_members,
    replacing_members,
    reply_members,
    statement_members,
)

__all__ = ["decisions"]

Json = dict[str, Any]
Change = dict[str, object]

_OTHER, _STANDINGS = "z" * 26, ("stored", "replaced", "leased")
_SENT = AT - timedelta(minutes=1)
_TOO_EARLY = format_time(_SENT - timedelta(seconds=120, milliseconds=1))
_NOW, _TOMORROW = format_time(AT), format_time(AT + DAY)
_LONG_OVER: Change = {"/agreement/state": "ended", "/agreement/ended_at": format_time(AT - 90 * DAY)}
_REJECTED: Change = {
    "/referral/state/status": "rejected",
    "/referral/state/respond_by": None,
    "/referral/state/closed_at": format_time(AT - DAY),
}
_ENDED: Change = {"/statement/document/grants": [], "/statement/document/state": "withdrawn"} | {
    "/statement/document/version": 2,
    "/statement/document/prev": "ab" * 32,
}
_SENT_AGAIN = format_time(AT - timedelta(seconds=30))
_TOO_LONG = format_time(_SENT + DAY + timedelta(milliseconds=1))
_FETCHED: Change = {"/gate": "pickup", "/justification": None}
_SPENT: Change = {"/statement/uses": {"g1": 1}}
_ANOTHER: Change = {"/referral/justification": f"env_{_OTHER}"}
_NOT_IT, _FIRST = "emergency-of-another-referral", "/referral/emergency"
_BARRED: Change = _FETCHED | {"/worker_barred": True}
_ITS_END: Change = _BARRED | {"/agreement/state": "ended"}
_LAW = "/statement/document/authority"
_PARTIES, _GRANT = "/agreement/document/parties", "/statement/document/grants/0"
_SIAO: Change = {
    f"{_LAW}/kind": "legal-sharing",
    f"{_LAW}/article": "FR-CASF-L345-2-10",
    f"{_LAW}/jurisdiction": "FR",
    f"{_GRANT}/geo": ["FR"],
    f"{_PARTIES}/0/roles/0": "line-115",
    f"{_PARTIES}/0/jurisdiction": "FR",
    f"{_PARTIES}/1/jurisdiction": "FR",
    "/agreement/document/articles/0/from": [LINE],
    "/agreement/document/articles/0/authorities": ["legal-sharing"],
}
_FOR_NEWCOMERS: Change = {"/header/purpose": "referral-newcomer", f"{_GRANT}/purpose": "referral-newcomer"}
_NOTE_GRANTED: Change = {f"{_GRANT}/sections": ["health-note", "contact", "housing"]}


def _registered(document: Json) -> Json:
    return {"document": document, "sha256": sha256_hex(strictjson.dumps(document))}


def _known() -> Json:
    state = {
        "status": "requested",
        "business_status": "deposited",
        "last_transition": "T02",
        "delay_seconds": 3660,
        "respond_by": format_time(_SENT + timedelta(seconds=3660)),
    }
    ends = {"requester": LINE, "owner": SHELTER, "agreement": AGREEMENT_ID, "statement": STATEMENT_ID}
    return {"ref": REF, **ends, "purpose": "referral-shelter", "state": state}


def _lost() -> Json:
    """The referral above, which could not be delivered."""
    gone = {"status": "cancelled", "business_status": "undeliverable", "last_transition": "T04"}
    known = _known()
    del known["state"]["respond_by"]
    return known | {"state": known["state"] | gone | {"closed_at": _SENT_AGAIN}}


def _known_urgent() -> Json:
    known = _known() | {"justification": JUSTIFICATION_ID}
    del known["statement"]
    declared = {"ground": "person-in-danger-unable", "worker": "int-7", "at": format_time(_SENT)}
    return known | {"emergency": declared | {"justification_sha256": JUSTIFICATION_SHA256}}


def _envelope(envelope: str, kind: str, recipient: str, payload_sha256: str) -> Json:
    ends = {"kind": kind, "ref": REF, "sender": LINE, "recipient": recipient}
    return {"id": envelope, **ends, "payload_sha256": payload_sha256, **dict.fromkeys(_STANDINGS, False)}


def _urgent_base(header: Json, *, is_new: bool = False) -> Json:
    agreement = _registered(agreement_members(emergency_terms()))
    question = _base(header, is_new=is_new) | {"agreement": agreement | {"state": "in-force"}}
    question["header"] |= {"agreement_sha256": agreement["sha256"]}
    del question["statement"]
    if not is_new:
        question["referral"] = _known_urgent()
    return question | {"justification": _envelope(JUSTIFICATION_ID, "message", AUDITORS, JUSTIFICATION_SHA256)}


def _base(header: Json, *, is_new: bool = False) -> Json:
    agreement, statement = _registered(agreement_members()), _registered(statement_members())
    header |= {"agreement_sha256": agreement["sha256"]}
    if "authority" in header:
        header["authority"] |= {"sha256": statement["sha256"]}
    question: Json = {
        "gate": "deposit",
        "header": header,
        "inactive": [],
        "scopes": ["envelope:send", "envelope:receive"],
        "agreement": agreement | {"state": "in-force"},
        "statement": statement | {"uses": {}},
        "at": format_time(AT),
    }
    return question if is_new else question | {"referral": _known()}


def decisions() -> Json:
    """The base questions, those that pass, and those that are refused, each by its rule, slug and place."""
    return {
        "base": {
            "referral": _base(referral_members(), is_new=True),
            "replacing": _base(replacing_members())
            | {"referral": _lost(), "replaces": _envelope(UNDELIVERED_ID, "referral", SHELTER, UNDELIVERED_SHA256)},
            "emergency": _urgent_base(emergency_members(), is_new=True),
            "emergency-message": _urgent_base(emergency_message_members()),
            "emergency-reply": _urgent_base(emergency_reply_members()),
            "justification": _urgent_base(justification_members(), is_new=True),
            "message": _base(message_members()),
            "reply": _base(reply_members()),
            "event": _base(event_members()),
            "notice": _base(notice_members()),
        },
        "granted": _granted(),
        "refused": [_case(*row) for row in _REFUSED],
    }


def _granted() -> list[Json]:
    within_an_hour, requested = format_time(AT + timedelta(hours=1)), {"grant": "g1", "status": "requested"}
    pickup: Change = {"/gate": "pickup", "/referral": _known(), "/statement/uses": {"g1": 1}}
    by_tomorrow: Change = {"/header/respond_by": _TOMORROW}
    cases: list[tuple[str, str, Change, Json]] = [
        ("a referral", "referral", {}, requested | {"respond_by": within_an_hour}),
        ("an answer asked for by a moment", "referral", by_tomorrow, requested | {"respond_by": _TOMORROW}),
        ("a referral fetched, its use being spent", "referral", pickup, {"grant": "g1"}),
        ("one that replaces an undelivered one", "replacing", _SPENT, requested | {"respond_by": within_an_hour}),
        ("an emergency", "emergency", {}, {"status": "requested", "respond_by": within_an_hour}),
        ("an emergency fetched", "emergency", _FETCHED | {"/referral": _known_urgent()}, {}),
        ("an emergency of a worker barred since", "emergency", _BARRED | {"/referral": _known_urgent()}, {}),
        ("why it is an emergency", "justification", {}, {}),
        ("why it was one, after its agreement ended", "justification", _ITS_END, {}),
        ("more on an emergency", "emergency-message", {}, {}),
        ("the answer to an emergency", "emergency-reply", {}, {}),
        ("the answer to an emergency found unjustified", "emergency-reply", {f"{_FIRST}/not_justified": True}, {}),
        ("what the law lets actors share", "referral", _SIAO, requested | {"respond_by": within_an_hour}),
        ("a message to the owner", "message", {}, {"grant": "g1"}),
        ("an answer of the owner", "reply", {}, {}),
        ("the owner accepts", "event", {}, {"status": "accepted"}),
        ("the broker cannot deliver", "notice", {}, {"status": "cancelled"}),
        ("an answer after closing", "reply", _REJECTED, {}),
    ]
    return [
        {"name": name, "base": base, "changes": changes, "expected": expected}
        for name, base, changes, expected in cases
    ]


def _case(expected: str, base: str, changes: Change) -> Json:
    rule, because, pointer = (*expected.split(" "), "")[:3]
    return {"base": base, "changes": changes, "rule": rule, "because": because, "pointer": pointer}


def _slot(section: str) -> Change:
    return {"/header/slots/0/section": section, "/header/slots/0/schema": f"{section}/1"}


# One line a case: it is read as a table.
# fmt: off
_REFUSED: tuple[tuple[str, str, Change], ...] = (
    ("R01 scope-missing", "referral", {"/scopes": ["envelope:receive"]}),
    ("R02 foreign-territory /to", "referral", {"/header/to": "refuge@ailleurs"}),
    ("R03 envelope-from-the-future /iat", "referral", {"/at": _TOO_EARLY}),
    ("R03 envelope-expired /exp", "referral", {"/at": format_time(AT + 7 * DAY)}),
    ("R04 sender-suspended /from", "referral", {"/inactive": [LINE]}),
    ("R04 recipient-suspended /to", "referral", {"/inactive": [SHELTER]}),
    ("R05 agreement-unknown /agreement", "referral", {"/agreement": None}),
    ("R05 agreement-superseded /agreement", "referral", {"/header/agreement": f"{AGREEMENT_ID}@2"}),
    ("R05 agreement-digest /agreement_sha256", "referral", {"/header/agreement_sha256": "00" * 32}),
    ("R06 agreement-not-in-force /agreement", "referral", {"/agreement/state": "signing"}),
    ("R06 agreement-suspended /agreement", "referral", {"/agreement/state": "suspended"}),
    ("R06 agreement-ended /agreement", "referral", {"/agreement/document/not_after": _NOW}),
    ("R07 agreement-suspended /agreement", "event", {"/agreement/state": "suspended"}),
    ("R07 agreement-ended /agreement", "event", _LONG_OVER),
    ("R08 not-a-party /from", "referral", {"/header/from": "intrus@laval"}),
    ("R09 article-unknown /article", "referral", {"/header/article": "9"}),
    ("R09 article-direction /article", "referral", {"/header/article": "2"}),
    ("R10 article-purpose /purpose", "referral", {"/header/purpose": "referral-food"}),
    ("R11 article-section /slots/0/section", "referral", _slot("safety")),
    ("R12 article-authority /authority", "referral", {"/agreement/document/articles/0/authorities": ["legal-sharing"]}),
    ("R13 clear-not-allowed /need", "referral", {"/agreement/document/articles/0/clear": []}),
    ("R14 consent-unknown /authority/statement", "referral", {"/statement": None}),
    ("R14 consent-unknown /authority/statement", "referral", {"/statement/document/issuer": NEWCOMERS}),
    ("R15 consent-unknown /authority/statement", "message", {"/referral/statement": f"cs_{_OTHER}"}),
    ("R16 consent-superseded /authority/version", "referral", {"/header/authority/version": 2}),
    ("R16 consent-digest /authority/sha256", "referral", {"/header/authority/sha256": "00" * 32}),
    ("R17 consent-withdrawn /authority/statement", "referral", _ENDED),
    ("R17 consent-not-started /authority/statement", "referral", {"/statement/document/not_before": _TOMORROW}),
    ("R17 consent-expired /authority/statement", "referral", {"/statement/document/not_after": _NOW}),
    ("R18 purpose-not-granted /purpose", "referral", {"/statement/document/grants/0/purpose": "referral-rights"}),
    ("R18 agreement-not-granted /agreement", "referral", {"/statement/document/grants/0/agreement": f"agr_{_OTHER}"}),
    ("R19 recipient-not-granted /to", "referral", {"/header/to": HEALTH}),
    ("R20 section-not-granted /slots/0/section", "message", _slot("situation")),
    ("R21 outside-geography /to", "referral", {"/statement/document/grants/0/geo": ["FR"]}),
    ("R22 uses-exhausted /authority/statement", "referral", {"/statement/uses": {"g1": 1}}),
    ("R23 referral-exists /ref", "referral", {"/referral": _known()}),
    ("R24 respond-by-past /respond_by", "referral", {"/header/respond_by": _NOW}),
    ("R24 respond-by-too-far /respond_by", "referral", {"/header/respond_by": format_time(AT + 367 * DAY)}),
    ("R25 referral-unknown /ref", "message", {"/referral": None}),
    ("R25 referral-unknown /ref", "event", {"/header/from": HEALTH}),
    ("R26 section-not-granted /slots/0/section", "reply", _slot("identity")),
    ("R27 transition-not-yours /event/transition", "event", {"/header/from": LINE, "/header/to": SHELTER}),
    ("R27 transition-not-from-here /event/transition", "event", {"/header/event/transition": "T13"}),
    ("R27 reason-required /event/reason", "event", {"/header/event/transition": "T09"}),
    ("R27 deadline-not-reached /event", "notice", {"/header/event": {"transition": "T11", "reason": "no-response"}}),
    ("R28 notice-not-from-broker /from", "notice", {"/header/from": SHELTER}),
    ("R29 referral-closed /ref", "message", _REJECTED),
    ("R29 reply-too-late /ref", "reply", _REJECTED | {"/referral/state/closed_at": format_time(AT - 14 * DAY)}),
    ("R30 agreement-of-another-referral /agreement", "event", {"/referral/agreement": f"agr_{_OTHER}"}),
    ("R31 referral-unknown /part_of", "referral", {"/header/part_of": PARENT}),
    ("R32 referral-unknown /ref", "notice", {"/header/to": NEWCOMERS, "/header/from": BROKER}),
    ("R12 article-authority /emergency", "emergency", {"/agreement/document/articles/0/emergency": False}),
    ("R34 emergency-section /slots/0/section", "emergency", _slot("housing")),
    ("R34 emergency-section /slots/0/section", "emergency-message", _slot("housing")),
    ("R35 emergency-too-long /exp", "emergency", {"/header/exp": _TOO_LONG}),
    ("R36 justification-missing /emergency/justification", "emergency", {"/justification": None}),
    ("R36 justification-missing /emergency/justification", "emergency", {"/justification/payload_sha256": "00" * 32}),
    ("R36 justification-missing /emergency/justification", "emergency", {"/justification/ref": PARENT}),
    ("R36 justification-missing /emergency/justification", "emergency", {"/justification/sender": HEALTH}),
    ("R36 justification-not-to-auditors /emergency/justification", "emergency", {"/justification/recipient": HEALTH}),
    ("R37 emergency-worker-suspended /emergency/worker", "emergency", {"/worker_barred": True}),
    ("R37 emergency-worker-suspended /emergency/worker", "emergency-message", {"/worker_barred": True}),
    ("R38 emergency-of-another-referral /emergency/justification", "emergency-message", _ANOTHER),
    (f"R38 {_NOT_IT} /emergency/justification", "emergency-message", {f"{_FIRST}/justification_sha256": "00" * 32}),
    (f"R38 {_NOT_IT} /emergency/ground", "emergency-message", {f"{_FIRST}/ground": "child-in-danger"}),
    (f"R38 {_NOT_IT} /emergency/worker", "emergency-message", {f"{_FIRST}/worker": "int-8"}),
    ("R38 emergency-not-justified /emergency", "emergency-message", {f"{_FIRST}/not_justified": True}),
    ("R38 emergency-over /emergency", "emergency-message", {f"{_FIRST}/at": format_time(AT - DAY)}),
    ("R39 justification-not-to-auditors /to", "justification", {"/header/to": SHELTER}),
    ("R39 emergency-section /slots/0/section", "justification", _slot("identity")),
    ("R40 replaced-unknown /replaces", "replacing", {"/replaces": None}),
    ("R40 replaced-unknown /replaces", "replacing", {"/replaces/sender": HEALTH}),
    ("R40 replaced-already /replaces", "replacing", {"/replaces/stored": True}),
    ("R40 replaced-already /replaces", "replacing", {"/replaces/replaced": True}),
    ("R40 replaced-leased /replaces", "replacing", {"/replaces/leased": True}),
    ("R40 replaced-differs /replaces", "replacing", {"/referral/purpose": "referral-health"}),
    ("R40 replaced-differs /replaces", "replacing", {"/referral/statement": f"cs_{_OTHER}"}),
    ("R40 referral-closed /ref", "replacing", {"/referral/state/business_status": "consent-ended"}),
    ("R41 legal-ground-unknown /authority/statement", "referral", _SIAO | {f"{_LAW}/article": "FR-CSP-L1110-4"}),
    ("R41 legal-ground-role /from", "referral", _SIAO | {f"{_PARTIES}/0/roles/0": "line-211"}),
    ("R41 legal-ground-role /to", "referral", _SIAO | {f"{_PARTIES}/1/roles/0": "food-aid"}),
    ("R41 legal-ground-purpose /purpose", "referral", _SIAO | _FOR_NEWCOMERS),
    ("R41 legal-ground-section /slots/0/section", "referral", _SIAO | _slot("health-note") | _NOTE_GRANTED),
)
# fmt: on

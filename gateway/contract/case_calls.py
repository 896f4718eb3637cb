"""The calls beside the straight way: why, sealed papers, reports of what was not announced, and emergencies."""

from __future__ import annotations

from typing import Final, get_args

from consent.decision import RULES
from consent.emergency_review import REVIEW_KIND, EmergencyReview, Verdict
from consent.headers import EventHeader, MessageHeader, ReferralHeader
from consent.identifiers import AgreementRef, ArticleNumber, Author, EnvelopeId, ReferralId, StatementId
from consent.mismatch import MISMATCH_KIND, Mismatch
from consent.remedies import Fixer
from consent.vocabulary import GroundCode
from gateway.attachments import MAX_SEALED, MIN_SEALED
from gateway.contract.calls import BINARY, Answer, Body, Call, Parameter, document, plain, text
from gateway.contract.exchange_calls import receipt_answers
from gateway.contract.refusals import BODY, CONTRADICTED, DECISION, DOCUMENT, HEADER, SIGNED, SIGNED_IN, at
from gateway.contract.schemas import COUNT, TIME, Schema, array, closed, form_of, signed
from gateway.emergencies import MAX_LISTED
from gateway.explain import QUESTION_LIMIT, RuleVerdict
from gateway.receipts import RECEIPT_KIND, IncidentReceipt, ReviewReceipt
from keys.documents import Address, Sha256
from keys.signing import MAX_DOCUMENT

__all__ = ["CASE_CALLS"]

_TEXT: Final[Schema] = {"type": "string"}
_SHA256: Final = Parameter("sha256", "path", form_of(Sha256), "The digest of the sealed bytes.")
_OF_ENVELOPE: Final = Parameter(
    "envelope", "query", form_of(EnvelopeId), "The envelope that they belong to.", required=True
)
_PLACE: Final = at(422, "wrong-form", "missing-field")
_KEPT: Final = closed(
    {
        "v": {"const": 1},
        "envelope": form_of(EnvelopeId),
        "sha256": form_of(Sha256),
        "size": {"type": "integer", "minimum": MIN_SEALED, "maximum": MAX_SEALED},
        "until": TIME,
    }
)
_RULES: Final = sorted({rule.number for rules in RULES.values() for rule in rules})
_TOLD: Final = closed(
    {
        "rule": {"enum": _RULES},
        "title": _TEXT,
        "verdict": {"enum": list(get_args(RuleVerdict))},
        "because": _TEXT,
        "detail": _TEXT,
        "remedy": _TEXT,
        "pointer": _TEXT,
        "who_can_fix": {"enum": list(get_args(Fixer))},
    },
    optional=("because", "detail", "remedy", "pointer", "who_can_fix"),
)
_EXPLAINED: Final = closed(
    {
        "v": {"const": 1},
        "decision": {"enum": ["granted", "refused"]},
        "rules": array(_TOLD),
        "agreement": form_of(AgreementRef),
        "article": form_of(ArticleNumber),
        "consent": closed({"statement": form_of(StatementId), "version": COUNT}),
        "waits": closed({"because": {"const": "statement-unconfirmed"}, "detail": _TEXT, "remedy": _TEXT}),
    },
    optional=("agreement", "article", "consent", "waits"),
)
_EMERGENCY: Final = closed(
    {
        "envelope": form_of(EnvelopeId),
        "ref": form_of(ReferralId),
        "from": form_of(Address),
        "auditor": form_of(Address),
        "worker": form_of(Author),
        "ground": form_of(GroundCode),
        "at": TIME,
        "review_by": TIME,
        "verdict": {"enum": list(get_args(Verdict))},
        "reviewer": form_of(Author),
        "reviewed": TIME,
    },
    optional=("verdict", "reviewer", "reviewed"),
)

CASE_CALLS: Final = (
    Call(
        "post",
        "/v1/explain",
        "explainDecision",
        "What a deposit of this header would be answered now, with the verdict of every rule; nothing is kept.",
        {
            200: Answer(
                "The decision in the reader's language.", {"application/json": _EXPLAINED}, ("Content-Language",)
            )
        },
        scope="envelope:send",
        body=plain(
            closed({"v": {"const": 1}, "header": {"oneOf": [ReferralHeader, MessageHeader, EventHeader]}}),
            QUESTION_LIMIT,
        ),
        problems=SIGNED_IN | DOCUMENT | HEADER | at(403, "sender-is-not-caller"),
    ),
    Call(
        "put",
        "/v1/attachments/{sha256}",
        "bringAttachment",
        "Bring one sealed paper of an envelope that will be deposited.",
        {200: text("It had been brought before.", _KEPT), 201: text("Kept until its envelope comes.", _KEPT)},
        scope="envelope:send",
        parameters=(_SHA256, _OF_ENVELOPE),
        body=Body({BINARY: {}}, MAX_SEALED),
        problems=SIGNED_IN
        | BODY
        | _PLACE
        | at(409, "envelope-id-taken", "attachment-too-late")
        | at(422, "digest-mismatch", "too-short")
        | at(429, "attachment-quota"),
    ),
    Call(
        "get",
        "/v1/attachments/{sha256}",
        "fetchAttachment",
        "The sealed bytes of one paper, for the recipient of its envelope; they pass the second gate again.",
        {200: Answer("The sealed bytes.", {BINARY: {}})},
        scope="envelope:receive",
        parameters=(_SHA256, _OF_ENVELOPE),
        problems=SIGNED_IN
        | _PLACE
        | DECISION
        | at(404, "attachment-unknown")
        | at(409, "not-released")
        | CONTRADICTED
        | at(503, "statement-unconfirmed"),
    ),
    Call(
        "post",
        "/v1/mismatches",
        "reportMismatch",
        "Report that an envelope did not hold what its header announced.",
        receipt_answers("Reported", signed(RECEIPT_KIND, IncidentReceipt, signatures=1)),
        scope="envelope:receive",
        body=document(MISMATCH_KIND, signed(MISMATCH_KIND, Mismatch), MAX_DOCUMENT),
        problems=SIGNED_IN
        | SIGNED
        | at(404, "envelope-unknown")
        | at(409, "not-released", "mismatch-already-reported")
        | at(422, "unexpected-member"),
    ),
    Call(
        "get",
        "/v1/emergencies",
        "listEmergencies",
        "The emergencies that the caller declared or audits, the newest first.",
        {
            200: text(
                "The emergencies; `before` stands there when older ones may follow.",
                closed(
                    {
                        "v": {"const": 1},
                        "emergencies": array(_EMERGENCY, MAX_LISTED),
                        "before": form_of(EnvelopeId),
                    },
                    optional=("before",),
                ),
            )
        },
        scope="envelope:receive",
        parameters=(Parameter("before", "query", form_of(EnvelopeId), "Where the answer before ended."),),
        problems=SIGNED_IN | at(404, "emergency-unknown"),
    ),
    Call(
        "post",
        "/v1/emergencies/{envelope}/review",
        "reviewEmergency",
        "Bring the signed review of an emergency by a second person.",
        receipt_answers("Reviewed", signed(RECEIPT_KIND, ReviewReceipt, signatures=1)),
        scope="envelope:send",
        parameters=(Parameter("envelope", "path", form_of(EnvelopeId), "The referral that was declared urgent."),),
        body=document(REVIEW_KIND, signed(REVIEW_KIND, EmergencyReview), MAX_DOCUMENT),
        problems=SIGNED_IN
        | SIGNED
        | at(403, "reviewer-is-worker")
        | at(404, "emergency-unknown")
        | at(409, "review-differs"),
    ),
)
"""PRODUCT §4, PROTOCOL §4 and §6."""

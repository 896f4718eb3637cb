"""The calls about what people allowed: registered, narrowed, taken back, and answered for by whoever was served."""

from __future__ import annotations

from typing import Final, get_args

from consent.identifiers import StatementId
from consent.statement import STATEMENT_KIND, ConsentStatement, StatementState
from consent.withdrawal_answer import WITHDRAWAL_ANSWER_KIND, Answer, WithdrawalAnswer
from gateway.contract.calls import FORM, HTML, JSON, Body, Call, Parameter, document, plain, text
from gateway.contract.calls import Answer as Told
from gateway.contract.exchange_calls import receipt_answers
from gateway.contract.refusals import BODY, DOCUMENT, SIGNED, SIGNED_IN, at
from gateway.contract.schemas import COUNT, TIME, closed, form_of, signed
from gateway.receipts import RECEIPT_KIND, StatementReceipt, WithdrawalReceipt
from gateway.withdraw_page import MAX_FORM
from gateway.withdrawals import WITHDRAWAL_LIMIT, WithdrawalRequest
from keys.documents import Sha256
from keys.signing import MAX_DOCUMENT, media_type

__all__ = ["CONSENT_CALLS"]

_STATEMENT: Final = signed(STATEMENT_KIND, ConsentStatement)
_RECEIPT: Final = signed(RECEIPT_KIND, StatementReceipt, signatures=1)
_WITH_CODE: Final = closed({"v": {"const": 1}, "statement": _STATEMENT, "withdrawal_code": {"type": "string"}})
_REGISTRATION: Final = (
    SIGNED_IN
    | SIGNED
    | at(403, "consent-unknown", "consent-ended", "consent-widened", "consent-expired", "agreement-unknown")
    | at(403, "not-a-party")
    | at(409, "version-chain")
    | at(422, "emergency-in-statement", "given-by-and-kind", "period-reversed", "consent-too-long", "grants-and-state")
)
_IDENTIFIER: Final = Parameter("identifier", "path", form_of(StatementId), "The consent, through all its versions.")
_LANGUAGE: Final = Parameter("lang", "query", {"type": "string", "examples": ["fr", "en"]}, "The page's language.")
_PAGE: Final = "An HTML page in French or English, without scripts or cookies."
_AGAIN: Final = {
    404: "The form again: nobody has this code.",
    422: "The form again: a character is missing or wrong.",
    429: "The form again: too many attempts from this place.",
    503: "The form again: nothing could be recorded.",
}

CONSENT_CALLS: Final = (
    Call(
        "post",
        "/v1/consents",
        "registerConsent",
        "Register one version of a consent statement, the first one beside the person's withdrawal code.",
        receipt_answers("Registered", _RECEIPT),
        scope="consent:write",
        body=Body({media_type(STATEMENT_KIND): _STATEMENT, JSON: _WITH_CODE}, MAX_DOCUMENT),
        problems=_REGISTRATION
        | at(409, "withdrawal-code-taken")
        | at(422, "withdrawal-code-wrong", "unexpected-member"),
        tag="consents",
    ),
    Call(
        "get",
        "/v1/consents/{identifier}",
        "readConsent",
        "The newest version of a consent of the caller's, and whether it is given or how it ended.",
        {
            200: text(
                "Where the consent stands.",
                closed(
                    {
                        "v": {"const": 1},
                        "statement": form_of(StatementId),
                        "version": COUNT,
                        "sha256": form_of(Sha256),
                        "state": {"enum": [*get_args(StatementState), "expired"]},
                        "not_after": TIME,
                        "ended": TIME,
                        "index": COUNT,
                    },
                    optional=("ended", "index"),
                ),
            )
        },
        scope="consent:write",
        parameters=(_IDENTIFIER,),
        problems=SIGNED_IN | at(404, "consent-unknown"),
        tag="consents",
    ),
    Call(
        "post",
        "/v1/consents/{identifier}/withdraw",
        "withdrawConsent",
        "Register the version by which a consent ends: withdrawn, revoked or invalidated.",
        receipt_answers("Ended", _RECEIPT),
        scope="consent:write",
        parameters=(_IDENTIFIER,),
        body=document(STATEMENT_KIND, _STATEMENT, MAX_DOCUMENT),
        problems=_REGISTRATION | at(404, "consent-unknown") | at(422, "consent-not-ended"),
        tag="consents",
    ),
    Call(
        "post",
        "/v1/withdrawals",
        "withdrawByCode",
        "End the consent of a code that a person says; the answer tells nothing of what it was about.",
        {
            200: text(
                "It is done, however often it is said.",
                signed(RECEIPT_KIND, WithdrawalReceipt, signatures=1),
                media_type(RECEIPT_KIND),
            )
        },
        scope="consent:write",
        body=plain(WithdrawalRequest, WITHDRAWAL_LIMIT),
        problems=SIGNED_IN
        | DOCUMENT
        | at(404, "withdrawal-code-unknown")
        | at(422, "withdrawal-code-wrong")
        | at(429, "rate-limited"),
        tag="consents",
    ),
    Call(
        "post",
        "/v1/withdrawals/answers",
        "answerWithdrawal",
        "Say what became of envelopes that were handed out under a consent that ended.",
        {
            200: text(
                "Noted, and told to the organisation that collected the consent.",
                closed(
                    {
                        "v": {"const": 1},
                        "statement": form_of(StatementId),
                        "answer": {"enum": list(get_args(Answer))},
                        "index": COUNT,
                    }
                ),
            )
        },
        scope="envelope:receive",
        body=document(WITHDRAWAL_ANSWER_KIND, signed(WITHDRAWAL_ANSWER_KIND, WithdrawalAnswer), MAX_DOCUMENT),
        problems=SIGNED_IN
        | SIGNED
        | at(404, "envelope-unknown", "consent-unknown")
        | at(409, "consent-still-given", "withdrawal-answer-differs")
        | at(422, "unexpected-member"),
        tag="consents",
    ),
    Call(
        "get",
        "/withdraw",
        "showWithdrawalPage",
        "The public page that asks for a withdrawal code.",
        {200: text("The form.", _PAGE, HTML)},
        parameters=(_LANGUAGE,),
        tag="consents",
    ),
    Call(
        "post",
        "/withdraw",
        "submitWithdrawalPage",
        "End the consent of the code that was typed.",
        {200: text("Done: the receipt, to print or keep.", _PAGE, HTML)}
        | {
            status: Told(said, {HTML: {"type": "string"}}, ("Retry-After",) if status in {429, 503} else ())
            for status, said in _AGAIN.items()
        },
        parameters=(_LANGUAGE,),
        body=Body({FORM: closed({"code": {"type": "string"}})}, MAX_FORM),
        problems=BODY,
        tag="consents",
    ),
    Call(
        "get",
        "/withdraw.css",
        "readWithdrawalStyle",
        "How the public page looks.",
        {200: text("The style sheet.", "CSS.", "text/css")},
        tag="consents",
    ),
)
"""PROTOCOL §3 and §6, PRODUCT §4."""

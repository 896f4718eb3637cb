"""Somebody asks why: the decision for a header without content, rule by rule, in words. Nothing is kept of it.

PROTOCOL §6. It tells the sender what a deposit would tell, and of every later rule only what it may know anyway: an
agreement, referral or consent that is not its own stays as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from consent.conditions import Fault
from consent.decision import Rule, verdicts
from consent.headers import MAX_HEADER, Header, NoticeHeader, SealedHeader, read_header
from consent.passage import Case
from consent.remedies import WHO_CAN_FIX
from consent.statement import ConsentStatement
from gateway.bodies import read_body
from gateway.broker import Broker
from gateway.callers import present
from gateway.gates import case, is_unconfirmed
from gateway.polling import admitted
from gateway.problems import ProblemError
from gateway.words import words
from keys import strictjson
from keys.documents import Document, Version, parse
from keys.words import Language, language_of_header

__all__ = ["QUESTION_LIMIT", "RuleVerdict", "explain_router", "explained"]

QUESTION_LIMIT = 2 * MAX_HEADER
"""Bytes of the question: a header, and room for its spaces."""
_SCOPE = "envelope:send"
RuleVerdict = Literal["passed", "refused", "not-asked"]
_OF_REFERRAL, _AGREEMENT, _ARTICLE, _CITABLE = ("R25",), ("R25", "R05"), ("R25", "R05", "R08", "R09"), ("R14", "R15")
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("R15", "R26", "R27", "R29", "R30", "R38"), _OF_REFERRAL),
    **dict.fromkeys(("R06", "R07", "R08"), _AGREEMENT),
    **dict.fromkeys(("R09", "R33", "R36", "R39"), (*_AGREEMENT, "R08")),
    **dict.fromkeys(("R10", "R11", "R13"), _ARTICLE),
    **dict.fromkeys(("R16", "R17"), _CITABLE),
    **dict.fromkeys(("R12", "R18", "R41"), (*_ARTICLE, *_CITABLE)),
    **dict.fromkeys(("R34", "R35"), ("R33",)),
    "R19": ("R18",),
    "R20": ("R19",),
    "R21": ("R20",),
    "R22": ("R21",),
}
"""By rule: those that have to pass before it, because without them it would refuse for want of anything to look at."""


class Question(Document):
    """A header as it would be sent, in clear and unsigned."""

    v: Version
    header: dict[str, Any]


def explain_router(broker: Broker) -> APIRouter:
    """`POST /v1/explain`."""
    router = APIRouter()

    @router.post("/v1/explain")
    async def explain(request: Request) -> Response:
        """What a deposit of this header would be answered now, with the verdict of every rule."""
        presented = present(request, broker)
        question = parse(Question, await read_body(request, limit=QUESTION_LIMIT), limit=QUESTION_LIMIT)
        header = read_header(strictjson.dumps(question.header), pointer="/header")
        caller = await broker.store.write(lambda tx: admitted(broker, tx, presented, _SCOPE))
        if header.from_ != caller.address or isinstance(header, NoticeHeader):
            raise ProblemError("sender-is-not-caller", pointer="/header/from")
        with broker.store.reading() as tx:
            asked = case(tx, header, caller.scopes, tx.journal.lock(broker.clock()))
            waits = asked.at < header.exp and _may_know(asked) and is_unconfirmed(tx, header)
        language = language_of_header(request.headers.get("accept-language"))
        headers = {"Content-Language": language, "Vary": "Accept-Language", "Cache-Control": "no-store"}
        told = explained(asked, language) | (_waiting(language) if waits else {})
        return Response(strictjson.dumps(told), 200, headers, media_type="application/json")

    return router


def explained(asked: Case, language: Language) -> dict[str, object]:
    """The answer about a case: the decision, every rule in the order in which they are asked, and what it rests on.

    A verdict is `passed`, `refused`, or `not-asked`: the rule would only repeat what another one refused already.
    """
    found = list(_verdicts(asked))
    answer: dict[str, object] = {
        "v": 1,
        "decision": "refused" if any(verdict == "refused" for _, verdict, _ in found) else "granted",
        "rules": [_told(rule, verdict, fault, language) for rule, verdict, fault in found],
    }
    if asked.article is not None and asked.agreement is not None:
        answer |= {"agreement": asked.agreement.document.ref, "article": asked.article.no}
    if asked.consent is not None:
        statement = asked.consent.document
        answer["consent"] = {"statement": statement.id, "version": _version_known(asked.header, statement)}
    return answer


def _may_know(asked: Case) -> bool:
    """Whether the consent in question is one that the sender may cite, or that a referral of its own rests on."""
    header = asked.header
    cites_none = isinstance(header, SealedHeader) and header.authority is None
    return asked.consent is not None or (cites_none and asked.referral is not None)


def _waiting(language: Language) -> dict[str, object]:
    """That a deposit is put off, whatever the rules say: the consent was not confirmed since entries were lost."""
    because = "statement-unconfirmed"
    detail, remedy = (words(f"error.{because}.{part}", language) for part in ("title", "remedy"))
    return {"waits": {"because": because, "detail": detail, "remedy": remedy}}


def _version_known(header: Header, statement: ConsentStatement) -> int:
    """The newest version, to its issuer; to the owner of a referral, who is told of no newer one, what it cited."""
    if header.from_ == statement.issuer or not isinstance(header, SealedHeader) or header.authority is None:
        return statement.version
    return header.authority.version


def _verdicts(asked: Case) -> Iterator[tuple[Rule, RuleVerdict, Fault]]:
    """As a deposit asks up to the first refusal; what follows is asked of what the sender may know anyway."""
    given: dict[str, RuleVerdict] = {}
    for (rule, fault), (_, veiled) in zip(verdicts(asked), verdicts(_veiled(asked)), strict=True):
        shown = veiled if "refused" in given.values() else fault
        if any(given.get(needed, "passed") != "passed" for needed in _NEEDS.get(rule.number, ())):
            given[rule.number] = "not-asked"
        else:
            given[rule.number] = "refused" if shown else "passed"
        yield rule, given[rule.number], shown


def _veiled(asked: Case) -> Case:
    """The case without the agreements and referrals that the sender is no party to."""
    sender, passage = asked.header.from_, asked.passage
    agreement = asked.agreement
    if agreement is not None and agreement.document.party(sender) is None:
        agreement = None
    mine = _of(asked.header, passage.justification), _of(asked.header, passage.replaces)
    veiled = replace(passage, referral=asked.referral, justification=mine[0], replaces=mine[1])
    return replace(asked, agreement=agreement, passage=veiled)


def _of(header: Header, known: Any) -> Any:  # noqa: ANN401 - an envelope or none, returned as it came
    return known if known is not None and known.sender == header.from_ else None


def _told(rule: Rule, verdict: RuleVerdict, fault: Fault, language: Language) -> dict[str, str]:
    """One rule as the answer words it."""
    told = {"rule": rule.number, "title": words(f"rule.{rule.number}", language), "verdict": verdict}
    if verdict != "refused" or fault is None:
        return told
    because, pointer = fault
    told |= {
        "because": because,
        "detail": words(f"error.{because}.title", language),
        "remedy": words(f"error.{because}.remedy", language),
    }
    if pointer:
        told["pointer"] = pointer
    if because in WHO_CAN_FIX:
        told["who_can_fix"] = WHO_CAN_FIX[because]
    return told

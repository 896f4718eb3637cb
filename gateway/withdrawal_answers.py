"""A recipient answers for what it was handed under a consent that ended: deleted, or kept on a ground that it names.

PRODUCT §4 and PROTOCOL §6. The answer is signed, journalled, and told to the organisation that collected the consent.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from consent.headers import Notice
from consent.withdrawal_answer import WITHDRAWAL_ANSWER_KIND, WithdrawalAnswer
from gateway import records
from gateway.bodies import json_answer, read_body
from gateway.broker import Broker
from gateway.callers import Presented, admit, present
from gateway.narrowings import uncovered
from gateway.notices import tell
from gateway.problems import ProblemError
from gateway.signers import check_signer, verified_document
from gateway.store.transaction import Transaction
from keys.documents import Address, parse
from keys.errors import ForgedError
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["withdrawal_answers_router"]


@dataclass(frozen=True, slots=True)
class _Given:
    """What a recipient last answered for one envelope, and where the journal says so."""

    answer: str
    ground: str | None
    index: int

    def says(self, told: WithdrawalAnswer) -> bool:
        """Whether it is what is answered now."""
        return (self.answer, self.ground) == (told.answer, told.ground)

    def contradicts(self, told: WithdrawalAnswer) -> bool:
        """Whether what is answered now cannot follow: only what was kept can be deleted, and grounds do not change."""
        return told.answer == "kept" and not self.says(told)


def withdrawal_answers_router(broker: Broker) -> APIRouter:
    """`POST /v1/withdrawals/answers`."""
    router = APIRouter()

    @router.post("/v1/withdrawals/answers")
    async def answer(request: Request) -> Response:
        """Answer for envelopes handed out under a consent that ended; the same answer again is answered alike."""
        presented = present(request, broker)
        body = await read_body(request, (WITHDRAWAL_ANSWER_KIND,))
        signed = verified_document(broker, body, WITHDRAWAL_ANSWER_KIND)
        told = parse(WithdrawalAnswer, signed.payload, limit=MAX_DOCUMENT)
        index = await broker.store.write(lambda tx: _answer(broker, tx, presented, told, signed))
        return json_answer({"v": 1, "statement": told.statement, "answer": told.answer, "index": index})

    return router


def _answer(
    broker: Broker, tx: Transaction, presented: Presented, told: WithdrawalAnswer, signed: SignedDocument
) -> int:
    """Keep the word and pass it on; returns its journal index, the earlier one when it was given before."""
    at = tx.journal.lock(broker.clock())
    caller = admit(tx, presented, at)
    caller.require("envelope:receive")
    if not told.by == caller.address == signed.keyids[0].partition("#")[0]:
        raise ForgedError("signer-is-not-sender", "/payload/by")
    by_ref = _served(tx, told)
    given = _given(tx, told)
    if len(given) == len(told.envelopes) and all(item.says(told) for item in given.values()):
        return max(item.index for item in given.values())
    if any(item.contradicts(told) for item in given.values()):
        raise ProblemError("withdrawal-answer-differs", pointer="/payload/answer")
    check_signer(tx, signed, at)
    issuer = _issuer(tx, told)
    only = next(iter(by_ref)) if len(by_ref) == 1 else None
    appended = tx.journal.append(at, **records.answered(told, issuer, only))
    tx.withdrawals.keep(told.statement, told.by, appended.index, signed.encode())
    for ref, envelopes in by_ref.items():
        _tell(broker, tx, told, ref, tuple(envelopes), at)
    return appended.index


def _served(tx: Transaction, told: WithdrawalAnswer) -> dict[str, list[str]]:
    """The envelopes by referral, all of them handed to this recipient under this consent, which covers none any more.

    What is unknown, somebody else's, under another consent or never handed out is answered alike.
    """
    handed_out = {
        served.id: served.ref for served in tx.envelopes.served(told.statement) if served.recipient == told.by
    }
    by_ref: defaultdict[str, list[str]] = defaultdict(list)
    for position, envelope in enumerate(told.envelopes):
        if envelope not in handed_out:
            raise ProblemError("envelope-unknown", pointer=f"/payload/envelopes/{position}")
        by_ref[handed_out[envelope]].append(envelope)
    if not set(told.envelopes) <= _asked_about(tx, told):
        raise ProblemError("consent-still-given", pointer="/payload/statement")
    return by_ref


def _asked_about(tx: Transaction, told: WithdrawalAnswer) -> set[str]:
    """Which envelopes may be answered for: all once the consent ended, before that what a version leaves out."""
    newest = tx.statements.newest(told.statement)
    if newest is None:
        return set()
    if newest.state != "given":
        return set(told.envelopes)
    return {served.id for served in uncovered(tx, newest)}


def _given(tx: Transaction, told: WithdrawalAnswer) -> dict[str, _Given]:
    """What this recipient answered last for each of these envelopes, where it did."""
    given = {}
    for index, document in tx.withdrawals.answers(told.statement, told.by):
        signed = SignedDocument.parse(document, WITHDRAWAL_ANSWER_KIND)
        before = parse(WithdrawalAnswer, signed.payload, limit=MAX_DOCUMENT)
        for envelope in set(before.envelopes) & set(told.envelopes):
            given[envelope] = _Given(before.answer, before.ground, index)
    return given


def _issuer(tx: Transaction, told: WithdrawalAnswer) -> Address:
    newest = tx.statements.newest(told.statement)
    if newest is None or told.version > newest.document.version:
        raise ProblemError("consent-unknown", pointer="/payload/version", status=404)
    return newest.document.issuer


def _tell(
    broker: Broker, tx: Transaction, told: WithdrawalAnswer, ref: str, envelopes: tuple[str, ...], at: datetime
) -> None:
    """Tell the organisation that collected the consent, which is the requester of every referral under it."""
    referral = tx.referrals.get(ref)
    if referral is None:
        raise AssertionError  # referrals are never removed
    notice = Notice(
        kind="withdrawal-answered",
        statement=told.statement,
        version=told.version,
        envelopes=envelopes,
        answer=told.answer,
        ground=told.ground,
    )
    tell(broker, tx, referral, referral.requester, notice, at)

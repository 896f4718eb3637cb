"""A person takes a consent back with the code it came with, at any partner or on the public page.

PROTOCOL §3. The broker knows a code by its keyed digest only. The answer is a signed receipt that says nothing of the
consent, of who collected it or of what was sent; saying the code again gives the same receipt.
"""

from __future__ import annotations

import hmac

from fastapi import APIRouter, Request
from starlette.responses import Response

from consent.withdrawal_code import check_code
from gateway.bodies import read_body, signed_answer
from gateway.broker import Broker
from gateway.callers import Presented, present
from gateway.consent_endings import end_consent
from gateway.polling import admitted
from gateway.problems import ProblemError
from gateway.rates import BY_PARTNER, take
from gateway.receipts import RECEIPT_KIND, withdrawal_receipt
from gateway.shards import all_shards, shard_at
from gateway.store.journal import Appended
from gateway.store.transaction import Transaction
from keys.documents import Document, Version, parse

__all__ = ["WITHDRAWAL_LIMIT", "WithdrawalRequest", "code_digest", "withdraw_by_code", "withdrawals_router"]

_DOMAIN = b"passerelle/withdraw/1\x00"
WITHDRAWAL_LIMIT = 4096
"""Bytes of such a request."""


class WithdrawalRequest(Document):
    """A code as it was said or typed, with or without its spaces."""

    v: Version
    code: str


def withdrawals_router(broker: Broker) -> APIRouter:
    """`POST /v1/withdrawals`."""
    router = APIRouter()

    @router.post("/v1/withdrawals")
    async def withdraw(request: Request) -> Response:
        """End the consent of a code that a person says; 200 with the signed receipt, as often as it is said."""
        presented = present(request, broker)
        wanted = parse(WithdrawalRequest, await read_body(request, limit=WITHDRAWAL_LIMIT), limit=WITHDRAWAL_LIMIT)
        code = check_code(wanted.code, pointer="/code")
        # A transaction of its own: what a wrong code costs is not taken back with its refusal.
        await broker.store.write(lambda tx: _count(broker, tx, presented))
        answer = await broker.store.write(lambda tx: withdraw_by_code(broker, tx, code))
        return signed_answer(answer, RECEIPT_KIND, 200)

    return router


def code_digest(broker: Broker, code: str) -> str:
    """HMAC-SHA-256(pepper, "passerelle/withdraw/1" NUL code) in hexadecimal; `code` is as `check_code` gives it."""
    return hmac.digest(broker.keys.pepper("withdrawal"), _DOMAIN + code.encode("ascii"), "sha256").hex()


def withdraw_by_code(broker: Broker, tx: Transaction, code: str) -> bytes:
    """End the consent of a code and give its receipt, the same however often and however the consent had ended.

    Raises `ProblemError` (withdrawal-code-unknown).
    """
    at = tx.journal.lock(broker.clock())
    tx.journal.require_open()
    identifier = tx.statements.of_code(code_digest(broker, code))
    if identifier is None:
        raise ProblemError("withdrawal-code-unknown", pointer="/code")
    end = end_consent(broker, tx, identifier, "withdrawn", at)
    if end.receipt is not None:
        return end.receipt
    [leaf] = tx.journal.leaves(end.index, end.index + 1)
    origin = shard_at(all_shards(broker.keys, tx), end.index).origin  # the consent may have ended in an earlier one
    appended = Appended(end.index, leaf, end.at, tx.journal.head().contradicted)
    answer = withdrawal_receipt(broker.keys.receipts, origin, appended)
    tx.statements.keep_receipt(identifier, answer)
    return answer


def _count(broker: Broker, tx: Transaction, presented: Presented) -> None:
    caller = admitted(broker, tx, presented, "consent:write")
    take(broker, tx, BY_PARTNER, caller.address, tx.journal.lock(broker.clock()))

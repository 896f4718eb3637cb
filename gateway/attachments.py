"""The sealed papers of an envelope: brought before it, handed to its recipient alone, and not kept for long.

PROTOCOL §4 (*Attachments*) and §6. They belong to the envelope that announces a section `documents` and is deposited
next by the same sender; each fetch passes the second gate again, whatever became of the envelope meanwhile.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from consent.identifiers import EnvelopeId
from consent.passage import Refused
from gateway import records
from gateway.bodies import json_answer, read_sealed
from gateway.broker import Broker
from gateway.callers import Presented, admit, present
from gateway.endings import MAY_PASS_LATER
from gateway.gates import is_unconfirmed, judge
from gateway.problems import ProblemError, refusal
from gateway.store.attachments import Attachment
from gateway.store.transaction import Transaction
from keys.documents import Document, Sha256, format_time, sha256_hex, validate
from keys.errors import MalformedError

__all__ = ["FETCHED_KEPT", "HELD_QUOTA", "MAX_SEALED", "MIN_SEALED", "QUOTA", "UNDEPOSITED_KEPT", "attachments_router"]

MIN_SEALED = 1024
"""Bytes of the smallest sealed paper: what is sealed is padded to no less (PROTOCOL §0)."""
MAX_SEALED = 8 * 1024 * 1024 + 8264
"""Bytes of the largest sealed paper: 8 MiB of padded plaintext, and what Cobblestone-256 adds to them."""
QUOTA = 64 * 1024 * 1024
"""Bytes that one organisation may have brought without having deposited their envelopes."""
HELD_QUOTA = 1024 * 1024 * 1024
"""Bytes that one organisation may have here in all, with what its recipients have not fetched."""
UNDEPOSITED_KEPT = timedelta(hours=24)
"""How long a paper waits for its envelope."""
FETCHED_KEPT = timedelta(hours=24)
"""How long a paper that was fetched can be fetched again: an answer may be lost on the way."""
_RETRY_SECONDS = 3600


class Place(Document):
    """Which paper of which envelope."""

    envelope: EnvelopeId
    sha256: Sha256


def attachments_router(broker: Broker) -> APIRouter:
    """`PUT` and `GET /v1/attachments/{sha256}?envelope=`."""
    router = APIRouter()

    @router.put("/v1/attachments/{sha256}")
    async def bring(request: Request, sha256: str) -> Response:
        """Bring one sealed paper of an envelope to come; 201, or 200 when it was brought before."""
        presented = present(request, broker)
        place = _place(request, sha256)
        data = await read_sealed(request, limit=MAX_SEALED)
        if not hmac.compare_digest(sha256_hex(data), place.sha256):
            raise ProblemError("digest-mismatch", pointer="/sha256", status=422)
        if len(data) < MIN_SEALED:
            raise MalformedError("too-short")
        kept, is_new = await broker.store.write(lambda tx: _bring(broker, tx, presented, place, data))
        return json_answer(_described(kept), 201 if is_new else 200)

    @router.get("/v1/attachments/{sha256}")
    async def fetch(request: Request, sha256: str) -> Response:
        """The sealed bytes of one paper, for the recipient of its envelope."""
        presented = present(request, broker)
        place = _place(request, sha256)
        found = await broker.store.write(lambda tx: _fetch(broker, tx, presented, place))
        if isinstance(found, bytes):
            return Response(found, headers={"Cache-Control": "no-store"}, media_type="application/octet-stream")
        decision, index, article = found
        return refusal(request, decision, index, article)

    return router


def _place(request: Request, sha256: str) -> Place:
    named = request.query_params.getlist("envelope")
    members: dict[str, object] = {"sha256": sha256}
    if len(named) == 1:
        members["envelope"] = named[0]
    return validate(Place, members)


def _bring(broker: Broker, tx: Transaction, presented: Presented, place: Place, data: bytes) -> tuple[Attachment, bool]:
    at = tx.journal.lock(broker.clock())
    caller = admit(tx, presented, at)
    caller.require("envelope:send")
    kept = tx.attachments.brought(place.envelope, place.sha256, caller.address)
    if kept is not None:
        return kept, False
    known = tx.envelopes.get(place.envelope)
    if known is not None:
        # Whose envelope that is, is nobody else's business: they hear what a deposit would tell them.
        mine = known.sender == caller.address
        raise ProblemError("attachment-too-late" if mine else "envelope-id-taken", pointer="/envelope")
    waiting, held = tx.attachments.waiting_bytes(caller.address), tx.attachments.held_bytes(caller.address)
    if waiting + len(data) > QUOTA or held + len(data) > HELD_QUOTA:
        raise ProblemError("attachment-quota", headers={"Retry-After": str(_RETRY_SECONDS)})
    fresh = Attachment(place.envelope, place.sha256, caller.address, len(data), at + UNDEPOSITED_KEPT)
    tx.attachments.keep(fresh, data)
    return fresh, True


def _fetch(broker: Broker, tx: Transaction, presented: Presented, place: Place) -> bytes | tuple[Refused, int, str]:
    """Gate 2, the entry `released`, and the bytes; or a refusal for good, after which the bytes are gone."""
    at = tx.journal.lock(broker.clock())
    tx.journal.require_uncontradicted()
    caller = admit(tx, presented, at)
    caller.require("envelope:receive")
    found = tx.attachments.received(place.envelope, place.sha256, caller.address)
    known = tx.envelopes.get(place.envelope)
    if found is None or found.header is None or found.payload_sha256 is None or known is None:
        raise ProblemError("attachment-unknown", pointer="/sha256")
    if not known.released:
        raise ProblemError("not-released", pointer="/envelope")
    header = found.header
    if is_unconfirmed(tx, header):
        raise ProblemError("statement-unconfirmed", pointer="/envelope")
    decision = judge(tx, header, "pickup", caller.scopes, at)
    if isinstance(decision, Refused):
        # Suspensions may be lifted, and a closing corrected (T21): nothing is destroyed because of them.
        if decision.because in MAY_PASS_LATER or decision.because == "referral-closed":
            raise ProblemError(decision.because, pointer=decision.pointer)
        gone = records.destroyed(header, found.payload_sha256, decision, broker.settings.address)
        tx.attachments.destroy(place.envelope)
        return decision, tx.journal.append(at, **gone).index, header.article
    tx.journal.append(at, **records.attachment_released(decision, found.payload_sha256, place.sha256))
    _keep_briefly(tx, found, at)
    return tx.attachments.data(found)


def _keep_briefly(tx: Transaction, found: Attachment, at: datetime) -> None:
    if at + FETCHED_KEPT < found.until:
        tx.attachments.keep_until(found, at + FETCHED_KEPT)


def _described(kept: Attachment) -> dict[str, object]:
    return {
        "v": 1,
        "envelope": kept.envelope,
        "sha256": kept.sha256,
        "size": kept.size,
        "until": format_time(kept.until),
    }

"""A proof to keep: that an entry stands in the journal, at this place, under a checkpoint that witnesses have seen.

C2SP tlog-proof. It holds hashes and the signed checkpoint, nothing of what the entry says; whoever holds the opening
can show it to anybody, offline and for years.
"""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.auditors import audited
from gateway.broker import Broker
from gateway.callers import Presented, present
from gateway.checkpoints import Archive, ShownCheckpoint, archive
from gateway.polling import admitted
from gateway.problems import ProblemError
from gateway.sequencer.published import tree
from gateway.shards import all_shards, shard_at
from gateway.store.transaction import Transaction
from journal.notes import parse_note
from journal.proofs import PROOF_TYPE, prove
from keys.strictjson import MAX_INTEGER

__all__ = ["journal_proofs_router"]


def journal_proofs_router(broker: Broker) -> APIRouter:
    """`GET /v1/journal/proof/{index}`."""
    router = APIRouter()

    @router.get("/v1/journal/proof/{index}")
    async def proof(request: Request, index: str) -> Response:
        """The proof of an entry that is in clear, that names the caller, or that it may read as an auditor."""
        presented = present(request, broker)
        place = _place(index)
        await broker.store.write(lambda tx: _check(broker, tx, presented, place))
        with broker.store.reading() as tx:
            shards = all_shards(broker.keys, tx)
            shard = shard_at(shards, place)
            shown = _covering(archive(broker, tx, shards, shard), place, broker.clock())
            if shown is None:
                raise ProblemError("entry-unknown")
            checkpoint = parse_note(shown.note).checkpoint
            read = tree(tx, shard.number, checkpoint.size, checkpoint.root)
            made = prove(shard.position(place), shown.note, read)
        return Response(made.encode(), headers={"Cache-Control": "no-store", "Content-Type": PROOF_TYPE})

    return router


def _place(text: str) -> int:
    """An index as it is written in one way only; every other text names no entry."""
    sound = text.isascii() and text.isdigit() and str(int(text[:17])) == text and int(text) <= MAX_INTEGER
    return int(text) if sound else -1


def _check(broker: Broker, tx: Transaction, presented: Presented, index: int) -> None:
    """Return only if the caller may know of the entry; what is not there is refused in the same words."""
    caller = admitted(broker, tx, presented, "journal:read")
    if index < 0 or not tx.openings.may_know(caller.address, audited(tx, caller.address, broker.clock()), index):
        raise ProblemError("entry-unknown")


def _covering(checkpoints: Archive, index: int, at: datetime) -> ShownCheckpoint | None:
    """The newest checkpoint that somebody cosigned, if it covers the entry; else the newest that does."""
    found = checkpoints.confirmed(1, at)
    if found is None or found.size <= index:
        found = checkpoints.newest()
    return found if found is not None and found.size > index else None

"""A witness brings its signature of a checkpoint; or one that this journal never had, which is an alarm.

PROTOCOL §7. Partners sit behind firewalls, so they witness outward: they read the checkpoint, check that it continues
what they saw before, and bring their cosignature. A checkpoint that bears the broker's own signatures and is not in its
archive means that this database was set back or replaced: nothing passes any more until the operator has looked.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from gateway.bodies import json_answer, read_body
from gateway.broker import Broker
from gateway.callers import Presented, present
from gateway.checkpoints import RECENT
from gateway.polling import admitted
from gateway.problems import ProblemError
from gateway.store.contradictions import Contradiction
from gateway.store.cosignatures import Cosignature
from gateway.store.journal import ContradictedError
from gateway.store.tiles import PublishedCheckpoint
from gateway.store.transaction import Transaction
from journal.checkpoints import Checkpoint
from journal.cosignatures import NoteSignature, VerifiedSignature, parse_signature
from journal.notes import MAX_NOTE, Note, open_note, parse_note
from journal.vkeys import MLDSA44, Vkey
from journal.witness import verify_cosignature
from keys.documents import Base64Url, Document, Version, format_time, parse
from keys.errors import ForgedError, MalformedError, UntrustedKeyError
from keys.statements import PublishedKey
from keys.strictjson import MAX_INTEGER

__all__ = ["COSIGNATURE_LIMIT", "CosignatureRequest", "cosignatures_router"]

COSIGNATURE_LIMIT: Final = 2 * MAX_NOTE
"""Bytes of such a request: the largest note as base64url, and one line."""
_MAX_LINE: Final = 4096
"""Characters of a signature line by ML-DSA-44 under the longest name."""
_AHEAD: Final = timedelta(seconds=120)
"""How far a witness's clock may be ahead of ours (PROTOCOL §0)."""
_WITHIN_SECOND: Final = timedelta(milliseconds=999)
"""A cosignature states its moment to the second before."""
_log = structlog.get_logger("gateway")


class CosignatureRequest(Document):
    """A signature line for the checkpoint of this size, and the checkpoint as the witness read it."""

    v: Version
    size: Annotated[int, Field(ge=0, le=MAX_INTEGER)]
    root: Base64Url | None = None
    cosignature: Annotated[str, StringConstraints(min_length=1, max_length=_MAX_LINE)]
    note: Base64Url | None = None


@dataclass(frozen=True, slots=True)
class _Verified:
    """A signature that holds for an archived checkpoint: by which published key, and when it says it was made."""

    key: PublishedKey
    signed: VerifiedSignature
    line: str
    published: PublishedCheckpoint


def cosignatures_router(broker: Broker) -> APIRouter:
    """`POST /v1/journal/cosignatures`."""
    router = APIRouter()

    @router.post("/v1/journal/cosignatures")
    async def cosignature(request: Request) -> Response:
        """Bring a cosignature of an archived checkpoint; 201, or 200 when the caller had brought one of it."""
        presented = present(request, broker)
        wanted = parse(CosignatureRequest, await read_body(request, limit=COSIGNATURE_LIMIT), limit=COSIGNATURE_LIMIT)
        shown = _contradiction(broker, presented, wanted)
        if shown is not None:
            if await broker.store.write(lambda tx: _alarm(broker, tx, presented, shown)):
                _log.error("journal.contradicted", size=wanted.size)
            raise ContradictedError("journal-contradicted")
        verified = _verified(broker, presented, wanted)
        is_new = await broker.store.write(lambda tx: _keep(broker, tx, presented, verified))
        published = verified.published
        body = {"v": 1, "size": published.size, "time": format_time(published.time)}
        return json_answer(body, 201 if is_new else 200)

    return router


def _contradiction(broker: Broker, presented: Presented, wanted: CosignatureRequest) -> Contradiction | None:
    """The evidence, when the note bears both our signatures and the archive does not hold its checkpoint.

    Every checkpoint is archived in the transaction that publishes it, so one that anybody read is there. Raises
    `MalformedError` for a note that is none, or another's.
    """
    if wanted.note is None:
        return None
    try:
        opened = open_note(wanted.note, broker.keys.journal.vkeys)
    except ForgedError:
        raise ProblemError("checkpoint-unknown", pointer="/note") from None
    checkpoint = opened.checkpoint
    if checkpoint.size != wanted.size:
        raise MalformedError("out-of-range", "/size")
    with broker.store.reading() as tx:
        published = tx.tiles.newest_of(checkpoint.size)
    if published is not None and _text_of(published) == checkpoint:
        return None
    # Our own two lines are the evidence; whatever else the note carries is nobody's word, and may be anything.
    ours = {(vkey.name, vkey.key_id) for vkey in broker.keys.journal.vkeys}
    lines = tuple(each for each in parse_note(wanted.note).signatures if (each.name, each.key_id) in ours)
    evidence = Note(checkpoint, lines).encode()
    return Contradiction(checkpoint.size, checkpoint.root, evidence, presented.address, broker.clock())


def _alarm(broker: Broker, tx: Transaction, presented: Presented, shown: Contradiction) -> bool:
    """Keep the evidence and let nothing pass from now on; False for a checkpoint that was shown before."""
    admitted(broker, tx, presented, "journal:read")
    is_new = tx.contradictions.keep(shown)
    if is_new:
        tx.journal.set_contradicted(contradicted=True)
    return is_new


def _verified(broker: Broker, presented: Presented, wanted: CosignatureRequest) -> _Verified:
    """The signature, verified with no lock held by a witness key that the caller has published.

    Raises `ProblemError` (checkpoint-unknown), `MalformedError`, `UntrustedKeyError` (key-unknown), `ForgedError`.
    """
    with broker.store.reading() as tx:
        published = tx.tiles.newest_of(wanted.size)
        chain = tx.keys.chain(presented.address)
    if published is None:
        raise ProblemError("checkpoint-unknown", pointer="/size")
    checkpoint = _text_of(published)
    if wanted.root is not None and not hmac.compare_digest(wanted.root, checkpoint.root):
        raise ProblemError("checkpoint-unknown", pointer="/root")
    signature = _line(wanted.cosignature)
    keys = [each for each in (chain.keys if chain else ()) if each.use == "witness"]
    for key in keys:
        vkey = Vkey(presented.address, MLDSA44, key.raw)
        if (signature.name, signature.key_id) == (vkey.name, vkey.key_id):
            return _Verified(key, _signed(broker, vkey, signature, checkpoint), signature.line(), published)
    raise UntrustedKeyError("key-unknown", "/cosignature")


def _line(text: str) -> NoteSignature:
    try:
        return parse_signature(text)
    except MalformedError as error:
        raise MalformedError(error.code, "/cosignature") from None


def _signed(broker: Broker, vkey: Vkey, signature: NoteSignature, checkpoint: Checkpoint) -> VerifiedSignature:
    try:
        return verify_cosignature(vkey, signature, checkpoint, broker.keys.journal.vkeys)
    except ForgedError as error:
        raise ForgedError(error.code, "/cosignature") from None


def _keep(broker: Broker, tx: Transaction, presented: Presented, verified: _Verified) -> bool:
    """Keep the cosignature unless the caller has one there; its key is judged as it stands under the lock."""
    at = tx.journal.lock(broker.clock())
    admitted(broker, tx, presented, "journal:read")
    key = tx.keys.get(verified.key.kid)
    if key is None:
        raise AssertionError  # published keys are never removed
    published = verified.published
    if published.time < at - RECENT:
        # Whoever reads the archive has read on: old cosignatures would only be a way to fill it.
        raise ProblemError("checkpoint-too-old", pointer="/size")
    _check_time(key, verified.signed.at, at)
    cosignature = Cosignature(presented.address, verified.signed.vkey.key_id.hex(), verified.line)
    return tx.cosignatures.keep(published.size, published.time, cosignature, at)


def _check_time(key: PublishedKey, signed_at: datetime | None, at: datetime) -> None:
    """Return only if the key may be used, now and when it says it signed, and that is not to come."""
    if signed_at is None or signed_at > at + _AHEAD:
        raise MalformedError("bad-time", "/cosignature")
    key.check(at, None)
    key.check(signed_at + _WITHIN_SECOND, None)


def _text_of(published: PublishedCheckpoint) -> Checkpoint:
    return parse_note(published.note).checkpoint

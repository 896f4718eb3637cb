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
from gateway.restores import confirm_if_all_showed, holds, was_lost
from gateway.shards import all_shards
from gateway.store.contradictions import Contradiction
from gateway.store.cosignatures import Cosignature
from gateway.store.heads import ContradictedError
from gateway.store.tiles import PublishedCheckpoint
from gateway.store.transaction import Transaction
from journal.checkpoints import Checkpoint
from journal.cosignatures import NoteSignature, VerifiedSignature, parse_signature
from journal.notes import MAX_NOTE, Note, open_note, parse_note
from journal.shards import Shard
from journal.witness import verify_cosignature
from keys.documents import Base64Url, Document, Version, format_time, parse
from keys.errors import ForgedError, MalformedError, PasserelleError, UntrustedKeyError
from keys.statements import PublishedKey
from keys.strictjson import MAX_INTEGER
from keys.vkeys import MLDSA44, Vkey

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
    """A signature line for the checkpoint of this size of a shard, and the checkpoint as the witness read it."""

    v: Version
    origin: Annotated[str, StringConstraints(min_length=1, max_length=255)]
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
        shard = _shard(broker, wanted)
        shown = _contradiction(broker, presented, shard, wanted)
        if shown is not None:
            is_new, stops = await broker.store.write(lambda tx: _alarm(broker, tx, presented, shown))
            if shown.settled is not None:
                raise ProblemError("checkpoint-too-old", pointer="/note")
            if is_new:
                tell = _log.error if stops else _log.warning
                tell("journal.contradicted" if stops else "journal.copy_signed", size=wanted.size)
            raise ContradictedError("journal-contradicted")
        if wanted.note is not None and await broker.store.write(
            lambda tx: _shown(broker, tx, presented, shard, wanted)
        ):
            return json_answer({"v": 1, "size": wanted.size, "time": format_time(broker.clock())}, 200)
        verified = _verified(broker, presented, shard, wanted)
        is_new = await broker.store.write(lambda tx: _keep(broker, tx, presented, verified))
        body = {"v": 1, "size": wanted.size, "time": format_time(verified.published.time)}
        return json_answer(body, 201 if is_new else 200)

    return router


def _shard(broker: Broker, wanted: CosignatureRequest) -> Shard:
    """The shard that is meant; raises `ProblemError` (checkpoint-unknown).

    One that the keystore has keys for and the database does not know was begun after this database was set back. Where
    it begins nobody can tell; it is counted from the end of what is here.
    """
    with broker.store.reading() as tx:
        shards, end = all_shards(broker.keys, tx), tx.journal.head().size
    if wanted.note is not None:
        later = ((number, each) for number, each in broker.keys.signers.items() if number > shards[-1].number)
        shards += [Shard(number, signer.origin, signer.vkeys, end) for number, signer in later]
    found = [shard for shard in shards if shard.origin == wanted.origin]
    if not found:
        raise ProblemError("checkpoint-unknown", pointer="/origin")
    return found[0]


def _contradiction(
    broker: Broker, presented: Presented, shard: Shard, wanted: CosignatureRequest
) -> Contradiction | None:
    """The evidence, when the note bears both our signatures and the archive does not hold its checkpoint.

    Every checkpoint is archived in the transaction that publishes it, so one that anybody read is there. One of those
    that a restart has said to be lost is settled already. Raises `MalformedError` for a note that is none, and
    `ProblemError` for another's (checkpoint-unknown).
    """
    if wanted.note is None:
        return None
    try:
        opened = open_note(wanted.note, shard.vkeys)
    except ForgedError:
        raise ProblemError("checkpoint-unknown", pointer="/note") from None
    checkpoint = opened.checkpoint
    if checkpoint.size != wanted.size:
        raise MalformedError("out-of-range", "/size")
    with broker.store.reading() as tx:
        published = tx.tiles.newest_of(shard.end(checkpoint))
        if (published is not None and _text_of(published) == checkpoint) or holds(tx, shard, checkpoint):
            return None
        settled = broker.clock() if was_lost(tx, shard, checkpoint) else None
        kept = tx.contradictions.all()
    # Our own two lines are the evidence; whatever else the note carries is nobody's word, and may be anything.
    ours = {(vkey.name, vkey.key_id) for vkey in shard.vkeys}
    lines = tuple(each for each in parse_note(wanted.note).signatures if (each.name, each.key_id) in ours)
    evidence = Note(checkpoint, lines).encode()
    size = next((each.size for each in kept if each.note == evidence), shard.end(checkpoint))
    about = size, checkpoint.root, evidence, presented.address, broker.clock()
    return Contradiction(*about, settled, opened.signed_at)


def _alarm(broker: Broker, tx: Transaction, presented: Presented, shown: Contradiction) -> tuple[bool, bool]:
    """Keep the evidence and let nothing pass from now on; whether it is new, and whether that stops anything.

    What was signed while a copy did, as the operator said, stops nothing, and says nothing of what a restored backup
    lacks.
    """
    admitted(broker, tx, presented, "journal:read", while_stopped=True)
    is_new = tx.contradictions.keep(shown)
    stops = shown.settled is None and not tx.contradictions.is_explained(shown.signed_at)
    if stops and tx.journal.head().restored is not None:
        tx.shown.keep(shown.reported_by, shown.size, shown.at)
    if is_new and stops:
        tx.journal.set_contradicted(contradicted=True)
    return is_new, stops


def _shown(broker: Broker, tx: Transaction, presented: Presented, shard: Shard, wanted: CosignatureRequest) -> bool:
    """While nobody knows whether a restored backup is whole: keep that the caller has seen no more than this.

    What its witness key signs is of no use then: the note tells. False when no backup was restored.
    """
    if tx.journal.head().restored is None:
        return False
    admitted(broker, tx, presented, "journal:read", while_stopped=True)
    at = tx.journal.lock(broker.clock())
    tx.shown.keep(presented.address, shard.index(wanted.size), at)
    confirm_if_all_showed(broker, tx, at)
    return True


def _verified(broker: Broker, presented: Presented, shard: Shard, wanted: CosignatureRequest) -> _Verified:
    """The signature, verified with no lock held by a witness key that the caller has published.

    Raises `ProblemError` (checkpoint-unknown), `MalformedError`, `UntrustedKeyError` (key-unknown), `ForgedError`.
    """
    with broker.store.reading() as tx:
        tx.journal.require_open()
        published = tx.tiles.newest_of(shard.index(wanted.size))
        chain = tx.keys.chain(presented.address)
    checkpoint = None if published is None else _text_of(published)
    if published is None or checkpoint is None or checkpoint.origin != shard.origin:
        raise ProblemError("checkpoint-unknown", pointer="/size")
    if wanted.root is not None and not hmac.compare_digest(wanted.root, checkpoint.root):
        raise ProblemError("checkpoint-unknown", pointer="/root")
    signature = _line(wanted.cosignature)
    keys = [each for each in (chain.keys if chain else ()) if each.use == "witness"]
    vkeys = [(Vkey(presented.address, MLDSA44, key.raw), key) for key in keys]
    named = [pair for pair in vkeys if (signature.name, signature.key_id) == (pair[0].name, pair[0].key_id)]
    return _by_one_of(named, shard, signature, published)


def _line(text: str) -> NoteSignature:
    try:
        return parse_signature(text)
    except MalformedError as error:
        raise MalformedError(error.code, "/cosignature") from None


def _by_one_of(
    named: list[tuple[Vkey, PublishedKey]], shard: Shard, signature: NoteSignature, published: PublishedCheckpoint
) -> _Verified:
    """The line by whichever of these keys made it: four bytes are soon ground, so that several may share an id."""
    refused: PasserelleError = UntrustedKeyError("key-unknown", "/cosignature")
    for vkey, key in named:
        try:
            signed = verify_cosignature(vkey, signature, _text_of(published), shard.vkeys)
        except ForgedError as error:
            refused = ForgedError(error.code, "/cosignature")
        except MalformedError as error:
            refused = MalformedError(error.code, "/cosignature")
        else:
            return _Verified(key, signed, signature.line(), published)
    raise refused


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

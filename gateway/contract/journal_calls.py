"""The calls about the journal: what anybody reads, what partners and auditors read, and what witnesses bring."""

from __future__ import annotations

from typing import Final

from consent.agreement import SIGNATURE_KIND, Agreement, AgreementSignature
from consent.statement import STATEMENT_KIND, ConsentStatement
from gateway.checkpoints import MAX_PAGE, MOST_WITNESSES
from gateway.contract.calls import BINARY, JSON, Answer, Call, Parameter, plain, text
from gateway.contract.exchange_calls import AFTER
from gateway.contract.refusals import DOCUMENT, QUERY, SIGNED_IN, at
from gateway.contract.schemas import BASE64URL, COUNT, TIME, array, closed, encoded, form_of, signed
from gateway.cosignatures import COSIGNATURE_LIMIT, CosignatureRequest
from gateway.journal_openings import MAX_OPENINGS
from journal.shards import MAX_SHARDS
from keys.documents import Sha256
from keys.signing import media_type

__all__ = ["JOURNAL_CALLS"]

_NOTE: Final = "A C2SP signed note: the journal's two signatures, then the cosignatures that are known so far."
_STATEMENT: Final = signed(STATEMENT_KIND, ConsentStatement)
_SIGNED_AGREEMENT: Final = closed(
    {
        "v": {"const": 1},
        "payload": encoded(Agreement),
        "signatures": array(signed(SIGNATURE_KIND, AgreementSignature)),
    }
)
_COSIGNED: Final = closed({"v": {"const": 1}, "size": COUNT, "time": TIME})

_CONFIRMED: Final = Parameter(
    "confirmed",
    "query",
    {"type": "integer", "minimum": 0, "maximum": MOST_WITNESSES, "default": 0},
    "How many witnesses must have cosigned it.",
)
_NUMBER: Final = Parameter(
    "number",
    "path",
    {"type": "integer", "minimum": 2, "maximum": MAX_SHARDS},
    "The shard; the first one has no number in its paths.",
)
_CHECKPOINT: Final = text("The checkpoint.", _NOTE, "text/plain")
_PAGE: Final = text(
    "A page of them; `next` is what to ask for as `after`.",
    closed({"checkpoints": array(closed({"size": COUNT, "time": TIME, "note": BASE64URL}), MAX_PAGE), "next": COUNT}),
)
_PLACE: Final = (
    Parameter("after", "query", {**COUNT, "default": 0}, "The smallest size that is asked for."),
    Parameter("time", "query", TIME, "Of that size, only those that were published after this moment."),
)
_TILE: Final = Answer("The bytes of the tile, which never change.", {BINARY: {}})
_PATH: Final = Parameter(
    "path",
    "path",
    {"type": "string"},
    "Level and place as C2SP tlog-tiles writes them, with slashes: `0/000`, `entries/x001/234.p/56`.",
)
_NO_SHARD: Final = at(404, "not-found")

_SHARD_CALLS: Final = (
    Call(
        "get",
        "/v1/journal/shards/{number}/checkpoint",
        "readCheckpointOfShard",
        "The newest signed checkpoint of a later shard; of one that is closed, its last one for ever.",
        {200: _CHECKPOINT},
        parameters=(_NUMBER, _CONFIRMED),
        problems=QUERY | _NO_SHARD | at(404, "checkpoint-unconfirmed"),
        tag="journal",
    ),
    Call(
        "get",
        "/v1/journal/shards/{number}/checkpoints",
        "listCheckpointsOfShard",
        "The archived checkpoints of a later shard, by size of its own tree and time.",
        {200: _PAGE},
        parameters=(_NUMBER, *_PLACE),
        problems=QUERY | _NO_SHARD | at(422, "bad-time"),
        tag="journal",
    ),
    Call(
        "get",
        "/v1/journal/shards/{number}/tile/{path}",
        "readTileOfShard",
        "A hash tile or an entry bundle of a later shard.",
        {200: _TILE},
        parameters=(_NUMBER, _PATH),
        problems=_NO_SHARD,
        tag="journal",
    ),
)

JOURNAL_CALLS: Final = (
    Call(
        "get",
        "/v1/journal/checkpoint",
        "readCheckpoint",
        "The newest signed checkpoint of the journal, or the newest that so many witnesses cosigned.",
        {200: _CHECKPOINT},
        parameters=(_CONFIRMED,),
        problems=QUERY | at(404, "checkpoint-unconfirmed"),
        tag="journal",
    ),
    Call(
        "get",
        "/v1/journal/checkpoints",
        "listCheckpoints",
        "The archived checkpoints, all that were ever published, by size and time.",
        {200: _PAGE},
        parameters=_PLACE,
        problems=QUERY | at(422, "bad-time"),
        tag="journal",
    ),
    Call(
        "get",
        "/v1/journal/tile/{path}",
        "readTile",
        "A hash tile or an entry bundle, full or of any width that the published tree has.",
        {200: _TILE},
        parameters=(_PATH,),
        problems=at(404, "not-found"),
        tag="journal",
    ),
    *_SHARD_CALLS,
    Call(
        "get",
        "/v1/journal/openings",
        "listOpenings",
        "The entries that name the caller; for an auditor also those of its agreements and of none. With their salts.",
        {
            200: Answer(
                "The openings after the cursor; the end is where `next` is what was asked with.",
                {
                    JSON: closed(
                        {
                            "openings": array(
                                closed({"index": COUNT, "entry": BASE64URL, "salt": BASE64URL}), MAX_OPENINGS
                            ),
                            "next": COUNT,
                        }
                    )
                },
            )
        },
        scope="journal:read",
        parameters=(AFTER,),
        problems=SIGNED_IN | QUERY,
        tag="journal",
    ),
    Call(
        "get",
        "/v1/journal/documents/{sha256}",
        "readDocument",
        "An agreement or a consent statement by its digest, for auditors of the agreement concerned.",
        {
            200: Answer(
                "The agreement with its signatures, or the signed statement.",
                {JSON: _SIGNED_AGREEMENT, media_type(STATEMENT_KIND): _STATEMENT},
            )
        },
        scope="journal:read",
        parameters=(Parameter("sha256", "path", form_of(Sha256), "The digest by which entries name it."),),
        problems=SIGNED_IN | at(404, "document-unknown"),
        tag="journal",
    ),
    Call(
        "get",
        "/v1/journal/proof/{index}",
        "proveEntry",
        "The proof that an entry stands in the journal, under a checkpoint that was cosigned if there is one.",
        {200: text("The proof.", "A C2SP tlog-proof.", "text/plain")},
        scope="journal:read",
        parameters=(Parameter("index", "path", COUNT, "The entry's place in the journal."),),
        problems=SIGNED_IN | at(404, "entry-unknown"),
        tag="journal",
    ),
    Call(
        "post",
        "/v1/journal/cosignatures",
        "cosign",
        "Bring the caller's cosignature, as a witness, of a checkpoint that it has read.",
        {
            200: text("The caller had brought one of this checkpoint.", _COSIGNED),
            201: text("Kept.", _COSIGNED),
        },
        scope="journal:read",
        body=plain(CosignatureRequest, COSIGNATURE_LIMIT),
        problems=SIGNED_IN
        | DOCUMENT
        | at(403, "key-unknown", "key-not-in-period", "key-revoked", "signature-does-not-hold", "cosignature-undated")
        | at(404, "checkpoint-unknown")
        | at(409, "checkpoint-too-old")
        | at(422, "wrong-note", "wrong-name", "wrong-checkpoint", "wrong-hash-size", "no-such-size")
        | at(422, "too-many-signatures", "witness-is-the-journal")
        | at(503, "journal-contradicted"),
        tag="journal",
    ),
)
"""PROTOCOL §7."""

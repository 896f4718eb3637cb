"""The journal as anyone may read it: checkpoints with their cosignatures, tiles and entry bundles.

C2SP tlog-tiles under `/v1/journal/`, and of each later shard under `/v1/journal/shards/<n>/`. No sign-in is asked for:
leaves are commitments, or keys and agreements that everybody must be able to check.
"""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.bodies import json_answer, query_number
from gateway.broker import Broker
from gateway.checkpoints import MAX_PAGE, MOST_WITNESSES, archive
from gateway.problems import ProblemError
from gateway.shards import all_shards, last_size
from gateway.store.transaction import Transaction
from journal.shards import FIRST, MAX_SHARDS, Shard
from journal.tiles import ENTRIES, WIDTH, TilePath, encode_bundle, parse_path
from journal.tree import HASH_SIZE
from keys.documents import b64url, format_time, parse_time
from keys.errors import MalformedError
from keys.strictjson import MAX_INTEGER

__all__ = ["journal_router", "tile_data"]

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_FULL_PAGE = "public, max-age=60"
"""A full page of the archive changes only by cosignatures that still come, most of them within a minute."""
_DIGITS = len(str(MAX_SHARDS))


def journal_router(broker: Broker) -> APIRouter:
    """`GET /v1/journal/checkpoint`, `…/checkpoints` and `…/tile/…`; the same of `/v1/journal/shards/{number}/`."""
    router = APIRouter()

    @router.get("/v1/journal/checkpoint")
    async def checkpoint(request: Request) -> Response:
        """The newest signed checkpoint, a C2SP signed note; or the newest that `confirmed` witnesses cosigned."""
        return _checkpoint(broker, request, FIRST)

    @router.get("/v1/journal/checkpoints")
    async def archived(request: Request) -> Response:
        """The archived checkpoints from the size `after` on, in order, a page at a time."""
        return _checkpoints(broker, request, FIRST)

    @router.get("/v1/journal/tile/{path:path}")
    async def tile(path: str) -> Response:
        """A hash tile or an entry bundle, full or of any width the published tree has."""
        return _tile(broker, path, FIRST)

    @router.get("/v1/journal/shards/{number}/checkpoint")
    async def checkpoint_of_shard(request: Request, number: str) -> Response:
        """The newest signed checkpoint of a later shard; of one that is closed, its last one for ever."""
        return _checkpoint(broker, request, _later(number))

    @router.get("/v1/journal/shards/{number}/checkpoints")
    async def archived_of_shard(request: Request, number: str) -> Response:
        """The archived checkpoints of a later shard; sizes are those of its own tree."""
        return _checkpoints(broker, request, _later(number))

    @router.get("/v1/journal/shards/{number}/tile/{path:path}")
    async def tile_of_shard(number: str, path: str) -> Response:
        """A hash tile or an entry bundle of a later shard."""
        return _tile(broker, path, _later(number))

    return router


def _later(text: str) -> int:
    """A number from 2 on as it is written in one way only; the first shard has its own place, and no second one."""
    sound = text.isascii() and text.isdigit() and len(text) <= _DIGITS and str(int(text)) == text
    if not sound or int(text) <= FIRST:
        raise ProblemError("not-found")
    return int(text)


def _found(broker: Broker, tx: Transaction, number: int) -> tuple[list[Shard], Shard]:
    """Every shard, and the one of this number; raises `ProblemError` (not-found)."""
    shards = all_shards(broker.keys, tx)
    if number > len(shards):
        raise ProblemError("not-found")
    return shards, shards[number - 1]


def _checkpoint(broker: Broker, request: Request, number: int) -> Response:
    witnesses = query_number(request, "confirmed", maximum=MOST_WITNESSES)
    with broker.store.reading() as tx:
        shown = archive(broker, tx, *_found(broker, tx, number))
        found = shown.confirmed(witnesses, broker.clock()) if witnesses else shown.newest()
    if found is None:
        raise ProblemError("checkpoint-unconfirmed" if witnesses else "journal-missing")
    return Response(found.note, headers={"Cache-Control": "no-store"}, media_type=_TEXT)


def _checkpoints(broker: Broker, request: Request, number: int) -> Response:
    after = query_number(request, "after", maximum=MAX_INTEGER)
    moment = _moment(request, "time")
    with broker.store.reading() as tx:
        shards, shard = _found(broker, tx, number)
        shown = archive(broker, tx, shards, shard).page(shard.index(after), moment)
    items = [
        {"size": shard.position(each.size), "time": format_time(each.time), "note": b64url(each.note)} for each in shown
    ]
    answer = json_answer({"checkpoints": items, "next": shard.position(shown[-1].size) + 1 if shown else after})
    if len(shown) == MAX_PAGE:
        answer.headers["Cache-Control"] = _FULL_PAGE
    return answer


def _tile(broker: Broker, path: str, number: int) -> Response:
    try:
        wanted = parse_path(f"tile/{path}")
    except MalformedError:
        raise ProblemError("not-found") from None
    with broker.store.reading() as tx:
        data = tile_data(tx, *_found(broker, tx, number), wanted)
    if data is None:
        raise ProblemError("not-found")
    # A tile never changes: a longer one has another path.
    return Response(data, headers={"Cache-Control": "public, max-age=31536000, immutable"}, media_type=_BYTES)


def tile_data(tx: Transaction, shards: list[Shard], shard: Shard, path: TilePath) -> bytes | None:
    """The bytes of a tile of the published tree of a shard; None for one that it does not have (yet)."""
    if path.level != ENTRIES:
        data = tx.tiles.data(shard.number, path.level, path.index)
        return data[: path.width * HASH_SIZE] if data and len(data) >= path.width * HASH_SIZE else None
    start = shard.index(path.index * WIDTH)
    end = start + path.width
    newest = tx.tiles.newest_within(0, last_size(shards, shard))
    return encode_bundle(tx.journal.leaves(start, end)) if newest is not None and end <= newest.size else None


def _moment(request: Request, name: str) -> datetime | None:
    """A moment in the query, None when absent; raises `MalformedError` (bad-time) at `?name`."""
    values = request.query_params.getlist(name)
    if not values:
        return None
    try:
        [text] = values
        return parse_time(text)
    except ValueError:
        raise MalformedError("bad-time", f"?{name}") from None

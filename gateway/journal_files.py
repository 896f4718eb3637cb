"""The journal as anyone may read it: checkpoints with their cosignatures, tiles and entry bundles.

C2SP tlog-tiles under `/v1/journal/`. No sign-in is asked for: leaves are commitments, or keys and agreements that
everybody must be able to check.
"""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.bodies import json_answer, query_number
from gateway.broker import Broker
from gateway.checkpoints import MAX_PAGE, MOST_WITNESSES, archive
from gateway.problems import ProblemError
from gateway.store.transaction import Transaction
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


def journal_router(broker: Broker) -> APIRouter:
    """`GET /v1/journal/checkpoint`, `…/checkpoints` and `…/tile/…`."""
    router = APIRouter()
    _add_tiles(router, broker)

    @router.get("/v1/journal/checkpoint")
    async def checkpoint(request: Request) -> Response:
        """The newest signed checkpoint, a C2SP signed note; or the newest that `confirmed` witnesses cosigned."""
        witnesses = query_number(request, "confirmed", maximum=MOST_WITNESSES)
        with broker.store.reading() as tx:
            shown = archive(broker, tx)
            found = shown.confirmed(witnesses, broker.clock()) if witnesses else shown.newest()
        if found is None:
            raise ProblemError("checkpoint-unconfirmed" if witnesses else "journal-missing")
        return Response(found.note, headers={"Cache-Control": "no-store"}, media_type=_TEXT)

    @router.get("/v1/journal/checkpoints")
    async def archived(request: Request) -> Response:
        """The archived checkpoints from the size `after` on, in order, a page at a time."""
        after = query_number(request, "after", maximum=MAX_INTEGER)
        moment = _moment(request, "time")
        with broker.store.reading() as tx:
            shown = archive(broker, tx).page(after, moment)
        items = [{"size": each.size, "time": format_time(each.time), "note": b64url(each.note)} for each in shown]
        answer = json_answer({"checkpoints": items, "next": shown[-1].size + 1 if shown else after})
        if len(shown) == MAX_PAGE:
            answer.headers["Cache-Control"] = _FULL_PAGE
        return answer

    return router


def _add_tiles(router: APIRouter, broker: Broker) -> None:
    @router.get("/v1/journal/tile/{path:path}")
    async def tile(path: str) -> Response:
        """A hash tile or an entry bundle, full or of any width the published tree has."""
        try:
            wanted = parse_path(f"tile/{path}")
        except MalformedError:
            raise ProblemError("not-found") from None
        with broker.store.reading() as tx:
            data = tile_data(tx, wanted)
        if data is None:
            raise ProblemError("not-found")
        # A tile never changes: a longer one has another path.
        return Response(data, headers={"Cache-Control": "public, max-age=31536000, immutable"}, media_type=_BYTES)


def tile_data(tx: Transaction, path: TilePath) -> bytes | None:
    """The bytes of a tile of the published tree; None for one that it does not have (yet)."""
    if path.level == ENTRIES:
        start, end = path.index * WIDTH, path.index * WIDTH + path.width
        return encode_bundle(tx.journal.leaves(start, end)) if end <= tx.tiles.newest_size() else None
    data = tx.tiles.data(path.level, path.index)
    return data[: path.width * HASH_SIZE] if data and len(data) >= path.width * HASH_SIZE else None


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

"""The journal as anyone may read it: checkpoint, tiles and entry bundles; and to each party, its own openings.

C2SP tlog-tiles under `/v1/journal/`. No sign-in is asked for tiles: leaves are commitments, or keys and agreements
that everybody must be able to check.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.bodies import json_answer, query_number
from gateway.broker import Broker
from gateway.callers import present
from gateway.polling import admitted
from gateway.problems import ProblemError
from gateway.store.transaction import Transaction
from journal.tiles import ENTRIES, WIDTH, TilePath, encode_bundle, parse_path
from journal.tree import HASH_SIZE
from keys.documents import b64url
from keys.errors import MalformedError
from keys.strictjson import MAX_INTEGER

__all__ = ["journal_router", "tile_data"]

MAX_OPENINGS = 500
_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"


def journal_router(broker: Broker) -> APIRouter:
    """`GET /v1/journal/checkpoint`, `…/tile/…` and `…/openings`."""
    router = APIRouter()

    @router.get("/v1/journal/checkpoint")
    async def checkpoint() -> Response:
        """The newest signed checkpoint, a C2SP signed note."""
        with broker.store.reading() as tx:
            newest = tx.tiles.newest_checkpoint()
        if newest is None:
            raise ProblemError("journal-missing")
        return Response(newest.note, headers={"Cache-Control": "no-store"}, media_type=_TEXT)

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

    @router.get("/v1/journal/openings")
    async def openings(request: Request) -> Response:
        """The entries that name the caller, with their salts, after the cursor `after`."""
        presented = present(request, broker)
        after = query_number(request, "after", maximum=MAX_INTEGER)
        caller = await broker.store.write(lambda tx: admitted(broker, tx, presented, "journal:read"))
        with broker.store.reading() as tx:
            found = tx.journal.openings_of(caller.address, after, MAX_OPENINGS)
        items = [{"index": i, "entry": b64url(each.entry), "salt": b64url(each.salt)} for i, each in found]
        return json_answer({"openings": items, "next": found[-1][0] + 1 if found else after})

    return router


def tile_data(tx: Transaction, path: TilePath) -> bytes | None:
    """The bytes of a tile of the published tree; None for one that it does not have (yet)."""
    newest = tx.tiles.newest_checkpoint()
    published = newest.size if newest else 0
    if path.level == ENTRIES:
        start, end = path.index * WIDTH, path.index * WIDTH + path.width
        return encode_bundle(tx.journal.leaves(start, end)) if end <= published else None
    data = tx.tiles.data(path.level, path.index)
    return data[: path.width * HASH_SIZE] if data and len(data) >= path.width * HASH_SIZE else None

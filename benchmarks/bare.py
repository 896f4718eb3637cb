"""The measure beside the broker: an endpoint that commits what it is sent, in the same groups, and checks nothing."""

from __future__ import annotations

import secrets

from fastapi import FastAPI, Request
from sqlalchemy import insert
from starlette.responses import Response

from gateway.logs import configure_logs
from gateway.serving import listen, serve
from gateway.store.store import Store
from gateway.store.tables import ServiceRow
from gateway.store.transaction import Transaction

__all__ = ["serve_bare"]

_TABLE = ServiceRow.__table__  # type: ignore[attr-defined]  # any table with a key and bytes will do
_KEEP = insert(_TABLE)


def serve_bare(port: int, url: str) -> None:
    """Serve `POST /bare` on a founded broker's database until the process is ended."""
    configure_logs("error")
    store, name = Store(url), secrets.token_hex(8)
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    count = iter(range(10**9))

    @app.post("/bare")
    async def bare(request: Request) -> Response:
        body = await request.body()
        number = next(count)

        def keep(tx: Transaction) -> None:
            tx.connection.execute(_KEEP, {"id": f"{name}-{number}", "document": body, "imported": ""})

        await store.write(keep)
        return Response(b"{}", 201, media_type="application/json")

    serve(app, listen("127.0.0.1", port), stop_seconds=1)

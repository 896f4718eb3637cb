"""The measure beside the broker: an endpoint that commits what it is sent, in the same groups, and checks nothing."""

from __future__ import annotations

import gc
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from sqlalchemy import insert
from starlette.responses import Response

from gateway.store.store import Store
from gateway.store.tables import ServiceRow
from gateway.store.transaction import Transaction

__all__ = ["serve_bare"]

_TABLE = ServiceRow.__table__  # type: ignore[attr-defined]  # any table with a key and bytes will do


def serve_bare(folder: Path, port: int) -> None:
    """Serve `POST /bare` on a database of its own until the process is ended."""
    store = Store(f"sqlite:///{folder / 'bare.sqlite'}")
    ServiceRow.metadata.create_all(store.engine)
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    count = iter(range(10**9))

    @app.post("/bare")
    async def bare(request: Request) -> Response:
        body = await request.body()
        number = next(count)

        def keep(tx: Transaction) -> None:
            tx.connection.execute(insert(_TABLE).values(id=str(number), document=body, imported=""))

        await store.write(keep)
        return Response(b"{}", 201, media_type="application/json")

    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
    gc.freeze()
    uvicorn.Server(config).run()

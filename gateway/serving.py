"""Runs the broker's web application in this process until it is told to stop, and then lets calls end.

One process; PERFORMANCE: what is alive once everything has started lives as long as the process, so the garbage
collector is told not to look at it again. Access is not logged: the journal says what matters.
"""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from keys.errors import PasserelleError

__all__ = ["ListenError", "listen", "serve"]

_BACKLOG = 1024
_log = structlog.get_logger("gateway")


class ListenError(PasserelleError):
    """The address and port cannot be listened on: somebody else does, or this machine does not have them."""


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to `host` and `port` (0: any free one); raises `ListenError` (address-unavailable)."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError:
        raise ListenError("address-unavailable") from None
    # Inherited by every connection. Without it the second half of an answer waits 40 ms for the first to be
    # acknowledged: asyncio sets it by itself only on sockets that name their protocol, and this one does not.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def serve(app: ASGIApp, listening: socket.socket, *, stop_seconds: int) -> None:
    """Serve until SIGTERM or SIGINT; calls that are being answered then have `stop_seconds` to end."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        lifespan="on",
        proxy_headers=False,  # whoever is in between has no say: the public URL is a setting
        server_header=False,
        timeout_graceful_shutdown=stop_seconds,
    )
    _Server(config).run(sockets=[listening])
    _log.info("broker.stopped")


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again at the end, and the database would never be closed.
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        _log.info("broker.started", port=sockets[0].getsockname()[1] if sockets else None)

"""Serves the broker on this machine only, in a thread of this program, for as long as the sandbox is open."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from gateway.serving import listen

__all__ = ["listening_socket", "serving"]

_HOST = "127.0.0.1"
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0


def listening_socket(port: int = 0) -> tuple[socket.socket, str]:
    """A socket that listens on loopback and its URL; the URL is known before the application that needs it."""
    listener = listen(_HOST, port)
    return listener, f"http://{_HOST}:{listener.getsockname()[1]}"


@contextmanager
def serving(app: FastAPI, listener: socket.socket) -> Iterator[None]:
    """Serve `app` until the block ends; raises `TimeoutError` when it does not start."""
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="gateway", daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise TimeoutError
        time.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()

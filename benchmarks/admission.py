"""How many referrals a broker admits each second, beside a bare endpoint that only commits the same bytes.

    python -m benchmarks.admission

Both are served by FastAPI and uvicorn, each in a process of its own, on the same machine, database engine (SQLite,
`synchronous=FULL`) and grouping of commits, and are asked by the same 32 clients over HTTP, a second each in turn.
The bare endpoint checks nothing: no token, no proof, no signature, no consent, no journal. The ratio is the price of
everything that Passerelle promises.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2

from benchmarks.bare import serve_bare
from benchmarks.load import Load, enrolled, found, request, serve_broker
from benchmarks.pairing import paired

CLIENTS = 32
BATCH = 400
"""Requests of one slice; a slice is as long as they take."""


async def _answered(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return head


async def _client(port: int, requests: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while requests:
        writer.write(requests.pop())
        head = await _answered(reader)
        assert b" 201 " in head.split(b"\r\n", 1)[0], head
    writer.close()
    await writer.wait_closed()


async def _slice(port: int, requests: list[bytes]) -> float:
    count, start = len(requests), time.perf_counter()
    await asyncio.gather(*(_client(port, requests) for _ in range(CLIENTS)))
    return count / (time.perf_counter() - start)


def _per_second(port: int, requests: list[bytes]) -> float:
    return asyncio.run(_slice(port, requests))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def _served(target: Callable[[Path, int], None], folder: Path, port: int) -> Iterator[None]:
    server = multiprocessing.get_context("spawn").Process(target=target, args=(folder, port), daemon=True)
    server.start()
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.05)
    try:
        yield
    finally:
        server.terminate()
        server.join()


def main() -> None:
    """Print both figures and their ratio."""
    with tempfile.TemporaryDirectory() as name, httpx2.Client(trust_env=False, timeout=40) as http:
        folder, port, bare_port = Path(name), _free_port(), _free_port()
        found(folder, port)
        with _served(serve_broker, folder, port), _served(serve_bare, folder, bare_port):
            load = Load(enrolled(folder, port, http), http)
            body = load.envelopes(1)[0]
            figure = paired(
                lambda: _per_second(port, load.deposits(BATCH)),
                lambda: _per_second(bare_port, [request("/bare", bare_port, body) for _ in range(BATCH)]),
            )
    print(f"Admitting one referral of five sections, {CLIENTS} clients, SQLite with synchronous=FULL")
    print(figure.lines("full admission", "bare endpoint that commits the same bytes"))


if __name__ == "__main__":
    main()

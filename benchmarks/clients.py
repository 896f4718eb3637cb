"""So many clients at once, each with one connection on which it asks again as soon as it was answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle

__all__ = ["CLIENTS", "Measured", "measure"]

CLIENTS = 32


class Measured:
    """What one slice came to: requests answered, and seconds."""

    def __init__(self, answered: int, seconds: float) -> None:
        """Keep both."""
        self.answered = answered
        self.per_second = answered / seconds


async def _answered(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def _client(port: int, requests: list[bytes], end: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while requests and time.perf_counter() < end:
        writer.write(requests.pop())
        head, body = await _answered(reader)
        assert b" 201 " in head.split(b"\r\n", 1)[0], body
    writer.close()
    await writer.wait_closed()


async def _slice(ports: Sequence[int], requests: list[bytes], seconds: float) -> Measured:
    count, start = len(requests), time.perf_counter()
    places = [port for port, _ in zip(cycle(ports), range(CLIENTS), strict=False)]
    await asyncio.gather(*(_client(port, requests, start + seconds) for port in places))
    return Measured(count - len(requests), time.perf_counter() - start)


def measure(ports: Sequence[int], requests: list[bytes], seconds: float = 1.0) -> Measured:
    """Send requests for so many seconds, the last of the list first; those that are left stay in it.

    The clients are spread over the ports alike. Every answer has to be 201.
    """
    return asyncio.run(_slice(ports, requests, seconds))

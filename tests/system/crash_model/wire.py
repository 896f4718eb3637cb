"""A cable between one partner and the broker that loses, delays and repeats what it is told to, and notes every call.

It reads HTTP, so that each fault hits one call at one known instant, and a seed gives the same faults again.
"""

from __future__ import annotations

import http.client
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal, get_args

from tests.system.crashes.broker_program import HOST

Fault = Literal[
    "none",
    "request-lost",
    "request-late",
    "request-twice",
    "answer-lost",
    "answer-cut",
    "answer-late",
    "broker-killed",
    "caller-killed",
    "database-cut",
]
"""What happens to a call; whoever is killed dies while the call is under way, the caller with the answer on its way."""
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)[1:]
DELAY: Final = 0.15
"""Seconds by which something is late."""
SHORTLY: Final = 0.03
"""Seconds within which somebody dies once a call was passed on."""
STARTING: Final = 2.0
"""Seconds for which a caller waits for a broker that does not listen yet."""
_FROM: Final = "127.0.0.2"
"""Where calls to the broker come from: no port that is taken here is one that the broker will listen on."""
_PIECE: Final = 65536
_FINE: Final = frozenset({200, 201})


@dataclass(frozen=True)
class Call:
    """One call that the broker answered, heard by a partner or not, and when it was passed on and answered."""

    partner: str
    method: str
    path: str
    body: bytes
    status: int
    answer: bytes
    began: float
    ended: float
    proven: bool
    """Whether it came with a proof that serves once."""
    repeats: Call | None
    """The same call, to which the cable brought this one a second time by itself."""

    @property
    def is_fine(self) -> bool:
        """Whether the broker did what was asked."""
        return self.status in _FINE


Strike = Callable[[Fault, int], None]
"""Does what a fault says to whoever it names; the port is that of the broker that was called."""


class Wire:
    """Listens on a port of its own and passes each call to one of the broker's; each call meets the next fault."""

    def __init__(self, partner: str, ports: tuple[int, ...], strike: Strike) -> None:
        """Lead a partner to the broker's ports."""
        self.partner, self._ports, self._strike = partner, ports, strike
        self.faults: deque[Fault] = deque()
        self.calls: list[Call] = []
        self.met = 0
        """How many faults came to pass."""
        self.deposits: list[bytes] = []
        """Every envelope that was passed on to the broker, whether or not it answered."""
        self.broken: list[Exception] = []
        """Mistakes of the cable's own."""
        self._chance = random.Random(partner)  # noqa: S311 - a history is to be repeatable, not secret
        self._listening = socket.create_server((HOST, 0))
        self.port = int(self._listening.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Take no more calls; those that are under way end by themselves once both ends are gone."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(near,), daemon=True))
            self._threads[-1].start()

    def _serve(self, near: socket.socket) -> None:
        """Pass on one call after the other until either end, or a fault, ends the connection."""
        with near, self._noted(), suppress(OSError, http.client.HTTPException):
            while request := _read_request(near):
                fault = self._next()
                answer = self._pass(near, request, fault)
                if answer is None or fault in {"request-lost", "answer-lost", "caller-killed"}:
                    return
                near.sendall(answer[: len(answer) // 2] if fault == "answer-cut" else answer)
                if fault == "answer-cut":
                    return

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.broken.append(error)
            raise

    def _pass(self, near: socket.socket, request: bytes, fault: Fault) -> bytes | None:
        """Bring a request to the broker and its answer back, as far as the fault lets it."""
        if fault == "request-lost":
            return None
        if fault == "request-late":
            near.close()  # the caller hears that it failed, and asks again before this comes to the broker
            time.sleep(DELAY)
        call, answer = self._ask(request, fault)
        if fault == "request-twice":
            self._ask(request, "none", repeats=call)
        if fault == "answer-late":
            time.sleep(DELAY)
        if fault == "caller-killed":
            self._strike(fault, 0)
        return None if fault == "request-late" else answer

    def _ask(self, request: bytes, fault: Fault, *, repeats: Call | None = None) -> tuple[Call, bytes]:
        port = self._chance.choice(self._ports)
        line = request.partition(b"\r\n")[0].decode("ascii").split(" ")
        began = time.monotonic()
        with _connected(port) as far:
            if line[1] == "/v1/envelopes":
                self.deposits.append(_body_of(request))
            far.sendall(request)
            if fault in {"broker-killed", "database-cut"}:
                time.sleep(self._chance.uniform(0, SHORTLY))
                self._strike(fault, port)
            response = http.client.HTTPResponse(far, method=line[0])
            response.begin()
            body = response.read()
        asked = (self.partner, line[0], line[1], _body_of(request))
        proven = b"\r\ndpop:" in request.lower()
        call = Call(*asked, response.status, body, began, time.monotonic(), proven, repeats)
        self.calls.append(call)
        return call, _composed(response, body)

    def _next(self) -> Fault:
        try:
            fault = self.faults.popleft()
        except IndexError:
            return "none"
        self.met += fault != "none"
        return fault


def _connected(port: int) -> socket.socket:
    """A connection to the broker; one that was killed is waited for, as long as it takes to start it again."""
    until = time.monotonic() + STARTING
    while True:
        try:
            return socket.create_connection((HOST, port), source_address=(_FROM, 0))
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(SHORTLY)


def _read_request(near: socket.socket) -> bytes:
    """One whole request; nothing when the caller has no more."""
    request = b""
    while b"\r\n\r\n" not in request:
        piece = near.recv(_PIECE)
        if not piece:
            return b""
        request += piece
    head = request.partition(b"\r\n\r\n")[0].lower()
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(_body_of(request)) < length:
        piece = near.recv(_PIECE)
        if not piece:
            return b""
        request += piece
    return request


def _body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def _composed(response: http.client.HTTPResponse, body: bytes) -> bytes:
    """The answer as it came, whole and of a length that is told."""
    kept = [(name, value) for name, value in response.getheaders() if name.lower() != "transfer-encoding"]
    lines = [f"HTTP/1.1 {response.status} {response.reason}", *(f"{name}: {value}" for name, value in kept)]
    if not any(name.lower() == "content-length" for name, _ in kept):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

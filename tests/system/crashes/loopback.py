"""How a partner's program reaches the broker of its test, and the moments at which it can die."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import httpx2

from adapters.store.store import Store, Transaction
from tests.system.crashes.broker_program import HOST, die

PartnerPoint = Literal["before-sending", "after-sending", "answer-received", "answer-kept"]

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
httpx2.HTTPTransport(verify=_NO_TLS).close()  # what it imports when it is first made is imported before programs start


class Loopback(httpx2.BaseTransport):
    """Leads every request to a port of this machine, whatever the public URL of the broker is."""

    def __init__(self, port: int, point: PartnerPoint | None = None, path: str = "") -> None:
        """Lead to a port; with a point, die there the first time that `path` is called."""
        self._port, self._point, self._path = port, point, path
        self._answered = False
        self._inner = httpx2.HTTPTransport(verify=_NO_TLS)
        self.status = 0
        """Of the last answer."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        named = request.url.path == self._path
        request.url = request.url.copy_with(scheme="http", host=HOST, port=self._port)
        if named and self._point == "before-sending":
            die()
        if named and self._point == "after-sending":
            request.extensions = {**request.extensions, "trace": _die_when_sent}
        response = self._inner.handle_request(request)
        self.status = response.status_code
        self._answered |= named and response.status_code in {200, 201}
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def at(self, point: PartnerPoint) -> None:
        """Die here if this is where, and the call was answered."""
        if self._answered and self._point == point:
            die()


def _die_when_sent(name: str, _info: object) -> None:
    if name == "http11.send_request_body.complete":
        die()


class WatchedStore(Store):
    """A partner's database, whose program may die before it keeps an answer, or once it has."""

    loopback: Loopback

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction, as the store makes it."""
        self.loopback.at("answer-received")
        with super().transaction() as tx:
            before = _changes(tx)
            yield tx
            tx.session.flush()
            kept = _changes(tx) > before
        if kept:
            self.loopback.at("answer-kept")


def _changes(tx: Transaction) -> int:
    return int(tx.session.connection().exec_driver_sql("SELECT total_changes()").scalar_one())

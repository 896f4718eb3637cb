"""Fresh numbers that a partner's machine must sign, so that a proof made in advance or recorded is worth nothing.

A nonce is the time and an HMAC of it (RFC 9449 §8): nothing is stored, and every broker process accepts those of the
others. Each answer of the broker carries a new one, errors included, so that a client rarely has to ask twice.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.broker import Broker
from gateway.oauth.refusals import SignInError
from keys.documents import b64url, from_b64url

__all__ = ["CLOCKS_APART", "NONCE_LIFE", "NonceHeader", "check_nonce", "fresh_nonce"]

NONCE_LIFE = timedelta(seconds=120)
"""How long a nonce may be used."""
CLOCKS_APART = timedelta(seconds=60)
"""How far in the future a nonce may be: two processes of one broker are each near the clock of its database."""
_LABEL = b"passerelle/nonce/1\x00"
_TIME_BYTES = 8
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fresh_nonce(secret: bytes, at: datetime) -> str:
    """A nonce of this moment: base64url of the time in milliseconds (8 bytes) ‖ HMAC-SHA-256 (32 bytes)."""
    time = ((at - _EPOCH) // _MILLISECOND).to_bytes(_TIME_BYTES)
    return b64url(time + _mac(secret, time))


def check_nonce(secret: bytes, nonce: str | None, at: datetime) -> datetime:
    """When this nonce ends; raises `SignInError` (nonce-required) unless it is ours and in its period at `at`."""
    try:
        data = from_b64url(nonce or "")
    except ValueError:
        data = b""
    time, mac = data[:_TIME_BYTES], data[_TIME_BYTES:]
    if not hmac.compare_digest(mac, _mac(secret, time)):
        raise SignInError("nonce-required", "/nonce")
    issued = _EPOCH + int.from_bytes(time) * _MILLISECOND
    # Another process gave it, whose clock is ahead of ours. From further ahead it comes from a clock that was set
    # back: the client takes another one and goes on.
    if not issued - CLOCKS_APART <= at < issued + NONCE_LIFE:
        raise SignInError("nonce-required", "/nonce")
    return issued + NONCE_LIFE


def _mac(secret: bytes, time: bytes) -> bytes:
    return hmac.digest(secret, _LABEL + time, "sha256")


class NonceHeader:
    """ASGI middleware: every answer, whatever its status, carries a fresh `DPoP-Nonce` (RFC 9449 §8.2)."""

    def __init__(self, app: ASGIApp, broker: Broker) -> None:
        """Wrap `app`, with the clock and the nonce secret of `broker`."""
        self._app = app
        self._broker = broker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; only HTTP answers have headers to add to."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_nonce(message: Message) -> None:
            if message["type"] == "http.response.start":
                nonce = fresh_nonce(self._broker.keys.nonce_secret, self._broker.clock())
                MutableHeaders(scope=message)["DPoP-Nonce"] = nonce
            await send(message)

        await self._app(scope, receive, send_with_nonce)

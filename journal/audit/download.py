"""Fetches the files of a journal from its gateway: the only part of this package that uses the network.

The gateway is trusted with neither memory nor patience: an answer is read piece by piece and dropped when it grows past
what the question deserves, redirects are not followed, and plain HTTP is for the same machine only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpx2

from keys.errors import PasserelleError

__all__ = ["Download", "DownloadError", "downloading"]

TRIES: Final = 4
"""How often a file is asked for before giving up."""
PAUSES: Final = (1.0, 4.0, 10.0)
"""Seconds between the tries; a gateway that says how long to wait is believed up to the longest."""
CONNECT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 20.0
WHOLE_SECONDS: Final = 120.0
"""How long one whole answer may take, however steadily it trickles."""
CONNECTIONS: Final = 8
_OK: Final = 200
_NOT_FOUND: Final = 404
_LATER: Final = frozenset({429, 500, 502, 503, 504})
_MAX_URL: Final = 2000


class DownloadError(PasserelleError):
    """A file of the journal that could not be had: no network, no gateway, or an answer that is none."""


@dataclass(frozen=True, slots=True)
class Download:
    """Asks for files beneath `url`; `pause` waits so many seconds, `stopwatch` counts seconds and only goes forward.

    It may be used by several threads at once.
    """

    http: httpx2.Client
    url: str
    pause: Callable[[float], object]
    stopwatch: Callable[[], float]

    def __call__(self, path: str, limit: int) -> bytes | None:
        """The bytes of a file, None when the gateway has none of this name.

        Raises `DownloadError`: journal-unreachable, journal-too-slow, answer-refused, answer-too-large.
        """
        for wait in (*PAUSES, None):
            try:
                return self._once(path, limit)
            except _LaterError as later:
                if wait is None:
                    raise DownloadError(later.code) from None
                self.pause(min(max(wait, later.seconds), PAUSES[-1]))
        raise AssertionError  # the last turn returned or raised

    def _once(self, path: str, limit: int) -> bytes | None:
        deadline = self.stopwatch() + WHOLE_SECONDS
        try:
            with self.http.stream("GET", f"{self.url}/{path}", auth=None, follow_redirects=False) as response:
                if response.status_code == _NOT_FOUND:
                    return None
                if response.status_code in _LATER:
                    raise _LaterError("journal-unreachable", _seconds(response.headers.get("retry-after", "")))
                if response.status_code != _OK or "content-encoding" in response.headers:
                    raise DownloadError("answer-refused")
                return self._read(response, limit, deadline)
        except httpx2.TimeoutException:
            raise _LaterError("journal-too-slow") from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL):
            raise _LaterError("journal-unreachable") from None

    def _read(self, response: httpx2.Response, limit: int, deadline: float) -> bytes:
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > limit:
                raise DownloadError("answer-too-large")
            if self.stopwatch() > deadline:
                raise DownloadError("journal-too-slow")
        return bytes(body)


class _LaterError(Exception):
    """Worth another try, after at least so many seconds."""

    def __init__(self, code: str, seconds: float = 0.0) -> None:
        super().__init__(code)
        self.code = code
        self.seconds = seconds


@contextmanager
def downloading(url: str, pause: Callable[[float], object], stopwatch: Callable[[], float]) -> Iterator[Download]:
    """Downloads from the journal of the gateway at this public URL; raises `DownloadError` (not-a-journal-url)."""
    place = url.rstrip("/")
    if not _sound(place):
        raise DownloadError("not-a-journal-url")
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS, pool=None)
    # Nothing is compressed: a small answer that unfolds into gigabytes would pass every limit on the wire.
    headers = {"Accept-Encoding": "identity"}
    with httpx2.Client(limits=limits, timeout=timeout, headers=headers, trust_env=False) as http:
        yield Download(http, place if place.endswith("/v1/journal") else f"{place}/v1/journal", pause, stopwatch)


def _sound(url: str) -> bool:
    """Whether a gateway may stand there: HTTPS, or HTTP on this very machine, and nothing but host and path."""
    try:
        parts = httpx2.URL(url if len(url) <= _MAX_URL and url.isascii() and url.isprintable() else "")
    except httpx2.InvalidURL:
        return False
    if not parts.host or parts.userinfo or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) <= len("9999") else 0.0

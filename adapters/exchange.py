"""One question to the gateway and its answer, with a limit on everything: size, time, redirects, protocol.

The gateway is not trusted with this program's memory or patience: an answer is read piece by piece and dropped when
it grows past what the question deserves; redirects are never followed, since they would take a signed proof or a
referral elsewhere; plain HTTP is for the same machine only.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx2

from adapters.problems import GatewayProblemError, GatewayUnreachableError
from keys import strictjson
from keys.errors import Fault, MalformedError

__all__ = ["Answer", "Exchange", "Question", "answered_json", "reading_answer", "sound_origin"]

CONNECT_SECONDS: Final = 10.0
"""How long a connection may take to come about, or a free one to be had."""
SILENCE_SECONDS: Final = 15.0
"""How long the gateway may stay silent beyond the wait that was asked for."""
WHOLE_SECONDS: Final = 120.0
"""How long a whole answer may take beyond that wait, however steadily it trickles."""
_JSON: Final = "application/json"
_OWN_JSON: Final = "application/vnd.passerelle."
_REDIRECTS: Final = range(300, 400)
_MAX_URL: Final = 2000
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Question:
    """One request: `limit` is the largest answer in bytes, `wait` the seconds the gateway may hold it back."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    limit: int
    wait: float = 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back: the status, the headers under lowercase names, the bytes. It never prints itself."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """Asks questions through an injected HTTP client; `stopwatch` counts seconds and only ever goes forward."""

    http: httpx2.Client
    stopwatch: Callable[[], float] = time.monotonic

    def ask(self, question: Question) -> Answer:
        """Send one request, once.

        Raises `GatewayUnreachableError` (gateway-unreachable, gateway-too-slow) when no whole answer comes,
        `GatewayProblemError` (gateway-redirects) for any 3xx, `MalformedError` (answer-too-large, answer-compressed).
        """
        deadline = self.stopwatch() + question.wait + WHOLE_SECONDS
        request = self._request(question)
        try:
            # Credentials of the environment (netrc, proxies' logins in the URL) are not for this gateway.
            response = self.http.send(request, stream=True, auth=None, follow_redirects=False)
            try:
                return self._read(response, question.limit, deadline)
            finally:
                response.close()
        except httpx2.TimeoutException:
            raise GatewayUnreachableError("gateway-too-slow") from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL):
            raise GatewayUnreachableError("gateway-unreachable") from None

    def _request(self, question: Question) -> httpx2.Request:
        silence = question.wait + SILENCE_SECONDS
        timeout = httpx2.Timeout(silence, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
        # Nothing is compressed: a small answer that unfolds into gigabytes would pass every limit on the wire.
        headers = {**question.headers, "Accept-Encoding": "identity"}
        return self.http.build_request(
            question.method, question.url, headers=headers, content=question.body, timeout=timeout
        )

    def _read(self, response: httpx2.Response, limit: int, deadline: float) -> Answer:
        if response.status_code in _REDIRECTS:
            raise GatewayProblemError("gateway-redirects", status=response.status_code, transient=True)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise MalformedError("answer-compressed")
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > limit:
                raise MalformedError("answer-too-large")
            if self.stopwatch() > deadline:
                raise GatewayUnreachableError("gateway-too-slow")
        return Answer(response.status_code, dict(response.headers), bytes(body))


def sound_origin(url: str) -> bool:
    """Whether a gateway may stand at this URL: HTTPS, or HTTP on this very machine, and nothing but host and path.

    Without a trailing slash: paths are appended, and the URL is compared letter by letter with the issuer's name.
    """
    if len(url) > _MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        httpx2.URL(url)
    except (ValueError, httpx2.InvalidURL):
        return False
    bare = SplitResult(parts.scheme, parts.netloc, parts.path, "", "").geturl() == url and "@" not in parts.netloc
    if not host or not bare or not _PATH.fullmatch(parts.path):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def answered_json(answer: Answer, *, limit: int) -> object:
    """The JSON value of an answer, read strictly (PROTOCOL §0).

    Raises `GatewayUnreachableError` (answer-not-from-gateway) for another media type, as a maintenance page of a
    proxy has, and `MalformedError` as `strictjson.loads` does.
    """
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _JSON and not (media_type.startswith(_OWN_JSON) and media_type.endswith("+json")):
        raise GatewayUnreachableError("answer-not-from-gateway")
    return strictjson.loads(answer.body, limit=limit)


@contextmanager
def reading_answer() -> Iterator[None]:
    """Say of a malformed document that it is the gateway's answer, not a file of the reader's, keeping each fault."""
    try:
        yield
    except MalformedError as error:
        raise MalformedError("answer-malformed", faults=(Fault("answer-malformed"), *error.faults)) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

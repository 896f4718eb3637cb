"""From a refusal or an error to an HTTP answer that explains itself: the only table of statuses.

RFC 9457 and PROTOCOL §6. The `type` ends in the slug; title and detail are in the reader's language; the place is a
JSON pointer; no value that was sent is ever repeated. What is not in the table is our fault: a bare 500 with a
correlation id, and nothing else.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

import structlog
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from consent.passage import Refused
from consent.remedies import WHO_CAN_FIX
from gateway.store.engines import NOT_LET_IN
from gateway.store.store import StoreUnavailableError
from gateway.words import words
from keys.errors import (
    CannotOpenError,
    ChainConflictError,
    Fault,
    ForgedError,
    MalformedError,
    PasserelleError,
    UntrustedKeyError,
    WeakKeyError,
)
from keys.words import language_of_header

__all__ = ["RETRY_SECONDS", "ProblemError", "install_problems", "problem", "refusal"]

_log = structlog.get_logger("gateway")

STATUS: Mapping[str, int] = {
    "not-json": 400,
    "not-utf8": 400,
    "byte-order-mark": 400,
    "duplicate-key": 400,
    "number-not-allowed": 400,
    "too-deep": 400,
    "lone-surrogate": 400,
    "too-large": 413,
    "content-type-unsupported": 415,
    "token-missing": 401,
    "not-found": 404,
    "method-not-allowed": 405,
    "envelope-unknown": 404,
    "referral-unknown": 404,
    "organisation-unknown": 404,
    "attachment-unknown": 404,
    "emergency-unknown": 404,
    "incident-unknown": 404,
    "checkpoint-too-old": 409,
    "checkpoint-unknown": 404,
    "checkpoint-unconfirmed": 404,
    "document-unknown": 404,
    "entry-unknown": 404,
    "envelope-id-taken": 409,
    "seq-taken": 409,
    "referral-exists": 409,
    "agreement-superseded": 409,
    "consent-superseded": 409,
    "version-chain": 409,
    "ack-differs": 409,
    "not-released": 409,
    "envelope-replaced": 409,
    "consent-still-given": 409,
    "withdrawal-answer-differs": 409,
    "withdrawal-code-taken": 409,
    "withdrawal-code-unknown": 404,
    "attachment-too-late": 409,
    "mismatch-already-reported": 409,
    "review-differs": 409,
    "attachment-quota": 429,
    "rate-limited": 429,
    "internal": 500,
    "storage-busy": 503,
    "storage-full": 503,
    "database-forbidden": 503,
    "clock-differs": 503,
    "journal-missing": 503,
    "journal-contradicted": 503,
    "journal-restored": 503,
    "journal-keys-missing": 503,
    "statement-unconfirmed": 503,
}
"""Statuses by slug; where a slug is not named, the kind of error decides."""
_STATUS_BY_KIND: tuple[tuple[type[PasserelleError], int], ...] = (
    (StoreUnavailableError, 503),
    (ChainConflictError, 409),
    (ForgedError, 403),
    (UntrustedKeyError, 403),
    (CannotOpenError, 422),
    (WeakKeyError, 422),
    (MalformedError, 422),
)
_TOLD_AS = dict.fromkeys(NOT_LET_IN, "storage-busy")
"""What the operator has to mend, and callers only have to wait for."""
REFUSED = 403
RETRY_SECONDS = {429: 5, 503: 2}


class ProblemError(PasserelleError):
    """A refusal that only makes sense over HTTP: sign-in, media types, unknown paths."""

    def __init__(
        self, slug: str, *, pointer: str = "", status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(slug, pointer)
        self.status = status
        self.headers = dict(headers or {})


def problem(request: Request, error: PasserelleError) -> Response:
    """The answer to an error, in the language the request asks for."""
    status = getattr(error, "status", None) or STATUS.get(error.code) or _status_of_kind(error)
    slug = _TOLD_AS.get(error.code, error.code)
    return _answer(request, slug, status, error.faults, getattr(error, "headers", {}))


def refusal(request: Request, refused: Refused, journal_index: int, article: str) -> Response:
    """The answer to a decision that refused; it was journalled, and says where."""
    faults = (Fault(refused.because, refused.pointer),) if refused.pointer else ()
    more: dict[str, object] = {"rule": refused.rule, "journal": journal_index, "article": article}
    return _answer(request, refused.because, STATUS.get(refused.because, REFUSED), faults, {}, more)


def install_problems(app: FastAPI) -> None:
    """Make every error of the application answer as a problem document."""

    @app.exception_handler(PasserelleError)
    async def _known(request: Request, error: PasserelleError) -> Response:
        return problem(request, error)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        slug = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}.get(error.status_code, "not-found")
        return _answer(request, slug, error.status_code, (), error.headers or {})

    @app.exception_handler(Exception)
    async def _unknown(request: Request, error: Exception) -> Response:
        correlation = secrets.token_hex(8)
        # The kind of the error and no more: its text could hold what somebody sent.
        _log.error("request.failed", correlation=correlation, kind=type(error).__name__)
        return _answer(request, "internal", 500, (), {}, {"correlation": correlation})


def _status_of_kind(error: PasserelleError) -> int:
    for kind, status in _STATUS_BY_KIND:
        if isinstance(error, kind):
            return status
    return REFUSED


def _answer(
    request: Request,
    slug: str,
    status: int,
    faults: tuple[Fault, ...],
    headers: Mapping[str, str],
    more: Mapping[str, object] | None = None,
) -> Response:
    language = language_of_header(request.headers.get("accept-language"))
    base = request.app.state.broker.settings.public_url
    body: dict[str, object] = {
        "type": f"{base}/problems/{slug}",
        "title": words(f"error.{slug}.title", language),
        "status": status,
        "detail": words(f"error.{slug}.remedy", language),
        **(more or {}),
    }
    if slug in WHO_CAN_FIX:
        body["who_can_fix"] = WHO_CAN_FIX[slug]
    places = [{"pointer": fault.pointer, "code": fault.code} for fault in faults if fault.pointer]
    if places:
        body["errors"] = places
    extra = {"Content-Language": language, "Vary": "Accept-Language", "Cache-Control": "no-store", **headers}
    if status in RETRY_SECONDS:
        extra.setdefault("Retry-After", str(RETRY_SECONDS[status]))
    content = json.dumps(body, ensure_ascii=False).encode()
    return Response(content, status, extra, media_type="application/problem+json")

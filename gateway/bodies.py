"""Reads what a partner sends, no further than allowed, and writes what it gets back."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from starlette.requests import Request
from starlette.responses import Response

from gateway.problems import ProblemError
from gateway.store.envelopes import Waiting
from keys import strictjson
from keys.errors import MalformedError
from keys.signing import MAX_DOCUMENT, media_type

__all__ = ["delivery_answer", "json_answer", "news_answer", "query_number", "read_body", "read_sealed", "signed_answer"]

_MAX_DIGITS = 16
_SEALED = "application/octet-stream"
_UTF8 = frozenset({"", "charset=utf-8", 'charset="utf-8"'})
"""What may follow a media type: JSON is in UTF-8 (PROTOCOL §0), and whoever says otherwise means other characters."""


async def read_body(request: Request, kinds: Collection[str] = (), *, limit: int = MAX_DOCUMENT) -> bytes:
    """The body of a request, at most `limit` bytes, of type JSON or one of our signed `kinds`.

    Raises `ProblemError` (content-type-unsupported) and `MalformedError` (too-large) without reading further.
    """
    declared, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if declared.strip() not in {"application/json", *(media_type(kind) for kind in kinds)}:
        raise ProblemError("content-type-unsupported")
    if parameters.strip() not in _UTF8:
        raise ProblemError("content-type-unsupported")
    return await _read(request, limit)


async def read_sealed(request: Request, *, limit: int) -> bytes:
    """The body of a request that brings sealed bytes as `application/octet-stream`; raises as `read_body` does."""
    if request.headers.get("content-type", "").lower() != _SEALED:
        raise ProblemError("content-type-unsupported")
    return await _read(request, limit)


async def _read(request: Request, limit: int) -> bytes:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError("content-type-unsupported")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise MalformedError("too-large")
    return bytes(body)


def query_number(request: Request, name: str, *, maximum: int) -> int:
    """A number from 0 to `maximum` in the query, 0 when absent; raises `MalformedError` at `?name`."""
    values = request.query_params.getlist(name)
    if not values:
        return 0
    text = values[0]
    if len(values) > 1 or not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS or int(text) > maximum:
        raise MalformedError("out-of-range", f"?{name}")
    return int(text)


def json_answer(value: object, status: int = 200) -> Response:
    """An answer in JSON that no cache keeps."""
    return Response(strictjson.dumps(value), status, {"Cache-Control": "no-store"}, media_type="application/json")


def signed_answer(document: bytes, kind: str, status: int) -> Response:
    """A signed document as the answer, byte for byte as it is stored."""
    return Response(document, status, {"Cache-Control": "no-store"}, media_type=media_type(kind))


def delivery_answer(leased: Sequence[Waiting]) -> Response:
    """Leased envelopes with their receipts, each exactly as it was received and given."""
    items = b",".join(b'{"envelope":%b,"receipt":%b}' % (each.wire, each.receipt) for each in leased)
    return Response(b"[%b]" % items, headers={"Cache-Control": "no-store"}, media_type="application/json")


def news_answer(told: Sequence[Waiting], after: int) -> Response:
    """Events with their receipts and cursors, and the cursor to ask with next time."""
    items = b",".join(
        # A cursor is one more than the journal index, so that 0 can mean from the beginning.
        b'{"cursor":%d,"envelope":%b,"receipt":%b}' % (each.index + 1, each.wire, each.receipt)
        for each in told
    )
    following = told[-1].index + 1 if told else after
    content = b'{"events":[%b],"next":%d}' % (items, following)
    return Response(content, headers={"Cache-Control": "no-store"}, media_type="application/json")
